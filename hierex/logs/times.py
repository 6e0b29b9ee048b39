"""How a column of times is written, decided once for the whole column: forms are never mixed silently.

A form is an SQL expression over the column `moment` that gives microseconds since 1970 UTC, or NULL where a value is
not of that form. Dates before 2 January 1970 (what an empty or zero field becomes) and after tomorrow are impossible.
Where no time zone is written, UTC is meant.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..errors import LogError

DAY = 86_400
EXAMPLES = 3
ENOUGH = 0.5
LEAST = 0.1
ALLOWED = (
    "Times can be ISO dates (2024-01-31, 2024-01-31T18:30:00+01:00), seconds or milliseconds since 1970, "
    "or dates such as 31.01.2024 18:30. Choose another column, or none. What only says what came "
    "after what, such as years, can be chosen as the order."
)
SIGNED = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
INTEGERS = SIGNED | {"U" + kind for kind in SIGNED}
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
DAY_FIRST = [day + clock for day in ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y") for clock in CLOCKS]
MONTH_FIRST = [day + clock for day in ("%m/%d/%Y", "%m-%d-%Y") for clock in CLOCKS]
MONTH_NAMES = [
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a, %d %b %Y %H:%M:%S %z",
    *(day + clock for day in ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y") for clock in CLOCKS),
]


@dataclass(frozen=True)
class TimeForm:
    """name: as it is shown. expression: SQL over `moment`, microseconds since 1970 UTC or NULL."""

    name: str
    expression: str


def recognise_times(database, table: str, kind: str, column: str) -> TimeForm:
    """The form that the most of `moment` in `table` has; `kind` is its type there, `column` its name on screen.

    Raises LogError when hardly any value is a time, or when days and months cannot be told apart.
    """
    latest = int(time.time()) + DAY
    if is_date(kind):
        stored = "moment::TIMESTAMPTZ" if "ZONE" in kind or "TZ" in kind else "moment::TIMESTAMP"
        return TimeForm("dates", _possible(f"epoch_us({stored})", latest))
    best_share, best = 0.0, []
    for forms in _numeric_forms(kind, latest), *([] if is_number(kind) else _text_forms(latest)):
        share, found = _fitting(database, table, forms)
        if share > best_share:
            best_share, best = share, found
        if best_share > ENOUGH:
            break
    if best_share < LEAST:
        raise LogError(f"The column '{column}' does not hold times: it has {_examples(database, table)}. {ALLOWED}")
    if [form.name for form in best] == ["day before month", "month before day"]:
        raise LogError(
            f"It cannot be told whether the dates in '{column}' have the day or the month first: they have "
            f"{_examples(database, table)}. Write them as year-month-day (2024-01-31), then import again."
        )
    return best[0]


def is_date(kind: str) -> bool:
    return kind == "DATE" or (kind.startswith("TIMESTAMP") and not kind.endswith("]"))


def is_number(kind: str) -> bool:
    return kind in INTEGERS or (kind.startswith(("FLOAT", "DOUBLE", "DECIMAL")) and not kind.endswith("]"))


def order_expression(kind: str, value: str) -> str:
    """SQL that sorts `value`, of type `kind`, as numbers are sorted: NULL where it is none, whole numbers exact."""
    return value if kind in INTEGERS or kind in ("FLOAT", "DOUBLE") else f"TRY_CAST({value}::VARCHAR AS DECIMAL(38, 6))"


def _fitting(database, table: str, forms: list[TimeForm]) -> tuple[float, list[TimeForm]]:
    """The share of the filled values that the best form reads, and all forms that read as many."""
    counts = ", ".join(f"count({form.expression})" for form in forms)
    filled, *fitting = database.execute(f"SELECT count(moment), {counts} FROM {table}").fetchone()
    most = max(fitting)
    return most / max(1, filled), [form for form, count in zip(forms, fitting, strict=True) if count == most]


def _examples(database, table: str) -> str:
    distinct = f"SELECT moment::VARCHAR AS shown FROM {table} WHERE moment IS NOT NULL GROUP BY ALL ORDER BY ALL"
    rows = database.execute(f"{distinct} LIMIT {EXAMPLES}").fetchall()
    return ", ".join(f"'{value[:40]}'" for (value,) in rows) or "nothing in any row"


def _numeric_forms(kind: str, latest: int) -> list[TimeForm]:
    """Numbers by their size: every range belongs to one form, so that a column of two units is noticed.

    YYYYMMDD and YYYYMMDDhhmmss of 1970 to 2100 would, as seconds and microseconds, all be a few days of 1970.
    """
    number = "moment::DOUBLE" if is_number(kind) else "TRY_CAST(moment AS DOUBLE)"
    days, moments = (f"{number} BETWEEN 1970{rest} AND 2101{rest}" for rest in ("0000", "0000000000"))
    forms, upper = [], DAY
    for name, per_second, calendar in (
        ("seconds", 1, days),
        ("milliseconds", 10**3, "FALSE"),
        ("microseconds", 10**6, moments),
        ("nanoseconds", 10**9, "FALSE"),
    ):
        lower, upper = upper, latest * per_second
        inside = f"{number} BETWEEN {lower} AND {upper - 1} AND NOT ({calendar})"
        microseconds = f"CASE WHEN {inside} THEN round({number} * {1_000_000 / per_second!r})::BIGINT END"
        forms.append(TimeForm(f"{name} since 1970", microseconds))
    for name, inside, shape in (("20240131", days, "%Y%m%d"), ("20240131183000", moments, "%Y%m%d%H%M%S")):
        date = f"epoch_us(try_strptime(CASE WHEN {inside} THEN {number}::BIGINT::VARCHAR END, '{shape}'))"
        forms.append(TimeForm(f"dates such as {name}", _possible(date, latest)))
    return forms


def _text_forms(latest: int) -> tuple[list[TimeForm], list[TimeForm]]:
    """ISO dates; and what is only looked for where ISO dates are few."""
    shapes = (("day before month", DAY_FIRST), ("month before day", MONTH_FIRST), ("months by name", MONTH_NAMES))
    iso = TimeForm("ISO dates", _possible("epoch_us(TRY_CAST(moment AS TIMESTAMPTZ))", latest))
    return [iso], [
        TimeForm(name, _possible(f"epoch_us(try_strptime(moment, {shape}))", latest)) for name, shape in shapes
    ]


def _possible(microseconds: str, latest: int) -> str:
    return f"CASE WHEN {microseconds} BETWEEN {DAY * 1_000_000} AND {latest * 1_000_000} THEN {microseconds} END"
