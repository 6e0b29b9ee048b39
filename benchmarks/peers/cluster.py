"""Clusters items with a peer; run by the python of the peers' own environment (see `benchmarks.peers`).

    python cluster.py {EVoC,BERTopic} FOLDER N [N ...] --seed SEED

FOLDER holds `vectors.npy` (n_items, d) and `texts.json`. For every N, `PEER-N.npy` is written there: (n_items,) labels,
-1 for what the peer calls noise. The answer on stdout is JSON: by N the seconds of the fit and, for BERTopic, those of
`reduce_topics`. Compiling is not timed: a first run on a few items comes before.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FEW = 1_000
LEAST_ITEMS = (10, 5, 3, 2)
"""Of a BERTopic topic. Its default is 10; a smaller one is taken only where there are fewer topics than asked for."""

Found = tuple[int, np.ndarray, dict[str, float]]


def cluster_evoc(vectors: np.ndarray, texts: list[str], numbers: list[int], seed: int) -> Iterator[Found]:
    """The layer that EVoC makes when it is asked for N clusters; its default layers are further from N."""
    from evoc import EVoC

    for number in numbers:
        start = time.perf_counter()
        labels = EVoC(approx_n_clusters=number, random_state=seed).fit_predict(vectors)
        yield number, labels, {"fit": time.perf_counter() - start}


class Placed:
    """In place of UMAP, whose coordinates stay the same for every size of topics."""

    def __init__(self, places: np.ndarray):
        self.places = places

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> Placed:
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return self.places


def cluster_bertopic(vectors: np.ndarray, texts: list[str], numbers: list[int], seed: int) -> Iterator[Found]:
    """With its own UMAP and HDBSCAN, and then `reduce_topics` to N (its topic of noise comes on top)."""
    from bertopic import BERTopic

    start = time.perf_counter()
    umap = BERTopic().umap_model.set_params(random_state=seed)
    places = umap.fit_transform(vectors)
    placing = time.perf_counter() - start
    models: dict[int, tuple[BERTopic, float]] = {}
    for number in numbers:
        for least in LEAST_ITEMS:
            if least not in models:
                start = time.perf_counter()
                model = BERTopic(embedding_model=None, umap_model=Placed(places), min_topic_size=least)
                model.fit(texts, embeddings=vectors)
                models[least] = model, time.perf_counter() - start
            if max(models[least][0].topics_) + 1 >= number:
                break
        model, fitting = models[least]
        model = copy.deepcopy(model)
        start = time.perf_counter()
        model.reduce_topics(texts, nr_topics=number + (-1 in model.topics_))
        reducing = time.perf_counter() - start
        yield number, np.array(model.topics_), {"fit": placing + fitting, "reduce": reducing}


WAYS = {"EVoC": cluster_evoc, "BERTopic": cluster_bertopic}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=WAYS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("numbers", type=int, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    vectors = np.load(options.folder / "vectors.npy")
    texts = json.loads((options.folder / "texts.json").read_text())
    way = WAYS[options.peer]
    list(way(vectors[:FEW], texts[:FEW], [10], options.seed))
    answer = {}
    for number, labels, seconds in way(vectors, texts, options.numbers, options.seed):
        np.save(options.folder / f"{options.peer}-{number}.npy", labels)
        answer[number] = seconds
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
