import dataclasses
import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hierex import embeddings, text_models
from hierex.config import EmbeddingConfig
from hierex.embeddings import embed_texts, text_keys
from hierex.errors import Cancelled, ConfigError, EmbedderError
from hierex.text_models import PACKAGED_NAMES, model_name

CONFIG = EmbeddingConfig()
SINGLE = EmbeddingConfig(dtype="float32")

HOSTILE = [
    "",
    " ",
    "x",
    "ab",
    "long " * 20_000,
    "\x00\x01\x1b[31m\x7f",
    "\ud800 half a pair \udfff",
    "😀" * 3_000,
    "שלום עולם",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "\n\n\t",
]

TITLES = [
    "How to bake sourdough bread at home",
    "Sourdough starter for beginners",
    "Baking a crusty loaf of bread",
    "Learn to play the guitar in ten minutes",
    "Three guitar chords that every beginner needs",
    "Acoustic guitar practice routine",
]


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """The folder of a tiny untrained model, as transformers saves it."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("small-model")
    packaged = text_models._folder(PACKAGED_NAMES[0])
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(packaged / name, folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=30_522, **shape)).save_pretrained(folder)
    return folder


def rewrite_weights(folder, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: change(weight) for name, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )


# --- vectors ---


def test_alike_texts_have_alike_vectors():
    cosines = embed_texts(TITLES, config=CONFIG) @ embed_texts(TITLES, config=CONFIG).T
    np.fill_diagonal(cosines, -1)
    assert [int(row) // 3 for row in cosines.argmax(axis=1)] == [0, 0, 0, 1, 1, 1]


def test_vectors_are_those_of_sentence_transformers():
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(text_models._folder(PACKAGED_NAMES[0]))).encode(TITLES, show_progress_bar=False)
    np.testing.assert_allclose(embed_texts(TITLES, config=SINGLE), expected, atol=1e-5)
    half = embed_texts(TITLES, config=EmbeddingConfig(dtype="bfloat16"))
    assert (half * expected).sum(axis=1).min() > 0.999


def test_hostile_texts_get_unit_vectors_in_order():
    vectors = embed_texts(HOSTILE, config=CONFIG)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(HOSTILE), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    backwards = embed_texts(HOSTILE[::-1], config=CONFIG)[::-1]
    np.testing.assert_allclose(vectors, backwards, atol=5e-3)


@pytest.mark.parametrize("config", [CONFIG, SINGLE], ids=lambda config: config.dtype)
def test_a_vector_does_not_depend_on_its_company(config):
    together = embed_texts(TITLES + HOSTILE, config=config)[: len(TITLES)]
    alone = np.vstack([embed_texts([title], config=config) for title in TITLES])
    np.testing.assert_allclose(together, alone, atol=1e-5 if config is SINGLE else 5e-3)
    assert (together * alone).sum(axis=1).min() > 0.9999


def test_identical_texts_are_embedded_once(monkeypatch):
    shown = []
    embed_batch = embeddings._embed_batch
    monkeypatch.setattr(
        embeddings, "_embed_batch", lambda model, texts: shown.extend(texts) or embed_batch(model, texts)
    )
    vectors = embed_texts(["same", "other", "same", "same"], config=CONFIG)
    assert sorted(shown) == ["other", "same"]
    assert (vectors[[2, 3]] == vectors[0]).all()
    assert (vectors[1] != vectors[0]).any()


def test_the_same_call_gives_the_same_bits_on_any_number_of_cores(monkeypatch):
    texts = [f"{title} part {n}" for n in range(20) for title in TITLES]
    monkeypatch.setattr(embeddings, "BATCH_TOKENS", {"cpu": 256})
    threads = torch.get_num_threads()
    results = []
    for cores in (1, 3, 3):
        monkeypatch.setattr(embeddings, "_cores", lambda cores=cores: cores)
        results.append(embed_texts(texts, config=CONFIG))
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[1], results[2])


def test_no_texts_give_no_vectors():
    assert embed_texts([], config=CONFIG).shape == (0, 384)


@given(st.lists(st.integers(1, 256), max_size=60), st.integers(1, 1_000))
def test_batches_hold_every_row_once_within_the_budget(lengths, budget):
    batches = list(embeddings._batches(np.array(lengths, dtype=np.int64), budget))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget for batch in batches)


# --- progress ---


def test_progress_rises_to_one_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(embeddings, "BATCH_TOKENS", {"cpu": 32})
    shares = []
    watched = embed_texts(TITLES, config=CONFIG, progress=shares.append)
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1
    np.testing.assert_array_equal(watched, embed_texts(TITLES, config=CONFIG))


def test_cancelling_leaves_the_rest_undone(monkeypatch):
    monkeypatch.setattr(embeddings, "BATCH_TOKENS", {"cpu": 32})
    computed = []
    embed_batch = embeddings._embed_batch
    monkeypatch.setattr(
        embeddings, "_embed_batch", lambda model, texts: computed.append(1) or embed_batch(model, texts)
    )

    def cancel(share):
        raise Cancelled

    texts = [f"{title} part {n}" for n in range(50) for title in TITLES]
    with pytest.raises(Cancelled):
        embed_texts(texts, config=CONFIG, progress=cancel)
    assert len(computed) < 30


# --- keys ---


@given(st.text(max_size=30), st.text(max_size=30), st.integers(1, 30))
def test_keys_are_equal_where_what_is_embedded_is(one, other, length):
    config = EmbeddingConfig(max_characters=length)
    first, second = text_keys([one, other], config)
    assert (first == second) == (one[:length] == other[:length])
    assert len(first) == 32


def test_keys_of_hostile_texts():
    assert len(set(text_keys(HOSTILE, CONFIG))) == len(HOSTILE)


def test_the_end_of_a_long_text_counts_neither_for_the_key_nor_for_the_vector():
    config = EmbeddingConfig(max_characters=20)
    texts = ["the same twenty characters, then this", "the same twenty characters, then that"]
    assert len(set(text_keys(texts, config))) == 1
    vectors = embed_texts(texts, config=config)
    np.testing.assert_array_equal(vectors[0], vectors[1])


# --- models ---


def test_model_name_says_version_and_number_format():
    assert model_name(SINGLE) == "all-MiniLM-L6-v2 0.1.0 float32"
    assert model_name(CONFIG).split()[-1] in ("bfloat16", "float32")
    assert model_name(EmbeddingConfig(model=PACKAGED_NAMES[1])) == model_name(CONFIG)


def test_the_packaged_model_never_asks_the_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    text_models._load.cache_clear()
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert embed_texts(["offline"], config=CONFIG).shape == (1, 384)


def test_loading_prints_nothing(capfd):
    text_models._load.cache_clear()
    embed_texts(["quiet"], config=CONFIG)
    assert capfd.readouterr() == ("", "")


def test_a_folder_is_a_model_known_by_its_content(small_model, tmp_path):
    folder = shutil.copytree(small_model, tmp_path / "mine")
    config = EmbeddingConfig(model=str(folder), dtype="float32")
    vectors, name = embed_texts(TITLES, config=config), model_name(config)
    assert vectors.shape == (6, 8)
    assert model_name(config) == name
    rewrite_weights(folder, lambda weight: weight * 2)
    assert model_name(config) != name
    assert model_name(dataclasses.replace(config, dtype="bfloat16")) != model_name(config)


def test_a_model_changed_on_disk_is_loaded_again(small_model, tmp_path):
    folder = shutil.copytree(small_model, tmp_path / "mine")
    config = EmbeddingConfig(model=str(folder), dtype="float32")
    before = embed_texts(TITLES, config=config)
    rewrite_weights(folder, lambda weight: weight * 2 + 0.1)
    assert np.abs(embed_texts(TITLES, config=config) - before).max() > 1e-3


def test_vectors_that_are_not_numbers_are_refused(small_model, tmp_path):
    folder = shutil.copytree(small_model, tmp_path / "broken")
    rewrite_weights(folder, lambda weight: weight * np.nan)
    with pytest.raises(EmbedderError, match=r"no usable vector for 6 of 6 .*Choose another model"):
        embed_texts(TITLES, config=EmbeddingConfig(model=str(folder)))


@pytest.mark.parametrize(
    "model", ["no-such-model", "nobody/no-such-model", "/no/such/folder", "bad name!", "\0", "a/b/c"]
)
def test_an_unknown_model_is_said_in_plain_words(model):
    with pytest.raises(EmbedderError, match=r"cannot be loaded.*Always available is 'all-MiniLM-L6-v2'\. Give"):
        embed_texts(["text"], config=EmbeddingConfig(model=model))


def test_folders_that_hold_no_model(tmp_path):
    with pytest.raises(EmbedderError, match=r"holds no sentence-transformers model"):
        model_name(EmbeddingConfig(model=str(tmp_path)))
    (tmp_path / "config.json").write_text("{ not json")
    with pytest.raises(EmbedderError, match=r"its files could not be read"):
        embed_texts(["text"], config=EmbeddingConfig(model=str(tmp_path)))


@pytest.mark.parametrize("wrong", [{"dtype": "int4"}, {"max_characters": 0}])
def test_settings_that_are_not_allowed(wrong):
    with pytest.raises(ConfigError):
        EmbeddingConfig(**wrong)


@pytest.mark.parametrize("name", ["../evil", "/etc", "a/b/c", "", "owner/", "a b", "~", "hierex", ".hidden/model"])
def test_typed_names_that_are_no_published_model(name, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    assert not text_models.is_published_name(name)


def test_typed_names_that_can_be_published_models():
    assert text_models.is_published_name("paraphrase-multilingual-MiniLM-L12-v2")
    assert text_models.is_published_name("intfloat/multilingual-e5-small")


def test_a_published_model_that_is_here_is_not_looked_up_again(monkeypatch, tmp_path):
    """A local copy lacks the files that were not wanted; asked for all of them, the hub would be asked every time."""
    asked = []

    def download(name, **options):
        asked.append((name, options.get("local_files_only"), options.get("ignore_patterns")))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    text_models.fetch_model(EmbeddingConfig(model="intfloat/multilingual-e5-small"))
    assert asked == [("intfloat/multilingual-e5-small", True, text_models.OTHER_FORMATS)]


def test_pickled_weights_are_refused(small_model, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(small_model, folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(EmbedderError, match=r"pytorch_model\.bin', which can hold code"):
        embed_texts(["a"], config=EmbeddingConfig(model=str(folder)))


def test_pickled_weights_of_a_part_are_refused(small_model, tmp_path):
    folder = tmp_path / "parts"
    shutil.copytree(small_model, folder)
    (folder / "modules.json").write_text(json.dumps([{"path": ""}, {"path": "1_Dense"}]))
    (folder / "1_Dense").mkdir()
    torch.save({}, folder / "1_Dense" / "pytorch_model.bin")
    shutil.copy(folder / "model.safetensors", folder / "1_Dense" / "other.safetensors")
    with pytest.raises(EmbedderError, match=r"pytorch_model\.bin', which can hold code"):
        embed_texts(["a"], config=EmbeddingConfig(model=str(folder)))


@pytest.mark.parametrize("file", ["pytorch_model.bin", "openvino/openvino_model.bin", "checkpoint-5/optimizer.pt"])
def test_other_files_beside_safe_weights_are_not_read(small_model, tmp_path, file):
    folder = tmp_path / "both"
    shutil.copytree(small_model, folder)
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(b"no pickle at all")
    expected = embed_texts(["a"], config=EmbeddingConfig(model=str(small_model)))
    np.testing.assert_array_equal(embed_texts(["a"], config=EmbeddingConfig(model=str(folder))), expected)


def test_a_model_without_safe_weights_is_told_that_it_takes_them(small_model, tmp_path):
    folder = tmp_path / "none"
    shutil.copytree(small_model, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(EmbedderError, match="weights have to be safetensors"):
        embed_texts(["a"], config=EmbeddingConfig(model=str(folder)))
