"""A move as a choice: what was still open to the person, how it is foreseen, and which moves are kept to judge by.

A person who has an interest cannot find it again, so a policy is judged, and can learn, among the interests that
were still open at that moment, and not among all.
"""

from __future__ import annotations

import numpy as np

from ..transitions import Moves

TOP = 10
"""Recall is measured in the ten best."""
MOST_JUDGED = 10_000
"""Enough moves to compare two settings by; more would only take longer."""
CELLS_JUDGED = 8_000_000
"""And no more scores than this, 32 MB."""
PARTS = 40
"""Popularity is followed in this many steps of equally many moves."""


def mark_seen(moves: Moves, rows: np.ndarray) -> np.ndarray:
    """(len(rows), n_clusters) bool: the whole history before each of these moves, the context included.

    It is read from the same user's earlier moves, so `moves` has to hold them (`list_moves` gives them all).
    """
    first = np.searchsorted(moves.user, moves.user[rows])
    lengths = rows - first
    row = np.repeat(np.arange(len(rows)), lengths)
    earlier = np.arange(lengths.sum()) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
    seen = np.zeros((len(rows), moves.n_clusters), bool)
    seen[row, moves.novel[earlier]] = True
    for contexts in (moves.contexts[rows], moves.contexts[first]):
        seen[np.arange(len(rows))[:, None], contexts] = True
    return seen


def part_by_time(moves: Moves, later_share: float) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the earlier moves and of the later ones; the later ones are about `later_share` of all, by clock.

    Moves of one instant stay together. Where so many share the last instant that nothing would be later, as many are
    picked evenly instead.
    """
    if not len(moves):
        return np.arange(0), np.arange(0)
    is_later = moves.clock > np.quantile(moves.clock, 1 - later_share, method="lower")
    if not is_later.any():
        is_later = np.arange(1, len(moves) + 1) % round(1 / later_share) == 0
    return np.flatnonzero(~is_later), np.flatnonzero(is_later)


def follow_popularity(moves: Moves, half_life: float) -> tuple[np.ndarray, np.ndarray]:
    """How popular every interest was when each move was made, known from earlier moves alone.

    Time runs in moves: those that lie `half_life` of all moves back count half. Returns step (n,) int64, and log
    shares of the moves to each interest (PARTS + 1, n_clusters) float32, each interest being given half a move more
    than it has: row `step` is what was known before the move, the last row what is known after all.
    """
    n, n_clusters = len(moves), moves.n_clusters
    step = np.searchsorted(np.sort(moves.clock), moves.clock) * PARTS // max(n, 1)
    cells = step * n_clusters + moves.novel
    new = np.bincount(cells, minlength=PARTS * n_clusters).reshape(PARTS, n_clusters)
    known = np.zeros((PARTS + 1, n_clusters))
    kept = 0.5 ** (1 / (PARTS * half_life))
    for part in range(PARTS):
        known[part + 1] = kept * known[part] + new[part]
    known += 0.5
    return step, np.log(known / known.sum(axis=1, keepdims=True)).astype(np.float32)


def thin_out(rows: np.ndarray, n_clusters: int) -> np.ndarray:
    """At most as many rows as are needed to judge by, spread evenly."""
    most = max(min(MOST_JUDGED, CELLS_JUDGED // max(n_clusters, 1)), 1)
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def judge_choices(log_probs: np.ndarray, novel: np.ndarray, seen: np.ndarray) -> tuple[float, float]:
    """(recall in the ten best, mean log-likelihood) of what was chosen, among what was open.

    log_probs: (n, n_clusters), any constant per row added; novel: (n,) what was chosen; seen: (n, n_clusters) bool.
    Equal scores count as the average over their orders. n must be at least 1.
    """
    row = np.arange(len(novel))
    chosen = log_probs[row, novel]
    likelihood = np.where(seen, -np.inf, log_probs)
    better = (likelihood > chosen[:, None]).sum(axis=1)
    equal = (likelihood == chosen[:, None]).sum(axis=1)
    found = np.clip((TOP - better) / np.maximum(equal, 1), 0, 1)
    likelihood -= likelihood.max(axis=1, keepdims=True)
    total = np.log(np.exp(likelihood).sum(axis=1, dtype=np.float64))
    return float(found.mean()), float((likelihood[row, novel] - total).mean())


def leave_out_context(log_probs: np.ndarray, contexts: np.ndarray) -> np.ndarray:
    """(n, n_clusters) float32: -inf for each row's own context, every row summing to one after `exp`.

    Changes its input. Where nothing is left besides the context, the whole row is -inf.
    """
    log_probs[np.arange(len(contexts))[:, None], contexts] = -np.inf
    best = log_probs.max(axis=1, keepdims=True, initial=-np.inf)
    log_probs -= np.where(np.isfinite(best), best, 0)
    total = np.exp(log_probs).sum(axis=1, keepdims=True)
    log_probs -= np.log(np.maximum(total, np.finfo(np.float32).tiny))
    return np.minimum(log_probs, 0).astype(np.float32, copy=False)
