"""A place on the map for every item: UMAP, computed once per embedding."""

from __future__ import annotations

import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import numpy as np

from .config import MapConfig, Progress, no_progress

HALF_RANGE = 10.0
"""The map reaches this far from its middle, along the longer side."""

FEWEST_FOR_UMAP = 15
"""With fewer different vectors there is no neighbourhood to speak of, and PCA shows all there is to see."""

MOST_FOR_UMAP = 30_000
"""Of more different vectors a sample is mapped, and the others are placed among their neighbours in it."""

APART = 0.02
"""How far the second of several identical items is moved aside; the j-th goes sqrt(j) times as far."""

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class ItemMap:
    """xy: (n_items, 2) float32, centred, the longer side from -10 to 10. method: `umap`, or `pca` as a way out."""

    xy: np.ndarray
    method: str


def map_items(
    vectors: np.ndarray, *, config: MapConfig | None = None, seed: int = 0, progress: Progress = no_progress
) -> ItemMap:
    """Places items so that those with similar vectors (n_items, dim) are near each other.

    UMAP (McInnes et al. 2018) by cosine on the different vectors, turned so that it agrees with the first two principal
    components as well as it can: maps of much the same data look alike. Items with the same vector lie in a tiny
    spiral around their place. PCA, and saying so, where there are too few different vectors or UMAP fails.
    """
    config = config or MapConfig()
    distinct, place_of = _distinct(np.asarray(vectors, dtype=np.float32))
    principal = _principal_components(distinct, seed)
    xy = _try_umap(distinct, config, seed, progress)
    method = "pca" if xy is None else "umap"
    places = _fit_frame(principal if xy is None else _turn_towards(xy, principal))
    progress(1.0)
    return ItemMap((places[place_of] + _spiral(place_of)).astype(np.float32), method)


def warm_up() -> None:
    """Compiles what UMAP needs (ten seconds) for this process and, in numba's cache on disk, for later ones."""
    vectors, _ = _distinct(np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32))
    _try_umap(vectors, MapConfig(), 0, no_progress)


def _distinct(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows, scaled to unit length, and for each item which of them is its own."""
    if not vectors.size:
        return vectors, np.arange(len(vectors))
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    as_bytes = units.view(np.dtype((np.void, units.itemsize * units.shape[1]))).ravel()
    _, first, place_of = np.unique(as_bytes, return_index=True, return_inverse=True)
    return units[first], place_of


def _principal_components(vectors: np.ndarray, seed: int) -> np.ndarray:
    """(n, 2), the second column zero where there is no second component."""
    from sklearn.decomposition import PCA

    xy = np.zeros((len(vectors), 2))
    dimensions = min(2, *vectors.shape)
    if len(vectors) > 1 and dimensions:
        with np.errstate(invalid="ignore"):  # there may be no variance to explain
            xy[:, :dimensions] = PCA(dimensions, random_state=seed).fit_transform(vectors)
    return xy


def _turn_towards(xy: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Turned and mirrored, not distorted, to agree with the target (orthogonal Procrustes)."""
    from scipy.linalg import orthogonal_procrustes

    centred = xy - xy.mean(axis=0)
    return centred @ orthogonal_procrustes(centred, target)[0]


def _fit_frame(xy: np.ndarray) -> np.ndarray:
    if not len(xy):
        return xy
    low, high = xy.min(axis=0), xy.max(axis=0)
    half = (high - low).max() / 2
    return (xy - (low + high) / 2) * (HALF_RANGE / half if half > 0 else 0)


def _spiral(place_of: np.ndarray) -> np.ndarray:
    """(n, 2) offsets: none for the first item of each place, then evenly over a disc (Vogel's sunflower)."""
    order = np.argsort(place_of, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(place_of))])
    rank = np.empty(len(place_of))
    rank[order] = np.arange(len(order)) - starts[place_of[order]]
    angle = rank * np.pi * (3 - np.sqrt(5))
    return APART * np.sqrt(rank)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


# --- UMAP ---


def _try_umap(vectors: np.ndarray, config: MapConfig, seed: int, progress: Progress) -> np.ndarray | None:
    """(n, 2), or None where there are too few vectors or UMAP fails."""
    if len(vectors) < FEWEST_FOR_UMAP:
        return None
    try:
        xy = _umap_of_sample(vectors, config, seed, progress)
    except (ImportError, RuntimeError, TypeError, ValueError, ArithmeticError):
        return None
    return xy if np.isfinite(xy).all() else None


def _umap_of_sample(vectors: np.ndarray, config: MapConfig, seed: int, progress: Progress) -> np.ndarray:
    if len(vectors) <= MOST_FOR_UMAP:
        return _umap(vectors, config, seed, progress)
    mapped = np.zeros(len(vectors), dtype=bool)
    mapped[np.random.default_rng(seed).permutation(len(vectors))[:MOST_FOR_UMAP]] = True
    xy = np.empty((len(vectors), 2))
    xy[mapped] = _umap(vectors[mapped], config, seed, progress)
    distances, neighbours = _nearest(vectors[mapped], vectors[~mapped], 5)
    weights = 1 / np.maximum(distances, 1e-6)
    xy[~mapped] = (xy[mapped][neighbours] * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    return xy


def _nearest(vectors: np.ndarray, of: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosine distances and rows of the k nearest vectors, nearest first, found by comparing with all."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=k, algorithm="brute", metric="sqeuclidean").fit(vectors).kneighbors(of)
    return (found[0] / 2).astype(np.float32), found[1]


def _umap(vectors: np.ndarray, config: MapConfig, seed: int, progress: Progress) -> np.ndarray:
    k = min(config.n_neighbors, len(vectors) - 1)
    distances, neighbours = _nearest(vectors, vectors, k)
    progress(0.1)
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that neighbours given cannot serve for mapping later items
        return _umap_class()(
            n_neighbors=k,
            min_dist=config.min_dist,
            metric="cosine",
            init="pca",
            precomputed_knn=(neighbours, distances),
            random_state=seed,
            n_jobs=1,
            tqdm_kwds={"file": _Epochs(progress), "bar_format": "{percentage}", "disable": False},
        ).fit_transform(vectors)


@cache
def _umap_class():
    """UMAP, made to start fast: what is never called is not compiled, and what is compiled is kept on disk.

    Neighbours are given, so pynndescent, UMAP's own search, is imported but never called; to compile it takes 20 s on
    import and 40 s on the first call of each process. To compare all pairs costs less than that up to 30,000 vectors.
    """
    import numba

    jit_was_off = numba.config.DISABLE_JIT
    numba.config.DISABLE_JIT = True
    try:
        import_module("pynndescent")
    finally:
        numba.config.DISABLE_JIT = jit_was_off
    from umap import layouts, umap_

    with suppress(AttributeError, RuntimeError):  # not compiled at all, or nowhere to write
        umap_.smooth_knn_dist.enable_caching()
        umap_.compute_membership_strengths.enable_caching()
        layouts._nb_optimize_layout_euclidean_single_epoch.enable_caching()
    return umap_.UMAP


class _Epochs:
    """The file to which UMAP's progress bar writes its percentage."""

    def __init__(self, progress: Progress):
        self.progress = progress

    def write(self, text: str) -> None:
        if text.strip():
            self.progress(0.1 + 0.9 * float(text) / 100)

    def flush(self) -> None:
        pass
