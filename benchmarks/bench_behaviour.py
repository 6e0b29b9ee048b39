"""What it does to the interests how much behaviour counts beside text, on real logs.

    python -m benchmarks.bench_behaviour [--data FOLDER] [--vectors FOLDER] [--seeds 2]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used.
`--vectors` keeps embeddings for the next time. Figures are means over the seeds of tree and behaviour.

- coherence: of the texts, whatever the tree is made of, as a ratio to a weight of 0; mean cosine weighted by traffic;
- largest/mean: the interest with the most traffic over the mean, single items that alone have more than the mean set
  aside (see `bench_tree`); beside it with all items;
- AMI: adjusted mutual information with the first category, over the items that have one;
- recall@10: moves to a novel interest on held-out time that the `counts` policy names among ten; beside it that of the
  ten most popular interests, which says how much of a change is due to how traffic is spread.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hierex.behaviour import blend, embed_behaviour
from hierex.config import BehaviourConfig, RunConfig
from hierex.imports import import_logs
from hierex.interest_tree import grow_tree
from hierex.kept import stored_logs
from hierex.logs import Interactions, LogFile
from hierex.store import open_store
from hierex.taxonomy import cut_tree
from hierex.weights import measure_recall, text_coherence

from .bench_run import data_sets, markdown
from .bench_tree import agreement, imbalance, read_catalogue

WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75)
GRANULARITIES = (100, 300)


def read_log(items: Path, interactions: Path) -> tuple[np.ndarray, Interactions]:
    """The ids of the items that are kept, and the log, as an import gives them."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "w.duckdb") as store:
        import_logs(store, *(LogFile(file, file.name) for file in (items, interactions)))
        return stored_logs.read_items(store)["item_id"].to_numpy(), stored_logs.read_interactions(store)


def measure(
    vectors: np.ndarray, category: np.ndarray, log: Interactions, seed: int
) -> tuple[dict[tuple[int, float], dict[str, float]], float]:
    """Figures by granularity and weight; and the seconds that behaviour took."""
    config = RunConfig(seed=seed)
    split, traffic = log.split_clock(config.evaluation.holdout_share), log.traffic()
    start = time.perf_counter()
    behaviour = embed_behaviour(log.before(split), vectors, config=BehaviourConfig(), seed=seed)
    seconds, found = time.perf_counter() - start, {}
    for weight in WEIGHTS:
        tree = grow_tree(blend(vectors, behaviour, weight), traffic, config=config.tree, seed=seed)
        for granularity in (n for n in GRANULARITIES if n <= tree.finest):
            taxonomy = cut_tree(tree, granularity)
            labels = taxonomy.cluster_of_item
            recall = measure_recall(labels, log, split, config)
            found[granularity, weight] = {
                "coherence": text_coherence(labels, vectors, traffic),
                "largest/mean": imbalance(labels, traffic, granularity)[0],
                "with all items": taxonomy.traffic.max() * granularity / traffic.sum(),
                "AMI": agreement(labels, category),
                "recall@10 of counts": recall.get("recall", np.nan),
                "of popularity": recall.get("popularity", np.nan),
            }
    return found, seconds


def weights_table(found: list[dict[tuple[int, float], dict[str, float]]]) -> pd.DataFrame:
    frames = [pd.DataFrame.from_dict(one, orient="index") for one in found]
    mean = sum(frames) / len(frames)
    for granularity, part in mean.groupby(level=0):
        mean.loc[part.index, "coherence"] /= part["coherence"].loc[granularity, 0.0]
    mean.index = [f"N = {granularity}, weight {weight:g}" for granularity, weight in mean.index]
    return mean.map("{:.3f}".format)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--vectors", type=Path, help="a folder in which embeddings are kept")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")
    with tempfile.TemporaryDirectory() as folder:
        for name, files in data_sets(options.data).items():
            catalogue = read_catalogue(*files, options.vectors or Path(folder))
            read = pd.read_parquet if files[0].suffix == ".parquet" else pd.read_csv
            ids, log = read_log(*files)
            row = pd.Index(read(files[0])["item_id"].astype(str)).get_indexer(ids)
            vectors, category = catalogue.vectors[row], catalogue.category[row]
            measured = [measure(vectors, category, log, seed) for seed in range(options.seeds)]
            seconds = np.mean([seconds for _, seconds in measured])
            print(f"\n{name}: {len(ids):,} items; behaviour took {seconds:.1f} s\n")
            print(markdown(weights_table([found for found, _ in measured])), flush=True)


if __name__ == "__main__":
    main()
