"""The log cut into training sequences, and sequences into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Windows:
    """Slices of a log: window w's inputs are the rows `start[w]:end[w]`, its targets the rows one later."""

    start: np.ndarray
    end: np.ndarray


def cut_windows(first: np.ndarray, last: np.ndarray, length: int, rng: np.random.Generator) -> Windows:
    """Every row of every user but the first is a target once, seen from up to `length` rows before it.

    first, last: (n_users,) the user's first row, and their last one. Who has more than `length` targets gets
    several windows; where they meet is drawn anew at every call, so that over the epochs a target is seen with short
    and with long histories.
    """
    n_targets = np.maximum(last - first, 0)
    offset = np.where(n_targets > length, rng.integers(1, length + 1, len(first)), length)
    n_windows = np.where(n_targets > 0, 1 + np.maximum(0, -(-(n_targets - offset) // length)), 0)
    user = np.repeat(np.arange(len(first)), n_windows)
    earlier = np.arange(len(user)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    end = last[user] - np.where(earlier > 0, offset[user] + (earlier - 1) * length, 0)
    start = last[user] - offset[user] - earlier * length
    return Windows(np.maximum(start, first[user]), end)


def draw_batches(windows: Windows, n_targets: int, rng: np.random.Generator) -> Iterator[Windows]:
    """Batches of windows of similar length with about `n_targets` targets each, in random order.

    As many targets whether histories are short or long, so that one learning rate suits both. Which windows are
    together is drawn anew at every call.
    """
    shuffled = rng.permutation(len(windows.start))
    lengths = windows.end - windows.start
    by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    batch = (np.cumsum(lengths[by_length]) - 1) // n_targets
    batches = np.split(by_length, np.flatnonzero(np.diff(batch, prepend=-1)))[1:]
    for number in rng.permutation(len(batches)):
        yield Windows(windows.start[batches[number]], windows.end[batches[number]])


def read_windows(items: np.ndarray, windows: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """inputs (b, longest) int64, padded with item 0 at the end; real (b, longest) bool; targets (real.sum(),) int64."""
    lengths = windows.end - windows.start
    real = np.arange(lengths.max()) < lengths[:, None]
    rows = (windows.start[:, None] + np.arange(lengths.max()))[real]
    inputs = np.zeros(real.shape, np.int64)
    inputs[real] = items[rows]
    return inputs, real, items[rows + 1].astype(np.int64)
