"""What people liked of the interests that were shown to them: thumbs and blind comparisons from the Preview page, and
outcomes in files.

Rows are only added or marked as undone. They speak of ids in the tree; at another number of interests a finer one is
counted for the interest that holds it, a coarser one for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from ..descriptions.words import tidy
from ..errors import HierexError
from ..interest_tree import InterestTree
from ..policies.alignment import Outcomes
from ..store import Store, Writer, now
from ..taxonomy import MERGED_FROM, Taxonomy
from ..transitions import repeat_earliest
from ..typed import LONGEST_TEXT
from .reviewers import Thumb, reviewer_key, take_back_thumbs

THUMB, FILE, BLIND = "thumb", "file", "blind"
SAME_OUTCOMES = f"""
    WITH files AS (
        SELECT batch, tree_key, max(given_at) AS given_at, count(*) AS n,
            sum(hash(context, novel_cluster_id, shown, liked)::HUGEINT) AS digest
        FROM feedback WHERE source = '{FILE}' AND NOT undone GROUP BY batch, tree_key
    )
    SELECT other.given_at FROM files JOIN files AS other USING (tree_key, n, digest)
    WHERE files.batch = ? AND other.batch <> files.batch ORDER BY other.given_at DESC LIMIT 1
"""


@dataclass(frozen=True)
class Batch:
    """What was given in one go. n: outcomes in it; liked: the good ones among them."""

    batch: int
    source: str
    author: str
    given_at: datetime
    n: float
    liked: float
    undone: bool


def save_thumb(
    store: Store,
    tree_key: str,
    context: Sequence[int],
    novel: int,
    *,
    liked: bool | None,
    author: str,
    user_id: str,
    reason: str = "",
) -> None:
    """What somebody thinks of a novel interest for a person; takes the place of what they said of it before.

    context, novel: ids of interests. liked: None takes it back.
    """
    if len(reason) > LONGEST_TEXT:
        raise HierexError(f"A reason has at most {LONGEST_TEXT:,} characters; this one has {len(reason):,}.")
    about = [tree_key, list(map(int, context)), int(novel)]
    same = (
        f"source = '{THUMB}' AND tree_key = ? AND context = ? AND novel_cluster_id = ? AND user_id = ? AND NOT undone"
    )
    with store.transaction() as writer:
        take_back_thumbs(writer, "feedback", same, [*about, user_id], author)
        if liked is None:
            return
        writer.execute(
            "INSERT INTO feedback VALUES (nextval('feedback_batches'), ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, FALSE)",
            [*about, float(liked), THUMB, tidy(author), tidy(reason), user_id, now()],
        )


def read_thumbs(store: Store, tree_key: str, context: Sequence[int], author: str, user_id: str) -> dict[int, Thumb]:
    """By id of the novel interest, what this author said of it for this person from this context."""
    rows = store.table(
        f"SELECT novel_cluster_id AS novel, liked, reason, author FROM feedback WHERE source = '{THUMB}' "
        "AND NOT undone AND tree_key = ? AND context = ? AND user_id = ? ORDER BY batch",
        [tree_key, list(map(int, context)), user_id],
    ).to_pylist()
    own = [row for row in rows if reviewer_key(row["author"]) == reviewer_key(author)]
    return {row["novel"]: Thumb(bool(row["liked"]), row["reason"]) for row in own}


def read_all_thumbs(store: Store) -> pd.DataFrame:
    """tree_key, context, novel (ids), liked (bool), author, reason, user_id, given_at: every one not taken back."""
    return store.frame(
        "SELECT tree_key, context, novel_cluster_id AS novel, liked > 0 AS liked, author, reason, user_id, given_at "
        f"FROM feedback WHERE source = '{THUMB}' AND NOT undone ORDER BY batch"
    )


@dataclass(frozen=True)
class Lesson:
    """Of a blind comparison: whether a novel interest was liked that was shown once from this context (ids)."""

    context: tuple[int, ...]
    novel: int
    liked: bool


def insert_lessons(
    writer: Writer, tree_key: str, lessons: Sequence[Lesson], *, author: str, reason: str, user_id: str
) -> int:
    """Within somebody's transaction; returns their batch."""
    (batch,) = writer.execute("SELECT nextval('feedback_batches')")
    for lesson in lessons:
        row = [batch, tree_key, list(map(int, lesson.context)), int(lesson.novel), float(lesson.liked), BLIND]
        writer.execute(
            "INSERT INTO feedback VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, FALSE)",
            [*row, author, reason, user_id, now()],
        )
    return batch


def set_lessons_in_force(writer: Writer, batches: Sequence[int], in_force: Sequence[int]) -> None:
    """Within somebody's transaction: of these batches, only those in force count."""
    writer.execute(
        f"UPDATE feedback SET undone = NOT list_contains(?::INTEGER[], batch) WHERE source = '{BLIND}' "
        "AND list_contains(?::INTEGER[], batch)",
        [list(in_force), list(batches)],
    )


