"""The workspace: one DuckDB file that holds everything that matters. The only module that knows the database.

One process has the file open; a second one gets `StoreBusy`. Inside the process every thread works through its own
cursor, reads see the last committed state, and writes are one short transaction at a time. What is kept in the tables,
and as which data class it comes back, is in `kept`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from .errors import DiskFull, EditConflict, StoreBusy, StoreError

SQL = Path(__file__).parent / "sql"
NO_ROOM = ("No space left", "File too large", "max_temp_directory_size", "Disk quota")
SCRATCH_PREFIX = ".scratch-"
PATIENCE = 100
"""How often a busy connection is asked to close, every twentieth of a second."""

_opened: dict[Path, Store] = {}
_opening = threading.RLock()


def open_store(path: str | os.PathLike, *, create: bool = True) -> Store:
    """The workspace at `path`, made if there is none (unless `create` is False).

    The same object for every caller in this process. Raises StoreBusy when another process has it, StoreError when
    the file is not a workspace or was written by a newer version.
    """
    path = Path(path).resolve()
    with _opening:
        store = _opened.get(path)
        if store is None:
            if not create and not path.exists():
                raise StoreError(f"There is no workspace at '{path.name}'.")
            store = _opened[path] = Store(path)
        return store


def move_store(path: Path, place: Path) -> None:
    """Gives a workspace file another place, in one go: nobody can open or take either in between.

    Raises StoreError when there is no such file, when the place is taken, or when somebody goes on reading for seconds.
    """
    with _opening, plain_errors(path):
        if place.exists() and not place.samefile(path):  # where capitals tell no files apart, they may change
            raise StoreError(f"There is a workspace '{place.stem}' already. Choose another name.")
        open_store(path, create=False).close()  # opened, so that what a crash left beside the file is taken in
        path.rename(place)


@atexit.register
def close_all() -> None:
    """At the end of the process every workspace is closed in order."""
    for store in list(_opened.values()):
        store.close()


class Store:
    """An open workspace file. Use `open_store`, which gives every caller in the process the same one."""

    def __init__(self, path: Path):
        self.path = path
        self._writing = threading.RLock()
        with plain_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(path)
            try:
                self._migrate()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Closes the file, so that it can be moved or opened by another process. Waits for who is reading."""
        with _opening, self._writing, plain_errors(self.path):
            close_when_idle(self._connection)
            _opened.pop(self.path, None)

    @property
    def is_open(self) -> bool:
        return _opened.get(self.path) is self

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def table(self, sql: str, parameters: Sequence | None = None) -> pa.Table:
        """The answer to a query as an Arrow table."""
        with plain_errors(self.path):
            return self._connection.cursor().sql(sql, params=parameters).to_arrow_table()

    def frame(self, sql: str, parameters: Sequence | None = None) -> pd.DataFrame:
        """The answer to a query as a data frame."""
        return self.table(sql, parameters).to_pandas()

    def columns(self, sql: str, parameters: Sequence | None = None) -> dict[str, np.ndarray]:
        """The answer to a query as one array per column (no missing values)."""
        table = self.table(sql, parameters)
        return {name: table[name].to_numpy() for name in table.column_names}

    def value(self, sql: str, parameters: Sequence | None = None):
        """The first value of the first row, None if there is none."""
        with plain_errors(self.path):
            row = self._connection.cursor().execute(sql, parameters).fetchone()
        return row[0] if row else None

    def with_keys(self, sql: str, name: str, keys: pa.Table, parameters: Sequence | None = None) -> pa.Table:
        """A query that joins with `keys`, which it sees under `name`."""
        with plain_errors(self.path):
            cursor = self._connection.cursor()
            cursor.register(name, keys)
            return cursor.sql(sql, params=parameters).to_arrow_table()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Writer]:
        """All that is written inside is kept, or, after any error, none of it."""
        with self._writing, plain_errors(self.path):
            cursor = self._connection.cursor()
            cursor.begin()
            try:
                yield Writer(cursor)
                cursor.commit()
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    cursor.rollback()
                raise
            finally:
                cursor.close()

    @contextlib.contextmanager
    def attached(self, other: Path, name: str) -> Iterator[None]:
        """Another database file, readable as `name` in the transactions inside."""
        with self._writing, plain_errors(self.path):
            cursor = self._connection.cursor()
            cursor.execute(f"ATTACH '{str(other).replace(chr(39), chr(39) * 2)}' AS {name} (READ_ONLY)")
            try:
                yield
            finally:
                cursor.execute(f"DETACH {name}")

    def _migrate(self) -> None:
        cursor = self._connection.cursor()
        cursor.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER, applied_at TIMESTAMP)")
        done = cursor.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
        files = sorted((SQL / "migrations").glob("*.sql"))
        if done > len(files):
            raise StoreError(f"'{self.path.name}' was written by a newer version of hierex. Update hierex to open it.")
        for number, file in enumerate(files[done:], start=done + 1):
            with self.transaction() as writer:
                writer.execute(file.read_text())
                writer.execute("INSERT INTO migrations VALUES (?, now()::TIMESTAMP)", [number])


