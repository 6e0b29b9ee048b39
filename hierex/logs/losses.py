"""What the steps of checking logs leave out, and what is said where hardly anything is left."""

from __future__ import annotations

from ..errors import LogError
from .columns import InteractionColumns
from .files import LogFile
from .formats import DELIMITERS
from .report import EXAMPLES, LONGEST_EXAMPLE, REASONS, Drop, drop
from .sources import Source
from .workbench import run

VECTOR_PROBLEMS = {
    "missing": "it has none, or one that is no list of two or more numbers.",
    "not_finite": "a number in it is missing, infinite or no number (NaN).",
    "other_size": "it has {size} numbers, where most have {usual}.",
    "zero": "all of its numbers are 0, which points nowhere.",
}


def broken_rows(database, source: Source, whole: int, reason: str) -> Drop:
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


def check_vectors(database, file: LogFile, column: str) -> None:
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


def left_out_items(database) -> list[Drop]:
    drops = []
    shown = "coalesce(item_id, nullif(title, ''), 'row ' || (file_row + 1))"
    for reason in ("item_without_id", "duplicate_item", "item_without_text"):
        rows = f"SELECT {shown} FROM staged_catalogue WHERE problem = '{reason}' ORDER BY file_row"
        drops.append(counted(database, reason, rows))
    for reason in ("title_from_text", "title_shortened", "text_shortened"):
        rows = f"SELECT item_id FROM staged_catalogue WHERE problem IS NULL AND {reason} ORDER BY file_row"
        drops.append(counted(database, reason, rows))
    return drops


def counted(database, reason: str, rows: str) -> Drop:
    """A Drop of all that the query `rows` gives; its first rows are the examples."""
    number = database.execute(f"SELECT count(*) FROM ({rows})").fetchone()[0]
    examples = database.execute(f"{rows} LIMIT {EXAMPLES}").fetchall() if number else []
    return drop(reason, number, [example for (example,) in examples])


def left_out_interactions(database, columns: InteractionColumns) -> list[Drop]:
    found = {reason: (number, examples) for reason, number, examples in run(database, "stage_problems").fetchall()}
    if columns.timestamp is None and "impossible_time" in found:
        found["no_order"] = found.pop("impossible_time")
    return [drop(reason, found[reason][0], found[reason][1] or ()) for reason in REASONS if reason in found]


def duplicate_examples(database) -> list[str]:
    rows = database.execute(
        "SELECT min(user_id), min(item_id) FROM staged_duplicates JOIN staged_users USING (user_key) "
        "JOIN staged_catalogue USING (item_index) GROUP BY place ORDER BY place LIMIT 5"
    )
    return [f"person {user}, item {item}" for user, item in rows.fetchall()]


def main_reason(drops: list[Drop]) -> str:
    lost = [found for found in drops if found.count and not found.kept]
    if not lost:
        return ""
    main = max(lost, key=lambda found: found.count)
    examples = f" For example: {', '.join(main.examples)}." if main.examples else ""
    return f"Most were left out for this reason: {main.sentence}{examples} "


def nothing_left(database, file: LogFile, rows: int, drops: list[Drop]) -> LogError:
    unknown = next((found for found in drops if found.reason == "unknown_item"), None)
    if unknown is None or unknown.count < rows / 2:
        return LogError(f"None of the {rows:,} interactions in '{file.name}' can be used. {main_reason(drops)}")
    kept = "SELECT item_id FROM staged_catalogue WHERE problem IS NULL ORDER BY file_row LIMIT 5"
    known = ", ".join(item_id for (item_id,) in database.execute(kept).fetchall())
    return LogError(
        f"None of the {rows:,} interactions in '{file.name}' is with an item of the catalogue. The log has item ids "
        f"such as {', '.join(unknown.examples)}; the catalogue has {known}. "
        "Choose the columns that hold the same ids, or the catalogue that belongs to this log."
    )
