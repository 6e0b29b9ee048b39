"""One suite of behaviour for every policy, over moves whose right answer is known."""

import pickle
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from hierex import policies
from hierex.config import PolicyConfig
from hierex.descriptions import Description
from hierex.errors import ConfigError
from hierex.policies import FEWEST_MOVES, encoder_training, load_policy
from hierex.policies.choices import (
    PARTS,
    Belief,
    follow_popularity,
    judge_choices,
    leave_out_context,
    mark_seen,
    part_by_time,
    weigh_parts,
    weigh_people,
)
from hierex.policies.counts import train_counts
from hierex.policies.ease import Tuning, fit_ease
from hierex.policies.encoder_training import EXPECTED, NETWORKS, Learner, weigh_by_age
from hierex.transitions import Histories, Moves, list_moves
from hierex.transitions.pasts import Pasts

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


def train_policy(moves, vectors, **settings):
    """With a description for every vector."""
    descriptions = [Description(row, "", (f"thing {row}",), "", "keywords") for row in range(len(vectors))]
    return policies.train_policy(moves, descriptions, vectors, **settings)


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


def test_a_policy_that_an_earlier_version_kept_is_refused(encoder):
    kept = {name: value for name, value in encoder.arrays().items() if name != "origin"}
    with pytest.raises(ConfigError, match="Build again"):
        load_policy("encoder", kept)


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


def test_the_encoders_networks_learn_from_other_seeds_and_answer_by_their_mean(encoder):
    contexts = every_context()
    pasts = Pasts.of_contexts(contexts)
    alone = [network.foresee(contexts, pasts) for network in encoder.parts.networks]
    assert len(alone) == NETWORKS > 1
    another = train_policy(random_moves(), text_vectors(), config=QUICK, seed=1).parts.networks
    alone_too = [*alone, *(network.foresee(contexts, pasts) for network in another)]
    assert not any(np.allclose(one, other) for one, other in combinations(alone_too, 2))
    together, *_ = encoder.parts.foresee(contexts, pasts, whole=False)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-4, atol=1e-5)


def test_an_encoder_that_was_kept_with_one_network_is_read_as_it_is(encoder):
    first, *_ = encoder.parts.networks
    one = replace(encoder, parts=replace(encoder.parts, networks=(first,)))
    kept = {name: value for name, value in encoder.arrays().items() if not name.startswith("network1/")}
    read = load_policy("encoder", load(save(kept)))
    np.testing.assert_array_equal(read.score(every_context()), one.score(every_context()))


def test_another_seed_is_another_encoder(encoder):
    other = train_policy(random_moves(), text_vectors(), config=QUICK, seed=1)
    assert not np.array_equal(other.score(every_context()), encoder.score(every_context()))


def test_the_network_goes_through_the_latest_moves_alone(monkeypatch):
    moves, loss, seen = random_moves(n_users=400), Learner._loss, []

    def note_rows(learner, rows, popularity):
        seen.append(rows)
        return loss(learner, rows, popularity)

    monkeypatch.setattr(Learner, "_loss", note_rows)
    config = replace(QUICK, epochs=1, most_moves=200)
    train_policy(moves, text_vectors(), config=config, seed=0)
    learned_from = np.sort(moves.clock[np.unique(np.concatenate(seen))])
    earlier = moves.clock[part_by_time(moves, config.validation_share)[0]]
    latest = (np.sort(clock)[-config.most_moves :] for clock in (earlier, moves.clock))
    assert learned_from.tolist() == sorted(set(np.concatenate([*latest]).tolist()))


def test_a_move_weighs_half_where_half_of_the_moves_lie_between():
    clock = np.arange(100)[::-1]
    weight = weigh_by_age(clock, np.arange(80))
    assert weight[0] / weight[40] == pytest.approx(2)
    assert (np.diff(weight[:80]) < 0).all()
    assert (weight[80:] == 0).all()
    assert len(set(weigh_by_age(np.zeros(5, int), np.arange(5)).tolist())) == 1, (
        "where nothing is known of time, all alike"
    )


