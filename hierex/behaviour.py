"""Items by who consumes them: vectors from the log alone, and their blend with what the texts say.

Only the tree and the map are made from blended vectors. Descriptions and the recommender keep the texts' own, so that
an interest is described by what it says, and the recommender learns behaviour by itself.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.utils.extmath import randomized_svd

from .config import BehaviourConfig, Progress, no_progress
from .logs import Interactions

FIRST_IS_TRAFFIC = 1
"""The first component says how busy items and people are, which is no likeness."""
LEARNED_FROM = 100_000
"""Behaviour is foretold from texts by this many items at most, those with the most people."""
AT_ONCE = 50_000
"""Items whose behaviour is foretold at a time, to bound the memory."""


def embed_behaviour(
    interactions: Interactions,
    vectors: np.ndarray,
    *,
    config: BehaviourConfig,
    seed: int = 0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """(n_items, d) float32 unit vectors: items that the same people consume are alike.

    interactions: of the time before the split only. vectors: (n_items, _) float32, unit length, of the texts. d is
    `config.dimensions`, or fewer where there are fewer people or items.

    The matrix of people and items (1 where a person had the item) is divided by the roots of how many each has, which
    makes its components those of the graph of who consumed what (Dhillon 2001). `config.damping` is added to these
    numbers, so that what few people had forms no components of its own (regularised spectral clustering; Qin & Rohe
    2013). The matrix is as large as the log, whatever the number of items.

    An item's own vector is trusted by the number of its people. The rest of its place comes from its text: what a
    ridge regression foretells from it, which counts as `config.trust` people do. Where nobody consumed anything, the
    answer is zeros: nothing is known of behaviour.
    """
    consumed = consumption(interactions)
    n_people = consumed.sum(axis=0)
    dimensions = min(config.dimensions, min(consumed.shape) - FIRST_IS_TRAFFIC - 1)
    if dimensions < 1 or not consumed.nnz:
        return np.zeros((interactions.n_items, config.dimensions), np.float32)
    progress(0.1)
    own = factorise(consumed, dimensions, config.damping, seed)
    progress(0.7)
    known = np.argsort(-n_people, kind="stable")[: min(LEARNED_FROM, np.count_nonzero(n_people))]
    sure = n_people[known] / (n_people[known] + config.trust)
    foretell = Ridge().fit(vectors[known], own[known], sample_weight=sure)
    for start in range(0, len(own), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        people = n_people[part, None]
        own[part] = (people * own[part] + config.trust * foretell.predict(vectors[part])) / (people + config.trust)
        progress(0.7 + 0.3 * min(1.0, (start + AT_ONCE) / len(own)))
    return unit_rows(own)


def consumption(interactions: Interactions) -> sparse.csr_array:
    """(n_users, n_items) float32: 1 where the person had the item, however often."""
    ones = np.ones(len(interactions.item_index), np.float32)
    shape = (interactions.n_users, interactions.n_items)
    matrix = sparse.csr_array((ones, interactions.item_index, interactions.starts), shape=shape, copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def factorise(consumed: sparse.csr_array, dimensions: int, damping: float, seed: int) -> np.ndarray:
    """(n_items, dimensions) float32, every row of length one, or zero where nobody had the item."""
    by_user, by_item = ((consumed.sum(axis=axis) + damping) ** -0.5 for axis in (1, 0))
    scaled = consumed.copy()
    scaled.data *= np.repeat(by_user, np.diff(consumed.indptr)) * by_item[consumed.indices]
    _, strengths, components = randomized_svd(scaled, dimensions + FIRST_IS_TRAFFIC, random_state=seed)
    return unit_rows((components.T * strengths)[:, FIRST_IS_TRAFFIC:])


def blend(vectors: np.ndarray, behaviour: np.ndarray, weight: float) -> np.ndarray:
    """(n_items, d + d') float32 unit vectors whose cosine is (1 - weight) x that of `vectors` + weight x `behaviour`'s.

    Both are of unit length; weight is from 0 up to, but not, 1. A weight of 0 gives `vectors` themselves. Where an
    item's behaviour is not known (a row of zeros), its text is all there is.
    """
    if weight == 0:
        return vectors
    n, from_text = vectors.shape
    known = behaviour.any(axis=1, keepdims=True)
    blended = np.empty((n, from_text + behaviour.shape[1]), np.float32)
    np.multiply(vectors, np.where(known, np.sqrt(1 - weight), 1).astype(np.float32), out=blended[:, :from_text])
    np.multiply(behaviour, np.float32(np.sqrt(weight)), out=blended[:, from_text:])
    return blended


def unit_rows(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
