"""What is reported of each arm, with intervals; every number is of people who met what an arm had not learned from."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ..config import ExperimentConfig
from .trial import Outcomes

UCI = tuple(range(5, 101, 5))
"""The N of UCI@N (2405.16363, section 4): people who consumed at least N interests in the last seven days."""
LEVEL = 95


@dataclass(frozen=True)
class PerPerson:
    """A metric is the sum of `amounts` over the sum of `out_of`; both (n_people,) float64."""

    amounts: np.ndarray
    out_of: np.ndarray

    @property
    def value(self) -> float:
        """Missing (nan) where there was nothing to measure."""
        total = self.out_of.sum()
        return float(self.amounts.sum() / total) if total else float("nan")


def measure_people(outcomes: Outcomes, n_people: int, n_clusters: int, *, weeks: int) -> dict[str, PerPerson]:
    """By metric:

    - `novel_share`: share of impressions whose interest was not in the person's history
    - `positive_rate`, `positive_rate_novel`: share consumed of all impressions, and of the novel ones
    - `pairs`: interests a person consumed something of, on average (unique engaged user-interest pairs, 2504.05522)
    - `enjoyment`: summed over all that a person consumed, on average
    - `discovered`: interests that the trial opened to a person, on average
    - `uci@N`: share of people who consumed at least N interests in the last seven days
    """
    everybody = np.ones(n_people)

    def per_person(rows: np.ndarray, amounts: np.ndarray | None = None) -> np.ndarray:
        weights = None if amounts is None else amounts[rows]
        return np.bincount(outcomes.user[rows], weights, minlength=n_people).astype(np.float64)

    def interests(rows: np.ndarray) -> np.ndarray:
        pairs = np.unique(outcomes.user[rows].astype(np.int64) * n_clusters + outcomes.cluster[rows])
        return np.bincount(pairs // n_clusters, minlength=n_people).astype(np.float64)

    shown, positive, novel = np.ones(len(outcomes), bool), outcomes.positive, outcomes.novel
    lately = interests(positive & (outcomes.day >= 7 * (weeks - 1)))
    return {
        "novel_share": PerPerson(per_person(novel), per_person(shown)),
        "positive_rate": PerPerson(per_person(positive), per_person(shown)),
        "positive_rate_novel": PerPerson(per_person(positive & novel), per_person(novel)),
        "pairs": PerPerson(interests(positive), everybody),
        "enjoyment": PerPerson(per_person(shown, outcomes.enjoyment), everybody),
        "discovered": PerPerson(per_person(outcomes.discovered), everybody),
        **{f"uci@{n}": PerPerson((lately >= n).astype(np.float64), everybody) for n in UCI},
    }


class Bootstrap:
    """People drawn again with replacement, the same ones for every arm and metric, so that arms can be compared.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile intervals).
    """

    def __init__(self, n_people: int, *, resamples: int, seed: int):
        rng = np.random.default_rng(seed)
        self.times = rng.multinomial(n_people, np.full(n_people, 1 / n_people), size=resamples).astype(np.float64)

    def values(self, metric: PerPerson) -> np.ndarray:
        """(resamples,) of the metric, missing where a resample had nothing to measure."""
        total = self.times @ metric.out_of
        return np.divide(self.times @ metric.amounts, total, out=np.full(len(total), np.nan), where=total > 0)

    def interval(self, values: np.ndarray) -> tuple[float, float]:
        """The middle `LEVEL` percent; missing with a single person, or where a resample has nothing to measure."""
        if self.times.shape[1] < 2 or np.isnan(values).any():
            return float("nan"), float("nan")
        low, high = np.percentile(values, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
        return float(low), float(high)


def measure_trial(
    outcomes: dict[str, Outcomes], n_people: int, n_clusters: int, *, config: ExperimentConfig
) -> dict[str, pd.DataFrame]:
    """Two tables of the arms' outcomes, by arm.

    arms: arm, metric, value, low, high, n_people. lifts: arm, control (every other arm), metric, difference (arm less
    control, on the same people), low, high, relative (the difference as a share of the control's value, missing where
    that is 0).
    """
    bootstrap = Bootstrap(n_people, resamples=config.resamples, seed=config.seed)
    people = {arm: measure_people(seen, n_people, n_clusters, weeks=config.weeks) for arm, seen in outcomes.items()}
    drawn = {
        (arm, metric): bootstrap.values(found) for arm, metrics in people.items() for metric, found in metrics.items()
    }
    rows, lifts = [], []
    for (arm, metric), values in drawn.items():
        rows.append((arm, metric, people[arm][metric].value, *bootstrap.interval(values), n_people))
        for control in people:
            if control != arm:
                before = people[control][metric].value
                difference = people[arm][metric].value - before
                interval = bootstrap.interval(values - drawn[control, metric])
                lifts.append((arm, control, metric, difference, *interval, difference / before if before else np.nan))
    return {
        "arms": pd.DataFrame(rows, columns=["arm", "metric", "value", "low", "high", "n_people"]),
        "lifts": pd.DataFrame(lifts, columns=["arm", "control", "metric", "difference", "low", "high", "relative"]),
    }


def with_assumptions(arms: pd.DataFrame, config: ExperimentConfig) -> pd.DataFrame:
    """Every row with what the trial assumed, in columns that begin with `assumed_`: a file that explains itself."""
    said = {f"assumed_{name}": value for name, value in asdict(config).items() if name != "recommender"}
    return arms.assign(**said)
