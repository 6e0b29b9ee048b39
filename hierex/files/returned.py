"""Tables in CSV that people changed or filled in with a spreadsheet and bring back."""

from __future__ import annotations

import codecs
import csv
import io

from ..errors import HierexError

LONGEST_CELL = 10_000
"""Characters."""
DELIMITERS = ",;\t"


def read_table(data: bytes, *, most_rows: int) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The first row that is not empty, which names the columns, and those below it, each with its number in a
    spreadsheet and as many cells as there are columns.

    Raises HierexError for what is no such table, has more rows or cells than that, or a cell in no column.
    """
    rows = _read_rows(data, most_rows)
    if not rows:
        raise HierexError("The file is empty. Choose the file that you downloaded here and changed.")
    (_, header), *rows = rows
    width = len(header)
    for number, cells in rows:
        if any(cell.strip() for cell in cells[width:]):
            raise HierexError(
                f"Row {number} has {len(cells)} cells, and the first row names {width} column{'s' * (width != 1)}: "
                f"{', '.join(header[:8])[:200]}. It has to name them all, and a text with a comma stands in quotes. "
                "Start from the file that you download here, and keep its first row."
            )
    return header, [(number, (cells + [""] * width)[:width]) for number, cells in rows]


def _read_rows(data: bytes, most_rows: int) -> list[tuple[int, list[str]]]:
    text = _decode(data)
    if text[:4].casefold() == "sep=":
        text = text.partition("\n")[2]
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True)
    rows, number = [], 0
    try:
        for number, cells in enumerate(reader, start=1):
            if max(map(len, cells), default=0) > LONGEST_CELL:
                raise HierexError(f"Row {number} has a cell with more than {LONGEST_CELL:,} characters. Shorten it.")
            if any(cell.strip() for cell in cells):
                rows.append((number, cells))
            if len(rows) > most_rows + 1:
                raise HierexError(f"The file has more than {most_rows:,} rows. Bring in fewer at a time.")
    except csv.Error as error:
        raise HierexError(
            f"Row {number + 1} is not CSV that can be read: a cell in it does not end. Look for a quotation mark that "
            "is not closed."
        ) from error
    return rows


def _decode(data: bytes) -> str:
    """As spreadsheets save text: UTF-8, UTF-16 with a mark, or the old Windows letters."""
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise HierexError("This is an Excel workbook. In Excel choose 'Save as' and 'CSV UTF-8', then bring that in.")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
