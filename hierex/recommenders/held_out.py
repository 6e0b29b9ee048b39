"""What a recommender is checked on while it is made: the last item of some people."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from ..config import RecommenderConfig
from ..logs import Interactions
from ..ranking import rows_at_once


@dataclass(frozen=True)
class HeldOut:
    """What is trained on and what is checked on.

    first, last: (n_users,) int64, the first and the last row of each user that training sees. traffic: (n_items,) of
    these rows. histories, answers: of the users whose last item is held out.
    """

    first: np.ndarray
    last: np.ndarray
    traffic: np.ndarray
    histories: list[np.ndarray]
    answers: np.ndarray


def hold_out(interactions: Interactions, config: RecommenderConfig, rng: np.random.Generator) -> HeldOut:
    """Holds out the last item of `config.validation_share` of the users who have three or more."""
    able = np.flatnonzero(np.diff(interactions.starts) >= 3)
    size = min(ceil(config.validation_share * len(able)), config.validation_users)
    users = np.sort(rng.choice(able, size, replace=False))
    first, last = interactions.starts[:-1], interactions.starts[1:] - 1
    answers = interactions.item_index[last[users]]
    last = last.copy()
    last[users] -= 1
    traffic = interactions.traffic() - np.bincount(answers, minlength=interactions.n_items)
    histories = [interactions.item_index[first[user] : last[user] + 1] for user in users]
    return HeldOut(first, last, traffic, histories, answers)


def rank_quality(recommender, held_out: HeldOut) -> float:
    """Mean NDCG of the held-out items among all that their users did not have before; 0 where none is held out.

    recommender: any `Recommender`. Without a cut after ten, so that rank 40 and rank 4,000 differ: on a few hundred
    users NDCG@10 is mostly noise.
    """
    users = recommender.encode(held_out.histories)
    every_item = np.arange(len(held_out.traffic))
    at_once = rows_at_once(len(every_item))
    gains = []
    for start in range(0, len(held_out.answers), at_once):
        rows = slice(start, start + at_once)
        scores = np.array(recommender.score_encoded(users[rows], every_item))
        wanted = np.take_along_axis(scores, held_out.answers[rows, None], axis=1)
        for row, history in enumerate(held_out.histories[rows]):
            scores[row, history] = -np.inf
        gains.append(1 / np.log2(2 + (scores > wanted).sum(axis=1)))
    return float(np.concatenate(gains).mean()) if gains else 0.0
