"""The interest tree as a few levels, from a handful of wide nodes down to the interests themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...interest_tree import InterestTree
from ...taxonomy import Taxonomy

BRANCHING = 10
DIMENSIONS = 16


@dataclass(frozen=True)
class InterestLevels:
    """Nested groupings of the interests; the last level is the interests themselves.

    node_of: per level (n_clusters,) int64, the group of every interest; features: per level (n_groups, d) float64.
    """

    node_of: Sequence[np.ndarray]
    features: Sequence[np.ndarray]

    @property
    def n_clusters(self) -> int:
        return len(self.node_of[-1])

    @property
    def depths(self) -> range:
        """Of the levels; the root, which holds everything, has depth 1."""
        return range(2, 2 + len(self.node_of))

    def parents(self, level: int) -> np.ndarray:
        """(n_groups,) the group of the level before that each group of this one lies in; 0 on the first level."""
        parents = np.zeros(len(self.features[level]), np.int64)
        if level:
            parents[self.node_of[level]] = self.node_of[level - 1]
        return parents

    def gather(self, candidates: np.ndarray, level: int) -> np.ndarray:
        """(n, n_groups) bool: which groups hold a candidate. candidates: (n, n_clusters) bool."""
        found = np.zeros((len(candidates), len(self.features[level])), bool)
        rows, interests = np.nonzero(candidates)
        found[rows, self.node_of[level][interests]] = True
        return found


def level_interests(
    tree: InterestTree,
    taxonomy: Taxonomy,
    vectors: np.ndarray,
    *,
    branching: int = BRANCHING,
    dimensions: int = DIMENSIONS,
) -> InterestLevels:
    """The cuts of the tree at `branching`, `branching`^2, ... interests, as long as the taxonomy is finer.

    vectors: (n_items, d) float32, of the items. An interest's feature is the mean vector of its items in the
    `dimensions` directions in which interests' vectors are largest, scaled so that features have length 1 on average; a
    group's is the mean of its interests', weighted by traffic. An interest that is wider than a cut is a group of its
    own there; one that people merged lies where most of its traffic does.
    """
    features = reduce_vectors(_mean_vectors(taxonomy, vectors), dimensions)
    weight = taxonomy.traffic + 1.0
    main = taxonomy.main_nodes(tree)
    node_of, by_level, width = [], [], branching
    while width < taxonomy.n_clusters:
        cut = tree.cut(min(width, tree.finest))
        around = np.searchsorted(tree.lo[cut], tree.lo[main], side="right") - 1
        inside = tree.hi[main] <= tree.hi[cut[around]]
        names = np.where(inside, around, len(cut) + np.arange(taxonomy.n_clusters))
        node_of.append(np.unique(names, return_inverse=True)[1])
        by_level.append(_mean_of_groups(features, weight, node_of[-1]))
        width *= branching
    return InterestLevels([*node_of, np.arange(taxonomy.n_clusters)], [*by_level, features])


def reduce_vectors(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """(n, dimensions or fewer) float64: in the directions of the largest singular values, mean length 1."""
    left, values, _ = np.linalg.svd(np.asarray(vectors, np.float64), full_matrices=False)
    reduced = left[:, :dimensions] * values[:dimensions]
    return reduced / max(np.linalg.norm(reduced, axis=1).mean(), 1e-12)


def _mean_vectors(taxonomy: Taxonomy, vectors: np.ndarray) -> np.ndarray:
    sums = np.add.reduceat(np.asarray(vectors, np.float64)[taxonomy.order], taxonomy.lo, axis=0)
    return sums / (taxonomy.hi - taxonomy.lo)[:, None]


def _mean_of_groups(features: np.ndarray, weight: np.ndarray, group: np.ndarray) -> np.ndarray:
    sums = np.zeros((group.max() + 1, features.shape[1]))
    np.add.at(sums, group, features * weight[:, None])
    return sums / np.bincount(group, weight)[:, None]
