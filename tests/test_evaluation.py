"""Metrics against their definitions and sklearn's, bracketed by an oracle and by chance; intervals that cover."""

from __future__ import annotations

import doctest
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from hierex import evaluation, metrics, mixing
from hierex.config import EvaluationConfig
from hierex.errors import ConfigError
from hierex.evaluation import Cases, evaluate_items, evaluate_policies, list_quality, rank_answers
from hierex.logs import Interactions
from hierex.metrics import gini, ndcg_at, recall_at, resample_means
from hierex.transitions import Histories

QUICK = EvaluationConfig(resamples=200)
SPLIT = 100


def histories_of(people: list[list[tuple[int, int]]], n_clusters: int) -> Histories:
    """One list of (cluster, clock) per person."""
    rows = [row for person in people for row in person]
    cluster, clock = np.array(rows, np.int64).reshape(-1, 2).T
    starts = np.concatenate([[0], np.cumsum([len(person) for person in people])]).astype(np.int64)
    return Histories(cluster.astype(np.int32), clock, starts, n_clusters)


def walk_histories(n_users: int, n_clusters: int, length: int, seed: int = 0) -> Histories:
    """Everyone walks upwards through the interests from a place of their own; half of the walk is held out."""
    rng = np.random.default_rng(seed)
    clock = np.linspace(0, 2 * SPLIT - 1, length).astype(int)
    begin = rng.integers(n_clusters, size=n_users)
    return histories_of(
        [[((b + step) % n_clusters, t) for step, t in enumerate(clock)] for b in begin], n_clusters=n_clusters
    )


@dataclass
class Scripted:
    """A policy that scores what a function says, given the contexts."""

    answer: callable
    name: str = "scripted"

    def score(self, contexts: np.ndarray) -> np.ndarray:
        return self.answer(contexts).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {}


def walk_oracle(n_clusters: int) -> Scripted:
    return Scripted(lambda contexts: -((np.arange(n_clusters) - contexts[:, -1:] - 1) % n_clusters))


def random_policy(n_clusters: int, seed: int = 3) -> Scripted:
    rng = np.random.default_rng(seed)
    return Scripted(lambda contexts: rng.normal(size=(len(contexts), n_clusters)))


def value(table: pd.DataFrame, policy: str, metric: str, column: str = "value") -> float:
    rows = table[(table.iloc[:, 0] == policy) & (table["metric"] == metric)]
    assert len(rows) == 1
    return rows[column].iloc[0]


# ---------------------------------------------------------------- formulas


def test_examples_in_docstrings_run():
    assert doctest.testmod(metrics).attempted >= 3
    assert doctest.testmod(metrics).failed == 0
    for module in (evaluation, list_quality, mixing):
        assert doctest.testmod(module).failed == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(1, 12), st.data())
def test_ndcg_is_sklearns_also_where_scores_are_equal(scores, k, data):
    scores = np.array(scores, float)
    answer = data.draw(st.integers(0, len(scores) - 1))
    truth = np.zeros((1, len(scores)))
    truth[0, answer] = 1
    better, tied = np.array([(scores > scores[answer]).sum()]), np.array([(scores == scores[answer]).sum()])
    assert ndcg_at(better, tied, k=k)[0] == pytest.approx(ndcg_score(truth, scores[None], k=k))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), st.integers(1, 20), st.integers(1, 15))
def test_equal_scores_are_judged_by_the_average_over_their_orders(better, tied, k):
    ranks = np.arange(better + 1, better + tied + 1)
    arguments = np.array([better]), np.array([tied])
    assert recall_at(*arguments, k=k)[0] == pytest.approx((ranks <= k).mean())
    gains = np.where(ranks <= k, 1 / np.log2(1 + ranks), 0)
    assert ndcg_at(*arguments, k=k)[0] == pytest.approx(gains.mean())


def test_gini_is_the_mean_absolute_difference_over_twice_the_mean():
    x = np.random.default_rng(0).pareto(1.5, 200)
    assert gini(x) == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()))
    assert np.isnan(gini(np.zeros(3)))
    assert np.isnan(gini(np.array([])))


# ---------------------------------------------------------------- policies


def test_oracle_and_random_bracket_every_metric():
    n = 40
    histories = walk_histories(n_users=120, n_clusters=n, length=12)
    table = evaluate_policies(
        {"oracle": walk_oracle(n), "random": random_policy(n)}, histories, split=SPLIT, k=2, config=QUICK
    )
    for metric in ("recall@1", "recall@5", "recall@10", "ndcg@10"):
        assert value(table, "oracle", metric) == 1
        assert value(table, "random", metric) == pytest.approx(value(table, "chance", metric), abs=0.06)
        assert 0 < value(table, "popularity", metric) < 1
        assert value(table, "chance", metric) < 0.4


