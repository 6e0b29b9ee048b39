"""A move as a choice: what was still open to the person, how it is foreseen, and which moves are kept to judge by.

A person who has an interest cannot find it again, so a policy is judged, and can learn, among the interests that
were still open at that moment, and not among all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..transitions import Moves
from ..transitions.pasts import Pasts

FEWEST_TO_CHOOSE_BY = 50
"""With fewer later moves than this, settings stay what they are without any."""
TOP = 10
"""Recall is measured in the ten best."""
MOST_JUDGED = 10_000
"""Enough moves to compare two settings by; more would only take longer."""
CELLS_JUDGED = 8_000_000
"""And no more scores than this, 32 MB."""
PARTS = 40
"""Popularity is followed in this many steps of equally many moves."""
NEWTON_STEPS = 25
SHORTEST_STEP = 1e-3
ENOUGH_GAIN = 1e-6
"""Log-likelihood per move that is worth one more step."""
RIDGE = 1.0
"""Keeps a step finite where two parts say the same; small against what a hundred moves say."""


def mark_seen(moves: Moves, rows: np.ndarray) -> np.ndarray:
    """(len(rows), n_clusters) bool: the whole history before each of these moves, the context included."""
    return Pasts.before_moves(moves).take(rows).mark(moves.n_clusters)


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
    return spread_out(rows, max(min(MOST_JUDGED, CELLS_JUDGED // max(n_clusters, 1)), 1))


def spread_out(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows, spread evenly over the people, since moves lie person by person."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def weigh_people(user: np.ndarray) -> np.ndarray:
    """(n,) float32 weights of rows, 1 on average, under which every user counts the same however many rows they have.

    Policies are asked for people, and most people make few moves: without this, the few who make many decide. To be
    called before rows are thinned out, which leaves most of the people who made few moves without any.
    """
    _, person, counts = np.unique(user, return_inverse=True, return_counts=True)
    return (len(user) / len(counts) / counts[person]).astype(np.float32)


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


def leave_out(log_probs: np.ndarray, pasts: Pasts) -> np.ndarray:
    """(n, n_clusters) float32: -inf for what each row's person has, every row summing to one after `exp`.

    Changes its input. Where nothing else is left, the whole row is -inf.
    """
    row, cluster, _ = pasts.flat()
    log_probs[row, cluster] = -np.inf
    best = log_probs.max(axis=1, keepdims=True, initial=-np.inf)
    log_probs -= np.where(np.isfinite(best), best, 0)
    total = np.exp(log_probs).sum(axis=1, keepdims=True)
    log_probs -= np.log(np.maximum(total, np.finfo(np.float32).tiny))
    return np.minimum(log_probs, 0, out=log_probs).astype(np.float32, copy=False)


def leave_out_context(log_probs: np.ndarray, contexts: np.ndarray) -> np.ndarray:
    """The same with each row's context as all that the person has."""
    return leave_out(log_probs, Pasts.of_contexts(contexts))


@dataclass(frozen=True)
class Belief:
    """What weights are before a choice was seen: normal around `expected` (parts,).

    doubt: what it costs, in log-likelihood and so in moves, when the weights lie 1 away from that.
    """

    expected: np.ndarray
    doubt: float


def weigh_parts(
    parts: Sequence[np.ndarray],
    novel: np.ndarray,
    seen: np.ndarray,
    weight: np.ndarray | None = None,
    belief: Belief | None = None,
) -> np.ndarray:
    """(len(parts),) weights under whose sum of the parts the choices are most likely, among what was open.

    parts: scores, each (n, n_clusters) or (n_clusters,); novel: (n,) what was chosen; seen: (n, n_clusters) bool;
    weight: (n,) of each row, 1 on average and without it; belief: what the choices have to outweigh, nothing without
    it. The likelihood is concave in the weights (McFadden 1974), and stays so with a belief: Newton's steps, halved
    where too long, find its top.
    """
    row = np.arange(len(novel))
    weight = np.ones(len(novel), np.float32) if weight is None else weight
    belief = Belief(np.full(len(parts), 1 / len(parts)), 0.0) if belief is None else belief
    parts = [np.where(seen, np.float32(0), part).astype(np.float32, copy=False) for part in parts]
    chosen = np.array([np.dot(weight, part[row, novel].astype(np.float64)) for part in parts])

    def foresee(weights: np.ndarray) -> tuple[float, np.ndarray]:
        weighed = (np.float32(weight) * part for weight, part in zip(weights, parts, strict=True))
        logits = np.where(seen, -np.inf, sum(weighed))
        logits -= logits.max(axis=1, keepdims=True)
        likely = np.exp(logits)
        total = likely.sum(axis=1, keepdims=True)
        held_back = belief.doubt * np.square(weights - belief.expected).sum()
        return float(np.dot(weight, logits[row, novel] - np.log(total[:, 0])) - held_back), likely / total

    weights = belief.expected
    likelihood, likely = foresee(weights)
    for _ in range(NEWTON_STEPS):
        pull = 2 * belief.doubt * (belief.expected - weights)
        step = _newton_step(parts, chosen + pull, likely, weight, RIDGE + 2 * belief.doubt)
        length = 1.0
        while (found := foresee(weights + length * step))[0] < likelihood and length > SHORTEST_STEP:
            length /= 2
        gain = found[0] - likelihood
        if gain > 0:
            weights, (likelihood, likely) = weights + length * step, found
        if gain < ENOUGH_GAIN * len(novel):
            break
    return weights


def _newton_step(
    parts: Sequence[np.ndarray], chosen: np.ndarray, likely: np.ndarray, weight: np.ndarray, ridge: float
) -> np.ndarray:
    means = np.array([(part * likely).sum(axis=1) for part in parts], np.float64)
    likely = likely * weight[:, None]
    products = np.array([[np.vdot(part * likely, other) for other in parts] for part in parts], np.float64)
    curvature = products - (means * weight) @ means.T
    return np.linalg.solve(curvature + ridge * np.eye(len(parts)), chosen - means @ weight)
