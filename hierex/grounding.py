"""From a predicted interest to real items: the recommender restricted to the interest's slice of the item order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GroundedItems:
    """Items for each prediction, in the order of the predictions handed in.

    items: list of (<= top,) int32 item indices, best first; scores: list of the same lengths, float32. A prediction
    whose interest has no item left that the user has not consumed gets empty arrays.
    """

    items: list[np.ndarray]
    scores: list[np.ndarray]
