"""The whole pipeline on real logs: seconds by stage, peak memory, and what the evaluation finds.

    python -m benchmarks.bench_run [--data FOLDER]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used. Every
run is a process of its own: first on a new workspace ("cold": nothing is there to be used again, and compiled code is
not cached), then once more with only the granularity changed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample"
SHOWN = ("recall@1", "recall@5", "recall@10")


def data_sets(folder: Path | None) -> dict[str, tuple[Path, Path]]:
    if folder is None:
        return {"sample": (SAMPLE / "items.csv", SAMPLE / "interactions.csv.gz")}
    found = sorted(path.parent for path in folder.glob("*/items.parquet"))
    return {path.name: (path / "items.parquet", path / "interactions.parquet") for path in found}


def hierex(*arguments: str, cache: Path) -> dict:
    """Runs a command that ends with one line of JSON, with an own place for compiled code."""
    command = [sys.executable, "-m", "hierex", *arguments, "--json"]
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    answer = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.strip().splitlines()[-1])


def measure(items: Path, interactions: Path) -> tuple[dict, dict, dict]:
    """The cold run, the run at another granularity, and the evaluation of the first."""
    with tempfile.TemporaryDirectory() as folder:
        cache, store = Path(folder) / "compiled", str(Path(folder) / "w.duckdb")
        logs = ["--items", str(items), "--interactions", str(interactions), "--store", store]
        cold = hierex("run", *logs, cache=cache)
        evaluation = hierex("evaluate", "--store", store, cache=cache)
        other = str(max(2, int(cold["counts"]["interests"] * 0.8)))
        return cold, hierex("run", *logs, "--granularity", other, cache=cache), evaluation


def stage_table(runs: dict[str, dict]) -> pd.DataFrame:
    rows = {
        name: {
            **{stage: f"{seconds:.1f}" for stage, seconds in run["stage_seconds"].items()},
            "whole run, s": f"{run['seconds']:.1f}",
            "peak memory, MiB": f"{run['peak_memory_mib']:,.0f}",
        }
        for name, run in runs.items()
    }
    return pd.DataFrame(rows)


def recall_table(evaluation: dict) -> pd.DataFrame:
    frame = pd.DataFrame(evaluation["policies"])
    frame = frame[frame["metric"].isin(SHOWN)]
    frame["cell"] = [
        f"{value:.3f} [{low:.3f}, {high:.3f}]"
        for value, low, high in zip(frame["value"], frame["low"], frame["high"], strict=True)
    ]
    return frame.pivot_table(index="policy", columns="metric", values="cell", aggfunc="first").reindex(
        frame["policy"].unique()
    )[list(SHOWN)]


def markdown(frame: pd.DataFrame) -> str:
    head = ["", *frame.columns]
    lines = [
        head,
        ["---"] * len(head),
        *([str(index), *map(str, row)] for index, row in zip(frame.index, frame.to_numpy(), strict=True)),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    runs: dict[str, dict] = {}
    recalls: dict[str, str] = {}
    for name, files in data_sets(options.data).items():
        cold, warm, evaluation = measure(*files)
        runs[name], runs[f"{name}, other granularity"] = cold, warm
        cases = int(evaluation["policies"][0]["n_cases"]) if evaluation["policies"] else 0
        recalls[f"{name}: {evaluation['granularity']} interests, {cases:,} held-out moves"] = recall_table(evaluation)
    print(markdown(stage_table(runs)))
    for title, table in recalls.items():
        print(f"\n{title}\n\n{markdown(table)}")


if __name__ == "__main__":
    main()
