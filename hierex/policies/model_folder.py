"""Causal language models in the server's folder of models: a folder each, and nothing else is offered.

Without torch, so that whoever only asks what there is does not wait for it.
"""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import ConfigError
from ..server_config import ServerConfig
from ..text_models import SAFE_WEIGHTS, digest_files

READ_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")


def list_base_models(folder: Path | None) -> list[str]:
    """Names of the causal language models in the server's folder of models, in alphabetical order: those whose weights
    can be read, since pickled ones can hold code."""
    return [path.name for path in _causal_models(folder) if any((path / weights).is_file() for weights in SAFE_WEIGHTS)]


def content_of(name: str) -> str:
    """The digest of the model of that name, or an empty text where there is none."""
    folder = ServerConfig.from_environment().models
    return digest_of(folder / name) if name in list_base_models(folder) else ""


def digest_of(folder: Path) -> str:
    """A hash of the files that a model is read from."""
    return digest_files(folder, {path for pattern in READ_FILES for path in folder.glob(pattern)})


def find_model(name: str) -> Path:
    """The folder of the model of that name. Raises ConfigError where there is none."""
    folder = ServerConfig.from_environment().models
    known = list_base_models(folder)
    if name in known:
        return folder / name
    if folder is None:
        raise ConfigError(
            "No folder of models is set up. Put causal language models into a folder, a folder each, and name it in "
            "HIEREX_MODELS."
        )
    if name in [path.name for path in _causal_models(folder)]:
        raise ConfigError(
            f"The language model '{name}' cannot be used: it has no weights in safetensors, and others are not read, "
            "since they can hold code."
        )
    there = f"There are: {', '.join(known)}." if known else "There are none."
    raise ConfigError(f"There is no causal language model '{name}' in the server's folder of models. {there}")


def _causal_models(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _is_causal(path / "config.json"))


def _is_causal(config: Path) -> bool:
    try:
        architectures = json.loads(config.read_text(encoding="utf-8")).get("architectures") or []
    except (OSError, ValueError, AttributeError):
        return False
    return any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in architectures)
