"""The steps of checking logs inside the database: catalogue, log, order, and what each of them leaves out.

All that is between the files and the final tables is temporary, named staged_*. The steps that don't depend on the
names of columns are in `sql/stage_*.sql`.
"""

from __future__ import annotations

import math

from ..errors import LogError, TooLittleData
from .columns import InteractionColumns, ItemColumns
from .files import LogFile
from .losses import (
    broken_rows,
    check_vectors,
    counted,
    duplicate_examples,
    left_out_interactions,
    left_out_items,
    main_reason,
    nothing_left,
)
from .report import EXAMPLES, Drop, drop
from .sources import Source, opened, reading
from .times import is_number, order_expression, recognise_times
from .workbench import SQL, count, run

LEAST_ITEMS = 10
LEAST_USERS = 2
LONGEST = 10_000
MADE_TITLE = 80
SHARES = 1_000_000
SHOWN_COLUMNS = 20


def stage_catalogue(database, file: LogFile, columns: ItemColumns) -> tuple[int, list[Drop]]:
    """Makes staged_catalogue; the rows that came in, and what was left out. Raises LogError, TooLittleData."""
    with opened(database, file) as source, reading(file):
        others = [name for name in (columns.title, columns.vector) if name is not None]
        _need(source, {"item id": columns.item_id}, *others, *columns.text)
        if not (columns.title or columns.text):
            raise LogError(f"No column of '{file.name}' was chosen for titles or other words. Choose at least one.")
        title = source.text(columns.title) if columns.title else "NULL::VARCHAR"
        vector = source.vector(columns.vector) if columns.vector else "NULL::FLOAT[]"
        words = ", ".join(f"staged_words({source.text(name)})" for name in columns.text) or "NULL"
        database.execute(
            f"CREATE OR REPLACE TEMP TABLE staged_items AS SELECT {source.text(columns.item_id)} AS item_id, "
            f"{title} AS title, concat_ws(chr(10), {words}) AS words, {vector} AS vector "
            f"FROM {source.relation(broken='staged_broken')}"
        )
    rows = count(database, "staged_items")
    drops = [broken_rows(database, source, rows, "broken_item_row")]
    rows_in = rows + drops[0].count
    run(database, "stage_catalogue", {"longest": LONGEST, "made": MADE_TITLE})
    if source.format.encoding == "cp1252":
        drops.append(drop("read_as_western", rows_in))
    drops += left_out_items(database)
    if columns.vector:
        check_vectors(database, file, columns.vector)
    kept = database.execute("SELECT count(*) FROM staged_catalogue WHERE problem IS NULL").fetchone()[0]
    if kept < LEAST_ITEMS:
        raise TooLittleData(
            f"Only {kept} of the {rows_in:,} rows of '{file.name}' are items with words; at least {LEAST_ITEMS} are "
            f"needed, better hundreds. {main_reason(drops)}Choose a bigger catalogue, or other columns."
        )
    return rows_in, drops


def vector_size(database) -> int | None:
    """How many numbers every item's vector has; None where items have none."""
    return database.execute("SELECT max(len(vector)) FROM items").fetchone()[0]


def stage_log(database, file: LogFile, columns: InteractionColumns) -> tuple[int, str, list[Drop]]:
    """Makes staged_order; the rows that came in, how their time was read, what was left out. Raises LogError."""
    with opened(database, file) as source, reading(file):
        unread = _read_log(database, source, columns)
        rows = count(database, "staged_log")
        drops = [broken_rows(database, source, rows, "broken_row"), *unread]
        rows_in = rows + drops[0].count
        run(database, "stage_users")
        run(database, "stage_item_values")
        form = _define_clock(database, columns)
        _put_in_order(database, columns)
        run(database, "stage_disliked")
        usable = count(database, "staged_order")
        if usable < rows:
            drops += left_out_interactions(database, columns)
    if source.format.encoding == "cp1252":
        drops.append(drop("log_read_as_western", rows_in))
    if not usable:
        raise nothing_left(database, file, rows_in, drops)
    return rows_in, form, drops


def stage_people(database, file: LogFile, lost: list[Drop]) -> list[Drop]:
    """Takes duplicates out of staged_order and makes staged_people. lost: what was left out before.

    Raises TooLittleData.
    """
    run(database, "stage_duplicates")
    drops = [drop("duplicate", count(database, "staged_duplicates"), duplicate_examples(database))]
    if drops[0].count:
        run(database, "stage_order_once")
    run(database, "stage_people")
    low = [found for found in lost if found.reason == "not_liked"]
    users, kept = database.execute("SELECT count(*), count(user_index) FROM staged_people").fetchone()
    if kept < LEAST_USERS:
        raise TooLittleData(
            f"Only {kept} of the {users:,} people with usable interactions in '{file.name}' have two or more; at least "
            f"{LEAST_USERS} such people are needed, better hundreds. {main_reason(low)}Choose a longer log, or "
            "another column for the person's id."
        )
    chosen = "SELECT min(user_id) FROM staged_users {} JOIN staged_people USING (user_key)"
    chosen += " WHERE user_key IS NOT NULL AND {} GROUP BY user_key ORDER BY 1"
    singles = counted(database, "single_user", chosen.format("", "n = 1"))
    unusable = counted(database, "unusable_user", chosen.format("ANTI", "TRUE"))
    return [*drops, drop("single", singles.count), singles, unusable]


def worth_telling(database) -> list[Drop]:
    """What the final tables hold that a person may want to know."""
    repeats = run(database, "stage_repeats").fetchone()[0]
    unvisited = "SELECT item_id FROM items ANTI JOIN interactions USING (item_index) ORDER BY item_index"
    return [drop("repeat", repeats), counted(database, "item_without_traffic", unvisited)]


