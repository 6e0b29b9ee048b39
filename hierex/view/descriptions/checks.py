"""The check of all descriptions on their page: asked for with a button, measured in the background, then columns."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import pandas as pd
import streamlit as st

from ...descriptions import Description
from ...descriptions.quality import DescriptionQuality
from ...errors import Cancelled, HierexError
from ...taxonomy import Taxonomy
from ...wording import plain_markdown
from ...workspace import Workspace
from ...workspace_measures import quality_of
from .described import Described

POLL_SECONDS = 0.5
RUNNING, SHOWN = "description_check_running", "description_check_shown"
LOOK, FOUND, NEAREST, LIKENESS = "Look at this", "Found by its words", "Nearest other", "Likeness"
CHECK_COLUMNS = {
    LOOK: st.column_config.TextColumn(width=250, help="What may be wrong with the words; empty where all seems well."),
    FOUND: st.column_config.NumberColumn(
        format="%.0f%%",
        width=135,
        help="How many of its items are closer in meaning to the phrases of this interest than to those of any other. "
        "Where a language model wrote and enough items are left, items that it was shown do not count.",
    ),
    NEAREST: st.column_config.TextColumn(width=170, help="The interest whose phrases are most like these in meaning."),
    LIKENESS: st.column_config.NumberColumn(
        format="%.2f", width=75, help="How alike the phrases of the two are, from 0 (not at all) to 1 (the same)."
    ),
}


@dataclass
class Check:
    """One check that is being made or was made: of which interests, and of which words."""

    interests: int
    words: int
    share: float = 0.0
    stop: Event = field(default_factory=Event)
    result: Future[DescriptionQuality] | None = None

    def progress(self, share: float) -> None:
        """Raises Cancelled where the person asked for the work to stop."""
        if self.stop.is_set():
            raise Cancelled("The check was stopped.")
        self.share = share


def description_checks(described: Described) -> pd.DataFrame | None:
    """Button, state and filter of the check. Returns what was found, a row for each interest that is wanted, by its id;
    None where nothing was checked.

    What was found stays in the table while words change, since drawing it anew would take away what is being typed.
    """
    work, taxonomy, descriptions, placed = (
        described.work,
        described.taxonomy,
        described.descriptions,
        described.placed,
    )
    ids = taxonomy.cluster_ids.tolist()
    interests = hash((work.store.path, work.key("interest_tree"), tuple(ids), taxonomy.order.tobytes()))
    words = hash(tuple(descriptions[cluster_id] for cluster_id in ids))
    running = _running(interests)
    shown = st.session_state.get(SHOWN)
    shown = shown if shown and shown.interests == interests else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if running:
            st.fragment(run_every=POLL_SECONDS)(_wait)(running, len(ids))
        elif shown is None or shown.words != words:
            new = Check(interests, words)
            label = "Check again" if shown else "Check the descriptions"
            st.button(label, on_click=_start, args=(new, work, taxonomy, placed), icon=":material/fact_check:")
        only_weak = _say_found(shown, shown.words != words) if shown else _explain(running)
    if not shown:
        return None
    checked = _columns(shown.result.result().table, descriptions)
    return checked[checked[LOOK] != ""] if only_weak else checked


def _running(interests: int) -> Check | None:
    """What is at work on these interests; what is done is from now on what is shown."""
    check = st.session_state.get(RUNNING)
    if check is None:
        return None
    if check.interests != interests:
        check.stop.set()
    elif not check.result.done():
        return check
    elif check.result.exception() is None:
        st.session_state[SHOWN] = check
    elif not check.stop.is_set():
        error = check.result.exception()
        if not isinstance(error, HierexError):
            raise error
        st.error(plain_markdown(str(error)), icon=":material/error:")
    del st.session_state[RUNNING]
    return None


def _start(check: Check, work: Workspace, taxonomy: Taxonomy, placed: Mapping) -> None:
    """For the callback."""
    check.result = _checker().submit(quality_of, work, taxonomy, placed, progress=check.progress)
    st.session_state[RUNNING] = check


def _wait(check: Check, n: int) -> None:
    """Drawn again and again until all is measured, while the page goes on answering."""
    if check.result.done():
        st.rerun()
    st.progress(check.share, f"Reading the phrases of {n:,} interests …")
    st.button("Stop", on_click=check.stop.set, icon=":material/stop:")


def _explain(running: Check | None) -> bool:
    if not running:
        st.caption(
            "Do the words of an interest find its items? Could they be those of another? No language model needed."
        )
    return False


def _say_found(shown: Check, changed: bool) -> bool:
    """Returns whether only the weak descriptions are wanted."""
    quality = shown.result.result()
    weak = int((quality.table["flags"].map(len) > 0).sum())
    only_weak = st.toggle("Only the weak ones", key="only_weak", disabled=not weak)
    parts = [f"{weak:,} of {len(quality.table):,} may need a look."]
    if not pd.isna(quality.found):
        parts.append(
            f"An interest's words find {quality.found:.0%} of its items on average; by chance it would be "
            f"{1 / len(quality.table):.1%}."
        )
    parts.append(quality.note)
    if changed:
        parts.append("**Descriptions changed since.**")
    st.caption(" ".join(parts))
    return only_weak and weak > 0


def _columns(table: pd.DataFrame, descriptions: Mapping[int, Description]) -> pd.DataFrame:
    """What was found, by interest, in the words of the screen."""
    found = table.set_index("cluster_id")
    nearest = [descriptions[node].name if pd.notna(node) else None for node in found["nearest"]]
    flags = ["; ".join(flags) for flags in found["flags"]]
    columns = {LOOK: flags, FOUND: 100 * found["found"], NEAREST: nearest, LIKENESS: found["likeness"]}
    return pd.DataFrame(columns, index=found.index)


@st.cache_resource
def _checker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "check")
