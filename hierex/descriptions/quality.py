"""How good descriptions are, measured without a language model: whether their words find their items, and whose words
are alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..taxonomy import Taxonomy
from . import Description
from .checks import FEWEST_PHRASES, NAME_WORDS, PHRASE_WORDS, find_empty_words, name_key
from .closeness import TOO_CLOSE
from .equal_names import own_name

MOST_ITEMS = 300
"""Items of an interest that are looked at; of more, an even selection along the item order."""
FEWEST_HELD_OUT = 5
"""With fewer items that the writer was not shown, all items are looked at."""
ROWS_AT_ONCE = 4_096
TIE = 1e-6
FAR_BELOW = 0.5
"""An interest whose words find no more than this share of what the median interest's find is one to look at."""

NOT_COMPARABLE = (
    "The items brought vectors of their own, which words cannot be compared with. So nobody knows whether the words "
    "find the items; all else was checked."
)
ALL_ITEMS = "Measured on all items, also those that the words were chosen from."
HELD_OUT = "{:,} of {:,} interests are measured on items that the language model was not shown, the others on all."


@dataclass(frozen=True)
class DescriptionQuality:
    """One row per interest, in the order of the taxonomy. What cannot be measured is missing; `note` says what and why.

    table: cluster_id;
    found: accuracy@1, the share of the interest's items that are nearer to its words than to those of any other (a tie
    is none); mrr: mean of 1 / rank of the own interest; n_items: looked at; held_out: whether none of these was shown
    to whoever wrote; mistaken_for, mistaken_share: which other interest's words are nearest to the largest share of the
    items (id, missing where no item has any);
    nearest, likeness: the interest with the most similar words (id) and the cosine;
    name_words, n_phrases, empty_words (tuple);
    same_name, same_phrases: another interest that has these (id), else missing; names without the number that tells
    equal ones apart;
    flags: tuple of what to look at, in plain words.
    """

    table: pd.DataFrame
    note: str

    @property
    def found(self) -> float:
        """Mean accuracy@1 of the interests; missing (NaN) where it cannot be measured."""
        return float(self.table["found"].mean())


def measure_descriptions(
    taxonomy: Taxonomy,
    descriptions: Sequence[Description],
    words: np.ndarray,
    vectors: np.ndarray | None,
    *,
    shown: Mapping[int, np.ndarray],
) -> DescriptionQuality:
    """The quality of the interests' descriptions, both in the taxonomy's order.

    words: (n, d) of the descriptions and vectors: (n_items, d) of the items, unit length, of one text model; vectors
    None where items have others. shown: by cluster id, the items that the writer saw, where that is known; those who
    are not in it may have seen all.
    """
    columns = {"cluster_id": taxonomy.cluster_ids}
    if vectors is None:
        columns |= _unmeasured(taxonomy.n_clusters)
    else:
        columns |= measure_retrieval(taxonomy, words, vectors, shown)
    columns |= measure_likeness(taxonomy, words) | _check_words(taxonomy, descriptions)
    table = pd.DataFrame(columns)
    names = {int(cluster): d.name for cluster, d in zip(taxonomy.cluster_ids, descriptions, strict=True)}
    low = FAR_BELOW * table["found"].median()
    rows = zip(table.itertuples(), descriptions, strict=True)
    table["flags"] = [tuple(_find_flags(row, description, names, low)) for row, description in rows]
    return DescriptionQuality(table, _note(table, vectors is not None))


def measure_retrieval(
    taxonomy: Taxonomy, words: np.ndarray, vectors: np.ndarray, shown: Mapping[int, np.ndarray]
) -> dict[str, np.ndarray]:
    """The columns found to mistaken_share of `DescriptionQuality`."""
    n = taxonomy.n_clusters
    items, cluster, held_out = _pick_items(taxonomy, shown)
    rank, other = _rank(vectors, items, words, cluster)
    n_items = np.bincount(cluster, minlength=n)
    wrong = rank > 1
    pairs, times = np.unique(cluster[wrong] * n + other[wrong], return_counts=True)
    by_times = np.argsort(times, kind="stable")
    mistaken, share = np.full(n, -1), np.zeros(n)
    of = pairs[by_times] // n
    mistaken[of], share[of] = pairs[by_times] % n, times[by_times]  # the most frequent comes last and stays
    return {
        "found": np.bincount(cluster, rank == 1, minlength=n) / n_items,
        "mrr": np.bincount(cluster, 1 / rank, minlength=n) / n_items,
        "n_items": n_items,
        "held_out": held_out,
        "mistaken_for": _ids(taxonomy, mistaken),
        "mistaken_share": share / n_items,
    }


def measure_likeness(taxonomy: Taxonomy, words: np.ndarray) -> dict[str, np.ndarray]:
    """The interest with the most similar words, and the cosine: missing where there is no other."""
    n = len(words)
    if n < 2:
        return {"nearest": _ids(taxonomy, np.full(n, -1)), "likeness": np.full(n, np.nan)}
    cosine = words @ words.T
    np.fill_diagonal(cosine, -np.inf)
    return {"nearest": _ids(taxonomy, cosine.argmax(1)), "likeness": np.clip(cosine.max(1), -1, 1)}