def test_chance_is_the_exact_expectation():
    histories = walk_histories(n_users=9, n_clusters=30, length=8)
    table = evaluate_policies({}, histories, split=SPLIT, k=2, config=QUICK)
    candidates = 30 - np.arange(4, 8)
    for k in (1, 5, 10):
        assert value(table, "chance", f"recall@{k}") == pytest.approx((np.minimum(k, candidates) / candidates).mean())


def test_popularity_counts_people_who_moved_before_the_split_and_nothing_after():
    people = [
        [(0, 1), (3, 2)],
        [(1, 1), (3, 2)],
        [(1, 1), (4, 2)],
        [(0, 1), (2, 150)],
        [(1, 1), (2, 151)],
        [(5, 1), (2, 152)],
    ]
    table = evaluate_policies({}, histories_of(people, n_clusters=6), split=SPLIT, k=2, config=QUICK)
    # Interest 2 gathers most people only after the split: it has to stand behind 3 and 4, level with the others.
    assert value(table, "popularity", "recall@1") == 0
    assert value(table, "popularity", "recall@5", "n_cases") == 3
    assert value(table, "popularity", "recall@5") == 1


def test_nothing_of_the_history_is_a_candidate():
    """A policy that loves what the person knows is not hurt by it, since that is not asked for."""
    n = 12
    histories = histories_of([[(c, t) for t, c in enumerate([5, 2, 9, 7])] + [(1, SPLIT)]], n_clusters=n)
    loves_the_known = Scripted(lambda contexts: np.tile([0, 1, 9, 0, 0, 9, 0, 9, 0, 9, 0, 0], (len(contexts), 1)))
    table = evaluate_policies({"loving": loves_the_known}, histories, split=SPLIT, k=2, config=QUICK)
    assert value(table, "loving", "recall@1") == 1


def test_contexts_are_the_latest_interests_before_the_move():
    seen = []

    def answer(contexts):
        seen.append(contexts)
        return np.zeros((len(contexts), 9))

    people = [[(4, 0), (3, 120), (8, 130)], [(7, 0), (6, 1), (5, 2), (2, SPLIT)], [(1, 0), (0, SPLIT - 1)], [(2, 200)]]
    evaluate_policies({"p": Scripted(answer)}, histories_of(people, 9), split=SPLIT, k=2, config=QUICK)
    assert np.concatenate(seen).tolist() == [[4, 4], [4, 3], [6, 5]]


@dataclass
class Remembering(Scripted):
    """Answers from whole histories too; `seen` keeps what it was given."""

    seen: list = field(default_factory=list)

    def score_histories(self, histories: Histories) -> np.ndarray:
        self.seen += [histories.of(user).tolist() for user in range(histories.n_users)]
        return np.array([np.arange(9) == histories.of(user)[0] + 1 for user in range(histories.n_users)], np.float32)


def test_policies_that_read_histories_are_measured_from_all_before_the_move_too(monkeypatch):
    """People go to the one after their first interest, which is out of the sight of the latest one alone."""
    people = [[(4, 0), (8, 120), (5, 130)], [(2, 0), (7, 1), (0, 2), (3, SPLIT)], [(1, 0), (0, SPLIT - 1)], [(2, 200)]]
    policy = Remembering(lambda contexts: np.arange(9) == contexts[:, -1:] + 1)
    monkeypatch.setattr("hierex.ranking.CELLS_AT_ONCE", 18)
    table = evaluate_policies({"p": policy}, histories_of(people, 9), split=SPLIT, k=1, config=QUICK)
    assert policy.seen == [[4], [4, 8], [2, 7, 0]]
    assert value(table, "p@history", "recall@1") == pytest.approx(2 / 3)
    assert value(table, "p", "recall@1") < 0.2
    assert table[table["metric"] == "match_rate"]["policy"].tolist() == ["p"]


def test_what_is_hidden_is_no_answer_from_a_history_either():
    hidden = np.arange(9) == 5
    people = [[(4, 0), (8, 120)]]
    policy = Remembering(lambda contexts: np.zeros((len(contexts), 9)))
    table = evaluate_policies({"p": policy}, histories_of(people, 9), split=SPLIT, k=1, hidden=hidden, config=QUICK)
    assert value(table, "p@history", "recall@1") == pytest.approx(1 / 7), "the seven others are equally good"


@pytest.mark.parametrize("people", [[], [[(0, 500)]], [[(0, 1), (1, 2)], []]])
def test_without_a_case_there_are_no_rows(people):
    table = evaluate_policies({"random": random_policy(5)}, histories_of(people, 5), split=SPLIT, k=2)
    assert len(table) == 0
    assert list(table.columns) == ["policy", "metric", "value", "low", "high", "n_cases", "n_users", "note"]


