"""What is compared: ways to fill a person's slots. An arm sees the catalogue and the past, nothing of the people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..config import ExperimentConfig
from ..mixing import novel_places
from ..ranking import best_columns, rows_at_once
from ..recommenders import PopularityRecommender, Recommender, train_sequence
from .past import Catalogue, Past, Viewers


class Explorer(Protocol):
    """Says which interests that are new to somebody come next."""

    def learn(self, past: Past, recommender: Recommender, seed: int) -> None:
        """From all that was shown so far; the recommender has learned from the same."""
        ...

    def choose(self, viewers: Viewers, n: int) -> np.ndarray:
        """(m, n) int64: different interests for each viewer, best first, -1 where it has none to name."""
        ...

    def observe(self, users: np.ndarray, interests: np.ndarray, positive: np.ndarray) -> None:
        """What came of a visit, (n,) each: for those that learn at once, and not only once a week."""
        ...


@dataclass
class Arm:
    """base: which recommender fills the usual slots, `sequence` or `popularity`; boost: how many standard deviations of
    a person's scores an item of a new interest is lifted by; explorer: who fills the novel slots, if anybody."""

    name: str
    catalogue: Catalogue
    config: ExperimentConfig
    base: str = "sequence"
    boost: float = 0.0
    explorer: Explorer | None = None
    recommender: Recommender | None = None

    def learn(self, past: Past, recommender: Recommender, seed: int) -> None:
        """Takes the recommender that was trained on this past, and has the explorer learn from it."""
        self.recommender = recommender
        if self.explorer:
            self.explorer.learn(past, recommender, seed)

    def choose(self, viewers: Viewers) -> np.ndarray:
        """(m, slots) int64: different items that the viewers were not shown before, -1 where there are no more.

        The novel slots come evenly spaced among the usual ones; a slot that nothing novel is found for is a usual one.
        """
        m = len(viewers.users)
        wanted = np.full((m, 0), -1)
        if self.explorer and self.config.novel_slots:
            wanted = self.explorer.choose(viewers, self.config.novel_slots)
        at_once = rows_at_once(self.catalogue.n_items)
        blocks = [np.arange(m)[start : start + at_once] for start in range(0, m, at_once)]
        return np.concatenate([self._fill(viewers.part(rows), wanted[rows]) for rows in blocks])

    def _fill(self, viewers: Viewers, wanted: np.ndarray) -> np.ndarray:
        scores = self.score(viewers)
        slots = self.config.slots
        novel = ground_wanted(scores, wanted, self.catalogue)
        who, place = np.nonzero(novel >= 0)
        scores[who, novel[who, place]] = -np.inf
        usual = best_columns(scores, slots)
        usual[np.take_along_axis(scores, usual, axis=1) == -np.inf] = -1
        return interleave(usual, novel, slots)

    def observe(self, users: np.ndarray, items: np.ndarray, positive: np.ndarray) -> None:
        """What came of a visit, (n,) each."""
        if self.explorer:
            self.explorer.observe(users, self.catalogue.taxonomy.cluster_of_item[items], positive)

    def score(self, viewers: Viewers) -> np.ndarray:
        """(m, n_items) float32, -inf for what may not be shown."""
        taxonomy = self.catalogue.taxonomy
        every_item = np.arange(self.catalogue.n_items)
        scores = np.array(self.recommender.score(viewers.histories, every_item), np.float32)
        if self.boost:
            spread = scores.std(axis=1, keepdims=True)
            scores += np.float32(self.boost) * spread * ~viewers.has[:, taxonomy.cluster_of_item]
        scores[viewers.shown | taxonomy.hidden_items] = -np.inf
        return scores


def ground_wanted(scores: np.ndarray, wanted: np.ndarray, catalogue: Catalogue) -> np.ndarray:
    """(m, n) int64: of each wanted interest (-1: none) the item with the best score for its viewer, else -1."""
    found = np.full(wanted.shape, -1, np.int64)
    for cluster in np.unique(wanted[wanted >= 0]):
        items = np.sort(catalogue.taxonomy.items_of(cluster))
        who, place = np.nonzero(wanted == cluster)
        among = scores[who[:, None], items]
        best = among.argmax(axis=1)
        is_left = among[np.arange(len(who)), best] > -np.inf
        found[who, place] = np.where(is_left, items[best], -1)
    return found


def interleave(usual: np.ndarray, novel: np.ndarray, slots: int) -> np.ndarray:
    """(m, slots): the novel items evenly spaced among the usual ones, which also take the places of missing ones."""
    shown = np.full((len(usual), slots), -1, np.int64)
    n = novel.shape[1]
    if n:
        shown[:, novel_places(n, slots)] = novel
    who, place = np.nonzero(shown < 0)
    rank = np.arange(len(who)) - np.searchsorted(who, who)
    able = rank < usual.shape[1]
    shown[who[able], place[able]] = usual[who[able], rank[able]]
    return shown


def train_base(base: str, past: Past, catalogue: Catalogue, config: ExperimentConfig, seed: int) -> Recommender:
    """The recommender of that name, learned from what was consumed."""
    consumed = past.consumed()
    if base == "popularity":
        return PopularityRecommender(consumed.traffic())
    return train_sequence(consumed, catalogue.item_vectors, config=config.recommender, seed=seed)
