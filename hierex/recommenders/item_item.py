"""The item-item recommender: what a person has had speaks for the items that others have had beside it (EASE)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ..config import Progress, RecommenderConfig, no_progress, part_of
from ..likeness import count_together, liken
from ..logs import Interactions
from .held_out import hold_out, rank_quality
from .simple import PopularityRecommender

TIE_BREAK = np.float32(1e-6)
"""Of an item's share of the interactions: it orders items that nothing else tells apart."""


class ItemItemRecommender:
    """score = the sum of likenesses from all that the user has had, in any order, and a trace of popularity.

    partners: (m,) int32, the items that take part, ascending; likeness: (m, m) float32 (`likeness.liken`); share:
    (n_items,) float32, of all interactions. All other items score as if nothing was known of them, so that among
    them popularity decides. A user none of whose items takes part gets what is popular, and `paths` says so.
    """

    name = "ease"

    def __init__(self, partners: np.ndarray, likeness: np.ndarray, share: np.ndarray):
        self.partners, self.likeness, self.share = partners, likeness, share
        self.place = np.full(len(share), -1, np.int32)
        self.place[partners] = np.arange(len(partners))

    def encode(self, histories: Sequence[np.ndarray]) -> sparse.csr_array:
        """(n_users, m) float32, 1 for every item that the user has had."""
        return mark(histories, self.place, len(self.partners))

    def score_encoded(self, users: sparse.csr_array, items: np.ndarray) -> np.ndarray:
        items = np.asarray(items)
        scores = np.tile(TIE_BREAK * self.share[items], (users.shape[0], 1))
        known = np.flatnonzero(self.place[items] >= 0)
        if len(known) and users.nnz:
            scores[:, known] += users @ self._towards(self.place[items[known]])
        return scores

    def _towards(self, places: np.ndarray) -> np.ndarray:
        """(m, len(places)): the columns of the likeness."""
        everything = len(places) == len(self.likeness) and (places == np.arange(len(places))).all()
        return self.likeness if everything else self.likeness[:, places]

    def score(self, histories: Sequence[np.ndarray], items: np.ndarray) -> np.ndarray:
        return self.score_encoded(self.encode(histories), items)

    def paths(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        known = np.diff(self.encode(histories).indptr) > 0
        return np.where(known, "recommender", "popularity")

    def arrays(self) -> dict[str, np.ndarray]:
        return {"partners": self.partners, "likeness": self.likeness, "share": self.share}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> ItemItemRecommender:
        return cls(arrays["partners"], arrays["likeness"], arrays["share"])


def train_item_item(
    interactions: Interactions,
    *,
    config: RecommenderConfig,
    seed: int = 0,
    progress: Progress = no_progress,
) -> ItemItemRecommender | PopularityRecommender:
    """EASE (Steck 2019) on who has had what, however often.

    The strength is the one of `config.item_item_strengths` that ranks the held-out items best; the result is of all
    interactions. Only the `config.item_item_items` most consumed items take part: with m of them it takes about
    20 m^2 bytes and m^3 steps for every strength. Where nobody has two items there is nothing to learn from: a
    PopularityRecommender comes back.
    """
    if (np.diff(interactions.starts) < 2).all():
        return PopularityRecommender(interactions.traffic())
    histories = [interactions.items_of(user) for user in range(len(interactions.starts) - 1)]
    strengths = config.item_item_strengths
    best = strengths[0]
    if len(strengths) > 1:
        best = _choose_strength(interactions, config, seed, part_of(progress, 0, 0.8))
    traffic = interactions.traffic()
    partners = _most_consumed(traffic, config.item_item_items)
    recommender = _build(partners, _count(histories, partners, len(traffic)), traffic, best)
    progress(1.0)
    return recommender


def _choose_strength(interactions: Interactions, config: RecommenderConfig, seed: int, progress: Progress) -> float:
    held_out = hold_out(interactions, config, np.random.default_rng(seed))
    starts, n_items = held_out.first, interactions.n_items
    histories = [interactions.item_index[lo : hi + 1] for lo, hi in zip(starts, held_out.last, strict=True)]
    partners = _most_consumed(held_out.traffic, config.item_item_items)
    together, quality = _count(histories, partners, n_items), {}
    for done, strength in enumerate(config.item_item_strengths, start=1):
        quality[strength] = rank_quality(_build(partners, together, held_out.traffic, strength), held_out)
        progress(done / len(config.item_item_strengths))
    return max(quality, key=lambda strength: quality[strength])


def _most_consumed(traffic: np.ndarray, most: int) -> np.ndarray:
    """The items with the most traffic, ascending; nothing that was never consumed."""
    by_traffic = np.argsort(-traffic, kind="stable")[:most]
    return np.sort(by_traffic[traffic[by_traffic] > 0]).astype(np.int32)


def _count(histories: Sequence[np.ndarray], partners: np.ndarray, n_items: int) -> np.ndarray:
    place = np.full(n_items, -1, np.int32)
    place[partners] = np.arange(len(partners))
    return count_together(mark(histories, place, len(partners)))


def _build(partners: np.ndarray, together: np.ndarray, traffic: np.ndarray, strength: float) -> ItemItemRecommender:
    share = (traffic / max(traffic.sum(), 1)).astype(np.float32)
    return ItemItemRecommender(partners, liken(together, strength), share)


def mark(histories: Sequence[np.ndarray], place: np.ndarray, width: int) -> sparse.csr_array:
    """(n_users, width) float32: 1 where a user has had the item of that place. place: (n_items,), -1 for no place."""
    items = np.concatenate([np.empty(0, np.int64), *histories]).astype(np.int64)
    user = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    kept = place[items] >= 0
    cells = np.unique(user[kept] * max(width, 1) + place[items[kept]])
    rows, columns = np.divmod(cells, max(width, 1))
    starts = np.searchsorted(rows, np.arange(len(histories) + 1))
    return sparse.csr_array((np.ones(len(cells), np.float32), columns, starts), shape=(len(histories), width))
