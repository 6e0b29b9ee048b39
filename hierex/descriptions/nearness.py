"""Of the phrases that set a node apart, those come first that are near to its meaning, as the text model reads both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..interest_tree import InterestTree
from .exemplars import node_centroids

READ = 25
"""Phrases of a node that are read: those with the best scores. The others come after them, as they were."""
FAR = 0.02
"""A phrase whose cosine to the node is below this counts as if it were this."""

Scored = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A node's candidates, best first: phrases, how many of its items hold each, scores."""


def nearest_first(
    tree: InterestTree,
    nodes: np.ndarray,
    scored: Sequence[Scored],
    texts: Sequence[str],
    vectors: np.ndarray,
    read: Callable[[list[str]], np.ndarray],
) -> list[Scored]:
    """Every node's candidates, those of `nodes` weighed by their cosine to the mean of the node's items.

    The step is KeyBERT's (github.com/MaartenGr/KeyBERT), with the score as a factor instead of a threshold.
    texts: of the phrases. vectors: (n_items, d), read(texts): (n, d), unit length, of one text model.
    """
    weighed = list(scored)
    if not len(nodes):
        return weighed
    wanted = np.unique(np.concatenate([scored[node][0][:READ] for node in nodes]))
    meanings = read([texts[phrase] for phrase in wanted])
    for node, centroid in zip(nodes, node_centroids(tree, vectors, nodes), strict=True):
        phrases, held, score = scored[node]
        near = meanings[np.searchsorted(wanted, phrases[:READ])] @ centroid
        order = np.argsort(-score[:READ] * np.maximum(near, FAR), kind="stable")
        order = np.concatenate([order, np.arange(len(order), len(phrases))])
        weighed[node] = phrases[order], held[order], score[order]
    return weighed