def _need(source: Source, chosen: dict[str, str | None], *others: str) -> None:
    """Raises LogError where a column was not recognised or is not in the file."""
    file, names = source.file.name, ", ".join(f"'{name}'" for name in list(source.columns)[:SHOWN_COLUMNS])
    for role, name in chosen.items():
        if name is None:
            raise LogError(f"Which column of '{file}' is the {role} was not recognised. Its columns are {names}.")
    for name in (*chosen.values(), *others):
        if name not in source.columns:
            raise LogError(f"'{file}' has no column '{name}'. Its columns are {names}. Choose one of them.")


def _read_log(database, source: Source, columns: InteractionColumns) -> list[Drop]:
    """Makes the view staged_log: the mapped columns, numbered. Parquet is read in place, all else once into a table.

    Returns what is to be told of ratings.
    """
    times = [name for name in (columns.timestamp, columns.order) if name]
    needed = {"person's id": columns.user_id, "item id": columns.item_id}
    needed |= {"rating": columns.rating} if columns.liked_from is not None else {}
    _need(source, needed, *times)
    if columns.user_id == columns.item_id:
        raise LogError(f"'{columns.user_id}' cannot be the column of the person's id and of the item id at once.")
    in_place = source.format.kind == "parquet" and "file_row_number" not in map(str.lower, source.columns)
    row = "file_row_number" if in_place else "rowid"
    values = {"user_value": source.id(columns.user_id), "item_value": source.id(columns.item_id)}
    values |= dict(zip(("moment", "sequence"), map(source.moment, times), strict=False))
    values |= {"rating": source.moment(columns.rating)} if columns.liked_from is not None else {}
    if in_place:
        relation = source.relation(numbered=True)
    else:  # values as they are: the database would take a cast in this statement as a reason to reject rows
        lines = f"SELECT {_named(values)} FROM {source.relation(broken='staged_broken')}"
        database.execute(f"CREATE OR REPLACE TEMP TABLE staged_lines AS {lines}")
        values, relation = {name: name for name in values}, "staged_lines"
    if len(times) == 2:
        values["sequence"] = order_expression(source.columns[columns.order], values["sequence"])
    drops = []
    liked = "TRUE"
    if columns.liked_from is not None:
        liked, unread = _liked(database, source.columns[columns.rating], columns, values.pop("rating"), relation)
        drops.append(unread)
    values = {"file_row": row, "moment": row, "liked": liked} | values
    database.execute(f"CREATE OR REPLACE TEMP VIEW staged_log AS SELECT {_named(values)} FROM {relation}")
    return drops


def _liked(database, kind: str, columns: InteractionColumns, rating: str, relation: str) -> tuple[str, Drop]:
    """SQL for whether an item was liked: rated high enough, or not rated; and the ratings that cannot be read.

    Raises LogError where most cannot, or the bound is no number.
    """
    if not math.isfinite(columns.liked_from):
        raise LogError(f"What counts as liked has to be a number, not {columns.liked_from}.")
    written = rating if is_number(kind) else f"nullif(trim(lower({rating}::VARCHAR)), '')"
    plain = f"CASE {written} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE replace({written}, ',', '.') END"
    number = order_expression(kind, written if is_number(kind) else plain)
    filled, numbers = database.execute(f"SELECT count({written}), count({number}) FROM {relation}").fetchone()
    if 2 * numbers <= filled:
        raise LogError(f"The column of ratings '{columns.rating}' does not hold numbers. Choose another, or none.")
    others = f"SELECT {written}::VARCHAR FROM {relation} WHERE {written} IS NOT NULL AND {number} IS NULL"
    examples = [value for (value,) in database.execute(f"{others} LIMIT {EXAMPLES}").fetchall()]
    return f"coalesce({number} >= {float(columns.liked_from)!r}, TRUE)", drop(
        "unread_rating", filled - numbers, examples
    )


def _named(values: dict[str, str]) -> str:
    return ", ".join(f"{value} AS {name}" for name, value in values.items())


def _define_clock(database, columns: InteractionColumns) -> str:
    """Decides what the clock is and how it is read from the column; how, in words."""
    kind = database.execute("SELECT column_type FROM (DESCRIBE staged_log) WHERE column_name = 'moment'").fetchone()[0]
    expression, form = "moment", "order of the rows"
    if columns.timestamp:
        found = recognise_times(database, "staged_log", kind, columns.timestamp)
        expression, form = found.expression, found.name
    elif columns.order:
        expression, form = order_expression(kind, "moment"), "order column"
        filled, numbers = database.execute(f"SELECT count(moment), count({expression}) FROM staged_log").fetchone()
        if 2 * numbers <= filled:
            raise LogError(f"The order column '{columns.order}' does not hold numbers. Choose another, or none.")
    database.execute(f"CREATE OR REPLACE TEMP MACRO staged_clock(moment) AS {expression}")
    kept = "clock" if columns.timestamp else f"place * {SHARES} // n"
    database.execute(f"CREATE OR REPLACE TEMP MACRO staged_kept_clock(clock, place, n) AS {kept}")
    return form


def _put_in_order(database, columns: InteractionColumns) -> None:
    keys = ["user_key", "clock", "sequence", "file_row"]
    if not (columns.timestamp and columns.order):
        keys.remove("sequence")  # a column of nothing would still be sorted, at half the speed
    database.execute(f"{(SQL / 'stage_order.sql').read_text()} ORDER BY {', '.join(keys)}")
