"""One binary tree over the items, one item order, every interest cluster a slice of that order."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from ..config import Progress, TreeConfig, no_progress, part_of
from ..errors import EmbedderError, TooLittleData
from .splits import Points, bisect, chunks, halve, running_sum

UNSEEN_SHARE = 0.1
"""Every item weighs this share of the mean traffic more than its own: what nobody consumed yet still has a say."""
FIRST_PASS = 8
"""The tree is first grown to this many interests, then anew to twice as many with the one before as its guide."""
GUIDED_ITEMS = 100_000
"""Of more different items than this, only a sample grows the guides; all of them grow the last tree."""
AHEAD = 5
"""A guided split looks at the centroids that lie this many splits further down: 32 on either side."""
LOST = -1
"""In place of a guide's node, where the guide leads no further."""


@dataclass(frozen=True)
class InterestTree:
    """Nodes as arrays; node 0 is the root, split number k makes nodes 2k-1 and 2k.

    order: (n_items,) int32, item index at each position. Per node, (n_nodes,): lo, hi int32 (its slice of `order`),
    born int32 (the granularity at which it appears), dies int32 (at which it is split; `finest + 1` if never),
    parent int32 (the root is its own parent), traffic float64 (interactions), coherence float64 (weighted mean cosine
    of its items to their weighted centroid, 0 to 1; an item's weight is that of `grow_tree`).
    """

    order: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    born: np.ndarray
    dies: np.ndarray
    parent: np.ndarray
    traffic: np.ndarray
    coherence: np.ndarray

    @property
    def finest(self) -> int:
        """The largest granularity that this tree can be cut at."""
        return (len(self.lo) + 1) // 2

    @property
    def n_items(self) -> int:
        return len(self.order)

    def cut(self, granularity: int) -> np.ndarray:
        """(granularity,) int32: the nodes alive at `granularity`, in item order; without those that hold no items.

        A tree that was grown has none of those; moving items can empty a node.
        """
        alive = np.flatnonzero((self.born <= granularity) & (granularity < self.dies) & (self.lo < self.hi))
        return alive[np.argsort(self.lo[alive], kind="stable")].astype(np.int32)

    def items_of(self, node: int) -> np.ndarray:
        """Item indices of the node."""
        return self.order[self.lo[node] : self.hi[node]]

    def children(self, node: int) -> np.ndarray:
        """(2,) the nodes that this one is split into; it must not be one of the finest."""
        return np.array([2 * self.dies[node] - 3, 2 * self.dies[node] - 2])


