"""The two builds of a blind comparison: with which it is started, and where they are found again."""

from __future__ import annotations

from ..descriptions.words import tidy
from ..errors import HierexError
from ..kept.judgements import Comparison, save_comparison
from ..kept.runs import RunRecord, read_runs
from ..releases import Candidate, what_it_made
from ..releases.released_work import is_kept
from ..store import Store


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
    return save_comparison(store, *runs, author=author)


def find_sides(store: Store, comparison: Comparison) -> tuple[RunRecord | None, RunRecord | None]:
    """Of each side the latest run that made it and is still there; None where all were forgotten."""
    runs = read_runs(store, status="done")
    made = {run.run_id: what_it_made(run) for run in runs}
    first, second = (
        next((run for run in runs if made[run.run_id] == made[side] and is_kept(store, run)), None)
        for side in (comparison.first_run, comparison.second_run)
    )
    return first, second
