"""Moves counted between two interests: people, shares, and what is too rare to be shown."""

import numpy as np
import pytest

from hierex.errors import ConfigError
from hierex.move_pairs import count_pairs, list_pairs, most_moving, without_rare
from hierex.transitions import Moves, Transitions


def moves(contexts, novel, n_clusters=5):
    n = len(novel)
    return Moves(
        np.array(contexts, np.int32), np.array(novel, np.int32), np.arange(n, dtype=np.int32), np.arange(n), n_clusters
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
    listed = list_pairs(count_pairs(MOVES), fewest=3)
    assert listed[["before", "after", "n_users"]].to_numpy().tolist() == [[1, 2, 3], [0, 2, 3]]
    assert listed["share"].tolist() == [1.0, 0.75]
    # 4 of 9 moves start at interest 0, 6 of 9 lead to 2.
    assert listed.set_index("before").loc[0, "lift"] == pytest.approx(3 / (4 * 6 / 9))
    assert not len(list_pairs(count_pairs(MOVES), fewest=4))
    with pytest.raises(ConfigError, match="0 people"):
        list_pairs(count_pairs(MOVES), fewest=0)


def test_the_interests_with_most_moves_in_the_order_of_the_tree():
    assert most_moving(count_pairs(MOVES), 3).tolist() == [0, 1, 2]
    assert most_moving(count_pairs(MOVES), 99).tolist() == [0, 1, 2, 3, 4]
    assert not len(most_moving(count_pairs(moves(np.zeros((0, 2)), [])), 3))


def test_rare_transitions_are_left_out_whole():
    every = Transitions(np.array([[0, 1], [1, 0]]), np.array([2, 2]), np.array([4, 1]), 5)
    kept = without_rare(every, fewest=2)
    assert kept.contexts.tolist() == [[0, 1]]
    assert kept.n_users.tolist() == [4]
