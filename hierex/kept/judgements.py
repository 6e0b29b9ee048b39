"""Blind comparisons of two builds: which ones there are, and what reviewers said of each person.

Rows are only added or marked as undone. Of one reviewer on one person the latest that was not taken back counts, so
that taking a judgement back brings back what they said before. Results are made of the latest blind one, which stays
once its author has seen them. What the latest of all says of single interests goes along into the feedback that
predictions can be ordered by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..descriptions.words import tidy
from ..errors import HierexError
from ..store import Store, Writer, now
from ..typed import LONGEST_TEXT
from .feedback import Lesson, insert_lessons, set_lessons_in_force
from .reviewers import Subject, reviewer_key, spelled_alike
from .runs import read_runs

FIRST, SECOND, ALIKE, NEITHER = "first", "second", "alike", "neither"
WINNERS = (FIRST, SECOND, ALIKE, NEITHER)
SEEN_BY = "SELECT list(author) FROM reveals WHERE comparison_id = ?"


@dataclass(frozen=True)
class Comparison:
    """first_run, second_run: of each side the first run that made it, so that building it again changes nothing."""

    comparison_id: int
    first_run: int
    second_run: int
    author: str
    made_at: datetime


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

    @property
    def reviewer(self) -> str:
        """Tells reviewers apart, however they write their name."""
        return reviewer_key(self.author)


def save_comparison(store: Store, first_run: int, second_run: int, *, author: str) -> int:
    """Returns its id; that of an earlier one of the same two runs, in the same order, where there is one."""
    runs = [first_run, second_run]
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


def left_is_first(comparison_id: int, subject: Subject, author: str) -> bool:
    """Which side a reviewer sees on the left: as by the toss of a coin, and the same whenever they come back."""
    tossed = f"{comparison_id}\n{len(subject.key)}\n{subject.key}\n{reviewer_key(author)}"
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
    """Takes the place of what this reviewer said of this person before; returns its id. Once they have seen the
    results it is not blind, and what they said blind stays what the results are made of.

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
        _keep_lessons_in_step(writer, judgement_id, author)
    return judgement_id


def set_judgement_undone(store: Store, judgement_id: int, undone: bool) -> None:
    """Takes it back, so that what was said before it counts again, or brings it back.

    Raises HierexError for a blind one whose author has seen the results since.
    """
    with store.transaction() as writer:
        about = "SELECT comparison_id, author, blind FROM judgements WHERE judgement_id = ?"
        comparison_id, author, blind = writer.execute(about, [judgement_id])
        if blind and _has_seen(writer, comparison_id, author):
            raise HierexError("This was said blind, and you have seen the results since, so it stays as it is.")
        writer.execute("UPDATE judgements SET undone = ? WHERE judgement_id = ?", [undone, judgement_id])
        _keep_lessons_in_step(writer, judgement_id, author)


def _keep_lessons_in_step(writer: Writer, judgement_id: int, author: str) -> None:
    """Of all that a reviewer said of a person, the lessons of what they said last are in force, and no others."""
    (every,) = writer.execute(
        "SELECT list({'author': said.author, 'batch': said.feedback_batch, 'undone': said.undone} "
        "ORDER BY said.judgement_id) FROM judgements said JOIN judgements own USING (comparison_id) "
        "WHERE own.judgement_id = ? AND said.user_id IS NOT DISTINCT FROM own.user_id "
        "AND said.example_id IS NOT DISTINCT FROM own.example_id",
        [judgement_id],
    )
    own = [said for said in every if reviewer_key(said["author"]) == reviewer_key(author)]
    last = [said["batch"] for said in own if not said["undone"]][-1:]
    batches, in_force = ([batch for batch in some if batch is not None] for some in ([s["batch"] for s in own], last))
    set_lessons_in_force(writer, batches, in_force)


def read_judgements(store: Store, comparison_id: int) -> list[Judgement]:
    """What was not taken back, in the order in which it was said: of each reviewer on each person the latest blind one,
    and the latest of those after they had seen the results."""
    rows = store.table(
        "SELECT judgement_id, comparison_id, user_id, example_id, author, winner, reason, left_is_first, blind, "
        "given_at FROM judgements WHERE NOT undone AND comparison_id = ? ORDER BY judgement_id",
        [comparison_id],
    ).to_pylist()
    every = [Judgement(subject=Subject(row.pop("user_id"), row.pop("example_id")), **row) for row in rows]
    latest = {(said.subject, said.reviewer, said.blind): said for said in every}
    return sorted(latest.values(), key=lambda said: said.judgement_id)


def reveal(store: Store, comparison_id: int, *, author: str) -> None:
    """Notes that this reviewer sees the results. Raises HierexError for a missing name."""
    if not tidy(author):
        raise HierexError("Say who you are: type your name first.")
    with store.transaction() as writer:
        if not _has_seen(writer, comparison_id, tidy(author)):
            writer.execute("INSERT INTO reveals VALUES (?, ?, ?)", [comparison_id, tidy(author), now()])


def has_seen(store: Store, comparison_id: int, author: str) -> bool:
    """Whether this reviewer has seen which side is which."""
    return bool(spelled_alike(author, store.value(SEEN_BY, [comparison_id]) or []))


def _has_seen(writer: Writer, comparison_id: int, author: str) -> bool:
    (authors,) = writer.execute(SEEN_BY, [comparison_id])
    return bool(spelled_alike(author, authors or []))
