"""One binary tree over the items, one item order, every interest cluster a slice of that order (design: "slices")."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from .config import Progress, TreeConfig, no_progress
from .errors import EmbedderError, TooLittleData

UNSEEN_SHARE = 0.1
"""Every item weighs this share of the mean traffic more than its own: what nobody consumed yet still has a say."""
SAMPLE = 2_048
"""A node with more items than this finds its axis on a sample of them; all of its items are then put along it."""
CHUNK = 16_384
"""Vectors read at once, so that those of a large node are never copied whole."""


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
        """(granularity,) int32: the nodes alive at `granularity`, in item order."""
        alive = np.flatnonzero((self.born <= granularity) & (granularity < self.dies))
        return alive[np.argsort(self.lo[alive], kind="stable")].astype(np.int32)


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

    Raises EmbedderError for vectors that are not finite, TooLittleData when there are not two different items.
    """
    traffic = np.asarray(traffic, np.float64)
    points = _merge_identical(_checked(vectors), _weights(traffic))
    floor = int(np.clip(len(traffic) // 8, 1, max(1, config.min_items)))
    nodes = _grow(points, floor, config, np.random.default_rng(seed), progress)
    progress(1.0)
    return _finish(nodes, points, traffic)


@dataclass(frozen=True)
class _Points:
    """The different vectors, each standing for all the items that have it.

    vectors (m, d); weight (m,) float64; n_items (m,) int64; of_item (n_items,): the point of every item.
    """

    vectors: np.ndarray
    weight: np.ndarray
    n_items: np.ndarray
    of_item: np.ndarray


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


def _weights(traffic: np.ndarray) -> np.ndarray:
    mean = traffic.mean() if len(traffic) else 0
    return traffic / mean + UNSEEN_SHARE if mean > 0 else np.ones(len(traffic))


def _merge_identical(vectors: np.ndarray, weight: np.ndarray) -> _Points:
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
    return _Points(vectors, np.bincount(of_item, weight), np.bincount(of_item), of_item)


def _grow(points: _Points, floor: int, config: TreeConfig, rng: np.random.Generator, progress: Progress) -> _Nodes:
    """Split the heaviest node until there are enough; one that cannot be split keeps its place as a leaf."""
    nodes = _Nodes(np.arange(len(points.weight)), [0], [len(points.weight)], [1], [0], [0])
    expected = max(2, min(config.finest, len(points.of_item) // floor))
    waiting = [(0.0, 0)]
    while waiting and nodes.granularity < config.finest:
        _, node = heapq.heappop(waiting)
        halves = _bisect(points, nodes.inside(node), floor, config, rng)
        if halves is None and node == 0:
            halves = _bisect(points, nodes.inside(node), 1, config, rng)
        if halves is None:
            continue
        for child in nodes.split(node, *halves):
            heapq.heappush(waiting, (-points.weight[nodes.inside(child)].sum(), child))
        progress(min(1.0, nodes.granularity / expected))
    return nodes


def _bisect(
    points: _Points, inside: np.ndarray, floor: int, config: TreeConfig, rng: np.random.Generator
) -> tuple[np.ndarray, int] | None:
    """The node's points in order along its axis, and how many of them go left; None where it has to stay whole."""
    if len(inside) < 2 or points.n_items[inside].sum() < 2 * floor:
        return None
    sample = inside if len(inside) <= SAMPLE else rng.choice(inside, SAMPLE, replace=False)
    axis = _axis(points.vectors[sample], points.weight[sample], points.n_items[sample], floor, config, rng)
    places = np.concatenate([points.vectors[part] @ axis for part in _chunks(inside)])
    ordered = inside[np.argsort(-places, kind="stable")]
    middle = np.array([np.count_nonzero(places > 0)])
    n_items = points.n_items[ordered]
    n_left = int(_border(middle, points.weight[ordered, None], n_items[:, None], floor, config.min_side)[0])
    smaller = min(n_items[:n_left].sum(), n_items[n_left:].sum())
    return (ordered, n_left) if smaller >= floor else None


def _chunks(inside: np.ndarray) -> Iterator[np.ndarray]:
    return (inside[at : at + CHUNK] for at in range(0, len(inside), CHUNK))


def _axis(
    vectors: np.ndarray,
    weight: np.ndarray,
    n_items: np.ndarray,
    floor: int,
    config: TreeConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """(d,) from the right centroid to the left one, after balanced 2-means; restarts run as columns, the best wins."""
    axes = _starts(vectors, weight, config.restarts, rng)
    heavy = weight.astype(np.float32)
    total = (heavy @ vectors)[:, None]
    left = None
    for _ in range(config.iterations):
        before, left = left, _left_side(vectors @ axes, weight, n_items, floor, config.min_side)
        if before is not None and np.array_equal(before, left):
            break
        sums = vectors.T @ (left * heavy[:, None])
        axes = _unit(sums) - _unit(total - sums)
    coherence = np.linalg.norm(sums, axis=0) + np.linalg.norm(total - sums, axis=0)
    return axes[:, coherence.argmax()]


def _starts(vectors: np.ndarray, weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """(d, n) axes between two items each, the second far from the first: k-means++ (Arthur & Vassilvitskii 2007)."""
    reach = np.cumsum(weight)
    first = np.searchsorted(reach, rng.random(n) * reach[-1])
    distance = np.maximum(1 - vectors @ vectors[first].T, 0)
    reach = np.cumsum(weight[:, None] * distance, axis=0)
    second = (reach < rng.random(n) * reach[-1]).sum(0)
    last = len(vectors) - 1
    return (vectors[np.minimum(first, last)] - vectors[np.minimum(second, last)]).T


def _unit(columns: np.ndarray) -> np.ndarray:
    return columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-12)


def _left_side(places: np.ndarray, weight: np.ndarray, n_items: np.ndarray, floor: int, min_side: float) -> np.ndarray:
    """(m, n) bool, which points are on the left of the border, for the places along n axes."""
    along = np.argsort(-places, axis=0, kind="stable")
    n_left = _border((places > 0).sum(0), weight[along], n_items[along], floor, min_side)
    left = np.empty(places.shape, bool)
    np.put_along_axis(left, along, np.arange(len(places))[:, None] < n_left, axis=0)
    return left


def _border(middle: np.ndarray, weight: np.ndarray, n_items: np.ndarray, floor: int, min_side: float) -> np.ndarray:
    """(n,) how many go left: as near to `middle` (n,) as the bounds allow. weight, n_items: (m, n), in order."""
    share = _running_sum(weight)
    share /= share[-1]
    fewest = (share < min_side).sum(0)
    most = (share <= 1 - min_side).sum(0) - 1
    column = np.arange(len(middle))
    # Where one heavy item stands across the border, it goes to the side that leaves the two more even.
    without = (fewest > most) & (share[most, column] > 1 - share[np.minimum(fewest, len(weight)), column])
    fewest = np.where(without, most, fewest)
    n_left = np.clip(middle, fewest, np.maximum(fewest, most))
    count = _running_sum(n_items)
    return np.clip(n_left, (count < floor).sum(0), (count <= count[-1] - floor).sum(0) - 1)


def _running_sum(columns: np.ndarray) -> np.ndarray:
    """(m + 1, ...): row k is the sum of the first k rows."""
    sums = np.zeros((len(columns) + 1, *columns.shape[1:]), columns.dtype)
    np.cumsum(columns, axis=0, out=sums[1:])
    return sums


def _finish(nodes: _Nodes, points: _Points, traffic: np.ndarray) -> InterestTree:
    """From points to items: where every node's slice begins and ends, its traffic and its coherence."""
    rank = np.empty(len(nodes.order), np.int64)
    rank[nodes.order] = np.arange(len(nodes.order))
    order = np.argsort(rank[points.of_item], kind="stable").astype(np.int32)
    bounds = _running_sum(points.n_items[nodes.order])
    lo, hi = bounds[nodes.lo], bounds[nodes.hi]
    reach = _running_sum(traffic[order])
    dies = np.array(nodes.dies)
    dies[dies == 0] = nodes.granularity + 1
    numbers = (np.asarray(column, np.int32) for column in (lo, hi, nodes.born, dies, nodes.parent))
    return InterestTree(order, *numbers, reach[hi] - reach[lo], _coherence(nodes, points))


def _coherence(nodes: _Nodes, points: _Points) -> np.ndarray:
    """(n_nodes,): a sum of unit vectors is as long as their cosines to their centroid add up to."""
    sums = np.zeros((len(nodes.lo), points.vectors.shape[1] + 1))
    for node in range(len(nodes.lo) - 1, 0, -1):
        if nodes.dies[node] == 0:
            for part in _chunks(nodes.inside(node)):
                weight = points.weight[part]
                sums[node, :-1] += weight.astype(np.float32) @ points.vectors[part]
                sums[node, -1] += weight.sum()
        sums[nodes.parent[node]] += sums[node]
    return np.clip(np.linalg.norm(sums[:, :-1], axis=1) / sums[:, -1], 0, 1)
