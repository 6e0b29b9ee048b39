"""The map whose slider recolours it in the browser (`map.js`), and what it tells the page.

Two parts: one brings the whole map, which Streamlit sends once and the browser keeps; the other shows it and gets a few
numbers each time. Were they one, every move would send the whole map again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from ...charts.live_map import encode_map, items_inside
from ...interest_tree import InterestTree
from ...result_keys import digest
from ...taxonomy import Taxonomy
from ...workspace import Curated, Workspace

HERE = Path(__file__).parent


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


_show = st.components.v2.component("hierex.live_map", html=_file("map.html"), css=_file("map.css"), js=_file("map.js"))
_bring = st.components.v2.component("hierex.live_map_data", js=_file("data.js"))


def live_map(
    work: Workspace, curated: Curated, names: Mapping[int, str], granularity: int, chosen: Sequence[int]
) -> tuple[np.ndarray, int]:
    """Shows the slider and the map. names: of every node and every interest, by id; chosen: interests to keep bright.

    Returns the items that were drawn around (indices, none where nothing was), and the item that was clicked, or -1.
    Moving the slider sets `st.session_state["interests"]` and runs the page again.
    """
    tree, taxonomy = curated.tree, curated.taxonomy
    node_names = tuple(names[node] for node in range(len(tree.lo)))
    content = _content(work.key("interest_tree"), digest(tree.order), work.key("item_map"), node_names, work, tree)
    data_key = _key_of(content)
    key = f"live_map-{work.store.path.stem}-{work.key('interest_tree')}-{work.key('item_map')}"
    found = _show(
        key=key,
        data={
            "map": data_key,
            "n": granularity,
            "changed": _changed(tree, taxonomy, names, granularity),
            # The browser takes a number from here only where it answers its own latest move.
            "move": st.session_state.get("interests_move", 0),
            "highlight": [int(node) for i in chosen for node in taxonomy.nodes_of(taxonomy.index_of(i))],
        },
        on_interests_change=lambda: _take_number(key),
        on_picked_change=lambda: None,
    )
    _bring(key=f"{key}-data", data=content)
    return _picked(found.get("picked"), work.item_map.xy)


def _changed(tree: InterestTree, taxonomy: Taxonomy, names: Mapping[int, str], granularity: int) -> dict | None:
    """What people changed at this number of interests: its nodes, and which node's colour and what name each has."""
    ids = taxonomy.cluster_ids[taxonomy.cluster_of_part]
    if np.array_equal(ids, tree.cut(granularity)):
        return None
    return {
        "n": granularity,
        "nodes": taxonomy.part_nodes.tolist(),
        "colors": taxonomy.main_nodes(tree)[taxonomy.cluster_of_part].tolist(),
        "names": [names[int(cluster_id)] for cluster_id in ids],
    }


@st.cache_resource(max_entries=4, show_spinner=False)
def _content(
    tree_key: str, order: str, map_key: str, names: tuple[str, ...], _work: Workspace, _tree: InterestTree
) -> bytes:
    items = _work.items
    return encode_map(_tree, _work.item_map.xy, items["title"].to_numpy(), items["traffic"].to_numpy(), names)


def _key_of(content: bytes) -> str:
    return json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])["key"]


def _take_number(key: str) -> None:
    """For the callback: what the slider says is where all pages look (`chosen_taxonomy`, which holds it in bounds)."""
    said = st.session_state[key].get("interests") or {}
    if isinstance(said, dict) and isinstance(said.get("n"), int):
        st.session_state["interests"] = said["n"]
        st.session_state["interests_move"] = said.get("move", 0)


def _picked(picked: object, xy: np.ndarray) -> tuple[np.ndarray, int]:
    """What a browser sent is not to be trusted to be anything in particular."""
    nothing = np.array([], dtype=np.int64)
    if not isinstance(picked, dict):
        return nothing, -1
    item = picked.get("item")
    if isinstance(item, int) and 0 <= item < len(xy):
        return nothing, item
    try:
        return items_inside(xy, picked.get("polygon") or []), -1
    except (TypeError, ValueError):
        return nothing, -1
