"""The planted world as a trial needs it: its own interests for the taxonomy, and the words for their descriptions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..descriptions import Description
from ..taxonomy import Taxonomy
from .exploration import InterestLevels
from .exploration.levels import reduce_vectors
from .past import Catalogue

DIMENSIONS = 16
BETWEEN = " > "


def plant_catalogue(
    paths: Sequence[str], interest_of_item: np.ndarray, traffic: np.ndarray, item_vectors: np.ndarray
) -> Catalogue:
    """paths: of the interests, such as "Cooking > Baking > Sourdough"; interest_of_item, traffic: (n_items,)."""
    taxonomy = plant_taxonomy(interest_of_item, traffic, len(paths))
    return Catalogue(taxonomy, item_vectors, plant_levels(paths, interest_vectors(taxonomy, item_vectors)))


def plant_taxonomy(interest_of_item: np.ndarray, traffic: np.ndarray, n: int) -> Taxonomy:
    """The world's own interests, each a slice of the order; ids are indices. Every interest has an item."""
    order = np.argsort(interest_of_item, kind="stable").astype(np.int32)
    bounds = np.searchsorted(interest_of_item[order], np.arange(n + 1)).astype(np.int32)
    each = np.arange(n, dtype=np.int32)
    return Taxonomy(
        cluster_ids=each,
        lo=bounds[:-1],
        hi=bounds[1:],
        traffic=np.bincount(interest_of_item, traffic, minlength=n),
        coherence=np.full(n, np.nan),
        order=order,
        cluster_of_item=interest_of_item,
        hidden_items=np.zeros(len(order), bool),
        part_nodes=each,
        cluster_of_part=each,
    )


def interest_vectors(taxonomy: Taxonomy, item_vectors: np.ndarray) -> np.ndarray:
    """(n_clusters, d) float32: the mean of each interest's items."""
    sums = np.add.reduceat(item_vectors[taxonomy.order], taxonomy.lo, axis=0)
    return (sums / (taxonomy.hi - taxonomy.lo)[:, None]).astype(np.float32)


def plant_levels(paths: Sequence[str], vectors: np.ndarray) -> InterestLevels:
    """The levels that the paths name: all that begin alike are a group."""
    features = reduce_vectors(vectors, DIMENSIONS)
    depth = max(path.count(BETWEEN) for path in paths) + 1
    node_of = [
        np.unique([BETWEEN.join(path.split(BETWEEN)[:level]) for path in paths], return_inverse=True)[1]
        for level in range(1, depth)
    ]
    means = []
    for names in node_of:
        sums = np.zeros((names.max() + 1, features.shape[1]))
        np.add.at(sums, names, features)
        means.append(sums / np.bincount(names)[:, None])
    return InterestLevels([*node_of, np.arange(len(paths))], [*means, features])


def plant_descriptions(paths: Sequence[str]) -> list[Description]:
    names = [path.split(BETWEEN) for path in paths]
    return [Description(place, name[-1], tuple(reversed(name)), "", "keywords") for place, name in enumerate(names)]
