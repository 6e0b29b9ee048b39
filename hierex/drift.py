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

from .move_pairs import count_pairs
from .transitions import Moves

TOP = 5
"""Followers compared, as in the source."""
FEWEST_MOVES = 10
"""Moves on from an interest in a period, for its followers to be compared; half as many in a half of the people."""
FEWEST_INTERESTS = 5
"""Interests that can be compared, for a period to count."""
HIGH = 0.8
"""Followers that are less than this share as alike from period to period as within one have changed."""
HALVINGS = 5
MOST_PERIODS = 24


def measure_drift(moves: Moves, periods: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    """One row per period that can be compared with the one before it that has moves.

    periods: (n_moves,) labels that sort by time, such as `2026-03`. period; jaccard: of the five most frequent
    followers of an interest, now and before, the share they have in common, averaged over interests; within: the same
    between two random halves of the period's people, each time against as many moves as the other period's half would
    give; n_interests: how many could be compared.
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
            counts = [count_pairs(part) for part in (past, half, other)]
            able = np.all([count.sum(axis=1) * 2 >= FEWEST_MOVES for count in counts], axis=0)
            if able.sum() < FEWEST_INTERESTS:
                continue
            tops = [_top(count[able]) for count in counts]
            across.append(_jaccard(tops[0], tops[1]))
            within.append(_jaccard(tops[2], tops[1]))
            compared = max(compared, int(able.sum()))
        if across:
            rows.append((now, float(np.mean(across)), float(np.mean(within)), compared))
    return pd.DataFrame(rows, columns=["period", "jaccard", "within", "n_interests"])


@dataclass(frozen=True)
class DriftVerdict:
    """changed: whether followers changed clearly; ratio: how alike they are over time, as a share of how alike they
    are within a period, latest comparison; None where nothing could be compared."""

    changed: bool
    ratio: float | None


def judge_drift(drift: pd.DataFrame) -> DriftVerdict:
    """By the latest three comparisons together, so that a single odd period decides nothing."""
    latest = drift.tail(3)
    if not len(latest) or latest["within"].sum() <= 0:
        return DriftVerdict(False, None)
    ratio = float(latest["jaccard"].sum() / latest["within"].sum())
    return DriftVerdict(ratio < HIGH, ratio)


def label_periods(clock: np.ndarray, *, has_dates: bool, parts: int = 8) -> np.ndarray:
    """(n,) labels: the month, or where the log has no dates, or spans less than three months, equal parts of it.

    clock: (n,) int64, microseconds where there are dates.
    """
    if has_dates and len(clock):
        months = pd.to_datetime(clock, unit="us").to_period("M").astype(str).to_numpy()
        if len(np.unique(months)) >= 3:
            return months
    place = np.searchsorted(np.sort(clock), clock) * parts // max(len(clock), 1)
    return np.array([f"part {part:02}" for part in place + 1], dtype=str)


def _halves(moves: Moves, rng: np.random.Generator) -> tuple[Moves, Moves]:
    """Two halves by person: all moves of one person are in the same."""
    _, person = np.unique(moves.user, return_inverse=True)
    first = rng.random(person.max(initial=0) + 1) < 0.5
    return moves.take(first[person]), moves.take(~first[person])


def _top(counts: np.ndarray) -> np.ndarray:
    """(n, n_clusters) bool: the most frequent followers of each row, none that nobody reached."""
    best = np.argsort(-counts, axis=1, kind="stable")[:, :TOP]
    top = np.zeros(counts.shape, bool)
    np.put_along_axis(top, best, True, axis=1)
    return top & (counts > 0)


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    either = (first | second).sum(axis=1)
    return float(((first & second).sum(axis=1) / np.maximum(either, 1)).mean())
