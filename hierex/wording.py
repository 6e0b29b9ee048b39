"""What the screen says: names, sentences and tables in plain words. No Streamlit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from .charts.measures import METHOD_NAMES
from .descriptions.costs import Estimate
from .descriptions.meter import Reading
from .llm.endpoint import Endpoint
from .logs import Interactions

STAGE_NAMES = {
    "logs": "Reading the logs",
    "embeddings": "Reading the items' texts",
    "interest_tree": "Growing the tree of interests",
    "taxonomy": "Choosing the interests",
    "item_map": "Drawing the map",
    "descriptions": "Describing the interests",
    "transitions": "Following how interests move",
    "policies": "Learning which interest comes next",
    "transition_table": "Answering for every pair of interests",
    "recommenders": "Learning which items fit whom",
    "grounding": "Finding items for sample people",
    "evaluation": "Measuring on later time",
}
METRIC_NAMES = {
    "recall@1": "Right answer first",
    "recall@5": "Among the first 5",
    "recall@10": "Among the first 10",
    "ndcg@10": "How high in the first 10 (NDCG)",
    "match_rate": "Known interests among the answers",
}
SOURCE_NAMES = {"keywords": "from keywords", "human": "by a person", "model": "by a language model"}
GROUNDING_PATHS = {
    "recommender": "Ordered for this person.",
    "popularity": "Ordered by traffic, because the recommender knows nothing of this person yet.",
    "empty": "They have had every item of this interest.",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MARKUP = "\\`*_{}[]()#+-.!|<>~$:&"


def method_name(name: str) -> str:
    return METHOD_NAMES.get(name, name)


def plain_markdown(text: str) -> str:
    """Text that Markdown shows as it is: titles and names are never markup."""
    return "".join("\\" + c if c in MARKUP else c for c in " ".join(str(text).split()))


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def money(dollars: float | None) -> str:
    """In US dollars, small amounts too."""
    if dollars is None:
        return "unknown cost"
    return f"${dollars:,.2f}" if dollars >= 0.1 or dollars == 0 else f"${dollars:.4f}"


def estimate_text(estimate: Estimate, endpoint: Endpoint) -> str:
    """What a run with a language model would ask and cost."""
    if not estimate.calls:
        return f"Nothing to ask: {endpoint.model} has described all of these interests."
    where = "on this machine" if endpoint.is_local else f"at {endpoint.place}"
    cost = "its price is not known" if estimate.dollars is None else f"about {money(estimate.dollars)}"
    return (
        f"{estimate.calls:,} questions to {endpoint.model} {where}, about {estimate.tokens.read:,} tokens to read and "
        f"{estimate.tokens.written:,} to write: {cost}."
    )


def meter_text(reading: Reading) -> str:
    """How far a run with a language model is, in one line."""
    parts = [f"{reading.described:,} of {reading.total:,} described"]
    parts += [f"{reading.failed} failed"] if reading.failed else []
    parts += [f"{reading.unanswered} without an answer"] if reading.unanswered else []
    parts += [f"{reading.tokens.read + reading.tokens.written:,} tokens", money(reading.dollars)]
    if reading.waiting:
        parts.append(f"waiting {duration(reading.wait_left)}: {reading.wait_reason}")
    elif reading.seconds_left:
        parts.append(f"{duration(reading.seconds_left)} left")
    return ", ".join(parts)


def by_whom(author: str) -> str:
    return f"by {plain_markdown(author)}" if author else "(no name given)"


def clock_date(clock: int) -> datetime:
    """The moment of a clock value of a log with dates."""
    return EPOCH + timedelta(microseconds=int(clock))


def split_text(interactions: Interactions, split: int) -> str:
    """Where training ends and measuring begins."""
    if interactions.has_dates:
        return f"{clock_date(split):%d %B %Y}"
    return f"the last {1 - split / 1_000_000:.0%} of each person's history"


def evaluation_sentence(recalls: pd.DataFrame) -> str:
    """One sentence on the policies' recall@10 rows, indexed by policy, with its uncertainty."""
    best = next(name for name in recalls.index if name not in ("popularity", "chance"))
    ours, popularity, chance = (recalls.loc[name, "value"] for name in (best, "popularity", "chance"))
    low, high = recalls.loc[best, "low"], recalls.loc[best, "high"]
    times = f"{ours / chance:.1f} times chance" if chance > 0 else "where chance finds none"
    verdict = "better than" if low > popularity else "worse than" if high < popularity else "not clearly different from"
    return (
        f"Of {int(recalls.loc[best, 'n_cases']):,} moves to a new interest, **{ours:.1%}** were among the ten "
        f"interests that were predicted (95 % interval {low:.1%} to {high:.1%}): {times}, and {verdict} simply "
        f"naming the most popular ones ({popularity:.1%})."
    )


def metric_table(table: pd.DataFrame, who: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Method": table[who].map(method_name),
            "Measure": table["metric"].map(lambda metric: METRIC_NAMES.get(metric, metric)),
            "Value": table["value"].map("{:.4f}".format),
            "95 % interval": [
                "" if pd.isna(low) else f"{low:.4f} to {high:.4f}"
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            "Cases": table["n_cases"],
            "Note": table["note"],
        }
    )


def granularity_table(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(
        columns={
            "granularity": "Interests",
            "coherence": "Likeness within",
            "largest_over_mean": "Busiest ÷ average",
            "gini": "Unevenness of traffic (Gini)",
            "median_items": "Items, typical",
            "smallest_items": "Items, fewest",
            "largest_items": "Items, most",
            "share_ready": "Share of people ready",
            "n_contexts": "Pairs to answer",
        }
    ).round(3)
