"""What the server has open: its settings, its jobs, the workspace of this session, and errors in plain words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import streamlit as st

from .. import workspace_folder
from ..config import RunConfig
from ..errors import HierexError, NotReady
from ..jobs import Job, Jobs
from ..kept import stored_logs
from ..kept.releases import released_run
from ..kept.runs import RunRecord, choices_of, config_of, shown_run
from ..releases.released_work import hides_as_built, hiding_changes, serve_release
from ..server_config import ServerConfig
from ..store import Store, open_store
from ..wording import plain_markdown
from ..workspace import Workspace


@st.cache_resource
def server() -> ServerConfig:
    config = ServerConfig.from_environment()
    config.workspaces.mkdir(parents=True, exist_ok=True)
    workspace_folder.clear_leftovers(config.workspaces)
    return config


@st.cache_resource
def jobs() -> Jobs:
    """The background work of this server; getting it has the map's code compiled ahead of the first run."""
    registry = Jobs()
    registry.warm_up()
    return registry


def going_on(store: Store) -> Job | None:
    """What goes on in the background in this workspace."""
    job = jobs().of(store.path)
    return job if job and job.active else None


def is_busy(store: Store) -> bool:
    return going_on(store) is not None


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Shows what a person can do something about; all else stays an error that is logged."""
    try:
        yield
    except NotReady as reason:
        st.info(plain_markdown(str(reason)), icon=":material/hourglass_empty:")
    except HierexError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")


def doing(action: Callable[[], object], done: str = "") -> bool:
    """For callbacks: does it, says so, or says why not."""
    try:
        action()
    except HierexError as error:
        say("error", str(error))
        return False
    if done:
        say("done", done)
    return True


def say(kind: str, text: str) -> None:
    """To be shown once, when the page is drawn. kind: error or done."""
    st.session_state.setdefault("messages", []).append((kind, text))


def show_messages() -> None:
    """What callbacks had to say since the page was last drawn. What went wrong stays on top, and is also said where it
    is seen from further down."""
    for kind, text in st.session_state.pop("messages", []):
        if kind == "error":
            st.error(plain_markdown(text), icon=":material/error:")
            st.toast(plain_markdown(text), icon=":material/error:")
        else:
            st.toast(plain_markdown(text), icon=":material/check:")


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """For changing a workspace's file or logs: nothing may be at work on them, and what was read of them is old news.

    Raises HierexError while something is being built.
    """
    job = jobs().of(path)
    if job and job.active:
        raise HierexError("Something is being built in this workspace. Stop it first, or wait until it is done.")
    jobs().forget(path)
    try:
        yield
    finally:
        read_work.clear()
        read_choices.clear()
        open_served.clear()


def current_store() -> Store:
    """The open workspace's store. Raises NotReady when there is no workspace."""
    name = st.session_state.get("workspace")
    if not name:
        raise NotReady("There is no workspace yet. Create one in the side bar: give it a name and press 'Create'.")
    return open_store(workspace_folder.workspace_path(server().workspaces, name), create=False)


def current_work() -> Workspace:
    """What the open workspace's latest finished run found. Raises NotReady when there is nothing to show."""
    store = current_store()
    run = shown_run(store)
    if run is None:
        if stored_logs.log_report(store) is None:
            raise NotReady("This workspace is empty. Import a catalogue and a log on the Logs page.")
        if is_busy(store):
            raise NotReady("This is being built for the first time. The side bar says how far it is.")
        raise NotReady("Nothing has been built from these logs yet. Press 'Build' on the Logs page.")
    return read_work(str(store.path), run.run_id, json.dumps(run.keys), json.dumps(run.config))


def with_choices(work: Workspace, config: RunConfig) -> Workspace:
    """The same results, for what is about to be done with other choices."""
    return read_choices(str(work.store.path), json.dumps(work.keys), json.dumps(choices_of(config)))


@st.cache_resource(max_entries=3, show_spinner="Opening the workspace ...")
def read_choices(path: str, keys: str, config: str) -> Workspace:
    """Apart from `read_work`, so that trying several choices does not push out what everybody has open."""
    return Workspace(open_store(path, create=False), config_of(json.loads(config)), json.loads(keys))


@st.cache_resource(max_entries=4, show_spinner="Opening the workspace ...")
def read_work(path: str, run_id: int, keys: str, config: str) -> Workspace:
    return Workspace(open_store(path, create=False), config_of(json.loads(config)), json.loads(keys))


def released_work(present: Workspace) -> Workspace | None:
    """The one whose predictions are released, over the present logs; None where none is.

    Raises HierexError with the reason where the released ones do not fit these logs.
    """
    run = released_run(present.store)
    return serve_run(present, run) if run else None


def latest_work(present: Workspace) -> Workspace:
    """The present one; its predictions without what was hidden since."""
    run = shown_run(present.store)
    return serve_run(present, run) if run and run.keys == present.keys else present


def serve_run(present: Workspace, run: RunRecord) -> Workspace:
    """See `serve_release`; the present one where it is the same. Opened once, and anew when other items are hidden."""
    if run.keys == present.keys and hides_as_built(present.store, run):
        return present
    changed = [record.edit_id for record in hiding_changes(present.store)]
    keys = json.dumps([run.keys, present.keys, changed], sort_keys=True)
    return open_served(str(present.store.path), keys, run, present)


@st.cache_resource(max_entries=4, show_spinner="Opening these predictions ...")
def open_served(path: str, keys: str, _run: RunRecord, _present: Workspace) -> Workspace:
    return serve_release(_present, _run)


def start_comparison(work: Workspace) -> None:
    """For callbacks: compares weights of behaviour in the background."""
    doing(lambda: jobs().start_comparison(work), "Comparing in the background; you can go on looking around.")


def start_run(config: RunConfig) -> None:
    """For callbacks: builds the open workspace in the background."""
    doing(lambda: jobs().start(current_store(), config), "Building in the background; you can go on looking around.")
