"""What lists of items are like: known answers, known libraries, and bounds by an oracle and by chance."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics import ndcg_score

from hierex.config import EvaluationConfig, PolicyConfig, RecommenderConfig, TreeConfig
from hierex.evaluation.list_quality import (
    ALL_NOVEL,
    LENGTH,
    MIXED,
    ListCases,
    _draw_means,
    _of_all,
    _per_person,
    _table,
    find_cases,
    list_arms,
    list_diversity,
    measure_lists,
)
from hierex.interest_tree import grow_tree
from hierex.metrics import jackknife_error
from hierex.policies.counts import train_counts
from hierex.policies.ease import train_ease
from hierex.recommenders import train_item_item
from hierex.synthetic import make_world
from hierex.taxonomy import cut_tree
from hierex.taxonomy.distance import measure_distances
from hierex.transitions import histories_of_items, list_moves
from hierex.wording.lists import LIST_METRICS, lists_lifts, lists_table

CONFIG = EvaluationConfig(resamples=200)


@pytest.fixture(scope="module")
def world():
    """Everything that lists are made of and judged by, over a planted world."""
    made = make_world(n_items=400, n_users=300, n_interactions=7_000, seed=5)
    log = made.log()
    rng = np.random.default_rng(0)
    kind = np.eye(made.n_interests)[made.interest_of_item]
    vectors = (kind + 0.1 * rng.normal(size=kind.shape)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    split = log.split_clock(0.2)
    before = log.before(split)
    tree = grow_tree(vectors, log.traffic(), config=TreeConfig())
    taxonomy = cut_tree(tree, 20)
    histories = histories_of_items(log, taxonomy.cluster_of_item, taxonomy.n_clusters)
    moves = list_moves(histories.before(split), k=2)
    policy = train_counts(moves, config=PolicyConfig(kind="counts"))
    recommender = train_item_item(before, config=RecommenderConfig())
    policies = {"counts": policy, "ease": train_ease(moves, config=PolicyConfig(kind="ease"))}
    arms = list_arms(policies, recommender, before, histories.before(split), taxonomy, k=2, seed=0)
    cases = find_cases(log, split, np.zeros(log.n_items, bool), 1_000, 0)
    rest = taxonomy, measure_distances(tree, taxonomy), vectors, before.traffic()
    return arms, cases, rest, log, split


def measure(world, arms=None, cases=None):
    made, found, rest, *_ = world
    table = measure_lists(arms or made, cases or found, *rest, config=CONFIG)
    return table.pivot_table(index="arm", columns="metric", values="value")


def test_cases_are_people_with_a_past_and_only_what_is_new_to_them_later(world):
    _, cases, _, log, split = world
    assert len(cases) > 50
    for user, had, later in zip(cases.users, cases.had, cases.later, strict=True):
        rows = slice(log.starts[user], log.starts[user + 1])
        items, clock = log.item_index[rows], log.clock[rows]
        assert had.tolist() == items[clock < split].tolist()
        assert set(later) == set(items[clock >= split]) - set(had)
    some, again = (find_cases(log, split, np.zeros(log.n_items, bool), 10, 3) for _ in range(2))
    assert some.users.tolist() == again.users.tolist()
    assert len(some) == 10


def test_no_list_holds_what_a_person_had_and_the_novel_one_is_novel(world):
    arms, cases, *_ = world
    for name, arm in arms.items():
        for items, had in zip(arm(cases), cases.had, strict=True):
            assert len(set(items)) == len(items) <= LENGTH
            assert not set(items) & set(had), name
    table = measure(world)
    assert table.loc[ALL_NOVEL, "novelty"] == 1
    assert table.loc[MIXED, "novelty"] >= table.loc["ease", "novelty"]


def test_an_oracle_is_at_the_top_and_random_below_what_learns(world):
    arms = world[0] | {"oracle": lambda cases: [later[:LENGTH] for later in cases.later]}
    table = measure(world, arms)
    assert table.loc["oracle", ["hits", "recall", "ndcg"]].tolist() == pytest.approx([1, 1, 1])
    for metric in ("hits", "recall", "ndcg", "serendipity"):
        assert table.loc["random", metric] < table.loc["ease", metric] <= table.loc["oracle", metric]
    assert table.loc["popularity", "serendipity"] == 0
    assert table.loc["random", "coverage"] > table.loc["popularity", "coverage"]
    assert table.loc["random", "gini"] < table.loc["popularity", "gini"]


def test_what_is_hidden_counts_against_no_list(world):
    """The busiest interest is hidden: whoever shows all of the rest is still at the top."""
    _, _, (taxonomy, distances, vectors, popular), log, split = world
    busiest = np.bincount(taxonomy.cluster_of_item, popular).argmax()
    hidden = taxonomy.cluster_of_item == busiest
    every, some = (find_cases(log, split, mask, 1_000, 0) for mask in (np.zeros_like(hidden), hidden))
    assert any(hidden[later].any() for later in every.later)
    assert not any(hidden[later].any() for later in some.later)
    assert set(some.users) < set(every.users), "of some only hidden items came later"
    rest = replace(taxonomy, hidden_items=hidden), distances, vectors, popular
    n_lists = len(some)
    all_items = np.resize(np.flatnonzero(~hidden), (n_lists, LENGTH))
    most = np.argsort(-np.where(hidden, -1, popular), kind="stable")
    popular_lists = [most[~np.isin(most, had)][:LENGTH] for had in some.had]
    arms = {
        "oracle": lambda cases: [later[:LENGTH] for later in cases.later],
        "all": lambda _: list(all_items),
        "most popular": lambda _: popular_lists,
    }
    table = measure((None, some, rest), arms)
    assert table.loc["oracle", ["hits", "recall", "ndcg"]].tolist() == pytest.approx([1, 1, 1])
    assert all_items.size > (~hidden).sum()
    assert table.loc["all", "coverage"] == 1
    assert table.loc["all", "gini"] < 0.25
    assert table.loc["most popular", "serendipity"] == 0


def test_ndcg_is_that_of_scikit_learn_and_diversity_that_of_scipy(world):
    _, cases, rest, *_ = world
    rng = np.random.default_rng(1)
    lists = [rng.permutation(400)[:LENGTH] for _ in range(len(cases))]
    for place, later in enumerate(cases.later[:20]):
        lists[place] = np.array(list(dict.fromkeys([*later[:3], *lists[place]]))[:LENGTH])
    table = measure(world, {"these": lambda _: lists})
    expected = []
    for items, later in zip(lists, cases.later, strict=True):
        scores, truth = np.zeros(400), np.zeros(400)
        scores[items], truth[later] = np.arange(LENGTH, 0, -1), 1
        expected.append(ndcg_score(truth[None], scores[None], k=LENGTH, ignore_ties=True))
    assert table.loc["these", "ndcg"] == pytest.approx(np.mean(expected), rel=1e-6)
    vectors = rest[2]
    apart = np.mean([pdist(vectors[items], "cosine").mean() for items in lists])
    assert table.loc["these", "diversity"] == pytest.approx(apart, rel=1e-4)
    assert np.isnan(list_diversity(vectors[:1]))


def test_intervals_hold_the_value_and_narrow_with_people(world):
    arms, cases, rest, *_ = world
    few = ListCases(cases.users[:40], cases.had[:40], cases.later[:40])
    one = {"ease": arms["ease"]}
    wide = measure_lists(one, few, *rest, config=CONFIG)
    narrow = measure_lists(one, cases, *rest, config=CONFIG)
    for table in (wide, narrow):
        assert ((table["low"] <= table["value"] + 1e-9) & (table["value"] <= table["high"] + 1e-9)).all()
    widths = [(table["high"] - table["low"]).to_numpy() for table in (wide, narrow)]
    assert (widths[1] < widths[0]).mean() > 0.7


def test_the_interval_of_coverage_holds_what_other_people_of_that_number_have():
    rng = np.random.default_rng(3)
    n_items, n_people, taste = 300, 400, rng.dirichlet(np.full(300, 0.3))

    def lists() -> list[np.ndarray]:
        return [rng.choice(n_items, LENGTH, p=taste) for _ in range(n_people)]

    every, n_tries = np.ones(n_items, bool), 60
    tries = [_of_all("gini", lists(), every) for _ in range(n_tries)]
    truth = np.mean([row["value"] for row in tries])
    held = sum(row["low"] <= truth <= row["high"] for row in tries)
    assert held >= 0.85 * n_tries


def test_without_a_case_there_are_no_rows(world):
    nobody = ListCases(np.zeros(0, np.int64), [], [])
    assert not len(measure_lists(world[0], nobody, *world[2], config=CONFIG))
    one = ListCases(world[1].users[:1], world[1].had[:1], world[1].later[:1])
    table = measure_lists({"random": world[0]["random"]}, one, *world[2], config=CONFIG)
    assert table["low"].isna().all()
    assert isinstance(table, pd.DataFrame)


def test_the_jackknife_error_of_a_mean_is_that_of_the_formula():
    values = np.random.default_rng(0).normal(size=30)
    left_out = (values.sum() - values) / 29
    assert jackknife_error(left_out) == pytest.approx(values.std(ddof=1) / np.sqrt(30))


def test_the_same_seed_gives_the_same_table(world):
    arms, cases, rest, *_ = world
    one, other = (measure_lists({"ease": arms["ease"]}, cases, *rest, config=replace(CONFIG), seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_lifts_are_paired_with_the_first_arm(world):
    arms, cases, rest, *_ = world
    table = measure_lists(
        {"ease": arms["ease"], "again": arms["ease"], "random": arms["random"]}, cases, *rest, config=CONFIG
    )
    again = table[(table["arm"] == "again") & table["lift_low"].notna()]
    assert (again[["lift", "lift_low", "lift_high"]] == 0).all(axis=None)
    random = table[table["arm"] == "random"].set_index("metric")
    assert random.loc["hits", "lift_high"] < 0 < random.loc["diversity", "lift_low"]


def test_intervals_of_means_and_paired_lifts_hold_what_all_people_of_a_planted_world_have(world):
    """Its people are everybody; samples of them are measured."""
    arms, cases, rest, *_ = world
    every = [_per_person(arms[name](cases), cases, *rest) for name in ("ease", ALL_NOVEL)]
    metrics = ["recall", "ndcg", "novelty", "diversity"]
    control, arm = (found[metrics].to_numpy(float) for found in every)
    truth, lift = arm.mean(axis=0), (arm - control).mean(axis=0)
    rng, n_samples = np.random.default_rng(0), 150
    held = np.zeros((2, len(metrics)))
    for seed in range(n_samples):
        rows = rng.choice(len(arm), 60)
        drawn = [_draw_means(side[rows], CONFIG, seed) for side in (control, arm)]
        table = _table(every[1][metrics].iloc[rows], drawn[1], drawn[0])
        held[0] += (table["low"] <= truth) & (truth <= table["high"])
        held[1] += (table["lift_low"] <= lift) & (lift <= table["lift_high"])
    varied = np.array([arm.std(axis=0) > 0, (arm - control).std(axis=0) > 0])
    assert varied.sum() >= 7
    assert (held[varied] >= 0.88 * n_samples).all(), held
    assert (held[varied] <= 0.99 * n_samples).all(), held


def test_shares_are_shown_as_such_and_what_is_from_0_to_1_as_the_number_it_is(world):
    arms, cases, rest, *_ = world
    lists = measure_lists({name: arms[name] for name in ("ease", "random")}, cases, *rest, config=CONFIG)
    shares, differences = lists_table(lists), lists_lifts(lists)
    for metric, (title, _) in LIST_METRICS.items():
        form = r"0\.\d\d" if metric in ("distance", "diversity", "gini") else r"\d+\.\d%"
        assert all(re.fullmatch(rf"{form} \({form} to {form}\)", cell) for cell in shares[title]), shares[title]
    (cell,) = differences["Varied"]
    row = lists[(lists["arm"] == "random") & (lists["metric"] == "diversity")].iloc[0]
    assert cell == f"▲ {row.lift:+.2f} ({row.lift_low:+.2f} to {row.lift_high:+.2f})"
    (cell,) = differences["People with a hit"]
    row = lists[(lists["arm"] == "random") & (lists["metric"] == "hits")].iloc[0]
    assert cell.startswith(f"▼ {100 * row.lift:+.1f} (")
