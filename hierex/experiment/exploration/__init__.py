"""Exploration baselines: bandits that choose a next interest for people and learn from what came of it.

They are what the paper (arXiv 2405.16363) compares itself with, at the level of interests: hierarchical
contextual bandits down the tree (`hierarchical`), and Thompson sampling on the sequence recommender (`neural_linear`).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from .choosing import NOTHING
from .hierarchical import HierarchicalBandit, ProgressiveBandit
from .levels import InterestLevels, level_interests
from .neural_linear import NeuralLinearBandit, read_interests

__all__ = [
    "NOTHING",
    "Bandit",
    "HierarchicalBandit",
    "InterestLevels",
    "NeuralLinearBandit",
    "ProgressiveBandit",
    "level_interests",
    "read_interests",
]


class Bandit(Protocol):
    """What every bandit offers. Users and interests are indices; the interests are those of one taxonomy."""

    name: str

    def choose(
        self, users: np.ndarray, candidates: np.ndarray, rng: np.random.Generator, *, top: int = 1
    ) -> np.ndarray:
        """(n, top) int64: interests for `users` (n,), best first, none twice, chosen only among their candidates.

        candidates: (n, n_clusters) bool, such as all that is not in a user's history. Where a user has fewer, the rest
        of the row is NOTHING. Learns nothing; what is drawn at random comes from `rng`.
        """
        ...

    def observe(self, users: np.ndarray, interests: np.ndarray, rewards: np.ndarray) -> None:
        """Learns that `users` (n,) were shown `interests` (n,) and gave `rewards` (n,) float; users may repeat."""
        ...
