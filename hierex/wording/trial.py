"""What is said of a simulated trial: who is ahead on what, in sentences and in tables."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..config import ExperimentConfig
from ..experiment.lifts import CHANCE, EXPLORING, OURS, compare, compare_with_best, telling_uci, unexpected, verdicts
from ..experiment.measures import LEVEL
from .names import arm_name

TRIAL_METRICS = {
    "novel_share": "Items from interests new to the person",
    "positive_rate": "Items consumed",
    "positive_rate_novel": "Items of new interests consumed",
    "pairs": "Interests consumed per person",
    "enjoyment": "Enjoyment per person",
    "discovered": "Interests discovered per person",
}
SHARES = ("novel_share", "positive_rate", "positive_rate_novel")
VERDICTS = {"ahead": "ahead", "behind": "behind", "level": "not told apart"}


def metric_name(metric: str) -> str:
    if metric.startswith("uci@"):
        return f"People with {metric.removeprefix('uci@')} interests or more in the last week"
    return TRIAL_METRICS[metric]


def is_share(metric: str) -> bool:
    return metric in SHARES or metric.startswith("uci@")


def conclude(results: dict[str, pd.DataFrame]) -> list[str]:
    """A paragraph on each hierex arm, and one on how sure they are."""
    names = set(results["arms"]["arm"])
    ours = [arm for arm in results["arms"]["arm"].unique() if arm.startswith(OURS)]
    if not ours or not names & set(EXPLORING):
        return ["This trial had no arm of hierex beside another way to explore, so there is nothing to compare."]
    paragraphs = []
    for arm in ours:
        table = compare_with_best(results, arm)
        said = verdicts_text(table)
        sentences = [f"{arm_name(arm)}, against the best other way to explore, {said}."]
        if CHANCE in names:
            said = verdicts_text(compare(results["lifts"], arm, dict.fromkeys(table["metric"], CHANCE)))
            sentences.append(f"Against “{arm_name(CHANCE)}”, which knows nothing of anybody, it {said}.")
        sentences += [
            f"“{arm_name(other)}”, which is not made to explore, is ahead of it on {in_sentence(metrics)}."
            for other, metrics in unexpected(results, arm, list(table["metric"])).items()
        ]
        paragraphs.append(" ".join(sentences))
    n_people = int(results["arms"]["n_people"].iloc[0])
    return [
        *paragraphs,
        f"Ahead or behind: 0 is outside the 95 % interval over the {n_people:,} simulated people. About one in twenty "
        "differences would be called so by chance alone, and another seed trains every arm a little differently.",
    ]


def verdicts_text(table: pd.DataFrame) -> str:
    """Where an arm is ahead and behind, and whether that is all."""
    found = {verdict: table.loc[table["verdict"] == verdict, "metric"] for verdict in VERDICTS}
    parts = [f"is {verdict} on {in_sentence(found[verdict])}" for verdict in ("ahead", "behind") if len(found[verdict])]
    if len(found["level"]):
        parts.append(f"cannot be told apart on {'the other measures' if parts else 'any measure'}")
    return "; ".join(parts)


def in_sentence(metrics: Iterable[str]) -> str:
    names = [name[0].lower() + name[1:] for name in map(metric_name, metrics)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def shown_metrics(arms: pd.DataFrame) -> list[str]:
    """The metrics that a table has room for: all but UCI@N, and of those the N that tells arms apart best."""
    return [*TRIAL_METRICS, telling_uci(arms, among=list(arms["arm"].unique()))]


def trial_table(arms: pd.DataFrame) -> pd.DataFrame:
    """A row for every arm, a column for every shown metric, intervals in brackets. arms: see `measure_trial`."""
    rows = arms.set_index(["arm", "metric"])
    columns = {"Arm": [arm_name(arm) for arm in arms["arm"].unique()]}
    for metric in shown_metrics(arms):
        columns[metric_name(metric)] = [
            number_text(metric, *rows.loc[(arm, metric), ["value", "low", "high"]]) for arm in arms["arm"].unique()
        ]
    return pd.DataFrame(columns)


def trial_lifts(results: dict[str, pd.DataFrame], control: str) -> pd.DataFrame:
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


def number_text(metric: str, value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Shares in percent, differences of shares in percentage points; nothing where it could not be measured."""
    if np.isnan(value):
        return ""
    factor, unit = (100.0, "" if signed else " %") if is_share(metric) else (1.0, "")
    unit = " points" if signed and is_share(metric) else unit
    sign = "+" if signed else ""
    text = f"{factor * value:{sign}.2f}{unit}"
    return text if np.isnan(low) else f"{text} [{factor * low:{sign}.2f}, {factor * high:{sign}.2f}]"