def test_one_person_gives_a_value_and_no_interval():
    table = evaluate_policies({}, histories_of([[(0, 1), (1, SPLIT)]], 5), split=SPLIT, k=2)
    assert value(table, "chance", "recall@1") == 0.25
    assert table[["low", "high"]].isna().all(axis=None)


def test_match_rate_is_one_by_construction_and_only_for_policies():
    table = evaluate_policies(
        {"a": random_policy(9), "b": random_policy(9)}, walk_histories(5, 9, 6), split=SPLIT, k=2, config=QUICK
    )
    rows = table[table["metric"] == "match_rate"]
    assert rows["policy"].tolist() == ["a", "b"]
    assert rows["value"].tolist() == [1, 1]
    assert set(rows["note"]) == {"by construction"}


def test_batches_of_any_size_give_the_same_answer(monkeypatch):
    histories = walk_histories(n_users=31, n_clusters=14, length=9)
    policies = {"noisy": Scripted(lambda contexts: np.sin(contexts[:, :1] * 5.3 + np.arange(14)))}
    whole = evaluate_policies(policies, histories, split=SPLIT, k=2, config=QUICK)
    monkeypatch.setattr("hierex.ranking.CELLS_AT_ONCE", 14 * 3)
    monkeypatch.setattr(metrics, "WEIGHTS_AT_ONCE", 31 * 7)
    parts = evaluate_policies(policies, histories, split=SPLIT, k=2, config=QUICK)
    pd.testing.assert_frame_equal(whole, parts)


def test_same_seed_same_intervals_and_progress_changes_nothing():
    histories = walk_histories(n_users=20, n_clusters=14, length=9)
    shares: list[float] = []
    runs = [
        evaluate_policies({}, histories, split=SPLIT, k=2, config=QUICK, seed=seed, progress=watch)
        for seed, watch in ((1, shares.append), (1, lambda share: None), (2, lambda share: None))
    ]
    pd.testing.assert_frame_equal(runs[0], runs[1])
    assert not runs[0]["low"].equals(runs[2]["low"])
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_scores_that_are_not_numbers_are_refused():
    broken = Scripted(lambda contexts: np.full((len(contexts), 9), np.nan))
    with pytest.raises(ValueError, match="not numbers"):
        evaluate_policies({"broken": broken}, walk_histories(5, 9, 6), split=SPLIT, k=2)


def test_a_context_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="Choose 1 or more"):
        evaluate_policies({}, walk_histories(5, 9, 6), split=SPLIT, k=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_ranks_are_those_of_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 8)), 9
    walks = [rng.permutation(m)[: rng.integers(1, m + 1)] for _ in range(n)]
    starts = np.concatenate([[0], np.cumsum([len(w) for w in walks])])
    ends = np.array([starts[i] + rng.integers(len(w)) for i, w in enumerate(walks)])
    cases = Cases(np.concatenate(walks), starts[:-1], ends, np.arange(n), m)
    scores = rng.integers(0, 4, size=(n, m)).astype(np.float32)
    better, tied = rank_answers(scores, cases)
    for i in range(n):
        answer = cases.sequence[ends[i]]
        known = set(cases.sequence[starts[i] : ends[i]].tolist())
        rivals = [scores[i, c] for c in range(m) if c not in known]
        assert better[i] == sum(score > scores[i, answer] for score in rivals)
        assert tied[i] == sum(score == scores[i, answer] for score in rivals)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """People differ in skill and in how many cases they have; intervals that drew cases instead would be too short."""
    rng = np.random.default_rng(7)
    covered = 0
    for world in range(150):
        skill, counts = rng.beta(2, 3, size=80), rng.integers(1, 20, size=80)
        hits = rng.binomial(counts, skill)
        means = resample_means(hits[:, None].astype(float), counts, resamples=300, seed=world)
        low, high = np.percentile(means, [2.5, 97.5])
        covered += low <= 0.4 <= high
    assert 0.88 <= covered / 150 <= 0.99


def wavering_crowd(n_people: int, n_clusters: int, rng: np.random.Generator) -> Histories:
    """Who goes on to the next interest as often as each is given to, else to any other one; for a move or for many."""
    people = []
    for given_to in rng.beta(1, 2, size=n_people):
        walk = [int(rng.integers(n_clusters))]
        for _ in range(int(rng.integers(1, n_clusters - 1))):
            follows = (walk[-1] + 1) % n_clusters
            fresh = [cluster for cluster in range(n_clusters) if cluster not in walk]
            walk.append(follows if follows in fresh and rng.random() < given_to else int(rng.choice(fresh)))
        people.append([(cluster, SPLIT + step if step else 0) for step, cluster in enumerate(walk)])
    return histories_of(people, n_clusters)


