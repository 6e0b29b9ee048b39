"""The policy's answers to every context, computed ahead of time so that serving is a look-up (paper, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .config import Progress, TableConfig, no_progress
from .errors import ConfigError
from .policies import LanguagePolicy, reads_histories
from .ranking import best_columns, rows_at_once
from .transitions import Histories, latest_contexts, number_contexts
from .transitions.pasts import Pasts

LONGEST = 2
"""Contexts of more interests are too many to answer ahead of time: they are answered when they are asked for."""
REMEMBERED_CELLS = 4_000_000
"""Scores that are kept of contexts which the table does not answer: 16 MB."""
SEARCHED_AT_ONCE = 1_024
"""Contexts between two reports of progress, of a policy that searches for the best and does not score all."""
DEFAULTS = TableConfig()


@dataclass(frozen=True)
class TransitionTable:
    """Row `a * n_clusters + b` answers context (a, b), b being the later interest; (a, a) means a person with one.

    novel: (n_clusters**k, top) int32 cluster indices, best first; score: the same shape, float32 probabilities.
    Where fewer than `top` interests exist besides the context, the table is narrower. k: interests in a context; with
    more than `LONGEST` the table has no rows. asked: what the policy said when it was asked beyond the table, by
    context, the latest of them.
    """

    novel: np.ndarray
    score: np.ndarray
    n_clusters: int
    k: int = 2
    asked: dict[tuple[int, ...], np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    def rows_of(self, contexts: np.ndarray) -> np.ndarray:
        """(n,) the rows that answer contexts (n, k)."""
        return number_contexts(contexts, self.n_clusters)


@dataclass(frozen=True)
class Predictions:
    """Ranked novel interests for some users, one row per user and rank.

    user: (n,) int32; context: (n, K) int32; rank: (n,) int32 from 1; novel: (n,) int32 cluster index; score: (n,)
    float32, the policy's probability of that interest given the context. It is not renormalised over what the user
    has not seen, so a user's scores add up to less than one; path: (n,) str, `table` (looked up), `computed` (too
    few of the table's answers were new to the user, so the policy was asked again) or `history` (the policy was asked
    about all that the user has, and not about the context).
    """

    user: np.ndarray
    context: np.ndarray
    rank: np.ndarray
    novel: np.ndarray
    score: np.ndarray
    path: np.ndarray

    def __len__(self) -> int:
        return len(self.novel)


def tabulate(
    policy: LanguagePolicy, *, k: int = 2, config: TableConfig = DEFAULTS, progress: Progress = no_progress
) -> TransitionTable:
    """The best `config.top` novel interests for every context of `k` interests. Memory is bounded by the result.

    A policy that has `best(contexts, top)` is asked for that, with the same result as ranking all its scores.

    Raises ConfigError when `config.top` is below 1.
    """
    if config.top < 1:
        raise ConfigError(f"A table of {config.top} novel interests per context was asked for. Choose 1 or more.")
    n = policy.n_clusters
    n_rows = n**k if k <= LONGEST else 0
    width = max(min(config.top, n - k), 0)
    novel = np.empty((n_rows, width), np.int32)
    score = np.empty((n_rows, width), np.float32)
    searches = hasattr(policy, "best")
    size = SEARCHED_AT_ONCE if searches else rows_at_once(n)
    for lo in range(0, n_rows, size):
        rows = np.arange(lo, min(lo + size, n_rows))
        contexts = np.stack(np.unravel_index(rows, (n,) * k), axis=1).astype(np.int32)
        found = policy.best(contexts, width) if searches else rank_best(policy.score(contexts), width)
        novel[rows], score[rows] = found
        progress((rows[-1] + 1) / n_rows)
    return TransitionTable(novel, score, n, k)


def rank_best(log_probs: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """The `top` best columns of every row (n, m) of log-probabilities, best first, equal ones in column order.

    Returns the columns, (n, top) int32, and their probabilities, (n, top) float32; both narrower where m is less.
    """
    log_probs = log_probs.astype(np.float32, copy=False)
    columns = best_columns(log_probs, top)
    return columns.astype(np.int32), np.exp(np.take_along_axis(log_probs, columns, axis=1))


def predict_novel(
    policy: LanguagePolicy,
    table: TransitionTable,
    histories: Histories,
    users: np.ndarray,
    *,
    top: int,
    contexts: np.ndarray | None = None,
    hidden: np.ndarray | None = None,
    whole: bool = False,
) -> Predictions:
    """The `top` best novel interests of each user: looked up where the table has enough that are new to the user.

    users: (m,) int indices into the histories. contexts: (m, k) int cluster indices to start from instead of each
    user's latest interests. hidden: (n_clusters,) bool, what is never predicted. whole: the policy reads everything
    that a user has, the table nothing; then scores are given the history. Rows are in the order of `users`.
    Nothing of the history, nor of the context, is predicted; a user without history, or who has every interest, gets no
    rows, one with few left gets fewer.
    Raises ConfigError where table, policy and histories are not of as many interests, for a `top` below 1, for users or
    contexts that do not exist, and where whole histories are to be read by a policy that cannot, or from other
    interests than the users'.
    """
    users = np.asarray(users, np.int64).reshape(-1)
    if not table.n_clusters == policy.n_clusters == histories.n_clusters:
        raise ConfigError(
            f"The table knows {table.n_clusters:,} interests, the method {policy.n_clusters:,}, and people have "
            f"{histories.n_clusters:,}. Build again, so that all three are made for the same interests."
        )
    _check_request(histories, users, top, contexts, table.k)
    if whole:
        _check_whole(policy, contexts)
    has_history = histories.starts[users + 1] > histories.starts[users]
    if contexts is not None:
        contexts = np.asarray(contexts, np.int32)[has_history]
    users = users[has_history]
    size = rows_at_once(histories.n_clusters)
    parts = []
    for lo in range(0, max(len(users), 1), size):
        part = users[lo : lo + size]
        if contexts is None:
            start_from = latest_contexts(histories, histories.starts[part + 1], histories.starts[part], k=table.k)
        else:
            start_from = contexts[lo : lo + size]
        parts.append(_predict_part(policy, table, histories, part, start_from, top, hidden, whole))
    return Predictions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _predict_part(
    policy: LanguagePolicy,
    table: TransitionTable,
    histories: Histories,
    users: np.ndarray,
    contexts: np.ndarray,
    top: int,
    hidden: np.ndarray | None,
    whole: bool,
) -> tuple[np.ndarray, ...]:
    """The columns of Predictions for users who all have a history."""
    n, n_clusters = len(users), histories.n_clusters
    seen = Pasts(histories.cluster, histories.starts[users], histories.starts[users + 1]).mark(n_clusters)
    if hidden is not None:
        seen |= hidden
    seen[np.arange(n)[:, None], contexts] = True
    wanted = np.minimum(top, n_clusters - seen.sum(axis=1))
    novel, score = _nothing(n) if whole else _look_up(table, contexts)
    is_new = ~np.take_along_axis(seen, novel, axis=1)
    short = np.flatnonzero(is_new.sum(axis=1) < wanted)

    best = np.zeros((n, top), np.int32), np.zeros((n, top), np.float32)
    row, column = np.nonzero(is_new)
    place = (np.cumsum(is_new, axis=1) - 1)[row, column]
    row, column, place = row[place < top], column[place < top], place[place < top]
    best[0][row, place], best[1][row, place] = novel[row, column], score[row, column]
    if len(short):
        asked = policy.score_histories(histories.take(users[short])) if whole else _ask(policy, table, contexts[short])
        log_probs = np.where(seen[short], -np.inf, asked)
        width = min(top, n_clusters)
        best[0][short, :width], best[1][short, :width] = rank_best(log_probs, width)

    row, place = np.nonzero(np.arange(top) < wanted[:, None])
    path = np.where(np.isin(np.arange(n), short), "history" if whole else "computed", "table")
    return (
        users[row].astype(np.int32),
        contexts[row],
        (place + 1).astype(np.int32),
        best[0][row, place],
        best[1][row, place],
        path[row],
    )


def _look_up(table: TransitionTable, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The table's answers, (n, top) each; none where it has no rows."""
    if table.k > LONGEST:
        return _nothing(len(contexts))
    rows = table.rows_of(contexts)
    return table.novel[rows], table.score[rows]


