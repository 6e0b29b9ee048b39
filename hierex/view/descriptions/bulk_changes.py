"""What is done to many descriptions at once: approve, find and replace, and a file to change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from ...descriptions import Description
from ...descriptions.changes import FIELDS, Plan, change_table, names_twice, plan_replacement
from ...errors import HierexError
from ...files.descriptions import MOST_BYTES, plan_import, write_descriptions_file
from ...kept.description_reviews import APPROVED, NEEDS_WORK, reviewed_names
from ...wording import SOURCE_NAMES, plain_markdown
from ..opened import doing, plain_errors
from .described import Described, save_verdict, save_words, show_table_anew
from .table import select, selection

FIELD_NAMES = {"name": "Names", "phrases": "Phrases", "summary": "Summaries"}


def bulk_bar(shown: Described, rows: Sequence[int]) -> list[int]:
    """Buttons for the selected of these interests; returns the ids of the selected, in the order of the rows."""
    chosen = [node for node in rows if node in selection(shown)]
    approvable = [node for node in chosen if shown.standings[node].state != NEEDS_WORK]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(f"Select all {len(rows):,} shown", on_click=select, args=(shown, rows), disabled=not rows)
        st.button("Select none", on_click=select, args=(shown, []), disabled=not selection(shown))
        st.button(
            f"Approve the selected ({len(approvable):,})",
            key="approve-selected",
            icon=":material/check:",
            disabled=not approvable,
            on_click=approve,
            args=(shown, approvable),
        )
        st.download_button(
            "Download (CSV)",
            lambda: write_file(shown, rows),
            "interests.csv",
            "text/csv",
            icon=":material/download:",
            help="The interests that are shown. Change it in a spreadsheet and bring it back below.",
            on_click="ignore",
        )
    left = len(chosen) - len(approvable)
    if left:
        st.caption(
            f"{left:,} of the selected {'needs' if left == 1 else 'need'} work, as somebody said, and would stay so: "
            "approve such a one by itself, below."
        )
    return chosen


def approve(shown: Described, nodes: Sequence[int]) -> None:
    """For callbacks: one step for all."""
    if doing(lambda: save_verdict(shown, nodes, APPROVED), f"{len(nodes):,} approved."):
        selection(shown).difference_update(nodes)
    show_table_anew()


def write_file(shown: Described, rows: Sequence[int]) -> bytes:
    """All phrases, and what is needed to bring the file back; beside it what is known of each interest."""
    places = [shown.taxonomy.index_of(node) for node in rows]
    standings = [shown.standings[node] for node in rows]
    more = pd.DataFrame(
        {
            "Written": [SOURCE_NAMES[shown.descriptions[node].source] for node in rows],
            "Review": reviewed_names(standings),
            "Reviewer": [standing.review.author if standing.review else "" for standing in standings],
            "Note": [standing.review.note if standing.review else "" for standing in standings],
            "Items": (shown.taxonomy.hi - shown.taxonomy.lo)[places],
            "Share": shown.share[places],
        }
    )
    return write_descriptions_file(shown.work.tree_key, [shown.descriptions[node] for node in rows], more)


def bulk_changes(shown: Described, rows: Sequence[int], chosen: Sequence[int]) -> None:
    """Find and replace in the chosen interests, or in all of the rows, and bringing a file back."""
    with st.expander("Find and replace", icon=":material/find_replace:"):
        find_and_replace(shown, chosen or rows, "selected" if chosen else "shown")
    with st.expander("Bring in a changed file (CSV)", icon=":material/upload:"):
        bring_in(shown)


def find_and_replace(shown: Described, nodes: Sequence[int], which: str) -> None:
    find_box, replace_box = st.columns(2)
    find = find_box.text_input("Find", key="replace_find")
    replacement = replace_box.text_input("Replace with", key="replace_with")
    fields = st.segmented_control(
        "In", FIELDS, format_func=FIELD_NAMES.get, selection_mode="multi", default=FIELDS, key="replace_in"
    )
    with st.container(horizontal=True):
        match_case = st.checkbox("Same capitals", key="replace_case")
        whole_words = st.checkbox("Whole words only", key="replace_words")
    if not find.strip():
        these = f"{len(nodes):,} interests that are" if len(nodes) > 1 else "one interest that is"
        st.caption(f"Looks in the {these} {which}. What would change is shown first.")
        return
    if not fields:
        st.info("Choose above in which of these to look.")
        return
    described = [shown.descriptions[node] for node in nodes]
    plan = plan_replacement(described, find, replacement, fields=fields, match_case=match_case, whole_words=whole_words)
    if not plan.wanted and not plan.refusals:
        none = f"None of the {len(nodes):,} interests that are {which} holds"
        only = f"The one interest that is {which} does not hold"
        st.info(f"{none if len(nodes) > 1 else only} “{plain_markdown(find.strip())}”.")
        return
    show_plan(shown, plan)
    apply_button(shown, plan.wanted, "Replace in", forget_search)


def forget_search() -> None:
    st.session_state["replace_find"] = st.session_state["replace_with"] = ""


def bring_in(shown: Described) -> None:
    version = st.session_state.get("import_version", 0)
    file = st.file_uploader(
        "The file that you downloaded here and changed",
        type=["csv", "txt", "tsv"],
        key=f"import-{shown.work.store.path.stem}-{version}",
        max_upload_size=MOST_BYTES // 1_000_000,
    )
    if file is None:
        st.caption(
            "Keep the columns “Key” and “Started from”. Names, phrases and summaries are read, other columns not. What "
            "would change is shown first."
        )
        return
    with plain_errors():
        plan = plan_import(file.getvalue(), shown.work.tree_key, {n: shown.descriptions[n] for n in shown.nodes})
        show_plan(shown, plan)
        wanted = plan.wanted
        if plan.conflicts:
            n = len(plan.conflicts)
            st.warning(f"{n:,} of the changed rows were changed here as well since the file was made.")
            st.dataframe(change_table(shown.descriptions, plan.conflicts), hide_index=True)
            if st.checkbox(f"Take the file's words for {'these' if n > 1 else 'it'} too", key=f"conflicts-{version}"):
                wanted += plan.conflicts
        apply_button(shown, wanted, "Change", forget_file)


def forget_file() -> None:
    st.session_state["import_version"] = st.session_state.get("import_version", 0) + 1


def show_plan(shown: Described, plan: Plan) -> None:
    """Before and after of what would change, and what cannot be."""
    table = change_table(shown.descriptions, plan.wanted)
    many = "1 interest" if len(plan.wanted) == 1 else f"{len(plan.wanted):,} interests"
    others = "1 stays as it is" if plan.unchanged == 1 else f"{plan.unchanged:,} stay as they are"
    st.markdown(f"**{many} would change, {others}.**")
    if len(table):
        st.dataframe(table, hide_index=True)
    twice = names_twice({node: shown.descriptions[node] for node in shown.nodes}, plan.wanted)
    if twice:
        named = ", ".join(f"“{plain_markdown(name)}”" for name in twice[:5]) + (" …" if len(twice) > 5 else "")
        st.info(f"Several interests would be named {named}. A number is added to tell them apart.")
    if plan.refusals:
        st.warning(f"{len(plan.refusals):,} cannot be used:")
        refused = [(refusal.where, refusal.reason) for refusal in plan.refusals]
        st.dataframe(pd.DataFrame(refused, columns=["Which", "Why"]), hide_index=True)


def apply_button(shown: Described, wanted: Sequence[Description], verb: str, after: Callable[[], None]) -> None:
    n = len(wanted)
    st.button(
        f"{verb} {n:,} interest{'s' * (n != 1)}",
        key=f"apply-{verb}",
        type="primary",
        disabled=not n,
        on_click=apply,
        args=(shown, wanted, after),
    )


def apply(shown: Described, wanted: Sequence[Description], after: Callable[[], None]) -> None:
    """For callbacks: keeps all as one step, or none where somebody was faster."""
    seen = {d.cluster_id: shown.edit_seen(d.cluster_id) for d in wanted}

    def save() -> None:
        try:
            save_words(shown, wanted, seen)
        except HierexError as error:
            raise type(error)(f"None of the {len(wanted):,} was changed. {error}") from error

    if doing(save, f"{len(wanted):,} changed. “Undo” takes all of it back."):
        after()
    show_table_anew()
