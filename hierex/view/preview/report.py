"""The Preview page's report: what the kept examples would be shown, to send to others."""

from __future__ import annotations

import streamlit as st

from ... import wording
from ...files import exports
from ...preview.judged import judged_frame
from ...preview.persons import Person
from ...preview.report import Shown, report_frame, show_people, write_report
from ...result_keys import shown_depends
from ...store import now
from ...wording.names import method_name
from ...workspace import Workspace
from ..author import author_name
from ..interests import interest_names
from .blind_results import judged_csv
from .supposing import keyed, people_to_compare

MIME_CSV, MIME_HTML = "text/csv", "text/html"


def preview_report(work: Workspace) -> None:
    st.caption(
        "One file with what the kept examples would be shown and why, which opens in any browser without this app. It "
        "holds the thumbs on interests and items, too. The table has one row for every item in the new interests; who "
        "gets nothing new, and an interest with no item left, have a row with empty cells."
    )
    people = people_to_compare(work)
    stem = work.store.path.stem
    shown = shown_to(shown_depends(work), keyed(people), work, people)
    scored = wording.score_name(work.policy.name)
    html, table = st.columns(2)
    html.download_button(
        "Download the report (HTML)",
        lambda: write_report(
            f"{stem}: what people would be shown", facts(work), shown, now(), said=thumbs_said(work), scored=scored
        ),
        f"{stem}-preview.html",
        MIME_HTML,
        icon=":material/description:",
        width="stretch",
        on_click="ignore",
    )
    table.download_button(
        "Download as a table (CSV)",
        lambda: exports.safe_csv(report_frame(shown, scored=scored.lower())),
        f"{stem}-preview.csv",
        MIME_CSV,
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
    )
    judged_csv(work, author_name())
    for person in shown:
        st.markdown(f"**{wording.plain_markdown(person.name)}**: " + said_of(person.novel))


@st.cache_data(max_entries=16, show_spinner="Looking at everybody ...")
def shown_to(depends: tuple, people: tuple, _work: Workspace, _people: dict[str, Person]) -> list[Shown]:
    """Keyed by all that it depends on, so that nobody is predicted for anew at every click on the page."""
    return show_people(_work, _people, interest_names(_work))


def said_of(novel: list) -> str:
    return wording.plain_markdown("; ".join(name for name, *_ in novel)) or "nothing new to suggest"


def thumbs_said(work: Workspace) -> list[list[str]]:
    """Thumbs on predictions and items; blind comparisons are left out, so that the report keeps them blind."""
    frame = judged_frame(work, str)
    thumbs = frame[frame["judged"] != "comparison"]
    return thumbs[["person", "what", "said", "reason", "reviewer"]].to_numpy(str).tolist()


def facts(work: Workspace) -> list[str]:
    return [
        f"{work.taxonomy.n_clusters:,} interests. New ones are predicted by: {method_name(work.policy.name)}.",
        "Items in each are those that fit the person best, without what they have had.",
    ]
