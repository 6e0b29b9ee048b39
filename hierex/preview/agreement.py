"""What reviewers preferred of two sides that they judged blind, how sure that is, and how far they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..kept.judgements import ALIKE, FIRST, NEITHER, SECOND, WINNERS
from ..metrics import resample_two_ways

WORTH = {FIRST: 1.0, SECOND: 0.0, ALIKE: 0.5, NEITHER: 0.5}
"""Of a judgement, to the first side."""
RESAMPLES = 2_000
FEW_REVIEWERS = 5
"""With fewer, an interval speaks of these reviewers and not of others."""
LEVEL = 0.1
"""An interval that holds one half and reaches no farther from it shows no difference."""


@dataclass(frozen=True)
class Preference:
    """share: win rate of the first side, 0-1, with its 95 % interval low, high; all missing (nan) without judgements.
    counts: judgements by winner."""

    share: float
    low: float
    high: float
    counts: dict[str, int]
    n_people: int
    n_reviewers: int

    @property
    def n(self) -> int:
        return sum(self.counts.values())

    @property
    def winner(self) -> str | None:
        """FIRST or SECOND; None where the interval holds one half, so that nothing can be said."""
        return FIRST if self.low > 0.5 else SECOND if self.high < 0.5 else None

    @property
    def level(self) -> bool:
        """Whether the interval holds one half and is narrow, so that no difference was found."""
        return self.winner is None and self.low >= 0.5 - LEVEL and self.high <= 0.5 + LEVEL

    @property
    def few_reviewers(self) -> bool:
        return self.n_reviewers < FEW_REVIEWERS


@dataclass(frozen=True)
class Agreement:
    """share: of the pairs of judgements on the same person by two reviewers, those that say the same; alpha: see
    `krippendorff_alpha`; both missing (nan) where there is no such pair. n_people: who were judged by several."""

    share: float
    alpha: float
    n_pairs: int
    n_people: int


def measure_preference(people: Sequence, reviewers: Sequence, winners: Sequence[str], *, seed: int = 0) -> Preference:
    """One entry each per judgement. A judgement for neither side counts half for each.

    The interval draws people again, and reviewers too, each on their own: judgements on one person resemble each other,
    and so do those of one reviewer. Of fewer than `FEW_REVIEWERS` it speaks of these alone. One made-up person who
    speaks for each side is drawn along: without them a few unanimous people would leave no doubt at all (after Agresti
    and Coull, The American Statistician 52, 1998).
    """
    counts = {winner: sum(said == winner for said in winners) for winner in WINNERS}
    if not len(winners):
        return Preference(np.nan, np.nan, np.nan, counts, 0, 0)
    person, reviewer = (np.unique(np.asarray(of, str), return_inverse=True)[1] for of in (people, reviewers))
    worth = np.array([WORTH[winner] for winner in winners])
    judged, sums = np.zeros((2, reviewer.max() + 1, person.max() + 1))
    np.add.at(judged, (reviewer, person), 1)
    np.add.at(sums, (reviewer, person), worth)
    usual = judged.mean(axis=1)
    means = resample_two_ways(
        np.column_stack([sums, usual, np.zeros_like(usual)]),
        np.column_stack([judged, usual, usual]),
        resamples=RESAMPLES,
        seed=seed,
    )
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return Preference(float(worth.mean()), float(low), float(high), counts, judged.shape[1], judged.shape[0])


def measure_agreement(people: Sequence, winners: Sequence[str]) -> Agreement:
    """One entry each per judgement, of one reviewer at most one on a person."""
    table = _count_values(people, winners)
    several = table[table.sum(axis=1) > 1]
    n_pairs = int(_pairs(several.sum(axis=1)).sum())
    share = float(_pairs(several).sum() / n_pairs) if n_pairs else np.nan
    return Agreement(share, krippendorff_alpha(people, winners), n_pairs, len(several))


def krippendorff_alpha(units: Sequence, values: Sequence) -> float:
    """Agreement beyond chance on nominal values: 1 all agree, 0 as by chance, below 0 they contradict one another.

        alpha = 1 - observed / expected disagreement
        observed = 1 - sum_u sum_c n_uc (n_uc - 1) / (m_u - 1) / n
        expected = 1 - sum_c n_c (n_c - 1) / (n (n - 1))

    n_uc: how often unit u was given value c; m_u = sum_c n_uc; units with one value are left out; n: values that are
    left. Missing (nan) where no unit has two values or all values are the same.
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section D.

    >>> krippendorff_alpha([1, 1, 2, 2], ["a", "a", "b", "b"])
    1.0
    """
    table = _count_values(units, values)
    table = table[table.sum(axis=1) > 1]
    per_unit, per_value, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    if not n or per_value.max() == n:
        return float("nan")
    observed = 1 - (2 * _pairs(table).sum(axis=1) / (per_unit - 1)).sum() / n
    expected = 1 - 2 * _pairs(per_value).sum() / (n * (n - 1))
    return float(1 - observed / expected)


def _count_values(units: Sequence, values: Sequence) -> np.ndarray:
    """(n_units, n_values): how often each unit was given each value."""
    if not len(units):
        return np.zeros((0, 1))
    rows = np.unique(np.asarray(units, str), return_inverse=True)[1]
    columns = np.unique(np.asarray(values, str), return_inverse=True)[1]
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    return table


def _pairs(counts: np.ndarray) -> np.ndarray:
    return counts * (counts - 1) / 2
