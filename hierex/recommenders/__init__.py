"""Item recommenders: a person's items in, a score for every item out."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Recommender(Protocol):
    """What every recommender offers.

    `score` takes the users' items, earliest first (a list of int arrays), and items (m,) int to score; returns
    (n_users, m) float32, larger is better. It does not leave out what was consumed; `grounding` does.
    """

    name: str

    def score(self, histories: list[np.ndarray], items: np.ndarray) -> np.ndarray: ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What has to be kept to use it again (`load_recommender`)."""
        ...