def _nothing(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.empty((n, 0), np.int32), np.empty((n, 0), np.float32)


def _ask(policy: LanguagePolicy, table: TransitionTable, contexts: np.ndarray) -> np.ndarray:
    """The policy's scores; of equal contexts it is asked once, and not again while they are remembered."""
    different, place = np.unique(contexts, axis=0, return_inverse=True)
    keys = list(map(tuple, different.tolist()))
    known = {key: table.asked.get(key) for key in keys}
    missing = [row for row, key in enumerate(keys) if known[key] is None]
    if missing:
        known |= dict(zip([keys[row] for row in missing], policy.score(different[missing]), strict=True))
    most = max(REMEMBERED_CELLS // table.n_clusters, 1)
    table.asked.update({keys[row]: known[keys[row]].copy() for row in missing[-most:]})
    for key in list(table.asked)[:-most]:
        table.asked.pop(key, None)
    return np.stack([known[key] for key in keys])[place.ravel()]


def _check_request(histories: Histories, users: np.ndarray, top: int, contexts: np.ndarray | None, k: int) -> None:
    if top < 1:
        raise ConfigError(f"{top} novel interests per user were asked for. Choose 1 or more.")
    if len(users) and not 0 <= users.min() <= users.max() < histories.n_users:
        raise ConfigError(f"A user was asked for who is not among the {histories.n_users:,} users of the log.")
    if contexts is None:
        return
    contexts = np.asarray(contexts)
    if contexts.shape != (len(users), k):
        raise ConfigError(f"{k} interests to start from are needed for each of {len(users):,} users.")
    if contexts.size and not 0 <= contexts.min() <= contexts.max() < histories.n_clusters:
        raise ConfigError(f"An interest to start from is not among the {histories.n_clusters:,} that exist.")


def _check_whole(policy: LanguagePolicy, contexts: np.ndarray | None) -> None:
    if not reads_histories(policy):
        raise ConfigError(
            f"The predictions of '{policy.name}' come from the latest interests alone and cannot read whole histories. "
            "Those that can are 'encoder' and 'ease', with nothing laid over them."
        )
    if contexts is not None:
        raise ConfigError("Whole histories are read as they are: no other interests to start from can be given.")
