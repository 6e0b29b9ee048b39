"""One binary tree over the items, one item order, every interest cluster a slice of that order (design: "slices")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class InterestTree:
    """Nodes as arrays; node 0 is the root, split number k makes nodes 2k-1 and 2k.

    order: (n_items,) int32, item index at each position. Per node, (n_nodes,): lo, hi int32 (its slice of `order`),
    born int32 (the granularity at which it appears), dies int32 (at which it is split; `finest + 1` if never),
    parent int32 (the root is its own parent), traffic float64 (interactions), coherence float64 (traffic-weighted
    mean cosine of its items to its traffic-weighted centroid, at most 1).
    """

    order: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    born: np.ndarray
    dies: np.ndarray
    parent: np.ndarray
    traffic: np.ndarray
    coherence: np.ndarray

    @property
    def finest(self) -> int:
        """The largest granularity that this tree can be cut at."""
        return (len(self.lo) + 1) // 2

    @property
    def n_items(self) -> int:
        return len(self.order)

    def cut(self, granularity: int) -> np.ndarray:
        """(granularity,) int32: the nodes alive at `granularity`, in item order."""
        alive = np.flatnonzero((self.born <= granularity) & (granularity < self.dies))
        return alive[np.argsort(self.lo[alive], kind="stable")].astype(np.int32)
