"""The tables of a trial as a person reads them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from ..config import ExperimentConfig
from .conclusion import OURS, best_of, compare_with_best, is_share, metric_name, telling_uci, verdicts
from .lineup import ARM_NAMES
from .measures import LEVEL

SHOWN = ("novel_share", "positive_rate", "positive_rate_novel", "pairs", "enjoyment", "discovered")
VERDICTS = {"ahead": "ahead", "behind": "behind", "level": "not told apart"}


def arm_name(arm: str) -> str:
    return ARM_NAMES.get(arm, arm)


def shown_metrics(arms: pd.DataFrame) -> list[str]:
    """The metrics that a table has room for: all but UCI@N, and of those the N that tells arms apart best."""
    return [*SHOWN, telling_uci(arms, among=list(arms["arm"].unique()))]


def trial_table(arms: pd.DataFrame) -> pd.DataFrame:
    """A row for every arm, a column for every shown metric, intervals in brackets. arms: see `measure_trial`."""
    rows = arms.set_index(["arm", "metric"])
    columns = {"Arm": [arm_name(arm) for arm in arms["arm"].unique()]}
    for metric in shown_metrics(arms):
        columns[metric_name(metric)] = [
            number_text(metric, *rows.loc[(arm, metric), ["value", "low", "high"]]) for arm in arms["arm"].unique()
        ]
    return pd.DataFrame(columns)


def lift_table(results: dict[str, pd.DataFrame], control: str) -> pd.DataFrame:
    """Every other arm against `control`: difference, interval, share and whether that tells them apart."""
    lifts = results["lifts"]
    found = lifts[(lifts["control"] == control) & lifts["metric"].isin(shown_metrics(results["arms"]))]
    return _told(found.assign(verdict=verdicts(found)))


def best_table(results: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every arm of hierex against the other way to explore that is best at a measure, as `conclude` says."""
    ours = [arm for arm in results["arms"]["arm"].unique() if arm.startswith(OURS)]
    if not ours:
        return pd.DataFrame()
    found = pd.concat([compare_with_best(results, arm) for arm in ours])
    return _told(found).assign(**{"Best other way": found["control"].map(arm_name).tolist()})


def _told(lifts: pd.DataFrame) -> pd.DataFrame:
    numbers = lifts[["metric", "difference", "low", "high"]].itertuples(index=False)
    return pd.DataFrame(
        {
            "Arm": lifts["arm"].map(arm_name),
            "Measure": lifts["metric"].map(metric_name),
            "Difference": [number_text(*row, signed=True) for row in numbers],
            "Lift": ["" if np.isnan(share) else f"{share:+.1%}" for share in lifts["relative"]],
            f"At {LEVEL} %": lifts["verdict"].map(VERDICTS),
        }
    ).reset_index(drop=True)


def assumptions_text(config: ExperimentConfig, n_people: int) -> str:
    """What a trial of people from a log was held with. n_people: as many as there were, maybe fewer than asked."""
    weeks = "1 week" if config.weeks == 1 else f"{config.weeks} weeks"
    return (
        f"Held with {n_people:,} people, {weeks}, {config.sessions:g} visits a week on average, "
        f"{config.slots} items at a visit ({config.novel_slots} for new interests in the arms that explore); interests "
        f"that begin in the latest {100 * config.later_share:g} % of a person's log not discovered at first; "
        f"{100 * config.readiness:g} % as ready for what is new as later on; each item takes "
        f"{100 * config.satiation:g} % off the appeal of its interest, two thirds of it back after "
        f"{config.recovery_days:g} days; {100 * config.noise:g} % of what is outside their interests consumed anyway; "
        f"seed {config.seed}."
    )


def with_assumptions(arms: pd.DataFrame, config: ExperimentConfig) -> pd.DataFrame:
    """Every row with what the trial assumed, in columns that begin with `assumed_`: a file that explains itself."""
    said = {f"assumed_{name}": value for name, value in asdict(config).items() if name != "recommender"}
    return arms.assign(**said)


def best_control(arms: pd.DataFrame) -> str:
    """What arms are held against at first: the recommender alone, or what has most interests consumed per person."""
    names = list(arms["arm"].unique())
    return "sequence" if "sequence" in names else str(best_of(arms, names, "pairs"))


def number_text(metric: str, value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Shares in percent, differences of shares in percentage points; nothing where it could not be measured."""
    if np.isnan(value):
        return ""
    factor, unit = (100.0, "" if signed else " %") if is_share(metric) else (1.0, "")
    unit = " points" if signed and is_share(metric) else unit
    sign = "+" if signed else ""
    text = f"{factor * value:{sign}.2f}{unit}"
    return text if np.isnan(low) else f"{text} [{factor * low:{sign}.2f}, {factor * high:{sign}.2f}]"
