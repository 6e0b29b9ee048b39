"""The app over a folder of workspaces, without a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hierex import view
from hierex.store import open_store


@contextmanager
def app_over(folder: Path) -> Iterator[Path]:
    """The app looks for workspaces in this folder; they are closed at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIEREX_WORKSPACES", str(folder))
        patch.setattr("hierex.jobs.Jobs.warm_up", lambda self: None)
        view.server.clear()
        view.jobs.clear()
        yield folder
    for path in folder.glob("*.duckdb"):
        open_store(path).close()
    view.server.clear()
    view.jobs.clear()
