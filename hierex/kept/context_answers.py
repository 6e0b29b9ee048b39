"""What models answered about contexts of interests: kept, so that nothing is paid twice.

An answer stays with the words that the model was shown. It is found again for the interests that have these words,
whatever became of the tree; an interest that was put into other words is asked about anew, and so is what was answered
by naming it (`asking.plans.stands`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

import pyarrow as pa

from ..config import AskedAs
from ..errors import EditConflict, HierexError
from ..llm import Answer
from ..llm.answers import LONGEST_KEPT
from ..store import Store, now


@dataclass(frozen=True)
class ContextAnswer:
    """context: digests of the words of its interests; sample: from 0; dollars: None where the price is not known;
    matched: whether it is just what a known interest was called when it was asked for, None where nobody knows."""

    context: tuple[str, ...]
    sample: int
    answer: Answer
    dollars: float | None
    matched: bool | None


@dataclass(frozen=True)
class LeftOut:
    """Answers that were left out together. number: the larger the later; n: how many; latest: when the last came."""

    number: int
    n: int
    latest: datetime


ASKED = "model = ? AND form = ? AND temperature = ? AND prompt = ?"


def save_answers(store: Store, asked: AskedAs, answers: Sequence[ContextAnswer], *, since: datetime) -> None:
    """An answer takes the place of those that came before `since`, when the questions were asked; of several that came
    after, the first stays."""
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
        "matched": pa.array([answer.matched for answer in answers], pa.bool_()),
    }
    with store.transaction() as writer:
        writer.register("came", columns)
        names = ", ".join(columns)
        writer.execute(
            f"INSERT INTO context_answers (model, form, temperature, prompt, {names}, answered_at) "
            f"SELECT ?, ?, ?, ?, {names}, ? FROM (SELECT DISTINCT ON (context, sample) * FROM came) "
            f"ANTI JOIN (SELECT context, sample FROM context_answers WHERE {ASKED} AND answered_at >= ?) "
            "USING (context, sample)",
            [*astuple(asked), now(), *astuple(asked), since],
        )


def read_answers(store: Store, asked: AskedAs) -> pa.Table:
    """context (list of digests), sample, answer, fault, how, matched: the answers that count, as they came."""
    return store.table(
        f"SELECT context, sample, answer, fault, how, matched FROM context_answers WHERE {ASKED} AND left_out = 0 "
        "ORDER BY answer_id",
        astuple(asked),
    )


def leave_out(store: Store, asked: AskedAs) -> int | None:
    """Has none of the answers that count so far count any more; returns their number for `bring_back`, None where there
    were none. Raises HierexError while a batch of them is out."""
    return _swap(store, asked, brought_back=None)


def bring_back(store: Store, asked: AskedAs, number: int) -> None:
    """Has those count again that were left out together under this number, and leaves out those that count now.
    Raises HierexError while a batch is out, and where somebody else brought them back."""
    _swap(store, asked, brought_back=number)


def _swap(store: Store, asked: AskedAs, brought_back: int | None) -> int | None:
    with store.transaction() as writer:
        if writer.execute(f"SELECT 1 FROM answer_batches WHERE {ASKED} AND state <> 'collected'", astuple(asked)):
            raise HierexError("A batch of these questions is under way. Collect or stop it first.")
        last, n_counting, n_back = writer.execute(
            "SELECT coalesce(max(left_out), 0), count(*) FILTER (WHERE left_out = 0), "
            f"count(*) FILTER (WHERE left_out = ?) FROM context_answers WHERE {ASKED}",
            [brought_back, *astuple(asked)],
        )
        if brought_back is not None and not n_back:
            raise EditConflict("These answers are not left out any more: somebody brought them back in the meantime.")
        writer.execute(
            "UPDATE context_answers SET left_out = CASE WHEN left_out = 0 THEN ? ELSE 0 END "
            f"WHERE {ASKED} AND (left_out = 0 OR left_out = ?)",
            [last + 1, *astuple(asked), brought_back],
        )
    return last + 1 if n_counting else None


def read_left_out(store: Store, asked: AskedAs) -> list[LeftOut]:
    """What `bring_back` would have count again, what was left out last first."""
    rows = store.table(
        "SELECT left_out AS number, count(*) AS n, max(answered_at) AS latest FROM context_answers "
        f"WHERE {ASKED} AND left_out > 0 GROUP BY ALL ORDER BY left_out DESC",
        astuple(asked),
    ).to_pylist()
    return [LeftOut(**row) for row in rows]


def read_ways(store: Store, prompt: str) -> list[AskedAs]:
    """The ways in which questions of this form were answered: who answered last comes first, and last those whose
    answers were all left out."""
    rows = store.table(
        "SELECT model, form, temperature, prompt FROM context_answers WHERE prompt = ? GROUP BY ALL "
        "ORDER BY max(answer_id) FILTER (WHERE left_out = 0) DESC NULLS LAST",
        [prompt],
    ).to_pylist()
    return [AskedAs(**row) for row in rows]


def answers_state(store: Store, asked: AskedAs | None) -> str:
    """Changes whenever an answer comes that was asked for in this way, or answers are left out; None: in any way."""
    every = (
        "SELECT concat(max(answer_id), ' without ' || nullif(max(left_out), 0) || ', ' || sum(left_out)) "
        "FROM context_answers"
    )
    return str(store.value(f"{every} WHERE {ASKED}", astuple(asked)) if asked else store.value(every))
