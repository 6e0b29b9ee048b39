"""The list that a person would see in the end: usual recommendations with places for new interests, and a dial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ...mixing import USUAL, mix_lists
from ...preview.persons import Person, recommend_usual
from ...serving import Served
from ...workspace import Workspace
from ..interests import RANK

LENGTH = 10
PLACES = 3


def one_list(work: Workspace, person: Person, found: Served, names: Sequence[str]) -> None:
    st.subheader("All in one list")
    slots = st.slider(
        "Places for new interests, of ten",
        0,
        LENGTH,
        PLACES,
        key="novel_places",
        help="A ranker left to itself shows new interests less than people care for them, so "
        "places are given to them. What this does to everybody's lists is on the Evaluation page, for three of ten.",
    )
    usual = recommend_usual(work, person, top=2 * LENGTH)
    mixed = mix_lists(usual, found.grounded.items, slots=slots, length=LENGTH)
    own = np.isin(work.taxonomy.cluster_of_item[mixed.items], person.history(work.taxonomy))
    st.dataframe(
        pd.DataFrame(
            {
                "#": range(1, len(mixed.items) + 1),
                "Item": work.items["title"].to_numpy()[mixed.items],
                "Interest": [names[cluster] for cluster in work.taxonomy.cluster_of_item[mixed.items]],
                "New to the person": np.where(own, "", "yes"),
                "Comes from": np.where(mixed.origin == USUAL, "usual recommendations", "a predicted interest"),
            }
        ),
        hide_index=True,
        column_config=RANK,
    )
