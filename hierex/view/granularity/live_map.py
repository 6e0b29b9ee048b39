"""The map whose slider recolours it in the browser (`charts.live_map`), and what it tells the page.

Two parts: one brings the whole map, which Streamlit sends once and the browser keeps; the other shows it and gets a few
numbers each time. Were they one, every move would send the whole map again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from ...charts import live_map as browser
from ...charts.style import shorten
from ...interest_tree import InterestTree
from ...result_keys import digest
from ...taxonomy import Taxonomy
from ...workspace import Curated, Workspace
from ..choice import choice_number, choose

_show = st.components.v2.component(
    "hierex.live_map", html=browser.map_html(), css=browser.map_css(), js=browser.map_script()
)
_bring = st.components.v2.component("hierex.live_map_data", js=browser.receiving_script())


def live_map(
    work: Workspace, curated: Curated, names: Mapping[int, str], granularity: int, chosen: Sequence[int]
) -> np.ndarray:
    """Shows the slider and the map. names: of every node and every interest, by id; chosen: interests to keep bright.

    Returns the items that were drawn around (indices, none where nothing was). Moving the slider sets
    `st.session_state["interests"]`; a click on an item, or on the hierarchy, calls `choose`. Both run the page again.
    """
    tree, taxonomy = curated.tree, curated.taxonomy
    node_names = tuple(names[node] for node in range(len(tree.lo)))
    kept_by = (work.key("interest_tree"), digest(tree.order), digest(tree.lo), work.key("item_map"), hash(node_names))
    content, data_key = _content(kept_by, _names=node_names, _work=work, _tree=tree)
    key = f"live_map-{work.store.path.stem}-{work.key('interest_tree')}-{work.key('item_map')}"
    found = _show(
        key=key,
        data={
            "map": data_key,
            "title": work.store.path.stem,
            "n": granularity,
            "changed": _changed(tree, taxonomy, names, granularity),
            # The browser takes a number from here only where it answers its own latest move.
            "move": st.session_state.get("interests_move", 0),
            # What was drawn around before something else was chosen no longer counts.
            "choice": choice_number(),
            "highlight": [int(node) for i in chosen for node in taxonomy.nodes_of(taxonomy.index_of(i))],
            "linked": True,
        },
        on_interests_change=lambda: _take_number(key),
        on_picked_change=lambda: _take_click(key, taxonomy),
        on_chosen_change=lambda: _take_chosen(key),
    )
    _bring(key=f"{key}-data", data=content)
    return _drawn_around(found.get("picked"), work.item_map.xy)


def _changed(tree: InterestTree, taxonomy: Taxonomy, names: Mapping[int, str], granularity: int) -> dict | None:
    """What people changed at this number of interests: its nodes, and which node's colour and what name each has."""
    ids = taxonomy.cluster_ids[taxonomy.cluster_of_part]
    if np.array_equal(ids, tree.cut(granularity)):
        return None
    return {
        "n": granularity,
        "nodes": taxonomy.part_nodes.tolist(),
        "colors": taxonomy.main_nodes(tree)[taxonomy.cluster_of_part].tolist(),
        "names": [shorten(names[int(cluster_id)], browser.NAME_LENGTH) for cluster_id in ids],
    }


@st.cache_resource(max_entries=4, show_spinner=False)
def _content(kept_by: tuple, *, _names: tuple[str, ...], _work: Workspace, _tree: InterestTree) -> tuple[bytes, str]:
    """The map for the browser, and its key."""
    items = _work.items
    titles, traffic = items["title"].to_numpy(), items["traffic"].to_numpy()
    content = browser.encode_map(_tree, _work.item_map.xy, titles, traffic, _names)
    return content, json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])["key"]


def _take_number(key: str) -> None:
    """For the callback: what the slider says is where all pages look (`chosen_taxonomy`, which holds it in bounds)."""
    said = st.session_state[key].get("interests") or {}
    if isinstance(said, dict) and isinstance(said.get("n"), int):
        st.session_state["interests"] = said["n"]
        st.session_state["interests_move"] = said.get("move", 0)


def _take_chosen(key: str) -> None:
    """For the callback: nodes that were chosen in the hierarchy."""
    said = st.session_state[key].get("chosen")
    if isinstance(said, list):
        choose([node for node in said if isinstance(node, int)])


def _take_click(key: str, taxonomy: Taxonomy) -> None:
    """For the callback: an item that was clicked chooses its interest."""
    picked = st.session_state[key].get("picked")
    item = picked.get("item") if isinstance(picked, dict) else None
    if isinstance(item, int) and 0 <= item < len(taxonomy.cluster_of_item):
        choose([int(taxonomy.cluster_ids[taxonomy.cluster_of_item[item]])])


def _drawn_around(picked: object, xy: np.ndarray) -> np.ndarray:
    """What a browser sent is not to be trusted to be anything in particular."""
    nothing = np.array([], dtype=np.int64)
    if not isinstance(picked, dict) or picked.get("choice") != choice_number():
        return nothing
    try:
        return browser.items_inside(xy, picked.get("polygon") or [])
    except (TypeError, ValueError):
        return nothing
