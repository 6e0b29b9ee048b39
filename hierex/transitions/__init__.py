"""How people's interests move: from the last K interests to one that is new to them (paper, section 3).

The log is gone through once, in the database, for who first reached which of the tree's finest nodes when. That is
small, and everything at any granularity comes from it in memory, since policies learn from arrays and made-up people
are in no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..errors import ConfigError
from ..logs import Interactions


@dataclass(frozen=True)
class FirstVisits:
    """The small table that everything here comes from: when each user first reached each of the tree's finest nodes.

    user: (n,) int32; leaf: (n,) int32, index into `tree.cut(tree.finest)`; clock: (n,) int64. Sorted by user, then by
    the place of that interaction in the user's own log.
    """

    user: np.ndarray
    leaf: np.ndarray
    clock: np.ndarray
    n_users: int


@dataclass(frozen=True)
class Histories:
    """Every user's distinct clusters in order of first visit.

    cluster: (n,) int32 cluster indices, clock: (n,) int64 of the first visits, user by user;
    user u's rows are `starts[u]:starts[u + 1]`, starts is (n_users + 1,) int64.
    """

    cluster: np.ndarray
    clock: np.ndarray
    starts: np.ndarray
    n_clusters: int

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    def of(self, user: int) -> np.ndarray:
        return self.cluster[self.starts[user] : self.starts[user + 1]]

    def take(self, users: np.ndarray) -> Histories:
        """Those of these users (indices), in that order."""
        lengths = np.diff(self.starts)[users]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.arange(starts[-1]) + np.repeat(self.starts[users] - starts[:-1], lengths)
        return Histories(self.cluster[rows], self.clock[rows], starts, self.n_clusters)

    def before(self, clock: int) -> Histories:
        """Only what was first visited before `clock`; every user keeps their index."""
        keep = self.clock < clock
        starts = np.concatenate([[0], np.cumsum(keep)])[self.starts]
        return Histories(self.cluster[keep], self.clock[keep], starts, self.n_clusters)


@dataclass(frozen=True)
class Moves:
    """One row for every time a user reached a novel interest: one that the whole earlier history lacks.

    contexts: (n, K) int32, the K latest clusters before it in order of first visit, latest last; novel: (n,) int32;
    user: (n,) int32; clock: (n,) int64, when the novel interest was first visited. Rows are user by user, and within
    a user in order of first visit.
    """

    contexts: np.ndarray
    novel: np.ndarray
    user: np.ndarray
    clock: np.ndarray
    n_clusters: int

    def __len__(self) -> int:
        return len(self.novel)

    def take(self, rows: np.ndarray) -> Moves:
        """Only these rows (a mask or indices), in the order given."""
        return Moves(self.contexts[rows], self.novel[rows], self.user[rows], self.clock[rows], self.n_clusters)


@dataclass(frozen=True)
class Transitions:
    """Moves counted by users. contexts: (n, K) int32, novel: (n,) int32, n_users: (n,) int64."""

    contexts: np.ndarray
    novel: np.ndarray
    n_users: np.ndarray
    n_clusters: int

    def __len__(self) -> int:
        return len(self.novel)


def collect_histories(visits: FirstVisits, cluster_of_leaf: np.ndarray, n_clusters: int) -> Histories:
    """Histories at any granularity: the first visit to a cluster is the earliest of the first visits to its leaves.

    cluster_of_leaf: (n_leaves,) int32 cluster index of each finest node. Every user keeps their index, some with no
    rows.
    """
    cluster = np.asarray(cluster_of_leaf, np.int32)[visits.leaf]
    first = _first_rows(visits.user, cluster, n_clusters)
    n_rows = np.bincount(visits.user[first], minlength=visits.n_users)
    starts = np.concatenate([[0], np.cumsum(n_rows)]).astype(np.int64)
    return Histories(cluster[first], visits.clock[first].astype(np.int64), starts, n_clusters)


def _first_rows(user: np.ndarray, cluster: np.ndarray, n_clusters: int) -> np.ndarray:
    """The rows, ascending, at which each user reaches each cluster first. user: ascending.

    Pair and place within the user's rows are one number, so that one plain sort does it: far faster than sorting rows.
    """
    starts = np.concatenate([[0], np.cumsum(np.bincount(user))]).astype(np.int64)
    longest = int(np.diff(starts).max(initial=1))
    place = np.arange(len(user)) - starts[user]
    pairs = user.astype(np.int64) * n_clusters + cluster
    if (int(user[-1]) + 1 if len(user) else 1) * n_clusters * longest >= 2**62:
        return np.sort(np.unique(pairs, return_index=True)[1])
    keys = np.sort(pairs * longest + place)
    pairs, place = np.divmod(keys, longest)
    new = np.concatenate([np.ones(min(len(pairs), 1), bool), pairs[1:] != pairs[:-1]])
    return np.sort(starts[pairs[new] // n_clusters] + place[new])


def histories_of_items(interactions: Interactions, cluster_of_item: np.ndarray, n_clusters: int) -> Histories:
    """The same straight from the log, for any clusters of the items: cluster_of_item (n_items,) int32."""
    clusters = cluster_of_item[interactions.item_index]
    visits = FirstVisits(interactions.user_index, clusters, interactions.clock, interactions.n_users)
    return collect_histories(visits, np.arange(n_clusters, dtype=np.int32), n_clusters)


def latest_contexts(histories: Histories, ends: np.ndarray, starts: np.ndarray, *, k: int) -> np.ndarray:
    """(n, k) int32: the `k` interests just before row `ends` of the histories, none before row `starts`, latest last.

    Where there are fewer than `k`, the earliest is repeated: (a, a) is a person with only interest a. Every `ends`
    must be past its `starts`.
    """
    rows = np.maximum(ends[:, None] - np.arange(k, 0, -1), starts[:, None])
    return histories.cluster[rows]


def repeat_earliest(contexts: np.ndarray) -> np.ndarray:
    """(n, k): contexts of any make in the form of `latest_contexts`: every interest once, where it is latest, and the
    earliest repeated for what is left over. (a, b, b) and (b, a, b) both become (a, a, b)."""
    contexts = np.asarray(contexts)
    n, k = contexts.shape
    again = np.zeros((n, k), bool)
    for place, later in combinations(range(k), 2):
        again[:, place] |= contexts[:, place] == contexts[:, later]
    tidy = np.take_along_axis(contexts, np.argsort(~again, axis=1, kind="stable"), axis=1)
    begin = again.sum(axis=1)
    return np.take_along_axis(tidy, np.maximum(np.arange(k), begin[:, None]), axis=1)


def number_contexts(contexts: np.ndarray, n_clusters: int) -> np.ndarray:
    """(n,) int64: one number per context (n, k) of the interests 0..n_clusters - 1; they sort as the contexts do."""
    contexts = np.asarray(contexts, np.int64)
    return np.ravel_multi_index(tuple(contexts.T), (max(n_clusters, 1),) * contexts.shape[1])


def list_moves(histories: Histories, *, k: int) -> Moves:
    """Every move with the `k` interests it started from. A person's very first interest is no move.

    Raises ConfigError for k < 1.
    """
    if k < 1:
        raise ConfigError(f"A prediction cannot start from {k} interests. Choose 1 or more.")
    lengths = np.diff(histories.starts)
    starts = np.repeat(histories.starts[:-1], lengths)
    ends = np.flatnonzero(np.arange(len(starts)) > starts)
    user = np.repeat(np.arange(histories.n_users, dtype=np.int32), lengths)[ends]
    contexts = latest_contexts(histories, ends, starts[ends], k=k)
    return Moves(contexts, histories.cluster[ends], user, histories.clock[ends], histories.n_clusters)


def count_transitions(moves: Moves) -> Transitions:
    """Moves with the same context and novel interest, counted; sorted by context, then novel interest.

    A user reaches a novel interest once, so the count is one of users. Contexts of fewer than K distinct interests
    (people at their very beginning) are left out.
    """
    again = np.zeros(len(moves), bool)
    for one, other in combinations(moves.contexts.T, 2):
        again |= one == other
    moves = moves.take(~again)
    keys = number_contexts(np.column_stack([moves.contexts, moves.novel]), moves.n_clusters)
    _, row, n_users = np.unique(keys, return_index=True, return_counts=True)
    return Transitions(moves.contexts[row], moves.novel[row], n_users.astype(np.int64), moves.n_clusters)


def balance_examples(transitions: Transitions, *, per_novel: int) -> Transitions:
    """For every novel interest its `per_novel` most frequent contexts, so that no popular interest dominates.

    Sorted by novel interest, most frequent first; ties go to the context with the smaller indices. Source: paper,
    section 3 (ten contexts for each of 761 interests).
    """
    by_context = np.argsort(number_contexts(transitions.contexts, transitions.n_clusters), kind="stable")
    most, n = int(transitions.n_users.max(initial=0)), len(transitions)
    rank = transitions.novel.astype(np.int64) * (most + 1) + (most - transitions.n_users)
    order = by_context[np.sort(rank[by_context] * n + np.arange(n)) % max(n, 1)]
    novel = transitions.novel[order]
    place = np.arange(len(novel)) - np.searchsorted(novel, novel)
    kept = order[place < per_novel]
    return Transitions(
        transitions.contexts[kept], transitions.novel[kept], transitions.n_users[kept], transitions.n_clusters
    )


def pick_examples(moves: Moves, hidden: np.ndarray, *, per_novel: int) -> Transitions:
    """The balanced set of these moves, as a language model is taught it: see `balance_examples`.

    hidden: (n_clusters,) bool, the interests that are not to be predicted and so are no answers; they may lead to one.
    """
    return balance_examples(count_transitions(moves.take(~hidden[moves.novel])), per_novel=per_novel)
