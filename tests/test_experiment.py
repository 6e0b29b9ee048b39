"""The simulated trial: what must hold of it whatever comes out."""

import ast
import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hierex import ranking
from hierex.config import ExperimentConfig, PolicyConfig, RecommenderConfig
from hierex.errors import ConfigError, TooLittleData
from hierex.experiment import arms as arms_module
from hierex.experiment.arms import Arm, interleave
from hierex.experiment.draws import draw, gumbel
from hierex.experiment.exploration import ProgressiveBandit, read_interests
from hierex.experiment.explorers import NeuralExplorer, PolicyExplorer
from hierex.experiment.fitting import fit_people, plant_people, share_visits
from hierex.experiment.lifts import EXPLORING, compare_with_best
from hierex.experiment.lineup import Learned, line_up, simulate
from hierex.experiment.measures import LEVEL, UCI, Bootstrap, PerPerson, measure_people
from hierex.experiment.past import DAY, Past, Viewers
from hierex.experiment.people import Minds
from hierex.experiment.planted import interest_vectors, plant_catalogue, plant_descriptions
from hierex.experiment.trial import Outcomes, Room, run_trial
from hierex.recommenders import PopularityRecommender
from hierex.synthetic import make_world
from hierex.transition_table import predict_novel, tabulate
from hierex.transitions import histories_of_items
from hierex.wording.trial import VERDICTS, best_table, conclude

PACKAGE = Path(arms_module.__file__).parent
CONFIG = ExperimentConfig(
    n_people=40,
    weeks=2,
    undiscovered=6,
    resamples=200,
    recommender=RecommenderConfig(dimensions=16, layers=1, heads=1, epochs=1),
)


@pytest.fixture(scope="module")
def world():
    return make_world(n_items=400, n_users=120, n_interactions=2_400, seed=3, n_interests=20)


@pytest.fixture(scope="module")
def catalogue(world):
    return plant_catalogue(world.interests, world.interest_of_item, world.log().traffic(), world.vectors())


@pytest.fixture(scope="module")
def planted(world, catalogue):
    return plant_people(world.log(), catalogue.taxonomy, catalogue.item_vectors, world.successors, config=CONFIG)


@pytest.fixture(scope="module")
def policies(world, catalogue):
    vectors = interest_vectors(catalogue.taxonomy, catalogue.item_vectors)
    return {"counts": Learned(PolicyConfig(kind="counts"), plant_descriptions(world.interests), vectors)}


@pytest.fixture(scope="module")
def outcomes(planted, catalogue, policies):
    return run_trial(*planted, line_up(catalogue, policies, CONFIG), config=CONFIG)


# -- random numbers ----------------------------------------------------------------------------------------------------


def test_draws_are_even_and_hang_on_what_they_are_for():
    users, items = np.arange(200)[:, None], np.arange(300)
    drawn = draw(1, "reacts", 5, users, items)
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-3
    np.testing.assert_array_equal(draw(1, "reacts", 5, users[7:9], items[20:]), drawn[7:9, 20:])
    others = [draw(2, "reacts", 5, users, items), draw(1, "comes", 5, users, items), draw(1, "reacts", 6, users, items)]
    for other in others:
        assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 0.02


def test_gumbel_draws_by_probability():
    share = np.array([0.6, 0.3, 0.1])
    chosen = (np.log(share) + gumbel(draw(0, "explores", np.arange(20_000)[:, None], np.arange(3)))).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(chosen) / 20_000, share, atol=0.015)


# -- people ------------------------------------------------------------------------------------------------------------


def test_a_new_interest_is_discovered_once_and_tires(planted):
    people, _ = planted
    minds = Minds(people, replace(CONFIG, noise=0.0))
    user, cluster = map(int, np.argwhere((people.appeal > 0) & ~people.known)[0])
    items = np.flatnonzero(people.cluster_of_item == cluster)
    before = minds.chances(np.array([user]), items[:1])[0]
    reactions = [
        minds.react(np.array([user]), items[place : place + 1], visit) for visit in range(9) for place in (0, 1)
    ]
    assert sum(reaction.discovered[0] for reaction in reactions) == 1
    tired = minds.chances(np.array([user]), items[:1])[0]
    minds.rest(1_000)
    rested = minds.chances(np.array([user]), items[:1])[0]
    np.testing.assert_allclose(rested * CONFIG.readiness, before, rtol=1e-5)
    assert tired < rested


