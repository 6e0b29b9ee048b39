"""What the screen says: names, sentences and tables in plain words. No Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from ..charts.measures import method_name
from ..config import VECTORS_IN_FILE
from ..descriptions.costs import Estimate
from ..descriptions.meter import Reading
from ..drift import DriftVerdict
from ..granularity_effects import BUSIEST, FEWEST_ITEMS, FEWEST_PEOPLE, SuggestedRange
from ..llm import Connection
from ..llm.endpoint import Endpoint
from ..logs import Interactions
from ..tuning import TuningPlan

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
    "jaccard": "Alike with the period before",
    "within": "Alike between halves of the period's people",
    "n_interests": "Interests compared",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MARKUP = "\\`*_{}[]()#+-.!|<>~$:&"


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


METHOD_CAPTIONS = {
    "ease": "Counts which interests people have together, whatever their order.",
    "openai": "What a language model answered ahead of time; asked under “Releases” of “What comes next”.",
    "encoder": "Knows what the interests are about; works for rare ones too.",
    "counts": "Only counts who moved where.",
    "causal": "Reads the descriptions as sentences, as in the paper; slow.",
}


RECOMMENDER_CAPTIONS = {
    "sequence": "Learns what people have after what; reads the items' texts, so it works for rare ones too.",
    "ease": "Counts which items people have together, whatever their order; minutes for thousands of items.",
    "popularity": "The same order for everybody.",
    "random": "To hold the others against.",
}


def model_label(name: str) -> str:
    """A text model as it is offered: the end of its name or folder."""
    return "The vectors in your file" if name == VECTORS_IN_FILE else name.rsplit("/", 1)[-1]


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


def estimate_text(estimate: Estimate, endpoint: Endpoint, *, did: str = "described all of these interests") -> str:
    """What a run with a language model would ask and cost."""
    if not estimate.calls:
        return f"Nothing to ask: {endpoint.model} has {did}."
    where = "on this machine" if endpoint.is_local else f"at {endpoint.place}"
    cost = "its price is not known" if estimate.dollars is None else f"about {money(estimate.dollars)}"
    return (
        f"{estimate.calls:,} questions to {endpoint.model} {where}, about {estimate.tokens.read:,} tokens to read and "
        f"{estimate.tokens.written:,} to write: {cost}."
    )


def tuning_text(plan: TuningPlan, endpoint: Endpoint) -> str:
    """What fine-tuning would take."""
    if not plan.to_pay:
        return f"This was ordered already ({plan.kept.state}), so nothing more is paid."
    cost = "its price is not known" if plan.dollars is None else f"about {money(plan.dollars)}"
    return (
        f"{plan.n_examples:,} examples for {endpoint.model}, gone through {plan.epochs} times, about {plan.tokens:,} "
        f"tokens: {cost}."
    )


def meter_text(reading: Reading, did: str = "described") -> str:
    """How far a run with a language model is, in one line."""
    parts = [f"{reading.described:,} of {reading.total:,} {did}"]
    parts += [f"{reading.failed} failed"] if reading.failed else []
    parts += [f"{reading.unanswered} without an answer"] if reading.unanswered else []
    parts += [f"{reading.tokens.read + reading.tokens.written:,} tokens", money(reading.dollars)]
    if reading.waiting:
        parts.append(f"waiting {duration(reading.wait_left)}: {reading.wait_reason}")
    elif reading.seconds_left:
        parts.append(f"{duration(reading.seconds_left)} left")
    return ", ".join(parts)


def connection_text(found: Connection) -> str:
    """What a test of the language model found."""
    if not found.answered:
        return "It answers, but not in the form that was asked for. Descriptions may fail; try a larger model."
    listed = (
        "" if found.listed is None else ", and lists this model" if found.listed else ", but does not list this model"
    )
    form = "keeps to the form that is asked for" if found.keeps_schema else "has to be told the form in words"
    return f"It answers within {duration(found.seconds)}{listed}. It {form}."


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


def split_text(interactions: Interactions, split: int) -> str:
    """Where training ends and measuring begins."""
    if interactions.has_dates:
        return f"{clock_date(split):%d %B %Y}"
    return f"the last {1 - split / 1_000_000:.0%} of each person's history"


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


def drift_text(verdict: DriftVerdict, *, refreshed: bool) -> str:
    """Whether what follows has changed; the ratio of `verdict` must be there."""
    ratio = "as alike" if verdict.ratio >= 0.95 else f"{verdict.ratio:.0%} as alike"
    alike = f"what they go on to is {ratio} from period to period as between halves of a period"
    if verdict.changed:
        what_to_do = "These predictions were refreshed already, see below." if refreshed else "A refresh is worth it."
        return f"People's moves have changed: {alike}. {what_to_do}"
    return f"People's moves have not clearly changed: {alike}. A refresh is not needed."


def periods_text(periods: pd.Series) -> str:
    """What the periods of a drift are; periods: `follow_drift`'s labels."""
    if periods.str.match(r"\d").all():
        return "Every period is a month."
    return (
        "There are too few months, or too few moves in each, to compare. So every period is a part of the log with "
        "about equally many moves."
    )


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
    within = "lies within" if suggested.holds(default) else "lies outside"
    return f"{text} The {default:,} that hierex would choose by itself {within}."


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
    return f"{value:.2f}" if key in ("largest_over_mean", "gini", "coherence") else f"{value:,.0f}"


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
