"""Whether the encoder foresees more where the text model learns from the moves too, and how long that takes.

    python -m benchmarks.bench_text_tuning [--data FOLDER] [--vectors FOLDER] [--at N ...] [--inner] [--seed 0]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used.
`--vectors` keeps the descriptions and what the text model read for the next time. Policies learn from the moves before
the latest fifth of the interactions, and recall@10 of the moves since is measured, as in `bench_policies`: everybody's
last one, and every one. With `--inner` the log ends where that fifth begins, and its own latest fifth is held out: by
that, settings may be chosen.

- encoder: the policy; tuned: the same with the text model that learned; learned: 'none' where the later moves of those
  that it learned from were foreseen no better, so that nothing is changed;
- context, history: what is read of each person; likeness: interests in the order of how alike their words are to those
  of the context, and nothing else;
- split: moves to halves of interests that are told apart by their words alone, as in `bench_policies`.
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
from hierex.policies.encoder import EncoderPolicy
from hierex.policies.encoder_training import train_encoder
from hierex.policies.text_changes import TextChanges
from hierex.policies.text_tuning import train_tuned
from hierex.transitions import Moves

from .bench_policies import Interests, Scorer, find_answers, find_cases, measure_split, read_interests
from .bench_run import data_sets, markdown

AT = (100, 300)


def measure(interests: Interests, seed: int) -> dict[str, float | str]:
    moves, reader, config = interests.training_moves(), EmbeddingConfig(), PolicyConfig()
    clocks = [(time.perf_counter(), time.process_time())]
    plain = train_encoder(moves, interests.vectors, config=config, seed=seed)
    clocks.append((time.perf_counter(), time.process_time()))
    tuned = train_tuned(moves, interests.words, interests.vectors, reader=reader, config=config, seed=seed)
    clocks.append((time.perf_counter(), time.process_time()))
    found = {"moves": len(moves), "learned": "yes" if tuned.changes else "none"}
    for name, (seconds, of_processor) in zip(("encoder", "tuned"), np.diff(clocks, axis=0), strict=True):
        found |= {f"{name}, s": float(seconds), f"{name}, s of processor": float(of_processor)}
    found |= foresee(interests, plain, "encoder", moves)
    return found | foresee(read_anew(interests, tuned.changes, reader), tuned, "tuned", moves)


def read_anew(interests: Interests, changes: TextChanges | None, reader: EmbeddingConfig) -> Interests:
    if changes is None:
        return interests
    halves = [words for pair in interests.half_words.values() for words in pair]
    vectors = changes.read([*interests.words, *halves], reader=reader)
    pairs = vectors[interests.n :].reshape(len(interests.half_words), 2, -1)
    return replace(
        interests, vectors=vectors[: interests.n], halves=dict(zip(interests.half_words, pairs, strict=True))
    )


def foresee(interests: Interests, policy: EncoderPolicy, name: str, moves: Moves) -> dict[str, float]:
    """Recall@10 by kind of answer and case."""
    histories = interests.histories()
    cases = find_cases(histories, interests.split)
    is_last = np.append(cases.user[1:] != cases.user[:-1], True)
    texts = interests.vectors - interests.vectors.mean(axis=0)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    scorers: dict[str, Scorer] = {
        "likeness": lambda contexts, _: texts[contexts].sum(axis=1) @ texts.T,
        "context": lambda contexts, _: policy.score(contexts),
        "history": lambda _, pasts: policy.score_histories(pasts),
    }
    found = {"people": int(is_last.sum()), "cases": len(cases)}
    for scorer, score in scorers.items():
        hits = find_answers(score, histories, cases)
        found |= {f"{name}, {scorer}": float(hits[is_last].mean()), f"{name}, {scorer}, every move": float(hits.mean())}
    split = measure_split(interests, moves, {"encoder": policy, "counts": policy.parts.counts})
    kinds = {"encoder": "context", "encoder, full history": "history"}
    return found | {f"{name}, split, {kind}": float(split[of]) for of, kind in kinds.items() if of in split}


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
                    row = f"{name}, N = {n}"
                    rows[row] = measure(inner(interests) if options.inner else interests, options.seed)
                    print(f"{row}: {rows[row]}", flush=True)
    table = pd.DataFrame(rows)
    print("\n" + markdown(table.map(lambda value: value if isinstance(value, str) else f"{value:.4g}")))


if __name__ == "__main__":
    main()
