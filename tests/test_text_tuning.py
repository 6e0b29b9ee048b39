"""The text model that learns from the moves: over words that say nothing of what follows what."""

import shutil
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from hierex import text_models
from hierex.cli import build_parser
from hierex.config import EmbeddingConfig, PolicyConfig, RunConfig
from hierex.descriptions import Description
from hierex.embeddings import embed_texts
from hierex.errors import ConfigError
from hierex.kept.runs import choices_of, config_of
from hierex.policies import load_policy, text_tuning, train_policy
from hierex.policies.choices import mark_seen, part_by_time
from hierex.policies.encoder import EncoderPolicy
from hierex.policies.text_changes import TextChanges
from hierex.policies.text_tuning import NO_HELP, draw_pairs, tune_text
from hierex.transitions import Histories, Moves, list_moves

WORDS = ["bread", "guitars", "tax law", "parrots", "chess", "submarines", "volcanoes", "knitting", "football", "opera"]
N = len(WORDS)
READER = EmbeddingConfig(dtype="float32")
CONFIG = PolicyConfig(tune_text=True, epochs=1, dimensions=8)
DESCRIPTIONS = [Description(row, "", (word,), "", "keywords") for row, word in enumerate(WORDS)]


def planted_moves(*, follow: float = 0.8, n_users: int = 500, seed: int = 0) -> Moves:
    """Everyone goes on to the next interest in the list (the last leads to the first), but for some who go anywhere."""
    rng = np.random.default_rng(seed)
    lists = []
    for _ in range(n_users):
        history = [int(rng.integers(N))]
        for _ in range(3):
            following = (history[-1] + 1) % N if rng.random() < follow else int(rng.integers(N))
            history += [following] * (following not in history)
        lists.append(history)
    starts = np.concatenate([[0], np.cumsum([len(history) for history in lists])]).astype(np.int64)
    clock = np.sort(rng.integers(0, 10**6, starts[-1])).astype(np.int64)
    return list_moves(Histories(np.concatenate(lists).astype(np.int32), clock, starts, N), k=2)


def largest_difference(scores: np.ndarray, others: np.ndarray) -> float:
    return float(np.abs(np.exp(scores) - np.exp(others)).max())


def found_by_likeness(vectors: np.ndarray, moves: Moves, top: int = 2) -> float:
    """The share of the later moves to one of the interests whose words are most like those of the latest interest."""
    later = part_by_time(moves, CONFIG.validation_share)[1]
    texts = vectors - vectors.mean(axis=0)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    scores = texts[moves.contexts[later, -1]] @ texts.T
    scores[mark_seen(moves, later)] = -np.inf
    best = np.argsort(-scores, axis=1)[:, :top]
    return float((best == moves.novel[later, None]).any(axis=1).mean())


def take_whatever_is_learned(patch: pytest.MonkeyPatch) -> None:
    """In one round of a few steps."""
    patch.setattr(text_tuning, "MOST_ROUNDS", 1)
    patch.setattr(text_tuning, "STEPS", 3)
    said = count()
    patch.setattr(text_tuning.Judge, "foresee", lambda judge, vectors: np.full(9, float(next(said))))


@pytest.fixture(scope="module")
def moves():
    return planted_moves()


@pytest.fixture(scope="module")
def vectors():
    return embed_texts(WORDS, config=READER)


