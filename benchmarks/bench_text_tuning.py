"""Whether the encoder foresees more where the text model learns from the moves too, and how long that takes.

    python -m benchmarks.bench_text_tuning [--data FOLDER] [--vectors FOLDER] [--at N ...] [--inner] [--seed 0]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used.
`--vectors` keeps the descriptions and what the text model read for the next time. Policies learn from the moves before
the latest fifth of the interactions, and recall@10 of the moves since is measured, as in `bench_policies`: everybody's
last one, and every one. With `--inner` the log ends where that fifth begins, and its own latest fifth is held out: by
that, settings may be chosen.

- likeness: interests in the order of how alike their words are to those of the context, and nothing else;
- encoder: the policy; full history: it reads the whole history;
- tuned: the same with the text model that learned; 'none' where the later moves of those that it learned from were
  foreseen no better, so that nothing is changed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from hierex.config import EmbeddingConfig, PolicyConfig
from hierex.policies.encoder import train_encoder
from hierex.policies.text_tuning import train_tuned

from .bench_policies import Interests, Scorer, find_answers, find_cases, read_interests
from .bench_run import data_sets, markdown

AT = (100, 300)


def measure(interests: Interests, seed: int) -> dict[str, float]:
    moves, histories = interests.training_moves(), interests.histories()
    cases = find_cases(histories, interests.split)
    is_last = np.append(cases.user[1:] != cases.user[:-1], True)
    reader, config = EmbeddingConfig(), PolicyConfig()
    clocks = [(time.perf_counter(), time.process_time())]
    plain = train_encoder(moves, interests.vectors, config=config, seed=seed)
    clocks.append((time.perf_counter(), time.process_time()))
    tuned = train_tuned(moves, interests.words, interests.vectors, reader=reader, config=config, seed=seed)
    clocks.append((time.perf_counter(), time.process_time()))
    found = {"moves": len(moves), "cases": len(cases), "people": int(is_last.sum())}
    for name, (seconds, of_processor) in zip(("encoder", "tuned"), np.diff(clocks, axis=0), strict=True):
        found |= {f"{name}, s": seconds, f"{name}, s of processor": of_processor}
    vectors = {"": interests.vectors, "tuned": interests.vectors}
    if tuned.changes:
        vectors["tuned"] = tuned.changes.read(interests.words, reader=reader)
    for name, policy in (("", plain), ("tuned", tuned)):
        texts = vectors[name] - vectors[name].mean(axis=0)
        texts /= np.linalg.norm(texts, axis=1, keepdims=True)
        scorers: dict[str, Scorer] = {
            "likeness": lambda contexts, _, texts=texts: texts[contexts].sum(axis=1) @ texts.T,
            "encoder": lambda contexts, _, policy=policy: policy.score(contexts),
            "full history": lambda _, pasts, policy=policy: policy.score_histories(pasts),
        }
        for scorer, score in scorers.items():
            hits = find_answers(score, histories, cases)
            label = ", ".join(filter(None, (scorer, name)))
            found |= {label: hits[is_last].mean(), f"{label}, every move": hits.mean()}
    return found | {"learned": "none" if tuned.changes is None else "yes"}


def inner(interests: Interests) -> Interests:
    """What is known before the held-out time."""
    return replace(interests, log=interests.log.before(interests.split))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--vectors", type=Path, help="a folder in which descriptions and vectors of texts are kept")
    parser.add_argument("--at", type=int, nargs="+", default=AT, metavar="N", help="numbers of interests")
    parser.add_argument("--inner", action="store_true", help="hold out a part of the training time instead")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.", flush=True)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, files in data_sets(options.data).items():
            for n, interests in read_interests(name, files, options.vectors or Path(folder)).items():
                if n in options.at:
                    rows[f"{name}, N = {n}"] = measure(inner(interests) if options.inner else interests, options.seed)
                    print(f"{name}, N = {n}: {rows[f'{name}, N = {n}']}", flush=True)
    table = pd.DataFrame(rows)
    print("\n" + markdown(table.map(lambda value: value if isinstance(value, str) else f"{value:.4g}")))


if __name__ == "__main__":
    main()
