"""The tree: its laws on any data, what it finds in data whose answer is known, and what it does with hostile data."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score

from hierex import interest_tree
from hierex.config import TreeConfig
from hierex.errors import EmbedderError, TooLittleData
from hierex.interest_tree import UNSEEN_SHARE, grow_tree


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def blobs(n_blobs, each, *, dimensions=32, spread=0.06, seed=0):
    rng = np.random.default_rng(seed)
    blob = np.repeat(np.arange(n_blobs), each)
    vectors = rng.normal(size=(n_blobs, dimensions))[blob] + spread * np.sqrt(dimensions) * rng.normal(
        size=(n_blobs * each, dimensions)
    )
    return unit(vectors), blob


@st.composite
def catalogues(draw):
    """Vectors with some exact duplicates, and traffic with zeros and, now and then, one item with most of it."""
    n = draw(st.integers(2, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vectors = unit(rng.normal(size=(n, draw(st.integers(2, 12)))))
    vectors = vectors[np.minimum(np.arange(n), draw(st.integers(1, n - 1)))] if draw(st.booleans()) else vectors
    traffic = rng.poisson(draw(st.sampled_from([0.0, 0.5, 20.0])), n)
    traffic[rng.integers(n)] += draw(st.sampled_from([0, 0, 10_000]))
    return vectors, traffic


def grow(vectors, traffic, *, seed=0, **config):
    return grow_tree(vectors, traffic, config=TreeConfig(**config), seed=seed)


def members(tree, node):
    return set(tree.order[tree.lo[node] : tree.hi[node]].tolist())


@settings(max_examples=60, deadline=None)
@given(catalogues(), st.integers(1, 6))
def test_every_cut_partitions_the_items_and_a_finer_one_refines_it(catalogue, min_items):
    vectors, traffic = catalogue
    tree = grow(vectors, traffic, min_items=min_items)
    assert sorted(tree.order.tolist()) == list(range(len(vectors)))
    for granularity in range(1, tree.finest + 1):
        nodes = tree.cut(granularity)
        assert len(nodes) == granularity
        assert tree.lo[nodes[0]] == 0
        assert tree.hi[nodes[-1]] == tree.n_items
        assert (tree.lo[nodes[1:]] == tree.hi[nodes[:-1]]).all()
        if granularity > 1:
            gone = set(tree.cut(granularity - 1)) - set(nodes)
            new = set(nodes) - set(tree.cut(granularity - 1))
            assert len(gone) == 1
            assert {tree.parent[node] for node in new} == gone
            assert new == {2 * granularity - 3, 2 * granularity - 2}


@settings(max_examples=60, deadline=None)
@given(catalogues())
def test_traffic_and_numbers_hold_together(catalogue):
    vectors, traffic = catalogue
    tree = grow(vectors, traffic)
    nodes = np.arange(len(tree.lo))
    assert tree.traffic[0] == traffic.sum()
    for node in nodes:
        assert tree.traffic[node] == traffic[list(members(tree, node))].sum()
        children = nodes[(tree.parent == node) & (nodes > 0)]
        assert len(children) in (0, 2)
        assert (tree.born[children] == tree.dies[node]).all()
        if not len(children):
            assert tree.dies[node] == tree.finest + 1
    assert tree.born[0] == 1
    assert tree.parent[0] == 0
    assert (tree.hi > tree.lo).all()
    assert ((tree.coherence >= 0) & (tree.coherence <= 1)).all()


@settings(max_examples=40, deadline=None)
@given(catalogues())
def test_the_same_seed_gives_the_same_tree_whoever_watches(catalogue):
    vectors, traffic = catalogue
    first = grow(vectors, traffic, seed=3)
    shares = []
    second = grow_tree(vectors.copy(), traffic, config=TreeConfig(), seed=3, progress=shares.append)
    for field in fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))
    assert shares == sorted(shares)
    assert shares[-1] == 1


@settings(max_examples=60, deadline=None)
@given(catalogues())
def test_items_with_the_same_vector_are_never_parted(catalogue):
    vectors, traffic = catalogue
    tree = grow(vectors, traffic, min_items=1)
    home = {}
    for node in tree.cut(tree.finest):
        for item in members(tree, node):
            assert home.setdefault(vectors[item].tobytes(), node) == node


@settings(max_examples=60, deadline=None)
@given(catalogues(), st.sampled_from([0.1, 0.3, 0.5]))
@example((unit(np.random.default_rng(0).normal(size=(30, 4))), np.arange(30)), 0.3)
def test_each_side_keeps_its_share_where_single_items_allow(catalogue, min_side):
    vectors, traffic = catalogue
    tree = grow(vectors, traffic, min_items=1, min_side=min_side)
    weight = traffic + UNSEEN_SHARE * traffic.mean() if traffic.any() else np.ones(len(traffic))
    _, same = np.unique(vectors, axis=0, return_inverse=True)
    for left in range(1, len(tree.lo), 2):
        inside = [list(members(tree, node)) for node in (tree.parent[left], left, left + 1)]
        heaviest = np.bincount(same.ravel()[inside[0]], weight[inside[0]]).max()
        total = weight[inside[0]].sum()
        smaller = min(weight[inside[1]].sum(), weight[inside[2]].sum())
        assert smaller >= min_side * total - heaviest - 1e-9 * total


def test_planted_blobs_are_found_at_their_number():
    vectors, blob = blobs(24, 40)
    tree = grow(vectors, np.random.default_rng(1).integers(0, 50, len(blob)))
    found = np.empty(len(blob), int)
    for place, node in enumerate(tree.cut(24)):
        found[list(members(tree, node))] = place
    assert adjusted_mutual_info_score(blob, found) > 0.9


def test_coherence_is_the_weighted_mean_cosine_to_the_weighted_centroid():
    vectors, _ = blobs(5, 20, spread=0.2)
    traffic = np.random.default_rng(0).integers(0, 9, 100)
    tree = grow(vectors, traffic)
    weight = traffic + UNSEEN_SHARE * traffic.mean()
    for node in (0, 1, 2, len(tree.lo) - 1):
        inside = list(members(tree, node))
        centroid = weight[inside] @ vectors[inside]
        cosine = vectors[inside] @ (centroid / np.linalg.norm(centroid))
        assert tree.coherence[node] == pytest.approx(np.average(cosine, weights=weight[inside]), abs=1e-5)


def test_the_node_with_the_most_traffic_is_split_next():
    vectors, _ = blobs(20, 30)
    traffic = np.random.default_rng(0).pareto(1.5, 600)
    tree = grow(vectors, traffic, min_items=1)
    weight = tree.traffic + UNSEEN_SHARE * traffic.mean() * (tree.hi - tree.lo)
    for granularity in range(2, 30):
        nodes = tree.cut(granularity)
        split = nodes[tree.dies[nodes] == granularity + 1]
        assert weight[split] == pytest.approx(weight[nodes][tree.hi[nodes] - tree.lo[nodes] > 1].max())


def test_the_finest_interests_hold_enough_items():
    vectors, _ = blobs(30, 10, spread=0.3)
    tree = grow(vectors, np.random.default_rng(0).pareto(1, 300), min_items=5)
    leaves = tree.cut(tree.finest)
    assert (tree.hi[leaves] - tree.lo[leaves]).min() >= 5
    assert tree.finest >= 30


def test_it_stops_at_the_finest_that_was_asked_for():
    vectors, _ = blobs(10, 20)
    assert grow(vectors, np.ones(200), finest=7).finest == 7


def test_ten_items_still_make_interests():
    vectors, _ = blobs(2, 5)
    tree = grow(vectors, np.ones(10))
    assert tree.finest > 2
    assert members(tree, 1) in ({0, 1, 2, 3, 4}, {5, 6, 7, 8, 9})


def test_one_item_with_half_of_all_traffic_leaves_the_rest_divisible():
    vectors, _ = blobs(8, 25)
    traffic = np.ones(200)
    traffic[7] = 200
    tree = grow(vectors, traffic)
    assert tree.finest > 8
    assert (tree.hi - tree.lo).min() >= TreeConfig.min_items


def test_no_traffic_at_all_counts_items():
    vectors, _ = blobs(4, 25)
    tree = grow(vectors, np.zeros(100))
    assert tree.traffic.sum() == 0
    assert (tree.hi - tree.lo)[tree.cut(4)].tolist() == [25] * 4


def test_a_large_node_is_split_on_a_sample():
    vectors, blob = blobs(4, 1_500, dimensions=8)
    tree = grow(vectors, np.ones(6_000), finest=4)
    for node in tree.cut(4):
        assert len(set(blob[list(members(tree, node))])) == 1


def mean_coherence(tree, granularity):
    """Of a tree without traffic, where every item weighs the same."""
    nodes = tree.cut(granularity)
    return np.average(tree.coherence[nodes], weights=tree.hi[nodes] - tree.lo[nodes])


def test_a_guided_tree_is_more_coherent_than_one_grown_at_once(monkeypatch):
    vectors, _ = blobs(50, 40, spread=0.3)
    guided = grow(vectors, np.zeros(len(vectors)))
    monkeypatch.setattr(interest_tree, "_passes", lambda finest, most: [finest])
    at_once = grow(vectors, np.zeros(len(vectors)))
    for granularity in (12, 25, 50, 100):
        assert mean_coherence(guided, granularity) > mean_coherence(at_once, granularity)


def test_a_large_catalogue_is_guided_by_a_sample(monkeypatch):
    vectors, _ = blobs(50, 40, spread=0.3)
    monkeypatch.setattr(interest_tree, "GUIDED_ITEMS", 1_000)
    by_sample = grow(vectors, np.zeros(len(vectors)))
    assert sorted(by_sample.order.tolist()) == list(range(len(vectors)))
    monkeypatch.setattr(interest_tree, "_passes", lambda finest, most: [finest])
    at_once = grow(vectors, np.zeros(len(vectors)))
    assert mean_coherence(by_sample, 50) > mean_coherence(at_once, 50)


@given(st.integers(2, 10_000), st.integers(0, 10_000))
def test_every_pass_is_finer_and_the_last_is_the_finest(finest, most):
    sizes = interest_tree._passes(finest, most)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == finest


def test_each_side_keeps_items_where_traffic_allows():
    vectors, _ = blobs(2, 50)
    few = np.isin(np.arange(100), range(10))
    tree = grow(vectors, np.where(few, 9, 1), finest=2)
    assert (tree.hi - tree.lo).min() >= 30


def test_nearly_everything_the_same_is_two_interests():
    vectors = unit(np.vstack([np.tile([1.0, 0.0, 0.0], (99, 1)), [[0.0, 1.0, 0.0]]]))
    tree = grow(vectors, np.ones(100))
    assert tree.finest == 2
    assert {len(members(tree, 1)), len(members(tree, 2))} == {99, 1}


@pytest.mark.parametrize("n", [2, 50])
def test_all_identical_texts_are_too_little(n):
    with pytest.raises(TooLittleData, match="same text"):
        grow(np.tile(unit(np.ones((1, 4))), (n, 1)), np.ones(n))


@pytest.mark.parametrize("n", [0, 1])
def test_one_item_is_too_little(n):
    with pytest.raises(TooLittleData, match=f"Found {n} item"):
        grow(np.ones((n, 4)), np.ones(n))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_named(value):
    vectors, _ = blobs(2, 10)
    vectors[4, 1] = value
    with pytest.raises(EmbedderError, match="item number 5"):
        grow(vectors, np.ones(20))


def test_vectors_of_any_length_are_read_by_direction():
    vectors, _ = blobs(4, 20)
    stretched = vectors * np.random.default_rng(0).uniform(0.5, 4, (80, 1))
    tree, same = grow(stretched, np.ones(80)), grow(vectors, np.ones(80))
    np.testing.assert_allclose(tree.coherence[:7], same.coherence[:7], atol=1e-5)
