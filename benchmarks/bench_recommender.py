"""The recommenders: how well they rank, how fast they are held to an interest, and how fast they learn.

    python -m benchmarks.bench_recommender [--data FOLDER] [--vectors FOLDER] [--peers] [--items 1000000]
        [--interactions 1000000] [--seed 0]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used.
`--vectors` keeps what the text model read for the next time. `--peers` adds RecTools' SASRec, in an environment of its
own (see `benchmarks.peers`), of the size of ours, with its own batches, and with the learning rate and number of epochs
that rank second-last items best.

- Quality: everybody's last item (of those with three or more) is the answer, all before it is trained on; nothing of a
  history is a candidate, and answers that are in the history are no cases. With 95 % intervals over people.
- Restricted: the best ten of one interest for one user, against scoring all items and dropping those outside it.
- Many: three interests each for many users at once, against one user at a time.
- Training: made-up interactions, one epoch each.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hierex.config import RecommenderConfig
from hierex.grounding import ground, recommend_anything
from hierex.imports import import_logs
from hierex.kept import stored_logs
from hierex.logs import Interactions, LogFile
from hierex.metrics import ndcg_at, recall_at
from hierex.ranking import best_columns
from hierex.recommenders import (
    PopularityRecommender,
    Recommender,
    SequenceRecommender,
    train_item_item,
    train_sequence,
)
from hierex.recommenders.sequence import Transformer
from hierex.store import open_store
from hierex.taxonomy import Taxonomy
from hierex.transition_table import Predictions

from .bench_policies import read_texts
from .bench_run import data_sets, markdown
from .peers import recommend_with_sasrec

TOP = 10
N_INTERESTS = 761
PEER_EPOCHS = (5, 10, 20, 40)
PEER_RATES = (1e-3, 4e-3)
CONFIG = RecommenderConfig()
SIZE = {"factors": CONFIG.dimensions, "blocks": CONFIG.layers, "heads": CONFIG.heads, "length": CONFIG.max_length}
PEER = "RecTools' SASRec"
CLOCKS = ("by the clock", "of the processor")
"""Where other work shares the machine, only the second says how long it takes on one of one's own."""
WARM_UP_CALLS = 5


def read_data(name: str, files: tuple[Path, Path], kept: Path) -> tuple[Interactions, np.ndarray]:
    """The log, and the vectors of the items' texts."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "w.duckdb") as store:
        import_logs(store, *(LogFile(file, file.name) for file in files))
        items, log = stored_logs.read_items(store), stored_logs.read_interactions(store)
    texts = (items["title"] + ". " + items["text"]).str.strip(". ").tolist()
    return log, read_texts(kept / f"{name}-items.npy", lambda: texts)


class Split:
    """A log without the last `back` items of everybody who has three or more; the first of those left out is asked for.

    train: the log that is left; users, answers: (n,) of the cases.
    """

    def __init__(self, log: Interactions, back: int):
        n = np.diff(log.starts)
        left = n - np.where(n >= 3, back, 0)
        kept = np.arange(len(log.item_index)) < (log.starts[:-1] + left)[log.user_index]
        starts = np.concatenate([[0], np.cumsum(left)])
        rows = (log.user_index[kept], log.item_index[kept], log.clock[kept])
        self.train = Interactions(*rows, starts, log.n_items, log.has_dates)
        users = np.flatnonzero(n >= 3)
        answers = log.item_index[log.starts[users + 1] - back]
        new = [answer not in self.train.items_of(user) for user, answer in zip(users, answers, strict=True)]
        self.users, self.answers = users[new], answers[new]

    def best(self, recommender: Recommender) -> np.ndarray:
        """(n, TOP) items, -1 for none."""
        histories = [self.train.items_of(user) for user in self.users]
        found = recommend_anything(recommender, histories, self.train.n_items, top=TOP).items
        return np.array([np.pad(items, (0, TOP - len(items)), constant_values=-1) for items in found])

    def judge(self, best: np.ndarray) -> dict[str, np.ndarray]:
        """By metric, (n,)."""
        hit = best == self.answers[:, None]
        better = np.where(hit.any(axis=1), hit.argmax(axis=1), TOP)
        ones = np.ones_like(better)
        return {"NDCG@10": ndcg_at(better, ones, k=TOP), "recall@10": recall_at(better, ones, k=TOP)}


def measure_quality(log: Interactions, vectors: np.ndarray, seed: int, peers: bool) -> pd.DataFrame:
    split = Split(log, 1)
    ways: dict[str, Callable[[], Recommender]] = {
        "sequence": lambda: train_sequence(split.train, vectors, config=CONFIG, seed=seed),
        "sequence, without texts": lambda: train_sequence(split.train, config=CONFIG, seed=seed),
        "EASE": lambda: train_item_item(split.train, config=CONFIG, seed=seed),
        "popularity": lambda: PopularityRecommender(split.train.traffic()),
    }
    rows = {}
    for name, make in ways.items():
        took, recommender = timed(make)
        rows[name] = show(split.judge(split.best(recommender)), took)
    if peers:
        earlier, tried = Split(log, 2), {}
        for rate in PEER_RATES:
            for epochs, (_, best) in run_peer(earlier, PEER_EPOCHS, rate, seed).items():
                tried[rate, epochs] = earlier.judge(best)["NDCG@10"].mean()
        print(f"{PEER} on second-last items, NDCG@10 by rate and epochs: {tried}", flush=True)
        rate, epochs = max(tried, key=lambda setting: tried[setting])
        took, best = run_peer(split, [epochs], rate, seed)[epochs]
        rows[f"{PEER}, {epochs} epochs at {rate:g}"] = show(split.judge(best), took)
    return pd.DataFrame.from_dict(rows, orient="index")


def run_peer(split: Split, epochs, rate: float, seed: int) -> dict[int, tuple[list[float], np.ndarray]]:
    options = [part for name, value in SIZE.items() for part in (f"--{name}", str(value))]
    options += ["--rate", str(rate)]
    log = split.train
    return recommend_with_sasrec(log.user_index, log.item_index, split.users, epochs, *options, "--seed", str(seed))


def show(metrics: dict[str, np.ndarray], seconds: Sequence[float]) -> dict[str, str]:
    cells = {}
    for name, values in metrics.items():
        mean, spread = values.mean(), 1.96 * values.std(ddof=1) / len(values) ** 0.5
        cells[name] = f"{mean:.4f} [{mean - spread:.4f}, {mean + spread:.4f}]"
    return {**cells, "training, s of the processor": f"{seconds[1]:.0f}"}


def make_recommender(n_items: int, seed: int) -> SequenceRecommender:
    """As large as a trained one; for times, what it has learned does not matter."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    transformer = Transformer(CONFIG.dimensions, CONFIG.layers, CONFIG.heads, CONFIG.max_length)
    matrix = rng.normal(0, 0.1, (n_items, CONFIG.dimensions)).astype(np.float32)
    return SequenceRecommender(transformer, matrix, rng.normal(0, 1, n_items).astype(np.float32))


