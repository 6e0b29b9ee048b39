"""An item-item model at the level of interests: what people have together says what else they will have.

EASE (Steck 2019, arXiv 1905.03375) is the linear model that best tells every interest of a person from their others,
in closed form. It says how much, not how likely: its scores are made a distribution by a weight of their own and one
of how popular interests are. How strongly it is held back, how fast popularity ages, and both weights are those under
which the later moves are most likely; once for contexts and once for whole histories, for a sum over two interests is
not one over fifty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ..config import PolicyConfig
from ..likeness import count_together, liken
from ..transitions import Histories, Moves
from ..transitions.pasts import Pasts
from .choices import (
    FEWEST_TO_CHOOSE_BY,
    follow_popularity,
    judge_choices,
    leave_out,
    part_by_time,
    thin_out,
    weigh_parts,
)

HALF_LIVES = (0.02, 0.05, 0.1, 0.2, 0.5, np.inf)
STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0)


@dataclass(frozen=True)
class Tuning:
    """strength: added to how many people have each interest, as if so many had it and nothing else."""

    strength: float = 300.0
    half_life: float = 0.2
    """A move that this share of all moves lies behind counts half for the popularity of interests."""
    scale: float = 1.0
    """Of the sum over the interests that a person has."""
    popularity: float = 1.0
    """Of the log shares of the moves."""


@dataclass(frozen=True)
class Ease:
    """likeness: (n_clusters, n_clusters) float32, row: what a person has; log_popularity: (n_clusters,) float32."""

    likeness: np.ndarray
    log_popularity: np.ndarray
    tuning: Tuning

    def foresee(self, pasts: Pasts) -> np.ndarray:
        """(n, n_clusters) float32, all finite: log-probabilities up to a constant per row."""
        sums = pasts.count(len(self.likeness)) @ self.likeness
        sums *= np.float32(self.tuning.scale)
        sums += np.float32(self.tuning.popularity) * self.log_popularity
        return sums


@dataclass(frozen=True)
class EasePolicy:
    """One model for contexts of K interests, one for whole histories."""

    by_context: Ease
    by_history: Ease
    k: int
    note: str = ""
    name: str = "ease"

    @property
    def n_clusters(self) -> int:
        return len(self.by_context.likeness)

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        pasts = Pasts.of_contexts(contexts)
        return leave_out(self.by_context.foresee(pasts), pasts)

    def score_histories(self, histories: Histories) -> np.ndarray:
        """See `HistoryPolicy`."""
        pasts = Pasts.of_histories(histories)
        return leave_out(self.by_history.foresee(pasts), pasts)

    def as_of(self, moves: Moves) -> EasePolicy:
        """The same, tuned alike, knowing nothing but these moves."""
        models = (fit_ease(moves, ease.tuning) for ease in (self.by_context, self.by_history))
        return EasePolicy(*models, self.k)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        arrays = {"k": np.array([self.k])}
        for name, ease in (("context", self.by_context), ("history", self.by_history)):
            tuning = ease.tuning
            arrays |= {
                f"{name}.likeness": ease.likeness,
                f"{name}.log_popularity": ease.log_popularity,
                f"{name}.tuning": np.array([tuning.strength, tuning.half_life, tuning.scale, tuning.popularity]),
            }
        return arrays


def load_ease(arrays: dict[str, np.ndarray]) -> EasePolicy:
    """The policy whose `arrays()` these are."""

    def of(name: str) -> Ease:
        tuning = Tuning(*map(float, arrays[f"{name}.tuning"]))
        return Ease(arrays[f"{name}.likeness"], arrays[f"{name}.log_popularity"], tuning)

    return EasePolicy(of("context"), of("history"), int(arrays["k"][0]))


def train_ease(moves: Moves, *, config: PolicyConfig) -> EasePolicy:
    """Learn from `moves` (rows as `list_moves` gives them), tuned by the later `validation_share` of them.

    With too few moves to choose by, tuning stays at its defaults. The models are then of all moves.
    """
    earlier, later = part_by_time(moves, config.validation_share)
    k = moves.contexts.shape[1]
    if len(later) < FEWEST_TO_CHOOSE_BY:
        return EasePolicy(fit_ease(moves, Tuning()), fit_ease(moves, Tuning()), k)
    later = thin_out(later, moves.n_clusters)
    pasts = Pasts.before_moves(moves).take(later)
    choice = Choice(moves.take(earlier), moves.novel[later], pasts.mark(moves.n_clusters))
    return EasePolicy(*(fit_ease(moves, choice.tune(given)) for given in (pasts.latest(k), pasts)), k)


def fit_ease(moves: Moves, tuning: Tuning) -> Ease:
    """The model of everybody's interests by the end of these moves."""
    popularity = follow_popularity(moves, tuning.half_life)[1][-1]
    return Ease(liken(_count_together(moves), tuning.strength), popularity, tuning)


class Choice:
    """Later moves to tune by: `novel` was chosen, by people who had what is `seen`."""

    def __init__(self, past: Moves, novel: np.ndarray, seen: np.ndarray):
        self.past, self.novel, self.seen = past, novel, seen
        self.together = _count_together(past)
        self.half_life, self.log_popularity = self._choose_half_life()

    def tune(self, given: Pasts) -> Tuning:
        """The tuning that foresees the choices best from what is `given` of each person."""
        counted = given.count(self.past.n_clusters)
        return max((self._weigh(counted, strength) for strength in STRENGTHS), key=lambda tried: tried[0])[1]

    def _choose_half_life(self) -> tuple[float, np.ndarray]:
        followed = {half_life: follow_popularity(self.past, half_life)[1][-1] for half_life in HALF_LIVES}
        best = max(HALF_LIVES, key=lambda half_life: self._judge(followed[half_life]))
        return best, followed[best]

    def _weigh(self, counted: sparse.csr_array, strength: float) -> tuple[float, Tuning]:
        sums = counted @ liken(self.together, strength)
        scale, popularity = weigh_parts([sums, self.log_popularity], self.novel, self.seen)
        likelihood = self._judge(np.float32(scale) * sums + np.float32(popularity) * self.log_popularity)
        return likelihood, Tuning(strength, self.half_life, float(scale), float(popularity))

    def _judge(self, scores: np.ndarray) -> float:
        return judge_choices(np.broadcast_to(scores, self.seen.shape), self.novel, self.seen)[1]


def _count_together(moves: Moves) -> np.ndarray:
    """(n_clusters, n_clusters) float64: how many people have both by the end of these moves; the diagonal: has it."""
    is_last = np.append(moves.user[1:] != moves.user[:-1], True)[: len(moves)]
    pasts = Pasts.before_moves(moves).take(is_last)
    ends = pasts.ends + 1
    return count_together(replace(pasts, ends=ends).count(moves.n_clusters))
