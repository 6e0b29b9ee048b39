"""From item texts to unit vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .config import EmbeddingConfig, Progress, no_progress
from .errors import EmbedderError
from .text_models import load_shared, one_at_a_time

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH_TOKENS = {"cpu": 1_024, "cuda": 32_768}
"""Word pieces per batch. On a processor the activations of one batch should stay in the cache of one core."""


def text_keys(texts: Sequence[str], config: EmbeddingConfig) -> list[str]:
    """The content hash (32 hex digits) of each text as it is embedded: what the model is not shown doesn't count."""
    return [_digest(_clean(text, config.max_characters).encode()) for text in texts]


def embed_texts(
    texts: Sequence[str],
    *,
    config: EmbeddingConfig | None = None,
    model: SentenceTransformer | None = None,
    progress: Progress = no_progress,
) -> np.ndarray:
    """(n, dim) float32 unit vectors, in the order of the texts.

    Identical texts are embedded once, and a text's vector does not depend on its company (but for rounding). The
    model of `config` stays loaded, so calling this chunk by chunk costs nothing but smaller batches; `model` reads in
    its place where it is given (`load_own`).
    Raises EmbedderError where the model cannot be loaded or gives vectors that cannot be used.
    """
    config = config or EmbeddingConfig()
    cleaned = [_clean(text, config.max_characters) for text in texts]
    row_of = {text: row for row, text in enumerate(dict.fromkeys(cleaned))}
    vectors = _embed_distinct(model or load_shared(config), list(row_of), progress)
    _check(vectors, list(row_of), config.model)
    progress(1.0)
    return vectors[[row_of[text] for text in cleaned]]


def _clean(text: str, max_characters: int) -> str:
    """The start of the text, as valid Unicode: half of a surrogate pair is no character, and no tokenizer takes it."""
    return text[:max_characters].encode("utf-8", "replace").decode()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _embed_distinct(model: SentenceTransformer, texts: list[str], progress: Progress) -> np.ndarray:
    """One worker per core, each computing whole batches on one thread.

    Two batches side by side are faster than one batch on two threads, which wait for each other after every layer
    (and wait long where another process holds a core). The batches are fixed beforehand, so who computes which
    changes nothing.
    """
    import torch

    out = np.empty((len(texts), model.get_embedding_dimension() or 0), dtype=np.float32)
    lengths = _token_counts(model, texts)
    batches = list(_batches(lengths, BATCH_TOKENS.get(model.device.type, BATCH_TOKENS["cpu"])))
    cores = _cores() if model.device.type == "cpu" else 1
    one_thread = (torch.set_num_threads, (1,)) if cores > 1 else (None, ())
    done = 0
    with ThreadPoolExecutor(cores, "embed", *one_thread) as pool:
        results = pool.map(lambda rows: _embed_batch(model, [texts[row] for row in rows]), batches)
        with closing(results), _threads_restored(_cores()):
            for rows, vectors in zip(batches, results, strict=True):
                out[rows] = vectors
                done += int(lengths[rows].sum())
                progress(done / int(lengths.sum()))
    return out


def _embed_batch(model: SentenceTransformer, texts: list[str]) -> np.ndarray:
    import torch
    from sentence_transformers.util import batch_to_device

    with one_at_a_time:  # a tokenizer serves one thread at a time
        features = model.preprocess(texts, prompt=model.prompts.get(model.default_prompt_name))
    with torch.inference_mode():
        vectors = model(batch_to_device(features, model.device))["sentence_embedding"]
        return torch.nn.functional.normalize(vectors.float(), dim=1).cpu().numpy()


def _batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Rows of similar length, longest first, as many as fit the budget: hardly any padding."""
    rows = np.argsort(-lengths, kind="stable")
    while len(rows):
        size = max(1, budget // int(lengths[rows[0]]))
        yield rows[:size]
        rows = rows[size:]


def _token_counts(model: SentenceTransformer, texts: list[str]) -> np.ndarray:
    """(n,) int64 word pieces per text, at least 1; a guess where the model's tokenizer cannot be asked."""
    limit = model.max_seq_length or 512
    if not texts or not callable(model.tokenizer):
        return np.array([min(limit, 2 + len(text.encode()) // 4) for text in texts], dtype=np.int64)
    with one_at_a_time:
        pieces = model.tokenizer(texts, truncation=True, max_length=limit, return_attention_mask=False)["input_ids"]
    return np.array([max(1, len(ids)) for ids in pieces], dtype=np.int64)


def _check(vectors: np.ndarray, texts: list[str], model: str) -> None:
    bad = np.flatnonzero(~(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3))  # so written, NaN is bad as well
    if len(bad):
        raise EmbedderError(
            f"The text model '{model}' gave no usable vector for {len(bad):,} of {len(texts):,} different texts, the "
            f"first being {texts[bad[0]][:60]!r}. Choose another model, or set the number format to float32."
        )


@cache
def _cores() -> int:
    """How many threads torch was given: the cores, or what OMP_NUM_THREADS says."""
    import torch

    return torch.get_num_threads()


@contextmanager
def _threads_restored(threads: int):
    """The workers' own limit of one thread is also taken up by threads started later, so it is lifted at the end."""
    import torch

    try:
        yield
    finally:
        torch.set_num_threads(threads)
