"""Finding interests: by words in their names, phrases and items' titles, or by meaning, as the text model has it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from ..interest_tree import InterestTree
from ..taxonomy import Taxonomy, cluster_of_leaf
from . import Description

MOST_FOUND = 20
IN_NAME, IN_PHRASES, IN_TITLES, LIKE = "name", "phrases", "titles", "meaning"
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0003ffff]")
"""Scripts that put no spaces between words (Thai, Lao, Burmese, Khmer, Chinese, Japanese), and Korean."""


@dataclass(frozen=True)
class Found:
    """An interest that was found, and why: the phrase, or the item's title, that fits best.

    place: `name`, `phrases`, `titles` or `meaning`. n_items: how many titles hold the words, 0 for other places.
    likeness: cosine of the query and the interest's centre; missing (NaN) where words were looked for.
    """

    cluster_id: int
    place: str
    text: str
    n_items: int = 0
    likeness: float = float("nan")


def searchable(texts: Sequence[str]) -> list[str]:
    """Texts as they are searched: without case, accents and punctuation, each word after a space."""
    return [" " + " ".join(_words(text)) for text in texts]  # not kept in `_plain`: there may be a million titles


def find_by_words(
    query: str,
    taxonomy: Taxonomy,
    descriptions: Mapping[int, Description],
    titles: Sequence[str],
    searchable_titles: Sequence[str],
    traffic: np.ndarray,
    *,
    most: int = MOST_FOUND,
) -> list[Found]:
    """Interests in whose name, in one of whose phrases, or in one of whose items' titles every word of the query begins
    a word. First those named so, then those with such a phrase, then those with most such items.

    descriptions: by cluster id. titles, searchable_titles (see `searchable`), traffic: (n_items,). Of the titles that
    fit, the one with most traffic is given. A query without a letter or digit finds nothing.
    """
    wanted = [word if UNSPACED.search(word) else f" {word}" for word in dict.fromkeys(_words(query))]
    if not wanted:
        return []
    fitting = np.array(
        [item for item, text in enumerate(searchable_titles) if all(word in text for word in wanted)], dtype=np.int64
    )
    clusters = taxonomy.cluster_of_item[fitting]
    counts = np.bincount(clusters, minlength=taxonomy.n_clusters)
    by_traffic = np.argsort(traffic[fitting], kind="stable")
    busiest = dict(zip(clusters[by_traffic].tolist(), fitting[by_traffic].tolist(), strict=True))
    found = []
    for cluster in range(taxonomy.n_clusters):
        cluster_id, n_items = int(taxonomy.cluster_ids[cluster]), int(counts[cluster])
        description = descriptions[cluster_id]
        if name := _fitting([description.name], wanted):
            found.append(Found(cluster_id, IN_NAME, name, n_items))
        elif phrase := _fitting(description.phrases, wanted):
            found.append(Found(cluster_id, IN_PHRASES, phrase, n_items))
        elif n_items:
            found.append(Found(cluster_id, IN_TITLES, titles[busiest[cluster]], n_items))
    places = (IN_NAME, IN_PHRASES, IN_TITLES)
    return sorted(found, key=lambda one: (places.index(one.place), -one.n_items))[:most]


def sum_leaves(tree: InterestTree, vectors: np.ndarray, traffic: np.ndarray) -> np.ndarray:
    """(n_leaves, d) float32: the vectors of each finest node added up, weighted by traffic, which counts 1 at least.

    In the order of `tree.cut(tree.finest)`. vectors: (n_items, d) float32, unit length. traffic: (n_items,).
    """
    leaves, weights = tree.cut(tree.finest), np.maximum(traffic, 1.0).astype(np.float32)
    inside = (tree.order[tree.lo[leaf] : tree.hi[leaf]] for leaf in leaves)
    return np.stack([weights[items] @ vectors[items] for items in inside])


def find_by_meaning(
    query_vector: np.ndarray,
    tree: InterestTree,
    taxonomy: Taxonomy,
    leaf_sums: np.ndarray,
    vectors: np.ndarray,
    titles: Sequence[str],
    *,
    most: int = MOST_FOUND,
) -> list[Found]:
    """The interests whose centres are most alike to the query, by cosine, and of each the item that is most alike.

    query_vector (d,), vectors (n_items, d): unit length, of one model. leaf_sums: see `sum_leaves`; an interest's
    centre is the mean of its items' vectors, weighted in the same way.
    """
    sums = np.zeros((taxonomy.n_clusters, leaf_sums.shape[1]), np.float32)
    np.add.at(sums, cluster_of_leaf(tree, taxonomy), leaf_sums)
    likeness = sums @ query_vector / np.maximum(np.linalg.norm(sums, axis=1), 1e-12)
    found = []
    for cluster in np.argsort(-likeness, kind="stable")[:most]:
        items = taxonomy.items_of(cluster)
        nearest = items[np.argmax(vectors[items] @ query_vector)]
        found.append(
            Found(int(taxonomy.cluster_ids[cluster]), LIKE, titles[nearest], likeness=float(likeness[cluster]))
        )
    return found


def _fitting(texts: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the texts that every word begins a word of."""
    return next((text for text in texts if all(word in _plain(text) for word in wanted)), None)


@lru_cache(maxsize=2**17)
def _plain(text: str) -> str:
    return " " + " ".join(_words(text))


def _words(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", str(text).casefold())
    without_accents = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    composed = unicodedata.normalize("NFC", without_accents)
    return "".join(c if _is_of_a_word(c) else " " for c in composed).split()


@cache
def _is_of_a_word(character: str) -> bool:
    """Letters, digits, and the marks that are a part of letters in many scripts."""
    return unicodedata.category(character)[0] in "LNM"
