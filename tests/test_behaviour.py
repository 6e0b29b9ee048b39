"""Items by who consumes them: the planted interests are found from the log alone, and the laws of the blend."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score
from test_jobs import wait_for
from test_pipeline import CONFIG, Watched, write_world

from hierex.behaviour import blend, embed_behaviour
from hierex.cli import build_parser
from hierex.config import BehaviourConfig, RunConfig, TreeConfig
from hierex.errors import ConfigError
from hierex.imports import import_logs
from hierex.interest_tree import grow_tree
from hierex.jobs import Jobs
from hierex.kept.runs import choices_of, config_of, read_runs
from hierex.logs import Interactions
from hierex.pipeline import compare_weights_of, run_pipeline
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.taxonomy import cut_tree
from hierex.weights import compare_weights, measure_recall, text_coherence
from hierex.workspace import Workspace

DIMENSIONS = BehaviourConfig(dimensions=16)


@pytest.fixture(scope="module")
def world():
    return make_world(n_items=400, n_users=800, n_interactions=24_000, seed=5, n_interests=12)


@pytest.fixture(scope="module")
def log(world):
    return world.log()


@pytest.fixture(scope="module")
def noise(world):
    """What a text model makes of items whose texts say nothing."""
    return unit(np.random.default_rng(1).normal(size=(len(world.items), 32))).astype(np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def only(log: Interactions, kept: np.ndarray) -> Interactions:
    counts = np.bincount(log.user_index[kept], minlength=log.n_users)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Interactions(log.user_index[kept], log.item_index[kept], log.clock[kept], starts, log.n_items, True)


def found_interests(vectors, world, log):
    """Agreement of twelve interests with the planted ones; 0 is chance."""
    tree = grow_tree(vectors, log.traffic(), config=TreeConfig())
    labels = cut_tree(tree, world.n_interests).cluster_of_item
    return adjusted_mutual_info_score(world.interest_of_item, labels)


def test_items_of_an_interest_are_alike_by_behaviour_alone(world, log, noise):
    behaviour = embed_behaviour(log, noise, config=DIMENSIONS)
    cosines = behaviour @ behaviour.T
    same = world.interest_of_item[:, None] == world.interest_of_item
    apart = ~np.eye(len(same), dtype=bool)
    assert cosines[same & apart].mean() > cosines[~same].mean() + 0.2
    nearest = np.where(apart, cosines, -1).argmax(axis=1)
    hits = (world.interest_of_item[nearest] == world.interest_of_item).mean()
    assert hits > 3 * same[apart].mean()


def test_behaviour_finds_interests_where_texts_say_nothing(world, log, noise):
    behaviour = embed_behaviour(log, noise, config=DIMENSIONS)
    by_text, blended = (found_interests(blend(noise, behaviour, weight), world, log) for weight in (0.0, 0.75))
    assert by_text < 0.05
    assert blended > by_text + 0.2


def test_what_nobody_consumed_is_placed_by_its_text(world, log):
    text = world.vectors(dimensions=32)
    cold = np.arange(len(text)) % 4 == 0
    behaviour = embed_behaviour(only(log, ~cold[log.item_index]), text, config=DIMENSIONS)
    interest = world.interest_of_item
    nearest = (behaviour[cold] @ behaviour[~cold].T).argmax(axis=1)
    hits = (interest[~cold][nearest] == interest[cold]).mean()
    by_chance = np.mean(interest[cold][:, None] == interest[~cold])
    assert hits > 3 * by_chance


def test_the_less_an_item_was_consumed_the_more_its_text_counts(world, log):
    text = world.vectors(dimensions=32)
    without = embed_behaviour(only(log, log.item_index != 7), text, config=DIMENSIONS)[7]
    place = np.flatnonzero(log.item_index == 7)
    assert len(place) > 20
    nearness = []
    for n in (1, 5, 20):
        kept = np.ones(len(log.item_index), bool)
        kept[place[n:]] = False
        behaviour = embed_behaviour(only(log, kept), text, config=DIMENSIONS)
        own = embed_behaviour(only(log, kept), text, config=replace(DIMENSIONS, trust=1e-9))
        nearness.append(behaviour[7] @ own[7])
    assert nearness[0] < nearness[1] < nearness[2]
    assert np.isfinite(without).all()


@pytest.mark.parametrize("size", [(2, 3), (3, 2), (5, 400)])
def test_every_vector_is_of_unit_length_or_nothing_is_known(size):
    n_users, n_items = size
    rng = np.random.default_rng(0)
    text = unit(rng.normal(size=(n_items, 8))).astype(np.float32)
    item = np.tile(np.arange(2, dtype=np.int32), n_users)
    user = np.repeat(np.arange(n_users, dtype=np.int32), 2)
    log = Interactions(user, item, np.arange(len(item)), 2 * np.arange(n_users + 1), n_items, True)
    for some in (log, only(log, np.zeros(len(item), bool))):
        behaviour = embed_behaviour(some, text, config=DIMENSIONS)
        lengths = np.linalg.norm(behaviour, axis=1)
        assert behaviour.dtype == np.float32
        assert np.all(np.isclose(lengths, 1, atol=1e-5) | (lengths == 0))
        assert np.allclose(np.linalg.norm(blend(text, behaviour, 0.4), axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.95])
def test_the_cosine_of_the_blend_is_the_blend_of_cosines(log, noise, weight):
    behaviour = embed_behaviour(log, noise, config=DIMENSIONS)
    blended = blend(noise, behaviour, weight)
    wanted = (1 - weight) * noise @ noise.T + weight * behaviour @ behaviour.T
    assert np.allclose(blended @ blended.T, wanted, atol=1e-5)
    assert np.allclose(np.linalg.norm(blended, axis=1), 1, atol=1e-5)


def test_a_weight_of_nothing_is_the_texts_themselves(noise):
    assert blend(noise, np.zeros((len(noise), 4), np.float32), 0.0) is noise


def test_an_item_of_unknown_behaviour_keeps_its_text(noise):
    behaviour = np.zeros((len(noise), 4), np.float32)
    assert np.array_equal(blend(noise, behaviour, 0.5)[:, :32], noise)


def test_the_same_seed_gives_the_same_vectors_and_the_log_stays_as_it_was(log, noise):
    before = [array.copy() for array in (log.user_index, log.item_index, log.starts)]
    first, second = (embed_behaviour(log, noise, config=DIMENSIONS, seed=3) for _ in range(2))
    assert np.array_equal(first, second)
    assert all(map(np.array_equal, before, (log.user_index, log.item_index, log.starts)))


@pytest.mark.parametrize("weight", [-0.1, 1.0, float("nan")])
def test_a_weight_that_cannot_be_is_refused(weight):
    with pytest.raises(ConfigError, match="less than 1"):
        BehaviourConfig(weight=weight)


def test_the_weight_is_a_choice_that_is_kept_with_the_run():
    config = RunConfig(behaviour=BehaviourConfig(weight=0.3))
    assert config_of(choices_of(config)) == config
    old = {"granularity": None, "seed": 0, "policy": "encoder", "model": "all-MiniLM-L6-v2"}
    assert config_of(old) == RunConfig()
    run = ["run", "--items", "i", "--interactions", "l", "--store", "s"]
    assert build_parser().parse_args([*run, "--behaviour", "0.3"]).behaviour == 0.3
    assert build_parser().parse_args(run).behaviour == 0


# --- in the pipeline ---

BLENDED = replace(CONFIG, behaviour=BehaviourConfig(weight=0.4))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("behaviour")
    store = open_store(folder / "w.duckdb")
    import_logs(store, *write_world(folder / "logs"))
    yield store, run_pipeline(store, CONFIG)
    store.close()


def test_the_weight_changes_tree_and_map_and_neither_texts_nor_recommender(built):
    store, plain = built
    handed, watched = {}, Watched()

    def spy(function, *args, progress, **kwargs):
        handed[function.__name__] = args
        return function(*args, progress=progress, **kwargs)

    work = run_pipeline(store, BLENDED, compute=spy, watch=watched)
    assert {"behaviour", "interest_tree", "item_map", "descriptions"} <= watched.made()
    assert watched.states["recommenders"] == "reused"
    assert work.keys["recommenders"] == plain.keys["recommenders"]
    assert np.array_equal(handed["describe_nodes"][3], plain.vectors)
    for stage in ("grow_tree", "map_items"):
        assert np.allclose(handed[stage][0], blend(plain.vectors, work.behaviour, 0.4), atol=1e-6)
    assert not np.array_equal(work.tree.order, plain.tree.order)


def test_without_a_weight_nothing_is_made_and_the_keys_stay(built):
    store, plain = built
    run_pipeline(store, BLENDED, until="item_map")
    watched = Watched()
    again = run_pipeline(store, CONFIG, watch=watched)
    assert again.keys == plain.keys
    assert watched.made() == set()
    assert "behaviour" not in watched.states


def test_another_weight_uses_the_same_behaviour(built):
    store, _ = built
    first = run_pipeline(store, BLENDED, until="interest_tree")
    watched = Watched()
    second = run_pipeline(
        store, replace(BLENDED, behaviour=BehaviourConfig(weight=0.6)), until="interest_tree", watch=watched
    )
    assert watched.states["behaviour"] == "reused"
    assert second.keys["interest_tree"] != first.keys["interest_tree"]


def test_nothing_from_the_split_on_is_seen(built):
    """What happened later is replaced by something else altogether, and not a bit of the vectors changes."""
    store, plain = built
    handed = []

    def spy(function, *args, progress, **kwargs):
        if function is embed_behaviour:
            handed.append(args)
        return function(*args, progress=progress, **kwargs)

    seeded = replace(BLENDED, seed=9)
    kept = run_pipeline(store, seeded, until="behaviour", compute=spy).behaviour
    assert (handed[0][0].clock < plain.split).all()
    log = plain.interactions
    later = log.clock >= plain.split
    item = np.where(later, (log.item_index * 7 + 3) % log.n_items, log.item_index).astype(np.int32)
    other = replace(log, item_index=item)
    assert (other.item_index != log.item_index).any()
    made = embed_behaviour(other.before(plain.split), plain.vectors, config=BLENDED.behaviour, seed=9)
    assert np.array_equal(made, kept)


# --- what the weight does ---


def test_the_comparison_shows_that_behaviour_helps_where_texts_say_nothing(world, log, noise):
    split = log.split_clock(0.2)
    behaviour = embed_behaviour(log.before(split), noise, config=DIMENSIONS)
    shares = []
    table = compare_weights(
        noise, behaviour, log, split, 12, weights=(0.0, 0.75), config=RunConfig(), progress=shares.append
    )
    assert list(table["weight"]) == [0.0, 0.75]
    assert (table["largest_over_mean"] >= 1).all()
    assert table["coherence"][1] < table["coherence"][0]
    assert ((table["low"] <= table["recall"]) & (table["recall"] <= table["high"])).all()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_measures_of_the_comparison_by_hand(world, log):
    text = np.eye(2, dtype=np.float32)[[0, 0, 1, 1]]
    traffic = np.array([3.0, 1.0, 2.0, 2.0])
    assert text_coherence(np.array([0, 0, 1, 1]), text, traffic) == pytest.approx(1)
    assert text_coherence(np.array([0, 0, 0, 0]), text, traffic) == pytest.approx(np.sqrt(0.5))
    none = measure_recall(world.interest_of_item, log, int(log.clock.max()) + 1, RunConfig())
    assert none == {"n_cases": 0}
    found = measure_recall(world.interest_of_item, log, log.split_clock(0.2), RunConfig())
    assert 0 < found["low"] <= found["recall"] <= found["high"] <= 1


def test_the_comparison_is_kept_and_is_no_run(built):
    store, plain = built
    n_runs, watched = len(read_runs(store)), Watched()
    compare_weights_of(store, plain, watch=watched)
    assert watched.states["weights"] == "made"
    again = Watched()
    compare_weights_of(store, plain, watch=again)
    assert again.made() == set()
    assert len(read_runs(store)) == n_runs


def test_the_comparison_is_a_job_with_progress_that_can_be_stopped(built):
    store, plain = built
    work, jobs = Workspace(store, replace(CONFIG, seed=2), plain.keys), Jobs()
    stopped = jobs.start_comparison(work)
    assert jobs.start_comparison(work) is stopped
    jobs.cancel(stopped)
    wait_for(lambda: not stopped.active)
    assert stopped.status == "stopped"
    job = jobs.start_comparison(work)
    wait_for(lambda: not job.active)
    assert (job.status, job.goal, job.error, job.share()) == ("done", "comparison", "", 1.0)
    assert set(job.stages) == {"behaviour", "weights"}
