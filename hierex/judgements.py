"""Blind comparisons of two builds: which ones there are, and what reviewers said of each person.

Rows are only added or marked as undone. Of one reviewer on one person the latest that was not taken back counts, so
that taking a judgement back brings back what they said before. What it says of single interests goes along into the
feedback that predictions can be ordered by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .agreement import WINNERS
from .description_edits import LONGEST_TEXT, tidy
from .errors import HierexError
from .feedback import Lesson, insert_lessons, set_lessons_in_force
from .releases import Candidate, is_kept, what_it_made
from .runs import RunRecord, read_runs
from .store import Store, Writer, now


@dataclass(frozen=True)
class Comparison:
    """first_run, second_run: of each side the first run that made it, so that building it again changes nothing."""

    comparison_id: int
    first_run: int
    second_run: int
    author: str
    made_at: datetime


@dataclass(frozen=True)
class Subject:
    """Whom a judgement is about. user_id: of the log; example_id: of a kept example who is made up. One is None."""

    user_id: str | None
    example_id: int | None

    @property
    def key(self) -> str:
        """Tells all of them apart."""
        return f"example {self.example_id}" if self.user_id is None else f"user {self.user_id}"


@dataclass(frozen=True)
class Judgement:
    """winner: one of `WINNERS`; left_is_first: what the reviewer saw where; blind: they had not seen the results."""

    judgement_id: int
    comparison_id: int
    subject: Subject
    author: str
    winner: str
    reason: str
    left_is_first: bool
    blind: bool
    given_at: datetime


def start_comparison(store: Store, first: Candidate, second: Candidate, *, author: str) -> int:
    """Returns its id; that of an earlier one of the same two builds where there is one.

    Raises HierexError for a missing name, for the same build twice and for one that was forgotten.
    """
    if not tidy(author):
        raise HierexError("Say who compares them: type your name first.")
    runs = sorted([min(first.same), min(second.same)])
    if runs[0] == runs[1]:
        raise HierexError("These two are the same build. Choose another one.")
    if not (first.kept and second.kept):
        raise HierexError("One of them was forgotten to save room. Build it again, then compare.")
    with store.transaction() as writer:
        found = writer.execute("SELECT comparison_id FROM comparisons WHERE first_run = ? AND second_run = ?", runs)
        if found:
            return found[0]
        (comparison_id,) = writer.execute("SELECT nextval('comparison_ids')")
        writer.execute("INSERT INTO comparisons VALUES (?, ?, ?, ?, ?)", [comparison_id, *runs, tidy(author), now()])
    return comparison_id


def read_comparisons(store: Store) -> list[Comparison]:
    """Those of builds of the present logs, latest first."""
    rows = store.table(
        "SELECT comparison_id, first_run, second_run, author, made_at FROM comparisons ORDER BY comparison_id DESC"
    ).to_pylist()
    present = {run.run_id for run in read_runs(store, status="done")}
    every = [Comparison(**row) for row in rows]
    return [comparison for comparison in every if {comparison.first_run, comparison.second_run} <= present]


def find_sides(store: Store, comparison: Comparison) -> tuple[RunRecord | None, RunRecord | None]:
    """Of each side the latest run that made it and is still there; None where all were forgotten."""
    runs = read_runs(store, status="done")
    made = {run.run_id: what_it_made(run) for run in runs}
    first, second = (
        next((run for run in runs if made[run.run_id] == made[side] and is_kept(store, run)), None)
        for side in (comparison.first_run, comparison.second_run)
    )
    return first, second


def left_is_first(comparison_id: int, subject: Subject, author: str) -> bool:
    """Which side a reviewer sees on the left: as by the toss of a coin, and the same whenever they come back."""
    tossed = f"{comparison_id}\n{len(subject.key)}\n{subject.key}\n{tidy(author)}"
    return bool(hashlib.blake2b(tossed.encode(), digest_size=1).digest()[0] & 1)


def save_judgement(
    store: Store,
    comparison_id: int,
    subject: Subject,
    winner: str,
    *,
    author: str,
    reason: str = "",
    tree_key: str = "",
    lessons: Sequence[Lesson] = (),
    name: str = "",
) -> int:
    """Takes the place of what this reviewer said of this person before; returns its id.

    lessons: what it says of single interests, ids in the tree `tree_key`; name: of the person, to go with them.
    Raises HierexError for a missing name and for a reason that is too long.
    """
    author, reason = tidy(author), tidy(reason)
    if not author:
        raise HierexError("Say who judges: type your name first.")
    if len(reason) > LONGEST_TEXT:
        raise HierexError(f"A reason has at most {LONGEST_TEXT:,} characters; this one has {len(reason):,}.")
    if winner not in WINNERS:
        raise HierexError("Say which of the two is better, or that both are alike, or neither any good.")
    with store.transaction() as writer:
        batch = None
        if lessons:
            batch = insert_lessons(writer, tree_key, lessons, author=author, reason=reason, user_id=name)
        (judgement_id,) = writer.execute("SELECT nextval('judgement_ids')")
        blind = not _has_seen(writer, comparison_id, author)
        left = left_is_first(comparison_id, subject, author)
        about = [judgement_id, comparison_id, subject.user_id, subject.example_id, author]
        writer.execute(
            "INSERT INTO judgements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, FALSE)",
            [*about, winner, reason, left, blind, batch, now()],
        )
        _keep_lessons_in_step(writer, judgement_id)
    return judgement_id


def set_judgement_undone(store: Store, judgement_id: int, undone: bool) -> None:
    """Takes it back, so that what was said before it counts again, or brings it back."""
    with store.transaction() as writer:
        writer.execute("UPDATE judgements SET undone = ? WHERE judgement_id = ?", [undone, judgement_id])
        _keep_lessons_in_step(writer, judgement_id)


def _keep_lessons_in_step(writer: Writer, judgement_id: int) -> None:
    """Of all that a reviewer said of a person, the lessons of what counts are in force, and no others."""
    same = (
        "JOIN judgements own USING (comparison_id, author) WHERE own.judgement_id = ? "
        "AND said.user_id IS NOT DISTINCT FROM own.user_id AND said.example_id IS NOT DISTINCT FROM own.example_id "
        "AND said.feedback_batch IS NOT NULL"
    )
    (every,) = writer.execute(f"SELECT list(said.feedback_batch) FROM judgements said {same}", [judgement_id])
    (current,) = writer.execute(f"SELECT list(said.feedback_batch) FROM current_judgements said {same}", [judgement_id])
    if every:
        set_lessons_in_force(writer, every, current or [])


def read_judgements(store: Store, comparison_id: int) -> list[Judgement]:
    """What counts, in the order in which it was said."""
    rows = store.table(
        "SELECT judgement_id, comparison_id, user_id, example_id, author, winner, reason, left_is_first, blind, "
        "given_at FROM current_judgements WHERE comparison_id = ? ORDER BY judgement_id",
        [comparison_id],
    ).to_pylist()
    return [Judgement(subject=Subject(row.pop("user_id"), row.pop("example_id")), **row) for row in rows]


def reveal(store: Store, comparison_id: int, *, author: str) -> None:
    """Notes that this reviewer sees the results. Raises HierexError for a missing name."""
    if not tidy(author):
        raise HierexError("Say who you are: type your name first.")
    with store.transaction() as writer:
        if not _has_seen(writer, comparison_id, tidy(author)):
            writer.execute("INSERT INTO reveals VALUES (?, ?, ?)", [comparison_id, tidy(author), now()])


def has_seen(store: Store, comparison_id: int, author: str) -> bool:
    """Whether this reviewer has seen which side is which."""
    sql = "SELECT 1 FROM reveals WHERE comparison_id = ? AND author = ?"
    return store.value(sql, [comparison_id, tidy(author)]) is not None


def _has_seen(writer: Writer, comparison_id: int, author: str) -> bool:
    found = writer.execute("SELECT 1 FROM reveals WHERE comparison_id = ? AND author = ?", [comparison_id, author])
    return found is not None
