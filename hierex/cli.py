"""The same pipeline without the app, for automation. Names and files are a contract; see the README."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from . import ON_DEMAND, STAGES, __version__
from .cli_experiment import add_experiment
from .cli_models import add_model_commands
from .cli_parts import MeterLine, add_cap, endpoint_of, notes_of, open_workspace, positive, print_json, work_at
from .config import (
    POLICIES,
    RECOMMENDERS,
    VECTORS_IN_FILE,
    BehaviourConfig,
    CausalConfig,
    EmbeddingConfig,
    PolicyConfig,
    RecommenderConfig,
    RunConfig,
    ServerConfig,
)
from .describing import AGAIN, describe_interests, plan_descriptions, with_coarser
from .descriptions.costs import Cap
from .descriptions.model import AT_ONCE
from .errors import HierexError, LogError
from .exports import export_all
from .imports import import_logs
from .llm.door import LanguageModel
from .logs import LogFile, LogReport
from .pipeline import run_pipeline
from .presets import active_preset
from .releases import released_run, serve_release
from .runs import shown_run
from .serving import find_users, serve_users, served_frame
from .store import open_store
from .wording import estimate_text
from .workspace import Workspace
from .workspace_folder import workspace_path

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample"
SAMPLE_NAME = "Sample"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, or 2 with the reason on the error stream."""
    options = build_parser().parse_args(arguments)
    try:
        options.command(options)
    except HierexError as error:
        print(f"hierex: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("hierex: stopped; what was finished is kept.", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("hierex", description="Explore people's novel interests.")
    parser.add_argument("--version", action="version", version=f"hierex {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="import logs and run the whole pipeline")
    run.add_argument("--items", type=Path, required=True, help="item catalogue: CSV, TSV, JSONL or Parquet")
    run.add_argument("--interactions", type=Path, required=True, help="interaction log, in one of the same formats")
    run.add_argument(
        "--liked-from",
        type=float,
        metavar="RATING",
        help="what the log rates lower shows no interest and is not suggested again; without it ratings don't count",
    )
    run.add_argument("--policy", choices=POLICIES, default="encoder")
    run.add_argument("--recommender", choices=RECOMMENDERS, default="sequence")
    run.add_argument(
        "--base-model",
        default=CausalConfig.base,
        metavar="NAME",
        help="for the policy 'causal': a causal language model, by the name of its folder in HIEREX_MODELS",
    )
    run.add_argument(
        "--tune-text",
        action="store_true",
        help="for the policy 'encoder': let the text model learn from the moves too, which takes minutes",
    )
    run.add_argument("--seed", type=int, default=0)
    run.add_argument(
        "--model",
        default=EmbeddingConfig.model,
        help="text model: name or folder of a sentence-transformers model; or "
        f"'{VECTORS_IN_FILE}', for a column of vectors in the catalogue",
    )
    run.add_argument(
        "--behaviour",
        type=float,
        default=BehaviourConfig.weight,
        metavar="WEIGHT",
        help="how much it counts for the interests who consumes what, beside texts: 0 (only texts) to below 1",
    )
    run.add_argument(
        "--regrow", action="store_true", help="grow the tree of interests anew where the earlier one could be kept"
    )
    run.add_argument("--until", choices=STAGES, default=STAGES[-1], help="stop after this stage")
    run.set_defaults(command=run_command)

    predict = commands.add_parser("predict", help="novel interests and items for users, as Parquet")
    who = predict.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", action="append", metavar="ID", help="a user id; may be repeated")
    who.add_argument("--users", type=Path, metavar="FILE", help="user ids, one a line")
    who.add_argument("--all", action="store_true")
    predict.add_argument("--top", type=positive, default=10, help="novel interests for each user")
    predict.add_argument("--items", type=positive, default=10, help="items for each novel interest")
    predict.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")
    predict.add_argument("--latest", action="store_true", help="of the latest build, also where another is released")
    predict.add_argument(
        "--whole-history",
        action="store_true",
        help="read everything that a user had, and not the latest interests: for 'encoder' and 'ease'",
    )
    predict.set_defaults(command=predict_command)

    evaluate = commands.add_parser("evaluate", help="how well the predictions do on held-out time")
    evaluate.set_defaults(command=evaluate_command)

    export = commands.add_parser("export", help="all tables as Parquet, and fine-tuning examples as JSONL")
    export.add_argument("--out", type=Path, required=True, metavar="DIR")
    export.set_defaults(command=export_command)

    asking = [add_describe(commands), *add_model_commands(commands)]

    for command in (run, predict, evaluate, export, *asking):
        command.add_argument("--store", type=Path, required=True, help="the workspace file")
        command.add_argument("--granularity", type=int, metavar="N", help="number of interests")
    for command in (run, evaluate, *asking):
        command.add_argument("--json", action="store_true", help="end with one JSON object")

    add_experiment(commands)
    app = commands.add_parser("app", help="open the app in the browser")
    app.add_argument("--port", type=int, default=8501)
    app.set_defaults(command=app_command)
    sample = commands.add_parser("sample", help="build the sample workspace, unless it is built")
    sample.set_defaults(command=sample_command)
    return parser


def add_describe(commands) -> argparse.ArgumentParser:
    describe = commands.add_parser("describe", help="have a language model describe the interests")
    add_cap(describe)
    describe.add_argument("--language", help="of the descriptions; else the workspace's")
    describe.add_argument("--coarser", action="store_true", help="also what the interests are parts of")
    describe.add_argument("--again", choices=AGAIN, default="no", help="also ask about what failed, or about all")
    describe.add_argument("--at-once", type=positive, default=AT_ONCE, metavar="N", help="questions on their way")
    describe.set_defaults(command=describe_command)
    return describe


def run_command(options: argparse.Namespace) -> None:
    started = perf_counter()
    config = config_from(options)
    with open_workspace(options, create=True) as store:
        lines = StageLines()
        report = lines.timed(
            "logs", lambda: import_files(store, options.items, options.interactions, options.liked_from)
        )
        if report.liked:
            print(f"{'':<18}only what is {report.liked} shows an interest", flush=True)
        active = active_preset(store)
        if active and config.granularity is None:
            print(f"{active.granularity:,} interests: '{active.name}', the saved number that is active", flush=True)
            config = replace(config, granularity=active.granularity)
        work = run_pipeline(store, config, until=options.until, watch=lines.watch)
        lines.say(notes_of(work))
        if options.json:
            print(json.dumps(summary(work, report, lines.seconds, perf_counter() - started)))


def config_from(options: argparse.Namespace) -> RunConfig:
    """What `run` is told."""
    return RunConfig(
        granularity=options.granularity,
        seed=options.seed,
        regrow=options.regrow,
        policy=PolicyConfig(
            kind=options.policy, tune_text=options.tune_text, causal=CausalConfig(base=options.base_model)
        ),
        recommender=RecommenderConfig(kind=options.recommender),
        embedding=EmbeddingConfig(model=options.model),
        behaviour=BehaviourConfig(weight=options.behaviour),
    )


def predict_command(options: argparse.Namespace) -> None:
    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="recommenders")
        if options.granularity is None and not options.latest:
            work = released_or(work)
        if options.all:
            users = np.arange(len(work.user_ids))
        else:
            users = find_users(work, options.user or read_ids(options.users))
        served = serve_users(work, users, top=options.top, items=options.items, whole=options.whole_history)
        frame = served_frame(work, served)
    write_parquet(frame, options.out)
    print(f"{frame['user_id'].nunique():,} of {len(users):,} users, {len(frame):,} predictions: {options.out}")


def released_or(work: Workspace) -> Workspace:
    """Whose predictions are released, or this where none is."""
    run = released_run(work.store)
    return serve_release(work, run) if run else work


def evaluate_command(options: argparse.Namespace) -> None:
    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="evaluation")
        parts = work.evaluation | {"granularities": work.granularity_effects()}
        if options.json:
            found = {part: json.loads(frame.to_json(orient="records")) for part, frame in parts.items()}
            print(json.dumps({"granularity": work.granularity, **found}))
            return
        for part, frame in parts.items():
            print(f"\n{part} at {work.granularity} interests\n{frame.to_string(index=False)}")


