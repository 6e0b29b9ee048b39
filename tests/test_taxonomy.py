"""A cut and what it says of items and of the finest nodes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierex.config import TreeConfig
from hierex.errors import ConfigError
from hierex.interest_tree import grow_tree
from hierex.taxonomy import cluster_of_leaf, cut_tree, default_granularity, leaf_of_item


def random_tree(n_items, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_items, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return grow_tree(vectors, rng.poisson(3, n_items), config=TreeConfig(min_items=2), seed=seed)


trees = st.builds(random_tree, st.integers(8, 90), st.integers(0, 1_000))


@settings(max_examples=40, deadline=None)
@given(trees, st.data())
def test_items_and_clusters_agree(tree, data):
    taxonomy = cut_tree(tree, data.draw(st.integers(2, tree.finest)))
    for cluster, cluster_id in enumerate(taxonomy.cluster_ids):
        assert (taxonomy.cluster_of_item[taxonomy.items_of(cluster)] == cluster).all()
        assert taxonomy.index_of(cluster_id) == cluster
        assert taxonomy.traffic[cluster] == tree.traffic[cluster_id]
    assert np.bincount(taxonomy.cluster_of_item).tolist() == (taxonomy.hi - taxonomy.lo).tolist()


@settings(max_examples=40, deadline=None)
@given(trees, st.data())
def test_a_finer_cut_refines_a_coarser_one_and_what_stays_keeps_its_id(tree, data):
    coarse = cut_tree(tree, data.draw(st.integers(2, tree.finest)))
    fine = cut_tree(tree, data.draw(st.integers(coarse.n_clusters, tree.finest)))
    pairs = np.unique(np.column_stack([fine.cluster_of_item, coarse.cluster_of_item]), axis=0)
    assert len(pairs) == fine.n_clusters
    for cluster_id in set(coarse.cluster_ids) & set(fine.cluster_ids):
        here, there = coarse.index_of(cluster_id), fine.index_of(cluster_id)
        assert coarse.items_of(here).tolist() == fine.items_of(there).tolist()


@settings(max_examples=40, deadline=None)
@given(trees, st.data())
def test_the_way_over_the_leaves_leads_to_the_same_cluster(tree, data):
    taxonomy = cut_tree(tree, data.draw(st.integers(2, tree.finest)))
    leaf, cluster = leaf_of_item(tree), cluster_of_leaf(tree, taxonomy)
    assert cluster.shape == (tree.finest,)
    np.testing.assert_array_equal(cluster[leaf], taxonomy.cluster_of_item)
    np.testing.assert_array_equal(leaf, cut_tree(tree, tree.finest).cluster_of_item)


@pytest.mark.parametrize("granularity", [-1, 0, 1, 10_000])
def test_a_granularity_that_is_not_there_is_refused(granularity):
    with pytest.raises(ConfigError, match=r"2 to \d+"):
        cut_tree(random_tree(40, 0), granularity)


def test_an_interest_that_is_not_in_the_cut_is_refused():
    with pytest.raises(ConfigError, match="Interest 0 does not exist"):
        cut_tree(random_tree(40, 0), 3).index_of(0)


@settings(max_examples=20, deadline=None)
@given(trees, st.integers(0, 10**9))
def test_the_default_granularity_can_always_be_cut(tree, n_interactions):
    assert cut_tree(tree, default_granularity(tree, n_interactions)).n_clusters >= 2
