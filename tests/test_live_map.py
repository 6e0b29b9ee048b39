"""What the browser is sent agrees with the tree, and what it says back is checked."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_taxonomy import random_tree, trees

from hierex.charts import encode_map, interest_colors, items_inside
from hierex.taxonomy import cut_tree
from hierex.view.granularity.live_map import _drawn_around


def decode(content: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    length = int.from_bytes(content[:4], "little")
    header = json.loads(content[4 : 4 + length])
    arrays = {}
    for name, (kind, at, n) in header["arrays"].items():
        arrays[name] = np.frombuffer(content, np.dtype(kind), n, 4 + length + at)
    return header, arrays


def encode(tree, **more) -> bytes:
    n = tree.n_items
    xy = np.random.default_rng(1).normal(size=(n, 2)).astype(np.float32)
    titles, names = [f"<b>title {i}</b>" for i in range(n)], [f"node {i}" for i in range(len(tree.lo))]
    return encode_map(tree, xy, titles, np.arange(n), names, **more)


@settings(max_examples=30, deadline=None)
@given(trees, st.data())
def test_the_cut_in_the_browser_is_the_cut_of_the_tree(tree, data):
    granularity = data.draw(st.integers(2, tree.finest))
    header, arrays = decode(encode(tree))
    taxonomy = cut_tree(tree, granularity)
    alive = np.flatnonzero((arrays["born"] <= granularity) & (granularity < arrays["dies"]))
    assert set(alive.tolist()) == set(taxonomy.cluster_ids.tolist())
    for node in alive:
        items = arrays["item"][arrays["lo"][node] : arrays["hi"][node]]
        assert set(items.tolist()) == set(taxonomy.items_of(taxonomy.index_of(node)).tolist())
    assert header["titles"] == [f"<b>title {i}</b>" for i in arrays["item"]]
    assert arrays["traffic"].tolist() == arrays["item"].tolist()


def test_colours_are_those_of_the_other_charts():
    tree = random_tree(40, 2)
    _, arrays = decode(encode(tree))
    colors = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue, _ in arrays["color"].reshape(-1, 4)]
    assert colors == interest_colors(tree, np.arange(len(tree.lo)))


def test_of_too_many_items_the_same_share_of_every_interest_is_sent():
    tree = random_tree(80, 2)
    header, arrays = decode(encode(tree, most=40))
    assert (header["n_items"], len(arrays["x"])) == (80, 40)
    sent, whole = arrays["hi"] - arrays["lo"], tree.hi - tree.lo
    assert np.abs(sent - whole / 2).max() <= 1


def test_the_same_map_has_the_same_key_and_another_name_another():
    tree = random_tree(40, 2)
    assert encode(tree) == encode(tree)
    key = decode(encode(tree))[0]["key"]
    other = decode(encode_map(tree, np.zeros((40, 2), np.float32), ["t"] * 40, np.arange(40), ["n"] * len(tree.lo)))[0]
    assert other["key"] != key


def test_items_inside_a_line():
    xy = np.array([[0.5, 0.5], [2.0, 0.5], [0.9, 0.9], [-1.0, 0.0]])
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert items_inside(xy, square).tolist() == [0, 2]
    assert items_inside(xy, square[:2]).tolist() == []
    assert items_inside(xy, [[0, 0], [1, 0], [float("nan"), 1]]).tolist() == []


@pytest.mark.parametrize(
    "said", [None, "x", [], {"item": 9}, {"item": -1}, {"item": "0"}, {"polygon": "abc"}, {"polygon": [[1]]}]
)
def test_a_browser_can_say_anything(said):
    assert not len(_drawn_around(said, np.zeros((3, 2))))
