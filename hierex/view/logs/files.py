"""What the Logs page asks about files: previews, recognised columns, uploads, models."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from ... import workspace_folder
from ...errors import LogError
from ...imports import preview_file
from ...jobs import expected_stages
from ...logs import InteractionColumns, ItemColumns, LogFile, guess_columns
from ...store import Store
from ..opened import server


def preview(file: LogFile) -> pd.DataFrame:
    """The first rows of a file, read anew when the file has changed."""
    return read_preview(file, stamp(file))


@st.cache_data(max_entries=8, show_spinner="Reading the first rows ...")
def read_preview(file: LogFile, stamp: tuple[int, int]) -> pd.DataFrame:
    return preview_file(server().workspaces, file)


def guess(items: LogFile, interactions: LogFile) -> tuple[ItemColumns, InteractionColumns]:
    """Which column is what, as far as it can be told."""
    return read_guess(items, stamp(items), interactions, stamp(interactions))


@st.cache_data(max_entries=8, show_spinner=False)
def read_guess(items: LogFile, items_stamp, interactions: LogFile, interactions_stamp):
    return guess_columns(read_preview(items, items_stamp), read_preview(interactions, interactions_stamp))


def stamp(file: LogFile) -> tuple[int, int]:
    """What changes when a file is written anew. Raises LogError when it is gone."""
    try:
        found = file.path.stat()
    except OSError as error:
        raise LogError(f"'{file.name}' is not there any more. Choose another file.") from error
    return found.st_mtime_ns, found.st_size


def uploads_folder() -> Path:
    folder = server().workspaces / workspace_folder.UPLOADS
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def server_models() -> list[str]:
    """The models in the folder that the server's owner named."""
    folder = server().models
    if folder is None or not folder.is_dir():
        return []
    return sorted(str(path) for path in folder.iterdir() if (path / "modules.json").is_file())


def expected_seconds(store: Store) -> float:
    """Of a build in which everything is new."""
    return sum(stage.seconds for stage in expected_stages(store).values())
