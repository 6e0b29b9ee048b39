"""The recommenders that learn nothing of anybody: popularity and chance. Measures for the others to beat."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np


class PopularityRecommender:
    """The same order for everyone: the share of all interactions that an item has.

    traffic: (n_items,), interactions per item.
    """

    name = "popularity"

    def __init__(self, traffic: np.ndarray):
        self.share = (traffic / max(traffic.sum(), 1)).astype(np.float32)

    def encode(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        return np.empty((len(histories), 0), np.float32)

    def score_encoded(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.share[items], (len(users), len(items)))

    def score(self, histories: Sequence[np.ndarray], items: np.ndarray) -> np.ndarray:
        return self.score_encoded(self.encode(histories), items)

    def paths(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        return np.full(len(histories), "popularity")

    def arrays(self) -> dict[str, np.ndarray]:
        return {"share": self.share}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> PopularityRecommender:
        return cls(arrays["share"])


class RandomRecommender:
    """Another order for everyone, drawn evenly: a score in [0, 1) from the seed, the user's history and the item.

    The same three always give the same score, whoever else is asked about in the same call.
    """

    name = "random"

    def __init__(self, seed: int, n_items: int):
        self.seed, self.n_items = seed, n_items

    def encode(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([crc32(np.asarray(h, np.int64).tobytes(), self.seed) for h in histories], np.uint64)

    def score_encoded(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        bits = scramble((users[:, None] << np.uint64(32)) + np.asarray(items).astype(np.uint64))
        return (bits >> np.uint64(40)).astype(np.float32) / np.float32(2**24)

    def score(self, histories: Sequence[np.ndarray], items: np.ndarray) -> np.ndarray:
        return self.score_encoded(self.encode(histories), items)

    def paths(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        return np.full(len(histories), "random")

    def arrays(self) -> dict[str, np.ndarray]:
        return {"seed_and_items": np.array([self.seed, self.n_items], np.int64)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> RandomRecommender:
        return cls(*arrays["seed_and_items"].tolist())


def scramble(keys: np.ndarray) -> np.ndarray:
    """uint64 -> uint64, evenly spread: the finalizer of SplitMix64 (Steele, Lea, Flood 2014, figure 15)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
