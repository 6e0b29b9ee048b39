"""Bandits over interests: only candidates, the closed forms, and less regret than chance on planted worlds."""

from math import erf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierex.config import TreeConfig
from hierex.experiment.exploration import (
    NOTHING,
    HierarchicalBandit,
    InterestLevels,
    NeuralLinearBandit,
    ProgressiveBandit,
    level_interests,
    read_interests,
)
from hierex.experiment.exploration.choosing import best_allowed, occurrences
from hierex.experiment.exploration.linear import UserModels
from hierex.interest_tree import grow_tree
from hierex.recommenders import SequenceRecommender
from hierex.recommenders.sequence import Transformer
from hierex.taxonomy import CurationEdit, curate, cut_tree

N_USERS, N_INTERESTS, D = 30, 24, 4
LEVELS_OF = [np.repeat(np.arange(3), 8), np.repeat(np.arange(12), 2), np.arange(N_INTERESTS)]


def planted_levels(seed=0) -> InterestLevels:
    """Interests near the middle of their groups, groups of each level the mean of what is inside."""
    rng = np.random.default_rng(seed)
    leaves = rng.normal(size=(3, D))[LEVELS_OF[0]] + 0.4 * rng.normal(size=(N_INTERESTS, D))
    leaves /= np.linalg.norm(leaves, axis=1, keepdims=True)
    means = [np.array([leaves[names == g].mean(axis=0) for g in range(names.max() + 1)]) for names in LEVELS_OF]
    return InterestLevels(LEVELS_OF, means)


def planted_rewards(levels: InterestLevels, seed=1) -> np.ndarray:
    """(N_USERS, N_INTERESTS) in [0, 1], linear in the features, another direction for every user."""
    taste = np.random.default_rng(seed).normal(size=(N_USERS, D))
    taste /= np.linalg.norm(taste, axis=1, keepdims=True)
    return (1 + taste @ levels.features[-1].T) / 2


def neural(seed=0, **options) -> NeuralLinearBandit:
    rng = np.random.default_rng(seed)
    return NeuralLinearBandit(rng.normal(size=(N_USERS, D)), rng.normal(size=(N_INTERESTS, D + 1)), **options)


MAKERS = {
    "hierarchical": lambda: HierarchicalBandit(planted_levels(), N_USERS),
    "progressive": lambda: ProgressiveBandit(planted_levels(), N_USERS),
    "neural": neural,
}


@pytest.fixture(params=MAKERS)
def bandit(request):
    return MAKERS[request.param]()


def teach(bandit, seed=5, n=200):
    rng = np.random.default_rng(seed)
    bandit.observe(rng.integers(N_USERS, size=n), rng.integers(N_INTERESTS, size=n), rng.random(n))


def test_only_candidates_are_chosen_each_once_and_all_of_them_where_asked(bandit):
    teach(bandit)
    rng = np.random.default_rng(0)
    users = np.array([3, 3, 9, 0, 29])
    candidates = rng.random((5, N_INTERESTS)) < 0.3
    candidates[2] = False
    chosen = bandit.choose(users, candidates, rng, top=N_INTERESTS + 2)
    assert chosen.shape == (5, N_INTERESTS + 2)
    for row, allowed in zip(chosen, candidates, strict=True):
        n = allowed.sum()
        assert sorted(row[:n]) == np.flatnonzero(allowed).tolist()
        assert (row[n:] == NOTHING).all()


def test_choosing_repeats_with_the_generator_and_teaches_nothing(bandit):
    teach(bandit)
    users, everything = np.arange(N_USERS), np.ones((N_USERS, N_INTERESTS), bool)
    before = everything.copy()
    first, again = (bandit.choose(users, everything, np.random.default_rng(2), top=3) for _ in range(2))
    assert (first == again).all()
    assert (everything == before).all()
    assert bandit.choose(users[:0], everything[:0], np.random.default_rng(0)).shape == (0, 1)


