"""One suite that every recommender passes, and what is particular to each."""

import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from scipy import sparse

from hierex.config import RecommenderConfig
from hierex.errors import HierexError
from hierex.likeness import count_together, liken
from hierex.logs import Interactions
from hierex.recommenders import (
    PopularityRecommender,
    RandomRecommender,
    Unfinished,
    load_recommender,
    train_item_item,
    train_sequence,
    train_sequence_part,
)
from hierex.recommenders.held_out import hold_out
from hierex.recommenders.sequence import Transformer
from hierex.recommenders.softmax_loss import SoftmaxLoss
from hierex.recommenders.training import TrainedModel
from hierex.recommenders.windows import cut_windows, draw_batches, read_windows

N_ITEMS = 40
SMALL = RecommenderConfig(dimensions=16, max_length=8, epochs=8, batch_targets=128, learning_rate=1e-2, dropout=0.1)
HISTORIES = [np.array(h, np.int32) for h in ([3], [], [3, 4, 5, 6], [30] * 20, list(range(20, 40)), [21, 22])]


def log_of(histories, n_items=N_ITEMS) -> Interactions:
    lengths = [len(history) for history in histories]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    items = np.concatenate([np.empty(0), *histories]).astype(np.int32)
    users = np.repeat(np.arange(len(histories)), lengths).astype(np.int32)
    return Interactions(users, items, np.arange(len(items), dtype=np.int64), starts, n_items, True)


