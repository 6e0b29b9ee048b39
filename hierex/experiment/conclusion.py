"""What a trial says, in words: who is ahead on what, against the best of the other ways to explore, and how sure."""

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
METRIC_NAMES = {
    "novel_share": "Items from interests new to the person",
    "positive_rate": "Items consumed",
    "positive_rate_novel": "Items consumed, of new interests",
    "pairs": "Interests consumed per person",
    "enjoyment": "Enjoyment per person",
    "discovered": "Interests discovered per person",
}
VERDICTS = ("ahead", "behind", "level")
SHARES = ("novel_share", "positive_rate", "positive_rate_novel")


def metric_name(metric: str) -> str:
    if metric.startswith("uci@"):
        return f"People with {metric.removeprefix('uci@')} interests or more in the last week"
    return METRIC_NAMES[metric]


def is_share(metric: str) -> bool:
    return metric in SHARES or metric.startswith("uci@")


def telling_uci(arms: pd.DataFrame, *, among: list[str]) -> str:
    """The UCI@N at which the arms' shares of people are nearest to one half, on average: where they can differ most."""
    uci = arms[arms["metric"].str.startswith("uci@") & arms["arm"].isin(among)]
    middle = (uci.groupby("metric", sort=False)["value"].mean() - 0.5).abs()
    return str(middle.idxmin())


def best_of(arms: pd.DataFrame, among: list[str], metric: str) -> str | None:
    """The arm with the highest value; None where none has one."""
    found = arms[arms["arm"].isin(among) & (arms["metric"] == metric)].dropna(subset="value")
    return None if found.empty else str(found.loc[found["value"].idxmax(), "arm"])


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


def conclude(results: dict[str, pd.DataFrame], arm_name: dict[str, str]) -> list[str]:
    """A paragraph on each hierex arm, and one on how sure they are. arm_name: what arms are called on screen."""
    names = set(results["arms"]["arm"])
    ours = [arm for arm in results["arms"]["arm"].unique() if arm.startswith(OURS)]
    if not ours or not names & set(EXPLORING):
        return ["This trial had no arm of hierex beside another way to explore, so there is nothing to compare."]
    paragraphs = []
    for arm in ours:
        table = compare_with_best(results, arm)
        said = verdicts_text(table)
        sentences = [f"{arm_name.get(arm, arm)}, against the best other way to explore, {said}."]
        if CHANCE in names:
            said = verdicts_text(compare(results["lifts"], arm, dict.fromkeys(table["metric"], CHANCE)))
            sentences.append(f"Against “{arm_name.get(CHANCE, CHANCE)}”, which knows nothing of anybody, it {said}.")
        sentences += [
            f"“{arm_name.get(other, other)}”, which is not made to explore, is ahead of it on {join(metrics)}."
            for other, metrics in unexpected(results, arm, list(table["metric"])).items()
        ]
        paragraphs.append(" ".join(sentences))
    n_people = int(results["arms"]["n_people"].iloc[0])
    return [
        *paragraphs,
        f"Ahead or behind: 0 is outside the 95 % interval over the {n_people:,} simulated people. About one in twenty "
        "differences would be called so by chance alone, and another seed trains every arm a little differently.",
    ]


def unexpected(results: dict[str, pd.DataFrame], arm: str, metrics: list[str]) -> dict[str, list[str]]:
    """By arm that is not made to explore: the metrics, in words, at which it is ahead."""
    lifts = results["lifts"]
    is_other = ~lifts["control"].isin([*EXPLORING, CHANCE]) & ~lifts["control"].str.startswith(OURS)
    behind = lifts[(lifts["arm"] == arm) & is_other & lifts["metric"].isin(metrics) & (lifts["high"] < 0)]
    return {
        control: [in_sentence(metric) for metric in metrics if metric in set(rows["metric"])]
        for control, rows in behind.groupby("control", sort=False)
    }


def verdicts_text(table: pd.DataFrame) -> str:
    """Where an arm is ahead and behind, and whether that is all."""
    found = {verdict: table.loc[table["verdict"] == verdict, "metric"] for verdict in VERDICTS}
    parts = [
        f"is {verdict} on {join(list(map(in_sentence, found[verdict])))}"
        for verdict in ("ahead", "behind")
        if len(found[verdict])
    ]
    if len(found["level"]):
        parts.append(f"cannot be told apart on {'the other measures' if parts else 'any measure'}")
    return "; ".join(parts)


def in_sentence(metric: str) -> str:
    name = metric_name(metric)
    return name[0].lower() + name[1:]


def join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
