"""What the screen says: names, sentences and tables in plain words. No Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from ..config import VECTORS_IN_FILE
from ..logs import Interactions
from ..transitions.drift import DriftVerdict
from .names import method_name

STAGE_NAMES = {
    "logs": "Reading the logs",
    "embeddings": "Reading the items' texts",
    "behaviour": "Learning who consumes what",
    "weights": "Comparing what behaviour changes",
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
    "experiment": "Holding a simulated trial",
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
NO_DATES = "This log has no dates, so whether people's moves have changed with time cannot be told."
NO_DRIFT = (
    "There is too little time in this log, or too few people move in each part of it, to see whether what they go on "
    "to has changed."
)
DRIFT_NAMES = {
    "period": "Period",
    "jaccard": "In common with the period before",
    "within": "In common between halves of the period's people",
    "of_all": "In common with the period before, of all people",
    "n_interests": "Interests compared",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FEW_CASES = 100
ALL_NAMED = 1 - 1e-9
"""Where chance, too, has the right answer so often among the first ten, these are all that can be named."""
MARKUP = "\\`*_{}[]()#+-.!|<>~$:&"


def model_label(name: str) -> str:
    """A text model as it is offered: the end of its name or folder."""
    return "The vectors in your file" if name == VECTORS_IN_FILE else name.rsplit("/", 1)[-1]


def score_name(policy: str) -> str:
    """Of the number beside an answer: the dial and the order of what was liked leave no probabilities. policy: its name
    with those of its layers."""
    return "Weight" if {"novelty", "aligned"} & set(policy.split("+")) else "Probability"


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


def by_whom(author: str) -> str:
    return f"by {plain_markdown(author)}" if author else "(no name given)"


def sources_text(sources: Sequence[str]) -> str:
    """How many interests there are, and who wrote how many of their descriptions."""
    counts = [(sources.count(source), name) for source, name in reversed(SOURCE_NAMES.items())]
    who = ", ".join(f"{n:,} {name}" for n, name in counts if n)
    return f"{len(sources):,} interests, described: {who}."


def clock_date(clock: int) -> datetime:
    """The moment of a clock value of a log with dates."""
    return EPOCH + timedelta(microseconds=int(clock))


def day_text(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"


def time_text(moment: datetime) -> str:
    """To the minute, as tables do (`view.changes`); that it is UTC is said where it stands."""
    return f"{day_text(moment)}, {moment:%H:%M}"


def split_text(interactions: Interactions, split: int) -> str:
    """Where training ends and measuring begins."""
    if interactions.has_dates:
        return day_text(clock_date(split))
    return f"the last {1 - split / 1_000_000:.0%} of each person's history"


def recent_text(interactions: Interactions, since: int, until: int) -> str:
    """Which moves are recent ones: those between these clocks."""
    if interactions.has_dates:
        return f"from {split_text(interactions, since)} until {split_text(interactions, until)}"
    return f"in {split_text(interactions, since)}, without its last {1 - until / 1_000_000:.0%}"


def weights_table(table: pd.DataFrame) -> pd.DataFrame:
    """What `weights.compare_weights` found."""
    recall = [
        "no moves to judge by" if pd.isna(row.recall) else f"{row.recall:.1%} ({row.low:.1%} to {row.high:.1%})"
        for row in table.itertuples()
    ]
    return pd.DataFrame(
        {
            "Who consumes what counts": table["weight"].map("{:.0%}".format),
            "Likeness of texts within interests": table["coherence"].map("{:.3f}".format),
            "Busiest ÷ average interest": table["largest_over_mean"].map("{:.2f}".format),
            "Next interests among the 10 predicted": recall,
            "10 most popular": ["" if pd.isna(share) else f"{share:.1%}" for share in table["popularity"]],
        }
    )


def evaluation_sentence(recalls: pd.DataFrame) -> str:
    """One sentence on the policies' recall@10 rows, indexed by policy, with its uncertainty where that is known."""
    served = next(name for name in recalls.index if name not in ("popularity", "chance"))
    ours, popularity, chance = (recalls.loc[name, "value"] for name in (served, "popularity", "chance"))
    low, high, n_cases = recalls.loc[served, ["low", "high", "n_cases"]]
    if chance >= ALL_NAMED:
        return (
            "There are so few interests that the first ten are all that can be named: that the right one is among "
            "them says nothing. How often it came first is below."
        )
    interval = "" if pd.isna(low) else f" (95 % interval {low:.1%} to {high:.1%})"
    times = f"{ours / chance:.1f} times chance ({chance:.1%})" if chance > 0 else "where chance finds none"
    few = " So few moves say little." if n_cases < FEW_CASES else ""
    verdict = "better than" if low > popularity else "worse than" if high < popularity else "not clearly different from"
    moved, were = ("move", "was") if n_cases == 1 else ("moves", "were")
    return (
        f"Of {int(n_cases):,} {moved} to a new interest, **{ours:.1%}** {were} among the ten interests that were "
        f"predicted{interval}: {times}, and {verdict} simply naming the most popular ones ({popularity:.1%}).{few}"
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


def drift_text(verdict: DriftVerdict, *, refreshed: bool) -> str:
    """Whether what follows has changed; the ratio of `verdict` must be there."""
    ratio = "as alike" if verdict.ratio >= 0.95 else f"{verdict.ratio:.0%} as alike"
    alike = f"what they go on to is {ratio} from period to period as between halves of a period"
    if verdict.changed:
        what_to_do = "These predictions were refreshed already, see below." if refreshed else "A refresh is worth it."
        return f"People's moves have changed: {alike}. {what_to_do}"
    return f"People's moves have not clearly changed: {alike}. A refresh is not needed."


def periods_text(periods: pd.Series) -> str:
    """What is compared, and what the periods of a drift are; periods: `follow_drift`'s labels."""
    compared = (
        "Of the five interests that most often follow each interest, the share that two groups of people have in "
        "common (Jaccard), averaged. Fewer people have less in common by chance alone, so both lines compare halves of "
        "the people, with as many moves each; only a solid line well below the dashed one is change. "
    )
    if periods.str.match(r"\d").all():
        return f"{compared}Every period is a month."
    return compared + (
        "There are too few months, or too few moves in each, to compare. So every period is a part of the log with "
        "about equally many moves."
    )
