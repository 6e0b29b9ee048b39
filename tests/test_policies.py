"""One suite of behaviour for every policy, over moves whose right answer is known."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from hierex.config import PolicyConfig
from hierex.errors import ConfigError
from hierex.policies import FEWEST_MOVES, load_policy, train_policy
from hierex.policies.choices import (
    PARTS,
    follow_popularity,
    judge_choices,
    leave_out_context,
    mark_seen,
    part_by_time,
)
from hierex.policies.counts import train_counts
from hierex.transitions import Histories, Moves, list_moves

KINDS = ("counts", "ease", "encoder")
N = 12
QUICK = PolicyConfig(dimensions=16)


def moves_of(lists, n_clusters=N, k=2, clocks=None) -> Moves:
    """Moves of people with these histories; all start at time 0 and take one step at a time unless told otherwise."""
    starts = np.concatenate([[0], np.cumsum([len(history) for history in lists])]).astype(np.int64)
    clusters = np.array([cluster for history in lists for cluster in history], np.int32)
    clock = np.arange(len(clusters)) - np.repeat(starts[:-1], np.diff(starts)) if clocks is None else clocks
    return list_moves(Histories(clusters, np.asarray(clock, np.int64), starts, n_clusters), k=k)


def random_moves(n_users=150, n_clusters=N, k=2, seed=0) -> Moves:
    rng = np.random.default_rng(seed)
    lists = [rng.permutation(n_clusters)[: rng.integers(1, 6)] for _ in range(n_users)]
    n_rows = sum(map(len, lists))
    return moves_of(lists, n_clusters, k, clocks=np.sort(rng.integers(0, 10**6, n_rows)))


def text_vectors(n_clusters=N, seed=0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n_clusters, 24)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def every_context(n_clusters=N, k=2) -> np.ndarray:
    return np.stack(np.unravel_index(np.arange(n_clusters**k), (n_clusters,) * k), axis=1)


@pytest.fixture(scope="module", params=KINDS)
def policy(request):
    return train_policy(random_moves(), text_vectors(), config=replace(QUICK, kind=request.param), seed=0)


@pytest.fixture(scope="module")
def encoder():
    return train_policy(random_moves(), text_vectors(), config=QUICK, seed=0)


def test_scores_are_a_distribution_over_everything_but_the_context(policy):
    contexts = every_context()
    scores = policy.score(contexts)
    assert scores.shape == (N * N, N)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)
    assert np.isneginf(np.take_along_axis(scores, contexts, axis=1)).all()
    assert np.isfinite(scores).sum() == N * (N - 1) * (N - 2) + N * (N - 1)
    assert (policy.name in KINDS, policy.n_clusters, policy.note) == (True, N, "")


def test_a_batch_is_scored_as_each_alone_and_is_not_changed(policy):
    contexts = every_context()[:30]
    before = contexts.copy()
    alone = np.concatenate([policy.score(context[None]) for context in contexts])
    np.testing.assert_allclose(policy.score(contexts), alone, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(policy.score(contexts), policy.score(contexts))
    np.testing.assert_array_equal(contexts, before)
    assert policy.score(contexts[:0]).shape == (0, N)


def test_what_is_kept_gives_the_same_policy_again(policy):
    contexts = every_context()
    kept = load(save({name: np.ascontiguousarray(value) for name, value in policy.arrays().items()}))
    for again in (load_policy(policy.name, kept), pickle.loads(pickle.dumps(policy))):
        np.testing.assert_array_equal(again.score(contexts), policy.score(contexts))
        assert again.arrays().keys() == policy.arrays().keys()


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_policy_and_watching_changes_nothing(kind):
    config, moves, vectors, shares = replace(QUICK, kind=kind, epochs=2), random_moves(), text_vectors(), []
    first = train_policy(moves, vectors, config=config, seed=3, progress=shares.append)
    second = train_policy(moves, vectors, config=config, seed=3)
    for name, value in first.arrays().items():
        np.testing.assert_array_equal(value, second.arrays()[name])
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_training_leaves_torch_as_it_was():
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train_policy(random_moves(), text_vectors(), config=QUICK, seed=0)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_another_seed_is_another_encoder(encoder):
    other = train_policy(random_moves(), text_vectors(), config=QUICK, seed=1)
    assert not np.array_equal(other.score(every_context()), encoder.score(every_context()))


def planted_moves(kind_of_rule: str) -> tuple[Moves, Moves]:
    """People who go on from where they are by a fixed rule: moves to learn from, and those of other people."""
    rng = np.random.default_rng(0)
    n = 20
    by_latest = rng.permutation(n)
    by_pair = rng.integers(0, n, (n, n))
    lists = []
    for _ in range(1_500):
        history = rng.permutation(n)[:2].tolist()
        following = by_latest[history[1]] if kind_of_rule == "latest" else by_pair[tuple(history)]
        lists.append(history + [int(following)] * (following not in history))
    clocks = np.repeat(rng.integers(0, 10**6, len(lists)), [len(history) for history in lists])
    moves = moves_of(lists, n, clocks=clocks)
    moves = moves.take(moves.contexts[:, 0] != moves.contexts[:, 1])
    is_held_out = moves.user >= 1_200
    return moves.take(~is_held_out), moves.take(is_held_out)


@pytest.mark.parametrize("rule", ["latest", "pair"])
@pytest.mark.parametrize("kind", ["counts", "encoder"])
def test_planted_moves_are_learned(kind, rule):
    learned_from, held_out = planted_moves(rule)
    config = PolicyConfig(kind=kind)
    policy = train_policy(learned_from, text_vectors(20), config=config, seed=0)
    found = (policy.score(held_out.contexts).argmax(axis=1) == held_out.novel).mean()
    known = {*map(tuple, learned_from.contexts.tolist())}
    reachable = np.mean([tuple(context) in known for context in held_out.contexts.tolist()])
    assert found > (0.97 if rule == "latest" else 0.9 * reachable)
    assert reachable > 0.9


def test_an_interest_without_any_moves_is_judged_by_its_words():
    """Interests come in pairs of nearly the same words, and lead to the next pair. Nobody has ever had interest 39."""
    rng = np.random.default_rng(0)
    pairs, never_had = 20, 39
    vectors = text_vectors(2 * pairs)
    vectors[pairs:] = vectors[:pairs] + 0.1 * vectors[pairs:]
    lists = []
    for _ in range(1_200):
        first, second = rng.choice(never_had, 2, replace=False)
        following = (second + 1) % pairs + pairs * rng.integers(0, 2)
        lists.append([first, second] + [following] * (following not in (first, second, never_had)))
    config = PolicyConfig()
    encoder = train_policy(moves_of(lists, 2 * pairs), vectors, config=config, seed=0)
    like_it = never_had - pairs
    for context in ([2, like_it], [2, never_had]):
        assert set(encoder.score(np.array([context]))[0].argsort()[-2:]) == {0, pairs}


@pytest.mark.parametrize("n_moves", [0, 1, FEWEST_MOVES - 1])
def test_too_little_data_falls_back_to_counts_and_says_so(n_moves):
    moves = random_moves().take(np.arange(n_moves))
    policy = train_policy(moves, text_vectors(), config=PolicyConfig(), seed=0)
    assert policy.name == "counts"
    assert f"only {n_moves} moves" in policy.note
    np.testing.assert_allclose(np.exp(policy.score(every_context())).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 3])
def test_contexts_may_have_another_length(kind, k):
    policy = train_policy(random_moves(k=k), text_vectors(), config=replace(QUICK, kind=kind), seed=0)
    contexts = every_context(k=k)
    np.testing.assert_allclose(np.exp(policy.score(contexts)).sum(axis=1), 1, rtol=1e-5)
    kept = load_policy(policy.name, policy.arrays())
    np.testing.assert_array_equal(kept.score(contexts), policy.score(contexts))


@pytest.mark.parametrize("kind", KINDS)
def test_degenerate_worlds_are_survived(kind):
    config = replace(QUICK, kind=kind, epochs=2)
    two = moves_of([[0, 1], [1, 0]] * 100, 2)
    np.testing.assert_allclose(
        np.exp(train_policy(two, np.ones((2, 4), np.float32), config=config, seed=0).score(np.array([[0, 0], [0, 1]]))),
        [[0, 1], [0, 0]],
    )
    at_once = random_moves()
    at_once = Moves(at_once.contexts, at_once.novel, at_once.user, np.zeros_like(at_once.clock), N)
    scores = train_policy(at_once, np.zeros((N, 4), np.float32), config=config, seed=0).score(every_context())
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)


def test_every_interest_needs_a_description():
    with pytest.raises(ConfigError, match="11 descriptions were given for 12 interests"):
        train_policy(random_moves(), text_vectors(11), config=PolicyConfig(), seed=0)


def test_unknown_policies_are_refused():
    with pytest.raises(ConfigError, match="no policy 'oracle'"):
        load_policy("oracle", {})
    with pytest.raises(ConfigError, match="no policy 'oracle'"):
        PolicyConfig(kind="oracle")


def test_counts_back_off_from_the_pair_to_its_parts_to_popularity():
    lists = [[0, 1, 2]] * 60 + [[3, 1, 4]] * 60 + [[5, 6, 7]] * 240
    counts = train_counts(moves_of(lists, 9), config=PolicyConfig())
    known, turned, parts, nothing = counts.score(np.array([[0, 1], [1, 0], [8, 1], [8, 8]]))
    assert known.argmax() == 2
    assert known[2] > turned[2] > parts[2] > nothing[2]
    assert parts[2] - parts[3] == pytest.approx(parts[4] - parts[3], abs=1e-5)
    assert nothing.argmax() == 7


histories = st.lists(st.lists(st.integers(0, N - 1), unique=True, max_size=6), max_size=8)


@given(histories, st.integers(1, 3))
def test_seen_is_the_whole_earlier_history(lists, k):
    moves = moves_of(lists, k=k)
    expected = [history[:place] for history in lists for place in range(1, len(history))]
    seen = mark_seen(moves, np.arange(len(moves)))
    assert [np.flatnonzero(row).tolist() for row in seen] == [sorted(history) for history in expected]
    rows = np.arange(len(moves))[::-2]
    np.testing.assert_array_equal(mark_seen(moves, rows), seen[rows])


@given(histories, st.sampled_from([0.1, 0.3]))
def test_later_moves_are_later_and_there_are_some(lists, share):
    moves = moves_of(lists)
    earlier, later = part_by_time(moves, share)
    assert sorted([*earlier, *later]) == list(range(len(moves)))
    if len(moves) >= 10:
        assert len(later)
    if len(later) and len(np.unique(moves.clock)) > 1:
        assert moves.clock[earlier].max() <= moves.clock[later].min() or len(later) <= len(moves) * share + 1


def test_popularity_is_known_from_earlier_moves_alone():
    moves = random_moves()
    step, popularity = follow_popularity(moves, 0.2)
    assert popularity.shape == (PARTS + 1, N)
    np.testing.assert_allclose(np.exp(popularity).sum(axis=1), 1, rtol=1e-5)
    for part in (0, 7, PARTS - 1):
        changed = moves.novel.copy()
        changed[step >= part] = 0
        other = follow_popularity(Moves(moves.contexts, changed, moves.user, moves.clock, N), 0.2)[1]
        np.testing.assert_array_equal(other[: part + 1], popularity[: part + 1])
        assert not np.array_equal(other[-1], popularity[-1])
        assert moves.clock[step < part].max(initial=-1) < moves.clock[step >= part].min()


def test_judging_counts_equal_scores_as_the_average_over_their_orders():
    seen = np.zeros((2, 40), bool)
    seen[:, 30:] = True
    recall, likelihood = judge_choices(np.zeros((2, 40), np.float32), np.array([0, 5]), seen)
    assert recall == pytest.approx(10 / 30)
    assert likelihood == pytest.approx(-np.log(30))
    sure = np.zeros((2, 40), np.float32)
    sure[:, 3] = 50
    assert judge_choices(sure, np.array([3, 3]), seen) == pytest.approx((1.0, 0.0))


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(0, 99))
def test_leaving_out_the_context_renormalises(n_clusters, seed):
    rng = np.random.default_rng(seed)
    contexts = rng.integers(0, n_clusters, (5, 2))
    scores = leave_out_context((100 * rng.normal(size=(5, n_clusters))).astype(np.float32), contexts)
    has_others = [len(set(context)) < n_clusters for context in contexts.tolist()]
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), np.array(has_others, float), rtol=1e-5)
    assert not np.isnan(scores).any()
