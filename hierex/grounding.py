"""From a predicted interest to real items: the recommender restricted to the interest's slice of the item order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .ranking import best_columns, rows_at_once
from .recommenders import Recommender
from .taxonomy import Taxonomy
from .transition_table import Predictions


@dataclass(frozen=True)
class GroundedItems:
    """Items for each row that was asked for, in the order in which the rows were handed in.

    items: list of (<= top,) int32 item indices, best first; scores: list of the same lengths, float32. path: (n,)
    str, what the order comes from: `recommender`; `popularity` where the recommender knows nothing of the user, or is
    nothing more; `random` where that was asked for; `empty` where nothing is left: all is had or hidden.
    """

    items: list[np.ndarray]
    scores: list[np.ndarray]
    path: np.ndarray


def ground(
    predictions: Predictions,
    recommender: Recommender,
    taxonomy: Taxonomy,
    item_histories: Sequence[np.ndarray],
    *,
    top: int,
    disliked: Sequence[np.ndarray] | None = None,
) -> GroundedItems:
    """The `top` best items of each predicted interest for its user, without those that the user has had and
    those that people have hidden.

    item_histories: for every row of `predictions`, all items of that row's user, earliest first; they are both what
    the recommender reads and what is left out. disliked: the same for what is only left out. Equal scores come in the
    order of the item index.

    Each user is encoded once, and the users of an interest are one matrix product with the interest's slice.
    """
    _, first, user = np.unique(predictions.user, return_index=True, return_inverse=True)
    histories = [item_histories[row] for row in first]
    left_out = (
        histories if disliked is None else [np.concatenate([item_histories[row], disliked[row]]) for row in first]
    )
    consumed = Consumed(left_out, taxonomy.cluster_of_item, taxonomy.n_clusters)
    hidden = taxonomy.hidden_items
    return _rank(recommender, histories, consumed, user, predictions.novel, taxonomy.items_of, top, hidden)


def recommend_anything(
    recommender: Recommender,
    item_histories: Sequence[np.ndarray],
    n_items: int,
    *,
    top: int,
    hidden: np.ndarray | None = None,
    disliked: Sequence[np.ndarray] | None = None,
) -> GroundedItems:
    """The `top` best items of the whole catalogue for each user, without those that the user has had.

    What the same recommender gives when it is not held to an interest: one row per history. disliked: see `ground`;
    hidden: (n_items,) bool, those that people have hidden. Both are left out too.
    """
    left_out = (
        item_histories if disliked is None else list(map(np.concatenate, zip(item_histories, disliked, strict=True)))
    )
    consumed = Consumed(left_out, np.zeros(n_items, np.int32), 1)
    user = np.arange(len(item_histories))
    return _rank(
        recommender, item_histories, consumed, user, np.zeros_like(user), lambda _: np.arange(n_items), top, hidden
    )


class Consumed:
    """Who has had what, sorted so that one user's items of one cluster lie together."""

    def __init__(self, histories: Sequence[np.ndarray], cluster_of_item: np.ndarray, n_clusters: int):
        items = np.concatenate([np.empty(0, np.int64), *histories]).astype(np.int64)
        user = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
        keys = user * n_clusters + cluster_of_item[items]
        order = np.argsort(keys, kind="stable")
        self.n_clusters, self.keys, self.items = n_clusters, keys[order], items[order]

    def cells(self, users: np.ndarray, cluster: int, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of everything that is consumed in a table of `users` by `candidates`.

        candidates: all items of the cluster, ascending.
        """
        keys = users * self.n_clusters + cluster
        lo, hi = np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")
        rows = np.repeat(np.arange(len(users)), hi - lo)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(hi - lo) - hi, hi - lo)
        return rows, np.searchsorted(candidates, self.items[places])


def _rank(
    recommender, histories, consumed: Consumed, user, cluster, items_of, top: int, hidden: np.ndarray | None = None
) -> GroundedItems:
    """The best items of `cluster` (n,) for `user` (n,), an index into `histories`. hidden: (n_items,) bool."""
    encoded = recommender.encode(histories)
    items: list[np.ndarray] = [np.empty(0, np.int32)] * len(user)
    scores: list[np.ndarray] = [np.empty(0, np.float32)] * len(user)
    for rows, wanted in _rows_by_cluster(cluster):
        candidates = np.sort(items_of(wanted)).astype(np.int32)
        for part in _parts(rows, len(candidates)):
            table = np.array(recommender.score_encoded(encoded[user[part]], candidates), np.float32)
            table[consumed.cells(user[part], wanted, candidates)] = -np.inf
            if hidden is not None:
                table[:, hidden[candidates]] = -np.inf
            columns = best_columns(table, top)
            found = np.take_along_axis(table, columns, axis=1)
            n_left = (found > -np.inf).sum(axis=1)
            for row, n, best, score in zip(part.tolist(), n_left.tolist(), candidates[columns], found, strict=True):
                items[row], scores[row] = best[:n], score[:n]
    path = recommender.paths(histories)[user].astype(object)
    path[[len(row) == 0 for row in items]] = "empty"
    return GroundedItems(items, scores, path.astype(str))


def _rows_by_cluster(cluster: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """For every cluster that occurs, the rows where it does."""
    order = np.argsort(cluster, kind="stable")
    wanted, starts = np.unique(cluster[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    return ((order[lo:hi], int(name)) for lo, hi, name in zip(starts, ends, wanted, strict=False))


def _parts(rows: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """The rows in pieces whose tables of scores are small enough to hold."""
    size = rows_at_once(width)
    return (rows[start : start + size] for start in range(0, len(rows), size))
