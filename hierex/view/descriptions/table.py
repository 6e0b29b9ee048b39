"""The table of descriptions: searched, filtered, edited in place, and interests of it selected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from ...descriptions import Description
from ...descriptions.changes import names_twice
from ...kept.description_reviews import APPROVED, NEEDS_WORK, Standing, review_progress, reviewed_names
from ...typed import LONGEST_NAME, LONGEST_TEXT
from ...wording import SOURCE_NAMES, sources_text
from ..author import author_box
from ..interests import SHARE
from ..opened import doing
from .checks import CHECK_COLUMNS, LOOK
from .described import Described, read_described, save_words, show_table_anew

SELECT = "Select"
FILTERS = {
    "All": lambda standing: True,
    "To do": lambda standing: standing.to_do,
    "Needs work": lambda standing: standing.state == NEEDS_WORK,
    "Approved": lambda standing: standing.state == APPROVED,
    "Stale": lambda standing: standing.stale,
}
COLUMNS = {
    SELECT: st.column_config.CheckboxColumn("✓", width=40, help="Select interests to do something with several."),
    "Name": st.column_config.TextColumn(width=160, max_chars=LONGEST_NAME, required=True),
    "Phrases": st.column_config.TextColumn(width=180, required=True),
    "Summary": st.column_config.TextColumn(width=125, max_chars=LONGEST_TEXT),
    "Written": st.column_config.TextColumn(width=132),
    "Review": st.column_config.TextColumn(width=82),
    "Items": st.column_config.NumberColumn(format="localized", width=55),
}
EDITED = (SELECT, "Name", "Phrases", "Summary")


@dataclass(frozen=True)
class Drawn:
    """A table as the browser has it. rows: by interest; seen: by interest, its last edit when it was drawn; handled: by
    place of a row, what was typed into it and kept."""

    rows: pd.DataFrame
    seen: dict[int, int | None]
    handled: dict[int, dict]


KEPT_DRAWN = 3
"""Tables that a late change may still come from, after another search or filter."""


def description_caption(shown: Described) -> None:
    """How many interests there are, who wrote what is said of them, and how far the review is."""
    sources = [shown.descriptions[node].source for node in shown.nodes]
    st.caption(
        f"{sources_text(sources)} "
        "Double-click a name, its phrases (separated by commas) or its summary to change it. "
        "A change is saved at once, and no machine ever writes over it."
    )
    share, settled = review_progress(shown.taxonomy, shown.standings)
    stale = sum(standing.stale for standing in shown.standings.values())
    note = f"; {stale:,} stale" if stale else ""
    text = f"{share:.0%} of traffic approved, {settled:,} of {len(shown.nodes):,} interests{note}"
    st.progress(min(share, 1.0), text=text)


def description_table(shown: Described, checked: pd.DataFrame | None) -> list[int]:
    """Draws the table with its search and filter; returns the ids of its interests, those with most traffic first.

    checked: what was found about the interests that are wanted (`description_checks`), by id.
    """
    every, rows, looked_for = find_rows(shown, checked)
    version = st.session_state.get("editor_version", 0)
    by_model = tuple(d.name for d in shown.descriptions.values() if d.source == "model")
    found = () if checked is None else (tuple(checked.index), tuple(checked[LOOK]))
    table = hash((tuple(shown.nodes), tuple(rows.columns), by_model, found))
    key = f"editor-{shown.work.store.path.stem}-{shown.work.key('interest_tree')}-{table}-{version}-{looked_for}"
    tables = st.session_state.get("drawn_tables", {})
    drawn = tables.get(key) if key in st.session_state else None
    if drawn is None:
        drawn = Drawn(rows, {node: edit.edit_id for node, edit in shown.placed.items()}, {})
        others = [(other, table) for other, table in tables.items() if other != key]
        st.session_state["drawn_tables"] = dict([*others, (key, drawn)][-KEPT_DRAWN:])
    told = [name for name in rows.columns if name not in EDITED]
    drawn.rows.loc[:, told] = every.loc[drawn.rows.index, told]  # who wrote it now, under the same hand
    share = st.column_config.ProgressColumn("Share of traffic", **SHARE, max_value=float(shown.share.max()), width=110)
    st.data_editor(
        drawn.rows,
        key=key,
        on_change=save_changes,
        args=(shown, key, drawn),
        hide_index=True,
        height=460,
        disabled=told,
        column_config={**COLUMNS, "Share": share, **CHECK_COLUMNS},
    )
    return rows.index.tolist()


def find_rows(shown: Described, checked: pd.DataFrame | None) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """All rows by interest id, those with most traffic first; those searched and filtered for; and what for."""
    search_box, name_box = st.columns([3, 1])
    search = search_box.text_input(
        "Search", key="description_search", placeholder="A word in a name, phrase or summary"
    )
    author_box(name_box)
    kept = st.segmented_control(
        "Show", list(FILTERS), default="All", key="review_filter", label_visibility="collapsed", required=True
    )
    selected = selection(shown)
    hidden = shown.taxonomy.hidden
    rows = pd.DataFrame(
        [table_row(shown, node, node in selected, hidden[place]) for place, node in enumerate(shown.nodes)],
        index=shown.nodes,
    )
    rows["Items"], rows["Share"] = shown.taxonomy.hi - shown.taxonomy.lo, shown.share
    if checked is not None:
        rows = rows.join(checked, how="inner")
        first = [SELECT, "Name", *checked.columns]
        rows = rows[[*first, *(name for name in rows.columns if name not in first)]]
    every = rows = rows.sort_values("Share", ascending=False, kind="stable")
    if search:
        texts = rows["Name"] + " " + rows["Phrases"] + " " + rows["Summary"]
        rows = rows[texts.str.contains(search.strip(), case=False, regex=False)]
        if not len(rows):
            st.info("No interest holds these words.")
    rows = rows[[FILTERS[kept](shown.standings[node]) for node in rows.index]] if len(rows) else rows
    if not len(rows) and not search:
        st.info(f"No interest is listed under “{kept}”.")
    return every, rows.copy(), f"{kept}-{search}"


def table_row(shown: Described, node: int, selected: bool, hidden: bool) -> dict:
    d = shown.descriptions[node]
    standing: Standing = shown.standings[node]
    return {
        SELECT: selected,
        "Name": d.name,
        "Phrases": ", ".join(d.phrases),
        "Summary": d.summary,
        "Written": SOURCE_NAMES[d.source],
        "Review": reviewed_names([standing])[0] + ", hidden" * bool(hidden),
    }


def selection(shown: Described) -> set[int]:
    """The selected interests of this tree, to be changed in place."""
    return st.session_state.setdefault(f"selected-{shown.work.store.path.stem}-{shown.work.tree_key}", set())


def select(shown: Described, nodes: list[int]) -> None:
    """For callbacks: selects just these."""
    chosen = selection(shown)
    chosen.clear()
    chosen.update(nodes)
    show_table_anew()


def save_changes(shown: Described, key: str, drawn: Drawn) -> None:
    """Keeps what was typed or ticked, row by row; a row that cannot be kept says why and the rest are kept.

    The next thing that is typed may end this wherever the session's state is read or written. So a row is noted as
    handled right after it was kept, with nothing of that in between, and what was not handled is taken up next time.
    """
    nodes, seen, handled = drawn.rows.index.tolist(), drawn.seen, drawn.handled
    typed, selected = {}, selection(shown)
    for row, changes in st.session_state[key]["edited_rows"].items():
        if SELECT in changes:
            (set.add if changes[SELECT] else set.discard)(selected, nodes[int(row)])
        typed[row] = {name: value for name, value in changes.items() if name != SELECT}
    new = new_changes(typed, handled)
    now = read_described(shown.work) if new else shown  # `shown` may lack what was kept a moment ago
    for row, changes in new.items():
        node = nodes[int(row)]
        at = now if node in now.nodes else shown
        wanted = changed_description(at.descriptions[node], changes)
        if wanted == at.descriptions[node]:
            handled[row] = typed[row]
            continue

        def save(row=row, node=node, wanted=wanted, at=at) -> None:
            seen[node] = save_words(at, [wanted], seen)[0]
            handled[row] = typed[row]

        twice = names_twice({node: at.descriptions[node] for node in at.nodes}, [wanted])
        also = " Another interest has this name, too: a number tells them apart." if twice else ""
        if not doing(save, f"Saved “{wanted.name}”.{also}"):
            show_table_anew()


def new_changes(edited: dict[int, dict], handled: dict[int, dict]) -> dict[int, dict]:
    """The cells of a table, by row and column, that changed since they were `handled`.

    A table remembers every change since it was drawn. Each is to be taken once, so that what somebody took back in the
    meantime does not come again with the next change, not even with one of the same row.
    """
    fresh = {row: dict(changes.items() - handled.get(row, {}).items()) for row, changes in edited.items()}
    return {row: changes for row, changes in fresh.items() if changes}


def changed_description(description: Description, changes: dict) -> Description:
    phrases = changes.get("Phrases")
    return replace(
        description,
        name=changes.get("Name", description.name) or "",
        phrases=tuple((phrases or "").split(",")) if "Phrases" in changes else description.phrases,
        summary=changes.get("Summary", description.summary) or "",
    )
