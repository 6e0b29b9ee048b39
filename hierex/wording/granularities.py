"""What is said of numbers of interests: which suit the data, what each brings, how two of them differ."""

from __future__ import annotations

import pandas as pd

from ..granularity_effects import BUSIEST, FEWEST_ITEMS, FEWEST_PEOPLE, SuggestedRange
from . import plain_markdown

TOO_COARSE = {
    "likeness": "interests still mix different things: they have less than a third of the likeness that splitting adds",
    "ready": "fewer people have the {} interests that it takes to learn from their moves",
    "": "interests are too coarse",
}
TOO_FINE = {
    "items": f"half of the interests hold fewer than {FEWEST_ITEMS} items",
    "people": f"an average interest was reached by fewer than {FEWEST_PEOPLE} people, too few to learn from",
    "balance": f"the busiest interest has more than {BUSIEST:g} times the traffic of the average one",
    "table": "there are more pairs of interests than predictions can be built for",
    "finest": "the catalogue cannot be divided further",
}
FACT_NAMES = {
    "interests": "Interests",
    "median_items": "Items in a typical interest",
    "smallest_items": "Items in the smallest",
    "largest_items": "Items in the largest",
    "largest_over_mean": "Busiest ÷ average",
    "gini": "Unevenness of traffic (Gini)",
    "coherence": "Likeness within",
}
PANELS_EXPLAINED = """
- **Likeness within interests**: how alike the items of an interest are, from 0 (not at all) to 1 (the same).
- **Busiest ÷ average interest** and **unevenness**: whether a few interests take most of the traffic. 1 and 0 are even.
- **Items: most, typical, fewest**: dashed, solid and dotted.
- **People with enough interests**: who have one more than a prediction starts from, so that their moves can be learned.
- **Language model cost**: an estimate, see above.
- **Different descriptions**: how many of the interests have phrases (solid) and a name (dashed) that no other has.
- **Phrases shared with nearest**: how much of what is said of an interest is also said of the one most like it. High
  means that people, and models, cannot tell interests apart by their descriptions.
- **Right among the first 10**: what builds at that number measured on later time, a dot each; a cross is pure chance.
"""
EFFECT_NAMES = {
    "granularity": "Interests",
    "coherence": "Likeness within",
    "largest_over_mean": "Busiest ÷ average",
    "gini": "Unevenness of traffic (Gini)",
    "median_items": "Items, typical",
    "smallest_items": "Items, fewest",
    "largest_items": "Items, most",
    "share_ready": "Share of people ready",
    "people_per_interest": "People, average",
    "n_contexts": "Pairs to answer",
    "calls": "Calls (estimate)",
    "cost": "Cost (estimate)",
    "distinct_names": "Share of different names",
    "distinct_phrases": "Share of different phrase lists",
    "nearest_overlap": "Phrases shared with nearest other",
    "recall": "Right among first 10",
}


def suggestion_text(suggested: SuggestedRange, default: int, k: int) -> str:
    """Which numbers of interests suit the data and why, in a few plain sentences. default: what hierex would choose."""
    low, high = suggested.low, suggested.high
    below, above = TOO_COARSE[suggested.why_low].format(k + 1), TOO_FINE[suggested.why_high]
    if not suggested.found:
        text = "No number of interests suits this data in every respect; it is too small or too uneven for that."
        return (
            f"{text} Below {low:,}, {below}; but above {high:,}, {above}." if low > 2 else f"{text} Even at 2, {above}."
        )
    text = f"Suggested: **{low:,} to {high:,}** interests." if low < high else f"Suggested: **{low:,}** interests."
    if low > 2:
        text += f" Below {low:,}, {below}."
    text += f" Above {high:,}, {above}." if suggested.why_high != "finest" else f" {high:,} is as fine as it goes."
    if suggested.holds(default):
        return f"{text} The {default:,} that hierex would choose by itself lies within."
    side = "coarser" if default < low else "finer"
    return (
        f"{text} hierex by itself would choose {default:,}, which is {side}: it only looks at how many items and "
        "interactions there are. With more interests predictions say more exactly what comes next, fewer are easier to "
        "look over."
    )


def marks_text(number: int, built: int | None, suggested: SuggestedRange) -> str:
    """What is marked in the panels."""
    parts = [f"Dotted line: {number:,}, shown now."]
    if built is not None and built != number:
        parts.append(f"Dashed line: {built:,}, which predictions are built on.")
    if suggested.found:
        parts.append("Shaded: the suggested range.")
    return " ".join([*parts, "All is without what people changed, but for items that they moved."])


def changes_text(pairs: pd.DataFrame, before: str, after: str) -> str:
    """How many interests stay and how many do not. pairs: what `align_taxonomies` returns."""
    differs, n_same = pairs[~pairs["same"]], int(pairs["same"].sum())
    stay = "No interest is" if not n_same else "1 interest is" if n_same == 1 else f"{n_same:,} interests are"
    return (
        f"{stay} the same on both sides. {differs['before_id'].nunique():,} of “{plain_markdown(before)}” turn into "
        f"{differs['after_id'].nunique():,} of “{plain_markdown(after)}”."
    )


def fact(key: str, value: float) -> str:
    if pd.isna(value):
        return "not known"
    if key == "largest_over_mean":
        return f"{value:.1f} ×"
    return f"{value:.2f}" if key in ("gini", "coherence") else f"{value:,.0f}"


def cost_text(row: pd.Series, k: int) -> str:
    """What a language model would have to do at one number of interests, a row of the effects with its `cost`."""
    contexts = "pairs" if k == 2 else f"sequences of {k}"
    return (
        f"At {int(row['granularity']):,} interests a language model would describe each and answer for "
        f"{int(row['n_contexts']):,} {contexts}: {int(row['calls']):,} calls, about {tokens(row['tokens_in'])} tokens "
        f"read and {tokens(row['tokens_out'])} written, for about **{row['cost']:,.2f}**."
    )


def tokens(number: float) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:,.1f} {name}"
    return f"{round(number, -3 if number >= 1e4 else -1):,.0f}"


def effects_table(effects: pd.DataFrame, marks: dict[int, str]) -> pd.DataFrame:
    """The effects in plain words, with what is to be said of some numbers in a column of its own."""
    table = effects[[*EFFECT_NAMES]].rename(columns=EFFECT_NAMES).round(3)
    table.insert(1, "Marked", [marks.get(number, "") for number in effects["granularity"]])
    return table
