"""Import of a large log against a bare `CREATE TABLE AS SELECT *` of the same file: seconds, ratio, peak memory.

    python -m benchmarks.bench_import [--rows 20000000] [--memory 3GB] [--threads 2]

Makes its own data in a temporary folder (about 50 bytes a row, on disk) and deletes it. Each case runs in a process of
its own; the two sides of a comparison run one after the other, so that both see the same machine. Processor seconds
stand beside the clock's, because they are what is left to compare on a machine that others use too. The first rows
have ids such as people's logs have ('u123', 'video_456'); the last one has bare numbers, which DuckDB copies
quickest and hierex still turns into text.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from hierex.logs import LogFile, guess_columns, preview, stage_logs

ITEMS = 50_000
ROWS_PER_USER = 20
FILES = {"Parquet": "log.parquet", "CSV": "log.csv", "Parquet, ids are numbers": "numbers.parquet"}


def make_files(folder: Path, rows: int) -> None:
    users = max(10, rows // ROWS_PER_USER)
    numbers = (
        f"SELECT (hash(i) % {users})::BIGINT AS user_id, (hash(i + {rows}) % {ITEMS})::BIGINT AS item_id, "
        f"1600000000 + (hash(i * 31) % 100000000)::BIGINT AS timestamp FROM range({rows}) t(i)"
    )
    words = (
        f"SELECT 'u' || user_id AS user_id, 'video_' || item_id AS item_id, timestamp FROM '{folder}/numbers.parquet'"
    )
    titles = f"'Title ' || i AS title, 'some words about it' AS text FROM range({ITEMS}) t(i)"
    with duckdb.connect() as database:
        for name, query in (
            ("numbers.parquet", numbers),
            ("log.parquet", words),
            ("log.csv", f"FROM '{folder}/log.parquet'"),
            ("items.parquet", f"SELECT 'video_' || i AS item_id, {titles}"),
            ("items_numbers.parquet", f"SELECT i AS item_id, {titles}"),
        ):
            database.execute(f"COPY ({query}) TO '{folder / name}'")


def run_case(case: str, folder: Path, name: str, memory: str, threads: int) -> None:
    """One side of one comparison; prints its figures as JSON."""
    path = folder / name
    config = {"memory_limit": memory, "temp_directory": str(folder / "spill"), "threads": threads}
    target = folder / "target.duckdb"
    with duckdb.connect(str(target), config=config) as database:
        started, used = time.perf_counter(), time.process_time()
        kept = import_file(database, folder, path) if case == "hierex" else copy_file(database, path)
        database.execute("CHECKPOINT")
        figures = {
            "seconds": time.perf_counter() - started,
            "processor": time.process_time() - used,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "kept": kept,
        }
    target.unlink()
    print(json.dumps(figures))


def import_file(database, folder: Path, path: Path) -> int:
    catalogue = folder / ("items_numbers.parquet" if path.name.startswith("numbers") else "items.parquet")
    items, interactions = LogFile(catalogue, catalogue.name), LogFile(path, path.name)
    columns = guess_columns(preview(database, items), preview(database, interactions))
    return stage_logs(database, items, columns[0], interactions, columns[1]).interactions_kept


def copy_file(database, path: Path) -> int:
    database.execute(f"CREATE TABLE bare AS SELECT * FROM '{path}'")
    return database.execute("SELECT count(*) FROM bare").fetchone()[0]


def measured(case: str, folder: Path, name: str, options: argparse.Namespace) -> dict:
    command = [sys.executable, "-m", "benchmarks.bench_import", "--case", case, "--folder", str(folder), "--file", name]
    command += ["--memory", options.memory, "--threads", str(options.threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_table(rows: int, options: argparse.Namespace) -> None:
    print(f"{rows:,} interactions, {options.threads} threads, memory limit {options.memory}\n")
    print("| file | size | bare copy | import | ratio (clock) | ratio (processor) | peak of the import |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="hierex-bench-") as temporary:
        folder = Path(temporary)
        make_files(folder, rows)
        for label, name in FILES.items():
            bare, ours = (measured(case, folder, name, options) for case in ("bare", "hierex"))
            ratios = [f"{ours[unit] / bare[unit]:.1f} x" for unit in ("seconds", "processor")]
            print(
                f"| {label} | {(folder / name).stat().st_size / 2**20:.0f} MiB | {bare['seconds']:.1f} s "
                f"| {ours['seconds']:.1f} s | {' | '.join(ratios)} | {ours['peak_mib'] / 1024:.2f} GiB |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--memory", default="3GB")
    parser.add_argument("--threads", type=int, default=2)
    for hidden in ("--case", "--folder", "--file"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        run_case(options.case, Path(options.folder), options.file, options.memory, options.threads)
    else:
        print_table(options.rows, options)


if __name__ == "__main__":
    main()
