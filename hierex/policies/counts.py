"""The baseline that every other policy has to beat: counted moves, smoothed from the particular to the general.

How often did people with exactly this context move on to each interest? Few contexts have enough people, so each
count is backed off to a more general one (Dirichlet smoothing; Zhai & Lafferty 2004): the ordered context to the
unordered one, that to the single interests in it, those to how often an interest is reached at all, where older
moves may count less. How strongly, is chosen on the later part of the moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from functools import cache

import numpy as np
from scipy import sparse

from ..config import PolicyConfig
from ..transitions import Moves, number_contexts, repeat_earliest
from .choices import (
    FEWEST_TO_CHOOSE_BY,
    follow_popularity,
    judge_choices,
    leave_out_context,
    mark_seen,
    part_by_time,
    thin_out,
)

SWEEPS = 2
CSR_PARTS = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Smoothing:
    """How counts are combined. Strengths are in moves: how many it takes to outweigh the more general level."""

    half_life: float = np.inf
    """A move that this share of all moves lies behind counts half for the popularity of interests."""
    latest_share: float = 0.5
    """The latest interest's share among the single interests; the next one has the same share of the rest, ..."""
    single: float = 1_000.0
    unordered: float = 300.0
    ordered: float = 300.0


CHOICES = {
    "half_life": (0.05, 0.1, 0.2, 0.5, np.inf),
    "single": (100.0, 300.0, 1_000.0, 3_000.0),
    "latest_share": (0.3, 0.5, 0.7, 0.9),
    "unordered": (30.0, 100.0, 300.0, 1_000.0, 3_000.0),
    "ordered": (30.0, 100.0, 300.0, 1_000.0, 3_000.0),
}


@dataclass(frozen=True)
class CountTable:
    """Counts of novel interests by some key of the context, sparse: keys (m,) int64 sorted, counts (m + 1, n) CSR.

    The last row is empty: the answer to a key that was never seen.
    """

    keys: np.ndarray
    counts: sparse.csr_array

    @classmethod
    def of(cls, keys: np.ndarray, novel: np.ndarray, n_clusters: int) -> CountTable:
        known, row = np.unique(keys, return_inverse=True)
        ones = np.ones(len(novel), np.float32)
        return cls(known, sparse.csr_array((ones, (row, novel)), shape=(len(known) + 1, n_clusters)))

    @classmethod
    def load(cls, arrays: dict[str, np.ndarray], name: str, n_clusters: int) -> CountTable:
        """The one whose `arrays(name)` are among these."""
        keys = arrays[f"{name}.keys"]
        parts = tuple(arrays[f"{name}.{part}"] for part in CSR_PARTS)
        return cls(keys, sparse.csr_array(parts, shape=(len(keys) + 1, n_clusters)))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """What has to be kept of it, by names that begin with `name`."""
        return {f"{name}.keys": self.keys} | {f"{name}.{part}": getattr(self.counts, part) for part in CSR_PARTS}

    def look_up(self, keys: np.ndarray) -> np.ndarray:
        """(len(keys), n) float32, zeros where the key was never seen."""
        row = np.searchsorted(self.keys, keys)
        is_known = np.append(self.keys, -1)[row] == keys
        return self.counts[np.where(is_known, row, len(self.keys))].toarray()


@dataclass(frozen=True)
class CountsPolicy:
    """Smoothed counts. tables: one per level (`_level_keys`); log_popularity: (n_clusters,) float32."""

    tables: tuple[CountTable, ...]
    log_popularity: np.ndarray
    smoothing: Smoothing
    k: int
    note: str = ""
    name: str = "counts"

    @property
    def n_clusters(self) -> int:
        return len(self.log_popularity)

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        return leave_out_context(self.foresee(contexts), contexts)

    def foresee(self, contexts: np.ndarray) -> np.ndarray:
        """(n, n_clusters) float32 log-probabilities with the context not yet left out, all finite."""
        counts = _look_up(self.tables, repeat_earliest(contexts), self.n_clusters)
        return np.log(_blend(counts, self.log_popularity, self.smoothing))

    def knows(self, contexts: np.ndarray) -> np.ndarray:
        """(n,) bool: whether anybody ever moved on from the context's latest interest."""
        return np.isin(np.asarray(contexts)[:, -1], self.tables[0].keys)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        arrays = {
            "log_popularity": self.log_popularity,
            "smoothing": np.array(astuple(self.smoothing)),
            "k": np.array([self.k]),
        }
        for place, table in enumerate(self.tables):
            arrays |= table.arrays(str(place))
        return arrays


