"""The planted world: it reads like a real log, it obeys the law it states, and it comes out the same every time."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierex.errors import ConfigError
from hierex.synthetic import SAMPLE_SIZE, make_world, write_sample
from hierex.synthetic.interests import choose_interests, gerund, read_vocabulary
from hierex.transitions import list_moves

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
SMALL = {"n_items": 200, "n_users": 100, "n_interactions": 2_000}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The world of the sample, and the folder that it was written to."""
    folder = tmp_path_factory.mktemp("sample")
    return write_sample(folder), folder


@pytest.fixture(scope="module")
def world(sample):
    return sample[0]


# -------------------------------------------------------------------------------------------------- the vocabulary


def test_vocabulary_is_a_tree_of_three_levels_with_far_paths_between_its_leaves():
    interests, _ = read_vocabulary()
    by_name = {interest.name: interest for interest in interests}
    assert len(by_name) == len(interests) >= 60
    assert {len(interest.path) for interest in interests} == {3}
    assert min(Counter(interest.path[:2] for interest in interests).values()) >= 2, "a leaf without siblings"
    led_to = {name for interest in interests for name in interest.leads_to}
    assert led_to == set(by_name), "unknown names, or interests that nothing far leads to"
    assert all(interest.name not in interest.leads_to for interest in interests)


def test_vocabulary_is_rich_in_every_leaf():
    for interest in read_vocabulary()[0]:
        assert len(set(interest.things)) >= 8, interest.name
        assert len(set(interest.actions)) >= 4, interest.name
        assert len(set(interest.moments)) >= 4, interest.name
        assert len(set(interest.results)) >= 4, interest.name
        assert len(set(interest.hashtags)) >= 4, interest.name


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("bake bread", "baking bread"),
        ("cut a dovetail", "cutting a dovetail"),
        ("open a kiln", "opening a kiln"),
        ("feed a starter", "feeding a starter"),
        ("squat", "squatting"),
        ("mix an 808", "mixing an 808"),
        ("sew a dress", "sewing a dress"),
        ("island-hop in Sicily", "island-hopping in Sicily"),
        ("clay-bar the paint", "clay-barring the paint"),
    ],
)
def test_gerund(action, expected):
    assert gerund(action) == expected


