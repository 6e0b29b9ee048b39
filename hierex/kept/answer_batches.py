"""Questions about contexts handed over in batches: kept as soon as they are, so that nothing is paid twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime

from ..config import AskedAs
from ..store import Store, now


@dataclass(frozen=True)
class KeptBatch:
    """state: uploaded, then as the endpoint says, unknown where it did not know it, unfetched where its answers were
    not to be had; collected once nothing more will come of it, `reason` says why.

    model, form, temperature, prompt: see `asked`. batch_id: empty before it began. known: digests of what interests
    were called when it was handed over; None for one of an earlier version.
    """

    row_id: int
    model: str
    form: str
    temperature: float
    prompt: str
    n_requests: int
    file_id: str
    batch_id: str
    state: str
    reason: str
    started_at: datetime
    known: Sequence[str] | None

    @property
    def asked(self) -> AskedAs:
        return AskedAs(self.model, self.form, self.temperature, self.prompt)


def note_batch(
    store: Store, asked: AskedAs, place: str, file_id: str, n_requests: int, known: Sequence[str]
) -> KeptBatch:
    """As soon as its file is there. place: the endpoint's address; known: see `KeptBatch`."""
    started = now()
    with store.transaction() as writer:
        row = writer.execute(
            "INSERT INTO answer_batches (place, model, form, temperature, prompt, n_requests, file_id, batch_id, "
            "state, reason, started_at, known) VALUES (?, ?, ?, ?, ?, ?, ?, '', 'uploaded', '', ?, ?) RETURNING row_id",
            [place, *astuple(asked), n_requests, file_id, started, list(known)],
        )
    return KeptBatch(row[0], *astuple(asked), n_requests, file_id, "", "uploaded", "", started, known)


def note_ordered(store: Store, row_id: int) -> None:
    """That the endpoint is asked to begin with it at this moment, perhaps not for the first time."""
    with store.transaction() as writer:
        writer.execute("UPDATE answer_batches SET started_at = ? WHERE row_id = ?", [now(), row_id])


def update_batch(store: Store, row_id: int, *, batch_id: str, state: str, reason: str = "") -> None:
    with store.transaction() as writer:
        writer.execute(
            "UPDATE answer_batches SET batch_id = ?, state = ?, reason = ? WHERE row_id = ?",
            [batch_id, state, reason, row_id],
        )


def open_batches(store: Store, place: str) -> list[KeptBatch]:
    """Those whose answers were not collected yet, however they were asked for, oldest first."""
    return [kept for at, kept in _read_open(store) if at == place]


def batches_elsewhere(store: Store, place: str) -> list[tuple[str, KeptBatch]]:
    """Those at other endpoints that were not collected yet, each with the endpoint's address, oldest first."""
    return [(at, kept) for at, kept in _read_open(store) if at != place]


def _read_open(store: Store) -> list[tuple[str, KeptBatch]]:
    names = ", ".join(field.name for field in fields(KeptBatch))
    rows = store.table(
        f"SELECT place, {names} FROM answer_batches WHERE state <> 'collected' ORDER BY row_id"
    ).to_pylist()
    return [(row.pop("place"), KeptBatch(**row)) for row in rows]
