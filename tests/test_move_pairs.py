"""Moves counted between two interests: people, shares, and what is too rare to be shown."""

import numpy as np
import pytest

from hierex.errors import ConfigError
from hierex.transitions import Histories, Moves, Transitions, list_moves
from hierex.transitions.pairs import count_pairs, list_pairs, strongest, without_rare


def moves(contexts, novel, n_clusters=5, users=None):
    n = len(novel)
    user = np.arange(n) if users is None else np.array(users)
    return Moves(
        np.array(contexts, np.int32), np.array(novel, np.int32), user.astype(np.int32), np.arange(n), n_clusters
    )


MOVES = moves([(0, 1), (0, 1), (1, 0), (3, 3), (0, 2)], [2, 2, 2, 4, 1])


def test_a_move_counts_once_from_each_interest_of_its_context():
    pairs = count_pairs(MOVES)
    assert pairs[0, 2] == 3
    assert pairs[1, 2] == 3
    assert pairs[3, 4] == 1, "a context of one interest twice is one person"
    assert pairs[0, 1] == 1
    assert pairs[2, 1] == 1
    assert pairs.sum() == 9


def test_pairs_of_too_few_people_are_not_listed_and_shares_are_of_all():
    listed = list_pairs(MOVES, fewest=3)
    assert listed[["before", "after", "n_users"]].to_numpy().tolist() == [[1, 2, 3], [0, 2, 3]]
    assert listed["share"].tolist() == [1.0, 0.75]
    # 4 of 9 moves start at interest 0, 6 of 9 lead to 2.
    assert listed.set_index("before").loc[0, "lift"] == pytest.approx(3 / (4 * 6 / 9))
    assert not len(list_pairs(MOVES, fewest=4))
    with pytest.raises(ConfigError, match="0 people"):
        list_pairs(MOVES, fewest=0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_share_is_of_people_however_often_they_went_on(k):
    """Ten people go from 0 to 1, 2 and 3, three of them to 4 in place of 3, and one more goes from 0 to 2."""
    lists = [[0, 1, 2, 3]] * 7 + [[0, 1, 2, 4]] * 3 + [[0, 2]]
    starts = np.cumsum([0, *map(len, lists)])
    clusters = np.concatenate(lists).astype(np.int32)
    listed = list_pairs(list_moves(Histories(clusters, np.arange(len(clusters)), starts, 5), k=k), fewest=1)
    share = listed.set_index(["before", "after"])["share"]
    assert share[0, 1] == pytest.approx(10 / 11)
    assert share[0, 2] == pytest.approx((11 if k > 1 else 1) / 11)
    assert share[2, 3] == pytest.approx(0.7)
    assert listed["share"].between(0, 1).all()


def test_the_interests_of_the_strongest_moves_in_the_order_of_the_tree():
    pairs = list_pairs(MOVES, fewest=1)
    assert strongest(pairs, 3).tolist() == [0, 1, 2]
    assert strongest(pairs, 4).tolist() == [0, 1, 2], "there is no room for both 3 and 4"
    assert strongest(pairs, 99).tolist() == [0, 1, 2, 3, 4]
    assert not len(strongest(pairs.iloc[:0], 3))


def test_the_strongest_move_is_there_even_if_others_move_more_in_all():
    among = [(one, other) for one in range(3) for other in range(3) if one != other] * 2
    pairs = list_pairs(moves([(a, a) for a, _ in among] + [(3, 3)] * 5, [b for _, b in among] + [4] * 5), fewest=1)
    assert strongest(pairs, 3).tolist() == [3, 4]
    assert strongest(pairs, 4).tolist() in ([0, 1, 3, 4], [0, 2, 3, 4], [1, 2, 3, 4])


def test_rare_transitions_are_left_out_whole():
    every = Transitions(np.array([[0, 1], [1, 0]]), np.array([2, 2]), np.array([4, 1]), 5)
    kept = without_rare(every, fewest=2)
    assert kept.contexts.tolist() == [[0, 1]]
    assert kept.n_users.tolist() == [4]
