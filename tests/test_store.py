"""The workspace file: one owner, whole transactions, plain errors."""

import shutil
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from hierex.errors import DiskFull, StoreBusy, StoreError
from hierex.store import SQL, Scratch, open_store


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        yield store


def in_another_process(code: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_workspaces_from_before_items_had_vectors_are_brought_up_to_date(tmp_path, monkeypatch):
    """Also the logs that can be gone back to."""
    path, before = tmp_path / "w.duckdb", tmp_path / "sql" / "migrations"
    before.mkdir(parents=True)
    for file in sorted((SQL / "migrations").glob("000[1-4]_*.sql")):
        shutil.copy(file, before)
    monkeypatch.setattr("hierex.store.SQL", tmp_path / "sql")
    with open_store(path) as store, store.transaction() as writer:
        writer.execute("CREATE TABLE previous_items AS FROM items")
    monkeypatch.undo()
    with open_store(path) as store:
        for table in ("items", "previous_items"):
            assert store.frame(f"SELECT vector FROM {table}").empty


def test_judgements_and_thumbs_from_before_reviewers_were_told_apart_are_brought_up_to_date(tmp_path, monkeypatch):
    path, before = tmp_path / "w.duckdb", tmp_path / "sql" / "migrations"
    before.mkdir(parents=True)
    for file in sorted((SQL / "migrations").glob("*.sql"))[:14]:
        shutil.copy(file, before)
    monkeypatch.setattr("hierex.store.SQL", tmp_path / "sql")
    at = ["2026-01-01", "2026-01-02", "2026-01-03"]
    with open_store(path) as store, store.transaction() as writer:
        writer.execute(f"INSERT INTO reveals VALUES (1, 'Ann', '{at[1]}')")
        for number, (comparison, author, given_at) in enumerate(
            [(1, "ann", at[0]), (1, "ann ", at[2]), (2, "Ann", at[2])]
        ):
            said = [number, comparison, "u", None, author, "first", "", True, True, None, given_at]
            writer.execute(f"INSERT INTO judgements VALUES ({', '.join('?' * 11)}, FALSE)", said)
        for number, (name, user_id) in enumerate([("Cy", None), ("Di", None), ("Di", None), ("Ed", "Ed (made up)")]):
            writer.execute("INSERT INTO examples VALUES (?, ?, ?, [], '', now(), FALSE)", [number, name, user_id])
        for name in ("Cy (made up)", "Di (made up)", "Ed (made up)"):
            writer.execute("INSERT INTO item_thumbs VALUES ('i', ?, 'Ann', TRUE, '', now(), FALSE)", [name])
    monkeypatch.undo()
    with open_store(path) as store:
        blind = store.frame("SELECT blind FROM judgements ORDER BY judgement_id")["blind"].tolist()
        thumbs = store.table("SELECT user_id, example_id FROM item_thumbs ORDER BY user_id").to_pylist()
    assert blind == [True, False, True]
    expected = [("Di (made up)", None), ("Ed (made up)", None), (None, 0)]
    assert [tuple(row.values()) for row in thumbs] == expected


def test_the_same_store_for_every_caller_in_the_process(store):
    assert open_store(store.path) is store


def test_a_second_process_is_told_that_it_is_in_use(store):
    code = """
        import sys
        from hierex.store import open_store
        open_store(sys.argv[1])
    """
    answer = in_another_process(code, str(store.path))
    assert answer.returncode != 0
    assert "StoreBusy" in answer.stderr
    assert "in use by another hierex" in answer.stderr


def test_a_closed_store_can_be_opened_again_with_all_that_was_written(tmp_path):
    path = tmp_path / "w.duckdb"
    with open_store(path) as store, store.transaction() as writer:
        writer.insert("items", {"item_index": np.arange(3), "item_id": ["a", "b", "c"]})
    with open_store(path) as store:
        assert store.value("SELECT count(*) FROM items") == 3
        assert store.value("SELECT count(*) FROM migrations") == len(list((SQL / "migrations").glob("*.sql")))


def test_a_failed_transaction_leaves_nothing(store):
    def write_and_fail() -> None:
        with store.transaction() as writer:
            writer.insert("users", {"user_index": [0], "user_id": ["a"]})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert store.value("SELECT count(*) FROM users") == 0


def test_a_process_killed_inside_a_transaction_leaves_what_was_committed(tmp_path):
    code = """
        import os, signal, sys
        from hierex.store import open_store
        store = open_store(sys.argv[1])
        with store.transaction() as writer:
            writer.insert("users", {"user_index": [0], "user_id": ["kept"]})
        with store.transaction() as writer:
            writer.insert("users", {"user_index": [1], "user_id": ["lost"]})
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "w.duckdb"
    answer = in_another_process(code, str(path))
    assert answer.returncode == -signal.SIGKILL
    with open_store(path) as store:
        assert store.table("SELECT user_id FROM users")["user_id"].to_pylist() == ["kept"]


def test_a_disk_that_fills_changes_nothing(tmp_path):
    """A limit on the size of files stands for a full disk: the write fails with the same kind of error."""
    code = """
        import resource, signal, sys
        import numpy as np
        from hierex.errors import DiskFull
        from hierex.store import open_store
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = open_store(sys.argv[1])
        with store.transaction() as writer:
            writer.insert("users", {"user_index": [0], "user_id": ["kept"]})
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        rng = np.random.default_rng(0)
        try:
            with store.transaction() as writer:
                writer.insert("interactions", {"clock": rng.integers(0, 2**60, 5_000_000)})
        except DiskFull as error:
            print("DiskFull:", error)
    """
    path = tmp_path / "w.duckdb"
    answer = in_another_process(code, str(path))
    assert "DiskFull: There is no room left on the disk" in answer.stdout, answer.stderr
    with open_store(path) as store:
        assert store.table("SELECT user_id FROM users")["user_id"].to_pylist() == ["kept"]
        assert store.value("SELECT count(*) FROM interactions") == 0


def test_threads_read_and_write_at_once(store):
    failures = []

    def work(number: int) -> None:
        try:
            for i in range(20):
                with store.transaction() as writer:
                    writer.insert("users", {"user_index": [number * 100 + i], "user_id": [f"{number}-{i}"]})
                store.frame("SELECT * FROM users")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.value("SELECT count(DISTINCT user_id) FROM users") == 80


@pytest.mark.parametrize("content", [b"", b"\x00" * 5_000, b"not a database " * 1_000])
def test_a_file_that_is_no_workspace_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "w.duckdb"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a hierex workspace"):
        open_store(path)
    assert path.read_bytes() == content


def test_a_workspace_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "w.duckdb"
    with open_store(path) as store, store.transaction() as writer:
        writer.execute("INSERT INTO migrations VALUES (999, now()::TIMESTAMP)")
    with pytest.raises(StoreError, match="newer version"):
        open_store(path)


def test_a_missing_workspace_is_not_made_by_looking(tmp_path):
    with pytest.raises(StoreError, match="no workspace"):
        open_store(tmp_path / "nothing.duckdb", create=False)
    assert not list(tmp_path.iterdir())


def test_scratch_leaves_nothing_behind(tmp_path):
    scratch = Scratch(tmp_path)
    scratch.database.execute("CREATE TABLE t AS SELECT range FROM range(1000)")
    scratch.finish()
    scratch.discard()
    assert not list(tmp_path.iterdir())


def test_errors_are_of_one_family():
    assert issubclass(StoreBusy, StoreError)
    assert issubclass(DiskFull, StoreError)
