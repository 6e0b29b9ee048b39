"""What people would be shown if something were otherwise, beside what they are shown now: in short, and one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from ...preview.what_if import NEW, PART, SAME, WHOLE, Foreseen, compare_foreseen, count_gone, keeps_first
from ...wording import plain_markdown, score_name
from ..interests import PERCENT, RANK
from .blind_results import counted

OPENED = 5
"""People whose tables are open at once, at most."""
TELLING = 0.0005
"""What is likelier by less reads the same."""
LIKELY = ["likely_before", "likely_after"]
TITLES = {
    "rank": "#",
    "before": "As it is",
    "likely_before": "Likely",
    "after": "As it would be",
    "likely_after": "Likely then",
    "change": "Which is",
}
COLUMNS = RANK | dict.fromkeys(("Likely", "Likely then"), st.column_config.NumberColumn(format=PERCENT, width=80))
KINDS = {
    SAME: "would be the same interests as now",
    PART: "would be part of one suggested now",
    WHOLE: "would hold one suggested now",
    NEW: "would be new",
}


@dataclass(frozen=True)
class Answer:
    """For one person. table, n_gone, keeps_first: see `compare_foreseen`, `count_gone`, `keeps_first`; n_items: shown
    then, n_others of them not shown now; first: of each side the first interest with its items, in words."""

    table: pd.DataFrame
    n_gone: int
    keeps_first: bool
    n_items: int
    n_others: int
    first: tuple[str, str]

    @property
    def alike(self) -> bool:
        """The same interests in the same order, with the same items; perhaps likelier or less likely."""
        return self.n_others == 0 and bool((self.table["before"] == self.table["after"]).all())

    @property
    def shift(self) -> float:
        """By how much (0-1) what is suggested at the same place both times is likelier or less likely, at most."""
        if not len(self.table) or LIKELY[0] not in self.table:
            return 0.0
        return float((self.table["likely_after"] - self.table["likely_before"]).abs().max())

    @property
    def nothing_changes(self) -> bool:
        return self.alike and self.shift < TELLING


def answer(before: Foreseen, after: Foreseen, titles: np.ndarray) -> Answer:
    first = in_words(before, titles), in_words(after, titles)
    n_items, n_others = len(after.items), len(after.items - before.items)
    table, n_gone = compare_foreseen(before, after), count_gone(before, after)
    if "Weight" in (score_name(before.policy), score_name(after.policy)):
        table = table.drop(columns=LIKELY)  # weights of two builds say nothing of each other
    return Answer(table, n_gone, keeps_first(before, after), n_items, n_others, first)


def in_words(side: Foreseen, titles: np.ndarray) -> str:
    if not len(side.novel):
        return ""
    best = titles[side.served.grounded.items[0]]
    return f"in “{plain_markdown(side.names[side.novel[0]])}”: {plain_markdown('; '.join(best))}"


def in_short(found: list[Answer]) -> str:
    """Each suggestion then is as one of now, lies in one, holds one, or is new; each of now has one of these or is
    gone."""
    people = counted(len(found), "person", "people")
    if all(one.nothing_changes for one in found):
        return f"Nothing would change for {people}: the same interests in the same order, with the same items."
    if all(one.alike for one in found):
        most = max(one.shift for one in found)
        return (
            f"The same interests would come in the same order, with the same items, for {people}; but how likely they "
            f"are would change, by **{100 * most:.1f} points** at most."
        )
    every = pd.concat([one.table for one in found])
    changes, n_now = every["change"][every["change"] != ""], (every["before"] != "").sum()
    gone, others_first = sum(one.n_gone for one in found), sum(not one.keeps_first for one in found)
    if not len(changes):
        return (
            f"Nothing new could be suggested to any of these people: all **{n_now}** suggestions of now would be gone."
        )
    counts = changes.value_counts()
    kinds = [f"**{counts[kind]}** {words}" for kind, words in KINDS.items() if kind in counts]
    last = kinds.pop()
    listed = f"{', '.join(kinds)} and {last}" if kinds else last
    shown, others = sum(one.n_items for one in found), sum(one.n_others for one in found)
    suggested = counted(len(changes), "suggestion")
    return (
        f"Of {suggested} to {people}, {listed}. Of the {n_now} of now, **{gone}** would be gone. The first suggestion "
        f"would not be that of now for **{others_first}** of them. Of {shown} items in all of these, **{others}** "
        "would be others."
    )


def show_answers(found: dict[str, Answer], done_at: tuple[str, str]) -> None:
    tables = {name: one.table for name, one in found.items()}
    if not any(map(len, tables.values())):
        st.info("Nothing new could be suggested to any of these people.")
        return
    st.markdown(in_short(list(found.values())))
    for name, table in tables.items():
        unchanged = found[name].nothing_changes
        label = f"{plain_markdown(name)}: nothing changes" if unchanged else plain_markdown(name)
        with st.expander(label, expanded=len(tables) <= OPENED and not unchanged):
            shown = table.assign(**{name: 100 * table[name] for name in LIKELY if name in table})
            st.dataframe(shown.rename(columns=TITLES), hide_index=True, column_config=COLUMNS)
            for column, side, best in zip(
                st.columns(2), ("As it is", "As it would be"), found[name].first, strict=True
            ):
                if best:
                    column.caption(f"{side}, {best}")
    page, label = done_at
    st.page_link(f"app_pages/{page}.py", label=f"Do it on the page “{label}”", icon=":material/arrow_forward:")
