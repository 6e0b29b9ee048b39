"""Items that move or come later: nodes stay, every item is in one leaf, and what fits best is found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierex.config import TreeConfig
from hierex.interest_tree import grow_tree
from hierex.taxonomy import (
    LATER,
    MERGED_FROM,
    WHOLE,
    CurationEdit,
    cluster_of_leaf,
    curate,
    cut_tree,
    leaf_of_item,
    measure_merged,
)
from hierex.taxonomy.placement import SAME, find_leaves, idle_moves, move_items, moved_between, put_items


def world(n_items=60, seed=0, n_centres=6):
    """Vectors around a few centres, traffic, the tree, and each item's centre."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_centres, 8))
    of_item = rng.integers(0, n_centres, n_items)
    vectors = (centres[of_item] + 0.2 * rng.normal(size=(n_items, 8))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    traffic = rng.poisson(3, n_items)
    return vectors, traffic, grow_tree(vectors, traffic, config=TreeConfig(min_items=2), seed=seed), of_item


worlds = st.builds(world, st.integers(10, 80), st.integers(0, 300))


def leaves_of(tree):
    return tree.cut(tree.finest)[leaf_of_item(tree)]


def moves_on(tree, data):
    nodes = st.integers(1, len(tree.lo) - 1)
    items = st.lists(st.integers(0, tree.n_items - 1), min_size=1, max_size=30, unique=True)
    many = data.draw(st.lists(st.tuples(nodes, items), min_size=1, max_size=5))
    return [CurationEdit(n, "move", (node,), tuple(found)) for n, (node, found) in enumerate(many, 1)]


@settings(max_examples=60, deadline=None)
@given(worlds, st.data())
def test_whatever_is_moved_every_item_is_in_one_slice_at_every_granularity(world, data):
    vectors, traffic, tree, _ = world
    moved, _ = move_items(tree, moves_on(tree, data), vectors, traffic)
    assert sorted(moved.order.tolist()) == list(range(tree.n_items))
    for name in ("born", "dies", "parent"):
        assert np.array_equal(getattr(moved, name), getattr(tree, name))
    assert moved.traffic[0] == pytest.approx(tree.traffic[0])
    inner = np.flatnonzero(moved.dies <= moved.finest)
    for node in inner:
        left, right = moved.children(node)
        assert (moved.lo[node], moved.hi[left], moved.hi[node]) == (moved.lo[left], moved.lo[right], moved.hi[right])
        assert moved.traffic[node] == pytest.approx(moved.traffic[left] + moved.traffic[right])
    for granularity in range(2, tree.finest + 1):
        taxonomy = cut_tree(moved, granularity)
        assert 2 <= taxonomy.n_clusters <= granularity
        assert (taxonomy.hi > taxonomy.lo).all()
        assert (cluster_of_leaf(moved, taxonomy)[leaf_of_item(moved)] == taxonomy.cluster_of_item).all()


@settings(max_examples=60, deadline=None)
@given(worlds, st.data())
def test_moved_items_are_inside_what_they_were_moved_to_and_the_others_stay(world, data):
    vectors, traffic, tree, _ = world
    edits = moves_on(tree, data)
    moved, reasons = move_items(tree, edits, vectors, traffic)
    assert set(reasons.values()) <= {WHOLE}
    target = {}
    for edit in edits:
        if edit.edit_id not in reasons:
            target |= dict.fromkeys(edit.items, edit.nodes[0])
    leaves, before = leaves_of(moved), leaves_of(tree)
    for item in range(tree.n_items):
        node = target.get(item)
        if node is None:
            assert leaves[item] == before[item]
        else:
            assert tree.lo[node] <= tree.lo[leaves[item]] < tree.hi[node]


@settings(max_examples=30, deadline=None)
@given(worlds)
def test_putting_every_item_where_it_is_changes_no_node(world):
    vectors, traffic, tree, _ = world
    again = put_items(tree, leaves_of(tree), vectors, traffic)
    for name in ("lo", "hi", "traffic"):
        assert np.array_equal(getattr(again, name), getattr(tree, name))
    assert again.coherence == pytest.approx(tree.coherence, abs=1e-5)


def test_a_new_item_goes_to_the_interest_that_it_is_like():
    vectors, traffic, _, of_item = world(600, seed=3)
    known = np.arange(600) < 480
    tree = grow_tree(vectors[known], traffic[known], config=TreeConfig(), seed=0)
    leaves = find_leaves(tree, vectors[known], vectors[~known])
    places = leaf_of_item(tree)
    centre_of_leaf = np.array([np.bincount(of_item[known][places == leaf]).argmax() for leaf in range(tree.finest)])
    sorter = np.argsort(tree.cut(tree.finest))
    found = centre_of_leaf[sorter[np.searchsorted(tree.cut(tree.finest)[sorter], leaves)]]
    assert (found == of_item[~known]).mean() > 0.95


def test_a_move_that_empties_one_side_of_everything_is_left_out_and_says_so():
    vectors, traffic, tree, _ = world()
    left = tuple(tree.order[tree.lo[1] : tree.hi[1]].tolist())
    moved, reasons = move_items(tree, [CurationEdit(7, "move", (2,), left)], vectors, traffic)
    assert moved is tree
    assert reasons == {7: WHOLE}


def test_an_interest_that_is_emptied_is_gone_and_comes_back_when_the_move_is_taken_back():
    vectors, traffic, tree, _ = world()
    cut = tree.cut(6)
    items = tuple(tree.order[tree.lo[cut[0]] : tree.hi[cut[0]]].tolist())
    moved, _ = move_items(tree, [CurationEdit(1, "move", (int(cut[-1]),), items)], vectors, traffic)
    assert cut_tree(moved, 6).cluster_ids.tolist() == cut[1:].tolist()
    assert cut_tree(move_items(tree, [], vectors, traffic)[0], 6).cluster_ids.tolist() == cut.tolist()


def test_a_move_within_one_interest_is_said_to_change_nothing_there():
    vectors, traffic, tree, _ = world()
    node = int(tree.cut(2)[0])
    left, right = tree.children(node)
    edit = CurationEdit(1, "move", (int(left),), (int(tree.order[tree.lo[right]]),))
    moved, _ = move_items(tree, [edit], vectors, traffic)
    assert idle_moves(tree, cut_tree(moved, 2), [edit]) == {1: SAME}
    assert idle_moves(tree, cut_tree(moved, tree.finest), [edit]) == {}
    back = CurationEdit(2, "move", (int(right),), edit.items)
    again, _ = move_items(tree, [edit, back], vectors, traffic)
    assert idle_moves(tree, cut_tree(again, tree.finest), [edit, back])[1] == LATER


@settings(max_examples=30, deadline=None)
@given(worlds, st.data())
def test_items_come_back_to_a_tree_with_empty_nodes(world, data):
    vectors, traffic, tree, _ = world
    moved, _ = move_items(tree, moves_on(tree, data), vectors, traffic)
    again = put_items(moved, leaves_of(tree), vectors, traffic)
    assert np.array_equal(again.lo, tree.lo)
    assert np.array_equal(again.hi, tree.hi)
    found = find_leaves(moved, vectors, vectors)
    assert set(found.tolist()) <= set(moved.cut(moved.finest).tolist())


def test_coherence_of_a_merged_interest_is_measured_over_its_items():
    vectors, _, tree, _ = world()
    cut, weight = tree.cut(6), np.ones(60)
    taxonomy, _ = curate(tree, 6, [CurationEdit(1, "merge", (int(cut[0]), int(cut[-1])))])
    merged = taxonomy.index_of(MERGED_FROM + 1)
    assert np.isnan(taxonomy.coherence[merged])
    measured = measure_merged(taxonomy, vectors, weight)
    inside = vectors[taxonomy.items_of(merged)]
    middle = inside.mean(0) / np.linalg.norm(inside.mean(0))
    assert measured.coherence[merged] == pytest.approx((inside @ middle).mean(), abs=1e-5)
    others = np.arange(taxonomy.n_clusters) != merged
    assert np.array_equal(measured.coherence[others], taxonomy.coherence[others])


def test_interests_that_items_were_moved_to_or_from_are_known():
    vectors, traffic, tree, _ = world()
    given_, taken = (int(node) for node in tree.cut(5)[:2])
    edit = CurationEdit(1, "move", (taken,), (int(tree.items_of(given_)[0]),))
    moved, _ = move_items(tree, [edit], vectors, traffic)
    taxonomy = cut_tree(moved, 5)
    assert set(taxonomy.cluster_ids[moved_between(tree, taxonomy)].tolist()) == {given_, taken}
    assert not moved_between(tree, cut_tree(tree, 5)).any()
