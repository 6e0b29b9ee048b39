"""Whether what follows an interest changes with time (arXiv 2510.20260): the top followers, period against period.

Few people make noisy lists, which differ also where nothing changed. So beside each comparison of a period with the one
before stands a comparison within it: of two halves of its people. Only where the first is clearly less alike than the
second have people changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from . import Moves
from .pairs import count_pairs

TOP = 5
"""Followers compared, as in the source."""
FEWEST_MOVES = 10
"""Moves on from an interest in a period, for its followers to be compared; half as many in a half of the people."""
FEWEST_INTERESTS = 5
"""Interests that can be compared, for a period to count."""
HIGH = 0.8
"""Followers that are less than this share as alike from period to period as within one have changed."""
HALVINGS = 5
LATEST = 3
"""Comparisons that a verdict is made from."""
MOST_PERIODS = 24
PARTS = 8
"""Where months cannot be compared."""


def measure_drift(moves: Moves, periods: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    """One row per period that can be compared with the one before it that has moves.

    periods: (n_moves,) labels that sort by time, such as `2026-03`, of which the latest `MOST_PERIODS` count. Columns:
    period; jaccard: of the five most frequent followers of an interest, now and before, the share they have in common,
    averaged over interests; within: the same between two random halves of the period's people; both from as many moves,
    which are those of half of the people; of_all: `jaccard` of all people, which is higher where more are counted;
    n_interests: how many could be compared.
    """
    rng = np.random.default_rng(seed)
    labels = np.unique(periods)[-MOST_PERIODS:]
    rows = []
    for before, now in pairwise(labels):
        first, second = moves.take(periods == before), moves.take(periods == now)
        across, within, compared = [], [], 0
        for _ in range(HALVINGS):
            half, other = _halves(second, rng)
            past = _halves(first, rng)[0]
            counts = [count_pairs(part) for part in _as_many(past, half, other, rng=rng)]
            able = np.all([count.sum(axis=1) * 2 >= FEWEST_MOVES for count in counts], axis=0)
            if able.sum() < FEWEST_INTERESTS:
                continue
            tops = [_top(count[able]) for count in counts]
            across.append(_jaccard(tops[0], tops[1]))
            within.append(_jaccard(tops[2], tops[1]))
            compared = max(compared, int(able.sum()))
        if across:
            rows.append((now, float(np.mean(across)), float(np.mean(within)), _of_all(first, second), compared))
    return pd.DataFrame(rows, columns=["period", "jaccard", "within", "of_all", "n_interests"])


def _of_all(first: Moves, second: Moves) -> float:
    counts = [count_pairs(part) for part in (first, second)]
    able = np.all([count.sum(axis=1) >= FEWEST_MOVES for count in counts], axis=0)
    if not able.any():
        return np.nan
    return _jaccard(*(_top(count[able]) for count in counts))


@dataclass(frozen=True)
class DriftVerdict:
    """changed: whether followers changed clearly; ratio: how alike they are over time, as a share of how alike they
    are within a period, latest comparison; None where nothing could be compared."""

    changed: bool
    ratio: float | None


def judge_drift(drift: pd.DataFrame) -> DriftVerdict:
    """By the latest comparisons together, two at least, so that a single odd period decides nothing."""
    latest = drift.tail(LATEST)
    if len(latest) < 2 or latest["within"].sum() <= 0:
        return DriftVerdict(False, None)
    ratio = float(latest["jaccard"].sum() / latest["within"].sum())
    return DriftVerdict(ratio < HIGH, ratio)


def follow_drift(moves: Moves) -> pd.DataFrame:
    """Drift by month, of moves whose clock is in microseconds; by part of the log where months cannot be compared."""
    by_month = measure_drift(moves, label_months(moves.clock))
    if judge_drift(by_month).ratio is not None:
        return by_month
    return measure_drift(moves, label_parts(moves.clock))


def label_months(clock: np.ndarray) -> np.ndarray:
    """(n,) labels. clock: (n,) int64, microseconds."""
    return pd.to_datetime(clock, unit="us").to_period("M").astype(str).to_numpy()


def label_parts(clock: np.ndarray) -> np.ndarray:
    """(n,) labels of `PARTS` parts with about equally many moves, by when they begin. clock: (n,) int64, microseconds.

    Moves of one moment stay together.
    """
    part = np.searchsorted(np.sort(clock), clock) * PARTS // max(len(clock), 1)
    known, part = np.unique(part, return_inverse=True)
    begin = pd.to_datetime(pd.Series(clock).groupby(part).min(), unit="us").dt
    days = begin.strftime("from %Y-%m-%d")
    told_apart = days.nunique() == len(known)
    return (days if told_apart else begin.strftime("from %Y-%m-%d %H:%M")).to_numpy(str)[part]


def _halves(moves: Moves, rng: np.random.Generator) -> tuple[Moves, Moves]:
    """Two halves by person: all moves of one person are in the same."""
    _, person = np.unique(moves.user, return_inverse=True)
    first = rng.random(person.max(initial=0) + 1) < 0.5
    return moves.take(first[person]), moves.take(~first[person])


def _as_many(*parts: Moves, rng: np.random.Generator) -> list[Moves]:
    """As many moves of each, drawn anew: lists of followers are the less alike the fewer they are made from."""
    fewest = min(map(len, parts))
    return [part.take(np.sort(rng.permutation(len(part))[:fewest])) for part in parts]


def _top(counts: np.ndarray) -> np.ndarray:
    """(n, n_clusters) bool: the most frequent followers of each row, none that nobody reached."""
    best = np.argsort(-counts, axis=1, kind="stable")[:, :TOP]
    top = np.zeros(counts.shape, bool)
    np.put_along_axis(top, best, True, axis=1)
    return top & (counts > 0)


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    either = (first | second).sum(axis=1)
    return float(((first & second).sum(axis=1) / np.maximum(either, 1)).mean())
