"""One split of the tree: some items along a line, and a border on it that leaves both sides enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..config import TreeConfig

SAMPLE = 2_048
"""A node with more items than this finds its axis on a sample of them; all of its items are then put along it."""
CHUNK = 16_384
"""Vectors read at once, so that those of a large node are never copied whole."""
ITEM_SHARE = 0.3
"""Each side keeps this share of the items too, where its traffic allows: a few with much traffic cannot be split."""


@dataclass(frozen=True)
class Points:
    """The different vectors, each standing for all the items that have it.

    vectors (m, d); weight (m,) float64; n_items (m,) int64; of_item (n_items,): the point of every item.
    """

    vectors: np.ndarray
    weight: np.ndarray
    n_items: np.ndarray
    of_item: np.ndarray


def bisect(
    points: Points, inside: np.ndarray, floor: int, config: TreeConfig, rng: np.random.Generator
) -> tuple[np.ndarray, int] | None:
    """The node's points in order along its axis, and how many of them go left; None where it has to stay whole."""
    if len(inside) < 2 or points.n_items[inside].sum() < 2 * floor:
        return None
    sample = inside if len(inside) <= SAMPLE else rng.choice(inside, SAMPLE, replace=False)
    axis = _axis(points.vectors[sample], points.weight[sample], points.n_items[sample], floor, config, rng)
    places = np.concatenate([points.vectors[part] @ axis for part in chunks(inside)])
    return halve(points, inside, places, floor, config)


def halve(
    points: Points, inside: np.ndarray, places: np.ndarray, floor: int, config: TreeConfig
) -> tuple[np.ndarray, int] | None:
    """The points from left to right by their places, and how many go left; None where a side would be too small."""
    if len(inside) < 2:
        return None
    ordered = inside[np.argsort(-places, kind="stable")]
    middle = np.array([np.count_nonzero(places > 0)])
    n_items = points.n_items[ordered]
    n_left = int(_border(middle, points.weight[ordered, None], n_items[:, None], floor, config.min_side)[0])
    smaller = min(n_items[:n_left].sum(), n_items[n_left:].sum())
    return (ordered, n_left) if smaller >= floor else None


def chunks(inside: np.ndarray) -> Iterator[np.ndarray]:
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
    share = running_sum(weight)
    share /= share[-1]
    fewest = (share < min_side).sum(0)
    most = (share <= 1 - min_side).sum(0) - 1
    column = np.arange(len(middle))
    # Where one heavy item stands across the border, it goes to the side that leaves the two more even.
    without = (fewest > most) & (share[most, column] > 1 - share[np.minimum(fewest, len(weight)), column])
    fewest = np.where(without, most, fewest)
    count = running_sum(n_items)
    least = ITEM_SHARE * count[-1]
    n_left = np.clip(middle, (count < least).sum(0), (count <= count[-1] - least).sum(0) - 1)
    n_left = np.clip(n_left, fewest, np.maximum(fewest, most))
    return np.clip(n_left, (count < floor).sum(0), (count <= count[-1] - floor).sum(0) - 1)


def running_sum(columns: np.ndarray) -> np.ndarray:
    """(m + 1, ...): row k is the sum of the first k rows."""
    sums = np.zeros((len(columns) + 1, *columns.shape[1:]), columns.dtype)
    np.cumsum(columns, axis=0, out=sums[1:])
    return sums
