"""How the interests of the planted world's people move: the law, and walks that obey it."""

from __future__ import annotations

import numpy as np

from .interests import Interest

LIKELY = 4
"""Successors that a context mostly leads to, with shares that fall as 1, 1/2, 1/3, 1/4."""
NOISE = 0.15
"""Share of the moves that follow nothing but the popularity of the interests."""


def plant_successors(interests: tuple[Interest, ...], popularity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The law, (n, n, n) float32: see `World.successors`. popularity: (n,), sums to one.

    Every pair has successors of its own, drawn from those that either interest pulls to, the later one more.
    """
    n = len(interests)
    pull = pulls(interests)
    appeal = np.log(pull[None, :, :] + 0.4 * pull[:, None, :]) + rng.gumbel(scale=0.8, size=(n, n, n))
    each = np.arange(n)
    appeal[each, :, each] = appeal[:, each, each] = -np.inf
    rank = (-appeal).argsort(axis=2, kind="stable").argsort(axis=2, kind="stable")
    likely = np.where(rank < LIKELY, 1 / (rank + 1), 0)
    law = (1 - NOISE) * likely / likely.sum(axis=2, keepdims=True) + NOISE * popularity
    law[np.isneginf(appeal)] = 0
    totals = law.sum(axis=2, keepdims=True)
    return np.divide(law, totals, out=np.zeros_like(law), where=totals > 0).astype(np.float32)


def pulls(interests: tuple[Interest, ...]) -> np.ndarray:
    """(n, n): how strongly one interest draws to another: the known far ones, the same branch, the same top."""
    far, branch, top = (
        np.array([[related(here, there) for there in interests] for here in interests], dtype=float)
        for related in (
            lambda here, there: there.name in here.leads_to,
            lambda here, there: there.path[:2] == here.path[:2],
            lambda here, there: there.path[0] == here.path[0],
        )
    )
    return 0.01 + 3 * far + 2 * branch + 0.6 * top


def walk(successors: np.ndarray, popularity: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(sum of lengths,) int32: the interest of every interaction, user by user.

    All users take a step at once. The longer somebody has stayed in an interest, the sooner they leave it: to one
    they had before, rather a late one, or to a new one, the rarer the more they know already.
    """
    longest_first = np.argsort(-lengths, kind="stable")
    starts = (np.cumsum(lengths) - lengths)[longest_first]
    still_there = np.searchsorted(-lengths[longest_first], -np.arange(lengths.max()))
    people = _People(successors, popularity, len(lengths), rng)
    curiosity = rng.beta(5, 4, len(lengths))
    stayed = np.ones(len(lengths))
    interest = np.empty(lengths.sum(), dtype=np.int32)
    interest[starts] = people.current
    for step, n in enumerate(still_there[1:], start=1):
        before = people.current[:n].copy()
        bored = 1 - 0.75 ** stayed[:n]
        new = curiosity[:n] * bored / (1 + people.n_known[:n] / 10)
        chance = rng.random(n)
        people.move_on(np.flatnonzero(chance < new), rng)
        people.go_back(np.flatnonzero((chance >= new) & (chance < new + 0.35 * bored)), rng)
        stayed[:n] = np.where(people.current[:n] == before, stayed[:n] + 1, 1)
        interest[starts[:n] + step] = people.current[:n]
    return interest


class _People:
    """Where everyone is and which interests they know, in order of first visit."""

    def __init__(self, successors: np.ndarray, popularity: np.ndarray, n_people: int, rng: np.random.Generator):
        self.successors = successors
        self.current = rng.choice(len(popularity), n_people, p=popularity)
        self.path = np.zeros((n_people, len(popularity)), dtype=np.int16)
        self.path[:, 0] = self.current
        self.n_known = np.ones(n_people, dtype=np.int64)
        self.knows = np.zeros((n_people, len(popularity)), dtype=bool)
        self.knows[np.arange(n_people), self.current] = True

    def move_on(self, who: np.ndarray, rng: np.random.Generator) -> None:
        """To an interest they don't know yet, by the law; who knows all that the law allows stays."""
        n_known = self.n_known[who]
        latest = self.path[who, n_known - 1]
        before = self.path[who, np.maximum(n_known - 2, 0)]
        chances = np.where(self.knows[who], 0, self.successors[before, latest]).cumsum(axis=1, dtype=np.float64)
        chosen = (chances > chances[:, -1:] * rng.random((len(who), 1))).argmax(axis=1)
        able = chances[:, -1] > 0
        who, chosen = who[able], chosen[able]
        self.current[who] = chosen
        self.path[who, self.n_known[who]] = chosen
        self.knows[who, chosen] = True
        self.n_known[who] += 1

    def go_back(self, who: np.ndarray, rng: np.random.Generator) -> None:
        """To an interest they know; those met long ago fade."""
        ago = np.minimum(rng.exponential(1.5, len(who)).astype(np.int64), self.n_known[who] - 1)
        self.current[who] = self.path[who, self.n_known[who] - 1 - ago]
