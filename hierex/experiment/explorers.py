"""Who names the new interests: a language policy, a bandit, or chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..policies import LanguagePolicy
from ..recommenders import Recommender
from ..transitions import Moves, histories_of_items, latest_contexts, list_moves
from .draws import draw, gumbel
from .exploration import HierarchicalBandit, NeuralLinearBandit, ProgressiveBandit, read_interests
from .exploration.choosing import occurrences
from .past import Catalogue, Past, Viewers

Train = Callable[[Moves, int], LanguagePolicy]
"""A policy from moves and a seed."""


@dataclass
class PolicyExplorer:
    """Draws interests from a policy's answer, the likely ones more often; it learns anew from every past.

    It is asked as Preview and predictions ask it, from everybody's latest interests.

    The best answer alone would be shown again and again to whoever does not take it up. What is in a history is left
    out, and so is what is hidden. Who has no history is told nothing.
    """

    catalogue: Catalogue
    train: Train
    draws: int
    policy: LanguagePolicy | None = field(default=None, init=False)

    def learn(self, past: Past, recommender: Recommender, seed: int) -> None:
        taxonomy = self.catalogue.taxonomy
        histories = histories_of_items(past.consumed(), taxonomy.cluster_of_item, taxonomy.n_clusters)
        self.policy = self.train(list_moves(histories, k=self.catalogue.k), seed)

    def choose(self, viewers: Viewers, n: int) -> np.ndarray:
        log_probs = np.full(viewers.has.shape, -np.inf, np.float32)
        known = np.flatnonzero([len(history) > 0 for history in viewers.histories])
        if len(known):
            log_probs[known] = self._foresee(viewers, known)
        log_probs[~new_interests(viewers, self.catalogue)] = -np.inf
        return draw_interests(log_probs, viewers, n, self.draws)

    def observe(self, users: np.ndarray, interests: np.ndarray, positive: np.ndarray) -> None:
        pass

    def _foresee(self, viewers: Viewers, rows: np.ndarray) -> np.ndarray:
        histories = viewers.interests(self.catalogue.taxonomy.cluster_of_item)
        starts, ends = histories.starts[rows], histories.starts[rows + 1]
        return self.policy.score(latest_contexts(histories, ends, starts, k=self.catalogue.k))


@dataclass
class RandomExplorer:
    """Any new interest, each as likely: what exploring costs and brings that knows nothing."""

    catalogue: Catalogue
    draws: int

    def learn(self, past: Past, recommender: Recommender, seed: int) -> None:
        pass

    def choose(self, viewers: Viewers, n: int) -> np.ndarray:
        log_probs = np.where(new_interests(viewers, self.catalogue), 0.0, -np.inf)
        return draw_interests(log_probs, viewers, n, self.draws)

    def observe(self, users: np.ndarray, interests: np.ndarray, positive: np.ndarray) -> None:
        pass


@dataclass
class HierarchicalExplorer:
    """A hierarchical contextual bandit, with its source's settings; it learns from every visit at once."""

    catalogue: Catalogue
    draws: int
    make: type[HierarchicalBandit | ProgressiveBandit]
    bandit: HierarchicalBandit | ProgressiveBandit | None = field(default=None, init=False)

    def learn(self, past: Past, recommender: Recommender, seed: int) -> None:
        """Reads the shared past once, row by row of each person, since what is visible to them changes with every row;
        what the arm shows afterwards it has observed already."""
        if self.bandit is not None:
            return
        self.bandit = self.make(self.catalogue.levels, past.n_users)
        users, interests, rewards = rewards_of(past, self.catalogue)
        turn = occurrences(users)
        for now in range(turn.max(initial=-1) + 1):
            rows = turn == now
            self.bandit.observe(users[rows], interests[rows], rewards[rows])

    def choose(self, viewers: Viewers, n: int) -> np.ndarray:
        rng = np.random.default_rng([self.draws, viewers.visit])
        return self.bandit.choose(viewers.users, new_interests(viewers, self.catalogue), rng, top=n)

    def observe(self, users: np.ndarray, interests: np.ndarray, positive: np.ndarray) -> None:
        self.bandit.observe(users, interests, positive.astype(float))


@dataclass
class NeuralExplorer:
    """The neural linear bandit on the last layer of the arm's recommender, with its source's settings.

    Made anew with every recommender, on all of the past, and it learns from every visit at once. Whatever was shown is
    told with its person's vector of that time: that of now has read what came of it. Where the recommender has learned
    no vectors, for want of a log, it names nothing.
    """

    catalogue: Catalogue
    draws: int
    bandit: NeuralLinearBandit | None = field(default=None, init=False)
    recommender: Recommender | None = field(default=None, init=False)

    def learn(self, past: Past, recommender: Recommender, seed: int) -> None:
        if recommender.name != "sequence":
            return
        consumed = past.consumed()
        interests = read_interests(recommender, self.catalogue.taxonomy, consumed.traffic())
        histories, then = past.histories_before()
        _, shown, rewards = rewards_of(past, self.catalogue)
        self.recommender, self.bandit = recommender, NeuralLinearBandit(recommender.encode(histories), interests)
        self.bandit.observe(then, shown, rewards)
        self.bandit.user_vectors = recommender.encode([consumed.items_of(user) for user in range(past.n_users)])

    def choose(self, viewers: Viewers, n: int) -> np.ndarray:
        if self.bandit is None:
            return np.full((len(viewers.users), n), -1)
        self.bandit.move_users(viewers.users, self.recommender.encode(viewers.histories))
        rng = np.random.default_rng([self.draws, viewers.visit])
        return self.bandit.choose(viewers.users, new_interests(viewers, self.catalogue), rng, top=n)

    def observe(self, users: np.ndarray, interests: np.ndarray, positive: np.ndarray) -> None:
        if self.bandit is not None:
            self.bandit.observe(users, interests, positive.astype(float))


def new_interests(viewers: Viewers, catalogue: Catalogue) -> np.ndarray:
    """(m, n_clusters) bool: what may be named to each viewer."""
    return ~(viewers.has | catalogue.taxonomy.hidden)


def rewards_of(past: Past, catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """user, interest and reward (1: consumed, 0: not) of all that was shown, (n,) each."""
    return past.user.astype(np.int64), catalogue.taxonomy.cluster_of_item[past.item], past.positive.astype(float)


def draw_interests(log_probs: np.ndarray, viewers: Viewers, n: int, seed: int) -> np.ndarray:
    """(m, n) int64: n different interests for each viewer, drawn by their probability, -1 where none are left.

    The random numbers hang on person, visit and interest, so that two explorers that think alike show alike.
    """
    chance = draw(seed, "explores", viewers.visit, viewers.users[:, None], np.arange(log_probs.shape[1]))
    keys = log_probs + gumbel(chance)
    chosen = np.argsort(-keys, axis=1, kind="stable")[:, :n]
    return np.where(np.take_along_axis(keys, chosen, axis=1) > -np.inf, chosen, -1)
