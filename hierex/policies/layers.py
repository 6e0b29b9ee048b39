"""Policies that are laid over another one: named `encoder+refreshed`, and kept together with what is below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from . import LanguagePolicy
    from .match_rate import MatchReport

OVER = "+"
BASE = "base."


class Layer:
    """What every layer takes from the policy below it. It has a `base`, and a `layer` that it is called by."""

    base: LanguagePolicy
    layer: ClassVar[str]

    @property
    def name(self) -> str:
        return self.base.name + OVER + self.layer

    @property
    def note(self) -> str:
        return self.base.note

    @property
    def matches(self) -> MatchReport | None:
        """Of the raw answers below, where there are any."""
        return getattr(self.base, "matches", None)

    @property
    def n_clusters(self) -> int:
        return self.base.n_clusters


def keep_with_base(base: LanguagePolicy, own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a layer and, by other names, of the policy below it."""
    return {BASE + name: array for name, array in base.arrays().items()} | own


def base_arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of the policy below."""
    return {name.removeprefix(BASE): array for name, array in arrays.items() if name.startswith(BASE)}


def load_layer(name: str, base: LanguagePolicy, arrays: dict[str, np.ndarray]) -> LanguagePolicy | None:
    """The layer of this name over `base`; None where there is no such layer."""
    if name == "refreshed":
        from .refreshed import load_refreshed

        return load_refreshed(base, arrays)
    if name == "aligned":
        from .aligned import load_aligned

        return load_aligned(base, arrays)
    if name == "novelty":
        from .novelty import load_novelty

        return load_novelty(base, arrays)
    return None
