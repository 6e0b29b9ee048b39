"""Undo and redo of what this session did to descriptions, and every edit and review that anybody made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from ...kept.description_edits import Edit
from ...kept.description_reviews import APPROVED, Review
from ...wording import by_whom, plain_markdown, time_text
from ..changes import OWN_HELP, choose_row, own_changes
from .described import Described, bring_back, bring_back_one, take_back, take_back_one


def undo_bar(shown: Described) -> None:
    """Undo and Redo work on this session's steps in this workspace, never on those of other people."""
    mine, taken_back = own_changes("descriptions", shown.work.store)
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, steps, action in (("Undo", mine, take_back), ("Redo", taken_back, bring_back)):
            icon = f":material/{label.lower()}:"
            st.button(
                label, disabled=not steps, on_click=action, args=(shown, *steps[-1:]), icon=icon, help=OWN_HELP[label]
            )
        text = last_change(changes_of(shown))
        if text:
            st.caption(text)


def last_change(changes: Sequence[Edit | Review]) -> str:
    """The latest that stands, in one line; empty where there is none. changes: latest first."""
    standing = [change for change in changes if not change.undone]
    if not standing:
        return ""
    last = standing[0]
    n = sum(change.step == last.step for change in standing)
    what = f"{n:,} interests" if n > 1 else f"“{plain_markdown(last.name)}”"
    did = f", {what_done(last)}" if isinstance(last, Review) else ""
    return f"Last change: {what}{did} {by_whom(last.author)}, {time_text(when_made(last))} UTC"


def changes_of(shown: Described) -> list[Edit | Review]:
    """Edits and reviews, latest first."""
    return sorted([*shown.edits, *shown.reviews], key=when_made, reverse=True)


def when_made(change: Edit | Review) -> datetime:
    return change.edited_at if isinstance(change, Edit) else change.reviewed_at


def what_done(change: Edit | Review) -> str:
    if isinstance(change, Edit):
        return "described"
    return "approved" if change.state == APPROVED else "needs work"


def description_history(shown: Described) -> None:
    """Every change that anybody made, latest first; each can be taken back or brought back, with its whole step."""
    changes = changes_of(shown)
    if not changes:
        return
    n = len(shown.unplaced)
    kept = f"; {n} fit no interest any more and are kept here" if n else ""
    with st.expander(f"All changes ({len(changes)}{kept})"):
        show_changes(shown, changes)


def show_changes(shown: Described, changes: Sequence[Edit | Review]) -> None:
    sizes = Counter(change.step for change in changes)
    current = set(map(id, shown.placed.values()))
    current |= {id(standing.review) for standing in shown.standings.values() if standing.review}
    lost = set(map(id, shown.unplaced))
    table = pd.DataFrame(
        [
            {
                "When": when_made(change),
                "By": change.author or "(no name given)",
                "What": what_done(change) + (f" (one of {sizes[change.step]})" if sizes[change.step] > 1 else ""),
                "Name": change.name,
                "Phrases": ", ".join(change.phrases),
                "Summary": change.summary,
                "Note": getattr(change, "note", ""),
                "Now": state_of(change, current, lost),
            }
            for change in changes
        ]
    )
    chosen = choose_row(table, changes, key=f"history-{shown.work.store.path.stem}-{len(changes)}")
    if chosen is None:
        st.caption("Choose a change to take it back, or to bring it back.")
        return
    n = sizes[chosen.step]
    label, one, all_of_it, icon = ("Take back", take_back_one, take_back, ":material/undo:")
    if chosen.undone:
        label, one, all_of_it, icon = ("Bring back", bring_back_one, bring_back, ":material/redo:")
    with st.container(horizontal=True):
        st.button(f"{label} the chosen change", on_click=one, args=(shown, chosen), icon=icon)
        if n > 1:
            st.button(f"{label} all {n:,} made with it", on_click=all_of_it, args=(shown, chosen.step), icon=icon)


def state_of(change: Edit | Review, current: set[int], lost: set[int]) -> str:
    """current, lost: the identities of those in effect, and of those that fit no interest."""
    if change.undone:
        return "taken back"
    if id(change) in current:
        return "shown"
    return "fits no interest any more" if id(change) in lost else "changed again since"