def read_batches(store: Store) -> list[Batch]:
    """Files one by one, latest first; thumbs of one author are one, and so is what their blind comparisons say."""
    rows = store.table(
        f"""
        SELECT max(batch) AS batch, source, author, max(given_at) AS given_at, sum(shown) AS n, sum(liked) AS liked,
            bool_and(undone) AS undone
        FROM feedback WHERE source = '{FILE}' OR NOT undone
        GROUP BY source, author, CASE WHEN source = '{FILE}' THEN batch END ORDER BY batch DESC
        """
    ).to_pylist()
    found: dict[object, Batch] = {}
    for batch in (Batch(**row) for row in rows):
        key = batch.batch if batch.source == FILE else (batch.source, reviewer_key(batch.author))
        latest = found.get(key)
        found[key] = replace(latest, n=latest.n + batch.n, liked=latest.liked + batch.liked) if latest else batch
    return list(found.values())


def set_batch_undone(store: Store, batch: int, undone: bool) -> None:
    """Takes a file back, or brings it back. Raises HierexError where its very outcomes count already."""
    with store.transaction() as writer:
        writer.execute(f"UPDATE feedback SET undone = ? WHERE batch = ? AND source = '{FILE}'", [undone, batch])
        _refuse_twice(writer, batch)


def save_outcomes(store: Store, tree_key: str, outcomes: pd.DataFrame, *, author: str) -> None:
    """outcomes: what `files.outcomes.check_outcomes` returned. One batch.

    Raises HierexError for the very outcomes of another one that counts.
    """
    with store.transaction() as writer:
        n = len(outcomes)
        contexts = outcomes.filter(like="before_").to_numpy(np.int32)
        writer.register(
            "new_feedback",
            {
                "context": pa.FixedSizeListArray.from_arrays(pa.array(contexts.ravel()), contexts.shape[1]),
                "novel": outcomes["new"].to_numpy(np.int32),
                "shown": outcomes["shown"].to_numpy(float),
                "liked": outcomes["liked"].to_numpy(float),
                "place": np.arange(n),
            },
        )
        batch = writer.execute("SELECT nextval('feedback_batches')")[0]
        writer.execute(
            f"INSERT INTO feedback SELECT ?, ?, context::INTEGER[], novel, shown, liked, '{FILE}', ?, '', '', ?, FALSE "
            "FROM new_feedback ORDER BY place",
            [batch, tree_key, tidy(author), now()],
        )
        _refuse_twice(writer, batch)


def _refuse_twice(writer: Writer, batch: int) -> None:
    """Within somebody's transaction. Raises HierexError where another file that counts holds the very same outcomes."""
    if same := writer.execute(SAME_OUTCOMES, [batch]):
        raise HierexError(
            f"Just these outcomes were taken in on {same[0].day} {same[0]:%b %Y, %H:%M} UTC and count already. Where "
            "as many came anew, take those back and take in a file with all of them."
        )


def place_outcomes(
    store: Store, tree_key: str, tree: InterestTree, taxonomy: Taxonomy, *, k: int = 2
) -> tuple[Outcomes, float]:
    """All that was said and not taken back, summed per context of `k` and novel interest; and how many outcomes speak
    of what is not there: other contexts, another tree, interests that are coarser or were taken together.

    What somebody said of an interest and of a part of it counts as two, where both are in one interest here.
    """
    frame = store.frame(
        "SELECT context, novel_cluster_id AS novel, sum(shown) AS n, sum(liked) AS liked FROM feedback "
        "WHERE NOT undone AND tree_key = ? AND len(context) = ? GROUP BY ALL ORDER BY ALL",
        [tree_key, k],
    )
    others = "SELECT sum(shown) FROM feedback WHERE NOT undone AND (tree_key <> ? OR len(context) <> ?)"
    elsewhere = store.value(others, [tree_key, k]) or 0.0
    if not len(frame):
        empty = np.zeros(0)
        return Outcomes(np.zeros((0, k), np.int32), np.zeros(0, np.int32), empty, empty), elsewhere
    ids = np.column_stack([np.stack(frame["context"].to_numpy()), frame["novel"].to_numpy()])
    placed = _clusters_of(ids.ravel(), tree, taxonomy).reshape(ids.shape)
    placed[:, :-1] = repeat_earliest(placed[:, :-1])
    kept = (placed >= 0).all(axis=1) & (placed[:, :-1] != placed[:, -1:]).all(axis=1)
    rows, place = np.unique(placed[kept], axis=0, return_inverse=True)
    n, liked = (np.bincount(place.ravel(), frame[name].to_numpy()[kept], len(rows)) for name in ("n", "liked"))
    outcomes = Outcomes(rows[:, :-1].astype(np.int32), rows[:, -1].astype(np.int32), liked, n)
    return outcomes, elsewhere + float(frame["n"].to_numpy()[~kept].sum())


def _clusters_of(ids: np.ndarray, tree: InterestTree, taxonomy: Taxonomy) -> np.ndarray:
    """The index of the cluster that is, or holds, each id; -1 where none does."""
    known = {int(cluster_id): place for place, cluster_id in enumerate(taxonomy.cluster_ids)}
    different, places = np.unique(ids, return_inverse=True)
    found = np.full(len(different), -1)
    for row, cluster_id in enumerate(different.tolist()):
        if cluster_id in known:
            found[row] = known[cluster_id]
        elif 0 <= cluster_id < min(MERGED_FROM, len(tree.lo)):
            inside = np.unique(taxonomy.cluster_of_item[tree.order[tree.lo[cluster_id] : tree.hi[cluster_id]]])
            found[row] = inside[0] if len(inside) == 1 else -1
    return found[places]
