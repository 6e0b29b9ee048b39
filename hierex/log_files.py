"""Files as people have them: which columns they have, and how the database reads them.

Everything in CSV and JSON stays text ('007' is not 7). Text in another encoding than UTF-8, and compressions that the
database doesn't know, are copied to a plain UTF-8 file first.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import hashlib
import io
import lzma
import re
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa

from .errors import DiskFull, LogError
from .log_formats import ALLOWED, FileFormat, encoding_of, recognise
from .log_times import INTEGERS, is_date, is_number

HEAD = 64 << 10
PORTION = 1 << 20
PREVIEW_CHARACTERS = 4 << 20
SAMPLED_OBJECTS = 1_000
SHOWN_AS_IS = INTEGERS - {"HUGEINT", "UHUGEINT"} | {"FLOAT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)
DATABASE_FAULTS = {"InvalidInputException", "ConversionException", "IOException", "SerializationException", "Error"}
NO_ROOM = ("No space left", "Could not write", "Disk quota", "File too large", "max_temp_directory_size")


@dataclass(frozen=True)
class LogFile:
    """A file and the name that the person knows it by. The name is only ever shown."""

    path: Path
    name: str


def sniff(path: Path) -> FileFormat:
    """What kind of file this is. Raises LogError for one that is empty, binary, foreign or cannot be read."""
    path = Path(path)
    return _sniff(LogFile(path, path.name))


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
        common = f"{path}, compression = {literal(found.compression)}"
        if found.kind == "jsonl":
            layout = "format = 'array'" if found.array else "format = 'newline_delimited', ignore_errors = true"
            return f"read_json_objects({common}, {layout})"
        columns = ", ".join(f"c{place}: 'VARCHAR'" for place in range(len(found.header)))
        kept = f"store_rejects = true, rejects_limit = 0, rejects_table = '{broken}', rejects_scan = '{broken}_scan'"
        return (
            f"read_csv({common}, auto_detect = false, hive_partitioning = false, header = true, skip = {found.skip}, "
            f"delim = {literal(found.delimiter)}, quote = {literal(found.quote)}, escape = {literal(found.escape)}, "
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

    Raises LogError when it is not a table, DiskFull when there is no room for a copy that is needed.
    """
    found = _sniff(file)
    if found.encoding == "ascii":
        found = replace(found, encoding="utf-8" if head_only else _encoding_of_all(file, found))
    with contextlib.ExitStack() as stack:
        path = Path(file.path)
        if found.encoding != "utf-8" or found.compression in ("bz2", "xz"):
            path = stack.enter_context(_plain_copy(file, found, PREVIEW_CHARACTERS if head_only else None))
            found = replace(found, compression="none")
        source = Source(file, found, path)
        with reading(file):
            columns = _columns(database, source)
        if not columns:
            raise LogError(f"'{file.name}' has no columns. {ALLOWED}")
        yield replace(source, columns=columns)


def digest(file: LogFile) -> str:
    """A hash of everything in the file."""
    with _readable(file), file.path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@contextlib.contextmanager
def reading(file: LogFile) -> Iterator[None]:
    """Turns the database's complaints about a file into a LogError; a full disk or a stop pass as they are."""
    try:
        yield
    except Exception as error:
        from_database = type(error).__module__ in ("duckdb", "_duckdb") and type(error).__name__ in DATABASE_FAULTS
        if not from_database or any(sign in str(error) for sign in NO_ROOM):
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


def _sniff(file: LogFile) -> FileFormat:
    with _readable(file):
        start = _head(file, "none")
        if not start:
            raise LogError(f"'{file.name}' is empty. {ALLOWED}")
        return recognise(start, file.name, lambda compression: _head(file, compression))


def _head(file: LogFile, compression: str) -> bytes:
    with _bytes(file, compression) as stream:
        return stream.read(HEAD)


def _bytes(file: LogFile, compression: str) -> IO[bytes]:
    if compression == "zstd":
        return pa.input_stream(str(file.path), compression="zstd")
    return {"none": open, "gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}[compression](file.path, "rb")


@contextlib.contextmanager
def _readable(file: LogFile) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("There is no room left to read the file. Free some space, then try again.") from error
        reason = getattr(error, "strerror", None) or error
        raise LogError(
            f"'{file.name}' cannot be read ({reason}). Check that it is whole, then choose it again."
        ) from error


def _encoding_of_all(file: LogFile, found: FileFormat) -> str:
    """Decided by the first letters beyond plain ASCII, wherever in the file they are."""
    with _readable(file), _bytes(file, found.compression) as stream:
        while portion := stream.read(PORTION):
            if not portion.isascii():
                break
    return encoding_of(portion, file.name)


@contextlib.contextmanager
def _plain_copy(file: LogFile, found: FileFormat, limit: int | None) -> Iterator[Path]:
    """A copy as plain UTF-8, hardly more than `limit` characters of it; deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="hierex-") as folder:
        path = Path(folder) / "copy"
        with (
            _readable(file),
            _bytes(file, found.compression) as packed,
            path.open("w", encoding="utf-8", newline="") as out,
        ):
            encoding = "utf-8-sig" if found.encoding == "utf-8" else found.encoding
            text = io.TextIOWrapper(packed, encoding, errors="replace", newline="")
            copied = 0
            while (limit is None or copied < limit) and (portion := text.read(PORTION)):
                copied += out.write(portion)
        yield path