@pytest.mark.parametrize("n", [2, 10, 45, 90])
def test_a_choice_of_interests_spreads_over_the_tops_and_keeps_siblings(n):
    chosen = choose_interests(n)
    assert len(set(chosen)) == n
    tops, branches = Counter(i.path[0] for i in chosen), Counter(i.path[:2] for i in chosen)
    assert len(tops) >= min(n // 3, 15)
    assert sum(count == 1 for count in branches.values()) <= 1


# ------------------------------------------------------------------------------------------------ catalogue and log


def test_titles_are_varied_and_filled_in(world):
    titles = world.items["title"]
    assert titles.str.lower().nunique() >= 0.99 * len(titles)
    assert titles.str.strip().eq(titles).all()
    assert not (titles + world.items["description"] + world.items["hashtags"]).str.contains("[{}]").any()
    first_words = titles.str.lower().str.split().str[:3].str.join(" ")
    assert first_words.value_counts(normalize=True).iloc[0] < 0.03, "one way to begin dominates"


def test_texts_tell_most_items_interests_but_not_all(world):
    interests = choose_interests(world.n_interests)
    own = np.array(
        [
            any(
                word.lower() in title.lower()
                for word in (*i.things, *i.actions, *map(gerund, i.actions), *i.moments, *i.results)
            )
            for title, i in zip(world.items["title"], (interests[leaf] for leaf in world.interest_of_item), strict=True)
        ]
    )
    assert 0.88 < own.mean() < 0.96
    tagged = [
        bool({f"#{tag}" for tag in interests[leaf].hashtags} & set(tags.split()))
        for tags, leaf in zip(world.items["hashtags"], world.interest_of_item, strict=True)
    ]
    assert 0.9 < np.mean(tagged) < 1


def test_sizes_and_references(world):
    items, log = world.items, world.interactions
    assert (len(items), log["user_id"].nunique(), len(log)) == tuple(SAMPLE_SIZE.values())
    assert items["item_id"].is_unique
    assert log["item_id"].isin(items["item_id"]).all()
    assert set(world.interest_of_item) == set(range(world.n_interests))
    assert 0 < log.duplicated().mean() < 0.01


def test_times_are_a_year_of_evenings_and_weekends_and_never_before_publication(world):
    log = world.interactions.merge(world.items)
    assert log["watched_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    watched = pd.to_datetime(log["watched_at"])
    assert (watched >= pd.to_datetime(log["published_at"])).all()
    assert world.interactions["watched_at"].is_monotonic_increasing
    assert 350 < (watched.max() - watched.min()).days <= 366
    assert watched.dt.month.nunique() == 12
    assert watched.dt.hour.between(19, 22).mean() > 4 * watched.dt.hour.between(2, 5).mean()
    assert watched.dt.day_of_week.isin([5, 6]).mean() > 1.2 * 2 / 7
    assert 0.3 < (world.items["published_at"] > world.interactions["watched_at"].min()).mean() < 0.7


def test_popularity_is_uneven_between_items_interests_and_users(world):
    log = world.log()
    traffic = log.traffic()
    top_tenth = np.sort(traffic)[-len(traffic) // 10 :].sum() / traffic.sum()
    assert 0.25 < top_tenth < 0.7
    of_interest = np.bincount(world.interest_of_item, weights=traffic)
    assert of_interest.max() > 3 * of_interest.min()
    per_user = np.diff(log.starts)
    assert per_user.max() > 5 * np.median(per_user)


def test_people_stay_return_and_let_old_interests_fade(world):
    log = world.log()
    interest = world.interest_of_item[log.item_index]
    same_user = log.user_index[1:] == log.user_index[:-1]
    stays = (interest[1:] == interest[:-1])[same_user].mean()
    assert 0.4 < stays < 0.8
    histories = world.histories()
    rank = np.full((log.n_users, world.n_interests), -1)
    lengths = np.diff(histories.starts)
    rank[np.repeat(np.arange(log.n_users), lengths), histories.cluster] = np.arange(len(histories.cluster)) - np.repeat(
        histories.starts[:-1], lengths
    )
    long = np.flatnonzero(lengths >= 8)
    latest = np.concatenate([rank[u][interest[log.starts[u] : log.starts[u + 1]]][-3:] for u in long])
    assert (latest >= 4).mean() > 0.6, "late interests make up most of the latest views"
    assert (latest < 4).any(), "people return to early interests"


# ---------------------------------------------------------------------------------------------------------- the law


def test_log_and_histories_agree_with_a_plain_loop():
    world = make_world(**SMALL, seed=1)
    interest_of = dict(zip(world.items["item_id"], world.interest_of_item.tolist(), strict=True))
    items_of, interests_of = {}, {}
    for user, item, _ in world.interactions.drop_duplicates().itertuples(index=False):
        items_of.setdefault(user, []).append(item)
        interests_of.setdefault(user, {})[interest_of[item]] = True
    log, histories = world.log(), world.histories()
    for index, user in enumerate(sorted(items_of)):
        assert world.items["item_id"].iloc[log.items_of(index)].tolist() == items_of[user]
        assert histories.of(index).tolist() == list(interests_of[user])
    assert (np.diff(log.clock)[np.diff(log.user_index) == 0] >= 0).all()


def test_law_is_a_sparse_distribution_over_others(world):
    law, n = world.successors, world.n_interests
    each = np.arange(n)
    np.testing.assert_allclose(law.sum(axis=2), 1, atol=1e-5)
    assert (law[each, :, each] == 0).all()
    assert (law[:, each, each] == 0).all()
    assert np.sort(law, axis=2)[:, :, -4:].sum(axis=2).min() > 0.8
    assert ((law > 0.1).sum(axis=2) <= 4).all()


def test_law_mixes_near_and_known_far_successors_and_both_interests_matter(world):
    names = [path.split(" > ") for path in world.interests]
    interests = choose_interests(world.n_interests)
    near = np.array([[a[0] == b[0] for b in names] for a in names])
    far = np.array([[b.name in a.leads_to for b in interests] for a in interests])
    assert 0.2 < (world.successors * near[None]).sum(axis=2).mean() < 0.6
    assert 0.2 < (world.successors * far[None]).sum(axis=2).mean() < 0.6
    sourdough, vegetables = (
        next(i for i, p in enumerate(names) if p[2] == name) for name in ("Sourdough", "Vegetables")
    )
    preserving = next(i for i, p in enumerate(names) if p[2] == "Home preserving")
    assert far[sourdough, vegetables]
    assert far[vegetables, preserving]
    best = world.successors.argmax(axis=2)
    assert (best != best[:1]).mean() > 0.4, "the earlier interest changes what follows"


def next_chances(world):
    """Of every move: the law's chances given all that the person knew, (n, n_interests); the move; what was known."""
    histories = world.histories()
    moves = list_moves(histories, k=2)
    known = np.zeros((len(moves), world.n_interests), dtype=bool)
    row = 0
    for user in range(histories.n_users):
        history = histories.of(user)
        for n_known in range(1, len(history)):
            known[row, history[:n_known]] = True
            row += 1
    chances = np.where(known, 0, world.successors[moves.contexts[:, 0], moves.contexts[:, 1]])
    return chances / chances.sum(axis=1, keepdims=True), moves, known


def test_people_obey_the_law(world):
    """The chances are calibrated: what the law gives 40 % to happens 40 % of the time."""
    chances, moves, _ = next_chances(world)
    happened = np.zeros(chances.shape, dtype=bool)
    happened[np.arange(len(moves)), moves.novel] = True
    assert (chances[happened] > 0).all()
    for low, high in ((0.001, 0.05), (0.05, 0.15), (0.15, 0.3), (0.3, 0.45), (0.45, 1.0)):
        inside = (chances >= low) & (chances < high)
        expected, spread = chances[inside].sum(), np.sqrt((chances * (1 - chances))[inside].sum())
        assert abs(happened[inside].sum() - expected) < 4 * spread


def test_who_knows_the_law_predicts_far_better_than_popularity_and_chance(world):
    chances, moves, known = next_chances(world)
    histories = world.histories()
    split = np.quantile(world.log().clock, 0.8)
    popular = np.bincount(histories.cluster[histories.clock < split], minlength=world.n_interests)
    late = moves.clock >= split

    def recall(scores, top=10):
        scores = np.where(known, -1.0, scores)[late]
        hit = scores[np.arange(len(scores)), moves.novel[late]]
        return ((scores > hit[:, None]).sum(axis=1) < top).mean()

    oracle, popularity = recall(chances), recall(np.broadcast_to(popular, known.shape))
    chance = recall(np.random.default_rng(0).random(known.shape))
    assert oracle > 0.8
    assert chance < popularity < 0.35
    assert chance == pytest.approx((10 / (~known[late]).sum(axis=1)).mean(), abs=0.03)


def test_vectors_are_near_in_the_tree(world):
    vectors, leaves = world.vectors()[::3], world.interest_of_item[::3]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near = vectors @ vectors.T
    paths = pd.DataFrame(path.split(" > ") for path in world.interests).apply(lambda names: pd.factorize(names)[0])
    paths = paths.to_numpy()[leaves]
    same = [paths[:, None, level] == paths[None, :, level] for level in range(3)]
    leaf, branch, top = same[2], same[1] & ~same[2], same[0] & ~same[1]
    assert near[leaf].mean() > near[branch].mean() + 0.1 > near[top].mean() + 0.2 > near[~same[0]].mean() + 0.3
    np.fill_diagonal(near, -1)
    assert (leaves[near.argmax(axis=1)] == leaves).mean() > 0.9


# ------------------------------------------------------------------------------------------- any size, the same again


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_size_holds_what_it_promises(data):
    n_items = data.draw(st.integers(2, 80))
    n_interests = data.draw(st.none() | st.integers(2, min(n_items, 20)))
    n_users = data.draw(st.integers(1, 40))
    n_interactions = data.draw(st.integers(n_users, 1_200))
    world = make_world(
        n_items=n_items,
        n_users=n_users,
        n_interactions=n_interactions,
        n_interests=n_interests,
        seed=data.draw(st.integers(0, 99)),
    )
    assert (len(world.items), len(world.interactions)) == (n_items, n_interactions)
    assert world.interactions["user_id"].nunique() == n_users
    log = world.interactions.merge(world.items)
    assert len(log) == n_interactions
    assert (log["watched_at"] >= log["published_at"]).all()
    assert set(world.interest_of_item) == set(range(world.n_interests))
    sums = world.successors.sum(axis=2)
    assert (np.isclose(sums, 1, atol=1e-5) | (sums == 0)).all()


def test_same_seed_same_world_and_another_seed_another():
    first, again, other = (make_world(**SMALL, seed=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first.items, again.items)
    pd.testing.assert_frame_equal(first.interactions, again.interactions)
    np.testing.assert_array_equal(first.successors, again.successors)
    assert not first.interactions.equals(other.interactions)
    assert not first.items["title"].equals(other.items["title"])


@pytest.mark.parametrize(
    "sizes", [{"n_items": 1}, {"n_interests": 91}, {"n_interests": 1}, {"n_users": 2_001}, {"n_users": 0}]
)
def test_impossible_worlds_are_refused(sizes):
    with pytest.raises(ConfigError):
        make_world(**{**SMALL, **sizes})


def test_committed_sample_is_what_the_command_writes(sample):
    _, folder = sample
    assert (SAMPLE / "items.csv").read_bytes() == (folder / "items.csv").read_bytes()
    committed, written = (gzip.decompress((where / "interactions.csv.gz").read_bytes()) for where in (SAMPLE, folder))
    assert committed == written
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 1_500_000


def test_sample_is_written_without_the_time_of_writing(sample):
    _, folder = sample
    assert (folder / "interactions.csv.gz").read_bytes()[4:8] == b"\0\0\0\0"


def test_sample_says_that_it_is_synthetic():
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert "synthetic" in readme.splitlines()[0]
    assert "CC0" in readme
