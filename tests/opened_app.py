"""The app over a folder of workspaces, without a browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from hierex.store import open_store
from hierex.view.opened import jobs, server

ROOT = Path(__file__).parents[1]
# What is installed stays as it is; reading it for every app that is opened took most of the time of these tests.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@contextmanager
def app_over(folder: Path) -> Iterator[Path]:
    """The app looks for workspaces in this folder; they are closed at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIEREX_WORKSPACES", str(folder))
        patch.setattr("hierex.jobs.Jobs.warm_up", lambda self: None)
        server.clear()
        jobs.clear()
        yield folder
    for path in folder.glob("*.duckdb"):
        open_store(path).close()
    server.clear()
    jobs.clear()


def open_app(page: str, workspace: str | None = None) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if workspace:
        app.session_state["workspace"] = workspace
    app.run()
    app.switch_page(f"app_pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def open_script(script: Callable[..., None], *args, **state) -> AppTest:
    """A page of its own: what the function shows, in a session with this state."""
    app = AppTest.from_function(script, default_timeout=60, args=args)
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.subheader]
    return "\n".join(str(part.value) for part in parts)