def grow_tree(
    vectors: np.ndarray,
    traffic: np.ndarray,
    *,
    config: TreeConfig,
    seed: int = 0,
    progress: Progress = no_progress,
) -> InterestTree:
    """Grow the tree by best-first bisection: the node with the most traffic is split next, in two by meaning.

    vectors: (n_items, d) float32, unit length. traffic: (n_items,) interactions per item, zeros allowed. An item weighs
    its traffic plus a tenth of the mean traffic; where there is no traffic at all, every item weighs the same.

    A split is spherical 2-means (Dhillon & Modha 2001) with weights and a bound on balance: items are ordered along the
    axis between the two centroids, and the border moves from the middle only as far as each side needs it to keep
    `config.min_side` of the weight and `config.min_items` items (an eighth of the catalogue where that is fewer).
    Items with the same vector are never parted. It ends at `config.finest` interests, or when nothing can be split.

    A first split cannot know what it tears apart, so the tree is grown several times, each time twice as fine. Where
    the tree before has split a node too, items are ordered by how much nearer they are to the finer interests that it
    found on one side than to those on the other.

    Raises EmbedderError for vectors that are not finite, TooLittleData when there are not two different items.
    """
    traffic = np.asarray(traffic, np.float64)
    points = _merge_identical(_checked(vectors), item_weights(traffic))
    floor = int(np.clip(len(traffic) // 8, 1, max(1, config.min_items)))
    rng = np.random.default_rng(seed)
    guide, few = None, _sample(points, rng)
    sizes = _passes(config.finest, len(traffic) // floor)
    for done, finest in enumerate(sizes):
        last = finest == config.finest
        share = part_of(progress, done / len(sizes), (done + 1) / len(sizes))
        nodes = _grow(points if last else few, floor, replace(config, finest=finest), rng, guide, share)
        guide = None if last else _Guide.of(nodes, few)
    progress(1.0)
    return _finish(nodes, points, traffic)


@dataclass(frozen=True)
class _Nodes:
    """The tree while it grows. order (m,) holds points; the lists have one entry per node; dies is 0 until split."""

    order: np.ndarray
    lo: list[int]
    hi: list[int]
    born: list[int]
    dies: list[int]
    parent: list[int]

    @property
    def granularity(self) -> int:
        return (len(self.lo) + 1) // 2

    def inside(self, node: int) -> np.ndarray:
        return self.order[self.lo[node] : self.hi[node]]

    def split(self, node: int, ordered: np.ndarray, n_left: int) -> tuple[int, int]:
        """Put the node's points in this order, make two nodes of them, and return those."""
        lo, hi, born = self.lo[node], self.hi[node], self.granularity + 1
        self.order[lo:hi] = ordered
        self.dies[node] = born
        self.lo.extend((lo, lo + n_left))
        self.hi.extend((lo + n_left, hi))
        self.born.extend((born, born))
        self.dies.extend((0, 0))
        self.parent.extend((node, node))
        return len(self.lo) - 2, len(self.lo) - 1


def _checked(vectors: np.ndarray) -> np.ndarray:
    vectors = np.ascontiguousarray(vectors, np.float32)
    if len(vectors) < 2:
        raise TooLittleData(f"Found {len(vectors)} items. Interests need at least two different ones: add items.")
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    broken = np.flatnonzero(~np.isfinite(lengths))
    if len(broken):
        raise EmbedderError(
            f"{len(broken):,} of {len(vectors):,} items have a vector with missing or infinite values "
            f"(the first is item number {broken[0] + 1:,}). Every value must be a finite number: "
            "correct these vectors, or embed the texts again."
        )
    if np.abs(lengths - 1).max() > 1e-3:
        vectors = vectors / np.maximum(lengths, 1e-12)[:, None]
    return vectors


def item_weights(traffic: np.ndarray) -> np.ndarray:
    """(n_items,) float64: what every item counts, see `grow_tree`."""
    mean = np.mean(traffic) if len(traffic) else 0
    return traffic / mean + UNSEEN_SHARE if mean > 0 else np.ones(len(traffic))


def _merge_identical(vectors: np.ndarray, weight: np.ndarray) -> Points:
    """One point for every different vector; they are told apart by a digest of their bytes."""
    digests = (int.from_bytes(blake2b(row, digest_size=8).digest()) for row in vectors)
    keys = np.fromiter(digests, np.uint64, len(vectors))
    _, first, of_item = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) < 2:
        raise TooLittleData(
            f"All {len(vectors):,} items have the same text, so there is nothing to tell interests apart by. "
            "At least two different texts are needed: check that the right column is used as the text."
        )
    if len(first) == len(vectors):
        of_item = np.arange(len(vectors))
    else:
        vectors = vectors[first]
    return Points(vectors, np.bincount(of_item, weight), np.bincount(of_item), of_item)


def _sample(points: Points, rng: np.random.Generator) -> Points:
    if len(points.weight) <= GUIDED_ITEMS:
        return points
    some = rng.choice(len(points.weight), GUIDED_ITEMS, replace=False)
    return Points(points.vectors[some], points.weight[some], points.n_items[some], np.arange(GUIDED_ITEMS))


def _passes(finest: int, most: int) -> list[int]:
    """How fine the tree is grown each time, where no more than `most` interests have enough items; the last is full."""
    sizes = [FIRST_PASS]
    while 2 * sizes[-1] < min(finest, 2 * most):
        sizes.append(2 * sizes[-1])
    return [size for size in sizes if size < finest] + [finest]


def _grow(
    points: Points,
    floor: int,
    config: TreeConfig,
    rng: np.random.Generator,
    guide: _Guide | None,
    progress: Progress,
) -> _Nodes:
    """Split the heaviest node until there are enough; one that cannot be split keeps its place as a leaf.

    Each node goes along with the one of the guide that it corresponds to, as long as there is one.
    """
    nodes = _Nodes(np.arange(len(points.weight)), [0], [len(points.weight)], [1], [0], [0])
    expected = max(2, min(config.finest, len(points.of_item) // floor))
    waiting = [(0.0, 0, 0 if guide else LOST)]
    while waiting and nodes.granularity < config.finest:
        _, node, guiding = heapq.heappop(waiting)
        inside, below = nodes.inside(node), (LOST, LOST)
        halves = None
        if guiding != LOST and guide.splits(guiding):
            below = guide.children(guiding)
            halves = halve(points, inside, guide.places(points, inside, *below), floor, config)
        if halves is None:
            below, halves = (LOST, LOST), bisect(points, inside, floor, config, rng)
        if halves is None and node == 0:
            halves = bisect(points, inside, 1, config, rng)
        if halves is None:
            continue
        for child, its_guide in zip(nodes.split(node, *halves), below, strict=True):
            heapq.heappush(waiting, (-points.weight[nodes.inside(child)].sum(), child, its_guide))
        progress(min(1.0, nodes.granularity / expected))
    return nodes


@dataclass(frozen=True)
class _Guide:
    """A coarser tree. centroids (n_nodes, d) float32, unit length; first_child (n_nodes,): 0 where there is none."""

    centroids: np.ndarray
    first_child: np.ndarray

    @classmethod
    def of(cls, nodes: _Nodes, points: Points) -> _Guide:
        sums, _ = _sums(points.vectors, points.weight, nodes.order, nodes.lo, nodes.hi, nodes.parent)
        lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return cls((sums / lengths).astype(np.float32), np.maximum(2 * np.array(nodes.dies) - 3, 0))

    def splits(self, node: int) -> bool:
        return self.first_child[node] > 0

    def children(self, node: int) -> tuple[int, int]:
        return int(self.first_child[node]), int(self.first_child[node]) + 1

    def places(self, points: Points, inside: np.ndarray, left: int, right: int) -> np.ndarray:
        """(n,) how much nearer each point is to the nearest centroid below `left` than to that below `right`."""
        on_left, on_right = self._below(left), self._below(right)
        centroids = self.centroids[np.concatenate([on_left, on_right])].T
        cosines = (points.vectors[part] @ centroids for part in chunks(inside))
        sides = (np.split(near, [len(on_left)], axis=1) for near in cosines)
        return np.concatenate([near_left.max(axis=1) - near_right.max(axis=1) for near_left, near_right in sides])

    def _below(self, node: int) -> np.ndarray:
        """The nodes that lie AHEAD splits further down, and the leaves on the way there."""
        below = np.array([node])
        for _ in range(AHEAD):
            first = self.first_child[below]
            below = np.concatenate([below[first == 0], first[first > 0], first[first > 0] + 1])
        return below


def _finish(nodes: _Nodes, points: Points, traffic: np.ndarray) -> InterestTree:
    """From points to items: where every node's slice begins and ends, its traffic and its coherence."""
    rank = np.empty(len(nodes.order), np.int64)
    rank[nodes.order] = np.arange(len(nodes.order))
    order = np.argsort(rank[points.of_item], kind="stable").astype(np.int32)
    bounds = running_sum(points.n_items[nodes.order])
    lo, hi = bounds[nodes.lo], bounds[nodes.hi]
    reach = running_sum(traffic[order])
    dies = np.array(nodes.dies)
    dies[dies == 0] = nodes.granularity + 1
    numbers = (np.asarray(column, np.int32) for column in (lo, hi, nodes.born, dies, nodes.parent))
    coherence = coherence_of_nodes(points.vectors, points.weight, nodes.order, nodes.lo, nodes.hi, nodes.parent)
    return InterestTree(order, *numbers, reach[hi] - reach[lo], coherence)


def coherence_of_nodes(vectors: np.ndarray, weight: np.ndarray, order: np.ndarray, lo, hi, parent) -> np.ndarray:
    """(n_nodes,): the weighted mean cosine of every node's vectors to their weighted centroid; 0 for an empty node.

    A sum of unit vectors is as long as their cosines to their centroid add up to. lo, hi, parent: (n_nodes,).
    """
    sums, total = _sums(vectors, weight, order, lo, hi, parent)
    return np.clip(np.linalg.norm(sums, axis=1) / np.maximum(total, 1e-12), 0, 1)


def _sums(vectors: np.ndarray, weight: np.ndarray, order: np.ndarray, lo, hi, parent) -> tuple[np.ndarray, np.ndarray]:
    """(n_nodes, d) the weighted sum of every node's vectors, and (n_nodes,) its weight."""
    sums = np.zeros((len(lo), vectors.shape[1]))
    total = np.zeros(len(lo))
    inner = np.zeros(len(lo), bool)
    inner[np.asarray(parent)[1:]] = True
    for node in range(len(lo) - 1, -1, -1):
        if not inner[node]:
            for part in chunks(order[lo[node] : hi[node]]):
                sums[node] += weight[part].astype(np.float32) @ vectors[part]
                total[node] += weight[part].sum()
        if node > 0:
            sums[parent[node]] += sums[node]
            total[parent[node]] += total[node]
    return sums, total
