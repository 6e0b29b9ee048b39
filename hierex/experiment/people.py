"""Who the trial is held with: what people like, whether they know it or not. No arm may see this (see `past`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config import ExperimentConfig
from .draws import draw

LIKED = 0.5
"""Where tastes centre, as log-odds: six in ten items of an interest that is fully theirs please a person."""


@dataclass(frozen=True)
class People:
    """The truth of a trial.

    appeal: (n_people, n_clusters) float32 in 0-1, how much a person likes an interest when they are not tired of it,
    0 where it is none of theirs. known: (n_people, n_clusters) bool, which of them they have met before the trial.
    activity: (n_people,) float64, the share of all possible visits that they make. direction: (n_people, d) float32,
    what they prefer inside interests; own: (n_items, d) float32, what sets an item apart inside its interest;
    quality: (n_items,) float32, how well it pleases everybody. cluster_of_item: (n_items,) int32.
    """

    appeal: np.ndarray
    known: np.ndarray
    activity: np.ndarray
    direction: np.ndarray
    own: np.ndarray
    quality: np.ndarray
    cluster_of_item: np.ndarray

    @property
    def n_people(self) -> int:
        return len(self.appeal)

    def taste(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(m,) float32 in 0-1: how much each item pleases its person, given that they like its interest."""
        personal = (self.direction[users] * self.own[items]).sum(axis=1)
        return 1 / (1 + np.exp(-(LIKED + np.sqrt(0.5) * (self.quality[items] + personal))))


@dataclass(frozen=True)
class Reaction:
    """Of m people to one item each: positive (consumed) and discovered (it opened an interest), (m,) bool;
    enjoyment (m,) float32, 0 where it was not consumed."""

    positive: np.ndarray
    discovered: np.ndarray
    enjoyment: np.ndarray


class Minds:
    """People as one arm's trial changes them: what they have discovered and what they are tired of."""

    def __init__(self, people: People, config: ExperimentConfig):
        self.people, self.config = people, config
        self.known = people.known.copy()
        self.tired = np.zeros(people.appeal.shape, np.float32)

    def rest(self, days: float) -> None:
        """Time passes."""
        self.tired *= np.float32(np.exp(-days / self.config.recovery_days))

    def chances(self, users: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) each: how likely each person consumes their item, and whether its interest is one of theirs.

        How much they like the interest, times how the item pleases them, times what satiation leaves, times their
        readiness where the interest is new to them. Outside their interests only `config.noise` is left.
        """
        clusters = self.people.cluster_of_item[items]
        appeal = self.people.appeal[users, clusters]
        fresh = np.exp(-self.config.satiation * self.tired[users, clusters])
        ready = np.where(self.known[users, clusters], 1.0, self.config.readiness)
        is_theirs = appeal > 0
        liked = appeal * self.people.taste(users, items) * fresh * ready
        return np.where(is_theirs, liked, self.config.noise), is_theirs

    def react(self, users: np.ndarray, items: np.ndarray, visit: int) -> Reaction:
        """What happens when each of these people (no one twice) is shown one item. Changes them."""
        chance, is_theirs = self.chances(users, items)
        positive = draw(self.config.seed, "reacts", visit, users, items) < chance
        clusters = self.people.cluster_of_item[items]
        discovered = positive & is_theirs & ~self.known[users, clusters]
        self.known[users[discovered], clusters[discovered]] = True
        self.tired[users[positive], clusters[positive]] += 1
        return Reaction(positive, discovered, np.where(positive, chance, 0).astype(np.float32))