class Writer:
    """What a transaction offers."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection):
        self._cursor = cursor

    def execute(self, sql: str, parameters: Sequence | Mapping | None = None) -> tuple | None:
        """Runs a statement; its first row, if it has one."""
        rows = self._cursor.execute(sql, parameters).fetchall()  # all, or the next statement would be refused
        return rows[0] if rows else None

    def register(self, name: str, columns: Mapping[str, Sequence | np.ndarray]) -> None:
        """Makes columns readable as the table `name` inside this transaction."""
        self._cursor.register(name, pa.table(dict(columns)))

    def insert(self, table: str, columns: Mapping[str, Sequence | np.ndarray], **same: object) -> None:
        """Appends rows, given as equally long columns, and as what is the same in every row."""
        self.register("new_rows", columns)
        names, values = [*same, *columns], ["?"] * len(same) + list(columns)
        query = f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM new_rows"
        self._cursor.execute(query, list(same.values()))
        self._cursor.unregister("new_rows")


class Scratch:
    """A database file beside a workspace for what is checked before it replaces anything; `discard` deletes it."""

    def __init__(self, folder: Path):
        self.path = folder / f"{SCRATCH_PREFIX}{uuid.uuid4().hex}.duckdb"
        with plain_errors(self.path):
            self.database = connect(self.path)

    def interrupt(self) -> None:
        """Stops what the database is doing, if it is doing anything."""
        with contextlib.suppress(duckdb.Error):
            self.database.interrupt()

    def finish(self) -> None:
        """Closes the file, so that a workspace can attach it."""
        with plain_errors(self.path):
            self.database.close()

    def discard(self) -> None:
        with contextlib.suppress(duckdb.Error):
            self.database.close()
        discard_scratch(self.path)


def close_when_idle(connection: duckdb.DuckDBPyConnection) -> None:
    """The database refuses to close a connection at the moment at which another thread asks it something."""
    for _ in range(PATIENCE):
        try:
            return connection.close()
        except duckdb.Error as error:
            if "busy" not in str(error):
                raise
            time.sleep(0.05)  # another thread is in the middle of a read
    connection.close()


def discard_scratch(path: Path) -> None:
    """Deletes a scratch file and what the database keeps beside it."""
    for name in (path.name, path.name + ".wal"):
        path.with_name(name).unlink(missing_ok=True)
    shutil.rmtree(spill_folder(path), ignore_errors=True)


def spill_folder(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")


def now() -> datetime:
    """The moment, in UTC, as it is stored."""
    return datetime.now(UTC).replace(tzinfo=None)


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that keeps to a share of the memory and spills beside the file."""
    config = {"memory_limit": "3GB", "temp_directory": str(spill_folder(path))}
    connection = duckdb.connect(str(path), config=config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """DuckDB's errors in words that say what to do."""
    try:
        yield
    except duckdb.TransactionException as error:
        raise EditConflict(
            "Somebody else changed the same thing at this moment. Nothing was lost; try again."
        ) from error
    except (duckdb.Error, OSError) as error:
        text = str(error)
        if "Conflicting lock" in text or "Could not set lock" in text:
            raise StoreBusy(
                f"The workspace '{path.stem}' is in use by another hierex. Close it there (or stop that command), "
                "then try again."
            ) from error
        if any(sign in text for sign in NO_ROOM):
            raise DiskFull(
                "There is no room left on the disk. Nothing was changed; free some space, then try again."
            ) from error
        if "busy with another call" in text:
            raise StoreBusy(f"Somebody is reading '{path.stem}' at this moment. Try again.") from error
        if ("already" in text and "closed" in text) or "No open result set" in text:
            raise StoreError(f"'{path.stem}' was renamed or deleted. Choose a workspace again.") from error
        if "not a valid DuckDB" in text:
            raise StoreError(f"'{path.name}' is not a hierex workspace.") from error
        if isinstance(error, OSError | duckdb.IOException):
            raise StoreError(f"The workspace '{path.stem}' cannot be read or written: {text}") from error
        raise
