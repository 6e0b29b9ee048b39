"""Hierarchical contextual bandits over the interest tree (HCB and pHCB; Song et al., WSDM 2022)."""

from __future__ import annotations

import numpy as np

from .choosing import NOTHING, best_allowed
from .levels import InterestLevels
from .linear import UserModels

ALPHA = 0.5


class HierarchicalBandit:
    """HCB: from the root down, a LinUCB of the user and the level chooses the next node, until it is an interest.

    What came of an interest is learned on every level, for the node that it lies in.
    """

    name = "hierarchical bandit"

    def __init__(self, levels: InterestLevels, n_users: int, *, alpha: float = ALPHA):
        self.levels, self.alpha = levels, alpha
        self.models = [UserModels(n_users, features.shape[1]) for features in levels.features]

    def choose(
        self, users: np.ndarray, candidates: np.ndarray, rng: np.random.Generator, *, top: int = 1
    ) -> np.ndarray:
        """See `Bandit`."""
        parts = zip(self.models, self.levels.features, strict=True)
        bounds = [model.upper_bounds(users, features, self.alpha) for model, features in parts]
        left, chosen = candidates.copy(), np.full((len(users), top), NOTHING)
        for place in range(top):
            chosen[:, place] = self._descend(bounds, left, rng)
            _strike_out(left, chosen[:, place])
        return chosen

    def _descend(self, bounds: list[np.ndarray], candidates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        node = np.zeros(len(candidates), np.int64)
        for level, scores in enumerate(bounds):
            below = self.levels.parents(level) == node[:, None]
            node = best_allowed(scores, below & self.levels.gather(candidates, level), rng)
        return node

    def observe(self, users: np.ndarray, interests: np.ndarray, rewards: np.ndarray) -> None:
        """See `Bandit`."""
        parts = zip(self.models, self.levels.features, self.levels.node_of, strict=True)
        for model, features, node_of in parts:
            model.observe(users, features[node_of[interests]], rewards)


class ProgressiveBandit:
    """pHCB: a LinUCB of the user chooses among the nodes that are visible to them, and an interest in it by lot.

    At first these are the nodes of the first level. A node makes way for those inside it once the user has been there
    p ln(depth) times with a mean reward of q ln(depth). A node's bound is multiplied by its depth, so that of nodes
    that are equally liked the narrower one comes first.
    """

    name = "progressive bandit"

    def __init__(self, levels: InterestLevels, n_users: int, *, alpha: float = ALPHA, p: float = 10.0, q: float = 0.1):
        self.levels, self.alpha, self.p, self.q = levels, alpha, p, q
        self.models = UserModels(n_users, levels.features[-1].shape[1])
        sizes = [(n_users, len(features)) for features in levels.features]
        self.visits = [np.zeros(size, np.int32) for size in sizes]
        self.rewards = [np.zeros(size) for size in sizes]
        self.opened = [np.zeros(size, bool) for size in sizes]

    def choose(
        self, users: np.ndarray, candidates: np.ndarray, rng: np.random.Generator, *, top: int = 1
    ) -> np.ndarray:
        """See `Bandit`."""
        bounds = self.models.upper_bounds(users, np.concatenate(self.levels.features), self.alpha)
        sizes = [len(features) for features in self.levels.features]
        bounds *= np.repeat(self.levels.depths, sizes)
        firsts = np.cumsum([0, *sizes[:-1]])
        node_of = np.array([names + first for names, first in zip(self.levels.node_of, firsts, strict=True)])
        visible = np.concatenate(self._visible(users), axis=1)
        left, chosen = candidates.copy(), np.full((len(users), top), NOTHING)
        for place in range(top):
            allowed = np.concatenate([self.levels.gather(left, level) for level in range(len(sizes))], axis=1)
            node = best_allowed(bounds, visible & allowed, rng)
            inside = left & (node_of[:, None, :] == node[:, None]).any(axis=0)
            chosen[:, place] = best_allowed(np.zeros(left.shape), inside, rng)
            _strike_out(left, chosen[:, place])
        return chosen

    def observe(self, users: np.ndarray, interests: np.ndarray, rewards: np.ndarray) -> None:
        """See `Bandit`. Of several rows of one user, all count for the nodes that were visible before."""
        level = self.visible_level(users, interests)
        features = np.empty((len(users), self.levels.features[-1].shape[1]))
        for place, depth in enumerate(self.levels.depths):
            rows = level == place
            user, node = users[rows], self.levels.node_of[place][interests[rows]]
            features[rows] = self.levels.features[place][node]
            np.add.at(self.visits[place], (user, node), 1)
            np.add.at(self.rewards[place], (user, node), rewards[rows])
            if place + 1 < len(self.opened):
                visits = self.visits[place][user, node]
                mean = self.rewards[place][user, node] / visits
                enough = (visits >= self.p * np.log(depth)) & (mean >= self.q * np.log(depth))
                self.opened[place][user, node] |= enough
        self.models.observe(users, features, rewards)

    def visible_level(self, users: np.ndarray, interests: np.ndarray) -> np.ndarray:
        """(n,) the level of the node that is visible to each user and holds the interest."""
        parts = zip(self.opened, self.levels.node_of, strict=True)
        return np.argmax([~opened[users, names[interests]] for opened, names in parts], axis=0)

    def _visible(self, users: np.ndarray) -> list[np.ndarray]:
        """Per level (n, n_groups) bool."""
        reached, visible = np.ones((len(users), 1), bool), []
        for level, opened in enumerate(self.opened):
            reached = reached[:, self.levels.parents(level)]
            visible.append(reached & ~opened[users])
            reached = reached & opened[users]
        return visible


def _strike_out(candidates: np.ndarray, chosen: np.ndarray) -> None:
    rows = np.flatnonzero(chosen != NOTHING)
    candidates[rows, chosen[rows]] = False