def make_taxonomy(n_items: int, rng: np.random.Generator) -> Taxonomy:
    """Interests of uneven sizes: the borders are drawn evenly."""
    inner = np.sort(rng.choice(np.arange(1, n_items), N_INTERESTS - 1, replace=False))
    bounds = np.concatenate([[0], inner, [n_items]]).astype(np.int32)
    lo, hi, order = bounds[:-1], bounds[1:], rng.permutation(n_items).astype(np.int32)
    cluster_of_item = np.empty(n_items, np.int32)
    cluster_of_item[order] = np.repeat(np.arange(N_INTERESTS, dtype=np.int32), hi - lo)
    ids, ones = np.arange(N_INTERESTS, dtype=np.int32), np.ones(N_INTERESTS)
    return Taxonomy(ids, lo, hi, ones, ones, order, cluster_of_item, np.zeros(n_items, bool), ids, ids)


def make_histories(n_users: int, n_items: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Of 5 to 100 items."""
    return [rng.integers(0, n_items, rng.integers(5, 101)).astype(np.int32) for _ in range(n_users)]


def predict(users: np.ndarray, novel: np.ndarray) -> Predictions:
    ones = np.ones(len(users), np.float32)
    contexts, rank = np.zeros((len(users), 2), np.int32), np.ones(len(users), np.int32)
    return Predictions(users, contexts, rank, novel, ones, np.full(len(users), "table"))


def filter_all(recommender: Recommender, taxonomy: Taxonomy, history: np.ndarray, interest: int) -> np.ndarray:
    """The same ten the long way round."""
    scores = np.array(recommender.score([history], np.arange(len(taxonomy.order))))
    scores[0, history] = -np.inf
    scores[0, taxonomy.cluster_of_item != interest] = -np.inf
    return best_columns(scores, TOP)[0]


def measure_restricted(n_items: int, seed: int, n_calls: int = 300, n_slow: int = 30) -> None:
    rng = np.random.default_rng(seed)
    recommender, taxonomy = make_recommender(n_items, seed), make_taxonomy(n_items, rng)
    histories = make_histories(n_calls, n_items, rng)
    interests = taxonomy.cluster_of_item[rng.integers(0, n_items, n_calls)]
    quick, slow = [], []
    for call, (history, interest) in enumerate(zip(histories, interests, strict=True)):
        asked = predict(np.zeros(1, int), interest[None])
        took, found = timed(ground, asked, recommender, taxonomy, [history], top=TOP)
        quick.append(took)
        if call < n_slow:
            took, same = timed(filter_all, recommender, taxonomy, history, interest)
            slow.append(took)
            found = found.items[0]
            assert len(np.intersect1d(found, same)) >= len(found) - 1, "the two ways differ by more than rounding"
    print(f"\nBest ten of one interest, {n_items:,} items, {N_INTERESTS} interests, ms\n")
    warm, rows = quick[WARM_UP_CALLS:], {}
    for column, clock in enumerate(CLOCKS):
        ours, theirs = (np.array(times)[:, column] * 1000 for times in (warm, slow))
        rows[clock] = {
            "median": f"{np.median(ours):.2f}",
            "99 % within": f"{np.percentile(ours, 99):.2f}",
            "scoring all, median": f"{np.median(theirs):.1f}",
            "times": f"{np.median(theirs) / np.median(ours):.0f}",
        }
    print(markdown(pd.DataFrame.from_dict(rows, orient="index")), flush=True)


def measure_many(seed: int, n_users: int = 10_000, n_items: int = 20_000, n_single: int = 300) -> None:
    rng = np.random.default_rng(seed)
    recommender, taxonomy = make_recommender(n_items, seed), make_taxonomy(n_items, rng)
    histories = make_histories(n_users, n_items, rng)
    users = np.repeat(np.arange(n_users), 3)
    novel = rng.integers(0, N_INTERESTS, len(users)).astype(np.int32)
    of_rows = [histories[user] for user in users]
    together, _ = timed(ground, predict(users, novel), recommender, taxonomy, of_rows, top=TOP)

    def one_by_one() -> None:
        for user in range(n_single):
            rows = slice(3 * user, 3 * user + 3)
            ground(predict(users[rows], novel[rows]), recommender, taxonomy, of_rows[rows], top=TOP)

    singly = np.array(timed(one_by_one)[0]) * n_users / n_single
    print(f"\nThree interests each for {n_users:,} users, {n_items:,} items, s\n")
    rows = {
        clock: {"at once": f"{a:.2f}", f"one user at a time, from {n_single}": f"{b:.1f}", "times": f"{b / a:.1f}"}
        for clock, a, b in zip(CLOCKS, together, singly, strict=True)
    }
    print(markdown(pd.DataFrame.from_dict(rows, orient="index")), flush=True)


def timed(function: Callable, *args, **kwargs) -> tuple[tuple[float, float], object]:
    """Seconds by each of `CLOCKS`, and the result."""
    start, cpu = time.perf_counter(), time.process_time()
    result = function(*args, **kwargs)
    return (time.perf_counter() - start, time.process_time() - cpu), result


def measure_training(n: int, seed: int, peers: bool, n_items: int = 10_000, length: int = 40) -> None:
    rng = np.random.default_rng(seed)
    items = (n_items * rng.random(n) ** 3).astype(np.int32)
    users = np.repeat(np.arange(n // length, dtype=np.int32), length)
    items, starts = items[: len(users)], np.arange(n // length + 1) * length
    log = Interactions(users, items, np.arange(len(users)), starts, n_items, False)
    took, _ = timed(train_sequence, log, config=replace(CONFIG, epochs=1), seed=seed)
    print(f"\nOne epoch over {len(users):,} interactions, {n_items:,} items: {took[0]:.0f} s", end="")
    print(f" ({took[1]:.0f} s of processor time)", end="", flush=True)
    if peers:
        options = [part for name, value in SIZE.items() for part in (f"--{name}", str(value))]
        options += ["--seed", str(seed)]
        theirs = recommend_with_sasrec(users, items, np.empty(0, int), [1], *options)[1][0]
        print(f"; {PEER}: {theirs[0]:.0f} s ({theirs[1]:.0f} s)", end="")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--vectors", type=Path, help="a folder in which vectors of texts are kept")
    parser.add_argument("--only", nargs="*", help="data sets to measure; all where it is left out")
    parser.add_argument("--items", type=int, default=1_000_000, help="of the catalogue that is timed")
    parser.add_argument("--interactions", type=int, default=1_000_000, help="of the log that is timed")
    parser.add_argument("--peers", action="store_true", help="RecTools' SASRec too; fetches it on first use")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.", flush=True)
    measure_restricted(options.items, options.seed)
    measure_many(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        for name, files in data_sets(options.data).items():
            if options.only is None or name in options.only:
                log, vectors = read_data(name, files, options.vectors or Path(folder))
                cases = len(Split(log, 1).users)
                table = measure_quality(log, vectors, options.seed, options.peers)
                print(f"\n{name}: {cases:,} last items\n\n{markdown(table)}", flush=True)
    measure_training(options.interactions, options.seed, options.peers)


if __name__ == "__main__":
    main()
