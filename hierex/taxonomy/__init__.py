"""The interest clusters that are worked with: a cut through the tree, and on top of it what people changed.

A change speaks of nodes of the tree, so it means something at every granularity: at one it applies, at another it has
happened already or cannot, and then the reason is given. Whatever is changed, every cluster is one slice of an item
order, and the clusters together hold every item once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ConfigError
from ..interest_tree import InterestTree

ITEMS_PER_INTEREST = 40
INTERACTIONS_PER_INTEREST = 200
MOST_BY_DEFAULT = 300
LARGER = "At this number of interests it is part of a larger one."
ONLY_ITEMS = "Here it is part of a larger interest; only its own items are left out."
HIDDEN = "It was hidden already."
LATER = "A later change took its place."
MERGED_FROM = 10_000_000
"""The ids of merged interests begin here: with the id of the edit added, they are the same in every tree."""
FINEST = "It is one of the finest interests and cannot be split."
WHOLE = "It would leave a single interest that holds everything."
TOO_FEW = "At this number fewer than two of them are interests of their own."


@dataclass(frozen=True)
class Taxonomy:
    """Clusters in item order. A cluster's *index* (0..n-1) is its row here; its *id* is its node in the tree, or, for
    one that people merged, MERGED_FROM plus the id of the first edit that merged it.

    cluster_ids (n,) int32; lo, hi (n,) int32 slices of `order`; traffic (n,) float64; coherence (n,) float64, missing
    (NaN) for merged ones until `measure_merged`; order (n_items,) int32; cluster_of_item (n_items,) int32 gives the
    cluster index of every item. hidden_items (n_items,) bool: never recommended. part_nodes (m,)
    int32: the tree's nodes that clusters are made of, in item order; cluster_of_part (m,) int32.
    """

    cluster_ids: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    traffic: np.ndarray
    coherence: np.ndarray
    order: np.ndarray
    cluster_of_item: np.ndarray
    hidden_items: np.ndarray
    part_nodes: np.ndarray
    cluster_of_part: np.ndarray

    @property
    def n_clusters(self) -> int:
        return len(self.cluster_ids)

    @property
    def hidden(self) -> np.ndarray:
        """(n,) bool: the clusters that are never predicted, because all their items are hidden."""
        return np.bincount(self.cluster_of_item[self.hidden_items], minlength=self.n_clusters) == self.hi - self.lo

    @property
    def share(self) -> np.ndarray:
        """(n,) of all traffic, from 0 to 1; nothing where there is none."""
        return self.traffic / (self.traffic.sum() or 1.0)

    def items_of(self, cluster: int) -> np.ndarray:
        """Item indices of the cluster with this index."""
        return self.order[self.lo[cluster] : self.hi[cluster]]

    def nodes_of(self, cluster: int) -> np.ndarray:
        """The nodes of the tree that the cluster with this index is made of: one, or more where people merged some."""
        return self.part_nodes[self.cluster_of_part == cluster]

    def main_nodes(self, tree: InterestTree) -> np.ndarray:
        """(n,) of each cluster the node with most traffic, which it gets its colour from."""
        by_traffic = np.argsort(tree.traffic[self.part_nodes], kind="stable")
        main = np.empty(self.n_clusters, np.int32)
        main[self.cluster_of_part[by_traffic]] = self.part_nodes[by_traffic]
        return main

    def index_of(self, cluster_id: int) -> int:
        """The index of the cluster with this id. Raises ConfigError when it is not in this taxonomy."""
        found = np.flatnonzero(self.cluster_ids == cluster_id)
        if not len(found):
            raise ConfigError(f"Interest {cluster_id} does not exist at {self.n_clusters:,} interests.")
        return int(found[0])


@dataclass(frozen=True)
class CurationEdit:
    """A change of the taxonomy. kind: split, collapse (into the parent), merge, hide, lock or move. nodes: of the tree.

    items: indices of the items that a move took to the nodes (`placement.move_items`), or that a hide takes along.
    """

    edit_id: int
    kind: str
    nodes: tuple[int, ...]
    items: tuple[int, ...] = ()


def cut_tree(tree: InterestTree, granularity: int) -> Taxonomy:
    """The taxonomy at `granularity` interests. Raises ConfigError outside 2..tree.finest."""
    return curate(tree, granularity, ())[0]


def curate(tree: InterestTree, granularity: int, edits: Sequence[CurationEdit]) -> tuple[Taxonomy, dict[int, str]]:
    """The taxonomy at `granularity` interests, changed by the edits in their order.

    Also, by edit id, why an edit has no effect at this granularity; those that have are not listed. Splitting,
    collapsing and locking choose other nodes of the tree; then merges join them, so an interest that was merged stays
    so when it is split. Hides mark items, at every granularity. Moves are in the tree already. Raises ConfigError for a
    granularity outside 2..tree.finest.
    """
    if not 2 <= granularity <= tree.finest:
        raise ConfigError(
            f"{granularity:,} interests were asked for. This catalogue can be divided into 2 to {tree.finest:,}."
        )
    alive = np.zeros(len(tree.lo), bool)
    alive[tree.cut(granularity)] = True
    reasons = {}
    for edit in edits:
        if edit.kind in SHAPING:
            reasons[edit.edit_id] = SHAPING[edit.kind](tree, alive, edit.nodes[0])
    for edit in edits:
        if edit.kind in SHAPING and not reasons[edit.edit_id]:
            reasons[edit.edit_id] = _undone_by_later(tree, alive, edit)
    parts = np.flatnonzero(alive & (tree.lo < tree.hi))
    parts = parts[np.argsort(tree.lo[parts], kind="stable")]
    ids, hidden_items = parts.copy(), np.zeros(tree.n_items, bool)
    hides = [edit for edit in edits if edit.kind == "hide"]
    for edit in edits:
        if edit.kind == "merge":
            reasons[edit.edit_id] = _merge(tree, parts, ids, edit)
    for edit in hides:
        hiding = np.concatenate([np.array(edit.items, np.int64), *(tree.items_of(node) for node in edit.nodes)])
        reasons[edit.edit_id] = HIDDEN if hidden_items[hiding].all() else ""
        hidden_items[hiding] = True
    taxonomy = _assemble(tree, parts, ids, hidden_items)
    hidden = taxonomy.hidden[taxonomy.cluster_of_part]
    for edit in hides:
        if not (hidden & _inside_any(tree, parts, edit.nodes)).any():
            reasons[edit.edit_id] = ONLY_ITEMS
    return taxonomy, {edit_id: reason for edit_id, reason in reasons.items() if reason}


def measure_merged(taxonomy: Taxonomy, vectors: np.ndarray, weight: np.ndarray) -> Taxonomy:
    """With the coherence of merged clusters, see `InterestTree`. vectors (n_items, d) float32, weight (n_items,)."""
    coherence = taxonomy.coherence.copy()
    for cluster in np.flatnonzero(np.isnan(coherence)):
        items = taxonomy.items_of(cluster)
        coherence[cluster] = np.linalg.norm(weight[items] @ vectors[items]) / weight[items].sum()
    return replace(taxonomy, coherence=np.clip(coherence, 0, 1))


def leaf_of_item(tree: InterestTree) -> np.ndarray:
    """(n_items,) int32: the finest node of every item, as its place in `tree.cut(tree.finest)`."""
    leaves = tree.cut(tree.finest)
    return _spread(tree, leaves, np.arange(len(leaves), dtype=np.int32))


def cluster_of_leaf(tree: InterestTree, taxonomy: Taxonomy) -> np.ndarray:
    """(tree.finest,) int32: the cluster index of every finest node, in the order of `tree.cut(tree.finest)`."""
    return taxonomy.cluster_of_item[tree.order[tree.lo[tree.cut(tree.finest)]]]


def default_granularity(tree: InterestTree, n_interactions: int) -> int:
    """A granularity at which an interest has about forty items and enough interactions to learn from.

    The paper works with 761 interests for a platform of billions; small data carries fewer.
    """
    wanted = min(tree.n_items // ITEMS_PER_INTEREST, n_interactions // INTERACTIONS_PER_INTEREST, MOST_BY_DEFAULT)
    return int(np.clip(wanted, 2, tree.finest))


def _assemble(tree: InterestTree, parts: np.ndarray, ids: np.ndarray, hidden_items: np.ndarray) -> Taxonomy:
    """Clusters of parts with the same id, in the order of their first part; every one a slice of the item order."""
    cluster_ids, first, label = np.unique(ids, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    cluster_of_part = place[label].astype(np.int32)
    cluster_ids = cluster_ids[np.argsort(first, kind="stable")].astype(np.int32)
    n, order = len(cluster_ids), tree.order
    if n < len(parts):
        in_order = parts[np.argsort(cluster_of_part, kind="stable")]
        order = np.concatenate([order[tree.lo[part] : tree.hi[part]] for part in in_order])
    bounds = np.concatenate([[0], np.cumsum(np.bincount(cluster_of_part, tree.hi[parts] - tree.lo[parts]))])
    n_parts = np.bincount(cluster_of_part)
    coherence = np.full(n, np.nan)
    coherence[cluster_of_part] = tree.coherence[parts]
    coherence[n_parts > 1] = np.nan
    return Taxonomy(
        cluster_ids,
        bounds[:-1].astype(np.int32),
        bounds[1:].astype(np.int32),
        np.bincount(cluster_of_part, tree.traffic[parts]),
        coherence,
        order,
        _spread(tree, parts, cluster_of_part),
        hidden_items,
        parts.astype(np.int32),
        cluster_of_part,
    )


def _spread(tree: InterestTree, nodes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n_items,) int32: of every item the label of the node that holds it. The nodes cover all items, in item order."""
    of_item = np.empty(tree.n_items, np.int32)
    of_item[tree.order] = np.repeat(labels, tree.hi[nodes] - tree.lo[nodes])
    return of_item


