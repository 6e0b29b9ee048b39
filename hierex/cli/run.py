"""The command that imports logs and runs the whole pipeline, and the lines by which it says how far it is."""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from .. import ON_DEMAND, STAGES, __version__
from ..config import (
    POLICIES,
    RECOMMENDERS,
    VECTORS_IN_FILE,
    BehaviourConfig,
    CausalConfig,
    EmbeddingConfig,
    PolicyConfig,
    RecommenderConfig,
    RunConfig,
)
from ..imports import import_logs
from ..kept.presets import active_preset
from ..logs import LogFile, LogReport
from ..pipeline import run_pipeline
from ..workspace import Workspace
from .parts import notes_of, open_workspace


def add_run(commands) -> argparse.ArgumentParser:
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
    return run


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
            "interests": work.granularity if "taxonomy" in work.keys else None,
            "dropped": {drop.reason: drop.count for drop in report.drops},
        },
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1),
    }
