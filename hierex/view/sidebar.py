"""The side bar of every page: workspaces, and the job of the one that is open."""

from __future__ import annotations

from time import monotonic

import pandas as pd
import streamlit as st

from .. import workspace_folder
from ..jobs import ANSWERS, ASKED, DESCRIPTIONS, TUNING, Job
from ..kept.runs import read_runs
from ..policies.match_rate import matched_text
from ..releases.gates import FEWEST_MATCHES
from ..store import Store
from ..wording import STAGE_NAMES, duration, plain_markdown
from ..wording.models import answered_text, described_text
from ..workspace_folder import SAMPLE_NAME
from .author import remember_author
from .choice import forget_address, write_address
from .opened import claimed, current_store, doing, jobs, plain_errors, say, server, show_messages

POLL_SECONDS = 1.0
ASKING = {
    DESCRIPTIONS: "Asking the language model …",
    TUNING: "Fine-tuning the language model …",
    ANSWERS: "Waiting for answers on what comes next …",
}
KEPT = "Stopped. What was finished is kept."
TUNING_ENDED = "Stopped. No new model comes of it; what was trained until then, if anything, may have to be paid."
BATCH_ENDED = "Stopped. What was answered until then is kept, and may have to be paid."
A_DOUBLE_CLICK = 2.0
"""Seconds in which the second click of a double one comes, as far as a busy server goes."""
STATE_SIGNS = {"waiting": "", "running": "⏳", "made": "✓", "reused": "✓ kept"}


def draw_sidebar() -> None:
    """Workspace picker and job panel, on every page."""
    names = workspace_folder.list_workspaces(server().workspaces)
    with st.sidebar:
        if names:
            linked = st.query_params.get("workspace")
            wanted = st.session_state.get("workspace", linked)
            if wanted in names:
                st.session_state["workspace"] = wanted
            else:
                st.session_state["workspace"] = SAMPLE_NAME if SAMPLE_NAME in names else names[0]
                if wanted:
                    instead = st.session_state["workspace"]
                    say("error", f"There is no workspace '{wanted[:60]}' here, so '{instead}' is shown.")
            shown = st.selectbox("Workspace", names, key="workspace")
            if linked not in (None, shown):
                forget_address()
            write_address("workspace", shown)
            if st.session_state["workspace"] == SAMPLE_NAME:
                st.caption("Synthetic data, made to try hierex out.")
        workspace_menu(names)
        if names:
            with plain_errors():
                show_job(current_store())
        remember_author()
    show_messages()


def workspace_menu(names: list[str]) -> None:
    """Create, rename, delete, bring back."""
    folder = server().workspaces
    menu = st.popover("Manage workspaces", icon=":material/folder_open:", width="stretch") if names else st.container()
    with menu:
        with st.form("create_workspace", border=False):  # Enter creates it too
            st.text_input("Name of a new workspace", key="new_workspace", placeholder="Spring catalogue")
            st.form_submit_button("Create", on_click=create_workspace, icon=":material/add:")
        if names:
            name = plain_markdown(st.session_state["workspace"])
            st.divider()
            with st.form("rename_workspace", border=False):
                st.text_input(f"New name for '{name}'", key=f"rename-{st.session_state['workspace']}")
                st.form_submit_button("Rename", on_click=rename_workspace, icon=":material/edit:")
            st.button(f"Delete '{name}'", on_click=delete_workspace, icon=":material/delete:")
        trash = workspace_folder.list_trash(folder)
        if trash:
            st.divider()
            st.selectbox("Deleted workspaces", trash, key="deleted_workspace")
            st.button("Bring back", on_click=bring_back_workspace, icon=":material/restore_from_trash:")


def create_workspace() -> None:
    folder, name = server().workspaces, workspace_folder.plain_name(st.session_state["new_workspace"])

    def create() -> None:
        """A second click may end what the first one began wherever the session's state is read or written, so that
        the first one is noted before anything is done."""
        before, at = st.session_state.get("created_workspace", ("", 0.0))
        if name == before and monotonic() - at < A_DOUBLE_CLICK and name in workspace_folder.list_workspaces(folder):
            return
        workspace_folder.free_path(folder, name)
        st.session_state["created_workspace"] = name, monotonic()
        workspace_folder.create_workspace(folder, name)

    if doing(create, f"Created '{name}'."):
        st.session_state["workspace"], st.session_state["new_workspace"] = name, ""


def rename_workspace() -> None:
    old = st.session_state["workspace"]
    new = workspace_folder.plain_name(st.session_state[f"rename-{old}"])

    def rename() -> None:
        with claimed(workspace_folder.workspace_path(server().workspaces, old)):
            workspace_folder.rename_workspace(server().workspaces, old, new)

    if doing(rename, f"'{old}' is now '{new}'."):
        st.session_state["workspace"] = new


def delete_workspace() -> None:
    name = st.session_state["workspace"]

    def delete() -> None:
        with claimed(workspace_folder.workspace_path(server().workspaces, name)):
            workspace_folder.throw_away(server().workspaces, name)

    if doing(delete, f"Deleted '{name}'. 'Manage workspaces' can bring it back."):
        del st.session_state["workspace"]
        st.query_params.pop("workspace", None)


