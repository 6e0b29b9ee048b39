"""Files as people have them, down to plain text: what kind they are, unpacked, in UTF-8."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pyarrow as pa

from ..errors import DiskFull, LogError
from .formats import ALLOWED, FileFormat, encoding_of, recognise

HEAD = 64 << 10
PORTION = 1 << 20
HEAD_PORTIONS = 4
UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class LogFile:
    """A file and the name that the person knows it by. The name is only ever shown."""

    path: Path
    name: str


def sniff(path: Path) -> FileFormat:
    """What kind of file this is. Raises LogError for one that is empty, binary, foreign or cannot be read."""
    path = Path(path)
    return sniff_file(LogFile(path, path.name))


def sniff_file(file: LogFile) -> FileFormat:
    """As `sniff`, for a file with a name of its own."""
    with _readable(file):
        start = _head(file, "none")
        if not start:
            raise LogError(f"'{file.name}' is empty. {ALLOWED}")
        return recognise(start, file.name, lambda compression: _head(file, compression))


def plain_file(file: LogFile, folder: Path, *, head_only: bool = False) -> tuple[FileFormat, Path]:
    """The format of a file, and where it is as the database reads it: Parquet, or unpacked UTF-8.

    Copies go to `folder`; `head_only` copies a few megabytes. Raises LogError also for a file that is cut short, and
    DiskFull when a copy does not fit.
    """
    found, path = sniff_file(file), Path(file.path)
    portions = HEAD_PORTIONS if head_only else None
    with _readable(file):
        if found.compression != "none":
            path = _copy(_bytes(file, found.compression), folder / "unpacked", portions)
        if found.encoding == "ascii":
            found = replace(found, encoding=_encoding_beyond_ascii(path, file.name, portions))
        if found.encoding != "utf-8":
            text = io.TextIOWrapper(path.open("rb"), found.encoding, errors="replace", newline="")
            path = _copy(text, folder / "text", portions)
    return found, path


def digest(file: LogFile) -> str:
    """A hash of everything in the file."""
    with _readable(file), file.path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _head(file: LogFile, compression: str) -> bytes:
    with _bytes(file, compression) as stream:
        return stream.read(HEAD)


def _bytes(file: LogFile, compression: str) -> IO[bytes]:
    if compression == "zstd":
        return pa.input_stream(str(file.path), compression="zstd")
    return {"none": open, "gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}[compression](file.path, "rb")


def _copy(source: IO, path: Path, portions: int | None) -> Path:
    with source, path.open("wb") as target:
        for portion in _portions(source, portions):
            target.write(portion.encode() if isinstance(portion, str) else portion)
    return path


def _portions(source: IO, most: int | None) -> Iterator[bytes | str]:
    while (most is None or most > 0) and (portion := source.read(PORTION)):
        yield portion
        most = None if most is None else most - 1


def _encoding_beyond_ascii(path: Path, name: str, portions: int | None) -> str:
    """Decided by the first letters beyond plain ASCII, wherever in the file they are."""
    with path.open("rb") as stream:
        beyond = (portion for portion in _portions(stream, portions) if not portion.isascii())
        return encoding_of(next(beyond, b""), name)


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
