"""Workspaces by name: made, renamed, thrown away, brought back."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierex import workspace_folder as folder_of
from hierex.errors import HierexError
from hierex.store import open_store


def test_the_life_of_a_workspace(tmp_path):
    folder_of.create_workspace(tmp_path, "Spring")
    folder_of.create_workspace(tmp_path, "autumn")
    assert folder_of.list_workspaces(tmp_path) == ["autumn", "Spring"]
    folder_of.rename_workspace(tmp_path, "Spring", "Summer")
    assert folder_of.list_workspaces(tmp_path) == ["autumn", "Summer"]
    folder_of.throw_away(tmp_path, "Summer")
    assert folder_of.list_workspaces(tmp_path) == ["autumn"]
    assert folder_of.list_trash(tmp_path) == ["Summer"]
    folder_of.bring_back(tmp_path, "Summer")
    assert folder_of.list_workspaces(tmp_path) == ["autumn", "Summer"]
    assert folder_of.list_trash(tmp_path) == []


def test_throwing_away_twice_keeps_both(tmp_path):
    for _ in range(2):
        folder_of.create_workspace(tmp_path, "Spring")
        folder_of.throw_away(tmp_path, "Spring")
    assert sorted(folder_of.list_trash(tmp_path)) == ["Spring", "Spring (2)"]


def at_once(action, *arguments) -> list:
    """Calls it at the same moment in a thread for each argument; the errors."""
    barrier, errors = threading.Barrier(len(arguments)), []

    def call(argument) -> None:
        barrier.wait()
        try:
            action(argument)
        except HierexError as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return errors


def test_two_who_delete_at_once_lose_nothing(tmp_path):
    for number in range(5):
        name = f"Spring {number}"
        store = open_store(folder_of.create_workspace(tmp_path, name))
        with store.transaction() as writer:
            writer.execute("INSERT INTO users VALUES (7, 'somebody')")
        errors = at_once(lambda name: folder_of.throw_away(tmp_path, name), name, name)
        assert len(errors) == 1
        assert folder_of.list_workspaces(tmp_path) == []
        with open_store(folder_of.bring_back(tmp_path, name)) as store:
            assert store.value("SELECT user_id FROM users") == "somebody"
        folder_of.throw_away(tmp_path, name)


def test_two_workspaces_renamed_alike_at_once_both_stay(tmp_path):
    for name in ("A", "B"):
        folder_of.create_workspace(tmp_path, name)
    errors = at_once(lambda name: folder_of.rename_workspace(tmp_path, name, "Y"), "A", "B")
    assert len(errors) == 1
    assert len(folder_of.list_workspaces(tmp_path)) == 2


def test_renaming_waits_for_who_is_reading(tmp_path):
    folder_of.create_workspace(tmp_path, "A")
    stop, told = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                open_store(tmp_path / "A.duckdb", create=False).value("SELECT sum(i) FROM range(100000) t(i)")
            except HierexError as error:
                told.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in range(10):
        folder_of.rename_workspace(tmp_path, "A", "B")
        folder_of.rename_workspace(tmp_path, "B", "A")
    stop.set()
    for reader in readers:
        reader.join(30)
    assert folder_of.list_workspaces(tmp_path) == ["A"]


def test_a_name_that_is_taken_is_refused_in_any_case(tmp_path):
    folder_of.create_workspace(tmp_path, "Spring")
    with pytest.raises(HierexError, match="already"):
        folder_of.create_workspace(tmp_path, "SPRING")
    folder_of.throw_away(tmp_path, "Spring")
    folder_of.create_workspace(tmp_path, "Spring")
    with pytest.raises(HierexError, match="already"):
        folder_of.bring_back(tmp_path, "Spring")


def test_a_name_is_the_same_however_its_accents_are_written(tmp_path):
    composed, apart = "Caf\u00e9", "Cafe\u0301"
    assert folder_of.create_workspace(tmp_path, apart).stem == composed == folder_of.plain_name(f" {apart} ")
    for name in (composed, apart):
        with pytest.raises(HierexError, match="already"):
            folder_of.create_workspace(tmp_path, name)
    brought = tmp_path / f"{apart} two.duckdb"
    folder_of.create_workspace(tmp_path, "other").rename(brought)
    assert folder_of.list_workspaces(tmp_path) == [composed, f"{composed} two"]
    assert folder_of.existing_path(tmp_path, f"{composed} two") == brought
    folder_of.rename_workspace(tmp_path, f" {apart} two ", f"{composed} TWO")
    assert folder_of.list_workspaces(tmp_path) == [composed, f"{composed} TWO"]
    (tmp_path / f"{composed} TWO.duckdb").rename(brought)
    folder_of.throw_away(tmp_path, f"{composed} two")
    assert folder_of.list_trash(tmp_path) == [f"{composed} two"]
    folder_of.bring_back(tmp_path, f"{composed} two")
    assert folder_of.list_workspaces(tmp_path) == [composed, f"{composed} two"]


def test_a_new_name_may_differ_in_capitals_only(tmp_path):
    folder_of.create_workspace(tmp_path, "spring")
    folder_of.create_workspace(tmp_path, "Autumn")
    folder_of.rename_workspace(tmp_path, "spring", "Spring")
    assert folder_of.list_workspaces(tmp_path) == ["Autumn", "Spring"]
    for name in ("Spring", "autumn"):
        with pytest.raises(HierexError, match="already"):
            folder_of.rename_workspace(tmp_path, "Spring", name)


def test_leftovers_go_after_a_day(tmp_path):
    uploads = tmp_path / folder_of.UPLOADS
    uploads.mkdir()
    old, new = [tmp_path / ".scratch-a.duckdb", uploads / "a"], [tmp_path / ".scratch-b.duckdb", uploads / "b"]
    for path in (*old, *new):
        path.write_text("x")
    for path in old:
        os.utime(path, (0, 0))
    folder_of.clear_leftovers(tmp_path)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in new)


@pytest.mark.parametrize("name", ["", "  ", "../x", "a/b", ".hidden", "x" * 61, "a\x00b", "<b>", "a\nb", "..", "a\\b"])
def test_names_that_cannot_be_used(tmp_path, name):
    with pytest.raises(HierexError):
        folder_of.create_workspace(tmp_path, name)
    assert folder_of.list_workspaces(tmp_path) == []


@given(st.text(max_size=70))
def test_no_name_leaves_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "names"
    try:
        path = folder_of.workspace_path(folder, name)
    except HierexError:
        return
    assert path.parent == folder
    assert path.resolve().parent == folder.resolve()
