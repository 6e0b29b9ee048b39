"""What kind a file is, told from its first bytes; the ending of its name decides only what they leave open."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import LogError

ALLOWED = "Use CSV (commas, tabs, semicolons or |), JSON Lines or Parquet, plain or compressed."
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}
FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"SQLite format 3": "a database: export the table as CSV or Parquet",
    b"PARE": "an encrypted Parquet file: write it without encryption",
}
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f")) + b"\x7f"
MOST_CONTROLS = 0.01
MOST_ACCENTS = 0.3
FEW_STRAYS = 0.1
SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[\xa1-\xb4\xb6-\xbf\ufffd](?=[^\W\d_])")
"""What Polish in Windows-1250 looks like when read as Western text: a superscript or a currency between letters."""
MOST_SIGNS = 0.05
DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "|"}
ENDINGS = {"tsv": "\t", "tab": "\t", "psv": "|"}
RECORDS = 500
LEAST_AGREEMENT = 0.5


@dataclass(frozen=True)
class FileFormat:
    """kind: csv, jsonl or parquet. encoding: ascii (as far as seen), utf-8, utf-8-sig (JSON with a mark in front),
    utf-16 (with a mark), utf-16-le, utf-16-be or cp1252. The rest matters to CSV, `array` (one list instead of a line
    per object) to JSON.
    """

    kind: str
    compression: str = "none"
    encoding: str = "utf-8"
    delimiter: str | None = None
    quote: str = '"'
    escape: str = '"'
    skip: int = 0
    header: tuple[str, ...] = ()
    array: bool = False


def recognise(start: bytes, name: str, unpacked: Callable[[str], bytes]) -> FileFormat:
    """The format of a file that begins with `start`; `unpacked(compression)` gives the first bytes inside.

    Raises LogError for binary files, foreign formats and text that has no columns.
    """
    for mark, what in FOREIGN.items():
        if start.startswith(mark):
            raise LogError(f"'{name}' is {what}. {ALLOWED}")
    compression = next((kind for mark, kind in COMPRESSIONS.items() if start.startswith(mark)), "none")
    head = start if compression == "none" else unpacked(compression)
    if not head.strip():
        raise LogError(f"'{name}' is empty. {ALLOWED}")
    if head.startswith(b"PAR1"):
        if compression != "none":
            raise LogError(f"'{name}' is a Parquet file inside {compression}. Unpack it, then choose the Parquet file.")
        return FileFormat("parquet")
    encoding = _encoding(head, name)
    text = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("replace").decode(head)
    found = _as_json(text, name) or _as_csv(text, name)
    if found.kind == "jsonl" and head.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    return replace(found, compression=compression, encoding=encoding)


def encoding_of(portion: bytes, name: str) -> str:
    """What text with letters beyond ASCII is stored as: utf-8, even with a few stray bytes, or cp1252.

    Raises LogError where it is neither UTF-8 nor a Western European language: too many such letters, or signs in the
    middle of words.
    """
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(portion)
    strays = text.count("\ufffd")
    accents = sum(byte >= 0x80 for byte in portion)
    if strays <= FEW_STRAYS * sum(character > "\x7f" for character in text):
        return "utf-8"
    letters = accents + sum(portion.count(c) for c in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    signs = len(SIGN_IN_WORD.findall(portion.decode("cp1252", "replace")))
    if accents > MOST_ACCENTS * letters or signs > MOST_SIGNS * accents:
        raise LogError(
            f"The letters in '{name}' are not stored as UTF-8. Save the file as UTF-8, then choose it again."
        )
    return "cp1252"


def _encoding(head: bytes, name: str) -> str:
    if head.startswith(UTF16_MARKS) and not head.startswith(codecs.BOM_UTF32_LE):
        return "utf-16"
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > 0.4 * half and min(even, odd) <= 0.01 * half:
        return "utf-16-be" if even > odd else "utf-16-le"
    if len(head) - len(head.translate(None, CONTROLS)) > MOST_CONTROLS * len(head):
        raise LogError(f"'{name}' is a binary file, not a table. {ALLOWED}")
    return "ascii" if head.isascii() else encoding_of(head, name)


def _as_json(text: str, name: str) -> FileFormat | None:
    text = text.lstrip()
    if re.match(r"\[\s*(\{|\]|$)", text):
        return FileFormat("jsonl", array=True)
    if not re.match(r'\{\s*("|\}|$)', text):
        return None
    line, newline, _ = text.partition("\n")
    try:
        whole = not newline or isinstance(json.loads(line), dict)
    except ValueError:
        whole = False
    if not whole:
        raise LogError(
            f"'{name}' is JSON, but not one object per line. Write one object per line, or one list of objects."
        )
    return FileFormat("jsonl")


def _as_csv(text: str, name: str) -> FileFormat:
    """The delimiter and quotes under which the most lines have as many fields as the first one."""
    body = text.lstrip("\r\n")
    whole = body[: body.rfind("\n") + 1] if body.count("\n") > 1 else body
    escape = "\\" if '\\"' in whole and '""' not in whole else '"'
    ending = ENDINGS.get(name.casefold().rsplit(".", 1)[-1])
    best, best_score, header = None, (0.0,), []
    for delimiter in DELIMITERS:
        for quote in ('"', ""):
            records = _records(whole, delimiter, quote, escape)
            width = len(records[0]) if records else 0
            agreement = sum(len(record) == width for record in records) / max(1, len(records))
            score = (agreement, quote, delimiter == ending, width)
            if width > 1 and score > best_score:
                best, best_score = FileFormat("csv", "none", "utf-8", delimiter, quote, escape if quote else ""), score
                header = records[0]
    _check_columns(body.splitlines()[0][:80], header, best_score[0], name)
    return replace(best, header=_distinct(header), skip=text[: len(text) - len(body)].count("\n"))


def _check_columns(first: str, header: list[str], agreement: float, name: str) -> None:
    delimiters = f"Separate columns by one of: {', '.join(DELIMITERS.values())}."
    if not header:
        raise LogError(f"'{name}' has only one column ('{first}'), so nothing can be told apart in it. {delimiters}")
    if agreement < LEAST_AGREEMENT:
        raise LogError(
            f"Most rows of '{name}' do not have the {len(header)} fields of its first line ('{first}'). {delimiters} "
            "Put text that holds such a sign in quotes."
        )
    if all(_is_number(cell) for cell in header):
        raise LogError(f"The first line of '{name}' has no column names ('{first}'). Put a line with names on top.")


def _records(text: str, delimiter: str, quote: str, escape: str) -> list[list[str]]:
    quoting = {"quoting": csv.QUOTE_NONE}
    if quote:
        quoting = {
            "quotechar": quote,
            "doublequote": escape == quote,
            "escapechar": None if escape == quote else escape,
        }
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **quoting)
    try:
        return [record for record, _ in zip(rows, range(RECORDS), strict=False) if record]
    except csv.Error:
        return []


def _is_number(cell: str) -> bool:
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True


def _distinct(header: list[str]) -> tuple[str, ...]:
    """Column names that differ from each other, empty ones numbered."""
    names: list[str] = []
    for place, cell in enumerate(header, start=1):
        name = unique = cell.strip() or f"column {place}"
        copy = 1
        while unique in names:
            copy += 1
            unique = f"{name} ({copy})"
        names.append(unique)
    return tuple(names)
