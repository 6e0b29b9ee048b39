"""What is measured of descriptions: bracketed by perfect and shuffled words, missing where nothing can be known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_server import LlmServer
from test_model_answers import built, describe, path, quick, work  # noqa: F401  fixtures
from test_taxonomy import random_tree

from hierex.config import VECTORS_IN_FILE, EmbeddingConfig, TreeConfig
from hierex.descriptions import Description
from hierex.descriptions.quality import ALL_ITEMS, MOST_ITEMS, NOT_COMPARABLE, measure_descriptions, measure_likeness
from hierex.interest_tree import grow_tree
from hierex.synthetic import make_world
from hierex.taxonomy import cut_tree
from hierex.workspace_measures import quality_of

PHRASES = ("bread", "yeast", "oven", "flour", "crust")
UNLIKE = np.eye(20, 32, dtype=np.float32)
"""Words of which none are alike."""


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def describe_all(n, **more):
    return [Description(k, f"Name {k}", (*PHRASES, f"topic {k}"), "", "human", **more) for k in range(n)]


@pytest.fixture(scope="module")
def planted():
    """A taxonomy of the planted interests, the items' vectors, and the best words there can be: the centroids."""
    world = make_world(n_items=1_500, n_users=50, n_interactions=500, seed=2, n_interests=20)
    vectors = world.vectors(dimensions=32)
    taxonomy = cut_tree(grow_tree(vectors, np.ones(len(vectors)), config=TreeConfig(), seed=0), 20)
    words = unit(np.add.reduceat(vectors[taxonomy.order], taxonomy.lo))
    return taxonomy, vectors, words


def measure(planted, words=None, descriptions=None, shown=None, vectors=0):
    taxonomy, own, perfect = planted
    return measure_descriptions(
        taxonomy,
        descriptions or describe_all(taxonomy.n_clusters),
        perfect if words is None else words,
        own if isinstance(vectors, int) else vectors,
        shown=shown or {},
    )


def test_perfect_words_find_their_items_and_shuffled_ones_no_more_than_chance(planted):
    taxonomy, _, words = planted
    perfect = measure(planted)
    assert perfect.found > 0.9
    assert perfect.table["mrr"].mean() > 0.95
    shuffled = [measure(planted, np.random.default_rng(seed).permutation(words)) for seed in range(10)]
    assert np.mean([quality.found for quality in shuffled]) < 3 / taxonomy.n_clusters
    assert (perfect.table["mrr"] >= perfect.table["found"]).all()
    assert perfect.note == ALL_ITEMS


def test_exchanged_words_are_named(planted):
    taxonomy, _, words = planted
    exchanged = words.copy()
    exchanged[[3, 8]] = words[[8, 3]]
    table = measure(planted, exchanged).table
    assert table["mistaken_for"][3] == taxonomy.cluster_ids[8]
    assert table["flags"][3] == ("its items fit “Name 8” better",)
    assert measure(planted).table["flags"][3] == ()


def test_of_two_with_the_same_words_neither_finds_its_items(planted):
    words = planted[2].copy()
    words[5] = words[4]
    table = measure(planted, words).table
    assert table["found"][[4, 5]].tolist() == [0, 0]
    assert table["likeness"][[4, 5]].tolist() == pytest.approx([1, 1])
    assert table["nearest"][4] == planted[0].cluster_ids[5]
    assert "hard to tell from “Name 5”" in table["flags"][4]


def test_the_portions_change_nothing(planted, monkeypatch):
    whole = measure(planted).table
    monkeypatch.setattr("hierex.descriptions.quality.ROWS_AT_ONCE", 17)
    pd.testing.assert_frame_equal(measure(planted).table, whole)


def test_items_that_were_shown_do_not_count_where_enough_are_left(planted):
    taxonomy, vectors, _ = planted
    items, few = taxonomy.items_of(0), taxonomy.items_of(1)
    wrong = vectors.copy()
    wrong[items[:10]] = -vectors[items[:10]]  # what was shown is found by no words
    ids = taxonomy.cluster_ids
    shown = {int(ids[0]): items[:10], int(ids[1]): few[2:]}
    whole, table = (measure(planted, vectors=wrong, shown=some).table for some in ({}, shown))
    assert table["found"][0] > whole["found"][0]
    assert table["n_items"][0] == min(len(items) - 10, MOST_ITEMS)
    assert table["held_out"].tolist() == [True] + [False] * (len(ids) - 1)
    assert table["n_items"][1] == len(few)  # two would be too few
    assert "1 of 20" in measure(planted, shown=shown).note