def test_outside_their_interests_there_is_only_noise(planted):
    people, _ = planted
    users, clusters = np.nonzero(people.appeal == 0)
    items = np.array([np.flatnonzero(people.cluster_of_item == cluster)[0] for cluster in clusters])
    chances, is_theirs = Minds(people, CONFIG).chances(users, items)
    assert (chances == CONFIG.noise).all()
    assert not is_theirs.any()


def test_planted_people_know_what_their_log_holds_and_go_on_by_the_law(planted, catalogue):
    people, past = planted
    log = past.consumed()
    seen = np.zeros_like(people.known)
    seen[log.user_index, catalogue.taxonomy.cluster_of_item[log.item_index]] = True
    np.testing.assert_array_equal(people.known, seen)
    assert (people.appeal[people.known] >= 0.5).all()
    n_left = np.minimum(CONFIG.undiscovered, 20 - people.known.sum(axis=1))
    np.testing.assert_array_equal(((people.appeal > 0) & ~people.known).sum(axis=1), n_left)
    assert past.clock.max() < 0
    assert past.positive.all()


def test_people_fitted_to_a_log_keep_its_later_interests_to_themselves(world, catalogue):
    log = world.log()
    people, past = fit_people(log, catalogue.taxonomy, catalogue.item_vectors, config=replace(CONFIG, n_people=10**6))
    able = np.flatnonzero(np.diff(log.starts) >= 4)
    assert people.n_people == len(able)
    for person, user in enumerate(able[:20]):
        clusters = catalogue.taxonomy.cluster_of_item[log.items_of(user)]
        n_earlier = len(clusters) - int(np.ceil(CONFIG.later_share * len(clusters)))
        assert set(np.flatnonzero(people.known[person])) == set(clusters[:n_earlier])
        assert set(np.flatnonzero(people.appeal[person])) == set(clusters)
        np.testing.assert_array_equal(past.consumed().items_of(person), log.items_of(user)[:n_earlier])
    longest = np.diff(log.starts)[able].argmax()
    assert people.activity[longest] == people.activity.max()
    assert 14 * people.activity.mean() == pytest.approx(CONFIG.sessions)


@pytest.mark.parametrize("sessions", [0.5, 1, 3, 6, 12, 14])
def test_people_come_as_often_as_assumed_however_uneven_their_logs_are(sessions):
    lengths = np.round(4 * (1 - draw(0, "people", np.arange(500))) ** -1.2)
    activity = share_visits(lengths, sessions / 14)
    assert 14 * activity.mean() == pytest.approx(sessions, rel=1e-6)
    assert (np.diff(activity[np.argsort(lengths)]) >= 0).all()
    assert activity.max() <= 1
    assert activity.min() >= min(sessions, 1) / 14
    free = (activity > activity.min()) & (activity < 1)
    assert np.ptp(activity[free] / lengths[free]) < 1e-9 if free.any() else sessions in (0.5, 1, 14)


def test_a_log_of_passers_by_cannot_be_simulated(world, catalogue):
    log = world.log()
    few = type(log)(log.user_index[:2], log.item_index[:2], log.clock[:2], np.array([0, 1, 2]), log.n_items, True)
    with pytest.raises(TooLittleData, match="nobody can be simulated"):
        fit_people(few, catalogue.taxonomy, catalogue.item_vectors, config=CONFIG)


# -- arms --------------------------------------------------------------------------------------------------------------


def imported_words(source: str) -> set[str]:
    """All that stands in the imports of a module: packages, modules and names."""
    words = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            said = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            words |= {word for name in said for word in name.split(".")}
    return words


def test_no_module_of_the_arms_knows_people():
    for name in ("arms", "explorers", "past"):
        assert not imported_words((PACKAGE / f"{name}.py").read_text()) & {"people", "fitting", "trial", "lineup"}


@pytest.mark.parametrize(
    "line",
    [
        "from . import people",
        "from .people import Minds",
        "from ..experiment import people as p",
        "import hierex.experiment.people",
    ],
)
def test_however_people_are_imported_it_is_seen(line):
    assert "people" in imported_words(line)


def test_what_was_never_shown_changes_nothing_that_is_shown(planted, catalogue, policies, outcomes):
    """The truth about everything but what people met in the first week is turned over; every arm does the same."""
    people, past = planted
    one_week = replace(CONFIG, weeks=1)
    for arm in line_up(catalogue, policies, one_week):
        first = run_trial(people, past, [arm], config=one_week)[arm.name]
        met = people.known.copy()
        met[first.user, first.cluster] = True
        other = replace(people, appeal=np.where(met, people.appeal, np.where(people.appeal > 0, 0, 0.9)))
        assert (other.appeal != people.appeal).any()
        fresh = next(new for new in line_up(catalogue, policies, one_week) if new.name == arm.name)
        again = run_trial(other, past, [fresh], config=one_week)[arm.name]
        np.testing.assert_array_equal(again.item, first.item)


