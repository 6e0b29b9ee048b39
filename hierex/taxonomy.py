"""The interest clusters at one granularity: a cut through the tree (and, on top of it, what people changed)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import ConfigError
from .interest_tree import InterestTree

ITEMS_PER_INTEREST = 40
INTERACTIONS_PER_INTEREST = 200
MOST_BY_DEFAULT = 300


@dataclass(frozen=True)
class Taxonomy:
    """Clusters in item order. A cluster's *index* (0..n-1) is its row here; its *id* is its node in the tree.

    cluster_ids (n,) int32; lo, hi (n,) int32 slices of `order`; traffic (n,) float64; coherence (n,) float64;
    order (n_items,) int32; cluster_of_item (n_items,) int32 gives the cluster index of every item.
    """

    cluster_ids: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    traffic: np.ndarray
    coherence: np.ndarray
    order: np.ndarray
    cluster_of_item: np.ndarray

    @property
    def n_clusters(self) -> int:
        return len(self.cluster_ids)

    def items_of(self, cluster: int) -> np.ndarray:
        """Item indices of the cluster with this index."""
        return self.order[self.lo[cluster] : self.hi[cluster]]

    def index_of(self, cluster_id: int) -> int:
        """The index of the cluster with this id. Raises ConfigError when it is not in this taxonomy."""
        found = np.flatnonzero(self.cluster_ids == cluster_id)
        if not len(found):
            raise ConfigError(f"Interest {cluster_id} does not exist at {self.n_clusters} interests.")
        return int(found[0])


def cut_tree(tree: InterestTree, granularity: int) -> Taxonomy:
    """The taxonomy at `granularity` interests. Raises ConfigError outside 2..tree.finest."""
    if not 2 <= granularity <= tree.finest:
        raise ConfigError(
            f"{granularity} interests were asked for. This catalogue can be divided into 2 to {tree.finest:,}."
        )
    nodes = tree.cut(granularity)
    lo, hi = tree.lo[nodes], tree.hi[nodes]
    return Taxonomy(nodes, lo, hi, tree.traffic[nodes], tree.coherence[nodes], tree.order, _spread(tree, nodes))


def leaf_of_item(tree: InterestTree) -> np.ndarray:
    """(n_items,) int32: the finest node of every item, as its place in `tree.cut(tree.finest)`."""
    return _spread(tree, tree.cut(tree.finest))


def cluster_of_leaf(tree: InterestTree, taxonomy: Taxonomy) -> np.ndarray:
    """(tree.finest,) int32: the cluster index of every finest node, in the order of `tree.cut(tree.finest)`."""
    leaves = tree.cut(tree.finest)
    return (np.searchsorted(taxonomy.lo, tree.lo[leaves], side="right") - 1).astype(np.int32)


def _spread(tree: InterestTree, nodes: np.ndarray) -> np.ndarray:
    """(n_items,) int32: which of the nodes holds each item. The nodes cover all items, in item order."""
    of_item = np.empty(tree.n_items, np.int32)
    of_item[tree.order] = np.repeat(np.arange(len(nodes), dtype=np.int32), tree.hi[nodes] - tree.lo[nodes])
    return of_item


def default_granularity(tree: InterestTree, n_interactions: int) -> int:
    """A granularity at which an interest has about forty items and enough interactions to learn from.

    The paper works with 761 interests for a platform of billions; small data carries fewer.
    """
    wanted = min(tree.n_items // ITEMS_PER_INTEREST, n_interactions // INTERACTIONS_PER_INTEREST, MOST_BY_DEFAULT)
    return int(np.clip(wanted, 2, tree.finest))
