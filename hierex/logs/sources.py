"""How the database reads a file: its columns, and SQL for their values.

Everything in CSV and JSON stays text ('007' is not 7). The database is given plain files only: what is compressed (it
would take the first half of a damaged file for the whole) or not in UTF-8 is copied first.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from ..errors import LogError
from .files import LogFile, plain_file
from .formats import ALLOWED, FileFormat
from .times import INTEGERS, is_date, is_number

SAMPLED_OBJECTS = 1_000
SHOWN_AS_IS = INTEGERS - {"HUGEINT", "UHUGEINT"} | {"FLOAT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
DATABASE_FAULTS = {"InvalidInputException", "ConversionException", "SerializationException", "Error"}


def preview(database, file: LogFile, rows: int = 1_000) -> pd.DataFrame:
    """The first rows, columns named as in the file; text, numbers and dates as they are, all else as text."""
    with opened(database, file, head_only=True) as source, reading(file):
        shown = ", ".join(f"{source.shown(name)} AS {quoted(name)}" for name in source.columns)
        return database.execute(f"SELECT {shown} FROM {source.relation()} LIMIT {int(rows)}").df()


@dataclass(frozen=True)
class Source:
    """A file that the database can read. `columns`: name as in the file -> its type in the database."""

    file: LogFile
    format: FileFormat
    path: Path
    columns: dict[str, str] = field(default_factory=dict)

    def relation(self, *, broken: str | None = None, numbered: bool = False) -> str:
        """SQL that reads the file. CSV rows that are broken go to the table `broken`; without one they are passed over.

        `numbered` gives rows of a Parquet file their number, as `file_row_number`.
        """
        path = literal(re.sub(r"([*?\[])", r"[\1]", str(self.path.resolve())))
        found = self.format
        if found.kind == "parquet":
            return f"read_parquet({path}, hive_partitioning = false, file_row_number = {str(numbered).lower()})"
        if found.kind == "jsonl":
            layout = "format = 'array'" if found.array else "format = 'newline_delimited', ignore_errors = true"
            return f"read_json_objects({path}, compression = 'none', {layout})"
        columns = ", ".join(f"c{place}: 'VARCHAR'" for place in range(len(found.header)))
        kept = f"store_rejects = true, rejects_limit = 0, rejects_table = '{broken}', rejects_scan = '{broken}_scan'"
        return (
            f"read_csv({path}, compression = 'none', auto_detect = false, hive_partitioning = false, header = true, "
            f"skip = {found.skip}, delim = {literal(found.delimiter)}, quote = {literal(found.quote)}, "
            f"escape = {literal(found.escape)}, "
            f"columns = {{{columns}}}, {kept if broken else 'ignore_errors = true'})"
        )

    def value(self, name: str) -> str:
        """SQL for a column's values as the file has them: text from CSV and JSON, any type from Parquet."""
        if self.format.kind == "csv":
            return f"c{self.format.header.index(name)}"
        return f"(json ->> {_pointer(name)})" if self.format.kind == "jsonl" else quoted(name)

    def text(self, name: str) -> str:
        """SQL for a column's values as text: whole numbers without '.0', lists joined by commas."""
        value, kind = self.value(name), self.columns[name]
        if self.format.kind == "jsonl":
            return (
                f"CASE json_type(json, {_pointer(name)}) WHEN 'DOUBLE' THEN regexp_replace({value}, '\\.0+$', '') "
                f"WHEN 'ARRAY' THEN array_to_string(from_json(json -> {_pointer(name)}, '[\"VARCHAR\"]'), ', ') "
                f"ELSE {value} END"
            )
        if kind == "VARCHAR":
            return value
        if kind.endswith("[]"):
            return f"array_to_string({value}::VARCHAR[], ', ')"
        if is_number(kind) and kind not in INTEGERS:
            whole = f"{value} = trunc({value}) AND abs({value}) < 1e18"
            number = f"CASE WHEN {whole} THEN {value}::BIGINT::VARCHAR ELSE {value}::VARCHAR END"
            return f"CASE WHEN NOT isnan({value}::DOUBLE) THEN {number} END"
        return f"TRY(decode({value}))" if kind == "BLOB" else f"{value}::VARCHAR"

    def vector(self, name: str) -> str:
        """SQL for a column's values as vectors, FLOAT[]; missing where a value is no list of numbers."""
        kind = self.columns[name]
        if kind.endswith("]") and is_number(kind.rpartition("[")[0]):
            return f"TRY_CAST({self.value(name)} AS FLOAT[])"
        value = self.text(name) if self.format.kind == "parquet" else self.value(name)
        bare = f"trim({value}, '[] ' || chr(9) || chr(10) || chr(13))"
        return f"TRY_CAST('[' || regexp_replace({bare}, '[\\s,;]+', ', ', 'g') || ']' AS FLOAT[])"

    def id(self, name: str) -> str:
        """SQL for a column's values as ids: whole numbers stay numbers, which are quicker; all else is text."""
        return self.value(name) if self.columns[name] in INTEGERS else self.text(name)

    def moment(self, name: str) -> str:
        """SQL for a column's values as times or an order: dates and numbers as they are, all else as text."""
        kind = self.columns[name]
        return self.value(name) if is_date(kind) or is_number(kind) else self.text(name)

    def shown(self, name: str) -> str:
        """SQL for a column's values as a data frame can hold them."""
        return self.value(name) if self.columns[name] in SHOWN_AS_IS else self.text(name)


def quoted(name: str) -> str:
    """A column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as an SQL literal, where a statement cannot take parameters (a view, an option)."""
    return "'" + text.replace("'", "''") + "'"


@contextlib.contextmanager
def opened(database, file: LogFile, *, head_only: bool = False) -> Iterator[Source]:
    """A file as a Source. `head_only`: no more than the first rows are needed.

    Raises LogError when it is not a whole table, DiskFull when there is no room for a copy that is needed.
    """
    with tempfile.TemporaryDirectory(prefix="hierex-") as folder:
        found, path = plain_file(file, Path(folder), head_only=head_only)
        source = Source(file, found, path)
        with reading(file):
            columns = _columns(database, source)
        if not columns:
            raise LogError(f"'{file.name}' has no columns. {ALLOWED}")
        yield replace(source, columns=columns)


@contextlib.contextmanager
def reading(file: LogFile) -> Iterator[None]:
    """Turns the database's complaints about a file into a LogError; a full disk or a stop pass as they are."""
    try:
        yield
    except Exception as error:
        from_database = type(error).__module__ in ("duckdb", "_duckdb") and type(error).__name__ in DATABASE_FAULTS
        if not from_database:
            raise
        reason = re.sub(r'"?/\S*', "the file", str(error).split("\n")[0])
        raise LogError(
            f"'{file.name}' cannot be read to its end: it is damaged or cut short ({reason}). Export it again, "
            "then choose the new file."
        ) from error


def _columns(database, source: Source) -> dict[str, str]:
    if source.format.kind == "csv":
        return dict.fromkeys(source.format.header, "VARCHAR")
    if source.format.kind == "parquet":
        rows = database.execute(f"DESCRIBE FROM {source.relation()}").fetchall()
        return {name: kind for name, kind, *_ in rows}
    keys = f"SELECT CASE json_type(json) WHEN 'OBJECT' THEN json_keys(json) END FROM {source.relation()}"
    objects = database.execute(f"{keys} LIMIT {SAMPLED_OBJECTS}").fetchall()
    return dict.fromkeys((key for (names,) in objects for key in names or ()), "VARCHAR")


def _pointer(name: str) -> str:
    """The JSON pointer (RFC 6901) to a member, whatever characters its name has."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))
