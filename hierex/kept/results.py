"""Which results the workspace has, and for how long it keeps them.

Every result has a key made of all that it depends on (`result_keys.result_key`): same key, same result. Writing one is
part of a transaction, so a result is there whole or not at all. `stage_tables` writes and reads what it is made of.
"""

from __future__ import annotations

from ..store import Store, Writer, now

KEPT = 6
KEPT_RELEASES = 5
"""So many of the latest releases can be gone back to."""
KEPT_COMPARISONS = 3
"""The builds of so many blind comparisons, those at which somebody judged last, stay too."""
KEPT_REPORTS = 1_000
REPORTS = ("evaluation", "experiment")
"""What was measured is small, and stays to be compared."""
RESULT_TABLES = {
    "embeddings": (),
    "behaviour": ("models",),
    "weights": ("evaluation",),
    "interest_tree": ("tree_nodes", "item_order", "kept_trees"),
    "item_map": ("item_map",),
    "descriptions": ("descriptions",),
    "first_visits": ("first_visits",),
    "transitions": ("transitions",),
    "policies": ("models",),
    "transition_table": ("transition_table",),
    "recommenders": ("models",),
    "grounding": ("grounded",),
    "evaluation": ("evaluation",),
    "experiment": ("evaluation",),
}
SHOWN_KEYS = f"""
    SELECT unnest(json_extract_string(keys, '$.*')) FROM runs WHERE run_id IN (
        SELECT run_id FROM releases WHERE run_id IS NOT NULL
        GROUP BY run_id ORDER BY max(release_id) DESC LIMIT {KEPT_RELEASES}
    ) OR run_id IN (
        SELECT unnest([first_run, second_run]) FROM (
            SELECT first_run, second_run FROM comparisons LEFT JOIN judgements USING (comparison_id)
            GROUP BY first_run, second_run ORDER BY max(greatest(made_at, given_at)) DESC LIMIT {KEPT_COMPARISONS}
        )
    )
    UNION ALL
    SELECT unnest(json_extract_string(keys, '$.*')) FROM (
        SELECT keys FROM runs WHERE status = 'done' AND json_extract_string(keys, '$.logs') IN (
            SELECT content_key FROM imports ORDER BY rowid DESC LIMIT 2
        ) QUALIFY row_number() OVER (PARTITION BY json_extract_string(keys, '$.logs') ORDER BY run_id DESC) = 1
    )
"""


def has_result(store: Store, stage: str, key: str) -> bool:
    return bool(store.value("SELECT count(*) FROM results WHERE stage = ? AND key = ?", [stage, key]))


def result_note(store: Store, stage: str, key: str) -> str:
    """What has to be said about how this result came about; empty when there is nothing to say."""
    return store.value("SELECT note FROM results WHERE stage = ? AND key = ?", [stage, key]) or ""


def latest_keys(store: Store, stage: str) -> list[str]:
    """Of all results of a stage that are there, the latest first."""
    return store.frame("SELECT key FROM results WHERE stage = ? ORDER BY made_at DESC", [stage])["key"].to_list()


def touch_result(store: Store, stage: str, key: str) -> None:
    """A result that was used again counts as new, so that it is not the first to be forgotten."""
    with store.transaction() as writer:
        writer.execute("UPDATE results SET made_at = ? WHERE stage = ? AND key = ?", [now(), stage, key])


def record_result(writer: Writer, stage: str, key: str, seconds: float, note: str = "") -> None:
    """Marks a result as complete, and forgets the oldest ones of the stage beyond the `KEPT` latest.

    What the latest finished run of the present or the previous logs is made of stays: the app shows it. So does what
    the latest releases and the latest blind comparisons are made of.
    """
    writer.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?)", [stage, key, now(), seconds, note])
    kept = KEPT_REPORTS if stage in REPORTS else KEPT
    old = f"SELECT key FROM results WHERE stage = ? AND key NOT IN ({SHOWN_KEYS}) ORDER BY made_at DESC OFFSET ?"
    for table in RESULT_TABLES[stage]:
        writer.execute(f"DELETE FROM {table} WHERE key IN ({old})", [stage, kept])
    writer.execute(f"DELETE FROM results WHERE key IN ({old})", [stage, kept])


def stage_seconds(store: Store) -> dict[str, float]:
    """How long each stage took when it last ran in this workspace; of policies, how long learning one took, and not
    laying something over it."""
    frame = store.frame(
        "SELECT stage, arg_max(seconds, made_at) AS seconds FROM results WHERE stage <> 'policies' "
        "OR key IN (SELECT json_extract_string(keys, '$.learned_policy') FROM runs) GROUP BY stage"
    )
    return dict(zip(frame["stage"], frame["seconds"], strict=True))