# -- what each kind of edit does; the reason is returned where it does nothing -----------------------------------------


def _split(tree: InterestTree, alive: np.ndarray, node: int) -> str:
    if not alive[node]:
        return LARGER if _alive_above(tree, alive, node) is not None else ""
    if tree.dies[node] > tree.finest:
        return FINEST
    alive[node], alive[tree.children(node)] = False, True
    return ""


def _collapse(tree: InterestTree, alive: np.ndarray, node: int) -> str:
    parent = int(tree.parent[node])
    return WHOLE if parent == 0 else _lock(tree, alive, parent) if _below(tree, alive, parent).any() else LARGER


def _lock(tree: InterestTree, alive: np.ndarray, node: int) -> str:
    """Has the node be one interest: joins what it was divided into, or divides what it was a part of."""
    if node == 0:
        return WHOLE
    above = _alive_above(tree, alive, node)
    if above is None:
        alive[_below(tree, alive, node)] = False
        alive[node] = True
        return ""
    while not alive[node]:
        alive[above], alive[tree.children(above)] = False, True
        above = _alive_above(tree, alive, node) if not alive[node] else node
    return ""


def _merge(tree: InterestTree, parts: np.ndarray, ids: np.ndarray, edit: CurationEdit) -> str:
    inside = _inside_any(tree, parts, edit.nodes)
    joined = np.isin(ids, ids[inside])
    if len(np.unique(ids[joined])) < 2:
        return TOO_FEW
    if joined.all():
        return WHOLE
    merged_before = ids[joined & (ids >= MERGED_FROM)]
    ids[joined] = merged_before.min() if len(merged_before) else MERGED_FROM + edit.edit_id
    return ""


