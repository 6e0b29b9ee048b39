"""Who is ahead on what in a trial, against the best of the other ways to explore, and how sure that is."""

from __future__ import annotations

import numpy as np
import pandas as pd

OURS = "hierex-"
"""Arms whose new interests a language policy names begin with this."""
EXPLORING = ("boosted", "hierarchical", "progressive", "neural")
"""The exploration baselines that hierex is held against."""
CHANCE = "random"
"""Explores, and knows nothing: what is not ahead of it has learned nothing that helps."""
HEADLINES = ("uci", "pairs", "positive_rate", "positive_rate_novel", "enjoyment", "discovered")


def telling_uci(arms: pd.DataFrame, *, among: list[str]) -> str:
    """The UCI@N at which the arms' shares of people are nearest to one half, on average: where they can differ most."""
    uci = arms[arms["metric"].str.startswith("uci@") & arms["arm"].isin(among)]
    middle = (uci.groupby("metric", sort=False)["value"].mean() - 0.5).abs()
    return str(middle.idxmin())


def best_of(arms: pd.DataFrame, among: list[str], metric: str) -> str | None:
    """The arm with the highest value; None where none has one."""
    found = arms[arms["arm"].isin(among) & (arms["metric"] == metric)].dropna(subset="value")
    return None if found.empty else str(found.loc[found["value"].idxmax(), "arm"])


def best_control(arms: pd.DataFrame) -> str:
    """What arms are held against at first: the recommender alone, or what has most interests consumed per person."""
    names = list(arms["arm"].unique())
    return "sequence" if "sequence" in names else str(best_of(arms, names, "pairs"))


def compare_with_best(results: dict[str, pd.DataFrame], arm: str) -> pd.DataFrame:
    """One row per headline metric: the lift of `arm` over the exploration baseline that is best at that metric.

    Columns: arm, metric, control, difference, low, high, relative, verdict (see `verdicts`).
    Picking the best baseline anew for each metric can only speak against `arm`.
    """
    arms = results["arms"]
    baselines = [name for name in EXPLORING if name in set(arms["arm"])]
    uci = telling_uci(arms, among=[arm, *baselines])
    metrics = [uci if headline == "uci" else headline for headline in HEADLINES]
    return compare(results["lifts"], arm, {metric: best_of(arms, baselines, metric) for metric in metrics})


def compare(lifts: pd.DataFrame, arm: str, control_of: dict[str, str | None]) -> pd.DataFrame:
    """The rows of `compare_with_best` for the given control of each metric."""
    rows = []
    for metric, control in control_of.items():
        found = lifts[(lifts["arm"] == arm) & (lifts["control"] == control) & (lifts["metric"] == metric)]
        rows += found.to_dict("records")
    table = pd.DataFrame(rows, columns=["metric", "control", "difference", "low", "high", "relative"])
    return table.assign(arm=arm, verdict=verdicts(table))


def verdicts(lifts: pd.DataFrame) -> np.ndarray:
    """(n,) ahead, behind, or level where the interval of the difference holds 0 or is missing."""
    return np.select([lifts["low"] > 0, lifts["high"] < 0], ["ahead", "behind"], "level")


def unexpected(results: dict[str, pd.DataFrame], arm: str, metrics: list[str]) -> dict[str, list[str]]:
    """By arm that is not made to explore: the metrics at which it is ahead."""
    lifts = results["lifts"]
    is_other = ~lifts["control"].isin([*EXPLORING, CHANCE]) & ~lifts["control"].str.startswith(OURS)
    behind = lifts[(lifts["arm"] == arm) & is_other & lifts["metric"].isin(metrics) & (lifts["high"] < 0)]
    return {
        control: [metric for metric in metrics if metric in set(rows["metric"])]
        for control, rows in behind.groupby("control", sort=False)
    }