def export_command(options: argparse.Namespace) -> None:
    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="transition_table")
        for file in export_all(work, options.out):
            print(file)


def describe_command(options: argparse.Namespace) -> None:
    """Ends with an error where the run ended before its time; what came is kept."""
    endpoint = endpoint_of(options)
    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="descriptions")
        nodes = work.taxonomy.part_nodes
        nodes = with_coarser(work.tree.parent, nodes) if options.coarser else nodes
        plan = plan_descriptions(work, nodes, endpoint, language=options.language, again=options.again)
        print(estimate_text(plan.estimate, endpoint), file=sys.stderr)
        if options.estimate:
            print_json(options, {"estimate": asdict(plan.estimate)})
            return
        outcome = describe_interests(
            work,
            plan,
            LanguageModel(endpoint).ask,
            cap=Cap(options.cap, options.cap_tokens),
            concurrency=options.at_once,
            progress=MeterLine().show,
        )
    print_json(options, {"estimate": asdict(plan.estimate), "ended": outcome.ended, "meter": asdict(outcome.reading)})
    for node, reason in {**outcome.failed, **outcome.unanswered}.items():
        print(f"interest {node}: {reason}", file=sys.stderr)
    if outcome.ended != "done":
        raise HierexError(outcome.reason)


def app_command(options: argparse.Namespace) -> None:
    print(f"hierex is at http://localhost:{options.port}  (stop it with Ctrl-C)", flush=True)
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(options.port)]
    os.chdir(ROOT)
    os.execv(sys.executable, command)  # the server takes this process over, so that whoever stops one stops both


