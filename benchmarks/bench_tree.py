"""How good, how even, how stable and how fast the tree is, against the clusterings of scikit-learn on the same vectors.

    python -m benchmarks.bench_tree [--data FOLDER] [--items 100000] [--vectors FOLDER] [--seed 0]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used.
`--items` is the number of made-up items whose tree is timed (0: none); `--vectors` keeps embeddings for the next time.
Every way gets the same vectors and weights (an item's traffic and a tenth of the mean); scikit-learn has its defaults.

- coherence: weighted mean cosine of items to the weighted centroid of their interest; beside it the ratio to KMeans;
- largest/mean: the interest with the most traffic over the mean. Nothing can be done about single items with more
  traffic than the mean interest, so they are set aside: their traffic counts for no interest, but in the mean;
- AMI: adjusted mutual information with the first category, over the items that have one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.metrics import adjusted_mutual_info_score

from hierex.config import EmbeddingConfig, TreeConfig
from hierex.embeddings import embed_texts
from hierex.interest_tree import UNSEEN_SHARE, InterestTree, grow_tree
from hierex.taxonomy import cut_tree
from hierex.threads import SETTINGS

from .bench_run import data_sets, markdown

GRANULARITIES = (100, 300, 761)
STABLE_AT = 300
TEXTS = ("title", "text", "description", "tags", "hashtags")
PEERS = {"KMeans": KMeans, "BisectingKMeans": BisectingKMeans, "MiniBatchKMeans": MiniBatchKMeans}


def read_data(items: Path, interactions: Path, kept: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, traffic and first category ('' if unknown) of every item."""
    read = pd.read_parquet if items.suffix == ".parquet" else pd.read_csv
    catalogue, log = read(items), read(interactions)
    file = kept / f"{items.parent.name}.npy"
    if not file.exists():
        texts = catalogue[[name for name in TEXTS if name in catalogue]].fillna("").agg("\n".join, axis=1)
        np.save(file, embed_texts(texts.str.replace("|", ", ").tolist(), config=EmbeddingConfig()))
    item_id = next(name for name in catalogue if name in log)
    traffic = log[item_id].value_counts().reindex(catalogue[item_id], fill_value=0).to_numpy(float)
    category = catalogue["category"].fillna("") if "category" in catalogue else pd.Series("", catalogue.index)
    return np.load(file), traffic, category.str.split("|").str[0].to_numpy()


def weigh(traffic: np.ndarray) -> np.ndarray:
    return traffic + UNSEEN_SHARE * traffic.mean()


def coherence(labels: np.ndarray, vectors: np.ndarray, weight: np.ndarray) -> float:
    sums = np.zeros((labels.max() + 1, vectors.shape[1]))
    np.add.at(sums, labels, vectors * weight[:, None])
    return np.linalg.norm(sums, axis=1).sum() / weight.sum()


def imbalance(labels: np.ndarray, traffic: np.ndarray, granularity: int) -> tuple[float, np.ndarray]:
    """Largest over mean without the items that have more than the mean, and which items these are."""
    mean = traffic.sum() / granularity
    alone = traffic > mean
    return np.bincount(labels, np.where(alone, 0, traffic)).max() / mean, alone


def agreement(labels: np.ndarray, category: np.ndarray) -> float:
    known = category != ""
    return adjusted_mutual_info_score(category[known], labels[known]) if known.any() else np.nan


