"""The steps of checking logs inside the database: catalogue, log, order, and what each of them leaves out.

All that is between the files and the final tables is temporary, named staged_*. The steps that don't depend on the
names of columns are in `sql/stage_*.sql`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

from ..errors import LogError, TooLittleData
from .columns import InteractionColumns, ItemColumns
from .files import LogFile
from .formats import DELIMITERS
from .report import EXAMPLES, LONGEST_EXAMPLE, REASONS, Drop, drop
from .sources import Source, opened, reading
from .times import is_number, order_expression, recognise_times

SQL = Path(__file__).parents[1] / "sql"
LEAST_ITEMS = 10
LEAST_USERS = 2
LONGEST = 10_000
MADE_TITLE = 80
SHARES = 1_000_000
SETTINGS = {"TimeZone": "UTC", "preserve_insertion_order": "true"}
TABLES = "items lines broken broken_scan catalogue users item_values order disliked duplicates people"
MACROS = "clock kept_clock trim id title words"
SHOWN_COLUMNS = 20
VECTOR_PROBLEMS = {
    "missing": "it has none, or one that is no list of two or more numbers.",
    "not_finite": "a number in it is missing, infinite or no number (NaN).",
    "other_size": "it has {size} numbers, where most have {usual}.",
    "zero": "all of its numbers are 0, which points nowhere.",
}


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
    drops = [_broken(database, source, rows, "broken_item_row")]
    rows_in = rows + drops[0].count
    run(database, "stage_catalogue", {"longest": LONGEST, "made": MADE_TITLE})
    if source.format.encoding == "cp1252":
        drops.append(drop("read_as_western", rows_in))
    drops += _left_out_items(database)
    if columns.vector:
        _check_vectors(database, file, columns.vector)
    kept = database.execute("SELECT count(*) FROM staged_catalogue WHERE problem IS NULL").fetchone()[0]
    if kept < LEAST_ITEMS:
        raise TooLittleData(
            f"Only {kept} of the {rows_in:,} rows of '{file.name}' are items with words; at least {LEAST_ITEMS} are "
            f"needed, better hundreds. {_main_reason(drops)}Choose a bigger catalogue, or other columns."
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
        drops = [_broken(database, source, rows, "broken_row"), *unread]
        rows_in = rows + drops[0].count
        run(database, "stage_users")
        run(database, "stage_item_values")
        form = _define_clock(database, columns)
        _put_in_order(database, columns)
        run(database, "stage_disliked")
        usable = count(database, "staged_order")
        if usable < rows:
            drops += _problems(database, columns)
    if source.format.encoding == "cp1252":
        drops.append(drop("log_read_as_western", rows_in))
    if not usable:
        raise _nothing_left(database, file, rows_in, drops)
    return rows_in, form, drops


def stage_people(database, file: LogFile, lost: list[Drop]) -> list[Drop]:
    """Takes duplicates out of staged_order and makes staged_people. lost: what was left out before.

    Raises TooLittleData.
    """
    run(database, "stage_duplicates")
    drops = [drop("duplicate", count(database, "staged_duplicates"), _duplicate_examples(database))]
    if drops[0].count:
        run(database, "stage_order_once")
    run(database, "stage_people")
    low = [found for found in lost if found.reason == "not_liked"]
    users, kept = database.execute("SELECT count(*), count(user_index) FROM staged_people").fetchone()
    if kept < LEAST_USERS:
        raise TooLittleData(
            f"Only {kept} of the {users:,} people with usable interactions in '{file.name}' have two or more; at least "
            f"{LEAST_USERS} such people are needed, better hundreds. {_main_reason(low)}Choose a longer log, or "
            "another column for the person's id."
        )
    chosen = "SELECT min(user_id) FROM staged_users {} JOIN staged_people USING (user_key)"
    chosen += " WHERE user_key IS NOT NULL AND {} GROUP BY user_key ORDER BY 1"
    singles = _counted(database, "single_user", chosen.format("", "n = 1"))
    unusable = _counted(database, "unusable_user", chosen.format("ANTI", "TRUE"))
    return [*drops, drop("single", singles.count), singles, unusable]


def worth_telling(database) -> list[Drop]:
    """What the final tables hold that a person may want to know."""
    repeats = run(database, "stage_repeats").fetchone()[0]
    unvisited = "SELECT item_id FROM items ANTI JOIN interactions USING (item_index) ORDER BY item_index"
    return [drop("repeat", repeats), _counted(database, "item_without_traffic", unvisited)]


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


def _broken(database, source: Source, whole: int, reason: str) -> Drop:
    """CSV rows that do not fit the first line. Raises LogError where they are the most, or where there are no rows."""
    number, examples = 0, []
    if source.format.kind == "csv":
        number = database.execute("SELECT count(DISTINCT line) FROM staged_broken").fetchone()[0]
        examples = database.execute("SELECT csv_line FROM staged_broken ORDER BY line LIMIT 5").fetchall()
        database.execute("DROP TABLE staged_broken; DROP TABLE staged_broken_scan")
    if not number + whole:
        raise LogError(f"'{source.file.name}' has no rows, only names of columns. Choose a file with rows.")
    found = drop(reason, number, [line for (line,) in examples])
    if number > whole:
        delimiter = DELIMITERS[source.format.delimiter]
        raise LogError(
            f"{number:,} of the {number + whole:,} rows of '{source.file.name}' do not have the "
            f"{len(source.columns)} fields of its first line (for example: {found.examples[0]}). Columns were taken to "
            f"be separated by {delimiter}. Export the file again, with quotes around text."
        )
    return found


def _check_vectors(database, file: LogFile, column: str) -> None:
    """Raises LogError where an item that is kept has a vector that cannot be used."""
    found = run(database, "stage_vectors").fetchone()
    if found is None:
        return
    problem, number, example, size, usual = found
    said = VECTOR_PROBLEMS[problem].format(size=size, usual=usual)
    others = f" So it is, in one way or another, with {number:,} items." if number > 1 else ""
    raise LogError(
        f"The vector of item '{example[:LONGEST_EXAMPLE]}' in the column '{column}' of '{file.name}' cannot be used: "
        f"{said}{others} Every item needs a vector of as many finite numbers, not all of them 0. Correct them in the "
        "file, or go on without this column: choose none for vectors, or delete it."
    )


def _left_out_items(database) -> list[Drop]:
    drops = []
    shown = "coalesce(item_id, nullif(title, ''), 'row ' || (file_row + 1))"
    for reason in ("item_without_id", "duplicate_item", "item_without_text"):
        rows = f"SELECT {shown} FROM staged_catalogue WHERE problem = '{reason}' ORDER BY file_row"
        drops.append(_counted(database, reason, rows))
    for reason in ("title_from_text", "title_shortened", "text_shortened"):
        rows = f"SELECT item_id FROM staged_catalogue WHERE problem IS NULL AND {reason} ORDER BY file_row"
        drops.append(_counted(database, reason, rows))
    return drops


def _counted(database, reason: str, rows: str) -> Drop:
    """A Drop of all that the query `rows` gives; its first rows are the examples."""
    number = database.execute(f"SELECT count(*) FROM ({rows})").fetchone()[0]
    examples = database.execute(f"{rows} LIMIT {EXAMPLES}").fetchall() if number else []
    return drop(reason, number, [example for (example,) in examples])


def _problems(database, columns: InteractionColumns) -> list[Drop]:
    found = {reason: (number, examples) for reason, number, examples in run(database, "stage_problems").fetchall()}
    if columns.timestamp is None and "impossible_time" in found:
        found["no_order"] = found.pop("impossible_time")
    return [drop(reason, found[reason][0], found[reason][1] or ()) for reason in REASONS if reason in found]


def _duplicate_examples(database) -> list[str]:
    rows = database.execute(
        "SELECT min(user_id), min(item_id) FROM staged_duplicates JOIN staged_users USING (user_key) "
        "JOIN staged_catalogue USING (item_index) GROUP BY place ORDER BY place LIMIT 5"
    )
    return [f"person {user}, item {item}" for user, item in rows.fetchall()]


def _main_reason(drops: list[Drop]) -> str:
    lost = [found for found in drops if found.count and not found.kept]
    if not lost:
        return ""
    main = max(lost, key=lambda found: found.count)
    examples = f" For example: {', '.join(main.examples)}." if main.examples else ""
    return f"Most were left out for this reason: {main.sentence}{examples} "


def _nothing_left(database, file: LogFile, rows: int, drops: list[Drop]) -> LogError:
    unknown = next((found for found in drops if found.reason == "unknown_item"), None)
    if unknown is None or unknown.count < rows / 2:
        return LogError(f"None of the {rows:,} interactions in '{file.name}' can be used. {_main_reason(drops)}")
    kept = "SELECT item_id FROM staged_catalogue WHERE problem IS NULL ORDER BY file_row LIMIT 5"
    known = ", ".join(item_id for (item_id,) in database.execute(kept).fetchall())
    return LogError(
        f"None of the {rows:,} interactions in '{file.name}' is with an item of the catalogue. The log has item ids "
        f"such as {', '.join(unknown.examples)}; the catalogue has {known}. "
        "Choose the columns that hold the same ids, or the catalogue that belongs to this log."
    )


def _set(database, settings: dict[str, object]) -> None:
    for name, value in settings.items():
        database.execute(f"SET {name} = '{value}'")


def _forget(database) -> None:
    database.execute("DROP VIEW IF EXISTS temp.staged_log")
    for table in TABLES.split():
        database.execute(f"DROP TABLE IF EXISTS temp.staged_{table}")
    for macro in MACROS.split():
        database.execute(f"DROP MACRO IF EXISTS temp.main.staged_{macro}")