@pytest.fixture(scope="module")
def tuned(moves, vectors) -> EncoderPolicy:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_tuning, "MOST_ROUNDS", 4)
        return train_policy(moves, DESCRIPTIONS, vectors, config=CONFIG, reader=READER, seed=0)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """The folder of a tiny model that knows nothing, and learns nothing in so few steps."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("small-model")
    packaged = text_models._folder(EmbeddingConfig.model)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(packaged / name, folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        BertModel(BertConfig(vocab_size=30_522, **shape)).save_pretrained(folder)
    return str(folder)


# -- learning ----------------------------------------------------------------------------------------------------------


def test_words_of_interests_that_follow_each_other_come_to_be_alike(tuned, moves, vectors):
    before, after = (found_by_likeness(read, moves) for read in (vectors, tuned.changes.read(WORDS, reader=READER)))
    assert before < 0.4
    assert after > before + 0.25
    assert tuned.note == ""


def test_the_policy_reads_with_what_was_learned(tuned):
    texts = tuned.changes.read(WORDS, reader=READER)
    same = tuned.with_interests(texts, np.arange(N), np.ones(N))
    contexts = np.array([[0, 1], [4, 7]])
    np.testing.assert_allclose(same.score(contexts), tuned.score(contexts), atol=1e-4)


def test_what_is_said_otherwise_is_read_otherwise(tuned, vectors):
    """As much as by the model as it was, and not in the same way."""
    edited = ["trumpets", *WORDS[1:]]
    read = tuned.changes.read(edited, reader=READER)
    as_before = tuned.changes.read(WORDS, reader=READER)
    assert np.abs(read[0] - as_before[0]).max() > 0.05
    np.testing.assert_allclose(read[1:], as_before[1:], atol=1e-5)
    assert np.abs(read[0] - embed_texts(edited, config=READER)[0]).max() > 0.05
    contexts = np.array([[0, 1], [0, 5]])
    changed = tuned.with_interests(read, np.arange(N), np.ones(N)).score(contexts)
    assert largest_difference(changed, tuned.score(contexts)) > 1e-3


def test_the_model_that_all_else_is_read_with_stays_as_it_was(tuned, vectors):
    np.testing.assert_array_equal(embed_texts(WORDS, config=READER), vectors)


def test_the_same_seed_learns_the_same_and_leaves_torch_as_it_was(moves, vectors, monkeypatch):
    take_whatever_is_learned(monkeypatch)
    state, threads = torch.get_rng_state(), torch.get_num_threads()

    def learn(seed: int) -> TextChanges:
        return tune_text(moves, WORDS, vectors, reader=READER, config=CONFIG, seed=seed)

    first, again, other = learn(0), learn(0), learn(1)
    assert first.digest == again.digest != other.digest
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_nothing_is_changed_where_it_does_not_help(small_model):
    """People go anywhere; the policy is the one that is trained without, but for its note."""
    moves = planted_moves(follow=0)
    reader, told = EmbeddingConfig(model=small_model), []
    vectors = embed_texts(WORDS, config=reader)
    tuned = train_policy(moves, DESCRIPTIONS, vectors, config=CONFIG, reader=reader, seed=0, progress=told.append)
    plain = train_policy(moves, DESCRIPTIONS, vectors, config=replace(CONFIG, tune_text=False), seed=0)
    assert tuned.changes is None
    assert tuned.note == NO_HELP
    np.testing.assert_array_equal(tuned.score(moves.contexts[:50]), plain.score(moves.contexts[:50]))
    assert load_policy(tuned.name, tuned.arrays()).note == NO_HELP
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_a_text_model_that_is_no_transformer_cannot_learn(moves, vectors, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(text_models._folder(EmbeddingConfig.model) / "tokenizer.json"))
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)]).save(str(tmp_path / "static"))
    reader = EmbeddingConfig(model=str(tmp_path / "static"))
    with pytest.raises(ConfigError, match="cannot learn from the moves"):
        tune_text(moves, WORDS, vectors, reader=reader, config=CONFIG, seed=0)


# -- pairs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("follow", [0.0, 0.8])
@pytest.mark.parametrize("shown", [[4, 2, 3, 7, 0, 9], list(range(N))])
def test_pairs_are_moves_and_none_is_told_from_itself(follow, shown):
    moves = planted_moves(follow=follow)
    made = {move for starts in moves.contexts.T for move in zip(starts.tolist(), moves.novel.tolist(), strict=True)}
    drawn = draw_pairs(moves, np.array(shown), 30, np.random.default_rng(0))
    assert len(drawn) == 30
    for left, reached in drawn:
        assert 1 <= len(left) == len(reached) == len(set(reached))
        assert not set(left) & set(reached)
        assert {(shown[start], shown[end]) for start, end in zip(left, reached, strict=True)} <= made


def test_pairs_come_up_as_often_as_moves():
    """The first of a batch, that is; what follows in it depends on that."""
    moves = planted_moves()
    drawn = draw_pairs(moves, np.arange(N), 4_000, np.random.default_rng(0))
    first = np.bincount([left[0] * N + reached[0] for left, reached in drawn], minlength=N * N) / len(drawn)
    made = np.bincount((moves.contexts * N + moves.novel[:, None]).ravel(), minlength=N * N) / moves.contexts.size
    assert np.abs(first - made).max() < 0.02


def test_interests_that_nobody_moved_among_have_no_pairs():
    moves = planted_moves(follow=1)
    assert draw_pairs(moves, np.array([0, 5]), 3, np.random.default_rng(0)) == []


# -- keeping -----------------------------------------------------------------------------------------------------------


def test_what_is_kept_answers_and_reads_the_same(tuned, moves):
    kept = load_policy(tuned.name, load(save(tuned.arrays())))
    np.testing.assert_array_equal(kept.score(moves.contexts), tuned.score(moves.contexts))
    assert kept.changes.digest == tuned.changes.digest
    np.testing.assert_array_equal(kept.changes.read(WORDS, reader=READER), tuned.changes.read(WORDS, reader=READER))


def test_what_was_learned_of_another_text_model_is_refused(tuned, small_model):
    with pytest.raises(ConfigError, match="does not fit"):
        tuned.changes.read(WORDS, reader=EmbeddingConfig(model=small_model))


def test_the_choice_of_a_run_is_kept_and_earlier_runs_had_none():
    run = ["run", "--items", "i", "--interactions", "l", "--store", "s"]
    assert build_parser().parse_args([*run, "--tune-text"]).tune_text
    assert not build_parser().parse_args(run).tune_text
    config = RunConfig(policy=PolicyConfig(tune_text=True))
    choices = choices_of(config)
    assert config_of(choices).policy == config.policy
    del choices["tune_text"]
    assert config_of(choices).policy == PolicyConfig()