def sample_command(options: argparse.Namespace) -> None:
    """Builds the sample workspace in the folder that the app looks in."""
    path = workspace_path(ServerConfig.from_environment().workspaces, SAMPLE_NAME)
    with open_store(path) as store:
        if shown_run(store) and shown_run(store).status == "done":
            print(f"The sample workspace is ready: {path}")
            return
        print("Building the sample workspace (about a minute, once) ...", flush=True)
        lines = StageLines()
        lines.timed("logs", lambda: import_files(store, SAMPLE / "items.csv", SAMPLE / "interactions.csv.gz", None))
        run_pipeline(store, RunConfig(), watch=lines.watch)


class StageLines:
    """Prints a line for every finished stage and remembers its seconds."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    def watch(self, stage: str, state: str, value: float) -> None:
        if state == "running" or stage not in (*STAGES, *ON_DEMAND) or stage in self.seconds:
            return
        self.seconds[stage] = round(value, 3)
        print(f"{stage:<18}{value:8.1f} s{'  (kept)' if state == 'reused' else ''}", flush=True)

    def say(self, notes: dict[str, str]) -> None:
        """What has to be said about how results came about."""
        for stage, note in notes.items():
            print(f"{stage:<18}{note}", flush=True)

    def timed(self, stage: str, work: Callable):
        started = perf_counter()
        result = work()
        self.watch(stage, "made", perf_counter() - started)
        return result


def import_files(store, items: Path, interactions: Path, liked_from: float | None) -> LogReport:
    files = LogFile(items, items.name), LogFile(interactions, interactions.name)
    return import_logs(store, *files, liked_from=liked_from)


def read_ids(path: Path) -> list[str]:
    """User ids, one a line. Raises LogError when the file cannot be read or holds none."""
    try:
        ids = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"'{path.name}' cannot be read as a text file with one user id a line ({error}).") from error
    if not ids:
        raise LogError(f"'{path.name}' holds no user id. Write one a line.")
    return ids


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Written beside its place first, so that a file is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(part, index=False)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise HierexError(f"'{path}' cannot be written: {error.strerror or error}.") from error


def summary(work: Workspace, report: LogReport, seconds: dict[str, float], total: float) -> dict:
    """What `run --json` ends with. Memory is in MiB; ru_maxrss counts KiB, on macOS bytes."""
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return {
        "version": __version__,
        "seconds": round(total, 3),
        "stage_seconds": seconds,
        "notes": notes_of(work),
        "counts": {
            "items": len(work.items),
            "users": len(work.user_ids),
            "interactions": len(work.interactions.item_index),
            "interests": work.granularity if "interest_tree" in work.keys else None,
            "dropped": {drop.reason: drop.count for drop in report.drops},
        },
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1),
    }
