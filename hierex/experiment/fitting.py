"""Where the people of a trial come from: an uploaded log, or a planted world whose law is known."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..config import MOST_SESSIONS, ExperimentConfig
from ..errors import TooLittleData
from ..logs import Interactions
from ..taxonomy import Taxonomy
from .draws import draw
from .past import Past
from .people import People

FEWEST_ROWS = 4
"""A log that is shorter says too little of its person."""
LEAST_APPEAL = 0.5
"""Of an interest that a person has, beside the one they consume most."""
LEAST_ACTIVITY = 1 / MOST_SESSIONS
HALVINGS = 60


def fit_people(
    interactions: Interactions, taxonomy: Taxonomy, item_vectors: np.ndarray, *, config: ExperimentConfig
) -> tuple[People, Past]:
    """People as a log shows them, and the earlier part of it, which the arms may know.

    Everybody's log is cut in two: interests of the earlier part are known; those that only the later
    `config.later_share` has are theirs but not discovered yet. How much of the log an interest has tells its appeal,
    how long the log is the activity, and what is consumed of the interests the taste inside them. Clocks are moved so
    that every past ends where the trial begins. Raises TooLittleData without people of `FEWEST_ROWS` interactions.
    """
    log = choose_people(interactions, config)
    n_rows = np.diff(log.starts)
    place = np.arange(len(log.item_index)) - np.repeat(log.starts[:-1], n_rows)
    n_earlier = np.maximum(n_rows - np.ceil(config.later_share * n_rows).astype(np.int64), 1)
    earlier = place < n_earlier[log.user_index]
    past = keep_rows(log, earlier)
    share = count_interests(log, taxonomy)
    known = count_interests(past, taxonomy) > 0
    appeal = np.where(share > 0, scale_appeal(share), 0)
    return describe_people(log, taxonomy, item_vectors, appeal, known, config), Past.of_log(end_at_zero(past))


def plant_people(
    interactions: Interactions,
    taxonomy: Taxonomy,
    item_vectors: np.ndarray,
    successors: np.ndarray,
    *,
    config: ExperimentConfig,
) -> tuple[People, Past]:
    """People of a planted world, all of whose log the arms may know.

    successors: (n, n, n), the law by which interests follow each other (`synthetic.World.successors`). What is not
    discovered yet are the next `config.undiscovered` interests on everybody's way by that law, as appealing as the
    known ones on average. Raises TooLittleData without people of `FEWEST_ROWS` interactions.
    """
    log = choose_people(interactions, config)
    share = count_interests(log, taxonomy)
    known = share > 0
    appeal = np.where(known, scale_appeal(share), 0)
    undiscovered = walk_on(log, taxonomy, successors, known, config)
    spread = draw(config.seed, "people", 1, np.arange(len(known))[:, None], np.arange(known.shape[1]))
    appeal = np.where(undiscovered, LEAST_APPEAL + (1 - LEAST_APPEAL) * spread, appeal)
    return describe_people(log, taxonomy, item_vectors, appeal, known, config), Past.of_log(end_at_zero(log))


def walk_on(
    log: Interactions, taxonomy: Taxonomy, successors: np.ndarray, known: np.ndarray, config: ExperimentConfig
) -> np.ndarray:
    """(n_people, n_clusters) bool: where the law leads everybody from their last two new interests."""
    latest, before = np.empty((2, log.n_users), np.int64)
    for user in range(log.n_users):
        visited = list(dict.fromkeys(taxonomy.cluster_of_item[log.items_of(user)].tolist()))
        latest[user], before[user] = visited[-1], visited[-2] if len(visited) > 1 else visited[-1]
    taken = known.copy()
    for step in range(config.undiscovered):
        chances = np.where(taken, 0, successors[before, latest]).cumsum(axis=1, dtype=np.float64)
        who = np.flatnonzero(chances[:, -1] > 0)
        point = draw(config.seed, "people", 2, step, who) * chances[who, -1]
        chosen = (chances[who] > point[:, None]).argmax(axis=1)
        before[who], latest[who] = latest[who], chosen
        taken[who, chosen] = True
    return taken & ~known


def choose_people(interactions: Interactions, config: ExperimentConfig) -> Interactions:
    """The log of at most `config.n_people` people with enough of a log, drawn evenly, numbered anew."""
    able = np.flatnonzero(np.diff(interactions.starts) >= FEWEST_ROWS)
    if not len(able):
        raise TooLittleData(f"Nobody in this log has {FEWEST_ROWS} interactions or more, so nobody can be simulated.")
    chosen = np.sort(able[np.argsort(draw(config.seed, "people", 0, able), kind="stable")[: config.n_people]])
    number = np.full(interactions.n_users, -1, np.int32)
    number[chosen] = np.arange(len(chosen))
    log = keep_rows(interactions, number[interactions.user_index] >= 0)
    starts = np.concatenate([[0], np.cumsum(np.diff(log.starts)[chosen])])
    return Interactions(number[log.user_index], log.item_index, log.clock, starts, log.n_items, log.has_dates)


def keep_rows(log: Interactions, kept: np.ndarray) -> Interactions:
    user = log.user_index[kept]
    starts = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=log.n_users))]).astype(np.int64)
    return Interactions(user, log.item_index[kept], log.clock[kept], starts, log.n_items, log.has_dates)


def end_at_zero(log: Interactions) -> Interactions:
    """Everybody's clock moved so that their last interaction is just before 0, where the trial begins."""
    last = log.clock[log.starts[1:] - 1]
    clock = log.clock - last[log.user_index] - 1
    return Interactions(log.user_index, log.item_index, clock, log.starts, log.n_items, log.has_dates)


