"""How the choice of the number of interests plays out, from two to the finest, and which numbers suit the data.

All of it is of the plain cuts of the tree, without what people changed. Nothing of a build is needed but the tree:
what the first visits and the descriptions add is missing where these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from .config import TableConfig
from .descriptions import Description
from .descriptions.costs import AGAIN, TYPICAL_READ, TYPICAL_WRITTEN
from .interest_tree import InterestTree
from .llm.tokens import estimate_tokens
from .taxonomy.comparison import measure_balance
from .transitions import FirstVisits
from .transitions.prompts import PROMPT, TARGET_PREFIX, phrases_on_one_line

NUMBERS = 50
"""At so many numbers of interests everything is measured, evenly spread on a logarithmic scale."""
MOST_ASKED = 200
"""Of more interests than this, so many, evenly spread, are asked how much they share with their nearest other, and how
many tokens their words have."""

LIKENESS_GAINED = 1 / 3
"""No coarser than where this share is gained of the likeness that lies between two interests and the finest."""
READY_OF_BEST = 0.9
"""No coarser than where this share can be predicted for of the people who can be at the finest."""
FEWEST_ITEMS = 10
"""No finer than where half of the interests hold so many items: what one list of suggestions shows."""
FEWEST_PEOPLE = 50
"""No finer than where so many people reached an average interest."""
BUSIEST = 3.0
"""No finer than where the busiest interest has this many times the traffic of the average one."""

EFFECT_COLUMNS = [
    "granularity",
    "coherence",
    "largest_over_mean",
    "gini",
    "median_items",
    "smallest_items",
    "largest_items",
    "share_ready",
    "people_per_interest",
    "n_contexts",
    "calls",
    "tokens_in",
    "tokens_out",
    "distinct_names",
    "distinct_phrases",
    "nearest_overlap",
]


def measure_granularities(
    tree: InterestTree,
    visits: FirstVisits | None = None,
    descriptions: Sequence[Description] | None = None,
    *,
    granularities: Sequence[int] | None = None,
    k: int = 2,
) -> pd.DataFrame:
    """What the interests are like at each number that the tree can be cut at, one row each, coarsest first.

    descriptions: one per node of the tree. granularities: about fifty from 2 to the finest where none are given.
    Columns: granularity; coherence (traffic-weighted mean over interests);
    largest_over_mean and gini (of traffic); median_items, smallest_items, largest_items; share_ready (share of people
    with at least `k` + 1 interests, who can have made a move from a full context); people_per_interest (mean number of
    people who reached an interest); n_contexts (ordered contexts of `k`, repeats included); calls, tokens_in and
    tokens_out (`count_tokens`); distinct_names and distinct_phrases (different ones, as a share of the interests);
    nearest_overlap (share of an interest's phrases that the other with most of them has too, on average).
    """
    wanted = numbers_to_measure(tree.finest) if granularities is None else granularities
    wanted = sorted({int(n) for n in wanted if 1 <= n <= tree.finest})
    people = _People(tree, visits, k) if visits else None
    words = _Words(descriptions) if descriptions else None
    rows = []
    for granularity in reversed(wanted):
        nodes = tree.cut(granularity)
        row = {"granularity": granularity, "n_contexts": granularity**k}
        row |= measure_balance(tree.hi[nodes] - tree.lo[nodes], tree.traffic[nodes], tree.coherence[nodes])
        row |= people.at(nodes) if people else {}
        row |= words.at(nodes) if words else {}
        if words:
            row |= count_tokens(granularity, k, words.tokens[nodes].mean())
        rows.append(row)
    return pd.DataFrame(rows[::-1], columns=EFFECT_COLUMNS)


def numbers_to_measure(finest: int) -> list[int]:
    """From 2 to the finest, both included."""
    return np.unique(np.rint(np.geomspace(2, max(finest, 2), NUMBERS)).astype(int)).tolist()


def count_tokens(granularity: int, k: int, tokens: float) -> dict[str, float]:
    """Calls and tokens of a language model that describes every interest and answers every context, each in one call.

    tokens: of an average interest's phrases. What describing takes is as `estimate_cost` begins with.
    """
    contexts = granularity**k
    asked, answered = estimate_tokens(PROMPT) + k * tokens, estimate_tokens(TARGET_PREFIX) + tokens
    return {
        "calls": granularity + contexts,
        "tokens_in": granularity * AGAIN * TYPICAL_READ + contexts * asked,
        "tokens_out": granularity * TYPICAL_WRITTEN + contexts * answered,
    }


def price_tokens(effects: pd.DataFrame, *, price_in: float, price_out: float) -> pd.Series:
    """What the estimated tokens cost; prices are of a million tokens read and of a million written."""
    return (effects["tokens_in"] * price_in + effects["tokens_out"] * price_out) / 1e6


@dataclass(frozen=True)
class SuggestedRange:
    """Numbers of interests that suit the data. why_low and why_high name the rule that sets each end.

    found is False where no number meets every rule; then low and high are the ends that the rules ask for, which
    contradict each other. Both are always numbers that the tree can be cut at.
    """

    low: int
    high: int
    why_low: str
    why_high: str
    found: bool

    def holds(self, granularity: int) -> bool:
        return self.found and self.low <= granularity <= self.high


def suggest_range(effects: pd.DataFrame, *, most: int = TableConfig.most_interests) -> SuggestedRange:
    """The range that a few plain rules allow (the constants above). What was not measured rules nothing out.

    effects: what `measure_granularities` returns for many numbers. most: predictions can be built on so many at most.
    """
    effects = effects[effects["granularity"] >= 2]
    numbers = effects["granularity"].to_numpy()
    likeness, ready = effects["coherence"].to_numpy(float), effects["share_ready"].to_numpy(float)
    from_here = {
        "likeness": likeness >= likeness[0] + LIKENESS_GAINED * (likeness[-1] - likeness[0]),
        "ready": ready >= READY_OF_BEST * ready[-1],
    }
    up_to_here = {
        "items": effects["median_items"] >= FEWEST_ITEMS,
        "people": effects["people_per_interest"] >= FEWEST_PEOPLE,
        "balance": effects["largest_over_mean"] <= BUSIEST,
        "table": effects["granularity"] <= most,
    }
    measured = {"likeness": likeness, "ready": ready, "items": effects["median_items"]}
    measured |= {"people": effects["people_per_interest"], "balance": effects["largest_over_mean"], "table": numbers}
    lows = {rule: numbers[np.argmax(met)] for rule, met in from_here.items() if np.isfinite(measured[rule]).all()}
    highs = {
        rule: numbers[np.flatnonzero(met)[-1]] if np.any(met) else 0
        for rule, met in up_to_here.items()
        if np.isfinite(measured[rule]).all()
    }
    why_low, low = max(lows.items(), key=lambda item: item[1], default=("", numbers[0]))
    why_high, high = min(highs.items(), key=lambda item: item[1])
    if high == numbers[-1]:
        why_high = "finest"
    return SuggestedRange(int(low), int(max(high, numbers[0])), why_low, why_high, found=bool(low <= high))


class _People:
    """Who reached which interests. To be asked from fine to coarse: what is the same interest already stays so."""

    def __init__(self, tree: InterestTree, visits: FirstVisits, k: int):
        self.lo, self.k, self.n_users = tree.lo, k, visits.n_users
        place = tree.lo[tree.cut(tree.finest)][visits.leaf]
        by_place = np.lexsort((place, visits.user))
        self.user, self.place = visits.user[by_place], place[by_place]

    def at(self, nodes: np.ndarray) -> dict[str, float]:
        if not self.n_users:
            return {}
        interest = np.searchsorted(self.lo[nodes], self.place, side="right")
        first = np.ones(len(self.user), bool)
        first[1:] = (self.user[1:] != self.user[:-1]) | (interest[1:] != interest[:-1])
        self.user, self.place = self.user[first], self.place[first]
        n_interests = np.bincount(self.user, minlength=self.n_users)
        return {
            "share_ready": float((n_interests > self.k).mean()),
            "people_per_interest": len(self.user) / len(nodes),
        }


class _Words:
    """What is said about every node of the tree."""

    def __init__(self, descriptions: Sequence[Description]):
        self.names = pd.factorize(np.array([d.name.casefold() for d in descriptions], object))[0]
        phrases = [tuple(sorted({phrase.casefold() for phrase in d.phrases})) for d in descriptions]
        self.lists = pd.Series(phrases, dtype=object).map("\n".join).factorize()[0]
        self.tokens = _token_counts([phrases_on_one_line(d) for d in descriptions])
        lengths = [len(mine) for mine in phrases]
        codes, known = pd.factorize(np.array([phrase for mine in phrases for phrase in mine], object))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        self.has = sparse.csr_array((np.ones(len(codes), np.float32), codes, starts), (len(lengths), len(known)))

    def at(self, nodes: np.ndarray) -> dict[str, float]:
        return {
            "distinct_names": len(np.unique(self.names[nodes])) / len(nodes),
            "distinct_phrases": len(np.unique(self.lists[nodes])) / len(nodes),
            "nearest_overlap": self.nearest_overlap(nodes),
        }

    def nearest_overlap(self, nodes: np.ndarray) -> float:
        asked = np.unique(np.linspace(0, len(nodes) - 1, min(len(nodes), MOST_ASKED)).astype(int))
        n_phrases = np.diff(self.has.indptr)[nodes[asked]]
        if len(nodes) < 2 or not n_phrases.any():
            return np.nan
        shared = (self.has[nodes[asked]] @ self.has[nodes].T).toarray()
        shared[np.arange(len(asked)), asked] = 0
        return float((shared.max(axis=1) / np.maximum(n_phrases, 1)).mean())


def _token_counts(lines: Sequence[str]) -> np.ndarray:
    """(n,) about how many tokens each has: by its length, and what some of them say of a letter."""
    lengths = np.array([len(line) for line in lines], float)
    some = np.unique(np.linspace(0, len(lines) - 1, min(len(lines), MOST_ASKED)).astype(int))
    return lengths * sum(estimate_tokens(lines[place]) for place in some) / max(lengths[some].sum(), 1)