def quality_table(vectors: np.ndarray, traffic: np.ndarray, category: np.ndarray, seed: int) -> pd.DataFrame:
    """One row per way and granularity."""
    weight = weigh(traffic)
    start = time.perf_counter()
    tree = grow_tree(vectors, traffic, config=TreeConfig(), seed=seed)
    grown = time.perf_counter() - start
    rows = {}
    for granularity in (n for n in GRANULARITIES if n <= tree.finest):
        found = {"hierex": (cut_tree(tree, granularity).cluster_of_item, grown)}
        for name, make in PEERS.items():
            start = time.perf_counter()
            labels = make(granularity, random_state=seed).fit(vectors, sample_weight=weight).labels_
            found[name] = labels, time.perf_counter() - start
        flat = coherence(found["KMeans"][0], vectors, weight)
        for name, (labels, seconds) in found.items():
            of_mean, alone = imbalance(labels, traffic, granularity)
            rows[f"{name}, {granularity}"] = {
                "coherence": f"{coherence(labels, vectors, weight):.4f}",
                "of KMeans": f"{coherence(labels, vectors, weight) / flat:.3f}",
                "largest/mean": f"{of_mean:.2f}",
                "with all items": f"{np.bincount(labels, traffic).max() / traffic.sum() * granularity:.2f}",
                "items set aside": f"{alone.sum()} ({traffic[alone].sum() / traffic.sum():.0%} of traffic)",
                "AMI": f"{agreement(labels, category):.4f}",
                "seconds": f"{seconds:.2f}" + (", all granularities" if name == "hierex" else ""),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def stability_table(vectors: np.ndarray, traffic: np.ndarray, seed: int) -> pd.DataFrame:
    """AMI between two clusterings: from two random halves of the traffic, and from two seeds."""
    half = np.random.default_rng(seed).binomial(traffic.astype(np.int64), 0.5).astype(float)
    finest = grow_tree(vectors, traffic, config=TreeConfig(), seed=seed).finest
    granularity = min(STABLE_AT, finest)

    def of_tree(traffic: np.ndarray, seed: int) -> np.ndarray:
        return cut_tree(grow_tree(vectors, traffic, config=TreeConfig(), seed=seed), granularity).cluster_of_item

    def of_means(traffic: np.ndarray, seed: int) -> np.ndarray:
        return KMeans(granularity, random_state=seed).fit(vectors, sample_weight=weigh(traffic)).labels_

    def ami(way: Callable, first: tuple, second: tuple) -> str:
        return f"{adjusted_mutual_info_score(way(*first), way(*second)):.3f}"

    rows = {
        f"{name}, {granularity}": {
            "two halves of traffic": ami(way, (half, seed), (traffic - half, seed)),
            "two seeds": ami(way, (traffic, seed), (traffic, seed + 1)),
        }
        for name, way in (("hierex", of_tree), ("KMeans", of_means))
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def make_items(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """384 dimensions: 50 themes of 40 topics, and traffic that a few items have most of."""
    rng = np.random.default_rng(seed)
    topics = np.repeat(rng.standard_normal((50, 384), np.float32), 40, axis=0)
    topics += rng.standard_normal(topics.shape, np.float32)
    vectors = rng.standard_normal((n, 384), np.float32)
    for part in np.array_split(np.arange(n), max(1, n // 10_000)):
        vectors[part] += topics[rng.integers(len(topics), size=len(part))]
        vectors[part] /= np.linalg.norm(vectors[part], axis=1, keepdims=True)
    return vectors, np.floor(rng.pareto(1.2, n) * 3)


def time_case(case: str, n: int, seed: int) -> dict:
    """Seconds and peak memory of one way, and the milliseconds of a cut at a million items."""
    vectors, traffic = make_items(n, seed)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    if case == "hierex":
        tree = grow_tree(vectors, traffic, config=TreeConfig(), seed=seed)
    else:
        MiniBatchKMeans(GRANULARITIES[-1], random_state=seed).fit(vectors, sample_weight=weigh(traffic))
    figures = {
        "seconds": time.perf_counter() - start,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "before": before / 2**20,
    }
    return figures | ({"interests": tree.finest, "cut": time_cut(tree)} if case == "hierex" else {})


def time_cut(tree: InterestTree, n: int = 1_000_000) -> float:
    """Milliseconds for the labels of a million items: the tree's items stand for several each."""
    each = -(-n // tree.n_items)
    order = (tree.order[:, None] * each + np.arange(each, dtype=np.int32)).ravel()
    wide = replace(tree, order=order, lo=tree.lo * each, hi=tree.hi * each)
    times = []
    for granularity in np.linspace(2, tree.finest, 9).astype(int):
        start = time.perf_counter()
        cut_tree(wide, int(granularity))
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def speed_table(n: int, seed: int) -> pd.DataFrame:
    """Every way in a process of its own, with the threads that hierex's own processes have."""
    rows = {}
    for case in ("hierex", "MiniBatchKMeans"):
        command = [
            sys.executable,
            "-m",
            "benchmarks.bench_tree",
            "--case",
            case,
            "--items",
            str(n),
            "--seed",
            str(seed),
        ]
        answer = subprocess.run(command, env={**SETTINGS, **os.environ}, capture_output=True, text=True, check=True)
        figures = json.loads(answer.stdout)
        rows[case] = {
            "interests": f"2 to {figures['interests']:,}" if case == "hierex" else str(GRANULARITIES[-1]),
            "seconds": f"{figures['seconds']:.1f}",
            "peak memory, GiB": f"{figures['peak']:.2f} ({figures['before']:.2f} before)",
            "labels of a cut of 1,000,000 items, ms": f"{figures['cut']:.1f}" if case == "hierex" else "",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--items", type=int, default=100_000, help="how many made-up items are timed")
    parser.add_argument("--vectors", type=Path, help="a folder in which embeddings are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(time_case(options.case, options.items, options.seed)))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")
    with tempfile.TemporaryDirectory() as folder:
        for name, files in data_sets(options.data).items():
            vectors, traffic, category = read_data(*files, options.vectors or Path(folder))
            print(f"\n{name}: {len(traffic):,} items, {traffic.sum():,.0f} interactions\n")
            print(markdown(quality_table(vectors, traffic, category, options.seed)), flush=True)
            print(
                f"\n{name}: AMI of two clusterings\n\n{markdown(stability_table(vectors, traffic, options.seed))}",
                flush=True,
            )
    if options.items:
        print(f"\n{options.items:,} made-up items\n\n{markdown(speed_table(options.items, options.seed))}")


if __name__ == "__main__":
    main()
