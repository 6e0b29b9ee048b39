"""What is laid over a policy: recent moves, what people liked, and a dial to what is far."""

from itertools import pairwise

import numpy as np
import pytest
from safetensors.numpy import load, save
from test_policies import every_context, moves_of, random_moves, text_vectors

from hierex.config import PolicyConfig, TreeConfig
from hierex.errors import TooLittleData
from hierex.evaluation import evaluate_policies
from hierex.evaluation.novelty_curve import measure_dial
from hierex.interest_tree import grow_tree
from hierex.policies import load_policy
from hierex.policies.aligned import AlignedPolicy
from hierex.policies.alignment import AlignmentModel, Outcomes, train_alignment
from hierex.policies.choices import FEWEST_TO_CHOOSE_BY, leave_out_context
from hierex.policies.counts import train_counts
from hierex.policies.novelty import NoveltyPolicy
from hierex.policies.refreshed import NO_USE, refresh_policy
from hierex.taxonomy import curate
from hierex.taxonomy.distance import distance_from, measure_distances
from hierex.transitions import Histories, list_moves

N = 12
CONFIG = PolicyConfig(kind="counts")


def base():
    return train_counts(random_moves(), config=CONFIG)


class NoTies:
    """An arbitrary answer to every context, in which no two interests are as likely."""

    name, note, n_clusters = "no ties", "", N

    def score(self, contexts):
        a, b = np.asarray(contexts).T[:, :, None]
        return leave_out_context(-((31 * a + 17 * b + 7 * np.arange(N)) % 13).astype(np.float32), contexts)


def liking(seed=0, n=400) -> Outcomes:
    """People like even interests and not odd ones, whatever the context."""
    rng = np.random.default_rng(seed)
    contexts = np.stack([rng.permutation(N)[:3] for _ in range(n)]).astype(np.int32)
    rows = np.unique(contexts, axis=0)
    good = np.where(rows[:, 2] % 2 == 0, 4.0, 1.0)
    return Outcomes(rows[:, :2], rows[:, 2], good, np.full(len(rows), 5.0))


def parity_vectors() -> np.ndarray:
    vectors = text_vectors()
    vectors[::2, 0] += 2
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def distances():
    vectors = text_vectors(200, seed=1)
    tree = grow_tree(vectors, np.ones(200), config=TreeConfig(), seed=0)
    return measure_distances(tree, curate(tree, N, [])[0])


@pytest.fixture(scope="module")
def alignment(distances) -> AlignmentModel:
    return train_alignment(liking(), parity_vectors(), distances)


@pytest.fixture(params=["refreshed", "aligned", "novelty", "all"])
def layered(request, distances, alignment):
    policy = base()
    if request.param in ("refreshed", "all"):
        policy = refresh_policy(policy, random_moves(seed=5), since=500_000)
    if request.param in ("aligned", "all"):
        policy = AlignedPolicy(policy, alignment, 5)
    if request.param in ("novelty", "all"):
        policy = NoveltyPolicy(policy, distances, 3.0)
    return policy


def test_answers_stay_a_distribution_without_the_context(layered):
    contexts = every_context()
    scores = layered.score(contexts)
    assert scores.dtype == np.float32
    assert np.allclose(np.exp(scores).sum(axis=1), 1, atol=1e-4)
    assert np.isneginf(np.take_along_axis(scores, contexts, axis=1)).all()


def test_a_batch_is_scored_as_each_alone(layered):
    contexts = every_context()[::17]
    each = np.concatenate([layered.score(context[None]) for context in contexts])
    assert np.allclose(np.exp(layered.score(contexts)), np.exp(each), atol=1e-6)


def test_layers_are_kept_with_what_is_below_them(layered):
    again = load_policy(layered.name, load(save({k: np.ascontiguousarray(v) for k, v in layered.arrays().items()})))
    assert again.name == layered.name
    assert again.n_clusters == N
    assert np.allclose(np.exp(again.score(every_context())), np.exp(layered.score(every_context())), atol=1e-6)


