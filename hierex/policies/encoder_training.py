"""Training the default policy (`encoder`): a small head on text vectors learns where people go from them.

Six things make it learn from few moves:

- popularity is the one *at the time of the move* (`choices.follow_popularity`), over short times and long ones, so
  what is learned is what the context adds to it, and not the fashion of the day; for predictions it is the latest one;
- a move is learned as a choice among the interests that were still open to that person;
- half of the moves are learned without the history before their context, so that one network answers both;
- a move weighs the less the longer ago it was (`HALF_LIFE`): who goes where changes, too;
- it learns from the earlier moves, is judged on the later ones, and then goes on with both, for the latest are the most
  like what comes. Each time these are the latest `config.most_moves` at most; popularity is known from all;
- as many as `NETWORKS` learn the same from other seeds: part of what one of them alone would say is chance.

Both times the steps first grow and then die away (Smith & Topin 2018): a few epochs of large steps end where many of
small ones would, and nobody has to search for when to stop.

The weights of the parts of an answer are those under which the later moves are most likely, every person counting the
same, unless that takes them far from an even share of the three models: the fashion of one time should not set them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from ..config import PolicyConfig, Progress, no_progress, part_of
from ..threads import one_thread
from ..transitions import Moves
from ..transitions.pasts import Pasts
from .choices import Belief, follow_popularity, part_by_time, thin_out, weigh_parts, weigh_people
from .counts import count_moves, train_counts
from .ease import train_ease
from .encoder import EncoderPolicy, Parts
from .encoder_network import MEMORIES, EncoderNetwork, centre

FEWEST_STEPS = 64
"""Steps in an epoch, at least; batches are smaller where moves are few."""
SMALLEST_BATCH = 128
MOST_STEPS = 600
"""Of many moves, once they have all been gone through, no more steps than this: they need fewer epochs."""
WITHOUT_HISTORY = 0.5
"""The share of moves that are learned from their context alone."""
HALF_LIFE = 0.5
"""A move that this share of all moves lies behind weighs half of the latest one."""
NETWORKS = 2
"""As many of them learn the same from other seeds."""

EXPECTED = np.array([1 / 3] * 3 + [0.0] * len(MEMORIES))
"""Of the weights: an even share for the network, `counts` and `ease`, each of which knows what is popular by itself."""
DOUBT = 1.0
"""In moves per interest, what it costs weights to lie 1 away from that: the more there are, the less each is known."""


def train_encoder(
    moves: Moves,
    vectors: np.ndarray,
    *,
    config: PolicyConfig,
    seed: int,
    progress: Progress = no_progress,
) -> EncoderPolicy:
    """Learn from `moves` (rows as `list_moves` gives them) and the text vectors (n_clusters, d) of the descriptions.

    Leaves torch's random state and its threads as they were.
    """
    earlier, later = part_by_time(moves, config.validation_share)
    counts, ease = train_counts(moves, config=config), train_ease(moves, config=config)
    progress(0.1)
    with _alone():
        learners = [Learner(moves, vectors, config, seed * NETWORKS + place) for place in range(NETWORKS)]
        _learn(learners, earlier, part_of(progress, 0.1, 0.5))
        networks, past = [learner.network for learner in learners], moves.take(earlier)
        then = Parts.unsplit(networks, count_moves(past, counts.smoothing), ease.as_of(past))
        weights = _weigh(then, moves, later)
        progress(0.55)
        _learn(learners, np.arange(len(moves)), part_of(progress, 0.55, 1))
    return EncoderPolicy(Parts.unsplit(networks, counts, ease), *weights)


def _learn(learners: list[Learner], rows: np.ndarray, progress: Progress) -> None:
    for place, learner in enumerate(learners):
        learner.learn(rows, part_of(progress, place / len(learners), (place + 1) / len(learners)))


def _weigh(then: Parts, moves: Moves, later: np.ndarray) -> list[np.ndarray]:
    """The weights for contexts and for histories with which the later moves are most likely."""
    weight = weigh_people(moves.user[later])
    judged = thin_out(np.arange(len(later)), moves.n_clusters)
    later, weight = later[judged], weight[judged] / weight[judged].mean()
    contexts, novel = moves.contexts[later], moves.novel[later]
    pasts = Pasts.before_moves(moves).take(later)
    seen = pasts.mark(moves.n_clusters)
    belief = Belief(EXPECTED, DOUBT * moves.n_clusters)
    given = ((Pasts.of_contexts(contexts), False), (pasts, True))
    parts = (then.foresee(contexts, past, whole=whole) for past, whole in given)
    return [weigh_parts(scores, novel, seen, weight, belief) for scores in parts]


class Learner:
    """A network that learns from the moves, some rows at a time."""

    def __init__(self, moves: Moves, vectors: np.ndarray, config: PolicyConfig, seed: int):
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.moves, self.config = moves, config
        self.pasts = Pasts.before_moves(moves)
        middle = torch.from_numpy(np.asarray(vectors, np.float32).mean(axis=0))
        k, texts = moves.contexts.shape[1], centre(vectors, middle)
        self.network = EncoderNetwork(texts, middle, k, config.dimensions, config.dropout)

    def learn(self, rows: np.ndarray, progress: Progress) -> None:
        """Go through the latest of these rows a few times; the network then also knows what is popular after them."""
        config = self.config
        weight = weigh_by_age(self.moves.clock, rows)
        step_of = np.zeros(len(self.moves), np.int64)
        followed = [follow_popularity(self.moves.take(rows), half_life) for half_life in MEMORIES]
        step_of[rows] = followed[0][0]
        popularity = torch.from_numpy(np.stack([popularity for _, popularity in followed], axis=1))
        rows = rows[np.argsort(-self.moves.clock[rows], kind="stable")[: config.most_moves]]
        self.weight = weight / weight[rows].mean()
        size = int(np.clip(len(rows) // FEWEST_STEPS, SMALLEST_BATCH, config.batch_size))
        epochs = min(config.epochs, math.ceil(MOST_STEPS * size / len(rows)))
        steps = epochs * math.ceil(len(rows) / size)
        optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=config.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
        self.network.train()
        for epoch in range(epochs):
            order = self.random.permutation(rows)
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                optimizer.zero_grad()
                self._loss(batch, self.network.weigh_popularity(popularity)[step_of[batch]]).backward()
                optimizer.step()
                schedule.step()
            progress((epoch + 1) / epochs)
        self.network.eval()
        self.network.log_popularity.copy_(popularity[-1])

    def _loss(self, rows: np.ndarray, popularity: torch.Tensor) -> torch.Tensor:
        """How unlikely the network finds what was chosen in these moves, among what was open; the latest weigh most."""
        contexts = torch.from_numpy(self.moves.contexts[rows].astype(np.int64))
        novel = torch.from_numpy(self.moves.novel[rows].astype(np.int64))
        pasts = self.pasts.take(rows)
        hidden = self.random.random(len(rows)) < WITHOUT_HISTORY
        shown = np.where(hidden, np.maximum(pasts.starts, pasts.ends - contexts.shape[1]), pasts.starts)
        logits = self.network(contexts, replace(pasts, starts=shown), popularity)
        seen = torch.from_numpy(pasts.mark(self.moves.n_clusters))
        surprise = functional.cross_entropy(logits.masked_fill(seen, -torch.inf), novel, reduction="none")
        return (surprise * torch.from_numpy(self.weight[rows])).mean()


def weigh_by_age(clock: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n,) float32: of the moves `rows` of those made at `clock`, by the share of them that came at the same time or
    later; 0 of all others."""
    weight = np.zeros(len(clock), np.float32)
    later = 1 - np.searchsorted(np.sort(clock[rows]), clock[rows]) / len(rows)
    weight[rows] = 0.5 ** (later / HALF_LIFE)
    return weight


@contextmanager
def _alone() -> Iterator[None]:
    """On one thread, leaving torch's threads and random state as they were."""
    with torch.random.fork_rng(devices=[]), one_thread():
        yield