def test_every_arm_sees_the_same_people_at_the_same_visits_and_seeds_repeat(planted, catalogue, policies, outcomes):
    visits = {name: np.unique(np.stack([seen.user, seen.day]), axis=1) for name, seen in outcomes.items()}
    for found in visits.values():
        np.testing.assert_array_equal(found, visits["sequence"])
    again = run_trial(*planted, line_up(catalogue, policies, CONFIG), config=CONFIG)
    for name, seen in outcomes.items():
        np.testing.assert_array_equal(again[name].item, seen.item)
        np.testing.assert_array_equal(again[name].positive, seen.positive)


def test_few_viewers_at_once_are_shown_what_all_at_once_are(planted, catalogue, policies, outcomes, monkeypatch):
    monkeypatch.setattr("hierex.ranking.CELLS_AT_ONCE", 5 * catalogue.n_items)
    one_week = replace(CONFIG, weeks=1)
    again = run_trial(*planted, line_up(catalogue, policies, one_week), config=one_week)
    for name, seen in outcomes.items():
        np.testing.assert_array_equal(again[name].item, seen.item[seen.day < 7])


def test_a_large_catalogue_takes_no_more_memory_than_is_said(monkeypatch):
    """What is held beside the scores of a block is what was shown: nothing grows with viewers times items."""
    n_items, m, n = 20_000, 200, 10
    interest = np.repeat(np.arange(n, dtype=np.int32), n_items // n)
    vectors = np.ones((n_items, 2), np.float32)
    large = plant_catalogue([f"A > {name}" for name in range(n)], interest, np.ones(n_items), vectors)
    arm = Arm("boosted", large, CONFIG, boost=1.0, recommender=PopularityRecommender(np.arange(n_items)))
    viewers = Viewers(np.arange(m), [np.arange(3)] * m, np.zeros((m, n_items), bool), np.zeros((m, n), bool), visit=0)
    monkeypatch.setattr("hierex.ranking.CELLS_AT_ONCE", 20 * n_items)
    tracemalloc.start()
    arm.choose(viewers)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * ranking.CELLS_AT_ONCE


def test_the_same_shown_gets_the_same_reaction_in_every_arm(outcomes, planted):
    """Of first items at the very first visit, nothing in an arm's past can make a difference."""
    by_what = {}
    for seen in outcomes.values():
        is_first = seen.day == seen.day.min()
        _, first = np.unique(seen.user[is_first], return_index=True)
        for row in np.flatnonzero(is_first)[first]:
            by_what.setdefault((seen.user[row], seen.item[row]), set()).add(bool(seen.positive[row]))
    assert all(len(reactions) == 1 for reactions in by_what.values())
    assert len(by_what) < sum(len(np.unique(seen.user[seen.day == seen.day.min()])) for seen in outcomes.values())


def test_nothing_is_shown_twice_and_new_interests_get_their_slots(outcomes, planted, catalogue):
    _, past = planted
    consumed = past.consumed()
    had = set(zip(consumed.user_index.tolist(), consumed.item_index.tolist(), strict=True))
    for seen in outcomes.values():
        shown = list(zip(seen.user.tolist(), seen.item.tolist(), strict=True))
        assert len(set(shown)) == len(shown)
        assert not had & set(shown)
    n_visits = len(np.unique(np.stack([outcomes["random"].user, outcomes["random"].day]), axis=1)[0])
    assert outcomes["random"].novel.sum() >= 0.9 * CONFIG.novel_slots * n_visits


def test_learning_never_sees_the_week_that_it_is_measured_on(planted, catalogue):
    learned = []

    class Watching(Arm):
        def learn(self, past, recommender, seed):
            learned.append(past)
            super().learn(past, recommender, seed)

    people, past = planted
    found = run_trial(people, past, [Watching("popularity", catalogue, CONFIG, base="popularity")], config=CONFIG)
    assert learned[0] is past
    assert learned[1].clock.max() < 7 * DAY
    before = found["popularity"].day < 7
    assert len(learned[1].user) == len(past.user) + before.sum()


def test_viewers_without_history_get_the_usual_items(catalogue, policies):
    arm = next(arm for arm in line_up(catalogue, policies, CONFIG) if arm.name == "hierex-counts")
    world = make_world(n_items=400, n_users=40, n_interactions=400, seed=1, n_interests=20)
    _, past = fit_people(world.log(), catalogue.taxonomy, catalogue.item_vectors, config=CONFIG)
    recommender = arms_module.train_base("popularity", past, catalogue, CONFIG, 0)
    arm.learn(past, recommender, 0)
    shown, has = np.zeros((2, 400), bool), np.zeros((2, 20), bool)
    has[1], shown[1, 5:] = True, True
    nothing = np.empty(0, np.int32)
    items = arm.choose(Viewers(np.array([0, 1]), [nothing, np.arange(3, dtype=np.int32)], shown, has, 0))
    assert (items[0] >= 0).all()
    assert sorted(items[1]) == [-1] * 5 + [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["counts", "ease", "encoder"])
def test_what_an_arm_of_hierex_draws_from_is_what_is_served(planted, catalogue, world, kind, monkeypatch):
    _, past = planted
    log, taxonomy = past.consumed(), catalogue.taxonomy
    described = plant_descriptions(world.interests), interest_vectors(taxonomy, catalogue.item_vectors)
    explorer = PolicyExplorer(catalogue, Learned(PolicyConfig(kind=kind), *described), draws=0)
    explorer.learn(past, None, 0)
    users = np.arange(log.n_users)
    histories = histories_of_items(log, taxonomy.cluster_of_item, taxonomy.n_clusters)
    has = np.zeros((log.n_users, taxonomy.n_clusters), bool)
    has[log.user_index, taxonomy.cluster_of_item[log.item_index]] = True
    served = predict_novel(explorer.policy, tabulate(explorer.policy, k=catalogue.k), histories, users, top=3)
    monkeypatch.setattr("hierex.experiment.explorers.gumbel", np.zeros_like)
    viewers = Viewers(users, [log.items_of(user) for user in users], np.zeros((len(users), log.n_items), bool), has, 0)
    np.testing.assert_array_equal(explorer.choose(viewers, 3), served.novel.reshape(-1, 3))


def test_histories_before_hold_nothing_of_the_same_visit_or_later():
    log = Past(*(np.array(of) for of in ([0, 1, 0], [5, 7, 6], [-9, -5, -2], [True, True, True])), 2, 9)
    past = log.then(np.array([0, 0, 1]), np.array([1, 2, 3]), 4, np.array([False, True, True]))
    past = past.then(np.array([0]), np.array([4]), 8, np.array([False]))
    histories, row = past.histories_before()
    assert [histories[place].tolist() for place in row] == [[], [], [5], [5, 6], [5, 6], [7], [5, 6, 2]]


def test_the_neural_bandit_learns_the_same_of_a_visit_at_once_and_afterwards(planted, catalogue, monkeypatch):
    evenly = partial(read_interests, traffic=np.zeros(catalogue.n_items))
    monkeypatch.setattr("hierex.experiment.explorers.read_interests", lambda *read: evenly(*read[:2]))
    people, past = planted
    recommender = arms_module.train_base("sequence", past, catalogue, CONFIG, 0)
    at_once, afterwards = (Arm("neural", catalogue, CONFIG, explorer=NeuralExplorer(catalogue, 0)) for _ in range(2))
    room = Room(people, past, CONFIG)
    at_once.learn(past, recommender, 0)
    for visit in range(5):
        room.hold_visit(at_once, visit)
    room.close_week()
    afterwards.learn(room.past, recommender, 0)
    one, other = at_once.explorer.bandit, afterwards.explorer.bandit
    np.testing.assert_allclose(one.sigma, other.sigma, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.rewarded, other.rewarded, rtol=1e-3, atol=1e-3)
    came_last = room.visits[-1].user
    assert (one.user_vectors[came_last] != other.user_vectors[came_last]).any(), "afterwards the last visit is known"


def test_novel_items_are_spread_among_the_usual_ones():
    usual, novel = np.array([[1, 2, 3, 4], [1, 2, -1, -1]]), np.array([[8, 9], [8, -1]])
    np.testing.assert_array_equal(interleave(usual, novel, 4), [[1, 8, 2, 9], [1, 8, 2, -1]])


def test_both_hierarchical_bandits_take_part_and_read_the_past_in_its_order(planted, catalogue, policies):
    arms = {arm.name: arm for arm in line_up(catalogue, policies, CONFIG)}
    assert {"hierarchical", "progressive"} < set(EXPLORING) < set(arms)
    _, past = planted
    arms["progressive"].explorer.learn(past, None, 0)
    bandit = arms["progressive"].explorer.bandit
    taxonomy, row_by_row = catalogue.taxonomy, ProgressiveBandit(catalogue.levels, past.n_users)
    for user, item in zip(past.user, past.item, strict=True):
        row_by_row.observe(np.array([user]), taxonomy.cluster_of_item[[item]], np.ones(1))
    for one, other in zip(bandit.opened, row_by_row.opened, strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(opened.any() for opened in bandit.opened[:-1])
    np.testing.assert_allclose(bandit.models.rewarded, row_by_row.models.rewarded)


# -- measures ----------------------------------------------------------------------------------------------------------


def test_measures_are_what_they_say():
    true, false = True, False
    seen = Outcomes(
        user=np.array([0, 0, 0, 1, 1]),
        item=np.arange(5),
        cluster=np.array([0, 1, 1, 0, 2]),
        day=np.array([0.5, 8.0, 8.0, 8.0, 8.0]),
        novel=np.array([true, true, false, false, true]),
        positive=np.array([true, true, true, false, true]),
        discovered=np.array([true, false, false, false, true]),
        enjoyment=np.array([0.5, 0.25, 0.25, 0.0, 1.0]),
    )
    found = {name: metric.value for name, metric in measure_people(seen, 3, 4, weeks=2).items()}
    assert found["novel_share"] == 3 / 5
    assert found["positive_rate"] == 4 / 5
    assert found["positive_rate_novel"] == 1
    assert found["pairs"] == pytest.approx(3 / 3)
    assert found["enjoyment"] == pytest.approx(2 / 3)
    assert found["discovered"] == pytest.approx(2 / 3)
    assert [found[f"uci@{n}"] for n in UCI] == [0.0] * len(UCI)


def test_uci_counts_interests_of_the_last_seven_days():
    n = 7
    early = Outcomes(
        *(np.zeros(n, int), np.arange(n), np.arange(n), np.full(n, 6.9)), *[np.ones(n, bool)] * 3, np.ones(n)
    )
    late = replace(early, day=np.full(n, 7.1))
    assert measure_people(early, 1, n, weeks=2)["uci@5"].value == 0
    late = measure_people(late, 1, n, weeks=2)
    assert late["uci@5"].value == 1
    assert late["uci@10"].value == 0


def test_nothing_to_measure_is_missing_and_one_person_has_no_interval():
    bootstrap = Bootstrap(3, resamples=50, seed=0)
    nothing = PerPerson(np.zeros(3), np.zeros(3))
    assert np.isnan(nothing.value)
    assert np.isnan(bootstrap.interval(bootstrap.values(nothing))).all()
    alone = Bootstrap(1, resamples=50, seed=0)
    assert np.isnan(alone.interval(alone.values(PerPerson(np.ones(1), np.ones(1))))).all()


def test_intervals_cover_the_truth_as_often_as_they_say(world, catalogue):
    """A week of a simulated crowd is the truth; samples of it have intervals, which hold it 95 times in 100."""
    config = replace(CONFIG, n_people=10**6, weeks=1)
    crowd = make_world(n_items=400, n_users=4_000, n_interactions=40_000, seed=5, n_interests=20)
    people, past = fit_people(crowd.log(), catalogue.taxonomy, catalogue.item_vectors, config=config)
    arms = [
        Arm("popularity", catalogue, config, base="popularity"),
        Arm("boosted", catalogue, config, base="popularity", boost=1.0),
    ]
    seen = run_trial(people, past, arms, config=config)
    metrics = {name: measure_people(found, people.n_people, 20, weeks=1) for name, found in seen.items()}
    rng, n, repeats = np.random.default_rng(0), 200, 300
    for name in ("positive_rate", "positive_rate_novel", "pairs", "uci@5"):
        one, other = (metrics[arm][name] for arm in ("popularity", "boosted"))
        held = np.zeros(2, int)
        for repeat in range(repeats):
            drawn = rng.choice(people.n_people, n)
            bootstrap = Bootstrap(n, resamples=200, seed=repeat)
            values = [bootstrap.values(PerPerson(m.amounts[drawn], m.out_of[drawn])) for m in (one, other)]
            checks = ((values[0], one.value), (values[1] - values[0], other.value - one.value))
            for place, (value, truth) in enumerate(checks):
                low, high = bootstrap.interval(value)
                held[place] += low <= truth <= high
        for count in held:
            assert stats.binom.cdf(count, repeats, 0.93) > 1e-3, name
            assert stats.binom.sf(count - 1, repeats, 0.97) > 1e-3, name


# -- conclusion --------------------------------------------------------------------------------------------------------


def made_up(**values):
    """Results in which each arm has the value for every headline metric, plus or minus 0.1 against all others."""
    metrics = ["novel_share", "positive_rate", "positive_rate_novel", "pairs", "enjoyment", "discovered", "uci@5"]
    arms = [(a, m, v, v - 0.1, v + 0.1, 50) for a, v in values.items() for m in metrics]
    lifts = [
        (a, b, m, v - o, v - o - 0.1, v - o + 0.1, (v - o) / o)
        for a, v in values.items()
        for b, o in values.items()
        if a != b
        for m in metrics
    ]
    return {
        "arms": pd.DataFrame(arms, columns=["arm", "metric", "value", "low", "high", "n_people"]),
        "lifts": pd.DataFrame(lifts, columns=["arm", "control", "metric", "difference", "low", "high", "relative"]),
    }


@pytest.mark.parametrize(("ours", "verdict"), [(0.9, "ahead"), (0.5, "level"), (0.1, "behind")])
def test_the_conclusion_says_it_whichever_way_it_comes_out(ours, verdict):
    results = made_up(**{"hierex-counts": ours, "neural": 0.5, "hierarchical": 0.4, "sequence": 1.5})
    table = compare_with_best(results, "hierex-counts")
    assert (table["verdict"] == verdict).all()
    assert (table["control"] == "neural").all()
    said = " ".join(conclude(results))
    assert "“Recommender alone”, which is not made to explore, is ahead of it on" in said
    assert "Most popular first" not in said
    words = {"ahead": "is ahead on", "level": "cannot be told apart on", "behind": "is behind on"}
    assert [word in said for word in words.values()] == [name == verdict for name in words]
    assert "50 simulated people" in said
    numbers = best_table(results)
    assert set(numbers[f"At {LEVEL} %"]) == {VERDICTS[verdict]}
    assert set(numbers["Best other way"]) == {"Neural linear bandit"}
    difference = 100 * (ours - 0.5)
    told = f"{difference:+.2f} points [{difference - 10:+.2f}, {difference + 10:+.2f}]"
    assert numbers.set_index("Measure").loc["Items consumed", "Difference"] == told


@pytest.mark.parametrize(
    ("ours", "verdict"), [(0.9, "is ahead on"), (0.5, "cannot be told apart on any"), (0.1, "is behind on")]
)
def test_the_conclusion_always_holds_hierex_against_chance(ours, verdict):
    results = made_up(**{"hierex-counts": ours, "hierex-ease": 0.5, "neural": 0.4, "random": 0.5, "popularity": 0.05})
    paragraphs = conclude(results)[:2]
    said = [text.partition("Against “Any new interest”")[2].partition(". “")[0] for text in paragraphs]
    assert verdict in said[0]
    assert ("interests discovered per person" in said[0]) == (ours != 0.5)
    assert "cannot be told apart on any measure" in said[1]
    assert not any("“Any new interest”, which is not made to explore" in text for text in paragraphs)


def test_without_somebody_to_compare_with_nothing_is_concluded():
    assert "nothing to compare" in conclude(made_up(**{"hierex-counts": 0.5, "sequence": 0.4}))[0]


def test_a_whole_trial_gives_both_tables(planted, catalogue, policies):
    done = []
    config = replace(CONFIG, weeks=1)
    found = simulate(*planted, catalogue, policies, config=config, progress=done.append)
    assert set(found["arms"]["arm"]) == {arm.name for arm in line_up(catalogue, policies, config)}
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)
    arms = found["arms"].dropna()
    assert (arms["low"] <= arms["value"] + 1e-9).all()
    assert (arms["value"] <= arms["high"] + 1e-9).all()
    back = found["lifts"].set_index(["arm", "control", "metric"])["difference"]
    assert back["random", "sequence", "pairs"] == pytest.approx(-back["sequence", "random", "pairs"])
    assert conclude(found)


@pytest.mark.parametrize(
    "wrong",
    [{"n_people": 0}, {"sessions": 15}, {"noise": 1.5}, {"recovery_days": 0}, {"seed": -1}, {"novel_share": -1}],
)
def test_what_cannot_be_simulated_is_refused(wrong):
    with pytest.raises(ConfigError):
        ExperimentConfig(**wrong)
