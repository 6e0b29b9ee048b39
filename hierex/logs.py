"""From uploaded files to a checked catalogue and an ordered log, with a report of what was dropped and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interactions:
    """The log as arrays, sorted by user and, within a user, by time (ties: the order in which they came).

    user_index, item_index: (n,) int32. clock: (n,) int64, microseconds since 1970 UTC where the log has dates,
    else an order number. starts: (n_users + 1,) int64, user u's rows are `starts[u]:starts[u + 1]`.
    """

    user_index: np.ndarray
    item_index: np.ndarray
    clock: np.ndarray
    starts: np.ndarray
    n_items: int
    has_dates: bool

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    def items_of(self, user: int) -> np.ndarray:
        """The user's items, earliest first, repeats included."""
        return self.item_index[self.starts[user] : self.starts[user + 1]]

    def traffic(self) -> np.ndarray:
        """(n_items,) int64, interactions per item."""
        return np.bincount(self.item_index, minlength=self.n_items)

    def before(self, clock: int) -> Interactions:
        """Only what happened before `clock`; every user keeps their index, some with no rows."""
        keep = self.clock < clock
        counts = np.bincount(self.user_index[keep], minlength=self.n_users)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Interactions(
            self.user_index[keep], self.item_index[keep], self.clock[keep], starts, self.n_items, self.has_dates
        )
