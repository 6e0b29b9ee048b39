"""The place in the database where logs are checked: settings, steps in SQL, temporary tables that do not stay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

SQL = Path(__file__).parents[1] / "sql"
SETTINGS = {"TimeZone": "UTC", "preserve_insertion_order": "true"}
TABLES = "items lines broken broken_scan catalogue users item_values order disliked duplicates people"
MACROS = "clock kept_clock trim id title words"


@contextlib.contextmanager
def workbench(database) -> Iterator[None]:
    """Settings that the steps rely on, as they were afterwards; and nothing temporary is left behind."""
    before = {name: database.execute(f"SELECT current_setting('{name}')").fetchone()[0] for name in SETTINGS}
    _set(database, SETTINGS)
    try:
        run(database, "stage_cleaning")
        yield
    finally:
        with contextlib.suppress(Exception):  # after a failure the connection may be closed or its transaction aborted
            _set(database, before)
            _forget(database)


def run(database, step: str, parameters: dict | None = None):
    return database.execute((SQL / f"{step}.sql").read_text(), parameters)


def count(database, table: str) -> int:
    return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def _set(database, settings: dict[str, object]) -> None:
    for name, value in settings.items():
        database.execute(f"SET {name} = '{value}'")


def _forget(database) -> None:
    database.execute("DROP VIEW IF EXISTS temp.staged_log")
    for table in TABLES.split():
        database.execute(f"DROP TABLE IF EXISTS temp.staged_{table}")
    for macro in MACROS.split():
        database.execute(f"DROP MACRO IF EXISTS temp.main.staged_{macro}")