def _undone_by_later(tree: InterestTree, alive: np.ndarray, edit: CurationEdit) -> str:
    node = int(edit.nodes[0])
    wanted = int(tree.parent[node]) if edit.kind == "collapse" else node
    stands = alive[wanted] or _alive_above(tree, alive, wanted) is not None
    if edit.kind == "lock":
        stands = alive[node]
    return "" if stands != (edit.kind == "split") else LATER


SHAPING: dict[str, Callable[[InterestTree, np.ndarray, int], str]] = {
    "split": _split,
    "collapse": _collapse,
    "lock": _lock,
}


def _alive_above(tree: InterestTree, alive: np.ndarray, node: int) -> int | None:
    """The interest above this node that holds it; None where it is one itself, or divided into several."""
    while node != 0:
        node = int(tree.parent[node])
        if alive[node]:
            return node
    return None


def _below(tree: InterestTree, alive: np.ndarray, node: int) -> np.ndarray:
    """(n_nodes,) bool: the interests that this node is, or is divided into."""
    return alive & (tree.lo >= tree.lo[node]) & (tree.hi <= tree.hi[node])


def _inside_any(tree: InterestTree, parts: np.ndarray, nodes: Sequence[int]) -> np.ndarray:
    """(m,) bool: the parts that are one of the nodes or inside one."""
    nodes = np.asarray(nodes, np.int64)
    lo, hi = tree.lo[parts][:, None], tree.hi[parts][:, None]
    return ((lo >= tree.lo[nodes]) & (hi <= tree.hi[nodes])).any(axis=1)
