"""What is said of lists of items: how new they are, how well they fit, and which of the two is had for the other."""

from __future__ import annotations

import pandas as pd

from . import FEW_CASES
from .names import method_name

LIST_NAMES = {
    "sequence": "Usual recommendations",
    "novel": "Novel interests only",
    "mixed": "Usual with novel ones mixed in",
}
LIST_METRICS = {
    "hits": ("People with a hit", "Of whom at least one of the ten items was had later"),
    "recall": ("Found of what came", "Of what a person had later, at most ten, so much was in the list"),
    "ndcg": ("How high (NDCG)", "The same, but an item counts the more the higher it stands"),
    "novel_hits": ("People with a novel hit", "Of whom at least one item of an interest new to them was had later"),
    "novelty": ("New to the person", "Share of the list from interests that the person did not have"),
    "distance": ("How far", "From the nearest interest that the person had, in the tree, 0 to 1"),
    "diversity": ("Varied", "How unlike each other the items of a list are, 0 to 1"),
    "serendipity": ("Fitting surprises", "Share of the list that was had later and is not among the most popular"),
    "coverage": ("Catalogue shown", "Share of all items, without hidden ones, that are in at least one list"),
    "gini": ("Unevenness (Gini)", "0: every item is shown as often, 1: one item is shown to all"),
}


NUMBERS = ("distance", "diversity", "gini")
"""From 0 to 1, and no share of anything."""


def list_name(arm: str) -> str:
    base, _, policy = arm.partition("/")
    name = LIST_NAMES.get(base) or method_name(base)
    return f"{name}: {method_name(policy).lower()}" if policy else name


def lists_table(lists: pd.DataFrame) -> pd.DataFrame:
    """One row per way to make lists, one column per measure, with its interval. lists: what `measure_lists` returns."""
    shown = {}
    for metric, (title, _) in LIST_METRICS.items():
        rows = lists[lists["metric"] == metric].set_index("arm")
        shown[title] = {list_name(row.Index): with_interval(row) for row in rows.itertuples()}
    return pd.DataFrame(shown).rename_axis("Lists")


def lists_lifts(lists: pd.DataFrame) -> pd.DataFrame:
    """How much more than the first way, in points of a hundred, or as `NUMBERS` are, marked as more, less or not told
    apart."""
    control = lists["arm"].iloc[0]
    known = lists[(lists["arm"] != control) & lists["lift_low"].notna()]
    shown = {}
    for metric, (title, _) in LIST_METRICS.items():
        rows = known[known["metric"] == metric].set_index("arm")
        if len(rows):
            shown[title] = {list_name(row.Index): lift(row) for row in rows.itertuples()}
    return pd.DataFrame(shown).rename_axis(f"Against {list_name(control)}")


def with_interval(row) -> str:
    """row: of what `measure_lists` returns."""
    form = ".2f" if row.metric in NUMBERS else ".1%"
    if pd.isna(row.value):
        return ""
    return f"{row.value:{form}}" if pd.isna(row.low) else f"{row.value:{form}} ({row.low:{form}} to {row.high:{form}})"


def lift(row) -> str:
    mark = "▲" if row.lift_low > 0 else "▼" if row.lift_high < 0 else "≈"
    times, form = (1, "+.2f") if row.metric in NUMBERS else (100, "+.1f")
    value, low, high = (f"{times * one:{form}}" for one in (row.lift, row.lift_low, row.lift_high))
    return f"{mark} {value} ({low} to {high})"


def lists_conclusion(lists: pd.DataFrame) -> str:
    """What the mix brings and costs against the recommender alone, and what can't be told."""
    n = int(lists["n_users"].iloc[0])
    control = lists["arm"].iloc[0]
    mixed = lists[lists["arm"] == "mixed"].set_index("metric")
    if mixed["lift_low"].isna().all():
        return "There are too few people to say how lists differ."
    novelty, hits, novel_hits = (mixed.loc[metric] for metric in ("novelty", "hits", "novel_hits"))
    return (
        f"Of {n:,} people: with novel interests mixed in, **{novelty.value:.0%}** of a list is from interests that "
        f"are new to the person. Against the {list_name(control).lower()} alone: {against(novelty)}. "
        f"People with a hit: {against(hits)}. People with a hit in a new interest: {against(novel_hits)}. "
        f"{'So few people say little. ' if n < FEW_CASES else ''}"
        "What people would have done had they been shown these lists is not known from a log: they were shown others."
    )


def against(row: pd.Series) -> str:
    if row.lift_low == row.lift == row.lift_high == 0:
        return "no difference"
    interval = f"{100 * row.lift_low:+.1f} to {100 * row.lift_high:+.1f} points"
    if row.lift_low <= 0 <= row.lift_high:
        return f"not clearly more or less ({interval})"
    return f"**{abs(100 * row.lift):.1f} points {'more' if row.lift > 0 else 'fewer'}** ({interval})"
