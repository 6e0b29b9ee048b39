"""What the pages share: the workspace that is open, the job that is running, and errors in plain words.

The only module of the library that knows Streamlit.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from . import description_edits, results, stored_logs, workspace_folder
from .charts.colors import interest_colors
from .config import RunConfig, ServerConfig
from .descriptions import Description
from .errors import HierexError, LogError, NotReady
from .imports import preview_file
from .jobs import Job, Jobs, expected_stages
from .logs import InteractionColumns, ItemColumns, LogFile, guess_columns
from .runs import config_of, read_runs, shown_run
from .store import Store, open_store
from .taxonomy import Taxonomy, cut_tree
from .wording import STAGE_NAMES, duration, plain_markdown
from .workspace import Workspace

SAMPLE_NAME = "Sample"
POLL_SECONDS = 1.0
STATE_SIGNS = {"waiting": "", "running": "⏳", "made": "✓", "reused": "✓ kept"}


# -- the server --------------------------------------------------------------------------------------------------------


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
        st.session_state["message"] = ("error", str(error))
        return False
    if done:
        st.session_state["message"] = ("done", done)
    return True


def show_message() -> None:
    """What the last callback had to say, once."""
    kind, text = st.session_state.pop("message", ("", ""))
    if kind == "error":
        st.error(plain_markdown(text), icon=":material/error:")
    elif kind == "done":
        st.toast(plain_markdown(text), icon=":material/check:")


# -- the workspace -----------------------------------------------------------------------------------------------------


def sidebar() -> None:
    """Workspace picker and job panel, on every page."""
    names = workspace_folder.list_workspaces(server().workspaces)
    with st.sidebar:
        if names:
            linked = st.query_params.get("workspace")
            if st.session_state.get("workspace", linked) not in names:
                st.session_state["workspace"] = SAMPLE_NAME if SAMPLE_NAME in names else names[0]
            st.selectbox("Workspace", names, key="workspace", bind="query-params")
            if st.session_state["workspace"] == SAMPLE_NAME:
                st.caption("Synthetic data, made to try hierex out.")
        workspace_menu(names)
        if names:
            with plain_errors():
                show_job(current_store())
    show_message()


def workspace_menu(names: list[str]) -> None:
    """Create, rename, delete, bring back."""
    folder = server().workspaces
    menu = st.popover("Manage workspaces", icon=":material/folder_open:", width="stretch") if names else st.container()
    with menu:
        st.text_input("Name of a new workspace", key="new_workspace", placeholder="Spring catalogue")
        st.button("Create", on_click=create_workspace, icon=":material/add:")
        if names:
            name = plain_markdown(st.session_state["workspace"])
            st.divider()
            st.text_input(f"New name for '{name}'", key="renamed_workspace")
            st.button("Rename", on_click=rename_workspace, icon=":material/edit:")
            st.button(f"Delete '{name}'", on_click=delete_workspace, icon=":material/delete:")
        trash = workspace_folder.list_trash(folder)
        if trash:
            st.divider()
            st.selectbox("Deleted workspaces", trash, key="deleted_workspace")
            st.button("Bring back", on_click=bring_back_workspace, icon=":material/restore_from_trash:")


def create_workspace() -> None:
    name = st.session_state["new_workspace"].strip()
    if doing(lambda: workspace_folder.create_workspace(server().workspaces, name), f"Created '{name}'."):
        st.session_state["workspace"], st.session_state["new_workspace"] = name, ""


def rename_workspace() -> None:
    old, new = st.session_state["workspace"], st.session_state["renamed_workspace"].strip()

    def rename() -> None:
        claim_idle(workspace_folder.workspace_path(server().workspaces, old))
        workspace_folder.rename_workspace(server().workspaces, old, new)
        read_work.clear()

    if doing(rename, f"'{old}' is now '{new}'."):
        st.session_state["workspace"], st.session_state["renamed_workspace"] = new, ""


def delete_workspace() -> None:
    name = st.session_state["workspace"]

    def delete() -> None:
        claim_idle(workspace_folder.workspace_path(server().workspaces, name))
        workspace_folder.throw_away(server().workspaces, name)
        read_work.clear()

    doing(delete, f"Deleted '{name}'. 'Manage workspaces' can bring it back.")


def bring_back_workspace() -> None:
    name = st.session_state["deleted_workspace"]
    if doing(lambda: workspace_folder.bring_back(server().workspaces, name), f"'{name}' is back."):
        st.session_state["workspace"] = name


def claim_idle(path: Path) -> None:
    """Before the workspace's file or logs are changed: nothing may be at work on them, and what was is old news."""
    job = jobs().of(path)
    if job and job.active:
        raise HierexError("Something is being built in this workspace. Stop it first, or wait until it is done.")
    jobs().forget(path)


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
        raise NotReady("Nothing has been built from these logs yet. Press 'Build' on the Logs page.")
    return read_work(str(store.path), run.run_id, json.dumps(run.keys), json.dumps(run.config))