def test_the_network_learns_most_from_the_latest_moves(monkeypatch):
    monkeypatch.setattr("hierex.policies.encoder_training.WITHOUT_HISTORY", 0.0)
    moves, learner = random_moves(), Learner(random_moves(), text_vectors(), QUICK, 0)
    learner.learn(np.arange(len(moves)), lambda done: None)
    first, last = np.argsort(moves.clock, kind="stable")[[0, -1]]
    assert learner.weight[last] / learner.weight[first] == pytest.approx(4, rel=0.1)
    assert learner.weight.mean() == pytest.approx(1)
    popularity = learner.network.weigh_popularity(learner.network.log_popularity[None]).repeat(2, 1).detach()
    both = learner._loss(np.array([first, last]), popularity).item()
    alone = [learner._loss(np.array([row]), popularity[:1]).item() for row in (first, last)]
    assert both == pytest.approx(np.mean(alone), rel=1e-4)
    learner.weight[first] = 0
    assert learner._loss(np.array([first, last]), popularity).item() == pytest.approx(alone[1] / 2, rel=1e-4)


@pytest.fixture(scope="module", params=["ease", "encoder"])
def history_policy(request):
    return train_policy(random_moves(), text_vectors(), config=replace(QUICK, kind=request.param), seed=0)


def histories_of(lists, n_clusters=N) -> Histories:
    starts = np.cumsum([0, *map(len, lists)])
    clusters = np.array([cluster for history in lists for cluster in history], np.int32)
    return Histories(clusters, np.arange(len(clusters)), starts, n_clusters)


def test_whole_histories_give_a_distribution_over_everything_but_themselves(history_policy):
    rng = np.random.default_rng(5)
    lists = [rng.permutation(N)[: rng.integers(1, N)].tolist() for _ in range(40)]
    scores = history_policy.score_histories(histories_of(lists))
    assert (scores.shape, scores.dtype) == ((40, N), np.float32)
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)
    for row, history in zip(scores, lists, strict=True):
        assert sorted(np.flatnonzero(np.isneginf(row))) == sorted(history)
    alone = np.concatenate([history_policy.score_histories(histories_of([history])) for history in lists])
    np.testing.assert_allclose(scores, alone, rtol=1e-5, atol=1e-5)
    kept = load_policy(history_policy.name, load(save(history_policy.arrays())))
    np.testing.assert_array_equal(kept.score_histories(histories_of(lists)), scores)


def test_who_has_every_interest_is_told_none_and_who_has_none_is_refused(history_policy):
    everything = history_policy.score_histories(histories_of([[*range(N)], [0]]))
    assert np.isneginf(everything[0]).all()
    assert history_policy.score_histories(histories_of([])).shape == (0, N)
    with pytest.raises(ConfigError, match="1 of 2 people have no interest yet"):
        history_policy.score_histories(histories_of([[1], []]))


def test_what_lies_further_back_than_the_context_counts():
    """The first interest of three decides the fourth; the two between say nothing."""
    rng = np.random.default_rng(0)
    lists = [[first, *(3 + rng.permutation(7)[:2]), 10 + first] for first in rng.integers(0, 3, 1_500)]
    clocks = np.repeat(rng.integers(0, 10**6, len(lists)), 4)
    told = histories_of([[0, 3, 4], [1, 3, 4], [2, 3, 4]], 13)
    for kind in ("ease", "encoder"):
        moves = moves_of(lists, 13, clocks=clocks)
        policy = train_policy(moves, text_vectors(13), config=PolicyConfig(kind=kind), seed=0)
        assert policy.score_histories(told).argmax(axis=1).tolist() == [10, 11, 12]


