"""Which items stand for an interest, which interests lie near it, and when two are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

import numpy as np

from ..interest_tree import InterestTree

LOOKED_AT = 500
"""Items of a node among which exemplars are chosen; of more, an even selection along the item order."""
CENTRAL, DIFFERENT, USED = 10, 12, 8


def choose_items(tree: InterestTree, node: int, vectors: np.ndarray, traffic: np.ndarray) -> list[int]:
    """Items of the node, at most 30: in turn the most central, different ones and the most used.

    The different ones are spread along the item order, where neighbours are alike: of as many equal pieces of the
    node's slice, the most central item of each.
    """
    lo, hi = int(tree.lo[node]), int(tree.hi[node])
    inside = tree.order[lo:hi]
    looked_at = inside[np.linspace(0, len(inside) - 1, min(len(inside), LOOKED_AT)).astype(np.int64)]
    near = vectors[looked_at] @ vectors[looked_at].sum(0)
    central = looked_at[np.argsort(-near, kind="stable")[:CENTRAL]]
    pieces = np.array_split(np.arange(len(looked_at)), min(DIFFERENT, len(looked_at)))
    different = [looked_at[piece[np.argmax(near[piece])]] for piece in pieces]
    used = inside[np.argsort(-traffic[inside], kind="stable")[:USED]]
    used = used[traffic[used] > 0]
    in_turn = chain.from_iterable(zip_longest(central, different, used))
    return list(dict.fromkeys(int(item) for item in in_turn if item is not None))


def node_centroids(tree: InterestTree, vectors: np.ndarray, nodes: Sequence[int]) -> np.ndarray:
    """(len(nodes), d) unit length, from at most `LOOKED_AT` items of each, evenly along the item order."""
    centroids = np.empty((len(nodes), vectors.shape[1]), np.float32)
    for row, node in enumerate(nodes):
        lo, hi = int(tree.lo[node]), int(tree.hi[node])
        items = tree.order[np.linspace(lo, hi - 1, min(hi - lo, LOOKED_AT)).astype(np.int64)]
        centroids[row] = vectors[items].sum(0)
    return centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)


def near_nodes(tree: InterestTree, nodes: Sequence[int], centroids: np.ndarray, most: int) -> dict[int, list[int]]:
    """Of each node the nearest of the others that share no item with it, nearest first."""
    nodes = np.asarray(nodes, np.int64)
    near = {}
    for row, node in enumerate(nodes):
        cosine = centroids @ centroids[row]
        cosine[(tree.lo[nodes] < tree.hi[node]) & (tree.lo[node] < tree.hi[nodes])] = -np.inf
        best = np.argsort(-cosine, kind="stable")[:most]
        near[int(node)] = nodes[best[cosine[best] > -np.inf]].tolist()
    return near


def item_digests(items: Iterable[str]) -> np.ndarray:
    """(n_items,) int64. items: id and words of each."""
    digests = b"".join(hashlib.blake2b(item.encode("utf-8", "replace"), digest_size=8).digest() for item in items)
    return np.frombuffer(digests, np.int64)


def count_changed(inside: np.ndarray, members: np.ndarray, n_members: int) -> tuple[int, int, float]:
    """Items that came and that went, and their share of all. inside: digests of the items by now.

    Before there were `n_members`, of which the digests `members` are remembered: estimated where those are not all.
    """
    stayed = min(round(np.isin(members, inside).mean() * n_members), len(inside))
    came, went = len(inside) - stayed, n_members - stayed
    return came, went, (came + went) / (came + went + stayed)


def node_contents(tree: InterestTree, items: Iterable[str]) -> list[str]:
    """Of each node a digest of the items in it, whatever their order. items: (n_items,) id and words of each.

    Every item has 128 bits of a hash; a node has their sums, which are differences of running sums over the item order.
    """
    digests = b"".join(hashlib.blake2b(item.encode("utf-8", "replace"), digest_size=16).digest() for item in items)
    hashes = np.frombuffer(digests, np.uint64).reshape(-1, 2)[tree.order]
    sums = np.concatenate([np.zeros((1, 2), np.uint64), np.cumsum(hashes, axis=0, dtype=np.uint64)])
    of_node = sums[tree.hi] - sums[tree.lo]
    return [f"{first:016x}{second:016x}" for first, second in of_node.tolist()]
