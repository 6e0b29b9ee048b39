"""From one taxonomy to another."""

import numpy as np
from test_taxonomy import random_tree

from hierex.charts import interest_flow
from hierex.comparison import compare_taxonomies
from hierex.taxonomy import cut_tree


def test_between_two_taxonomies_only_what_differs_is_told():
    tree = random_tree(80, 5)
    before, after = cut_tree(tree, 9), cut_tree(tree, 11)
    traffic = np.arange(80.0)
    changes = compare_taxonomies(before, after, traffic)
    gone = set(before.cluster_ids.tolist()) - set(after.cluster_ids.tolist())
    come = set(after.cluster_ids.tolist()) - set(before.cluster_ids.tolist())
    assert set(changes["before_id"]) == gone
    assert set(changes["after_id"]) == come
    for cluster_id, rows in changes.groupby("after_id"):
        items = after.items_of(after.index_of(cluster_id))
        assert rows["n_items"].sum() == len(items)
        assert rows["traffic"].sum() == traffic[items].sum()
    assert not len(compare_taxonomies(before, before, traffic))


def test_the_flow_draws_the_widest_bands_and_says_so():
    tree = random_tree(200, 5)
    before, after = cut_tree(tree, 2), cut_tree(tree, tree.finest)
    changes = compare_taxonomies(before, after, np.ones(200))
    names = {node: f"<i>{node}</i>" for node in range(len(tree.lo))}
    figure = interest_flow(changes, names, names, {})
    assert len(figure.data[0].link.value) == 40
    assert f"of {len(changes)}" in figure.layout.annotations[0].text
    assert all("<i>" not in label for label in figure.data[0].node.label)
    assert "the same on both sides" in interest_flow(changes[:0], names, names, {}).layout.annotations[0].text