def test_ease_is_the_linear_model_that_tells_interests_from_each_other():
    """Its closed form against least squares solved for each interest alone, its own column left out."""
    moves = random_moves()
    has = np.zeros((moves.user.max() + 1, N))
    has[moves.user, moves.novel] = 1
    for place in range(2):
        has[moves.user, moves.contexts[:, place]] = 1
    strength = 30.0
    likeness = fit_ease(moves, Tuning(strength=strength)).likeness
    for one in range(N):
        others = np.delete(np.arange(N), one)
        gram = has[:, others].T @ has[:, others] + strength * np.eye(N - 1)
        expected = np.linalg.solve(gram, has[:, others].T @ has[:, one])
        np.testing.assert_allclose(likeness[others, one], expected, atol=1e-5)
    assert (np.diag(likeness) == 0).all()


def test_every_person_weighs_the_same_however_many_moves_they_made():
    user = np.array([7, 7, 7, 2, 5, 5])
    weight = weigh_people(user)
    assert weight.mean() == pytest.approx(1)
    np.testing.assert_allclose([weight[user == one].sum() for one in (2, 5, 7)], 2)
    parts = [np.array([[0.0, 1.0]] * 6), np.array([[1.0, 0.0]] * 6)]
    novel, seen = np.array([1, 1, 1, 0, 0, 0]), np.zeros((6, 2), bool)
    logits = sum(w * part for w, part in zip(weigh_parts(parts, novel, seen, weight), parts, strict=True))[0]
    assert np.exp(logits[1]) / np.exp(logits).sum() == pytest.approx(1 / 3, abs=1e-3)


class Halves:
    """Two parts: one finds the second half of the interests likelier, one nothing."""

    def foresee(self, contexts, pasts, *, whole):
        part = np.repeat(np.float32([0, 1]), N // 2)
        return [np.tile(part, (len(contexts), 1)), np.zeros(N, np.float32)]


def test_every_person_weighs_the_same_also_where_moves_are_thinned_out(monkeypatch):
    rng = np.random.default_rng(0)
    many = [[0, 1, 2, 3, 4, 5]] * 60  # four moves each within the first half
    few = [[*rng.permutation(6)[:2], 6 + rng.integers(6)] for _ in range(240)]
    moves = moves_of(many + few)
    monkeypatch.setattr(encoder_training, "EXPECTED", np.zeros(2))
    monkeypatch.setattr(encoder_training, "DOUBT", 0.0)
    (all_of_them, _), _ = encoder_training._weigh(Halves(), moves, np.arange(len(moves)))
    monkeypatch.setattr("hierex.policies.choices.MOST_JUDGED", 120)
    (some, _), _ = encoder_training._weigh(Halves(), moves, np.arange(len(moves)))
    assert some == pytest.approx(all_of_them, abs=0.1)


def test_weights_of_parts_are_where_the_likelihood_is_highest():
    rng = np.random.default_rng(0)
    seen = rng.random((2_000, 8)) < 0.2
    seen[:, 0] = False
    parts = [rng.normal(size=(2_000, 8)), rng.normal(size=8), rng.normal(size=(2_000, 8))]
    wanted = 1.5 * parts[0] + 0.7 * parts[1]
    novel = np.where(seen, -np.inf, wanted + rng.gumbel(size=wanted.shape)).argmax(axis=1)
    weights = weigh_parts(parts, novel, seen)
    np.testing.assert_allclose(weights, [1.5, 0.7, 0], atol=0.15)

    def likelihood(weights):
        return judge_choices(sum(weight * part for weight, part in zip(weights, parts, strict=True)), novel, seen)[1]

    for change in 0.05 * np.concatenate([np.eye(3), -np.eye(3)]):
        assert likelihood(weights + change) < likelihood(weights)


def test_a_belief_about_weights_has_to_be_outweighed_by_choices():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(500, 8)), rng.normal(size=8)]
    seen = np.zeros((500, 8), bool)
    novel = (1.5 * parts[0] + parts[1] + rng.gumbel(size=seen.shape)).argmax(axis=1)
    expected = np.array([0.5, 0.0])

    def held(doubt):
        return weigh_parts(parts, novel, seen, belief=Belief(expected, doubt))

    def worth(weights, doubt):
        likelihood = judge_choices(weights[0] * parts[0] + weights[1] * parts[1], novel, seen)[1]
        return len(novel) * likelihood - doubt * np.square(weights - expected).sum()

    np.testing.assert_allclose(held(0.0), weigh_parts(parts, novel, seen), atol=1e-3)
    np.testing.assert_allclose(held(1e9), expected, atol=1e-3)
    away = [np.linalg.norm(held(doubt) - expected) for doubt in (0.0, 30.0, 300.0, 3_000.0)]
    assert away == sorted(away, reverse=True)
    for change in 0.05 * np.concatenate([np.eye(2), -np.eye(2)]):
        assert worth(held(100.0) + change, 100.0) < worth(held(100.0), 100.0)