def changed_law(n_people=600):
    """At first everybody goes from 0 to 1, later everybody from 0 to 2."""
    lists = [[0, 1]] * n_people + [[0, 2]] * n_people + [[3, 4], [5, 6], [7, 8], [9, 10], [11, 3]]
    clocks = [clock for person in range(len(lists)) for clock in (2 * person, 2 * person + 1)]
    return moves_of(lists, N, clocks=clocks), 2 * n_people


def test_recent_moves_change_what_is_foreseen_where_people_changed():
    moves, since = changed_law()
    old = train_counts(moves.take(moves.clock < since), config=CONFIG)
    refreshed = refresh_policy(old, moves, since=since)
    context = np.array([[0, 0]])
    assert old.score(context).argmax() == 1
    assert refreshed.score(context).argmax() == 2
    assert not refreshed.note


def test_where_recent_moves_foretell_nothing_they_do_not_count():
    moves, _ = changed_law()
    old = train_counts(moves, config=CONFIG)
    refreshed = refresh_policy(old, moves, since=int(moves.clock.max()) + 1)
    assert np.array_equal(refreshed.score(every_context()), old.score(every_context()))
    assert "count nothing" in refreshed.note


def test_a_few_recent_moves_are_too_few_to_choose_by():
    """Fifty later moves are enough; of what fewer say, nothing is taken."""
    moves, since = changed_law()
    old = train_counts(moves.take(moves.clock < since), config=CONFIG)
    recent = np.flatnonzero(moves.clock >= since)
    for n, counts in ((5, False), (FEWEST_TO_CHOOSE_BY, False), (6 * FEWEST_TO_CHOOSE_BY, True)):
        refreshed = refresh_policy(old, moves.take(recent[:n]), since=since)
        assert np.isfinite(refreshed.strength) == counts
        assert (refreshed.score(np.array([[0, 0]])).argmax() == 2) == counts
        assert refreshed.note == ("" if counts else NO_USE)


def test_what_people_like_comes_first_among_the_best(alignment):
    policy = NoTies()
    aligned = AlignedPolicy(policy, alignment, 4)
    contexts = every_context()
    before, after = (np.argsort(-p.score(contexts), axis=1, kind="stable") for p in (policy, aligned))
    for row in range(len(contexts)):
        assert set(before[row, :4]) == set(after[row, :4]), "nothing from behind comes to the front"
    liked = alignment.expect(contexts, after[:, :4])
    assert (np.diff(liked, axis=1) <= 0).all(), "the liked ones first"
    assert (after[:, 0] % 2 == 0).mean() > (before[:, 0] % 2 == 0).mean() + 0.2


def test_alignment_tells_good_from_bad_in_contexts_that_it_has_not_seen(alignment):
    assert alignment.auc > 0.7
    shuffled = liking()
    rng = np.random.default_rng(1)
    noise = Outcomes(shuffled.contexts, shuffled.novel, rng.permutation(shuffled.positive), shuffled.n)
    assert train_alignment(noise, parity_vectors(), alignment.distances).auc == pytest.approx(0.5, abs=0.1)


def test_an_interest_that_is_liked_wherever_it_is_shown_is_told_whatever_its_words(distances):
    liked = np.random.default_rng(2).permutation(N) < N // 2
    shown = liking()
    outcomes = Outcomes(shown.contexts, shown.novel, np.where(liked[shown.novel], 4.0, 1.0), shown.n)
    alike = np.tile(parity_vectors()[:1], (N, 1))
    model = train_alignment(outcomes, alike, distances)
    assert model.auc > 0.7
    candidates = np.arange(3, N)[None]
    expected = model.expect(np.array([[0, 1]]), candidates)[0]
    assert expected[liked[3:]].min() > 0.5 > expected[~liked[3:]].max()


def test_outcomes_of_the_very_context_outweigh_the_model(alignment):
    contexts, novel = np.array([[0, 1]]), np.array([[3]])
    expected = alignment.expect(contexts, novel)[0, 0]
    more = Outcomes(np.array([[0, 1], *liking().contexts.tolist()]), np.array([3, *liking().novel]),
                    np.array([200.0, *liking().positive]), np.array([200.0, *liking().n]))  # fmt: skip
    keys = np.ravel_multi_index((more.contexts[:, 0], more.contexts[:, 1], more.novel), (N, N, N))
    first = np.unique(keys, return_index=True)[1]
    more = Outcomes(more.contexts[first], more.novel[first], more.positive[first], more.n[first])
    liked = train_alignment(more, parity_vectors(), alignment.distances).expect(contexts, novel)[0, 0]
    assert liked > 0.9 > expected