@pytest.mark.parametrize("make", [MAKERS["hierarchical"], neural], ids=["hierarchical", "neural"])
def test_told_at_once_or_one_by_one_it_has_learned_the_same(make):
    rng = np.random.default_rng(1)
    users, interests, rewards = rng.integers(4, size=60), rng.integers(N_INTERESTS, size=60), rng.random(60)
    together, singly = make(), make()
    together.observe(users, interests, rewards)
    for row in range(60):
        singly.observe(users[row : row + 1], interests[row : row + 1], rewards[row : row + 1])
    for a, b in zip(models_of(together), models_of(singly), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def models_of(bandit) -> list[np.ndarray]:
    if isinstance(bandit, NeuralLinearBandit):
        return [bandit.sigma, bandit.rewarded]
    return [part for model in bandit.models for part in (model.inverse, model.rewarded)]


def test_a_user_of_hcb_is_chosen_for_the_same_beside_others():
    bandit = MAKERS["hierarchical"]()
    users, interests = (part.ravel() for part in np.indices((N_USERS, N_INTERESTS)))
    bandit.observe(users, interests, planted_rewards(planted_levels()).ravel())
    everything = np.ones((N_USERS, N_INTERESTS), bool)
    rng = np.random.default_rng(0)
    together = bandit.choose(np.arange(N_USERS), everything, rng, top=3)
    for user in range(N_USERS):
        assert (bandit.choose(np.array([user]), everything[:1], rng, top=3)[0] == together[user]).all()


def test_upper_bounds_are_those_of_the_plain_formula():
    rng = np.random.default_rng(0)
    models, users = UserModels(5, D), rng.integers(5, size=40)
    shown, rewards, features = rng.normal(size=(40, D)), rng.random(40), rng.normal(size=(7, D))
    models.observe(users, shown, rewards)
    bounds = models.upper_bounds(np.arange(5), features, 0.5)
    for user in range(5):
        x, r = shown[users == user], rewards[users == user]
        a = np.eye(D) + x.T @ x
        theta = np.linalg.solve(a, x.T @ r)
        for row, feature in enumerate(features):
            plain = theta @ feature + 0.5 * np.sqrt(feature @ np.linalg.solve(a, feature))
            assert bounds[user, row] == pytest.approx(plain)


def test_thompson_draws_have_the_stated_mean_and_spread():
    """Two candidates: the first is drawn above the second as often as two independent normals say."""
    bandit = neural(noise=0.5)
    teach(bandit)
    phi = np.array([bandit.features(np.array([3]), np.array([c]))[0] for c in (2, 7)])
    inverse = np.linalg.inv(bandit.sigma)
    mean, variance = phi @ inverse @ bandit.rewarded, 0.5 * np.einsum("cp,pq,cq->c", phi, inverse, phi)
    z = (mean[0] - mean[1]) / np.sqrt(variance.sum())
    expected = normal_cdf(z)
    n, candidates = 20_000, np.zeros((20_000, N_INTERESTS), bool)
    candidates[:, [2, 7]] = True
    chosen = bandit.choose(np.full(n, 3), candidates, np.random.default_rng(0))[:, 0]
    assert 0.02 < expected < 0.98
    assert (chosen == 2).mean() == pytest.approx(expected, abs=0.015)


def normal_cdf(z: float) -> float:
    return (1 + erf(z / 2**0.5)) / 2


def regret_of(choose, rewards, rounds, observe=lambda *_: None) -> np.ndarray:
    """(rounds,) mean regret; what a user is shown stays a candidate."""
    rng, users = np.random.default_rng(3), np.arange(N_USERS)
    everything, regret = np.ones(rewards.shape, bool), []
    for _ in range(rounds):
        chosen = choose(users, everything, rng)
        got = rewards[users, chosen]
        regret.append((rewards.max(axis=1) - got).mean())
        observe(users, chosen, got + rng.normal(0, 0.05, len(users)))
    return np.array(regret)


@pytest.mark.parametrize("name", MAKERS)
def test_regret_falls_well_below_that_of_chance(name):
    bandit, levels = MAKERS[name](), planted_levels()
    rewards = planted_rewards(levels)
    if name == "neural":
        rng = np.random.default_rng(8)
        users, interests = np.indices(rewards.shape)
        rewards = bandit.features(users, interests) @ rng.normal(size=D + 2)
    chance = regret_of(lambda u, c, r: r.integers(N_INTERESTS, size=len(u)), rewards, 60).mean()
    learned = regret_of(lambda u, c, r: bandit.choose(u, c, r)[:, 0], rewards, 120, bandit.observe)
    assert learned[-30:].mean() < 0.6 * chance
    assert learned[-30:].mean() < learned[:5].mean()


def test_hcb_goes_down_to_the_best_node_of_every_level():
    levels = planted_levels()
    bandit = HierarchicalBandit(levels, 1, alpha=0.0)
    rng = np.random.default_rng(4)
    for model in bandit.models:
        model.observe(np.zeros(200, np.int64), rng.normal(size=(200, D)), rng.random(200))
    node, everything = 0, np.ones((1, N_INTERESTS), bool)
    for level, features in enumerate(levels.features):
        values = features @ bandit.models[level].inverse[0] @ bandit.models[level].rewarded[0]
        node = max(np.flatnonzero(levels.parents(level) == node), key=lambda child: values[child])
    assert bandit.choose(np.array([0]), everything, rng).tolist() == [[node]]


def test_phcb_opens_a_node_when_it_was_visited_and_liked_enough():
    """Depth 2: ceil(10 ln 2) = 7 visits with a mean of 0.1 ln 2."""
    bandit, user, interest = MAKERS["progressive"](), np.array([4]), np.array([9])
    for visit in range(1, 8):
        assert bandit.visible_level(user, interest)[0] == 0
        bandit.observe(user, interest, np.array([1.0 if visit == 1 else 0.0]))
    assert bandit.visible_level(user, np.array([9])).tolist() == [1]
    assert bandit.visible_level(np.array([4, 5]), np.array([0, 9])).tolist() == [0, 0]
    for _ in range(50):
        bandit.observe(user, np.array([0]), np.array([0.0]))
    assert bandit.visible_level(user, np.array([0])).tolist() == [0]
    visible = [level[0].sum() for level in bandit._visible(user)]
    assert visible == [2, 4, 0]


def test_interests_lie_in_the_cuts_of_the_tree():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(900, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tree = grow_tree(vectors, rng.integers(1, 9, 900), config=TreeConfig(finest=60, min_items=3), seed=0)
    levels = level_interests(tree, cut_tree(tree, 40), vectors, branching=3, dimensions=5)
    assert [len(features) for features in levels.features] == [3, 9, 27, 40]
    for level in range(1, 4):
        names, above = levels.node_of[level], levels.node_of[level - 1]
        assert all(len(np.unique(above[names == group])) == 1 for group in range(names.max() + 1))
    assert np.linalg.norm(levels.features[-1], axis=1).mean() == pytest.approx(1)
    widest = int(tree.cut(2)[0])
    edits = [CurationEdit(n, "collapse", (int(node),)) for n, node in enumerate(tree.children(widest))]
    curated, reasons = curate(tree, 40, edits)
    assert not reasons or curated.n_clusters < 40
    wide = level_interests(tree, curated, vectors, branching=3, dimensions=5)
    for level in range(1, len(wide.node_of)):
        names, above = wide.node_of[level], wide.node_of[level - 1]
        assert all(len(np.unique(above[names == group])) == 1 for group in range(names.max() + 1))


def test_the_trained_head_is_one_of_the_bandits_answers():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    tree = grow_tree(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.ones(40), config=TreeConfig(finest=6))
    taxonomy = cut_tree(tree, 5)
    recommender = SequenceRecommender(Transformer(8, 1, 2, 5), vectors, rng.normal(size=40).astype(np.float32))
    users = recommender.encode([np.array([1, 2]), np.array([7])])
    bandit = NeuralLinearBandit(users, read_interests(recommender, taxonomy, np.zeros(40)))
    logits = recommender.score_encoded(users, np.arange(40))
    for interest in range(5):
        expected = logits[:, taxonomy.items_of(interest)].mean(axis=1)
        found = bandit.features(np.arange(2), np.array([interest] * 2))[:, :-1].sum(axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@given(st.lists(st.integers(0, 4), max_size=12))
def test_occurrences_count_what_came_before(users):
    expected = [users[:row].count(user) for row, user in enumerate(users)]
    assert occurrences(np.array(users, np.int64)).tolist() == expected


def test_equal_scores_are_decided_by_lot():
    rng = np.random.default_rng(0)
    allowed = np.tile([True, False, True], (4_000, 1))
    chosen = best_allowed(np.zeros((4_000, 3)), allowed, rng)
    assert np.bincount(chosen).tolist() == pytest.approx([2_000, 0, 2_000], abs=150)