def test_few_moves_leave_the_encoders_parts_nearly_an_even_share():
    assert EXPECTED.tolist() == [1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0]
    policy = train_policy(random_moves(60, 60), text_vectors(60), config=PolicyConfig(), seed=0)
    for weights in (policy.weights_of_context, policy.weights_of_history):
        np.testing.assert_allclose(weights, EXPECTED, atol=0.2)


def test_many_moves_outweigh_the_even_share_of_the_encoders_parts():
    policy = train_policy(planted_moves("pair")[0], text_vectors(20), config=PolicyConfig(), seed=0)
    network, counts, *_ = policy.weights_of_context
    assert counts > network
    assert counts > 0.7


def ring_world(n=10):
    """Each interest is followed by the next."""
    vectors = text_vectors(n)
    rng = np.random.default_rng(0)
    lists = [[first, (first + 1) % n] for first in rng.integers(0, n, 1_500)]
    encoder = train_policy(moves_of(lists, n), vectors, config=PolicyConfig(), seed=0)
    return encoder, vectors


def test_a_split_shares_what_was_known_and_words_tell_the_halves_apart():
    encoder, vectors = ring_world()
    like_it, unlike_it = vectors[1] + 0.3 * vectors[2], vectors[1] + 0.6 * vectors[7]
    origin, alike_often = np.append(np.arange(10), 1), np.ones(11)
    told = encoder.with_interests(np.concatenate([vectors, [unlike_it]]), origin, alike_often)
    assert told.n_clusters == 11
    contexts = every_context(11)
    scores = told.score(contexts)
    assert np.isneginf(np.take_along_axis(scores, contexts, axis=1)).all()
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)
    assert set(told.score(np.array([[0, 0]]))[0].argsort()[-2:]) == {1, 10}
    same_words = np.concatenate([vectors, vectors[1:2]])
    alike = encoder.with_interests(same_words, origin, alike_often).score(np.array([[0, 0]]))[0]
    assert alike[1] == pytest.approx(alike[10], abs=1e-5)
    np.testing.assert_allclose(np.exp(alike[1]) * 2, np.exp(encoder.score(np.array([[0, 0]]))[0, 1]), rtol=1e-4)
    words = np.concatenate([vectors, [unlike_it]])
    words[1] = like_it
    changed = encoder.with_interests(words, origin, alike_often).score(np.array([[0, 0]]))[0]
    assert changed[1] != pytest.approx(changed[10], abs=1e-3)
    kept = load_policy("encoder", load(save(told.arrays())))
    np.testing.assert_array_equal(kept.score(contexts), scores)


