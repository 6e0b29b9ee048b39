"""How good, how even, how stable and how fast the tree is, against other clusterings of the same vectors.

    python -m benchmarks.bench_tree [--data FOLDER] [--planted 20000] [--items 100000] [--vectors FOLDER] [--peers]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used.
`--planted` is the number of items of a planted world, whose true interests are known, and `--items` that of made-up
vectors whose tree is timed (0: none); `--vectors` keeps embeddings for the next time. scikit-learn and hierex get the
same weights (traffic and a tenth of the mean) and their defaults. `--peers` adds EVoC and BERTopic, which know
no weights, in an environment of their own (see `benchmarks.peers`): asked for the same number of interests, what they
call noise goes to the nearest centroid. They may find another number; means are over that.

- coherence: weighted mean cosine of items to the weighted centroid of their interest; beside it the ratio to KMeans;
- largest/mean: the interest with the most traffic over the mean. Nothing can be done about single items with more
  traffic than the mean interest, so they are set aside: their traffic counts for no interest, but in the mean;
- AMI: adjusted mutual information with the first category (of the planted world: the true interest), over the items
  that have one.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from timeit import repeat

import numpy as np
import pandas as pd
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.metrics import adjusted_mutual_info_score

from hierex.config import EmbeddingConfig, TreeConfig
from hierex.embeddings import embed_texts
from hierex.interest_tree import InterestTree, grow_tree, item_weights
from hierex.synthetic import make_world
from hierex.taxonomy import cut_tree
from hierex.threads import SETTINGS

from .bench_run import data_sets, markdown
from .peers import cluster_with_peers, place_noise

GRANULARITIES = (100, 300, 761)
STABLE_AT = 300
TEXTS = ("title", "text", "description", "tags", "hashtags")
FLAT = {"KMeans": KMeans, "BisectingKMeans": BisectingKMeans, "MiniBatchKMeans": MiniBatchKMeans}


@dataclass(frozen=True)
class Catalogue:
    """Of every item its text, vector, traffic and first category ('' if unknown)."""

    texts: list[str]
    vectors: np.ndarray
    traffic: np.ndarray
    category: np.ndarray


def read_catalogue(items: Path, interactions: Path, kept: Path) -> Catalogue:
    read = pd.read_parquet if items.suffix == ".parquet" else pd.read_csv
    catalogue = read(items)
    category = catalogue["category"].fillna("") if "category" in catalogue else pd.Series("", catalogue.index)
    first = category.str.split("|").str[0].to_numpy()
    return make_catalogue(catalogue, read(interactions), first, kept / f"{items.parent.name}.npy")


def plant_catalogue(n: int, seed: int, kept: Path) -> Catalogue:
    """A world of texts, of which the embedder knows as little as of any; the category is the true interest."""
    world = make_world(n_items=n, n_users=max(1, n * 3 // 4), n_interactions=20 * n, seed=seed)
    true = np.array(world.interests, object)[world.interest_of_item]
    return make_catalogue(world.items, world.interactions, true, kept / f"planted-{n}-{seed}.npy")


def make_catalogue(items: pd.DataFrame, log: pd.DataFrame, category: np.ndarray, file: Path) -> Catalogue:
    texts = items[[name for name in TEXTS if name in items]].fillna("").agg("\n".join, axis=1)
    texts = texts.str.replace("|", ", ").tolist()
    if not file.exists():
        np.save(file, embed_texts(texts, config=EmbeddingConfig()))
    item_id = next(name for name in items if name in log)
    traffic = log[item_id].value_counts().reindex(items[item_id], fill_value=0).to_numpy(float)
    return Catalogue(texts, np.load(file), traffic, category)


def cohere(labels: np.ndarray, catalogue: Catalogue) -> float:
    weight = item_weights(catalogue.traffic)
    sums = np.zeros((labels.max() + 1, catalogue.vectors.shape[1]))
    np.add.at(sums, labels, catalogue.vectors * weight[:, None])
    return np.linalg.norm(sums, axis=1).sum() / weight.sum()


def imbalance(labels: np.ndarray, traffic: np.ndarray, granularity: int) -> tuple[float, np.ndarray]:
    """Largest over mean without the items that have more than the mean, and which items these are."""
    mean = traffic.sum() / granularity
    alone = traffic > mean
    return np.bincount(labels, np.where(alone, 0, traffic)).max() / mean, alone


def agreement(labels: np.ndarray, category: np.ndarray) -> float:
    known = category != ""
    return adjusted_mutual_info_score(category[known], labels[known]) if known.any() else np.nan


def quality_table(catalogue: Catalogue, seed: int, peers: bool) -> pd.DataFrame:
    """One row per way and granularity."""
    found, finest = cluster_all(catalogue, seed)
    if peers:
        numbers = [number for number in GRANULARITIES if number <= finest]
        for way, number, labels, seconds in cluster_with_peers(catalogue.vectors, catalogue.texts, numbers, seed):
            placed, noise = place_noise(labels, catalogue.vectors)
            timed = " + ".join(f"{value:.2f} to {step}" for step, value in seconds.items())
            found[number, way] = placed, timed, f"{noise:.0%}"
    flat = {number: cohere(found[number, "KMeans"][0], catalogue) for number, _ in found}
    rows = {
        f"{way}, {number}": describe(labels, catalogue, flat[number]) | {"noise": noise, "seconds": seconds}
        for (number, way), (labels, seconds, noise) in sorted(found.items(), key=lambda one: one[0][0])
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def cluster_all(catalogue: Catalogue, seed: int) -> tuple[dict[tuple[int, str], tuple[np.ndarray, str, str]], int]:
    """By granularity and way: labels, seconds and the share of noise; and the finest granularity of the tree."""
    vectors, traffic = catalogue.vectors, catalogue.traffic
    start = time.perf_counter()
    tree = grow_tree(vectors, traffic, config=TreeConfig(), seed=seed)
    grown = f"{time.perf_counter() - start:.2f}, all granularities"
    found = {}
    for number in (number for number in GRANULARITIES if number <= tree.finest):
        found[number, "hierex"] = cut_tree(tree, number).cluster_of_item, grown, ""
        for name, make in FLAT.items():
            start = time.perf_counter()
            labels = make(number, random_state=seed).fit(vectors, sample_weight=item_weights(traffic)).labels_
            found[number, name] = labels, f"{time.perf_counter() - start:.2f}", ""
    return found, tree.finest


def describe(labels: np.ndarray, catalogue: Catalogue, flat: float) -> dict[str, str]:
    """What is measured of one clustering; `flat` is the coherence of KMeans."""
    traffic, number = catalogue.traffic, len(np.unique(labels))
    of_mean, alone = imbalance(labels, traffic, number)
    return {
        "found": str(number),
        "coherence": f"{cohere(labels, catalogue):.4f}",
        "of KMeans": f"{cohere(labels, catalogue) / flat:.3f}",
        "largest/mean": f"{of_mean:.2f}",
        "with all items": f"{np.bincount(labels, traffic).max() / traffic.sum() * number:.2f}",
        "items set aside": f"{alone.sum()} ({traffic[alone].sum() / traffic.sum():.0%} of traffic)",
        "AMI": f"{agreement(labels, catalogue.category):.4f}",
    }


def stability_table(catalogue: Catalogue, seed: int) -> pd.DataFrame:
    """AMI between two clusterings: from two random halves of the traffic, and from two seeds."""
    vectors, traffic = catalogue.vectors, catalogue.traffic
    half = np.random.default_rng(seed).binomial(traffic.astype(np.int64), 0.5).astype(float)
    finest = grow_tree(vectors, traffic, config=TreeConfig(), seed=seed).finest
    granularity = min(STABLE_AT, finest)

    def of_tree(traffic: np.ndarray, seed: int) -> np.ndarray:
        return cut_tree(grow_tree(vectors, traffic, config=TreeConfig(), seed=seed), granularity).cluster_of_item

    def of_means(traffic: np.ndarray, seed: int) -> np.ndarray:
        return KMeans(granularity, random_state=seed).fit(vectors, sample_weight=item_weights(traffic)).labels_

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
        MiniBatchKMeans(GRANULARITIES[-1], random_state=seed).fit(vectors, sample_weight=item_weights(traffic))
    figures = {
        "seconds": time.perf_counter() - start,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "before": before / 2**20,
    }
    return figures | ({"interests": tree.finest, "cut": time_cut(tree)} if case == "hierex" else {})


def time_cut(tree: InterestTree, n: int = 1_000_000) -> float:
    """Milliseconds for the labels of a million items in any order: the best of five, at the granularity where that is
    slowest. The tree's items stand for several each."""
    each = -(-n // tree.n_items)
    order = np.random.default_rng(0).permutation(tree.n_items * each).astype(np.int32)
    wide = replace(tree, order=order, lo=tree.lo * each, hi=tree.hi * each)
    granularities = np.linspace(2, tree.finest, 9).astype(int)
    best = (min(repeat(lambda n=n: cut_tree(wide, n), number=1, repeat=5)) for n in granularities.tolist())
    return 1000 * max(best)


def speed_table(n: int, seed: int) -> pd.DataFrame:
    """Every way in a process of its own, with the threads that hierex's own processes have."""
    rows = {}
    for case in ("hierex", "MiniBatchKMeans"):
        command = [sys.executable, "-m", "benchmarks.bench_tree", "--case", case]
        command += ["--items", str(n), "--seed", str(seed)]
        answer = subprocess.run(command, env={**SETTINGS, **os.environ}, capture_output=True, text=True, check=True)
        figures = json.loads(answer.stdout)
        rows[case] = {
            "interests": f"2 to {figures['interests']:,}" if case == "hierex" else str(GRANULARITIES[-1]),
            "seconds": f"{figures['seconds']:.1f}",
            "peak memory, GiB": f"{figures['peak']:.2f} ({figures['before']:.2f} before)",
            "labels of a cut of 1,000,000 items, ms": f"{figures['cut']:.1f}" if case == "hierex" else "",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def catalogues(options: argparse.Namespace, kept: Path) -> Iterator[tuple[str, Catalogue]]:
    for name, files in data_sets(options.data).items():
        yield name, read_catalogue(*files, kept)
    if options.planted:
        yield "planted world", plant_catalogue(options.planted, options.seed, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--planted", type=int, default=20_000, help="how many items the planted world has")
    parser.add_argument("--items", type=int, default=100_000, help="how many made-up items are timed")
    parser.add_argument("--vectors", type=Path, help="a folder in which embeddings are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", action="store_true", help="EVoC and BERTopic too; fetches them on first use")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(time_case(options.case, options.items, options.seed)))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")
    with tempfile.TemporaryDirectory() as folder:
        for name, catalogue in catalogues(options, options.vectors or Path(folder)):
            print(f"\n{name}: {len(catalogue.traffic):,} items, {catalogue.traffic.sum():,.0f} interactions\n")
            print(markdown(quality_table(catalogue, options.seed, options.peers)), flush=True)
            print(
                f"\n{name}: AMI of two clusterings\n\n{markdown(stability_table(catalogue, options.seed))}", flush=True
            )
    if options.items:
        print(f"\n{options.items:,} made-up items\n\n{markdown(speed_table(options.items, options.seed))}")


if __name__ == "__main__":
    main()
