"""Causal language models in the server's folder of models: a folder each, and nothing else is offered.

Without torch, so that whoever only asks what there is does not wait for it.
"""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import ConfigError
from ..server_config import ServerConfig
from ..text_models import digest_files

READ_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")


def list_base_models(folder: Path | None) -> list[str]:
    """Names of the causal language models in the server's folder of models, in alphabetical order."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _is_causal(path / "config.json"))


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
    there = f"There are: {', '.join(known)}." if known else "There are none."
    raise ConfigError(f"There is no causal language model '{name}' in the server's folder of models. {there}")


def _is_causal(config: Path) -> bool:
    try:
        architectures = json.loads(config.read_text(encoding="utf-8")).get("architectures") or []
    except (OSError, ValueError, AttributeError):
        return False
    return any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in architectures)
