"""The best of what may be chosen, row by row."""

from __future__ import annotations

import numpy as np

NOTHING = -1
"""In place of an interest, where there is no further candidate."""


def best_allowed(scores: np.ndarray, allowed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) int64: the column with the largest score among those allowed, NOTHING where none is; equal ones by lot.

    scores: (n, m) float; allowed: (n, m) bool.
    """
    if not scores.shape[1]:
        return np.full(len(scores), NOTHING)
    masked = np.where(allowed, scores, -np.inf)
    is_best = allowed & (masked == masked.max(axis=1, keepdims=True))
    lots = np.where(is_best, rng.random(scores.shape), -1.0)
    return np.where(allowed.any(axis=1), lots.argmax(axis=1), NOTHING)


def occurrences(users: np.ndarray) -> np.ndarray:
    """(n,) int64: how often each row's user stands in the rows before it."""
    order = np.argsort(users, kind="stable")
    ordered = users[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    found = np.empty(len(users), np.int64)
    found[order] = np.arange(len(users)) - np.repeat(starts, np.diff(np.append(starts, len(users))))
    return found
