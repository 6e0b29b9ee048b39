"""Two taxonomies of the same items side by side: what each is like, and what became of the interests in between."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..metrics import gini
from . import Taxonomy


def same_interests(one: Taxonomy, other: Taxonomy) -> bool:
    """Whether the two hold the same interests, with the same items, and hide the same."""
    return same_items(one, other) and np.array_equal(one.hidden_items, other.hidden_items)


def same_items(one: Taxonomy, other: Taxonomy) -> bool:
    """Whether the two hold the same interests, with the same items."""
    alike = ("cluster_ids", "cluster_of_item")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in alike)


def taxonomy_facts(taxonomy: Taxonomy) -> dict[str, float]:
    """interests, and what `measure_balance` finds of them."""
    sizes = taxonomy.hi - taxonomy.lo
    return {"interests": taxonomy.n_clusters} | measure_balance(sizes, taxonomy.traffic, taxonomy.coherence)


def measure_balance(sizes: np.ndarray, traffic: np.ndarray, coherence: np.ndarray) -> dict[str, float]:
    """Of interests, (n,) each: median_items, smallest_items, largest_items; largest_over_mean and gini of traffic;
    coherence, weighted by traffic.

    What cannot be computed is missing: balance where there is no traffic, coherence where all were merged by people.
    """
    known = np.isfinite(coherence) & (traffic > 0)
    return {
        "median_items": float(np.median(sizes)),
        "smallest_items": int(sizes.min()),
        "largest_items": int(sizes.max()),
        "largest_over_mean": float(traffic.max() / traffic.mean()) if traffic.sum() > 0 else np.nan,
        "gini": gini(traffic),
        "coherence": float(np.average(coherence[known], weights=traffic[known])) if known.any() else np.nan,
    }


def align_taxonomies(before: Taxonomy, after: Taxonomy, traffic: np.ndarray) -> pd.DataFrame:
    """Every pair of interests that have items in common: before_id, after_id, n_items, traffic, share, same.

    traffic: (n_items,) interactions. share is of the traffic of the one before (of its items where it has none);
    same says that both hold the same items. The interest before with most traffic comes first, and of each its largest
    part.
    """
    pairs = before.cluster_of_item.astype(np.int64) * after.n_clusters + after.cluster_of_item
    found, place = np.unique(pairs, return_inverse=True)
    old, new = np.divmod(found, after.n_clusters)
    n_items, parts = np.bincount(place), np.bincount(place, traffic)
    sizes, totals = before.hi - before.lo, np.bincount(old, parts, minlength=before.n_clusters)
    share = np.where(totals[old] > 0, parts / np.where(totals[old] > 0, totals[old], 1.0), n_items / sizes[old])
    frame = pd.DataFrame(
        {
            "before_id": before.cluster_ids[old],
            "after_id": after.cluster_ids[new],
            "n_items": n_items,
            "traffic": parts,
            "share": share,
            "same": (n_items == sizes[old]) & (n_items == (after.hi - after.lo)[new]),
        }
    )
    return frame.iloc[np.lexsort((-share, old, -totals[old]))].reset_index(drop=True)