def test_parts_share_by_how_often_they_were_reached_and_parts_of_parts_by_both():
    encoder, vectors = ring_world()
    start = np.array([[0, 0]])
    of_whole = np.exp(encoder.score(start)[0, 1])

    def share(policy):
        return np.exp(policy.score(start)[0]) / of_whole

    reached = np.array([5] * 10 + [1])
    in_two = encoder.with_interests(vectors[[*range(10), 1]], np.append(np.arange(10), 1), reached)
    np.testing.assert_allclose(share(in_two)[[1, 10]], [5.5 / 7, 1.5 / 7], rtol=1e-3)
    origin = np.append(np.arange(11), 10)
    in_three = in_two.with_interests(vectors[[*range(10), 1, 1]], origin, np.array([5] * 10 + [3, 0]))
    np.testing.assert_allclose(share(in_three)[[1, 10, 11]], [5.5 / 7, 1.5 / 7 * 7 / 8, 1.5 / 7 / 8], rtol=1e-3)
    kept = load_policy("encoder", load(save(in_three.arrays())))
    np.testing.assert_array_equal(kept.score(start), in_three.score(start))


def test_another_description_changes_what_the_encoder_answers(encoder):
    words = text_vectors()
    same = encoder.with_interests(words, np.arange(N), np.ones(N))
    np.testing.assert_allclose(same.score(every_context()), encoder.score(every_context()), rtol=1e-4, atol=1e-4)
    words[3] = words[4]
    other = encoder.with_interests(words, np.arange(N), np.ones(N))
    assert not np.allclose(other.score(np.array([[0, 1]])), encoder.score(np.array([[0, 1]])), atol=1e-3)


def test_interests_of_another_taxonomy_are_refused(encoder):
    for vectors, origin in ((text_vectors(3), [0, 1, N]), (text_vectors(2), [0, 1, 2]), (text_vectors(1), [-1])):
        with pytest.raises(ConfigError, match="Train the policy again"):
            encoder.with_interests(vectors, np.array(origin), np.ones(len(origin)))


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_version_kept_otherwise_is_refused_with_what_to_do(kind):
    kept = train_policy(random_moves(), text_vectors(), config=replace(QUICK, kind=kind), seed=0).arrays()
    for name in kept:
        with pytest.raises(ConfigError, match="Build again"):
            load_policy(kind, {other: array for other, array in kept.items() if other != name})


def planted_moves(kind_of_rule: str) -> tuple[Moves, Moves]:
    """People who go on from where they are by a fixed rule: moves to learn from, and those of other people."""
    rng = np.random.default_rng(0)
    n = 20
    by_latest = rng.permutation(n)
    by_pair = rng.integers(0, n, (n, n))
    lists = []
    for _ in range(2_500):
        history = rng.permutation(n)[:2].tolist()
        following = by_latest[history[1]] if kind_of_rule == "latest" else by_pair[tuple(history)]
        lists.append(history + [int(following)] * (following not in history))
    clocks = np.repeat(rng.integers(0, 10**6, len(lists)), [len(history) for history in lists])
    moves = moves_of(lists, n, clocks=clocks)
    moves = moves.take(moves.contexts[:, 0] != moves.contexts[:, 1])
    is_held_out = moves.user >= 2_000
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


@pytest.mark.parametrize("kind", ["encoder", "ease"])
@pytest.mark.parametrize("n_moves", [0, 1, FEWEST_MOVES - 1])
def test_too_little_data_falls_back_to_counts_and_says_so(n_moves, kind):
    moves = random_moves().take(np.arange(n_moves))
    policy = train_policy(moves, text_vectors(), config=PolicyConfig(kind=kind), seed=0)
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
def test_what_a_context_repeats_counts_once_wherever_it_is(kind):
    """On the Preview page the interests that a prediction starts from are chosen freely."""
    policy = train_policy(random_moves(k=3), text_vectors(), config=replace(QUICK, kind=kind), seed=0)
    usual, later_twice, around, other = policy.score(np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [0, 2, 2]]))
    np.testing.assert_array_equal(later_twice, usual)
    np.testing.assert_array_equal(around, usual)
    assert not np.array_equal(other, usual)


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
