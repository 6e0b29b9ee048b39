"""What predictions have to prove before they are served: release gates, as in arXiv 2510.20260.

A policy whose raw answers too seldom are known interests gets no table. One that finds people's next new interest too
seldom on time that it has not seen cannot be released. What passes both still waits for a person to approve it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from ..errors import HierexError
from ..evaluation import CHANCE, MATCH_RATE
from ..policies import LanguagePolicy
from ..policies.match_rate import matched_text

FEWEST_MATCHES = 0.90
"""Share of the raw answers that have to be known interests, word for word."""
TIMES_CHANCE = 10.0
"""As many times as naming any interest at random, the first answer has to be right (paper's family: 1.5 % of 761)."""
RECALL = "recall@1"
ASKED = "Fine-tune the model on these interests, or choose another."
TAUGHT = "The model was taught them and still writes others: choose a larger one, or another way to predict."


class GateFailed(HierexError):
    """Predictions are not good enough to go on with."""


def refuse_unknown_answers(policy: LanguagePolicy) -> None:
    """Raises GateFailed where too few of the raw answers were known interests: no table is made of such a policy."""
    matches = getattr(policy, "matches", None)
    if matches is None or not matches.n or matches.rate >= FEWEST_MATCHES:
        return
    example = f"One that is not: '{matches.misses[0][0][:80]}'. " if matches.misses else ""
    raise GateFailed(
        f"Only {matched_text(matches)} are known interests, word for word; it takes {FEWEST_MATCHES:.0%}. "
        f"{example}{TAUGHT if policy.name.startswith('causal') else ASKED}"
    )


@dataclass(frozen=True)
class Gate:
    """One proof. value: what was measured, None where it could not be; needed: what it
    takes, in the same unit; by_construction: that it cannot be otherwise; most: what no policy could exceed."""

    value: float | None
    needed: float
    by_construction: bool = False
    most: float = math.inf

    @property
    def passed(self) -> bool:
        return self.value is not None and self.value >= self.needed

    @property
    def out_of_reach(self) -> bool:
        """Whether no policy could pass, as where people have too few interests left for chance to be seldom right."""
        return self.most < self.needed


@dataclass(frozen=True)
class GateReport:
    """match_rate: share 0-1; recall: of the first answer, as a multiple of chance. n_cases: held-out moves."""

    match_rate: Gate
    recall: Gate
    n_cases: int

    @property
    def passed(self) -> bool:
        return self.match_rate.passed and self.recall.passed


def judge_policy(measured: pd.DataFrame, policy: str) -> GateReport:
    """measured: what `evaluate_policies` returned; policy: the name of the one to judge."""
    own = measured[measured["policy"] == policy].set_index("metric")
    chance = measured[(measured["policy"] == CHANCE) & (measured["metric"] == RECALL)]["value"]
    matches = own.loc[MATCH_RATE] if MATCH_RATE in own.index else None
    match_rate = Gate(
        None if matches is None else float(matches["value"]),
        FEWEST_MATCHES,
        matches is not None and bool(matches["note"]),
    )
    lift, most = None, math.inf
    if RECALL in own.index and len(chance) and chance.iloc[0] > 0:
        lift, most = float(own.loc[RECALL, "value"] / chance.iloc[0]), float(1 / chance.iloc[0])
    n_cases = int(own["n_cases"].iloc[0]) if len(own) else 0
    return GateReport(match_rate, Gate(lift, TIMES_CHANCE, most=most), n_cases)
