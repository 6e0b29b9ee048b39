"""What the browser needs to colour the map at every granularity by itself, as bytes; and what it says back.

Items are sent in tree order, so that an interest is a slice of them at every granularity, and a cut is a filter over
the nodes: those with `born <= N < dies`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from ...interest_tree import InterestTree
from ..colors import interest_colors
from ..style import shorten
from .page import map_css, map_html, map_page, map_script, receiving_script

__all__ = ["encode_map", "items_inside", "map_css", "map_html", "map_page", "map_script", "receiving_script"]

MOST_POINTS = 100_000
TITLE_LENGTH, NAME_LENGTH = 80, 60


def encode_map(
    tree: InterestTree,
    xy: np.ndarray,
    titles: Sequence[object],
    traffic: np.ndarray,
    names: Sequence[object],
    *,
    most: int = MOST_POINTS,
) -> bytes:
    """The whole map, for every granularity: the bytes depend on nothing else, so a browser has to get them once.

    xy (n_items, 2), titles and traffic (n_items,) by item index; names: one per node. At most so many items are drawn:
    evenly along the tree's order, which takes the same share of every interest at every granularity.

    First the length of the header in bytes (uint32, little-endian), then the header as JSON, then the arrays, each at a
    multiple of four. Header: `key` (of the content), `n_items`, `finest`, `names`, `titles`, `page` (to save the map
    in, see `map_page`) and `arrays`, which gives for each array its type, where it begins after the header, and its
    length:

    - per item drawn, in tree order: x, y, traffic (float32), item (int32, its index);
    - per node: lo, hi (int32, its slice of the items drawn), born, dies, parent (int32), node_traffic (float32), color
      (uint8, four each: red, green, blue, 255).
    """
    places = _evenly(tree.n_items, most)
    items = tree.order[places]
    arrays = {
        "x": xy[items, 0].astype("<f4"),
        "y": xy[items, 1].astype("<f4"),
        "traffic": np.asarray(traffic)[items].astype("<f4"),
        "item": items.astype("<i4"),
        "lo": np.searchsorted(places, tree.lo).astype("<i4"),
        "hi": np.searchsorted(places, tree.hi).astype("<i4"),
        "born": tree.born.astype("<i4"),
        "dies": tree.dies.astype("<i4"),
        "parent": tree.parent.astype("<i4"),
        "node_traffic": tree.traffic.astype("<f4"),
        "color": _color_bytes(interest_colors(tree, np.arange(len(tree.lo)))),
    }
    header = {
        "n_items": tree.n_items,
        "finest": tree.finest,
        "names": [shorten(name, NAME_LENGTH) for name in names],
        "titles": [shorten(titles[item], TITLE_LENGTH) for item in items],
        "page": map_page(),
    }
    return _pack(header, arrays)


def items_inside(xy: np.ndarray, polygon: Sequence[Sequence[float]]) -> np.ndarray:
    """Indices of the places (n, 2) inside a closed line of corners, by the even-odd rule; none with under 3 corners."""
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    if len(corners) < 3 or not np.isfinite(corners).all():
        return np.array([], dtype=np.int64)
    near = np.flatnonzero(((xy >= corners.min(axis=0)) & (xy <= corners.max(axis=0))).all(axis=1))
    x, y = xy[near].astype(np.float64).T
    inside = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return near[inside]


def _evenly(n: int, most: int) -> np.ndarray:
    """At most so many of the places 0 .. n-1, evenly spread; all where there are no more than that."""
    return np.arange(n) if n <= most else np.arange(most) * n // most


def _color_bytes(colors: Sequence[str]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(f"{color[1:]}ff" for color in colors)), np.uint8)


def _pack(header: dict, arrays: dict[str, np.ndarray]) -> bytes:
    body, where, at = [], {}, 0
    for name, values in arrays.items():
        where[name] = [values.dtype.name, at, len(values)]
        body.append(values.tobytes())
        at += values.nbytes
    header = header | {"arrays": where}
    # The key comes from all of the content, so that a change of a single name is a new map.
    digest = blake2b(json.dumps(header).encode(), digest_size=16)
    for part in body:
        digest.update(part)
    head = json.dumps(header | {"key": digest.hexdigest()}).encode()
    head += b" " * (-len(head) % 4)
    return b"".join([len(head).to_bytes(4, "little"), head, *body])
