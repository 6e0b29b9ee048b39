"""The same pipeline without the app, for automation. Names and files are a contract; see the README."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from .. import __version__
from ..config import RunConfig
from ..errors import HierexError, LogError, NotReady
from ..files.exports import export_all
from ..kept.curation_edits import read_taxonomy_key
from ..kept.releases import read_releases, released_run
from ..kept.runs import shown_run
from ..pipeline import run_pipeline
from ..releases.released_work import serve_latest, serve_release
from ..server_config import ServerConfig
from ..serving import find_users, serve_users, served_frame
from ..store import Store, open_store
from ..workspace import Workspace
from ..workspace_folder import SAMPLE_NAME, workspace_path
from ..workspace_measures import effects_of
from .experiment import add_experiment
from .models import add_model_commands
from .parts import file_ending_in, open_workspace, positive, work_at
from .run import StageLines, add_run, import_files

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, or 2 with the reason on the error stream."""
    options = build_parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except HierexError as error:
        print(f"hierex: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads what is printed has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as stopped:  # with what goes on elsewhere, where something does
        print(f"hierex: stopped; what was finished is kept. {stopped}".rstrip(), file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("hierex", description="Explore people's novel interests.")
    parser.add_argument("--version", action="version", version=f"hierex {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = add_run(commands)

    predict = commands.add_parser("predict", help="novel interests and items for users, as Parquet")
    who = predict.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", action="append", metavar="ID", help="a user id; may be repeated")
    who.add_argument("--users", type=Path, metavar="FILE", help="user ids, one a line")
    who.add_argument("--all", action="store_true")
    predict.add_argument("--top", type=positive, default=10, help="novel interests for each user")
    predict.add_argument("--items", type=positive, default=10, help="items for each novel interest")
    predict.add_argument("--out", type=file_ending_in(".parquet"), required=True, metavar="FILE.parquet")
    predict.add_argument(
        "--latest", action="store_true", help="of the latest build, also where another is released or none is"
    )
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

    asking = add_model_commands(commands)

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


def predict_command(options: argparse.Namespace) -> None:
    with open_workspace(options) as store:
        work = work_to_serve(store, options)
        if options.all:
            users = np.arange(len(work.user_ids))
        else:
            users = find_users(work, options.user or read_ids(options.users))
        served = serve_users(work, users, top=options.top, items=options.items, whole=options.whole_history)
        frame = served_frame(work, served)
    write_parquet(frame, options.out)
    print(f"{frame['user_id'].nunique():,} of {len(users):,} users, {len(frame):,} predictions: {options.out}")


def work_to_serve(store: Store, options: argparse.Namespace) -> Workspace:
    """What is released; the latest build, or one at another granularity, where that is asked for or nothing was ever
    decided.

    Raises NotReady where it was decided to serve nothing, or to serve another granularity than is asked for.
    """
    decided = read_releases(store)
    if options.latest or not decided:
        if not options.latest:
            print("Nothing was released yet: nobody has approved these predictions.", file=sys.stderr)
        return serve_latest(work_at(store, options.granularity, until="recommenders"))
    unapproved = "Take those that nobody has approved with --latest, or release some in the app."
    released = released_run(store)
    if released is None:
        raise NotReady(f"No predictions are served: {decided[0].author or 'somebody'} decided so. {unapproved}")
    granularity, _ = read_taxonomy_key(released.keys["taxonomy"])
    if options.granularity not in (None, granularity):
        raise NotReady(f"Predictions with --granularity {granularity} are served, and no others. {unapproved}")
    return serve_release(work_at(store, None, until="recommenders"), released)


def evaluate_command(options: argparse.Namespace) -> None:
    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="evaluation")
        parts = work.evaluation | {"granularities": effects_of(work)}
        if options.json:
            found = {part: json.loads(frame.to_json(orient="records")) for part, frame in parts.items()}
            print(json.dumps({"granularity": work.granularity, **found}))
            return
        for part, frame in parts.items():
            print(f"\n{part} at {work.taxonomy.n_clusters} interests\n{frame.to_string(index=False)}")


def export_command(options: argparse.Namespace) -> None:
    with open_workspace(options) as store:
        work = work_at(store, options.granularity, until="transition_table")
        for file in export_all(work, options.out):
            print(file)


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
