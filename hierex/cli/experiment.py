"""The command that holds a simulated trial and says what came of it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ..config import ExperimentConfig, Progress
from ..errors import HierexError
from ..experiment.lineup import simulate
from ..experiment.measures import with_assumptions
from ..trials import hold_trial, latest_trial, planted_setting
from ..wording.trial import best_table, conclude, trial_table
from .parts import file_ending_in, open_workspace, positive, work_at


def add_experiment(commands) -> None:
    command = commands.add_parser("experiment", help="a simulated trial of hierex against other ways to explore")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("--store", type=Path, help="the workspace file; people are fitted to its log")
    where.add_argument("--planted", action="store_true", help="people of a planted world, without a workspace")
    command.add_argument("--granularity", type=int, metavar="N", help="number of interests")
    command.add_argument("--people", type=positive, default=ExperimentConfig.n_people, help="how many are simulated")
    command.add_argument("--weeks", type=positive, default=ExperimentConfig.weeks)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--out",
        type=file_ending_in(".csv"),
        metavar="FILE.csv",
        help="every measure of every arm, and beside it how arms differ, as FILE-lifts.csv",
    )
    command.add_argument("--json", action="store_true", help="end with one JSON object")
    command.set_defaults(command=experiment_command)


def experiment_command(options: argparse.Namespace) -> None:
    config = replace(ExperimentConfig(), n_people=options.people, weeks=options.weeks, seed=options.seed)
    tables = hold_planted(config) if options.planted else hold_fitted(options, config)
    if options.out:
        write_csv(with_assumptions(tables["arms"], config), options.out)
        write_csv(tables["lifts"], options.out.with_name(f"{options.out.stem}-lifts.csv"))
    if options.json:
        print(json.dumps({name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}))
        return
    print(f"\n{trial_table(tables['arms']).to_string(index=False)}\n")
    compared = best_table(tables)
    if len(compared):
        print(f"{compared.to_string(index=False)}\n")
    print("\n".join(conclude(tables)))


def hold_planted(config: ExperimentConfig) -> dict[str, pd.DataFrame]:
    return simulate(*planted_setting(config), config=config, progress=show_share())


def hold_fitted(options: argparse.Namespace, config: ExperimentConfig) -> dict[str, pd.DataFrame]:
    show = show_share()

    def watch(stage: str, state: str, value: float) -> None:
        show(value if state == "running" else 1.0)

    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="transitions")
        hold_trial(store, work, config, watch=watch)
        return latest_trial(work)[1]


def show_share() -> Progress:
    """A line on the error stream: rewritten on a terminal, else one for every tenth."""
    shown = [-1]

    def show(share: float) -> None:
        step = int(100 * share) if sys.stderr.isatty() else int(10 * share) * 10
        if step == shown[0]:
            return
        shown[0] = step
        start, end = ("\r", "\n" if step == 100 else "") if sys.stderr.isatty() else ("", "\n")
        print(f"{start}simulated {step:3} %", end=end, file=sys.stderr, flush=True)

    return show


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Raises HierexError where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    except OSError as error:
        raise HierexError(f"'{path}' cannot be written: {error.strerror or error}.") from error
