"""A neural linear bandit: Thompson sampling on the last layer of the sequence recommender (Su et al., WSDM 2024)."""

from __future__ import annotations

import numpy as np

from ...recommenders import SequenceRecommender
from ...taxonomy import Taxonomy
from .choosing import NOTHING, best_allowed

RIDGE = 1e-6
NOISE = 10.0
USERS_AT_ONCE = 64


class NeuralLinearBandit:
    """reward = phi . beta, with phi = (user vector x interest vector, element by element; interest's bias; 1).

    With beta all ones and the last 0, phi . beta is what the recommender says of an item that lies in the middle of the
    interest. One beta serves everybody: Sigma = ridge I + sum phi phi^T, beta = Sigma^+ sum phi reward. A candidate's
    value is drawn from N(phi . beta, noise phi^T Sigma^+ phi), anew for every candidate and choice.

    user_vectors: (n_users, d), what `SequenceRecommender.encode` gives; interests: see `read_interests`. When the
    recommender is trained anew, all vectors change: make another bandit and have it observe the whole log
    again, with the users' vectors of the time: those of now have read what came of it.
    """

    name = "neural linear bandit"

    def __init__(self, user_vectors: np.ndarray, interests: np.ndarray, *, ridge: float = RIDGE, noise: float = NOISE):
        self.user_vectors, self.interests, self.noise = user_vectors, interests, noise
        width = interests.shape[1] + 1
        self.sigma, self.rewarded = ridge * np.eye(width), np.zeros(width)

    def move_users(self, users: np.ndarray, vectors: np.ndarray) -> None:
        """Users (n,) whose histories have grown, and their vectors (n, d) now."""
        self.user_vectors[users] = vectors

    def choose(
        self, users: np.ndarray, candidates: np.ndarray, rng: np.random.Generator, *, top: int = 1
    ) -> np.ndarray:
        """See `Bandit`."""
        spread = np.linalg.pinv(self.sigma, hermitian=True)
        beta = spread @ self.rewarded
        chosen = np.full((len(users), top), NOTHING)
        for start in range(0, len(users), USERS_AT_ONCE):
            rows = slice(start, start + USERS_AT_ONCE)
            phi = self.features(users[rows, None], np.arange(len(self.interests)))
            variance = self.noise * np.einsum("ucp,ucp->uc", phi @ spread, phi)
            values = phi @ beta + np.sqrt(np.maximum(variance, 0)) * rng.standard_normal(variance.shape)
            left = candidates[rows].copy()
            for place in range(min(top, values.shape[1])):
                best = best_allowed(values, left, rng)
                chosen[rows, place] = best
                found = np.flatnonzero(best != NOTHING)
                left[found, best[found]] = False
        return chosen

    def observe(self, users: np.ndarray, interests: np.ndarray, rewards: np.ndarray) -> None:
        """See `Bandit`. The users' vectors are those of now."""
        phi = self.features(users, interests)
        self.sigma += phi.T @ phi
        self.rewarded += rewards @ phi

    def features(self, users: np.ndarray, interests: np.ndarray) -> np.ndarray:
        """(..., d + 2) float64 for indices of users and interests that broadcast together."""
        vectors, biases = self.interests[:, :-1], self.interests[:, -1:]
        crossed = self.user_vectors[users].astype(np.float64) * vectors[interests]
        bias = np.broadcast_to(biases[interests], (*crossed.shape[:-1], 1))
        return np.concatenate([crossed, bias, np.ones_like(bias)], axis=-1)


def read_interests(recommender: SequenceRecommender, taxonomy: Taxonomy, traffic: np.ndarray) -> np.ndarray:
    """(n_clusters, d + 1) float64: the mean item vector of every interest, and last its mean item bias.

    traffic: (n_items,); an item weighs its interactions and one more.
    """
    rows = np.concatenate([recommender.item_matrix, recommender.item_bias[:, None]], axis=1).astype(np.float64)
    weight = (np.asarray(traffic, np.float64) + 1)[taxonomy.order, None]
    sums = np.add.reduceat(rows[taxonomy.order] * weight, taxonomy.lo, axis=0)
    return sums / np.add.reduceat(weight, taxonomy.lo, axis=0)
