"""Fine-tuning jobs that were ordered: their ids are kept the moment they exist, so that nothing is paid twice."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from ..store import Store, now

if TYPE_CHECKING:
    from ..llm.fine_tuning import TuningJob

ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class KeptTuning:
    """state: uploaded, ordered while nobody heard whether its job began, then queued, running, succeeded, failed or
    cancelled, as it was when it was last looked at.

    place: the endpoint's address; model: what it starts from; job_id: empty before it was started; tuned_model: empty
    until there is one; trained_tokens: None where not known; known: digests of what the interests were called, None
    where that was not kept.
    """

    tuning_id: int
    key: str
    place: str
    model: str
    epochs: int
    n_examples: int
    file_id: str
    job_id: str
    state: str
    tuned_model: str
    trained_tokens: int | None
    reason: str
    events: tuple[str, ...]
    started_at: datetime
    known: tuple[str, ...] | None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


NAMES = ", ".join(field.name for field in fields(KeptTuning))


def note_tuning(store: Store, **known) -> KeptTuning:
    """As soon as its file is there. known: key, place, model, epochs, n_examples, tokens_expected, dollars_expected,
    file_id, known."""
    row = {**known, "job_id": "", "state": "uploaded", "tuned_model": "", "reason": "", "events": []}
    row["started_at"] = row["looked_at"] = now()
    places = ", ".join("?" * len(row))
    with store.transaction() as writer:
        made = writer.execute(
            f"INSERT INTO tunings ({', '.join(row)}) VALUES ({places}) RETURNING tuning_id", list(row.values())
        )
    return read_tuning(store, made[0])


def update_tuning(store: Store, tuning_id: int, job: TuningJob) -> KeptTuning:
    """With what the endpoint says of its job."""
    known = {name: getattr(job, name) for name in ("job_id", "state", "tuned_model", "trained_tokens", "reason")}
    known |= {"events": list(job.events), "looked_at": now()}
    with store.transaction() as writer:
        changes = ", ".join(f"{name} = ?" for name in known)
        writer.execute(f"UPDATE tunings SET {changes} WHERE tuning_id = ?", [*known.values(), tuning_id])
    return read_tuning(store, tuning_id)


def note_order(store: Store, tuning: KeptTuning) -> KeptTuning:
    """That a job is ordered from its file at this moment, perhaps not for the first time."""
    with store.transaction() as writer:
        writer.execute(
            "UPDATE tunings SET state = 'ordered', started_at = ? WHERE tuning_id = ? AND job_id = ''",
            [now(), tuning.tuning_id],
        )
    return read_tuning(store, tuning.tuning_id)


def note_reason(store: Store, tuning: KeptTuning, reason: str, *, state: str) -> KeptTuning:
    """What kept it from going on; all else stays as the endpoint last said it. Nothing changes where the row is no
    longer as `tuning` has it: others may have found its job or seen its end."""
    with store.transaction() as writer:
        writer.execute(
            "UPDATE tunings SET reason = ?, state = ?, looked_at = ? WHERE tuning_id = ? AND state = ? AND job_id = ?",
            [reason, state, now(), tuning.tuning_id, tuning.state, tuning.job_id],
        )
    return read_tuning(store, tuning.tuning_id)


def read_tuning(store: Store, tuning_id: int) -> KeptTuning:
    return _read(store, "tuning_id = ?", [tuning_id])[0]


def latest_tuning(store: Store, key: str) -> KeptTuning | None:
    """The latest job that was ordered for just this."""
    return next(iter(_read(store, "key = ?", [key])), None)


def open_tunings(store: Store, place: str) -> list[KeptTuning]:
    """Those at this endpoint that were not at their end when they were last looked at, oldest first."""
    return [tuning for tuning in _read(store, "place = ?", [place]) if not tuning.ended][::-1]


def read_tunings(store: Store) -> list[KeptTuning]:
    """All of them, latest first."""
    return _read(store, "TRUE", [])


def _read(store: Store, where: str, parameters: list) -> list[KeptTuning]:
    rows = store.table(f"SELECT {NAMES} FROM tunings WHERE {where} ORDER BY tuning_id DESC", parameters).to_pylist()
    return [KeptTuning(**{name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}) for row in rows]
