"""A file of outcomes that comes back: how many people a new interest was shown to, and how many of them liked it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..errors import HierexError

MOST_ROWS = 1_000_000
MOST_SHOWN = 1e9
"""People in one line."""
SHOWN_FAULTS = 3


def outcome_columns(k: int) -> list[str]:
    """Of a file: the `k` interests that were started from, earliest first; the new one; how many people it was shown
    to, and how many of them liked it."""
    return [*before_columns(k), "new", "shown", "liked"]


def before_columns(k: int) -> list[str]:
    return [f"before_{place + 1}" for place in range(k)]


def check_outcomes(frame: pd.DataFrame, known: dict[str, int], *, k: int = 2) -> pd.DataFrame:
    """The outcomes of a file, with ids in place of names, without the rows that were not filled in.

    frame: by the number of the row in the file; known: id by name and by the id as text; k: how many interests
    predictions start from.

    Raises HierexError that names what is missing, or the first rows that cannot be used for each reason: nothing is
    taken then.
    """
    frame = frame.rename(columns=lambda name: str(name).strip().lower())
    columns = outcome_columns(k)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise HierexError(
            f"The file has no column {', '.join(map(repr, missing))}; its first row is: "
            f"{', '.join(frame.columns[:8])[:200]}. It needs {', '.join(columns)}; the form that can be downloaded "
            "here has them."
        )
    twice = [name for name in columns if (frame.columns == name).sum() > 1]
    if twice:
        raise HierexError(f"The file has the column {', '.join(map(repr, twice))} more than once. Leave one of them.")
    before_more = f"before_{k + 1}"
    if before_more in frame.columns:
        raise HierexError(
            f"The file has a column '{before_more}', and these predictions start from {k}. Download the form again."
        )
    counts = frame[["shown", "liked"]].apply(pd.to_numeric, errors="coerce")
    filled = counts["shown"].notna() | frame["shown"].astype("string").str.strip().fillna("").ne("")
    frame, counts = frame[filled], counts[filled]
    ids = pd.DataFrame({name: frame[name].astype("string").str.strip().map(known) for name in columns[: k + 1]})
    whole = counts["shown"].mod(1).eq(0) & counts["liked"].mod(1).eq(0)
    fit = counts["shown"].gt(0) & counts["shown"].le(MOST_SHOWN) & counts["liked"].between(0, counts["shown"])
    faults = {
        "name{s} an interest that is not known here": ids.isna().any(axis=1),
        "lead{s} to an interest that {it} from": ids[before_columns(k)].eq(ids["new"], axis=0).any(axis=1),
        f"need{{s}} whole numbers: shown above 0 and at most {MOST_SHOWN:,.0f}, and liked from 0 to shown": ~(
            whole & fit
        ),
    }
    said = [_unusable(what, frame.index[rows].tolist()) for what, rows in faults.items() if rows.any()]
    if said:
        raise HierexError(" ".join(said))
    if not len(frame):
        raise HierexError("No row of the file says how many people an interest was shown to.")
    return ids.astype(int).assign(shown=counts["shown"], liked=counts["liked"])


def _unusable(what: str, rows: Sequence[int]) -> str:
    """what: of these rows, with gaps for what differs between one row and several."""
    if len(rows) == 1:
        return f"1 row cannot be used. Row {rows[0]:,} {what.format(s='s', it='it starts')}."
    *first, last = (f"{row:,}" for row in rows[:SHOWN_FAULTS])
    such = ", for example," * (len(rows) > SHOWN_FAULTS)
    return (
        f"{len(rows):,} rows cannot be used. Rows {', '.join(first)} and {last}{such} "
        f"{what.format(s='', it='they start')}."
    )