def _pick_items(taxonomy: Taxonomy, shown: Mapping[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Items to look at, the cluster index of each, and (n_clusters,) whether those were not shown to the writer."""
    picked, held_out = [], np.zeros(taxonomy.n_clusters, bool)
    for cluster, cluster_id in enumerate(taxonomy.cluster_ids.tolist()):
        items = taxonomy.items_of(cluster)
        if cluster_id in shown:
            unseen = items[~np.isin(items, shown[cluster_id])]
            if len(unseen) >= FEWEST_HELD_OUT:
                items, held_out[cluster] = unseen, True
        picked.append(items[np.linspace(0, len(items) - 1, min(len(items), MOST_ITEMS)).astype(np.int64)])
    return np.concatenate(picked), np.repeat(np.arange(len(picked)), [len(items) for items in picked]), held_out


def _rank(
    vectors: np.ndarray, items: np.ndarray, words: np.ndarray, cluster: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Per item the rank of its own interest, after those that tie with it, and the nearest of the others."""
    rank, other = np.empty(len(items), np.int64), np.empty(len(items), np.int64)
    for at in range(0, len(items), ROWS_AT_ONCE):
        part = slice(at, at + ROWS_AT_ONCE)
        likeness = vectors[items[part]] @ words.T
        own = np.arange(len(likeness)), cluster[part]
        rank[part] = (likeness >= likeness[own][:, None] - TIE).sum(1)
        likeness[own] = -np.inf
        other[part] = likeness.argmax(1)
    return rank, other


def _unmeasured(n: int) -> dict[str, object]:
    missing = np.full(n, np.nan)
    ids = pd.array([pd.NA] * n, "Int64")
    return {
        "found": missing,
        "mrr": missing,
        "n_items": np.zeros(n, np.int64),
        "held_out": np.zeros(n, bool),
        "mistaken_for": ids,
        "mistaken_share": missing,
    }


def _check_words(taxonomy: Taxonomy, descriptions: Sequence[Description]) -> dict[str, object]:
    own_names = [own_name(description.name) for description in descriptions]
    phrases = [frozenset(phrase.casefold() for phrase in description.phrases) for description in descriptions]
    return {
        "name_words": [_count_words(name) for name in own_names],
        "n_phrases": [len(description.phrases) for description in descriptions],
        "empty_words": [tuple(find_empty_words(_own_words(description))) for description in descriptions],
        "same_name": _ids(taxonomy, _twins([name_key(name) for name in own_names])),
        "same_phrases": _ids(taxonomy, _twins(phrases)),
    }


def _own_words(description: Description) -> Description:
    """Without the summary of keywords, which quotes titles."""
    return replace(description, summary="") if description.source == "keywords" else description


def _count_words(text: str) -> int:
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def _twins(keys: Sequence[frozenset]) -> np.ndarray:
    """Per key, the place of the first other one that is the same, else -1. An empty key is like no other."""
    places: dict[frozenset, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    others = [[other for other in places[key][:2] if other != place and key] for place, key in enumerate(keys)]
    return np.array([other[0] if other else -1 for other in others])


def _ids(taxonomy: Taxonomy, clusters: np.ndarray) -> pd.array:
    """Cluster ids, missing for -1."""
    ids = pd.array(taxonomy.cluster_ids[clusters].astype(np.int64), "Int64")
    ids[clusters < 0] = pd.NA
    return ids


def _find_flags(row, description: Description, names: Mapping[int, str], low: float):
    """What a person should look at; row: of the table."""
    if row.found <= low and row.mistaken_share > row.found:
        yield f"its items fit “{names[row.mistaken_for]}” better"
    elif row.found <= low:
        yield "its words find few of its items"
    if not pd.isna(row.same_phrases):
        yield f"same phrases as “{names[row.same_phrases]}”"
    elif row.likeness > TOO_CLOSE:
        yield f"hard to tell from “{names[row.nearest]}”"
    if not pd.isna(row.same_name):
        yield f"same name as “{names[row.same_name]}”"
    if row.name_words > NAME_WORDS:
        yield "long name"
    if row.n_phrases < FEWEST_PHRASES:
        yield f"only {row.n_phrases} phrase{'' if row.n_phrases == 1 else 's'}"
    if any(_count_words(phrase) > PHRASE_WORDS for phrase in description.phrases):
        yield "long phrase"
    if row.empty_words:
        yield f"vague word{'' if len(row.empty_words) == 1 else 's'}: {', '.join(row.empty_words)}"
    if description.unclear:
        yield "its items don't belong together, says the language model"


def _note(table: pd.DataFrame, comparable: bool) -> str:
    if not comparable:
        return NOT_COMPARABLE
    held_out = int(table["held_out"].sum())
    if not held_out:
        return ALL_ITEMS
    return HELD_OUT.format(held_out, len(table))
