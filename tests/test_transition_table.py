"""The table answers as the policy does, and predictions are new to everyone who gets them."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_policies import random_moves

from hierex.config import PolicyConfig, TableConfig
from hierex.errors import ConfigError
from hierex.policies.counts import train_counts
from hierex.transition_table import predict_novel, rank_best, tabulate
from hierex.transitions import Histories


@dataclass
class RandomPolicy:
    """A fixed, arbitrary distribution per context, coarse enough that there are ties."""

    n_clusters: int
    name: str = "random"
    asked: int = 0

    def score(self, contexts: np.ndarray) -> np.ndarray:
        self.asked += len(contexts)
        a, b = np.asarray(contexts, np.int64).T[-2:, :, None]
        scores = -1.0 - ((31 * a + 17 * b + 7 * np.arange(self.n_clusters)) % 5).astype(np.float32)
        np.put_along_axis(scores, np.asarray(contexts, np.int64), -np.inf, axis=1)
        total = np.exp(scores).sum(axis=1, keepdims=True)
        return scores - np.log(np.where(total > 0, total, 1))


def histories_of(lists, n_clusters) -> Histories:
    starts = np.concatenate([[0], np.cumsum([len(history) for history in lists])]).astype(np.int64)
    clusters = np.array([cluster for history in lists for cluster in history], np.int32)
    return Histories(clusters, np.arange(len(clusters)), starts, n_clusters)


@st.composite
def people(draw):
    n_clusters = draw(st.integers(2, 8))
    interest = st.integers(0, n_clusters - 1)
    lists = draw(st.lists(st.lists(interest, unique=True, max_size=n_clusters), min_size=1, max_size=6))
    users = draw(st.lists(st.integers(0, len(lists) - 1), max_size=8))
    contexts = draw(
        st.one_of(
            st.none(),
            st.lists(st.tuples(interest, interest), min_size=len(users), max_size=len(users)).map(
                lambda rows: np.array(rows, np.int32).reshape(-1, 2)
            ),
        )
    )
    return lists, n_clusters, np.array(users, np.int64), contexts


@pytest.mark.parametrize("numbers", [(4, 4, 7), (7, 4, 4), (4, 7, 4)])
def test_a_table_a_policy_and_people_of_other_interests_than_each_other_are_refused(numbers):
    of_table, of_policy, of_people = numbers
    table = tabulate(RandomPolicy(of_table), config=TableConfig(top=2))
    with pytest.raises(ConfigError, match="made for the same interests"):
        predict_novel(RandomPolicy(of_policy), table, histories_of([[0, 1]], of_people), [0], top=1)


@pytest.mark.parametrize("n_clusters", [2, 3, 4, 9, 30])
def test_table_is_the_policys_best(n_clusters, monkeypatch):
    monkeypatch.setattr("hierex.ranking.CELLS_AT_ONCE", 7 * n_clusters)
    policy, shares = RandomPolicy(n_clusters), []
    table = tabulate(policy, config=TableConfig(top=5), progress=shares.append)
    contexts = np.array([(a, b) for a in range(n_clusters) for b in range(n_clusters)])
    scores = policy.score(contexts)
    width = min(5, n_clusters - 2)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :width]
    np.testing.assert_array_equal(table.novel, best)
    np.testing.assert_allclose(table.score, np.exp(np.take_along_axis(scores, best, axis=1)), rtol=1e-6)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) == -(-(n_clusters**2) // 7)


@given(st.lists(st.lists(st.sampled_from([0.0, -0.5, -1.0, -80.0, -np.inf]), min_size=6, max_size=6), min_size=1))
def test_ranking_is_by_score_and_then_by_column(rows):
    scores = np.array(rows, np.float32)
    best, probability = rank_best(scores, 4)
    np.testing.assert_array_equal(best, np.argsort(-scores, axis=1, kind="stable")[:, :4])
    np.testing.assert_allclose(probability, np.exp(np.take_along_axis(scores, best, axis=1)))


@settings(max_examples=200)
@given(people(), st.integers(1, 9), st.integers(1, 4))
def test_predictions_are_the_policys_best_among_what_is_new(world, top, width):
    lists, n_clusters, users, contexts = world
    policy = RandomPolicy(n_clusters)
    table = tabulate(policy, config=TableConfig(top=width))
    found = predict_novel(policy, table, histories_of(lists, n_clusters), users, top=top, contexts=contexts)
    expected = []
    for place, user in enumerate(users):
        history = lists[user]
        if not history:
            continue
        context = ([history[0], *history][-2:]) if contexts is None else contexts[place].tolist()
        scores = policy.score(np.array([context]))[0]
        new = [c for c in np.argsort(-scores, kind="stable") if c not in history and c not in context][:top]
        in_table = [c for c in table.novel[context[0] * n_clusters + context[1]] if c in new]
        path = "table" if len(in_table) == len(new) else "computed"
        expected += [(user, *context, rank, c, path) for rank, c in enumerate(new, start=1)]
    columns = (found.user, *found.context.T, found.rank, found.novel, found.path)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
    scores = policy.score(found.context)[np.arange(len(found)), found.novel] if len(found) else []
    np.testing.assert_allclose(found.score, np.exp(scores), rtol=1e-6)


def test_who_gets_nothing():
    policy = RandomPolicy(4)
    histories = histories_of([[], [0, 1, 2, 3], [0, 1, 3]], 4)
    found = predict_novel(policy, tabulate(policy), histories, np.array([0, 1, 2]), top=10)
    assert (found.user.tolist(), found.rank.tolist(), found.novel.tolist()) == ([2], [1], [2])
    nobody = predict_novel(policy, tabulate(policy), histories, np.array([], int), top=10)
    assert len(nobody) == 0
    assert nobody.context.shape == (0, 2)


def test_look_ups_do_not_ask_the_policy_again():
    policy = RandomPolicy(20)
    table = tabulate(policy)
    policy.asked = 0
    histories = histories_of([[0, 1], [2], list(range(12))], 20)
    found = predict_novel(policy, table, histories, np.array([0, 1, 2]), top=5)
    assert set(found.path[found.user < 2]) == {"table"}
    assert policy.asked == (found.path[found.user == 2][0] == "computed")


def test_many_users_in_parts_get_what_each_gets_alone(monkeypatch):
    policy = RandomPolicy(9)
    table = tabulate(policy)
    rng = np.random.default_rng(0)
    histories = histories_of([rng.permutation(9)[: rng.integers(0, 9)].tolist() for _ in range(40)], 9)
    whole = predict_novel(policy, table, histories, np.arange(40), top=3)
    monkeypatch.setattr("hierex.ranking.CELLS_AT_ONCE", 9 * 4)
    parts = predict_novel(policy, table, histories, np.arange(40), top=3)
    for name in ("user", "context", "rank", "novel", "score", "path"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"users": [5]}, "among the 2 users"),
        ({"users": [-1]}, "among the 2 users"),
        ({"top": 0}, "Choose 1 or more"),
        ({"contexts": np.array([[0, 4]])}, "among the 4"),
        ({"contexts": np.array([[0, 1, 2]])}, "2 interests to start from"),
    ],
)
def test_what_does_not_exist_is_refused(request_, words):
    policy = RandomPolicy(4)
    wanted = {"users": [0], "top": 3} | request_
    users = np.array(wanted.pop("users"))
    with pytest.raises(ConfigError, match=words):
        predict_novel(policy, tabulate(policy), histories_of([[0, 1], [2]], 4), users, **wanted)


def test_a_table_needs_at_least_one_column():
    with pytest.raises(ConfigError, match="Choose 1 or more"):
        tabulate(RandomPolicy(4), config=TableConfig(top=0))


@pytest.mark.parametrize("k", [1, 3])
def test_contexts_of_one_are_looked_up_and_of_three_computed(k):
    moves = random_moves(k=k)
    policy = train_counts(moves, config=PolicyConfig(kind="counts"))
    table = tabulate(policy, k=k)
    assert len(table.novel) == (policy.n_clusters if k == 1 else 0)
    histories = histories_of([[0, 1, 2, 3], [4], [5, 6]], policy.n_clusters)
    found = predict_novel(policy, table, histories, np.arange(3), top=3)
    assert len(found) == 9
    assert set(found.path) == {"table" if k == 1 else "computed"}
    assert found.context.shape[1] == k
    assert found.context[0].tolist() == [0, 1, 2, 3][-k:]
    for user in range(3):
        rows = found.user == user
        scores = policy.score(found.context[rows][:1])[0]
        scores[histories.of(user)] = -np.inf
        assert found.novel[rows].tolist() == np.argsort(-scores, kind="stable")[:3].tolist()


class ReadingPolicy(RandomPolicy):
    """Of a whole history it says that the best is what comes after its largest."""

    def score_histories(self, histories):
        self.asked += histories.n_users
        best = [int(histories.of(user).max()) + 1 for user in range(histories.n_users)]
        steps = np.abs(np.arange(self.n_clusters) - np.array(best)[:, None])
        return -np.log(2.0) * steps.astype(np.float32)


def test_whole_histories_are_read_where_that_is_asked_for():
    policy, histories = ReadingPolicy(9), histories_of([[4, 0], [], [1], [6, 2, 0]], 9)
    users, hidden = np.array([3, 0, 1]), np.arange(9) == 7
    found = predict_novel(policy, tabulate(policy), histories, users, top=2, hidden=hidden, whole=True)
    assert (found.user.tolist(), found.novel.tolist()) == ([3, 3, 0, 0], [8, 5, 5, 6])
    assert set(found.path) == {"history"}
    assert found.context.tolist() == [[2, 0], [2, 0], [4, 0], [4, 0]]
    np.testing.assert_allclose(found.score, [0.5, 0.25, 1, 0.5])


def test_whole_histories_are_refused_where_they_cannot_be_read():
    histories = histories_of([[4, 0]], 9)
    with pytest.raises(ConfigError, match="cannot read whole histories"):
        predict_novel(RandomPolicy(9), tabulate(RandomPolicy(9)), histories, np.array([0]), top=2, whole=True)
    policy, contexts = ReadingPolicy(9), np.array([[1, 2]])
    with pytest.raises(ConfigError, match="no other interests"):
        predict_novel(policy, tabulate(policy), histories, np.array([0]), top=2, contexts=contexts, whole=True)


def test_what_was_asked_beyond_the_table_is_remembered(monkeypatch):
    monkeypatch.setattr("hierex.transition_table.REMEMBERED_CELLS", 2 * 9)
    policy = RandomPolicy(9)
    table, users = tabulate(policy, k=3), np.array([0, 1, 0])
    histories = histories_of([[4, 0, 1], [2, 3, 5], [6, 7, 8]], 9)
    policy.asked = 0
    first = predict_novel(policy, table, histories, users, top=3)
    assert policy.asked == 2
    again = predict_novel(policy, table, histories, users, top=3)
    assert policy.asked == 2
    np.testing.assert_array_equal(first.novel, again.novel)
    predict_novel(policy, table, histories, np.array([2]), top=3)
    assert list(table.asked) == [(4, 0, 1), (6, 7, 8)]
