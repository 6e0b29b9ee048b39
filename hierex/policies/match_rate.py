"""The share of generated answers that name a known interest, word for word (paper, section 3)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..transitions.prompts import TARGET_PREFIX

MOST_MISSES = 20


@dataclass(frozen=True)
class MatchReport:
    """How many of `n` answers matched. misses: what the others said and how often, most frequent first, some of all."""

    n: int
    matched: int
    misses: tuple[tuple[str, int], ...]

    @property
    def rate(self) -> float:
        """0 to 1; 0 where nothing was asked."""
        return self.matched / max(self.n, 1)


def rate_text(rate: float) -> str:
    """A share, 0 to 1, with a decimal that is never rounded up: what misses a bound never reads as if it reached it."""
    return f"{math.floor(round(1_000 * rate, 6)) / 10:.1f}%"


def matched_text(matches: MatchReport) -> str:
    """How many of how many answers matched; what they are is said after it."""
    return f"{matches.matched:,} of {matches.n:,} answers ({rate_text(matches.rate)})"


def measure_matches(answers: Sequence[str], shown: Sequence[str]) -> MatchReport:
    """answers: raw, as a policy generated them. shown: the known descriptions as prompts show them.

    An answer matches where it is the prefix and then a description, word for word; only white space around it is
    forgiven.
    """
    known = {TARGET_PREFIX + description for description in shown}
    misses = Counter(answer for answer in answers if answer.strip() not in known)
    return MatchReport(len(answers), len(answers) - misses.total(), tuple(misses.most_common(MOST_MISSES)))