@st.cache_resource(max_entries=4, show_spinner="Opening the workspace ...")
def read_work(path: str, run_id: int, keys: str, config: str) -> Workspace:
    return Workspace(open_store(path, create=False), config_of(json.loads(config)), json.loads(keys))


def chosen_taxonomy(work: Workspace) -> Taxonomy:
    """The interests at the slider's place; at the built granularity in a workspace where nobody moved it."""
    if st.session_state.get("interests_of") != work.store.path:
        st.session_state["interests_of"], st.session_state["interests"] = work.store.path, work.granularity
    number = int(np.clip(st.session_state.get("interests") or work.granularity, 2, work.tree.finest))
    st.session_state["interests"] = number
    return cut_tree(work.tree, number)


@st.cache_data(max_entries=32, show_spinner=False)
def colors_of(tree_key: str, n_clusters: int, _work: Workspace) -> list[str]:
    return interest_colors(_work.tree, cut_tree(_work.tree, n_clusters).cluster_ids)


# -- jobs --------------------------------------------------------------------------------------------------------------


def start_run(config: RunConfig) -> None:
    """For callbacks: builds the open workspace in the background."""
    doing(lambda: jobs().start(current_store(), config), "Building in the background; you can go on looking around.")


def show_job(store: Store) -> None:
    """The state of the workspace's job, moving while it runs."""
    job = jobs().of(store.path)
    if job is None:
        interrupted = next(iter(read_runs(store)), None)
        if interrupted and interrupted.status == "running":
            st.warning("The last build was interrupted. What it finished is kept; press 'Build' on the Logs page.")
        return
    st.fragment(run_every=POLL_SECONDS if job.active else None)(draw_job)(job)


def draw_job(job: Job) -> None:
    active = job.active
    with st.container(border=True):
        if active:
            running = next(
                (STAGE_NAMES[name] for name, s in job.stages.items() if s.state == "running"), "Getting ready"
            )
            st.progress(job.share(), text=f"{running} …")
            st.caption(f"About {duration(job.seconds_left())} left")
            st.button("Stop", key=f"stop-{id(job)}", on_click=jobs().cancel, args=(job,), icon=":material/stop_circle:")
        elif job.status == "done":
            st.success("Built and up to date.", icon=":material/check:")
        elif job.status == "stopped":
            st.warning("Stopped. What was finished is kept.", icon=":material/stop_circle:")
        else:
            st.error(plain_markdown(job.error), icon=":material/error:")
        with st.expander("Steps"):
            st.dataframe(stage_table(job), hide_index=True)
    was_active = st.session_state.get("seen_active") is job
    st.session_state["seen_active"] = job if active else None
    if was_active and not active:
        st.rerun()


def stage_table(job: Job) -> pd.DataFrame:
    rows = [
        {
            "Step": STAGE_NAMES[name],
            "": f"{stage.share:.0%}" if stage.state == "running" else STATE_SIGNS[stage.state],
            "Seconds": f"{stage.seconds:.1f}" if stage.state == "made" else "",
        }
        for name, stage in job.stages.items()
    ]
    return pd.DataFrame(rows)


# -- what pages ask of a workspace -------------------------------------------------------------------------------------


def config_at(work: Workspace, granularity: int) -> RunConfig:
    return replace(work.config, granularity=granularity)


def save_description(work: Workspace, wanted: Description, seen_edit_id: int | None) -> int:
    """Keeps what the person typed, with their name; returns the edit's id."""
    tree, node = work.tree, wanted.cluster_id
    description_edits.refuse_taken_name(wanted.name, node, work.descriptions(), tree)
    item_ids = work.items["item_id"].to_numpy()[tree.order[tree.lo[node] : tree.hi[node]]]
    return description_edits.save_edit(
        work.store,
        wanted,
        tree_key=work.key("interest_tree"),
        item_ids=item_ids.tolist(),
        author=st.session_state.get("author", "").strip(),
        seen_edit_id=seen_edit_id,
    )


def note_of(work: Workspace, stage: str) -> str:
    """What has to be said about how a stage's result came about."""
    return results.result_note(work.store, stage, work.key(stage))


def item_list(titles: Sequence[str], interests: Sequence[str] | None = None) -> None:
    """Ranked items, titles as plain text."""
    columns = {"#": range(1, len(titles) + 1), "Item": titles}
    if interests is not None:
        columns["Interest"] = interests
    st.dataframe(pd.DataFrame(columns), hide_index=True, column_config={"#": st.column_config.NumberColumn(width=40)})


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


def server_models() -> list[str]:
    """The models in the folder that the server's owner named."""
    folder = server().models
    if folder is None or not folder.is_dir():
        return []
    return sorted(str(path) for path in folder.iterdir() if (path / "modules.json").is_file())


def expected_seconds(store: Store) -> float:
    """Of a build in which everything is new."""
    return sum(stage.seconds for stage in expected_stages(store).values())


def uploads_folder() -> Path:
    folder = server().workspaces / workspace_folder.UPLOADS
    folder.mkdir(parents=True, exist_ok=True)
    return folder
