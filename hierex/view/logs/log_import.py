"""Importing logs: two files, what would come in of them, and only then in place of those that are there."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from ... import imports
from ...imports import ImportJob
from ...logs import InteractionColumns, ItemColumns, LogFile, LogReport
from ...logs.report import Drop
from ...store import Store
from ...wording import day_text, plain_markdown
from ..opened import claimed, doing, server
from .column_mapping import map_columns
from .files import uploads_folder

TABLES = {"items": "items", "interactions": "interactions", "users": "people"}
EXPECTED = ("not_liked", "single", "duplicate")
"""Why interactions are left out that are no sign of a wrong file or column."""
CHANGED = ("title_from_text", "title_shortened", "text_shortened")
"""What else than leaving out an import does to items."""
MUCH = 0.1
FORMATS = "CSV, TSV, JSON Lines or Parquet; plain or compressed (.gz, .zst)"


def log_import(store: Store, *, first: bool) -> None:
    """first: whether there are no logs yet."""
    st.subheader("Import your logs" if first else "Import other logs")
    for gone in [other for other in jobs_here() if not other.is_open]:  # renamed or deleted meanwhile
        jobs_here().pop(gone).cancel()
    job = jobs_here().get(store)
    if job is not None:
        show_job(store, job)
        return
    st.caption(
        f"Two files: a catalogue with a line per item, and a log with a line per interaction. {FORMATS}. "
        "Columns are recognised and can be corrected; you see what would come in before anything is replaced."
    )
    left, right = st.columns(2)
    with left:
        items = pick_file(store, "Item catalogue", "items")
    with right:
        interactions = pick_file(store, "Interaction log", "interactions")
    if not (items and interactions):
        return
    columns = map_columns(items, interactions)
    if columns:
        st.button(
            "Check these files",
            type="primary",
            on_click=start_check,
            args=(store, items, columns[0], interactions, columns[1]),
        )


def jobs_here() -> dict[Store, ImportJob]:
    """This session's imports, one at most in each workspace."""
    return st.session_state.setdefault("import_jobs", {})


def imports_done() -> dict[Store, int]:
    """How many of this session were accepted: the next one starts with empty fields."""
    return st.session_state.setdefault("imports_done", {})


def start_check(
    store: Store, items: LogFile, item_columns: ItemColumns, interactions: LogFile, columns: InteractionColumns
) -> None:
    job = ImportJob(store, items, item_columns, interactions, columns)
    if doing(job.start):
        jobs_here()[store] = job


def show_job(store: Store, job: ImportJob) -> None:
    st.fragment(run_every=1.0 if job.status == "checking" else None)(draw_check)(store, job)
    if job.status == "failed":
        st.error(plain_markdown(job.error), icon=":material/error:")
        change_files(store)
    elif job.status == "checked":
        st.markdown("**This is what would come in.** Nothing has been replaced yet.")
        log_facts(job.report)
        with st.container(horizontal=True):
            st.button("Use these logs", type="primary", on_click=accept, args=(store, job), icon=":material/check:")
            change_files(store)


def draw_check(store: Store, job: ImportJob) -> None:
    """The check while it runs; then the page shows what it found."""
    if job.status == "checking":
        st.progress(job.share, "Checking the files …")
        st.button("Stop", on_click=forget, args=(store,), key="stop_check", icon=":material/stop_circle:")
    elif st.session_state.get("import_shown") is not job:
        st.session_state["import_shown"] = job
        st.rerun()


def change_files(store: Store) -> None:
    st.button("Change files or columns", on_click=forget, args=(store,), icon=":material/arrow_back:")


def forget(store: Store) -> None:
    jobs_here().pop(store).cancel()


def accept(store: Store, job: ImportJob) -> None:
    def put_in_place() -> None:
        with claimed(store.path):
            job.accept()

    if doing(put_in_place, "The logs are in place. Press 'Build'."):
        del jobs_here()[store]
        imports_done()[store] = imports_done().get(store, 0) + 1


