"""Which descriptions are too close to each other to tell their interests apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ..interest_tree import InterestTree
from . import Description
from .checks import name_key

TOO_CLOSE = 0.9
"""Cosine of two descriptions' meanings above which they are too close."""
READ_AT_ONCE = 32

Embed = Callable[[Sequence[str]], np.ndarray]
"""texts -> (n, d), unit length."""


class Meanings:
    """Reads descriptions while more of them are on their way, so that nobody waits for it in the end."""

    def __init__(self, embed: Embed | None):
        self._embed, self._thread = embed, ThreadPoolExecutor(1, thread_name_prefix="reading")
        self._unread: dict[int, str] = {}
        self._reading: list[tuple[list[int], Future]] = []

    def add(self, description: Description) -> None:
        """Not for several threads at the same time."""
        self._unread[description.cluster_id] = f"{description.name}. {description.text()}"
        if len(self._unread) >= READ_AT_ONCE:
            self._read()

    def nearness(self, nodes: Sequence[int]) -> np.ndarray:
        """(n, n) cosines of what was last said of the nodes; 0 where nothing reads."""
        if self._embed is None or not nodes:
            return np.zeros((len(nodes), len(nodes)))
        self._read()
        found = {
            node: vector for those, read in self._reading for node, vector in zip(those, read.result(), strict=True)
        }
        vectors = np.array([found[node] for node in nodes])
        return vectors @ vectors.T

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _read(self) -> None:
        if self._embed is not None and self._unread:
            self._reading.append((list(self._unread), self._thread.submit(self._embed, list(self._unread.values()))))
        self._unread = {}


def find_close(tree: InterestTree, described: Mapping[int, Description], meanings: Meanings) -> dict[int, int]:
    """The node with less traffic -> the one nearest to it, of those that have no item in common.

    Close are names of the same words, and meanings above `TOO_CLOSE`.
    """
    nodes = sorted(described, key=lambda node: (tree.traffic[node], node))
    nearness = meanings.nearness(nodes)
    keys = [name_key(described[node].name) for node in nodes]
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    names = np.array([number[key] for key in keys])
    lo, hi = tree.lo[nodes], tree.hi[nodes]
    close = {}
    for row, node in enumerate(nodes):
        near = np.where(names == names[row], 2.0, nearness[row])
        near[(hi > lo[row]) & (lo < hi[row])] = 0
        near[:row] = 0  # those with less traffic have been looked at
        if near.max() > TOO_CLOSE:
            close[node] = nodes[int(np.argmax(near))]
    return close
