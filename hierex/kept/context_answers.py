"""What models answered about contexts of interests, and the batches under way: kept, so that nothing is paid twice.

An answer stays with the words that the model was shown. It is found again for the interests that have these words,
whatever became of the tree; an interest that was put into other words is asked about anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import pyarrow as pa

from ..llm import Answer
from ..store import Store, now

LONGEST_KEPT = 20_000
"""Characters of an answer that are kept."""


@dataclass(frozen=True)
class AskedAs:
    """How contexts were asked about. Answers that came in the same way belong together.

    form: text, or schema (a list to choose from); prompt: a digest of the form of the question.
    """

    model: str
    form: str
    temperature: float
    prompt: str

    @property
    def values(self) -> list:
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True)
class ContextAnswer:
    """context: digests of the words of its interests; sample: from 0; dollars: None where the price is not known."""

    context: tuple[str, ...]
    sample: int
    answer: Answer
    dollars: float | None


@dataclass(frozen=True)
class KeptBatch:
    """state: uploaded, then as the endpoint says, unknown where it did not know it; collected once nothing more will
    come of it, `reason` says why.

    batch_id: empty before it began.
    """

    row_id: int
    n_requests: int
    file_id: str
    batch_id: str
    state: str
    reason: str
    started_at: datetime


ASKED = "model = ? AND form = ? AND temperature = ? AND prompt = ?"


def save_answers(store: Store, asked: AskedAs, answers: Sequence[ContextAnswer]) -> None:
    """Of several answers to one question, and of one that has an answer, the first stays."""
    if not answers:
        return
    given = [answer.answer for answer in answers]
    columns = {
        "context": pa.array([list(answer.context) for answer in answers], pa.list_(pa.string())),
        "sample": pa.array([answer.sample for answer in answers], pa.int32()),
        "answer": [answer.text[:LONGEST_KEPT] for answer in given],
        "fault": [answer.fault for answer in given],
        "how": [answer.how for answer in given],
        "tries": [answer.tries for answer in given],
        "tokens_read": [answer.tokens.read for answer in given],
        "tokens_written": [answer.tokens.written for answer in given],
        "tokens_estimated": [answer.tokens.estimated for answer in given],
        "dollars": pa.array([answer.dollars for answer in answers], pa.float64()),
        "seconds": [answer.seconds for answer in given],
    }
    with store.transaction() as writer:
        writer.register("came", columns)
        names = ", ".join(columns)
        writer.execute(
            f"INSERT INTO context_answers (model, form, temperature, prompt, {names}, answered_at) "
            f"SELECT ?, ?, ?, ?, {names}, ? FROM (SELECT DISTINCT ON (context, sample) * FROM came) "
            f"ANTI JOIN (SELECT context, sample FROM context_answers WHERE {ASKED}) USING (context, sample)",
            [*asked.values, now(), *asked.values],
        )


def read_answers(store: Store, asked: AskedAs) -> pa.Table:
    """context (list of digests), sample, answer, how."""
    return store.table(
        f"SELECT context, sample, answer, how FROM context_answers WHERE {ASKED} ORDER BY answer_id", asked.values
    )


def read_asked(store: Store, asked: AskedAs) -> set[tuple[tuple[str, ...], int]]:
    """Which questions have an answer: (context, sample)."""
    found = store.table(f"SELECT context, sample FROM context_answers WHERE {ASKED}", asked.values)
    pairs = zip(found["context"].to_pylist(), found["sample"].to_pylist(), strict=True)
    return {(tuple(context), sample) for context, sample in pairs}


def latest_asked(store: Store, prompt: str) -> AskedAs | None:
    """How the latest answer to a question of this form came; None where there is none."""
    rows = store.table(
        "SELECT model, form, temperature, prompt FROM context_answers WHERE prompt = ? ORDER BY answer_id DESC LIMIT 1",
        [prompt],
    ).to_pylist()
    return AskedAs(**rows[0]) if rows else None


def answers_state(store: Store) -> str:
    """Changes whenever an answer comes."""
    return str(store.value("SELECT max(answer_id) FROM context_answers"))


# -- batches -----------------------------------------------------------------------------------------------------------


def note_batch(store: Store, asked: AskedAs, place: str, file_id: str, n_requests: int) -> KeptBatch:
    """As soon as its file is there. place: the endpoint's address."""
    started = now()
    with store.transaction() as writer:
        row = writer.execute(
            "INSERT INTO answer_batches (place, model, form, temperature, prompt, n_requests, file_id, batch_id, "
            "state, reason, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, '', 'uploaded', '', ?) RETURNING row_id",
            [place, *asked.values, n_requests, file_id, started],
        )
    return KeptBatch(row[0], n_requests, file_id, "", "uploaded", "", started)


def update_batch(store: Store, row_id: int, *, batch_id: str, state: str, reason: str = "") -> None:
    with store.transaction() as writer:
        writer.execute(
            "UPDATE answer_batches SET batch_id = ?, state = ?, reason = ? WHERE row_id = ?",
            [batch_id, state, reason, row_id],
        )


def open_batches(store: Store, asked: AskedAs, place: str) -> list[KeptBatch]:
    """Those whose answers were not collected yet, oldest first."""
    names = ", ".join(field.name for field in fields(KeptBatch))
    rows = store.table(
        f"SELECT {names} FROM answer_batches WHERE place = ? AND {ASKED} AND state <> 'collected' ORDER BY row_id",
        [place, *asked.values],
    ).to_pylist()
    return [KeptBatch(**row) for row in rows]