@pytest.mark.parametrize(
    "outcomes",
    [
        Outcomes(np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0), np.zeros(0)),
        Outcomes(np.array([[0, 1]]), np.array([2]), np.array([30.0]), np.array([60.0])),
        Outcomes(liking().contexts, liking().novel, liking().n, liking().n),
    ],
)
def test_too_few_or_all_alike_outcomes_are_refused(outcomes, distances):
    with pytest.raises(TooLittleData):
        train_alignment(outcomes, parity_vectors(), distances)


def test_the_dial_goes_from_likely_to_far(distances):
    policy = base()
    contexts = every_context()
    far = []
    for weight in (0.0, 2.0, 20.0):
        best = NoveltyPolicy(policy, distances, weight).score(contexts).argmax(axis=1)
        far.append(distances[contexts, best[:, None]].min(axis=1).mean())
    assert far[0] < far[1] <= far[2]
    assert far[2] == pytest.approx(distances.max(axis=1).mean(), abs=0.15)
    assert np.allclose(NoveltyPolicy(policy, distances, 0.0).score(contexts), policy.score(contexts), atol=1e-5)


def test_the_dial_measures_what_it_would_do_to_everybody(distances, monkeypatch):
    """Recall as the evaluation has it, and distances one by one, however many cases are looked at together."""
    monkeypatch.setattr("hierex.ranking.CELLS_AT_ONCE", 7 * N)
    rng, hidden = np.random.default_rng(0), np.arange(N) == 3
    lists = [rng.permutation(N)[: rng.integers(2, 9)] for _ in range(40)]
    starts = np.cumsum([0, *map(len, lists)])
    histories = Histories(np.concatenate(lists).astype(np.int32), rng.permutation(starts[-1]), starts, N)
    histories.clock[:] = np.concatenate([np.sort(histories.clock[a:b]) for a, b in pairwise(starts)])
    policy, split = base(), starts[-1] // 2
    dial = measure_dial(policy, distances, histories, split=split, k=2, hidden=hidden).set_index("weight")
    for weight in (0.0, 5.0):
        over = NoveltyPolicy(policy, distances, weight)
        expected = evaluate_policies({"over": over}, histories, split=split, k=2, hidden=hidden)
        expected = expected.query("policy == 'over' and metric == 'recall@10'").iloc[0]
        assert dial.loc[weight, "recall"] == pytest.approx(expected["value"])
        assert dial.loc[weight, "n_cases"] == expected["n_cases"] > 40
        moves = list_moves(histories, k=2)
        named = []
        for row in np.flatnonzero((moves.clock >= split) & ~hidden[moves.novel]):
            had = histories.of(moves.user[row])
            had = had[: had.tolist().index(moves.novel[row])]
            answers = over.score(moves.contexts[row : row + 1])[0]
            answers[hidden] = -np.inf
            answers[had] = -np.inf
            best = [c for c in np.argsort(-answers, kind="stable")[:10] if np.isfinite(answers[c])]
            named += [distances[had, c].min() for c in best]
        assert dial.loc[weight, "distance"] == pytest.approx(np.mean(named), abs=1e-5)


def test_distances_are_those_of_the_tree(distances):
    assert np.array_equal(distances, distances.T)
    assert not np.diagonal(distances).any()
    assert distances.max() == 1
    # in a tree, of three distances the two largest are equal
    for a in range(N):
        for b in range(N):
            for c in range(N):
                largest = sorted((distances[a, b], distances[b, c], distances[a, c]))[1:]
                assert largest[0] == pytest.approx(largest[1])


def test_how_far_from_what_a_person_has(distances):
    seen = np.zeros((2, N), bool)
    seen[0, [1, 4]] = True
    nearest = distance_from(distances, seen)
    assert np.array_equal(nearest[0], np.minimum(distances[1], distances[4]))
    assert (nearest[1] == 1).all()