def test_intervals_of_recall_and_ndcg_hold_what_a_large_crowd_has():
    """Samples of it are measured; people who make many moves make them alike."""
    rng, m, n_samples = np.random.default_rng(3), 12, 120
    crowd = wavering_crowd(4_000, m, rng)
    metrics = ["recall@1", "recall@5", "ndcg@10"]

    def measure(histories: Histories, seed: int = 0) -> pd.DataFrame:
        table = evaluate_policies({"oracle": walk_oracle(m)}, histories, split=SPLIT, k=1, config=QUICK, seed=seed)
        return table[table["policy"] == "oracle"].set_index("metric").loc[metrics]

    truth, held = measure(crowd)["value"], pd.Series(0, metrics)
    for seed in range(n_samples):
        walks = [crowd.of(user) for user in rng.choice(crowd.n_users, 80)]
        sample = histories_of([[(c, SPLIT + step if step else 0) for step, c in enumerate(w)] for w in walks], m)
        found = measure(sample, seed)
        held += (found["low"] <= truth) & (truth <= found["high"])
    assert held.between(0.88 * n_samples, 0.99 * n_samples).all(), held.to_dict()


def test_a_metric_that_is_the_same_for_every_case_has_no_spread():
    counts = np.array([1, 50, 3, 7])
    assert (resample_means(counts[:, None] * 0.5, counts, resamples=100, seed=0) == 0.5).all()


# ---------------------------------------------------------------- items


def log_of(people: list[list[tuple[int, int]]], n_items: int) -> Interactions:
    rows = [(u, item, clock) for u, person in enumerate(people) for item, clock in person]
    user, item, clock = np.array(rows, np.int64).reshape(-1, 3).T
    starts = np.concatenate([[0], np.cumsum([len(person) for person in people])]).astype(np.int64)
    return Interactions(user.astype(np.int32), item.astype(np.int32), clock, starts, n_items, has_dates=True)


class NextNumber:
    """A recommender for people who go through the items by number; keeps what it was shown."""

    name = "next number"

    def __init__(self):
        self.shown: list[list[int]] = []

    def score(self, histories, items):
        self.shown += [history.tolist() for history in histories]
        last = np.array([history[-1] for history in histories])
        return -((items[None] - last[:, None] - 1) % (items.max() + 1)).astype(np.float32)


def test_the_next_item_is_the_first_new_one_after_the_split():
    people = [
        [(0, 1), (1, 2), (1, 110), (2, 120), (7, 130)],  # repeats 1 after the split, then reaches 2
        [(5, 150), (6, 160)],  # nothing before the split, but 5 stands before 6
        [(3, 1), (4, 2)],  # nothing after the split
        [(8, 120)],  # nothing before it
        [(3, 1), (3, 140)],  # nothing new
    ]
    recommender = NextNumber()
    table = evaluate_items({"sequence": recommender}, log_of(people, 10), split=SPLIT, config=QUICK)
    assert recommender.shown == [[0, 1, 1], [5]]
    assert set(table["n_cases"]) == {2}
    assert value(table, "sequence", "recall@1") == 1
    assert table.columns[0] == "recommender"
    assert set(table["recommender"]) == {"sequence", "popularity", "chance"}


def test_item_popularity_knows_nothing_after_the_split():
    before = [[(0, 1), (1, 2)], [(0, 1), (1, 2)]]
    after = [[(0, 1), (2, SPLIT + step)] for step in range(5)]
    table = evaluate_items({}, log_of(before + after, 4), split=SPLIT, config=QUICK)
    # Item 2 is everyone's next; before the split it had no interactions, so 1 stands first and 3 beside it.
    assert value(table, "popularity", "recall@1") == 0
    assert value(table, "popularity", "recall@1", "n_cases") == 5


def test_item_recommenders_stand_between_oracle_and_chance():
    rng = np.random.default_rng(0)
    people = [[((b + s) % 50, 20 * s) for s in range(8)] for b in rng.integers(50, size=60)]
    table = evaluate_items({"sequence": NextNumber()}, log_of(people, 50), split=SPLIT, config=QUICK)
    assert value(table, "sequence", "ndcg@10") == 1
    assert value(table, "chance", "recall@10") == pytest.approx(10 / 45)
    few = evaluate_items(
        {}, log_of(people, 50), split=SPLIT, config=EvaluationConfig(resamples=50, people_for_items=7), seed=4
    )
    assert set(few["n_cases"]) == {7}
