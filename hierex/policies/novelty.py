"""A dial from what is likely to what is far: interests far from the context in the tree are given more weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .choices import leave_out_context
from .layers import Layer, keep_with_base

if TYPE_CHECKING:
    from . import LanguagePolicy


@dataclass(frozen=True)
class NoveltyPolicy(Layer):
    """An interest as far as can be is as good as one e^weight times as likely that is next to the context.

    distances: (n_clusters, n_clusters) float32, 0-1, `measure_distances`.
    """

    layer: ClassVar[str] = "novelty"
    base: LanguagePolicy
    distances: np.ndarray
    weight: float

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        nearest = self.distances[np.asarray(contexts)].min(axis=1)
        return leave_out_context(self.base.score(contexts) + np.float32(self.weight) * nearest, contexts)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        return keep_with_base(self.base, {"distances": self.distances, "weight": np.array([self.weight])})


def without_dial(policy: LanguagePolicy) -> LanguagePolicy:
    """What the dial is laid over, or the policy itself where there is none."""
    return policy.base if isinstance(policy, NoveltyPolicy) else policy


def load_novelty(base: LanguagePolicy, arrays: dict[str, np.ndarray]) -> NoveltyPolicy:
    """The policy over `base` whose `arrays()` these are."""
    return NoveltyPolicy(base, arrays["distances"], float(arrays["weight"][0]))
