"""What the owner of the server sets, in environment variables; nobody is asked for it on a page."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import ConfigError


@dataclass(frozen=True)
class ServerConfig:
    workspaces: Path
    """HIEREX_WORKSPACES: the folder of workspace files; by default `workspaces` where hierex lies."""
    files: Path | None
    """HIEREX_FILES: a folder whose files people may pick for import, for those too large for a browser."""
    models: Path | None
    """HIEREX_MODELS: a folder of sentence-transformers and causal language models, a folder each, that people may
    pick from."""
    fewest_people: int = 3
    """HIEREX_FEWEST_PEOPLE: nothing is shown of how fewer people than this moved."""

    @classmethod
    def from_environment(cls) -> ServerConfig:
        workspaces = os.environ.get("HIEREX_WORKSPACES") or Path(__file__).parents[1] / "workspaces"
        files, models = (os.environ.get(name) for name in ("HIEREX_FILES", "HIEREX_MODELS"))
        fewest = os.environ.get("HIEREX_FEWEST_PEOPLE") or str(cls.fewest_people)
        if not fewest.isdecimal() or int(fewest) < 1:
            raise ConfigError(f"HIEREX_FEWEST_PEOPLE is '{fewest[:20]}'. Give a whole number, 1 or more.")
        return cls(
            Path(workspaces).resolve(),
            Path(files).resolve() if files else None,
            Path(models).resolve() if models else None,
            int(fewest),
        )