def next_in_circle(item: int) -> int:
    """Two circles of items: 0..19 and 20..39. Whoever is in one goes on to its next item, and never to the other."""
    return (item + 1) % 20 + 20 * (item // 20)


def cyclic_log(n_users=150, length=12) -> Interactions:
    rng = np.random.default_rng(1)
    histories = []
    for _ in range(n_users):
        history = [int(rng.integers(N_ITEMS))]
        while len(history) < length:
            history.append(next_in_circle(history[-1]))
        histories.append(history)
    return log_of(histories)


@cache
def trained(**changes):
    return train_sequence(cyclic_log(), config=replace(SMALL, **changes), seed=0)


MAKERS = {
    "sequence": trained,
    "popularity": lambda: PopularityRecommender(cyclic_log().traffic()),
    "random": lambda: RandomRecommender(4, N_ITEMS),
    "ease": lambda: train_item_item(cyclic_log(), config=SMALL),
    "ease of few items": lambda: train_item_item(cyclic_log(), config=replace(SMALL, item_item_items=15)),
}


@pytest.fixture(params=MAKERS)
def recommender(request):
    return MAKERS[request.param]()


def test_scores_have_the_shape_and_type_that_was_asked_for(recommender):
    for histories in (HISTORIES, HISTORIES[:1], []):
        for items in (np.arange(N_ITEMS), np.array([7]), np.empty(0, np.int64)):
            scores = recommender.score(histories, items)
            assert scores.shape == (len(histories), len(items))
            assert scores.dtype == np.float32
            assert np.isfinite(scores).all()


def test_asking_for_some_items_is_a_slice_of_asking_for_all(recommender):
    some = np.array([31, 2, 2, 17])
    np.testing.assert_allclose(
        recommender.score(HISTORIES, some), recommender.score(HISTORIES, np.arange(N_ITEMS))[:, some], rtol=1e-5
    )


def test_a_batch_is_the_same_as_one_at_a_time(recommender):
    items = np.arange(N_ITEMS)
    together = recommender.score(HISTORIES, items)
    for row, history in enumerate(HISTORIES):
        np.testing.assert_allclose(recommender.score([history], items)[0], together[row], rtol=1e-4, atol=1e-5)


def test_encoding_first_changes_nothing(recommender):
    items, rows = np.arange(5, 30), np.array([4, 0, 4])
    encoded = recommender.encode(HISTORIES)
    np.testing.assert_allclose(
        recommender.score_encoded(encoded[rows], items), recommender.score(HISTORIES, items)[rows], rtol=1e-5
    )


def test_scoring_leaves_the_histories_as_they_are(recommender):
    before = [history.copy() for history in HISTORIES]
    recommender.score(HISTORIES, np.arange(N_ITEMS))
    assert all((a == b).all() for a, b in zip(before, HISTORIES, strict=True))


def test_kept_and_loaded_it_is_the_same(recommender):
    arrays = recommender.arrays()
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    through_a_file = load_tensors(save_tensors({k: np.ascontiguousarray(a) for k, a in arrays.items()}))
    items = np.arange(N_ITEMS)
    for other in (load_recommender(recommender.name, through_a_file), pickle.loads(pickle.dumps(recommender))):
        assert (other.score(HISTORIES, items) == recommender.score(HISTORIES, items)).all()
        assert (other.paths(HISTORIES) == recommender.paths(HISTORIES)).all()
        assert other.arrays().keys() == arrays.keys()


def test_an_unknown_recommender_is_refused():
    with pytest.raises(HierexError, match=r"'oracle'.*sequence, popularity, random, ease"):
        load_recommender("oracle", {})


def test_popularity_orders_by_traffic_for_everyone():
    scores = PopularityRecommender(np.array([3, 0, 9, 4])).score(HISTORIES[:2], np.arange(4))
    assert np.argsort(-scores, axis=1).tolist() == [[2, 3, 0, 1]] * 2
    assert PopularityRecommender(np.zeros(3)).score([[]], np.arange(3)).tolist() == [[0, 0, 0]]


def test_random_is_even_and_another_for_every_user_and_seed():
    histories = [np.array([i, j]) for i in range(20) for j in range(20)]
    scores = RandomRecommender(0, N_ITEMS).score(histories, np.arange(N_ITEMS))
    assert 0 <= scores.min() < scores.max() < 1
    assert len(np.unique(scores)) > 0.99 * scores.size
    firsts = np.bincount(scores.argmax(axis=1), minlength=N_ITEMS)
    assert firsts.max() < 4 * len(histories) / N_ITEMS
    assert abs(np.corrcoef(scores)[0, 1:]).mean() < 0.2
    assert (RandomRecommender(1, N_ITEMS).score(histories, np.arange(N_ITEMS)) != scores).mean() > 0.99


# What the sequence recommender learns


def successors_found(recommender) -> float:
    histories = [np.array([(a - 2) % 20 + 20 * (a // 20), (a - 1) % 20 + 20 * (a // 20), a]) for a in range(N_ITEMS)]
    best = recommender.score(histories, np.arange(N_ITEMS)).argmax(axis=1)
    return float(np.mean(best == [next_in_circle(a) for a in range(N_ITEMS)]))


@pytest.mark.parametrize("changes", [{}, {"sample_above": 10, "negatives": 4}], ids=["all items", "a sample"])
def test_it_learns_what_comes_next(changes):
    assert successors_found(trained(**changes)) > 0.95


def test_it_keeps_two_groups_of_people_apart():
    rng = np.random.default_rng(3)
    log = log_of([20 * (user % 2) + rng.choice(20, 8, replace=False) for user in range(100)])
    model = train_sequence(log, config=SMALL, seed=0)
    scores = model.score([np.array([3, 4]), np.array([25, 26])], np.arange(N_ITEMS))
    assert scores[0, :20].mean() > scores[0, 20:].mean() + 0.5
    assert scores[1, 20:].mean() > scores[1, :20].mean() + 0.5


def test_a_long_history_counts_by_its_latest_items():
    model = trained()
    latest = np.array([33, 34, 35, 36, 37, 38, 39, 20])
    scores = model.score([np.concatenate([np.zeros(30, int), latest]), latest], np.arange(N_ITEMS))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-5)


def test_a_person_without_a_history_gets_what_is_popular_and_is_told_so():
    rng = np.random.default_rng(0)
    log = log_of([rng.choice(N_ITEMS, 10, p=np.arange(N_ITEMS) / np.arange(N_ITEMS).sum()) for _ in range(300)])
    model = train_sequence(log, config=replace(SMALL, epochs=2), seed=0)
    scores = model.score([np.empty(0, np.int32)], np.arange(N_ITEMS))[0]
    assert np.corrcoef(scores[5:], np.log1p(log.traffic()[5:]))[0, 1] > 0.9
    assert model.paths([np.empty(0), np.array([1])]).tolist() == ["popularity", "recommender"]


def test_texts_speak_for_items_that_nobody_has_had():
    """Items 0..9 and 30..39 are of one kind by their words, 10..29 of the other; people keep to one kind."""
    kind = ((np.arange(N_ITEMS) >= 10) & (np.arange(N_ITEMS) < 30)).astype(int)
    rng = np.random.default_rng(2)
    vectors = np.eye(2)[kind] * 0.8 + rng.normal(0, 0.1, (N_ITEMS, 2))
    by_kind = [np.flatnonzero(kind[:35] == k)[2:] for k in range(2)]
    log = log_of([rng.choice(by_kind[user % 2], 8) for user in range(200)])
    unseen = np.array([0, 1, 36, 37, 10, 11])
    assert log.traffic()[unseen].sum() == 0
    model = train_sequence(log, vectors.astype(np.float32), config=SMALL, seed=0)
    scores = model.score([by_kind[0][:4], by_kind[1][:4]], unseen)
    assert scores[0, :4].min() > scores[0, 4:].max()
    assert scores[1, 4:].min() > scores[1, :4].max()


def test_the_same_seed_gives_the_same_and_another_seed_another():
    quick = replace(SMALL, epochs=2)
    first, again, other = (train_sequence(cyclic_log(60), config=quick, seed=seed).arrays() for seed in (7, 7, 8))
    assert all((first[name] == again[name]).all() for name in first)
    assert (first["item_matrix"] != other["item_matrix"]).any()


def test_watching_changes_nothing_and_sees_it_through():
    quick = replace(SMALL, epochs=2)
    seen = []
    watched = train_sequence(cyclic_log(60), config=quick, seed=7, progress=seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] == 1.0
    unwatched = train_sequence(cyclic_log(60), config=quick, seed=7).arrays()
    assert all((array == unwatched[name]).all() for name, array in watched.arrays().items())


@pytest.mark.parametrize("texts", [None, np.eye(N_ITEMS, 3, dtype=np.float32)], ids=["no texts", "texts"])
def test_in_parts_that_were_kept_in_between_it_learns_the_same(texts):
    quick = replace(SMALL, epochs=3, sample_above=10, negatives=4)
    whole = train_sequence(cyclic_log(60), texts, config=quick, seed=7)
    reached, n_parts, shares = None, 0, []
    while True:
        torch.manual_seed(99)
        made = train_sequence_part(
            cyclic_log(60), texts, reached, seconds=0, config=quick, seed=7, progress=shares.append
        )
        n_parts += 1
        if not isinstance(made, Unfinished):
            break
        reached = load_tensors(save_tensors({name: np.ascontiguousarray(a) for name, a in made.arrays.items()}))
    assert n_parts == 3
    assert shares == sorted(shares)
    assert made.arrays().keys() == whole.arrays().keys()
    assert all((array == whole.arrays()[name]).all() for name, array in made.arrays().items())


def test_training_stops_at_the_step_limit():
    seen = []
    train_sequence(cyclic_log(), config=replace(SMALL, max_steps=3), seed=0, progress=seen.append)
    assert seen == [1 / 3, 2 / 3, 1.0, 1.0]


def test_the_weights_of_the_best_check_are_kept(monkeypatch):
    qualities, checked = iter([0.1, 0.9, 0.3, 0.2]), []

    def check(recommender, _):
        checked.append(recommender.item_matrix)
        return next(qualities)

    monkeypatch.setattr("hierex.recommenders.epochs.rank_quality", check)
    model = train_sequence(cyclic_log(60), config=replace(SMALL, patience=2, epochs=50), seed=0)
    assert len(checked) == 4
    assert [(model.item_matrix == matrix).all() for matrix in checked] == [False, True, False, False]


@pytest.mark.parametrize("histories", [[[1], [2], []], [[], []], []], ids=["one item each", "no items", "no users"])
def test_with_nothing_to_learn_from_it_is_popularity(histories):
    model = train_sequence(log_of(histories), config=SMALL, seed=0)
    assert model.name == "popularity"
    assert model.score([[1]], np.arange(N_ITEMS)).shape == (1, N_ITEMS)


@pytest.mark.parametrize("histories", [[[1, 2]], [[0, 0, 0]], [[5, 5], [5, 5, 5], []]])
def test_tiny_logs_train(histories):
    model = train_sequence(log_of(histories), config=replace(SMALL, epochs=2), seed=0)
    assert np.isfinite(model.score(HISTORIES, np.arange(N_ITEMS))).all()


def test_the_state_at_the_end_is_that_of_the_whole_sequence():
    torch.manual_seed(0)
    transformer = Transformer(16, 3, 2, 9).eval()
    vectors, ends = torch.randn(5, 9, 16), torch.tensor([0, 8, 3, 3, 7])
    with torch.inference_mode():
        expected = transformer(vectors)[torch.arange(5), ends]
        torch.testing.assert_close(transformer.at_end(vectors, ends), expected, rtol=1e-4, atol=1e-5)


def test_held_out_items_are_not_trained_on():
    log = cyclic_log(50)
    held = hold_out(log, replace(SMALL, validation_share=0.5), np.random.default_rng(0))
    assert len(held.answers) == 25
    shortened = np.flatnonzero(held.last < log.starts[1:] - 1)
    assert log.item_index[log.starts[shortened + 1] - 1].tolist() == held.answers.tolist()
    trained_rows = np.concatenate([np.arange(a, b + 1) for a, b in zip(held.first, held.last, strict=True)])
    assert np.bincount(log.item_index[trained_rows], minlength=N_ITEMS).tolist() == held.traffic.tolist()
    for user, history in zip(shortened, held.histories, strict=True):
        assert history.tolist() == log.items_of(user)[:-1].tolist()


# The item-item recommender


def test_likeness_is_the_least_squares_answer_with_nothing_on_the_diagonal():
    """Column by column: ridge regression of having an item on having the others."""
    has = (np.random.default_rng(0).random((60, 7)) < 0.4).astype(float)
    likeness = liken(count_together(sparse.csr_array(has)), 5.0)
    for item in range(7):
        others = np.delete(np.arange(7), item)
        x = has[:, others]
        expected = np.linalg.solve(x.T @ x + 5 * np.eye(6), x.T @ has[:, item])
        np.testing.assert_allclose(likeness[others, item], expected, rtol=1e-4, atol=1e-6)
    assert (np.diag(likeness) == 0).all()


def test_what_people_have_together_speaks_for_each_other():
    rng = np.random.default_rng(3)
    log = log_of([20 * (user % 2) + rng.choice(20, 8, replace=False) for user in range(1_000)])
    scores = train_item_item(log, config=SMALL).score([np.array([3, 4]), np.array([25, 26])], np.arange(N_ITEMS))
    assert scores[0, 5:20].min() > scores[0, 20:].max()
    assert scores[1, 27:].min() > scores[1, :20].max()


def test_items_that_take_no_part_are_ordered_by_popularity_and_so_is_who_has_nothing_else():
    log = log_of([[0, 1, 2], [0, 1, 3], [0, 1], [4], [2]], n_items=6)
    model = train_item_item(log, config=replace(SMALL, item_item_items=2))
    assert model.partners.tolist() == [0, 1]
    histories = [np.array([0]), np.array([2, 4]), np.empty(0, np.int32)]
    assert model.paths(histories).tolist() == ["recommender", "popularity", "popularity"]
    scores = model.score(histories, np.arange(6))
    assert np.argsort(-scores, axis=1, kind="stable").tolist() == [[1, 0, 2, 3, 4, 5], *[[0, 1, 2, 3, 4, 5]] * 2]


def test_the_strength_is_the_one_that_ranks_held_out_items_best(monkeypatch):
    qualities = iter([0.2, 0.9, 0.4])
    monkeypatch.setattr("hierex.recommenders.item_item.rank_quality", lambda *_: next(qualities))
    chosen = train_item_item(cyclic_log(60), config=SMALL).likeness
    middle = replace(SMALL, item_item_strengths=SMALL.item_item_strengths[1:2])
    assert (chosen == train_item_item(cyclic_log(60), config=middle).likeness).all()


@pytest.mark.parametrize("histories", [[[1], [2], []], []], ids=["one item each", "no users"])
def test_with_nothing_together_item_item_is_popularity(histories):
    assert train_item_item(log_of(histories), config=SMALL).name == "popularity"


# The parts


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 7), st.integers(1, 5), st.integers(0, 9))
def test_every_row_but_a_users_first_is_a_target_once(lengths, length, size, seed):
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    windows = cut_windows(starts[:-1], starts[1:] - 1, length, rng)
    assert (windows.end - windows.start <= length).all()
    items = np.arange(starts[-1])
    targets = []
    for batch in draw_batches(windows, size, rng):
        inputs, real, target = read_windows(items, batch)
        assert real.sum() < size + length
        assert (inputs[real] + 1 == target).all()
        assert real.any(axis=0).all()
        targets += target.tolist()
    first = {start for start, n in zip(starts, lengths, strict=False) if n}
    assert sorted(targets) == [row for row in range(starts[-1]) if row not in first]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_the_loss_is_the_cross_entropy(dtype, tolerance):
    torch.manual_seed(0)
    parts = [torch.randn(600, 8), torch.randn(50, 8), torch.randn(50)]
    targets = torch.randint(50, (600,))
    ours, theirs = ([part.clone().requires_grad_() for part in parts] for _ in range(2))
    loss = SoftmaxLoss.apply(*ours, targets, dtype)
    expected = torch.nn.functional.cross_entropy(theirs[0] @ theirs[1].T + theirs[2], targets)
    (3 * loss).backward()
    (3 * expected).backward()
    torch.testing.assert_close(loss, expected, rtol=tolerance, atol=tolerance)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.grad - b.grad).norm() < tolerance * b.grad.norm()


def test_the_sampled_loss_pulls_no_item_away_from_its_true_share():
    """With items drawn one after another by their share, and a bias that is its log, there is nothing to learn."""
    n_items, rng = 1_000, np.random.default_rng(3)
    share = 1 / np.arange(1, n_items + 1)
    share /= share.sum()
    config = replace(SMALL, dropout=0.0, sample_above=10, negatives=128)
    model = TrainedModel(np.round(share * 1e6), None, config).eval()
    model.dtype = torch.float32
    model.learned.data.zero_()
    pull = np.zeros(n_items)
    for _ in range(400):
        sequences = rng.choice(n_items, (64, 2), p=model.traffic_share)
        model.zero_grad()
        model.loss(sequences[:, :1], np.ones((64, 1), bool), sequences[:, 1], rng).backward()
        pull += model.bias.grad.numpy() / 400
    assert abs(pull[:10].sum()) < 0.01
