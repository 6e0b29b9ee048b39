"""Language policies: a context of described interests in, a distribution over the known interests out."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class LanguagePolicy(Protocol):
    """What every policy offers.

    `score` takes contexts (n, K) int of cluster indices and returns (n, n_clusters) float32 log-probabilities. The
    clusters of the context itself get -inf; every row sums to one after `exp`. A context that repeats one cluster
    means a person who has only that interest.
    """

    name: str

    def score(self, contexts: np.ndarray) -> np.ndarray: ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What has to be kept to use it again (`load_policy`)."""
        ...