def test_without_comparable_vectors_it_is_missing_and_said(planted):
    quality = measure(planted, UNLIKE, vectors=None)
    table = quality.table
    assert table[["found", "mrr", "mistaken_for", "mistaken_share"]].isna().all(axis=None)
    assert np.isnan(quality.found)
    assert table["likeness"].notna().all()
    assert quality.note == NOT_COMPARABLE
    assert not any(table["flags"])
    assert list(table) == list(measure(planted).table)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(0, 1_000))
def test_likeness_is_bounded_and_nobody_has_a_nearer_one(n, seed):
    words = unit(np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32))
    taxonomy = cut_tree(random_tree(60, seed), n)
    found = measure_likeness(taxonomy, words)
    nearest = [taxonomy.index_of(cluster_id) for cluster_id in found["nearest"]]
    likeness = found["likeness"]
    assert (np.abs(likeness) <= 1).all()
    assert all(place != other for place, other in enumerate(nearest))
    # The nearest one's own nearest is at least as near.
    assert (likeness[nearest] >= likeness - 1e-6).all()
    assert likeness[np.argmax(likeness)] == pytest.approx(likeness[nearest[int(np.argmax(likeness))]], abs=1e-6)


def test_words_are_checked(planted):
    descriptions = describe_all(20)
    descriptions[1] = replace(descriptions[1], name="One two three four five six & seven")
    descriptions[2] = replace(descriptions[2], phrases=("various breads", "ovens"))
    descriptions[3] = replace(descriptions[3], phrases=tuple(reversed(descriptions[4].phrases)))
    descriptions[5] = replace(descriptions[5], name="Breads of Ovens")
    descriptions[6] = replace(descriptions[6], name="Oven and Bread")
    descriptions[7] = replace(descriptions[7], unclear="two groups")
    descriptions[8] = replace(descriptions[8], summary="About “A Collection of Worlds”.", source="keywords")
    descriptions[9] = replace(descriptions[9], phrases=(*PHRASES, "one two three four five six seven"))
    table = measure(planted, UNLIKE, descriptions, vectors=None).table
    said = dict(enumerate(table["flags"]))
    assert said.pop(1) == ("long name",)
    assert table["name_words"][1] == 7
    assert said.pop(2) == ("only 2 phrases", "vague word: various")
    assert (said.pop(3), said.pop(4)) == (("same phrases as “Name 4”",), ("same phrases as “Name 3”",))
    assert (said.pop(5), said.pop(6)) == (("same name as “Oven and Bread”",), ("same name as “Breads of Ovens”",))
    assert said.pop(7) == ("its items don't belong together, says the language model",)
    assert said.pop(9) == ("long phrase",)
    assert not any(said.values()), said


def test_of_a_workspace(work):  # noqa: F811  a fixture
    """Words are read once and kept; what a model was shown does not count for it."""
    keywords = quality_of(work, work.taxonomy, {})
    assert keywords.note == ALL_ITEMS
    assert keywords.found > 2 / work.taxonomy.n_clusters
    with LlmServer() as server:
        describe(work, server)
    asked = []
    by_model = quality_of(work, work.taxonomy, {}, progress=asked.append)
    assert asked
    unread = work.taxonomy.hi - work.taxonomy.lo
    assert by_model.table["held_out"].any()
    assert (by_model.table["n_items"][by_model.table["held_out"]] < unread[by_model.table["held_out"]]).all()
    again = quality_of(work, work.taxonomy, {}, progress=lambda share: pytest.fail("read again"))
    pd.testing.assert_frame_equal(again.table, by_model.table)


def test_of_a_workspace_whose_items_brought_vectors(work):  # noqa: F811  a fixture
    work.config = replace(work.config, embedding=EmbeddingConfig(model=VECTORS_IN_FILE))
    quality = quality_of(work, work.taxonomy, {})
    assert quality.note == NOT_COMPARABLE
    assert quality.table["found"].isna().all()


def test_a_number_that_hierex_gave_makes_no_other_name_and_no_long_one(planted):
    descriptions = describe_all(planted[0].n_clusters)
    said = {3: "Bread of the Old World", 4: "Bread of the Old World (2)", 7: "1984 (1949)"}
    for place, name in said.items():
        descriptions[place] = replace(descriptions[place], name=name)
    flags = measure(planted, UNLIKE, descriptions, vectors=None).table["flags"]
    assert flags[3] == ("same name as “Bread of the Old World (2)”",)
    assert flags[4] == ("same name as “Bread of the Old World”",)
    assert flags[7] == ()
