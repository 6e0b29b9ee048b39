"""From one taxonomy to another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_taxonomy import random_tree

from hierex.charts import interest_flow
from hierex.taxonomy import CurationEdit, curate, cut_tree
from hierex.taxonomy.comparison import align_taxonomies, taxonomy_facts


def test_two_taxonomies_are_aligned_and_what_stays_is_marked():
    tree = random_tree(80, 5)
    before, after = cut_tree(tree, 9), cut_tree(tree, 11)
    traffic = np.arange(80.0)
    pairs = align_taxonomies(before, after, traffic)
    gone = set(before.cluster_ids.tolist()) - set(after.cluster_ids.tolist())
    come = set(after.cluster_ids.tolist()) - set(before.cluster_ids.tolist())
    changes = pairs[~pairs["same"]]
    assert set(changes["before_id"]) == gone
    assert set(changes["after_id"]) == come
    for cluster_id, rows in pairs.groupby("after_id"):
        items = after.items_of(after.index_of(cluster_id))
        assert rows["n_items"].sum() == len(items)
        assert rows["traffic"].sum() == traffic[items].sum()
    assert align_taxonomies(before, before, traffic)["same"].all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.integers(2, 12), st.integers(2, 12), st.booleans())
def test_parts_of_an_interest_add_up_and_stand_together_busiest_first(seed, one, other, is_silent):
    tree = random_tree(60, seed)
    before, after = (cut_tree(tree, min(n, tree.finest)) for n in (one, other))
    traffic = np.zeros(60) if is_silent else np.random.default_rng(seed).integers(0, 9, 60).astype(float)
    pairs = align_taxonomies(before, after, traffic)
    by_first = pairs.groupby("before_id", sort=False)
    assert by_first["share"].sum().to_numpy() == pytest.approx(np.ones(before.n_clusters))
    assert pairs["before_id"].ne(pairs["before_id"].shift()).sum() == before.n_clusters  # never torn apart
    assert (np.diff(by_first["traffic"].sum()) <= 1e-9).all()


def test_facts_of_a_taxonomy():
    tree = random_tree(80, 5)
    facts = taxonomy_facts(cut_tree(tree, 9))
    assert facts["interests"] == 9
    assert facts["smallest_items"] <= facts["median_items"] <= facts["largest_items"]
    assert facts["largest_over_mean"] >= 1
    merged = curate(tree, 3, [CurationEdit(1, "merge", tuple(tree.cut(3)[:2].tolist()))])[0]
    assert taxonomy_facts(merged)["coherence"] == pytest.approx(merged.coherence[np.isfinite(merged.coherence)][0])


def test_the_flow_draws_every_interest_with_its_largest_parts():
    tree = random_tree(200, 5)
    before, after = cut_tree(tree, 20), cut_tree(tree, tree.finest)
    pairs = align_taxonomies(before, after, np.ones(200))
    names = {node: f"<i>{node}</i>" for node in range(len(tree.lo))}
    figure = interest_flow(pairs, names, names, {})
    link = figure.data[0].link
    assert set(np.bincount(link.source)) <= {1, 2, 3}
    assert len(set(link.source)) == 20
    assert sum(link.value) == pytest.approx(pairs["traffic"].sum())
    assert sum(link.customdata) == pairs["n_items"].sum()
    assert any("others" in label for label in figure.data[0].node.label)
    assert not figure.layout.annotations
    finer = interest_flow(align_taxonomies(cut_tree(tree, 30), after, np.ones(200)), names, names, {})
    assert "20 of 30" in finer.layout.annotations[0].text
    assert all("<i>" not in label for label in figure.data[0].node.label)
    assert interest_flow(pairs, names, names, {}, dark=True).data[0].textfont.color != figure.data[0].textfont.color
    assert "the same on both sides" in interest_flow(pairs[:0], names, names, {}).layout.annotations[0].text