def bring_back_workspace() -> None:
    name = st.session_state["deleted_workspace"]
    if doing(lambda: workspace_folder.bring_back(server().workspaces, name), f"'{name}' is back."):
        st.session_state["workspace"] = name


def show_job(store: Store) -> None:
    """The state of the workspace's job, moving while it runs."""
    for elsewhere in jobs().active_elsewhere(store.path):
        st.caption(f"Something goes on in '{plain_markdown(elsewhere.path.stem)}'; open it to see how far it is.")
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
            doing_what, how_far = progress_texts(job)
            st.progress(job.share(), text=doing_what)
            st.caption(plain_markdown(how_far))
            offer_to_stop(job)
        elif job.status == "done" and is_short_of_known(job):
            st.warning(plain_markdown(job_done(job)), icon=":material/rule:")
        elif job.status == "done":
            st.success(plain_markdown(job_done(job)), icon=":material/check:")
        elif job.status == "stopped":
            st.warning(plain_markdown(job.error or why_stopped(job)), icon=":material/stop_circle:")
        else:
            st.error(plain_markdown(job.error), icon=":material/error:")
        if job.stages:
            with st.expander("Steps"):
                st.dataframe(stage_table(job), hide_index=True)
        if not active and st.button("Close", key=f"close-{id(job)}", type="tertiary"):
            if jobs().of(job.path) is job:
                jobs().forget(job.path)
            st.rerun()
    was_active = st.session_state.get("seen_active") is job
    st.session_state["seen_active"] = job if active else None
    if was_active and not active:
        st.rerun()


def offer_to_stop(job: Job) -> None:
    if not job.at_endpoint:
        st.button("Stop", key=f"stop-{id(job)}", on_click=jobs().cancel, args=(job,), icon=":material/stop_circle:")
        return
    st.button(
        "Stop waiting",
        key=f"leave-{id(job)}",
        on_click=jobs().leave,
        args=(job,),
        icon=":material/logout:",
        help="It goes on at the endpoint, and other work can be done here meanwhile. Follow, collect or stop it later "
        "under “Releases” of “What comes next”.",
    )
    st.button(
        "Stop it there",
        key=f"stop-{id(job)}",
        on_click=jobs().cancel,
        args=(job,),
        icon=":material/stop_circle:",
        help="Ends it at the endpoint for good. What it did until then may have to be paid.",
    )


def progress_texts(job: Job) -> tuple[str, str]:
    """What goes on, and how far it is."""
    if job.goal in ASKED:
        return ASKING[job.goal], asked_text(job)
    ahead = jobs().ahead_of(job)
    if ahead:
        return "Waiting for its turn …", f"It begins when '{ahead.path.stem}' is done."
    running = (STAGE_NAMES[name] for name, stage in job.stages.items() if stage.state == "running")
    left = job.seconds_left()
    return f"{next(running, 'Getting ready')} …", (
        "How long it takes shows soon." if left is None else f"About {duration(left)} left"
    )


def asked_text(job: Job) -> str:
    """How far a language model is."""
    if job.stopping.is_set():
        return "Being stopped …"
    if job.leaving.is_set():
        return "Being left …"
    if job.reading is None:
        return job.told or "Getting ready"
    return (answered_text if job.goal == ANSWERS else described_text)(job.reading)


def job_done(job: Job) -> str:
    if job.goal == ANSWERS and job.reading:
        missing, came = job.reading.unanswered, job.reading.described + job.reading.failed
        without = f"; {missing:,} got no answer ({job.told.rstrip('.')})" if missing else ""
        return f"The language model answered {came:,} questions{without}. {what_next(job)}"
    if job.goal == TUNING:
        return "The fine-tuning is done. The new model can be asked under “Releases” of “What comes next”."
    if job.reading is None:
        return f"The {job.goal} is done."
    missing = job.reading.failed + job.reading.unanswered
    without = f"; {missing:,} got no description that can be used" if missing else ""
    return f"The language model described {job.reading.described:,} interests{without}."


def why_stopped(job: Job) -> str:
    if not job.at_endpoint:
        return KEPT
    return TUNING_ENDED if job.goal == TUNING else BATCH_ENDED


def is_short_of_known(job: Job) -> bool:
    """Whether a model's answers are too seldom known interests for a build to be made of them."""
    return job.known is not None and job.known.rate < FEWEST_MATCHES


def what_next(job: Job) -> str:
    """The rate is of all its answers, and not only of those that have just come."""
    known = "" if job.known is None else f"In all, {matched_text(job.known)} are known interests, word for word"
    if is_short_of_known(job):
        choose = "" if job.form == "schema" else " have it choose from a list,"
        return f"{known}; it takes {FEWEST_MATCHES:.0%}. Fine-tune it on these interests,{choose} or choose another."
    return f"{known}. Learn and measure with them now." if known else "Learn and measure with them now."


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
