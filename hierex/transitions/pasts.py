"""What people had before a moment each: what a policy may read, and what it never names again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..errors import ConfigError
from . import Histories, Moves, repeat_earliest


@dataclass(frozen=True)
class Pasts:
    """What people had before a moment each: `cluster[starts[i]:ends[i]]`, distinct, in order of first visit.

    cluster: (m,) int; starts, ends: (n,) int64.
    """

    cluster: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of_contexts(cls, contexts: np.ndarray) -> Pasts:
        """contexts: (n, K); what one repeats is there once."""
        contexts = repeat_earliest(contexts)
        n, k = contexts.shape
        is_first = np.concatenate([contexts[:, 1:] != contexts[:, :-1], np.ones((n, 1), bool)], axis=1)
        begin = np.arange(n, dtype=np.int64) * k
        return cls(contexts.ravel(), begin + is_first.argmax(axis=1), begin + k)

    @classmethod
    def of_histories(cls, histories: Histories) -> Pasts:
        """Raises ConfigError where somebody's history is empty."""
        empty = np.flatnonzero(histories.starts[1:] == histories.starts[:-1])
        if len(empty):
            raise ConfigError(
                f"{len(empty):,} of {histories.n_users:,} people have no interest yet, and what follows cannot be told "
                "from nothing. Leave them out."
            )
        return cls(histories.cluster, histories.starts[:-1], histories.starts[1:])

    @classmethod
    def before_moves(cls, moves: Moves) -> Pasts:
        """The whole history before each move, read from the same user's earlier moves: `moves` has to hold them all."""
        if not len(moves):
            return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))
        is_first = np.append(True, moves.user[1:] != moves.user[:-1])
        begun = cls.of_contexts(moves.contexts[is_first])
        before = begun.ends - begun.starts
        number = np.cumsum(is_first) - 1
        place = np.arange(len(moves)) + np.cumsum(before)[number]
        cluster = np.empty(len(moves) + before.sum(), moves.novel.dtype)
        cluster[place] = moves.novel
        cluster[np.setdiff1d(np.arange(len(cluster)), place, assume_unique=True)] = begun.flat()[1]
        return cls(cluster, (place[is_first] - before)[number], place)

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: np.ndarray) -> Pasts:
        return Pasts(self.cluster, self.starts[rows], self.ends[rows])

    def latest(self, k: int) -> Pasts:
        """No more than the `k` latest of each."""
        return Pasts(self.cluster, np.maximum(self.starts, self.ends - k), self.ends)

    def flat(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One entry per past and interest, in order: row, cluster, and age (0: the latest, 1: the one before, ...)."""
        lengths = self.ends - self.starts
        row = np.repeat(np.arange(len(self)), lengths)
        place = np.arange(lengths.sum()) + np.repeat(self.starts - (np.cumsum(lengths) - lengths), lengths)
        return row, self.cluster[place], self.ends[row] - 1 - place

    def mark(self, n_clusters: int) -> np.ndarray:
        """(n, n_clusters) bool: what each of them holds."""
        marked = np.zeros((len(self), n_clusters), bool)
        row, cluster, _ = self.flat()
        marked[row, cluster] = True
        return marked

    def count(self, n_clusters: int) -> sparse.csr_array:
        """The same as ones, (n, n_clusters) float32."""
        _, cluster, _ = self.flat()
        starts = np.concatenate([[0], np.cumsum(self.ends - self.starts)])
        ones = np.ones(len(cluster), np.float32)
        return sparse.csr_array((ones, cluster, starts), shape=(len(self), n_clusters))
