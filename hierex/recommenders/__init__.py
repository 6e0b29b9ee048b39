"""Item recommenders: a person's items in, a score for any item out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..config import Progress, RecommenderConfig, no_progress
from ..errors import ConfigError, HierexError
from ..logs import Interactions
from .item_item import ItemItemRecommender, train_item_item
from .sequence import SequenceRecommender
from .simple import PopularityRecommender, RandomRecommender
from .training import Unfinished, train_sequence, train_sequence_part

__all__ = [
    "ItemItemRecommender",
    "PopularityRecommender",
    "RandomRecommender",
    "Recommender",
    "SequenceRecommender",
    "Unfinished",
    "load_recommender",
    "train_item_item",
    "train_recommender",
    "train_sequence",
    "train_sequence_part",
]


class Recommender(Protocol):
    """What every recommender offers.

    Histories are a list of (any length,) int arrays, each a user's items, earliest first; users and items may come
    in any number. Scores are float32, larger is better. They do not leave out what was consumed; `grounding` does.
    Whoever scores many sets of items for the same users encodes the users once.
    """

    name: str

    def encode(self, histories: Sequence[np.ndarray]) -> Any:
        """What the recommender makes of each user: something with a row per user, indexed as numpy does."""
        ...

    def score_encoded(self, users: Any, items: np.ndarray) -> np.ndarray:
        """(n_users, m): scores of the items (m,) for rows of what `encode` gave."""
        ...

    def score(self, histories: Sequence[np.ndarray], items: np.ndarray) -> np.ndarray:
        """(n_users, m): `encode`, then `score_encoded`."""
        ...

    def paths(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(n_users,) str, what a user's order of items comes from: `recommender`, `popularity` or `random`."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What has to be kept to use it again (`load_recommender`)."""
        ...


def train_recommender(
    interactions: Interactions, *, config: RecommenderConfig, seed: int = 0, progress: Progress = no_progress
) -> Recommender:
    """One of `config.kind`, other than "sequence", which is trained in parts (`train_sequence_part`)."""
    if config.kind == "ease":
        return train_item_item(interactions, config=config, seed=seed, progress=progress)
    if config.kind == "popularity":
        return PopularityRecommender(interactions.traffic())
    if config.kind == "random":
        return RandomRecommender(seed, interactions.n_items)
    raise ConfigError(f"A recommender '{config.kind}' is not trained in one go.")


MADE = (SequenceRecommender, PopularityRecommender, RandomRecommender, ItemItemRecommender)
KINDS = {kind.name: kind for kind in MADE}


def load_recommender(name: str, arrays: dict[str, np.ndarray]) -> Recommender:
    """The recommender whose `name` and `arrays()` these are. Raises HierexError for an unknown name."""
    if name not in KINDS:
        raise HierexError(f"There is no recommender '{name}'. This version knows: {', '.join(KINDS)}.")
    return KINDS[name].from_arrays(arrays)
