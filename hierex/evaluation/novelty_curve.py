"""What the dial from likely to far costs and brings, on time that the policy has not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..config import Progress, no_progress
from ..metrics import recall_at
from ..policies import LanguagePolicy
from ..ranking import rows_at_once
from ..taxonomy.distance import distance_from
from ..transitions import Histories, list_moves
from ..transitions.pasts import Pasts

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
TOP = 10


def measure_dial(
    policy: LanguagePolicy,
    distances: np.ndarray,
    histories: Histories,
    *,
    split: int,
    k: int,
    hidden: np.ndarray,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """One row per place of the dial: policy, weight (of `NoveltyPolicy` over it), recall (how often people's next new
    interest was among the ten), distance (of the ten from the nearest interest that the person had, 0-1, on average),
    n_cases.

    Cases are all moves at or after the clock `split` to what is not hidden, as in `evaluate_policies`. No rows without
    any.
    """
    moves = list_moves(histories, k=k)
    cases = np.flatnonzero((moves.clock >= split) & ~hidden[moves.novel])
    if not len(cases):
        return pd.DataFrame(columns=["policy", "weight", "recall", "distance", "n_cases"])
    pasts, sums = Pasts.before_moves(moves), np.zeros((len(WEIGHTS), 3))
    at_once = rows_at_once(moves.n_clusters)
    for start in range(0, len(cases), at_once):
        rows = cases[start : start + at_once]
        contexts, seen = moves.contexts[rows], pasts.take(rows).mark(moves.n_clusters)
        answers = np.where(hidden, -np.inf, policy.score(contexts))
        answers[seen] = np.nan
        near, far = distances[contexts].min(axis=1), distance_from(distances, seen)
        sums += [_sum_up(answers + np.float32(weight) * near, moves.novel[rows], far) for weight in WEIGHTS]
        progress(min(1.0, (start + at_once) / len(cases)))
    found, apart, n_named = sums.T
    with np.errstate(invalid="ignore"):  # nothing can be named where all is seen or hidden
        distance = apart / n_named
    measured = {"weight": WEIGHTS, "recall": found / len(cases), "distance": distance, "n_cases": len(cases)}
    return pd.DataFrame({"policy": policy.name, **measured})


def _sum_up(scores: np.ndarray, novel: np.ndarray, far: np.ndarray) -> tuple[float, float, int]:
    """Of some cases: how many are found, how far all that is named in the ten best is, and how much that is.

    scores: (n, n_clusters), nan for what is no candidate, -inf for what is never named.
    """
    chosen = scores[np.arange(len(novel)), novel, None]
    found = recall_at((scores > chosen).sum(axis=1), (scores == chosen).sum(axis=1), k=TOP)
    best = np.argpartition(-scores, min(TOP, scores.shape[1]) - 1, axis=1)[:, :TOP]
    named = np.isfinite(np.take_along_axis(scores, best, axis=1))
    return found.sum(), np.take_along_axis(far, best, axis=1)[named].sum(), np.count_nonzero(named)
