"""RecTools' SASRec, run by the python of its own environment (see `benchmarks.peers`).

    python sasrec.py FOLDER --factors 64 --blocks 2 --heads 2 --length 50 --epochs 1 2 4 [--rate 0.001] [--seed 0]

FOLDER holds `log.npz`: users, items (n,), in the order in which things happened; wanted (m,), the users who are asked
about. After each number of epochs (training goes on from the one before) `best-EPOCHS.npy` is written there: (m, 10)
int64, the best items that the user has not had, -1 for none. The answer on stdout is JSON: by number of epochs the
seconds of training until then, by the clock and of the processor.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

TOP = 10


def read_log(path: Path) -> tuple[Dataset, np.ndarray]:
    log = np.load(path)
    frame = pd.DataFrame({Columns.User: log["users"], Columns.Item: log["items"]})
    frame[Columns.Weight] = 1.0
    frame[Columns.Datetime] = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.arange(len(frame)), unit="s")
    return Dataset.construct(frame), log["wanted"]


def best_items(model: SASRecModel, data: Dataset, wanted: np.ndarray) -> np.ndarray:
    found = model.recommend(wanted, data, k=TOP, filter_viewed=True, on_unsupported_targets="ignore")
    best = np.full((len(wanted), TOP), -1, np.int64)
    row = pd.Series(np.arange(len(wanted)), index=wanted)[found[Columns.User]].to_numpy()
    best[row, found[Columns.Rank].to_numpy() - 1] = found[Columns.Item].to_numpy()
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, nargs="+", default=[3])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(options.seed)
    data, wanted = read_log(options.folder / "log.npz")
    model = SASRecModel(
        n_blocks=options.blocks,
        n_heads=options.heads,
        n_factors=options.factors,
        session_max_len=options.length,
        batch_size=options.batch,
        lr=options.rate,
        epochs=options.epochs[0],
    )
    seconds, took, done = {}, np.zeros(2), 0
    for epochs in sorted(options.epochs):
        start = np.array([time.perf_counter(), time.process_time()])
        model.fit_partial(data, min_epochs=epochs - done, max_epochs=epochs - done)
        took, done = took + np.array([time.perf_counter(), time.process_time()]) - start, epochs
        seconds[epochs] = took.tolist()
        if len(wanted):
            np.save(options.folder / f"best-{epochs}.npy", best_items(model, data, wanted))
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
