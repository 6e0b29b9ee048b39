"""What several commands share: the workspace, the endpoint, the bound on its cost, and the lines that are shown."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..config import RunConfig
from ..errors import ConfigError
from ..kept.results import result_note
from ..kept.runs import config_of, shown_run
from ..llm.endpoint import Endpoint
from ..llm.meter import Reading
from ..pipeline import run_pipeline
from ..store import open_store
from ..wording.models import described_text
from ..workspace import Workspace

NOTED = ("interest_tree", "policies")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def file_ending_in(ending: str) -> Callable[[str], Path]:
    """For a file that is written in one format only, which nobody should take for another."""

    def named(text: str) -> Path:
        if Path(text).suffix.lower() != ending:
            raise argparse.ArgumentTypeError(f"'{text}' has to end in {ending}, which is the format that is written")
        return Path(text)

    return named


def add_cap(command: argparse.ArgumentParser) -> None:
    command.add_argument("--estimate", action="store_true", help="say what it would ask and cost, and ask nothing")
    command.add_argument("--cap", type=float, metavar="DOLLARS", help="stop before it costs more")
    command.add_argument("--cap-tokens", type=positive, metavar="N", help="stop before it takes more tokens")


def endpoint_of(options: argparse.Namespace, *, costs: bool = True) -> Endpoint:
    """The endpoint that is set up. costs: whether something is ordered. Raises ConfigError for none, where nothing
    bounds what it may cost, and for an estimate of what costs nothing."""
    endpoint = Endpoint.from_environment()
    if endpoint is None:
        raise ConfigError("No language model is set up. Name one in HIEREX_LLM_MODEL; see the README.")
    if costs and not options.estimate and options.cap is None and options.cap_tokens is None and not endpoint.is_local:
        raise ConfigError("Say what this may cost at most, with --cap or --cap-tokens; --estimate tells what it would.")
    if options.estimate and not costs:
        raise ConfigError("--estimate tells what an order would cost, and this orders nothing. Leave one of them out.")
    return endpoint


def print_json(options: argparse.Namespace, found: dict) -> None:
    if options.json:
        print(json.dumps(found))


def open_workspace(options: argparse.Namespace, *, create: bool = False):
    path = options.store if options.store.suffix else options.store.with_suffix(".duckdb")
    return open_store(path, create=create)


def work_at(store, granularity: int | None, *, until: str) -> Workspace:
    """The finished run of this workspace; at another granularity, or when there is none, what is missing is made."""
    run = shown_run(store)
    config = config_of(run.config) if run else RunConfig()
    wanted = replace(config, granularity=config.granularity if granularity is None else granularity)
    if run and run.status == "done" and wanted == config:
        return Workspace(store, config, run.keys)
    work = run_pipeline(store, wanted, until=until, chosen=run is None)
    for note in notes_of(work).values():
        print(note, file=sys.stderr)
    return work


def notes_of(work: Workspace) -> dict[str, str]:
    """What has to be said about how interests and predictions came about, by stage, where there is something."""
    notes = {stage: result_note(work.store, stage, work.keys.get(stage, "")) for stage in NOTED}
    return {stage: note for stage, note in notes.items() if note}


class MeterLine:
    """A line on the error stream about a run with a language model: rewritten on a terminal, else every few seconds."""

    EVERY = 5.0

    def __init__(self, text_of: Callable[[Reading], str] = described_text):
        self._text_of, self._shown = text_of, -self.EVERY

    def show(self, reading: Reading) -> None:
        finished = reading.done == reading.total
        if not (sys.stderr.isatty() or finished or reading.seconds - self._shown >= self.EVERY):
            return
        self._shown = reading.seconds
        text = self._text_of(reading)
        end = "\n" if finished or not sys.stderr.isatty() else ""
        print(f"\r{text}" if sys.stderr.isatty() else text, end=end, file=sys.stderr)
