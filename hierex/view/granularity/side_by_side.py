"""Two numbers of interests side by side, on the Granularity page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from ... import charts
from ...files import exports
from ...kept import curation_edits, presets
from ...taxonomy import Taxonomy
from ...taxonomy.comparison import align_taxonomies, taxonomy_facts
from ...wording.granularities import FACT_NAMES, changes_text, fact
from ...workspace import Workspace
from ..interests import COUNT, SHARE, colors_of

SHOWN, BUILT, OTHER = "shown", "built", "other"


@dataclass(frozen=True)
class Side:
    label: str
    taxonomy: Taxonomy
    names: Mapping[int, str]


def side_by_side(work: Workspace, number: int, taxonomy: Taxonomy) -> None:
    """Any two of: what is shown, what predictions are built on, saved numbers, any other number."""
    with st.expander("Two numbers of interests side by side"):
        left, right = st.columns(2)
        with left:
            one = choose_side(work, number, taxonomy, "Compare", BUILT, "left")
        with right:
            other = choose_side(work, number, taxonomy, "with", SHOWN, "right")
        pairs = align_taxonomies(one.taxonomy, other.taxonomy, work.items["traffic"].to_numpy())
        if pairs["same"].all():
            st.info("The interests are the same on both sides. Choose another number on one of them.")
            return
        st.dataframe(facts_table(one, other), hide_index=True)
        st.markdown(changes_text(pairs, one.label, other.label))
        draw_changes(work, one, other, pairs)


def choose_side(work: Workspace, number: int, taxonomy: Taxonomy, label: str, first: str, place: str) -> Side:
    """What one side shows; people's changes can be left out where it is not what is shown or built anyway."""
    saved = {f"saved {p.name}": p for p in presets.read_presets(work.store) if p.granularity <= work.tree.finest}
    labels = {SHOWN: "What is shown now", BUILT: "What predictions are built on"}  # a box keeps a label that it showed
    labels |= {key: f"{preset.name} ({preset.granularity:,})" for key, preset in saved.items()}
    labels[OTHER] = "Another number"
    stem = work.store.path.stem
    key = f"compare_{place}-{stem}"
    if st.session_state.get(key) not in labels:
        st.session_state[key] = first
    kind = st.selectbox(label, labels, format_func=labels.get, key=key)
    wanted = saved[kind].granularity if kind in saved else number
    if kind == OTHER:
        most = work.tree.finest
        wanted = st.number_input("Number of interests", 2, most, min(2 * number, most), key=f"{key}-number")
    numbers = {SHOWN: f" ({taxonomy.n_clusters:,})", BUILT: f" ({work.taxonomy.n_clusters:,})"}
    title = labels[kind] + numbers.get(kind, "")
    if kind == SHOWN:
        shown = taxonomy
    elif kind == BUILT:
        shown = work.taxonomy
    else:
        records = [record for record in curation_edits.read_records(work.store) if not record.undone]
        changed = bool(records) and st.toggle("With what people changed", True, key=f"{key}-changed")
        shown = work.curated(int(wanted), records if changed else []).taxonomy
        if kind == OTHER:
            title = f"{int(wanted):,} interests" + ", without changes" * (bool(records) and not changed)
    described = work.descriptions(shown, work.placed_edits())
    names = {int(cluster): described[int(cluster)].name for cluster in shown.cluster_ids}
    return Side(title, shown, names)


def facts_table(one: Side, other: Side) -> pd.DataFrame:
    sides = [taxonomy_facts(side.taxonomy) for side in (one, other)]
    names = [one.label, other.label if other.label != one.label else f"{other.label} (right)"]
    told = {name: [fact(key, value) for key, value in facts.items()] for name, facts in zip(names, sides, strict=True)}
    return pd.DataFrame({"": [FACT_NAMES[key] for key in sides[0]], **told})


def draw_changes(work: Workspace, one: Side, other: Side, pairs: pd.DataFrame) -> None:
    """Bands and an aligned table of what the search leaves; what is found stays with all its parts."""
    stem = work.store.path.stem
    find, same = st.columns([3, 2], vertical_alignment="bottom")
    said = find.text_input("Find an interest", key=f"compare_search-{stem}", placeholder="A word of its name")
    if not same.toggle("Also those that stay the same", key=f"compare_same-{stem}"):
        pairs = pairs[~pairs["same"]]
    pairs = named_pairs(one, other, pairs)
    pairs = pairs[matching(pairs, said)]
    if not len(pairs):
        st.info("No interest that differs has this word in its name.")
        return
    colors = {}
    for side in (one, other):
        colors |= dict(zip(side.taxonomy.cluster_ids.tolist(), colors_of(work, side.taxonomy), strict=True))
    st.plotly_chart(
        charts.interest_flow(pairs, one.names, other.names, colors, dark=st.context.theme.type == "dark"),
        alt="Which interests turn into which; the table below has all.",
    )
    shown = {"From": "Interest", "To": "Turns into", "share": "Share of it", "n_items": "Items", "traffic": "Traffic"}
    table = pairs[[*shown]].rename(columns=shown).astype({"Traffic": np.int64})
    share = st.column_config.ProgressColumn(help="Of the first interest's traffic", **SHARE, min_value=0, max_value=1)
    st.dataframe(table, hide_index=True, column_config={"Share of it": share, "Items": COUNT, "Traffic": COUNT})
    st.download_button(
        "Download this table (CSV)",
        exports.safe_csv(table),
        "comparison.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def named_pairs(one: Side, other: Side, pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.assign(From=pairs["before_id"].map(one.names), To=pairs["after_id"].map(other.names))


def matching(pairs: pd.DataFrame, said: str) -> np.ndarray:
    """(n,) bool: the rows of every first interest that has the word in its own name or in that of a part."""
    word = said.strip().casefold()
    hits = [word in f"{first}\n{second}".casefold() for first, second in zip(pairs["From"], pairs["To"], strict=True)]
    return pairs["before_id"].isin(pairs["before_id"][hits]).to_numpy()