def count_interests(log: Interactions, taxonomy: Taxonomy) -> np.ndarray:
    """(n_users, n_clusters) int64: interactions of each person with each interest."""
    n = taxonomy.n_clusters
    cells = log.user_index.astype(np.int64) * n + taxonomy.cluster_of_item[log.item_index]
    return np.bincount(cells, minlength=log.n_users * n).reshape(log.n_users, n)


def scale_appeal(counts: np.ndarray) -> np.ndarray:
    """From `LEAST_APPEAL` to 1, which is what the most consumed interest of a person has."""
    most = np.maximum(counts.max(axis=1, keepdims=True), 1)
    return LEAST_APPEAL + (1 - LEAST_APPEAL) * counts / most


def describe_people(
    log: Interactions,
    taxonomy: Taxonomy,
    item_vectors: np.ndarray,
    appeal: np.ndarray,
    known: np.ndarray,
    config: ExperimentConfig,
) -> People:
    own = inside_interests(item_vectors, taxonomy)
    lengths = np.diff(log.starts)
    direction = np.add.reduceat(own[log.item_index], log.starts[:-1], axis=0) / lengths[:, None]
    spread = np.sqrt(np.einsum("ud,de,ue->u", direction, own.T @ own / len(own), direction))
    direction /= np.maximum(spread, 1e-9)[:, None]
    return People(
        appeal.astype(np.float32),
        known,
        share_visits(lengths, config.sessions / MOST_SESSIONS),
        direction.astype(np.float32),
        own.astype(np.float32),
        rank_quality(log.traffic(), taxonomy),
        taxonomy.cluster_of_item,
    )


def share_visits(lengths: np.ndarray, mean: float) -> np.ndarray:
    """(n_people,) float64: in proportion to the logs' lengths, but from `LEAST_ACTIVITY` to 1, and `mean` on average.

    A mean below `LEAST_ACTIVITY` is everybody's.
    """
    low, high = 0.0, 2 / lengths.min()
    for _ in range(HALVINGS):
        factor = (low + high) / 2
        if np.clip(factor * lengths, LEAST_ACTIVITY, 1).mean() < mean:
            low = factor
        else:
            high = factor
    return np.clip(high * lengths, min(LEAST_ACTIVITY, mean), 1)


def inside_interests(item_vectors: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """(n_items, d): what is left of the items' vectors without the mean of their interest."""
    in_order = item_vectors[taxonomy.order].astype(np.float64)
    sizes = (taxonomy.hi - taxonomy.lo)[:, None]
    means = np.add.reduceat(in_order, taxonomy.lo, axis=0) / sizes
    return item_vectors - means[taxonomy.cluster_of_item]


def rank_quality(traffic: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """(n_items,) float32: standard normal quantiles of the items' rank by traffic inside their interest."""
    quality = np.empty(len(traffic), np.float32)
    for cluster in range(taxonomy.n_clusters):
        items = taxonomy.items_of(cluster)
        rank = np.argsort(np.argsort(traffic[items], kind="stable"))
        quality[items] = special.ndtri((rank + 0.5) / len(items))
    return quality
