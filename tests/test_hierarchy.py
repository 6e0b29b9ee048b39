"""Charts of the tree: from coarse to fine, and from one taxonomy to another."""

import numpy as np
import pytest
from test_taxonomy import random_tree

from hierex.charts import interest_flow, interest_icicle
from hierex.comparison import compare_taxonomies
from hierex.taxonomy import CurationEdit, curate, cut_tree


def test_the_hierarchy_holds_every_interest_inside_what_it_was_split_from():
    tree = random_tree(80, 5)
    taxonomy = curate(tree, 9, [CurationEdit(1, "merge", tuple(tree.cut(9)[[0, 4]].tolist()))])[0]
    names = {node: f"<b>node {node}</b>" for node in range(len(tree.lo))}
    trace = interest_icicle(tree, taxonomy, names).data[0]
    shown = {int(node): parent for node, parent in zip(trace.ids, trace.parents, strict=True)}
    assert set(tree.cut(9).tolist()) <= set(shown)
    assert all(parent == "" if node == 0 else int(parent) == tree.parent[node] for node, parent in shown.items())
    values = dict(zip(shown, trace.values, strict=True))
    for node in shown:
        inside = sum(values[other] for other in shown if other and tree.parent[other] == node)
        assert inside in (0, pytest.approx(values[node]))
    assert "&lt;b&gt;node" in trace.labels[1]


def test_a_hierarchy_of_too_many_interests_says_what_it_leaves_out(monkeypatch):
    monkeypatch.setattr("hierex.charts.hierarchy.DRAWN_NODES", 5)
    tree = random_tree(80, 5)
    figure = interest_icicle(tree, cut_tree(tree, 20), dict.fromkeys(range(len(tree.lo)), "x"))
    assert "with most traffic of 39" in figure.layout.annotations[0].text
    assert len(figure.data[0].ids) < 39


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
