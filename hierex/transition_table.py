"""The policy's answers to every context, computed ahead of time so that serving is a look-up (paper, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TransitionTable:
    """Row `a * n_clusters + b` answers context (a, b), b being the later interest; (a, a) means a person with one.

    novel: (n_clusters**2, top) int32 cluster indices, best first; score: the same shape, float32 probabilities.
    Where fewer than `top` interests exist besides the context, the table is narrower.
    """

    novel: np.ndarray
    score: np.ndarray
    n_clusters: int


@dataclass(frozen=True)
class Predictions:
    """Ranked novel interests for some users, one row per user and rank.

    user: (n,) int32; context: (n, K) int32; rank: (n,) int32 from 1; novel: (n,) int32 cluster index; score: (n,)
    float32 probability; path: (n,) str, `table` (looked up) or `computed` (the table's answers were all in the
    user's history, so the policy was asked again).
    """

    user: np.ndarray
    context: np.ndarray
    rank: np.ndarray
    novel: np.ndarray
    score: np.ndarray
    path: np.ndarray
