"""How people's interests move: from the last K interests to one that is new to them (paper, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Histories:
    """Every user's distinct clusters in order of first visit.

    cluster: (n,) int32 cluster indices, clock: (n,) int64 of the first visits, user by user;
    user u's rows are `starts[u]:starts[u + 1]`, starts is (n_users + 1,) int64.
    """

    cluster: np.ndarray
    clock: np.ndarray
    starts: np.ndarray
    n_clusters: int

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    def of(self, user: int) -> np.ndarray:
        return self.cluster[self.starts[user] : self.starts[user + 1]]


@dataclass(frozen=True)
class Moves:
    """One row for every time a user reached a novel interest: one that the whole earlier history lacks.

    contexts: (n, K) int32, the K latest clusters before it in order of first visit, latest last; novel: (n,) int32;
    user: (n,) int32; clock: (n,) int64, when the novel interest was first visited.
    """

    contexts: np.ndarray
    novel: np.ndarray
    user: np.ndarray
    clock: np.ndarray
    n_clusters: int


@dataclass(frozen=True)
class Transitions:
    """Moves counted by users. contexts: (n, K) int32, novel: (n,) int32, n_users: (n,) int64."""

    contexts: np.ndarray
    novel: np.ndarray
    n_users: np.ndarray
    n_clusters: int
