"""What an arm may know: what was shown to whom, and whether it was consumed. Nothing else reaches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..logs import Interactions
from ..taxonomy import Taxonomy
from ..transitions import Histories, histories_of_items
from .exploration import InterestLevels

DAY = 86_400_000_000
"""Microseconds, as clocks count."""


@dataclass(frozen=True)
class Catalogue:
    """What everybody knows of the items.

    item_vectors: (n_items, d) float32; levels: the tree above the interests, which the hierarchical bandit walks down;
    k: how many interests a prediction starts from.
    """

    taxonomy: Taxonomy
    item_vectors: np.ndarray
    levels: InterestLevels
    k: int = 2

    @property
    def n_items(self) -> int:
        return len(self.taxonomy.cluster_of_item)


@dataclass(frozen=True)
class Past:
    """What was shown so far, by time: user, item (n,) int32, clock (n,) int64, positive (n,) bool.

    Clocks are microseconds from the beginning of the trial; what came before is negative, and was consumed.
    """

    user: np.ndarray
    item: np.ndarray
    clock: np.ndarray
    positive: np.ndarray
    n_users: int
    n_items: int

    @classmethod
    def of_log(cls, log: Interactions) -> Past:
        order = np.argsort(log.clock, kind="stable")
        positive = np.ones(len(order), bool)
        return cls(log.user_index[order], log.item_index[order], log.clock[order], positive, log.n_users, log.n_items)

    def then(self, user: np.ndarray, item: np.ndarray, clock: int, positive: np.ndarray) -> Past:
        """With what was shown afterwards."""
        return Past(
            np.concatenate([self.user, user.astype(np.int32)]),
            np.concatenate([self.item, item.astype(np.int32)]),
            np.concatenate([self.clock, np.broadcast_to(np.int64(clock), user.shape)]),
            np.concatenate([self.positive, positive]),
            self.n_users,
            self.n_items,
        )

    def histories_before(self) -> tuple[list[np.ndarray], np.ndarray]:
        """What a person had consumed before each time that they were shown something, and (n,) which of these a row of
        the past belongs to. The histories are views of one log."""
        consumed = self.consumed()
        times, row = np.unique(np.stack([self.user.astype(np.int64), self.clock]), axis=1, return_inverse=True)
        histories = []
        for user, clock in times.T:
            span = slice(consumed.starts[user], consumed.starts[user + 1])
            histories.append(consumed.item_index[span][: np.searchsorted(consumed.clock[span], clock)])
        return histories, row.reshape(-1)

    def consumed(self) -> Interactions:
        """The log of what was consumed."""
        rows = np.flatnonzero(self.positive)
        rows = rows[np.argsort(self.user[rows], kind="stable")]
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.user[rows], minlength=self.n_users))])
        return Interactions(
            self.user[rows], self.item[rows], self.clock[rows], starts.astype(np.int64), self.n_items, True
        )


@dataclass(frozen=True)
class Viewers:
    """Who comes now, and what is known of them.

    users: (m,) int64; histories: of each the items consumed, earliest first; shown: (m, n_items) bool, what they were
    shown before, in the log too; has: (m, n_clusters) bool, interests of which they consumed something; visit: int,
    which of all the possible visits of the trial this is.
    """

    users: np.ndarray
    histories: Sequence[np.ndarray]
    shown: np.ndarray
    has: np.ndarray
    visit: int

    def part(self, rows: np.ndarray) -> Viewers:
        """Some of them, by place."""
        histories = [self.histories[row] for row in rows]
        return Viewers(self.users[rows], histories, self.shown[rows], self.has[rows], self.visit)

    def interests(self, cluster_of_item: np.ndarray) -> Histories:
        """Their interests in order of first visit, by place in `users`."""
        lengths = np.array([len(history) for history in self.histories], np.int64)
        items = np.concatenate([np.empty(0, np.int32), *self.histories]).astype(np.int32)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        who, clock = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths), np.arange(len(items))
        log = Interactions(who, items, clock, starts, len(cluster_of_item), False)
        return histories_of_items(log, cluster_of_item, self.has.shape[1])
