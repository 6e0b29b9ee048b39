"""Descriptions as a CSV file that people change in a spreadsheet and bring back.

Each row carries a key of its interest and a mark of the words it started from, so that a row says by itself whether
somebody changed it, and whether its interest was changed elsewhere in the meantime.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ..descriptions import Description
from ..descriptions.changes import Plan, Refusal, check_description, same_words
from ..descriptions.words import tidy
from ..errors import HierexError
from ..taxonomy import MERGED_FROM
from .exports import as_typed, safe_csv
from .returned import read_table

KEY, STARTED_FROM = "Key", "Started from"
MOST_BYTES = 20_000_000
MOST_ROWS = 20_000


def interest_key(tree_key: str, node: int) -> str:
    """Names an interest in a file. No spreadsheet takes it for a number or a date."""
    return f"merged-{node - MERGED_FROM}" if node >= MERGED_FROM else f"interest-{tree_key[:8]}-{node}"


def words_mark(description: Description) -> str:
    """Stands for the words: the same for the same words."""
    words = [description.name, *_tidied(description.phrases), description.summary]
    text = json.dumps([tidy(word) for word in words])
    return "w" + hashlib.sha256(text.encode()).hexdigest()[:12]


def write_descriptions_file(tree_key: str, descriptions: Sequence[Description], more: pd.DataFrame) -> bytes:
    """CSV, a row for each description. more: columns to look at, in the same order; they are not read back."""
    marks = [words_mark(d) for d in descriptions]
    descriptions = [_tidy(d) for d in descriptions]
    columns = {
        KEY: [interest_key(tree_key, d.cluster_id) for d in descriptions],
        "Name": [d.name for d in descriptions],
        "Summary": [d.summary for d in descriptions],
    }
    for place in range(max((len(d.phrases) for d in descriptions), default=0)):
        columns[f"Phrase {place + 1}"] = [d.phrases[place] if place < len(d.phrases) else "" for d in descriptions]
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    frame = pd.concat([frame, more.reset_index(drop=True)], axis=1)
    frame[STARTED_FROM] = pd.Series(marks, dtype=object)
    return safe_csv(frame)


def plan_import(data: bytes, tree_key: str, shown: Mapping[int, Description]) -> Plan:
    """What the file would change of the interests that are shown, given by id.

    Raises HierexError for a file that cannot be read, is too large, or lacks a column.
    """
    rows = _read_rows(data)
    node_of = {interest_key(tree_key, node): node for node in shown}
    wanted, conflicts, refusals, seen = [], [], [], set()
    for number, row in rows:
        key = row.get(KEY.casefold(), "").strip()
        where = f"Row {number}: {tidy(row.get('name', ''))[:80]}"
        reason = "The interest is in an earlier row as well." if key in seen else _unfit(key, node_of, tree_key)
        seen.add(key)
        if reason:
            refusals.append(Refusal(where, reason))
            continue
        before = shown[node_of[key]]
        after = _wanted(before, row)
        mark = row[STARTED_FROM.casefold()].strip()
        if same_words(_tidy(before), _tidy(after)) or words_mark(after) == mark:
            continue
        try:
            after = check_description(after)
        except HierexError as error:
            refusals.append(Refusal(where, str(error)))
            continue
        (wanted if words_mark(before) == mark else conflicts).append(after)
    unchanged = len(rows) - len(wanted) - len(conflicts) - len(refusals)
    return Plan(tuple(wanted), tuple(conflicts), tuple(refusals), unchanged)


def _unfit(key: str, node_of: Mapping[str, int], tree_key: str) -> str:
    """Why no interest that is shown fits this key; empty where one does."""
    if key in node_of:
        return ""
    if not key:
        return "It has no key, so nothing says which interest it is."
    if key.startswith("merged-") or key.startswith(interest_key(tree_key, 0)[:-1]):
        return f"It is not among the {len(node_of):,} interests that are shown. Choose the number it was made at."
    if key.startswith("interest-"):
        return "It is of other interests than these: they were found anew since. Download the file again."
    return "The key was changed, so nothing says which interest it is."


def _wanted(before: Description, row: Mapping[str, str]) -> Description:
    """The description with what the row says; columns that the file lacks stay as they are."""
    numbered = sorted((int(name[7:]), cell) for name, cell in row.items() if re.fullmatch(r"phrase [0-9]{1,4}", name))
    phrases = tuple(cell for _, cell in numbered) if numbered else before.phrases
    return replace(
        before, name=row.get("name", before.name), phrases=phrases, summary=row.get("summary", before.summary)
    )


def _tidy(description: Description) -> Description:
    return replace(
        description,
        name=tidy(description.name),
        phrases=_tidied(description.phrases),
        summary=tidy(description.summary),
    )


def _tidied(phrases: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(phrase for phrase in map(tidy, phrases) if phrase))


def _read_rows(data: bytes) -> list[tuple[int, dict[str, str]]]:
    """Rows that are not empty, by column name in small letters, with their number in a spreadsheet."""
    if len(data) > MOST_BYTES:
        raise HierexError(f"The file has {len(data) / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are allowed.")
    names, rows = read_table(data, most_rows=MOST_ROWS)
    header = [str(as_typed(name)).strip().casefold() for name in names]
    missing = [name for name in (KEY, STARTED_FROM, "Name") if name.casefold() not in header]
    if missing:
        found = ", ".join(names[:8])[:200]
        raise HierexError(
            f"The file has no column '{missing[0]}'; its first row is: {found}. Start from the file that you "
            "download here, and keep its first row."
        )
    return [(number, dict(zip(header, map(as_typed, cells), strict=True))) for number, cells in rows]
