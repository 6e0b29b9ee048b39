"""What pages ask about the interests of the open workspace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from ..asking.collected import COUNTS_DECIDE, COUNTS_KNOW_LITTLE
from ..charts.colors import interest_colors
from ..config import RunConfig
from ..kept import curation_edits, presets, results, stage_tables
from ..result_keys import result_key, weights_depends
from ..taxonomy import Taxonomy
from ..wording import plain_markdown
from ..wording.labels import told_apart
from ..workspace import Workspace
from .choice import choose, linked_choice, write_address

RANK = {"#": st.column_config.NumberColumn(width=40)}
"""Places in a list need little room."""
COUNT = st.column_config.NumberColumn(format="localized")
"""How many items, people or interactions: written as the reader's browser does."""

SHARE = {"format": "percent", "step": 0.001}
"""Of bars for shares from 0 to 1: the step has all of them written with one decimal."""

PERCENT = "%.1f%%"
"""Of columns of numbers from 0 to 100: with the format for shares, decimals would vary or be cut off."""


def chosen_number(work: Workspace) -> int:
    """The slider's place; where nobody moved it, the active saved number, else the one that was built."""
    opened = work.store.path, work.keys["logs"]
    if st.session_state.get("interests_of") != opened:
        linked = linked_number(work) if "interests_of" not in st.session_state else None
        choose(linked_choice() if "interests_of" not in st.session_state else [])
        active = presets.active_preset(work.store)
        opened_at = linked or (active.granularity if active else work.granularity)
        st.session_state["interests_of"], st.session_state["interests"] = opened, opened_at
    number = int(np.clip(st.session_state.get("interests") or work.granularity, 2, work.tree.finest))
    st.session_state["interests"] = number
    write_address("interests", str(number))
    return number


def linked_number(work: Workspace) -> int | None:
    """The number in the address that the app was opened with; says so where it cannot be shown."""
    said = st.query_params.get("interests", "")
    number = int(said) if re.fullmatch(r"[0-9]{1,6}", said) else None
    if said and (number is None or not 2 <= number <= work.tree.finest):
        st.warning(
            f"The link asks for “{plain_markdown(said[:40])}” interests. This workspace can be divided into 2 to "
            f"{work.tree.finest:,}."
        )
    return number


def chosen_taxonomy(work: Workspace) -> Taxonomy:
    """The interests at the slider's place, with what people changed about them."""
    return work.curated(chosen_number(work), curation_edits.read_records(work.store)).taxonomy


def interest_names(work: Workspace) -> list[str]:
    """One per interest, in their order, no two alike."""
    return told_apart([description.name for description in work.cluster_descriptions()])


def interests_key(work: Workspace) -> str:
    """Another one where a place among the interests may be another interest."""
    return f"{work.store.path.stem}-{work.key('interest_tree')}-{work.key('taxonomy')}"


def box_of_interests(work: Workspace, name: str) -> str:
    """The key of a box in which interests are chosen.

    The browser knows a choice by what it is called. So where interests are called otherwise it is another box, which
    takes over what was chosen in the one before.
    """
    box = f"{name}-{interests_key(work)}"
    key = f"{box}-{result_key('names', *interest_names(work))}"
    before = st.session_state.get(box, key)
    if before != key and before in st.session_state:
        st.session_state[key] = st.session_state[before]
    st.session_state[box] = key
    return key


def interests_box(
    label: str, names: Sequence[str], *, key: str, placeholder: str, help: str | None = None
) -> list[int]:
    """The indices of chosen interests, in the order of choosing. Enter takes the first that has the letters typed."""
    return st.multiselect(
        label,
        list(range(len(names))),
        format_func=lambda cluster: names[cluster],
        key=key,
        persist_state="session",
        placeholder=placeholder,
        help=help,
        filter_mode="contains",
        select_all=False,
    )


def colors_of(work: Workspace, taxonomy: Taxonomy) -> list[str]:
    return interest_colors(work.tree, taxonomy.main_nodes(work.tree))


def compared_weights(work: Workspace) -> pd.DataFrame | None:
    """What was found for several weights of behaviour at the built granularity; None before anybody asked for it."""
    key = result_key("weights", *weights_depends(work))
    if not results.has_result(work.store, "weights", key):
        return None
    return stage_tables.read_evaluation(work.store, key)["weights"]


def config_at(work: Workspace, granularity: int) -> RunConfig:
    return replace(work.config, granularity=granularity)


def note_of(work: Workspace) -> str:
    """What has to be said about how the predictions came about."""
    return results.result_note(work.store, "policies", work.key("policies"))


def say_note(work: Workspace) -> None:
    """`note_of`, where there is something to say: loudly, unless it only says whose answers these are."""
    note = note_of(work)
    warns = not work.policy.name.startswith("openai") or COUNTS_DECIDE in note or COUNTS_KNOW_LITTLE in note
    if note:
        (st.warning if warns else st.info)(plain_markdown(note))


def item_list(
    titles: Sequence[str], interests: Sequence[str] | None = None, *, said: Sequence[str] | None = None
) -> None:
    """Ranked items, titles as plain text. said: what the reviewer said of each."""
    columns = {"#": range(1, len(titles) + 1), "Item": titles}
    if interests is not None:
        columns["Interest"] = interests
    if said is not None:
        columns["You said"] = said
    st.dataframe(pd.DataFrame(columns), hide_index=True, column_config=RANK)
