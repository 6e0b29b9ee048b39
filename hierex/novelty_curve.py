"""What the dial from likely to far costs and brings, on time that the policy has not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .config import Progress, no_progress
from .policies import LanguagePolicy
from .policies.choices import mark_seen
from .transitions import Histories, list_moves
from .tree_distance import distance_from

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
TOP = 10
MOST_CASES = 2_000


def measure_dial(
    policy: LanguagePolicy,
    distances: np.ndarray,
    histories: Histories,
    *,
    split: int,
    k: int,
    hidden: np.ndarray,
    seed: int = 0,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """One row per place of the dial: weight (of `NoveltyPolicy`), recall (how often people's next new interest was
    among the ten), distance (of the ten from the nearest interest that the person had, 0-1, on average), n_cases.

    Cases are the moves at or after the clock `split`, `MOST_CASES` at most, drawn with the seed. No rows without any.
    """
    moves = list_moves(histories, k=k)
    rows = np.flatnonzero((moves.clock >= split) & ~hidden[moves.novel])
    if len(rows) > MOST_CASES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_CASES, replace=False))
    if not len(rows):
        return pd.DataFrame(columns=["weight", "recall", "distance", "n_cases"])
    contexts, novel = moves.contexts[rows], moves.novel[rows]
    seen = mark_seen(moves, rows)
    far, near = distance_from(distances, seen), distances[contexts].min(axis=1)
    answers = np.where(seen | hidden, -np.inf, policy.score(contexts))
    measured = []
    for place, weight in enumerate(WEIGHTS):
        best = np.argsort(-(answers + weight * near), axis=1, kind="stable")[:, :TOP]
        able = np.isfinite(np.take_along_axis(answers, best, axis=1))
        found = ((best == novel[:, None]) & able).any(axis=1).mean()
        distance = np.take_along_axis(far, best, axis=1)[able].mean() if able.any() else np.nan
        measured.append((weight, float(found), float(distance), len(rows)))
        progress((place + 1) / len(WEIGHTS))
    return pd.DataFrame(measured, columns=["weight", "recall", "distance", "n_cases"])
