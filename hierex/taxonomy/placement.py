"""Putting items into a tree that is grown already: those that people moved, and those that came later.

Nodes stay as they are, with their ids and what was said of them; only which items they hold changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..interest_tree import InterestTree, coherence_of_nodes, item_weights
from ..interest_tree.splits import chunks, running_sum
from . import LATER, WHOLE, CurationEdit, Taxonomy, leaf_of_item

SAME = "At this number of interests they are in the same one anyway."


def find_leaves(
    tree: InterestTree, vectors: np.ndarray, placed: np.ndarray, *, under: int | Sequence[int] = 0
) -> np.ndarray:
    """(n,) int32: the finest node for each of `placed` (n, d), going down to the child whose middle is nearer.

    vectors: (tree.n_items, d) float32 of the items in the tree, unit length, like `placed`. The way begins at node
    `under`, or at the nearest of several. Nodes that hold no item are gone to only where there is no other.
    """
    leaves = np.empty(len(placed), np.int32)
    begin = np.atleast_1d(np.asarray(under, np.int64))
    waiting = [(begin, np.arange(len(placed)))]
    while waiting:
        nodes, rows = waiting.pop()
        filled = nodes[tree.lo[nodes] < tree.hi[nodes]]
        nodes = filled if len(filled) else nodes
        middles = np.stack([_middle(tree, vectors, node) for node in nodes], axis=1)
        nearest = (placed[rows] @ middles).argmax(axis=1)
        for place, node in enumerate(nodes):
            here = rows[nearest == place]
            if not len(here):
                continue
            if tree.dies[node] > tree.finest:
                leaves[here] = node
            else:
                waiting.append((tree.children(node), here))
    return leaves


def put_items(tree: InterestTree, leaf_of_item: np.ndarray, vectors: np.ndarray, traffic: np.ndarray) -> InterestTree:
    """The same nodes with other items in them.

    leaf_of_item: (n_items,) the finest node of every item; vectors (n_items, d) float32, unit length, and traffic
    (n_items,) are theirs. Nodes that then hold none stay, as empty slices.
    """
    first, n_leaves = _leaf_places(tree)
    of_item = first[leaf_of_item]
    order = np.argsort(of_item, kind="stable").astype(np.int32)
    bounds = running_sum(np.bincount(of_item, minlength=tree.finest)).astype(np.int32)
    lo, hi = bounds[first], bounds[first + n_leaves]
    reach = running_sum(np.asarray(traffic, np.float64)[order])
    coherence = coherence_of_nodes(vectors, item_weights(traffic), order, lo, hi, tree.parent)
    return InterestTree(order, lo, hi, tree.born, tree.dies, tree.parent, reach[hi] - reach[lo], coherence)


def move_items(
    tree: InterestTree, edits: Sequence[CurationEdit], vectors: np.ndarray, traffic: np.ndarray
) -> tuple[InterestTree, dict[int, str]]:
    """The tree with the moves that are among the edits; where an item was moved twice, the later move counts.

    tree: as it was grown. An item goes to the finest node that is nearest to it, below the nodes that it was moved to.
    Also, by edit id, why a move was left out. vectors, traffic: of all items.
    """
    leaves, reasons = tree.cut(tree.finest)[leaf_of_item(tree)], {}
    before = leaves
    for edit in (edit for edit in edits if edit.kind == "move"):
        items, wanted = np.asarray(edit.items), leaves.copy()
        wanted[items] = find_leaves(tree, vectors, vectors[items], under=edit.nodes)
        if len(np.unique(tree.lo[wanted] < tree.hi[1])) < 2:  # one side of the first split would be empty
            reasons[edit.edit_id] = WHOLE
        else:
            leaves = wanted
    moved = tree if np.array_equal(leaves, before) else put_items(tree, leaves, vectors, traffic)
    return moved, reasons


def idle_moves(tree: InterestTree, taxonomy: Taxonomy, edits: Sequence[CurationEdit]) -> dict[int, str]:
    """By edit id, the moves that change nothing in this taxonomy of the moved tree. tree: as it was grown."""
    at_home = _homes(tree, taxonomy) == taxonomy.cluster_of_item
    moves = [edit for edit in edits if edit.kind == "move"]
    latest = {item: edit.edit_id for edit in moves for item in edit.items}
    reasons = {}
    for edit in moves:
        own = [item for item in edit.items if latest[item] == edit.edit_id]
        if not own:
            reasons[edit.edit_id] = LATER
        elif at_home[own].all():
            reasons[edit.edit_id] = SAME
    return reasons


def moved_between(tree: InterestTree, taxonomy: Taxonomy) -> np.ndarray:
    """(n_clusters,) bool: the interests of the moved tree that items were moved to or from. tree: as it was grown."""
    homes, now = _homes(tree, taxonomy), taxonomy.cluster_of_item
    away = homes != now
    return np.isin(np.arange(taxonomy.n_clusters), np.concatenate([homes[away], now[away]]))


def _homes(tree: InterestTree, taxonomy: Taxonomy) -> np.ndarray:
    """(n_items,) of each item the cluster index that it would have had nobody moved it, -1 where all have left that."""
    parts = taxonomy.part_nodes
    leaves = tree.cut(tree.finest)[leaf_of_item(tree)]
    home = np.maximum(np.searchsorted(tree.lo[parts], tree.lo[leaves], side="right") - 1, 0)
    return np.where(tree.lo[leaves] < tree.hi[parts[home]], taxonomy.cluster_of_part[home], -1)


def _leaf_places(tree: InterestTree) -> tuple[np.ndarray, np.ndarray]:
    """Of every node: the place of its first leaf among all leaves from left to right, and how many leaves it has."""
    n_leaves, first = np.ones(len(tree.lo), np.int64), np.zeros(len(tree.lo), np.int64)
    inner = np.flatnonzero(tree.dies <= tree.finest)
    for node in inner[::-1]:
        n_leaves[node] = n_leaves[tree.children(node)].sum()
    for node in inner:
        left, right = tree.children(node)
        first[left], first[right] = first[node], first[node] + n_leaves[left]
    return first, n_leaves


def _middle(tree: InterestTree, vectors: np.ndarray, node: int) -> np.ndarray:
    """(d,) float32, unit length: where the node's items are on average."""
    total = np.zeros(vectors.shape[1], np.float32)
    for part in chunks(tree.order[tree.lo[node] : tree.hi[node]]):
        total += vectors[part].sum(axis=0)
    return total / max(float(np.linalg.norm(total)), 1e-12)
