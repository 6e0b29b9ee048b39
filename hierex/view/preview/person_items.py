"""One person on the Preview page: the items in each predicted interest, beside the usual recommendations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ...preview.persons import Person, ground_for, recommend_usual
from ...serving import Served
from ...wording import GROUNDING_PATHS, plain_markdown
from ...workspace import Workspace
from ..interests import item_list
from .interest_thumb import thumb
from .item_thumbs import judged_items, judging_items

ITEMS = 10


def show_items(
    work: Workspace,
    person: Person,
    found: Served,
    context: Sequence[int],
    names: Sequence[str],
    summaries: Sequence[str],
) -> None:
    st.subheader("Items in each, beside the usual recommendations")
    of_item = work.taxonomy.cluster_of_item
    free = recommend_usual(work, person, top=ITEMS)
    popular = popular_items(work, person, found)
    titles = work.items["title"].to_numpy()
    own = person.history(work.taxonomy)
    predictions = found.predictions
    judging = judging_items()
    tabs = st.tabs(
        [
            f"{rank}\\. {plain_markdown(names[cluster])}"
            for rank, cluster in zip(predictions.rank, predictions.novel, strict=True)
        ],
        on_change="rerun",
        key=f"item_tabs-{work.store.path.stem}-{person.name}-{context}",
    )
    for place, (tab, cluster) in enumerate(zip(tabs, predictions.novel, strict=True)):
        if not tab.open:
            continue
        with tab:
            st.caption(plain_markdown(summaries[cluster]))
            thumb(work, person.name, context, cluster)
            for_them, popular_in_it, unrestricted = st.columns(3)
            with for_them:
                st.markdown(f"**In “{plain_markdown(names[cluster])}”, for this person**")
                judged_items(work, person.subject, found.grounded.items[place], judging=judging)
                path = found.grounded.path[place]
                if path != "recommender":
                    st.caption(GROUNDING_PATHS.get(path, path))
            with popular_in_it:
                st.markdown("**In it, most popular first**")
                item_list(titles[popular[place]])
            with unrestricted:
                st.markdown("**The same recommender, free to choose**")
                item_list(titles[free], [names[c] for c in of_item[free]])
                new = np.isin(of_item[free], own, invert=True).sum()
                st.caption(f"{new} of these {len(free)} are from an interest that is new to this person.")


def popular_items(work: Workspace, person: Person, found: Served) -> list[np.ndarray]:
    """For each predicted interest, its most consumed items that the person has not had."""
    return ground_for(work.popularity, work.taxonomy, person, found.predictions, top=ITEMS).items
