"""What became of the interests between two taxonomies of the same items."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .taxonomy import Taxonomy


def same_interests(one: Taxonomy, other: Taxonomy) -> bool:
    """Whether the two hold the same interests, with the same items, and hide the same."""
    alike = ("cluster_ids", "cluster_of_item", "hidden_items")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in alike)


def compare_taxonomies(before: Taxonomy, after: Taxonomy, traffic: np.ndarray) -> pd.DataFrame:
    """Which interests turned into which: before_id, after_id, n_items, traffic; those that stayed as they are left out.

    traffic: (n_items,) interactions. Most traffic first. Items of an interest that was divided are in several rows.
    """
    pairs = before.cluster_of_item.astype(np.int64) * after.n_clusters + after.cluster_of_item
    found, place = np.unique(pairs, return_inverse=True)
    old, new = np.divmod(found, after.n_clusters)
    frame = pd.DataFrame(
        {
            "before_id": before.cluster_ids[old],
            "after_id": after.cluster_ids[new],
            "n_items": np.bincount(place),
            "traffic": np.bincount(place, traffic),
        }
    )
    whole = (frame["n_items"] == (before.hi - before.lo)[old]) & (frame["n_items"] == (after.hi - after.lo)[new])
    return frame[~whole].sort_values("traffic", ascending=False, kind="stable", ignore_index=True)