def load_counts(arrays: dict[str, np.ndarray]) -> CountsPolicy:
    """The policy whose `arrays()` these are."""
    k, n = int(arrays["k"][0]), len(arrays["log_popularity"])
    tables = tuple(CountTable.load(arrays, str(place), n) for place in range(3 * k - 2))
    smoothing = Smoothing(*map(float, arrays["smoothing"]))
    return CountsPolicy(tables, arrays["log_popularity"], smoothing, k)


def train_counts(moves: Moves, *, config: PolicyConfig) -> CountsPolicy:
    """Count `moves` (rows as `list_moves` gives them), smoothed as foresees the later `validation_share` of them best.

    Smoothing is chosen one setting after the other, by likelihood; with too few moves to choose by, it stays at its
    defaults. Counts are then of all moves.
    """
    earlier, later = part_by_time(moves, config.validation_share)
    later = thin_out(later, moves.n_clusters)
    enough = len(later) >= FEWEST_TO_CHOOSE_BY
    smoothing = _choose_smoothing(moves, earlier, later) if enough else Smoothing()
    return count_moves(moves, smoothing)


def count_moves(moves: Moves, smoothing: Smoothing) -> CountsPolicy:
    """The policy that counts these moves and smooths them like this."""
    keys = _level_keys(moves.contexts, moves.n_clusters)
    tables = tuple(CountTable.of(level, moves.novel, moves.n_clusters) for level in keys)
    popularity = follow_popularity(moves, smoothing.half_life)[1][-1]
    return CountsPolicy(tables, popularity, smoothing, moves.contexts.shape[1])


def _level_keys(contexts: np.ndarray, n_clusters: int) -> Iterator[np.ndarray]:
    """One number per context and level: each interest, latest first; then the last 2, ..., K, unordered and ordered."""
    k = contexts.shape[1]
    for place in range(k - 1, -1, -1):
        yield contexts[:, place].astype(np.int64)
    for length in range(2, k + 1):
        last = contexts[:, -length:]
        yield number_contexts(np.sort(last, axis=1), n_clusters)
        yield number_contexts(last, n_clusters)


def _look_up(tables: tuple[CountTable, ...], contexts: np.ndarray, n_clusters: int) -> list[np.ndarray]:
    return [table.look_up(keys) for table, keys in zip(tables, _level_keys(contexts, n_clusters), strict=True)]


def _blend(counts: list[np.ndarray], log_popularity: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """(n, n_clusters) float32 probabilities, the context not yet left out. counts: one (n, n_clusters) per level."""
    k = (len(counts) + 2) // 3
    popularity = np.exp(log_popularity)[None]
    probabilities = np.zeros_like(counts[0])
    left = 1.0
    for place, single in enumerate(counts[:k], start=1):
        share = left * smoothing.latest_share if place < k else left
        probabilities += np.float32(share) * back_off(single, popularity, smoothing.single)
        left -= share
    for place, level in enumerate(counts[k:]):
        strength = smoothing.ordered if place % 2 else smoothing.unordered
        probabilities = back_off(level, probabilities, strength)
    return probabilities


def back_off(counts: np.ndarray, general: np.ndarray, strength: float) -> np.ndarray:
    """Probabilities: the counts (n, n_clusters), with the general ones added as if they were `strength` moves."""
    return (counts + np.float32(strength) * general) / (counts.sum(axis=1, keepdims=True) + np.float32(strength))


def _choose_smoothing(moves: Moves, earlier: np.ndarray, later: np.ndarray) -> Smoothing:
    """The smoothing under which counts of the earlier moves give the later ones the highest likelihood."""
    seen, novel = mark_seen(moves, later), moves.novel[later]
    past = moves.take(earlier)
    counts = _look_up(count_moves(past, Smoothing()).tables, moves.contexts[later], moves.n_clusters)
    popularity = {half_life: follow_popularity(past, half_life)[1][-1] for half_life in CHOICES["half_life"]}

    @cache
    def likelihood(smoothing: Smoothing) -> float:
        blended = _blend(counts, popularity[smoothing.half_life], smoothing)
        return judge_choices(np.log(blended), novel, seen)[1]

    best = Smoothing()
    for _ in range(SWEEPS):
        for field in fields(Smoothing):
            tried = [replace(best, **{field.name: value}) for value in CHOICES[field.name]]
            best = max(tried, key=likelihood)
    return best
