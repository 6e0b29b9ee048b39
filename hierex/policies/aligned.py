"""Best of n (arXiv 2504.05522): a policy's best answers, in the order of what people are expected to like."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..transitions import repeat_earliest
from .alignment import AlignmentModel
from .layers import Layer, keep_with_base

if TYPE_CHECKING:
    from . import LanguagePolicy


@dataclass(frozen=True)
class AlignedPolicy(Layer):
    """The `best_of` best answers of `base` are put in another order and keep their probabilities, largest first; all
    others stay behind them. So what the policy finds unlikely never comes to the front, however much it is liked."""

    layer: ClassVar[str] = "aligned"
    base: LanguagePolicy
    alignment: AlignmentModel
    best_of: int

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        contexts = repeat_earliest(contexts)
        answers = self.base.score(contexts)
        n = min(self.best_of, answers.shape[1])
        best = np.argsort(-answers, axis=1, kind="stable")[:, :n]
        chances = np.take_along_axis(answers, best, axis=1)
        liked = self.alignment.expect(contexts, best)
        liked[np.isneginf(chances)] = -1
        order = np.argsort(-liked, axis=1, kind="stable")
        np.put_along_axis(answers, np.take_along_axis(best, order, axis=1), chances, axis=1)
        return answers

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        kept = {field.name: np.atleast_1d(getattr(self.alignment, field.name)) for field in fields(AlignmentModel)}
        return keep_with_base(self.base, kept | {"best_of": np.array([self.best_of])})


def load_aligned(base: LanguagePolicy, arrays: dict[str, np.ndarray]) -> AlignedPolicy:
    """The policy over `base` whose `arrays()` these are."""
    without_own = {"own": np.zeros(len(arrays["vectors"]))}  # an earlier version knew no interest's own liking
    kept = {field.name: (without_own | arrays)[field.name] for field in fields(AlignmentModel)}
    kept |= {name: float(kept[name][0]) for name in ("intercept", "auc")}
    return AlignedPolicy(base, AlignmentModel(**kept), int(arrays["best_of"][0]))
