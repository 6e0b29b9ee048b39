"""Imports in the background: nothing is replaced before a person says so, and nothing is left lying about."""

import time
from datetime import datetime

import pytest

from hierex.errors import LogError, NotReady
from hierex.imports import ImportJob, import_logs, spool
from hierex.kept import stored_logs
from hierex.logs import InteractionColumns, ItemColumns, LogFile
from hierex.store import SCRATCH_PREFIX, open_store
from hierex.synthetic import make_world
from hierex.workspace_folder import UPLOADS

COLUMNS = ItemColumns("item_id", "title", ("description",)), InteractionColumns("user_id", "item_id", "watched_at")


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        yield store


def uploads(store, *, seed=1) -> tuple[LogFile, LogFile]:
    """A small world as two spooled uploads."""
    world = make_world(n_items=60, n_users=30, n_interactions=400, seed=seed)
    folder = store.path.parent / UPLOADS
    folder.mkdir(exist_ok=True)
    files = []
    for name, frame in (("items", world.items), ("interactions", world.interactions)):
        given = store.path.parent / f"{name}-{seed}.csv"
        frame.to_csv(given, index=False)
        with given.open("rb") as stream:
            files.append(spool(folder, f"{name}-{seed}", f"{name}.csv", stream))
    return tuple(files)


def checked(store, files, *, columns=COLUMNS) -> ImportJob:
    job = ImportJob(store, files[0], columns[0], files[1], columns[1]).start()
    deadline = time.monotonic() + 30
    while job.status == "checking" and time.monotonic() < deadline:
        time.sleep(0.01)  # between two looks; the job ends the wait
    return job


def scratch_files(store) -> list:
    return list(store.path.parent.glob(f"{SCRATCH_PREFIX}*"))


def test_nothing_is_replaced_until_it_is_accepted(store):
    files = uploads(store)
    job = checked(store, files)
    assert (job.status, job.report.items_kept) == ("checked", 60)
    assert stored_logs.log_report(store) is None
    job.accept()
    assert stored_logs.log_report(store).items_kept == 60
    assert not any(file.path.exists() for file in files), "uploads have served their purpose"
    assert not scratch_files(store)


def test_what_is_given_up_leaves_the_workspace_as_it_was(store):
    import_logs(store, *uploads(store))
    before = stored_logs.log_report(store)
    files = uploads(store, seed=2)
    checked(store, files).cancel()
    assert stored_logs.log_report(store) == before
    assert not scratch_files(store)
    assert all(file.path.exists() for file in files), "the person may check them again with other columns"


def test_files_that_cannot_be_used_fail_with_the_reason(store):
    files = uploads(store)
    job = checked(store, files, columns=(ItemColumns("no such column", "title"), COLUMNS[1]))
    assert job.status == "failed"
    assert "no such column" in job.error
    assert not scratch_files(store)


def test_a_check_is_stopped_while_it_runs(store):
    job = ImportJob(store, *[part for pair in zip(uploads(store), COLUMNS, strict=True) for part in pair]).start()
    job.cancel()
    deadline = time.monotonic() + 30
    while scratch_files(store) and time.monotonic() < deadline:
        time.sleep(0.01)  # between two looks; the job ends the wait
    assert job.status == "stopped"
    assert not scratch_files(store)
    assert stored_logs.log_report(store) is None


def test_an_import_can_be_undone_and_done_again(store):
    import_logs(store, *uploads(store))
    before = stored_logs.log_report(store)
    job = checked(store, uploads(store, seed=2))
    job.accept()
    assert stored_logs.log_report(store) != before
    after, titles = stored_logs.log_report(store), stored_logs.read_items(store)["title"].tolist()
    stored_logs.exchange_logs(store)
    assert stored_logs.log_report(store) == before
    assert stored_logs.read_items(store)["title"].tolist() != titles
    stored_logs.exchange_logs(store)
    assert stored_logs.log_report(store) == after
    assert stored_logs.read_items(store)["title"].tolist() == titles


def test_a_clock_that_goes_back_does_not_mix_up_the_logs(store, monkeypatch):
    import_logs(store, *uploads(store))
    monkeypatch.setattr("hierex.kept.stored_logs.now", lambda: datetime(2001, 1, 1))
    import_logs(store, *uploads(store, seed=2))
    report = stored_logs.log_report(store)
    assert report.interactions_kept == store.value("SELECT count(*) FROM interactions")
    assert report != stored_logs.previous_report(store)


def test_there_is_nothing_to_undo_after_the_first_import(store):
    import_logs(store, *uploads(store))
    assert stored_logs.previous_report(store) is None
    with pytest.raises(NotReady):
        stored_logs.exchange_logs(store)


def test_names_of_uploads_are_never_paths(store):
    folder = store.path.parent / UPLOADS
    folder.mkdir()
    given = store.path.parent / "given.csv"
    given.write_text("item_id,title\na,b\n")
    with given.open("rb") as stream:
        file = spool(folder, "../../evil", "../../evil.csv", stream)
    assert file.path.parent == folder


def test_logs_without_a_needed_column_are_refused(store, tmp_path):
    items, _ = uploads(store)
    with pytest.raises(LogError):
        import_logs(store, items, items)
    assert stored_logs.log_report(store) is None
    assert not scratch_files(store)
