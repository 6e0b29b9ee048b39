"""Who leads to what: moves counted between two interests at a time, for people to look at.

A move has a context of K interests; it counts once from each of them. Since a person reaches a novel interest once,
every count is one of people. Counts below a set number are never shown: they could speak of single persons.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import ConfigError
from . import Moves, Transitions


def count_pairs(moves: Moves) -> np.ndarray:
    """(n_clusters, n_clusters) int64: how many people had `row` among their K latest interests when they first
    reached `column`. A context that repeats an interest counts it once."""
    n = moves.n_clusters
    row, before = _starts(moves)
    return np.bincount(before * n + moves.novel[row], minlength=n * n).reshape(n, n)


def count_leavers(moves: Moves) -> np.ndarray:
    """(n_clusters,) int64: how many people moved on from each interest. With a context of more than one, a person can
    do so more than once, and counts once."""
    row, before = _starts(moves)
    people = np.unique(moves.user[row].astype(np.int64) * moves.n_clusters + before)
    return np.bincount(people % moves.n_clusters, minlength=moves.n_clusters)


def _starts(moves: Moves) -> tuple[np.ndarray, np.ndarray]:
    """One entry per move and distinct interest of its context: the move's row, and the interest (int64)."""
    contexts = np.sort(moves.contexts, axis=1)
    is_first = np.ones(contexts.shape, bool)
    is_first[:, 1:] = contexts[:, 1:] != contexts[:, :-1]
    return np.nonzero(is_first)[0], contexts[is_first].astype(np.int64)


def list_pairs(moves: Moves, *, fewest: int) -> pd.DataFrame:
    """The pairs with at least `fewest` people, strongest first.

    before, after: cluster indices; n_users; share: of the people who went on from `before` to something new, those
    who reached `after` from it (0-1; a person may be among several); lift: how many times as many as if where people
    go had nothing to do with where they come from. Raises ConfigError for `fewest` below 1.
    """
    if fewest < 1:
        raise ConfigError(f"Moves of {fewest} people cannot be shown. Choose 1 or more.")
    pairs = count_pairs(moves)
    before, after = np.nonzero(pairs >= fewest)
    n_users = pairs[before, after]
    left, reached, total = pairs.sum(axis=1), pairs.sum(axis=0), pairs.sum()
    expected = left[before] * (reached[after] / max(total, 1))
    frame = pd.DataFrame(
        {
            "before": before,
            "after": after,
            "n_users": n_users,
            "share": n_users / count_leavers(moves)[before],
            "lift": n_users / expected,
        }
    )
    return frame.sort_values(["n_users", "lift", "before", "after"], ascending=[False, False, True, True]).reset_index(
        drop=True
    )


def strongest(pairs: pd.DataFrame, most: int) -> np.ndarray:
    """(<= most,) the clusters of the strongest pairs, in the order of their index: neighbours in the tree stay
    neighbours. pairs: as `list_pairs` orders them; as many of the first as `most` clusters have room for."""
    met = pairs[["before", "after"]].to_numpy().ravel()
    first = np.sort(np.unique(met, return_index=True)[1])
    return np.unique(met[: first[most] // 2 * 2] if len(first) > most else met)


def without_rare(transitions: Transitions, *, fewest: int) -> Transitions:
    """Only the transitions of at least `fewest` people."""
    kept = transitions.n_users >= fewest
    return Transitions(
        transitions.contexts[kept], transitions.novel[kept], transitions.n_users[kept], transitions.n_clusters
    )
