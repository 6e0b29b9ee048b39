"""How far apart interests are in the tree: what parted early is far, what parted late is near."""

from __future__ import annotations

import numpy as np

from ..interest_tree import InterestTree
from . import Taxonomy


def measure_distances(tree: InterestTree, taxonomy: Taxonomy) -> np.ndarray:
    """(n, n) float32 in [0, 1]: how early two interests part as the number of interests grows.

    Two that part at N interests are `1 - log(N / 2) / log(M / 2)` apart, M being the number at which the last two of
    the taxonomy part: 1 for those that the very first split parts, 0 for an interest and itself. Of interests that
    people merged, the node with most traffic counts.
    """
    nodes = taxonomy.main_nodes(tree)
    along = np.argsort(tree.lo[nodes], kind="stable")
    parted = _parting(tree, tree.lo[nodes[along]])
    n = len(nodes)
    parts_at = np.full((n, n), np.inf)
    for place in range(n - 1):
        parts_at[place, place + 1 :] = np.minimum.accumulate(parted[place + 1 :])
    parts_at = np.minimum(parts_at, parts_at.T)
    last = max(parted[1:].max(initial=2), 3)
    apart = 1 - np.log(np.minimum(parts_at, last) / 2) / np.log(last / 2)
    apart[np.isinf(parts_at)] = 0
    distances = np.empty((n, n), np.float32)
    distances[np.ix_(along, along)] = apart
    return distances


def _parting(tree: InterestTree, starts: np.ndarray) -> np.ndarray:
    """For places in the item order, the smallest N at which an interest begins there."""
    born = np.full(tree.n_items + 1, np.inf)
    np.minimum.at(born, tree.lo, tree.born)
    return born[starts]


def distance_from(distances: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(m, n) float32: how far each interest is from the nearest of those that are marked in `seen` (m, n) bool.

    1 where nothing is marked.
    """
    nearest = np.ones(seen.shape, np.float32)
    for row, marked in enumerate(seen):
        if marked.any():
            nearest[row] = distances[marked].min(axis=0)
    return nearest
