"""Grounding: only the asked interest, nothing consumed, the best first, and the same whatever else is asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierex import ranking
from hierex.grounding import ground, recommend_anything
from hierex.ranking import best_columns
from hierex.recommenders import PopularityRecommender, RandomRecommender
from hierex.taxonomy import Taxonomy
from hierex.transition_table import Predictions


def taxonomy_of(order, sizes) -> Taxonomy:
    hi = np.cumsum(sizes).astype(np.int32)
    lo = (hi - sizes).astype(np.int32)
    order = np.asarray(order, np.int32)
    cluster_of_item = np.empty(len(order), np.int32)
    cluster_of_item[order] = np.repeat(np.arange(len(sizes)), sizes)
    ones, ids = np.ones(len(sizes)), np.arange(len(sizes), dtype=np.int32)
    return Taxonomy(ids, lo, hi, ones, ones, order, cluster_of_item, np.zeros(len(order), bool), ids, ids)


def predictions_of(users, novel) -> Predictions:
    n = len(users)
    return Predictions(
        np.asarray(users, np.int32),
        np.zeros((n, 2), np.int32),
        np.ones(n, np.int32),
        np.asarray(novel, np.int32),
        np.ones(n, np.float32),
        np.full(n, "table"),
    )


@st.composite
def worlds(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    n_items = sum(sizes)
    taxonomy = taxonomy_of(draw(st.permutations(range(n_items))), sizes)
    item = st.integers(0, n_items - 1)
    histories = [np.array(h, np.int32) for h in draw(st.lists(st.lists(item, max_size=12), min_size=1, max_size=5))]
    row = st.tuples(st.integers(0, len(histories) - 1), st.integers(0, len(sizes) - 1))
    rows = draw(st.lists(row, max_size=12))
    return taxonomy, histories, [user for user, _ in rows], [cluster for _, cluster in rows]


@given(worlds(), st.integers(1, 8), st.integers(1, 10))
def test_it_gives_the_best_of_the_asked_interest_and_nothing_consumed(world, top, cells):
    taxonomy, histories, users, novel = world
    recommender = RandomRecommender(3, len(taxonomy.order))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "CELLS_AT_ONCE", cells)
        found = ground(predictions_of(users, novel), recommender, taxonomy, [histories[u] for u in users], top=top)
    assert len(found.items) == len(found.scores) == len(found.path) == len(users)
    for user, cluster, items, scores, path in zip(users, novel, found.items, found.scores, found.path, strict=True):
        left = sorted(set(taxonomy.items_of(cluster).tolist()) - set(histories[user].tolist()))
        by_hand = dict(zip(left, recommender.score([histories[user]], np.array(left, np.int64))[0], strict=True))
        assert items.tolist() == sorted(left, key=lambda item: (-by_hand[item], item))[:top]
        assert scores.tolist() == [by_hand[item] for item in items.tolist()]
        assert items.dtype == np.int32
        assert scores.dtype == np.float32
        assert path == ("random" if left else "empty")


@given(worlds(), st.integers(1, 8))
def test_anything_is_the_best_of_all_items(world, top):
    taxonomy, histories, _, _ = world
    n_items = len(taxonomy.order)
    recommender = RandomRecommender(5, n_items)
    found = recommend_anything(recommender, histories, n_items, top=top)
    scores = recommender.score(histories, np.arange(n_items))
    for row, history in enumerate(histories):
        left = [item for item in range(n_items) if item not in history]
        assert found.items[row].tolist() == sorted(left, key=lambda item: -scores[row, item])[:top]
        assert found.path[row] == ("random" if left else "empty")


@given(
    st.lists(st.sampled_from([-np.inf, -2.5, -1e-30, -0.0, 0.0, 1e-30, 1.0, 7.0]), min_size=1, max_size=20), st.data()
)
def test_equal_scores_come_in_the_order_of_the_columns(values, data):
    top = data.draw(st.integers(0, len(values) + 2))
    table = np.array([values, values[::-1]], np.float32)
    expected = np.argsort(-table, axis=1, kind="stable")[:, :top]
    assert best_columns(table, top).tolist() == expected.tolist()


def test_equal_items_come_by_index_not_by_place_in_the_item_order():
    taxonomy = taxonomy_of([5, 3, 1, 4, 2, 0], [3, 3])
    found = ground(predictions_of([0], [0]), PopularityRecommender(np.ones(6)), taxonomy, [np.array([2])], top=2)
    assert found.items[0].tolist() == [1, 3]


def test_an_interest_with_nothing_left_is_said_to_be_empty():
    taxonomy = taxonomy_of(range(5), [2, 3])
    history = np.array([1, 0, 1])
    found = ground(predictions_of([7, 7], [0, 1]), PopularityRecommender(np.arange(5)), taxonomy, [history] * 2, top=9)
    assert [items.tolist() for items in found.items] == [[], [4, 3, 2]]
    assert found.scores[0].dtype == np.float32
    assert found.path.tolist() == ["empty", "popularity"]


def test_no_predictions_give_no_rows():
    taxonomy = taxonomy_of(range(4), [2, 2])
    found = ground(predictions_of([], []), PopularityRecommender(np.ones(4)), taxonomy, [], top=3)
    assert found.items == found.scores == found.path.tolist() == []
    assert recommend_anything(PopularityRecommender(np.ones(4)), [], 4, top=3).items == []


def test_users_are_encoded_once_and_an_interest_is_scored_in_one_piece():
    class Counting(RandomRecommender):
        encoded, scored = 0, 0

        def encode(self, histories):
            self.encoded += len(histories)
            return super().encode(histories)

        def score_encoded(self, users, items):
            self.scored += 1
            return super().score_encoded(users, items)

    recommender, taxonomy = Counting(0, 60), taxonomy_of(range(60), [20, 20, 20])
    users, novel = np.repeat(np.arange(50), 2), np.tile([0, 2], 50)
    ground(predictions_of(users, novel), recommender, taxonomy, [np.array([u % 60]) for u in users], top=3)
    assert (recommender.encoded, recommender.scored) == (50, 2)


def test_hidden_items_are_left_out_of_an_interest_that_is_shown():
    taxonomy = taxonomy_of(range(6), [4, 2])
    hidden = replace(taxonomy, hidden_items=np.array([True, False, True, False, True, True]))
    recommender = PopularityRecommender(np.array([9, 5, 8, 1, 1, 1]))
    found = ground(predictions_of([0, 0], [0, 1]), recommender, hidden, [np.array([1])] * 2, top=5)
    assert [items.tolist() for items in found.items] == [[3], []]
    assert found.path.tolist() == ["popularity", "empty"]
    assert hidden.hidden.tolist() == [False, True]


def test_what_was_not_liked_is_left_out_and_not_read():
    taxonomy, recommender = taxonomy_of(range(4), [2, 2]), PopularityRecommender(np.array([1, 9, 5, 5]))
    had, disliked = [np.empty(0, np.int32)] * 2, [np.array([1], np.int32), np.empty(0, np.int32)]
    found = ground(predictions_of([0, 1], [0, 0]), recommender, taxonomy, had, top=4, disliked=disliked)
    assert [items.tolist() for items in found.items] == [[0], [1, 0]]
    free = recommend_anything(recommender, had, 4, top=4, disliked=disliked)
    assert [items.tolist() for items in free.items] == [[2, 3, 0], [1, 2, 3, 0]]