def pick_file(store: Store, what: str, key: str) -> LogFile | None:
    """An uploaded file, which stays chosen until another one is, or one from the server's folder, if there is one."""
    place = f"{key}-{store.path.stem}-{imports_done().get(store, 0)}"
    uploads = st.session_state.setdefault("uploads", {})
    uploaded = st.file_uploader(what, key=f"upload-{place}", help=FORMATS, on_change=lambda: uploads.pop(place, None))
    if uploaded is not None:
        uploads[place] = imports.spool(uploads_folder(), uploaded.file_id, uploaded.name, uploaded)
    kept = uploads.get(place)
    if kept and uploaded is None:
        st.caption(f"Still chosen: {plain_markdown(kept.name)}. Upload another file to replace it.")
    return kept or pick_server_file(what, place)


def pick_server_file(what: str, place: str) -> LogFile | None:
    folder = server().files
    if folder is None:
        return None
    if not folder.is_dir():
        st.caption("The folder of files that this server's owner named (HIEREX_FILES) is not there.")
        return None
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    label = f"or a file on the server ({what.lower()})"
    name = st.selectbox(label, names, index=None, key=f"server-{place}", persist_state="session")
    return LogFile(folder / name, name) if name else None


def log_facts(report: LogReport) -> None:
    """What came in and what was left out, with examples."""
    with st.container(horizontal=True, gap="medium"):  # each as wide as its number: none is cut in a narrow window
        for name, count, whole in (
            ("Items", report.items_kept, f"{report.items_in:,} rows in the catalogue"),
            ("People", report.users_kept, f"{report.users_in:,} in the log"),
            ("Interactions", report.interactions_kept, f"{report.interactions_in:,} rows in the log"),
        ):
            st.metric(name, f"{count:,}", help=whole, width="content")
        if report.has_dates:
            st.metric("From", day_text(report.first_date), width="content")
            st.metric("To", day_text(report.last_date), width="content")
        else:
            st.metric("Time", "an order", width="content")
    if report.has_dates:
        st.caption(f"Times were read as {plain_markdown(report.time_form)}.")
    else:
        st.caption(f"Without dates, what came after what was taken from the {plain_markdown(report.time_form)}.")
    if report.vector_size:
        st.caption(f"Every item has a vector of {report.vector_size:,} numbers, to be chosen under 'More choices'.")
    if report.liked:
        st.caption(f"Only what is {plain_markdown(report.liked)} shows an interest.")
    say_losses(report)
    list_drops(report.drops)


def list_drops(drops: Sequence[Drop]) -> None:
    """What was left out or changed, and apart from it what was only noticed."""
    concerned = [d for d in drops if not d.kept or d.reason in CHANGED]
    noticed = [d for d in drops if d not in concerned]
    if not concerned:
        st.caption("Nothing was left out or changed.")
    else:
        with st.expander(f"What was left out or changed, and why ({len(concerned)})"):
            st.table(drops_table(concerned), border="horizontal")
    if noticed:
        with st.expander(f"What was noticed and stays as it is ({len(noticed)})"):
            st.table(drops_table(noticed), border="horizontal")


def drops_table(drops: Sequence[Drop]) -> pd.DataFrame:
    """For a static table, whose cells are Markdown and show every sentence in full."""
    return pd.DataFrame(
        {
            "Why": [plain_markdown(d.sentence) for d in drops],
            "How many": [f"{d.count:,} {TABLES[d.table]}" for d in drops],
            "For example": [plain_markdown(", ".join(d.examples)) for d in drops],
        }
    )


def say_losses(report: LogReport) -> None:
    """How much of the log comes in, and loudly where much is lost that nobody asked to leave out."""
    if (report.interactions_kept, report.users_kept) == (report.interactions_in, report.users_in):
        return
    st.caption(
        f"{report.interactions_kept:,} of {report.interactions_in:,} rows of the log are used, of "
        f"{report.users_kept:,} of its {report.users_in:,} people."
    )
    lost = [d for d in report.drops if d.table == "interactions" and not d.kept and d.reason not in EXPECTED]
    share = sum(d.count for d in lost) / max(report.interactions_in, 1)
    if share > MUCH:
        most = max(lost, key=lambda d: d.count)
        st.warning(
            f"{share:.0%} of the log cannot be used. Are the right files and columns chosen? Most of it, "
            f"{most.count:,} rows: {plain_markdown(most.sentence)}",
            icon=":material/warning:",
        )
