"""LinUCB, one for every user (Li et al., WWW 2010, algorithm 1), on features of what is chosen."""

from __future__ import annotations

import numpy as np

from .choosing import occurrences

USERS_AT_ONCE = 500


class UserModels:
    """theta = A^-1 b per user, with A = I + sum x x^T and b = sum reward x over what the user was shown.

    inverse: (n_users, d, d) A^-1, kept as such (Sherman and Morrison 1950); rewarded: (n_users, d) b.
    """

    def __init__(self, n_users: int, dimensions: int):
        self.inverse = np.tile(np.eye(dimensions), (n_users, 1, 1))
        self.rewarded = np.zeros((n_users, dimensions))

    def upper_bounds(self, users: np.ndarray, features: np.ndarray, alpha: float) -> np.ndarray:
        """(n, m) float64: theta . x + alpha sqrt(x^T A^-1 x) for users (n,) and features (m, d)."""
        bounds = np.empty((len(users), len(features)))
        for start in range(0, len(users), USERS_AT_ONCE):
            rows = slice(start, start + USERS_AT_ONCE)
            inverse, rewarded = self.inverse[users[rows]], self.rewarded[users[rows]]
            spread = features @ inverse
            means = np.einsum("umd,ud->um", spread, rewarded)
            bounds[rows] = means + alpha * np.sqrt(np.maximum(np.einsum("umd,md->um", spread, features), 0))
        return bounds

    def observe(self, users: np.ndarray, features: np.ndarray, rewards: np.ndarray) -> None:
        """features: (n, d), of what each of `users` (n,) was shown."""
        np.add.at(self.rewarded, users, features * rewards[:, None])
        turn = occurrences(users)
        for now in range(turn.max(initial=-1) + 1):
            rows = turn == now
            user, x = users[rows], features[rows]
            towards = np.einsum("ude,ue->ud", self.inverse[user], x)
            scale = 1 + np.einsum("ud,ud->u", towards, x)
            self.inverse[user] -= towards[:, :, None] * towards[:, None, :] / scale[:, None, None]
