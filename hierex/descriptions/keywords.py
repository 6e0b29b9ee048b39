"""Descriptions from keywords: every node by the phrases that set its items apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

from ..config import DescriptionConfig, EmbeddingConfig, Progress, no_progress, part_of
from ..embeddings import embed_texts
from ..interest_tree import InterestTree
from . import Description
from .naming import Naming, shorten
from .nearness import Scored, nearest_first
from .phrases import Phrases, find_phrases
from .words import plain_text, vague_words

CANDIDATES = 80
"""Phrases of a node that are looked at closely: those with the best scores."""
SPARE = 5
"""Phrases kept beyond those asked for, to tell nodes apart whose phrases are otherwise the same."""
LENGTH_BONUS = np.array([0, 1, 1.3, 1.4, 1.4])
"""Longer phrases say more at the same frequency; by number of words. What repeats a word says nothing."""
PRIOR = 3
"""Items added to those that hold a phrase: what is very rare tells little."""
ABSORBED = 0.6
"""A phrase gives way to a longer one that holds it, where this share of its items have the longer one."""
COMMON = 0.05
"""What more than this share of all items hold is no phrase if it is a vague word, or spread evenly over interests."""
SPREAD_OVER = 100
EVEN = 0.05
"""Share of a phrase's variance over the items that lies between the interests (100 of them), below which it is even."""
FEW_ITEMS = 10
"""In a node of at least so many items, a phrase needs two of them."""
EXAMPLES_FROM = 500
"""Items of a node among which the most central are found; of more, an even selection along the tree."""
CENTRAL = 10
"""Titles from a node's middle that may be quoted: two in its summary, one in its name where words run out."""
QUOTES = "for example "
"""Before the titles that a summary quotes, which are items and no words."""
TITLE_LENGTH = 60


def describe_nodes(
    tree: InterestTree,
    titles: Sequence[str],
    texts: Sequence[str],
    vectors: np.ndarray,
    *,
    config: DescriptionConfig,
    reader: EmbeddingConfig | None = None,
    progress: Progress = no_progress,
) -> list[Description]:
    """Describe every node by the phrases that set its items apart, after class-based TF-IDF (arXiv 2203.05794).

    titles, texts: (n_items,), may be empty, may hold markup. vectors: (n_items, d), unit length. The result is in node
    order with source `keywords`. A phrase's score is the share p of the node's items that hold it, times the log of how
    many times the share of all items that is, times 2p / (p + its share in the parent): what sets a node apart from its
    sibling comes first. With `reader`, the text model of the vectors, it is weighed by how near the phrase is to the
    node's meaning, for nodes of cuts up to `config.read_until`. Names are unique over all nodes, and so is what
    `Description.text` gives. A node has fewer than `config.n_phrases` phrases where its items' texts hold no more, and
    at least one.
    """
    titles = [plain_text(title) for title in titles]
    contents = [f"{title} . {text}" for title, text in zip(titles, texts, strict=True)]
    phrases = find_phrases(contents, most=config.max_features)
    progress(0.4)
    evidence = _gather(tree, phrases)
    progress(0.6)
    scored = [_score(evidence, node) for node in range(len(tree.lo))]
    if reader is not None:
        nodes = np.flatnonzero((tree.born > 1) & (tree.born <= config.read_until) & (tree.lo < tree.hi))
        watch = part_of(progress, 0.6, 0.9)
        read = partial(embed_texts, config=reader, progress=watch)
        scored = nearest_first(tree, nodes, scored, phrases.texts, vectors, read)
    naming = Naming(phrases, config)
    described = []
    for node in range(len(tree.lo)):
        salient = _salient(scored[node], phrases, config.n_phrases + SPARE)
        central = _central_titles(tree, node, titles, vectors)
        name = naming.name(node, int(tree.parent[node]), salient, central)
        chosen = naming.phrases(salient, name)
        summary = _summary(chosen if salient else (), central)
        described.append(Description(node, name, chosen, summary, "keywords"))
        progress(0.9 + 0.1 * (node + 1) / len(tree.lo))
    return described


@dataclass(frozen=True)
class _Evidence:
    """counts: (n_nodes, P), how many items of each node hold each phrase; size, parent: (n_nodes,).

    overall: (P,) share of all items that hold the phrase; worth: (P,) factor of its score.
    """

    counts: sparse.csr_array
    size: np.ndarray
    parent: np.ndarray
    overall: np.ndarray
    worth: np.ndarray

    def row(self, node: int) -> tuple[np.ndarray, np.ndarray]:
        """The phrases that the node's items hold, ascending, and how many of the items hold each."""
        part = slice(*self.counts.indptr[node : node + 2])
        return self.counts.indices[part], self.counts.data[part]


def _gather(tree: InterestTree, phrases: Phrases) -> _Evidence:
    counts, size = _count(tree, phrases.counts), tree.hi - tree.lo
    overall = phrases.counts.sum(0) / tree.n_items
    worth = LENGTH_BONUS[[len(stems) if len(set(stems)) == len(stems) else 0 for stems in phrases.stems]]
    vague = np.array([not vague_words().isdisjoint((text, text.removesuffix("s"))) for text in phrases.texts], bool)
    nodes = tree.cut(min(SPREAD_OVER, tree.finest))
    share = counts[nodes].toarray() / size[nodes, None]
    between = np.average((share - overall) ** 2, axis=0, weights=size[nodes])
    even = between < EVEN * overall * (1 - overall)
    worth[(vague | even) & (overall > COMMON)] = 0
    return _Evidence(counts, size, tree.parent, overall, worth)


def _count(tree: InterestTree, counts: sparse.csr_array) -> sparse.csr_array:
    """(n_nodes, P): items of each node that hold each phrase, counted per leaf and added up over each node's leaves."""
    leaves = tree.cut(tree.finest)
    starts = tree.lo[leaves]
    of_leaf = _slices(starts, tree.hi[leaves], tree.n_items)
    of_leaf.indices = tree.order[of_leaf.indices]
    of_node = _slices(np.searchsorted(starts, tree.lo), np.searchsorted(starts, tree.hi), len(leaves))
    counted = sparse.csr_array(of_node @ (of_leaf @ counts))
    counted.sort_indices()
    return counted


def _slices(lo: np.ndarray, hi: np.ndarray, width: int) -> sparse.csr_array:
    """(len(lo), width), row k is 1 from lo[k] up to hi[k]."""
    ends = np.concatenate([[0], np.cumsum(hi - lo)])
    columns = np.arange(ends[-1]) - np.repeat(ends[:-1] - lo, hi - lo)
    return sparse.csr_array((np.ones(ends[-1], np.float32), columns, ends), shape=(len(lo), width))


def _score(evidence: _Evidence, node: int) -> Scored:
    """The node's best candidates, best first: phrases, how many items hold each, scores (all above 0)."""
    phrases, held = evidence.row(node)
    size, parent = evidence.size[node], evidence.parent[node]
    share = (held - 0.5) / size  # Half an item less: one item of five says less than one in five of a hundred.
    if node == parent:
        score = share * np.log(1 / evidence.overall[phrases])
    else:
        in_parent, held_in_parent = evidence.row(parent)
        share_of_parent = held_in_parent[np.searchsorted(in_parent, phrases)] / evidence.size[parent]
        rest = evidence.overall[phrases] + PRIOR / evidence.size[0]
        score = share * np.log(share / rest) * 2 * share / (share + share_of_parent)
    score = score * np.where(held > 1, evidence.worth[phrases], np.minimum(evidence.worth[phrases], 1))
    score[held < (2 if size >= FEW_ITEMS else 1)] = 0
    best = np.argsort(-score, kind="stable")[:CANDIDATES]
    best = best[score[best] > 0]
    return phrases[best], held[best], score[best]


def _salient(scored: Scored, phrases: Phrases, most: int) -> list[int]:
    """A node's phrases, best first. Each brings a new word, and no word comes more than twice."""
    candidates, held, _ = scored
    items = dict(zip(candidates.tolist(), held.tolist(), strict=True))
    absorbed = {
        part
        for phrase in items
        for part in phrases.shorter[phrase]
        if items[phrase] >= ABSORBED * items.get(part, np.inf)
    }
    times: Counter[int] = Counter()
    chosen = []
    for phrase in items:
        stems = set(phrases.stems[phrase])
        new = [stem for stem in stems if not times[stem]]
        if phrase in absorbed or not new or any(times[stem] > 1 for stem in stems):
            continue
        times.update(stems)
        chosen.append(phrase)
        if len(chosen) == most:
            break
    return chosen


def _central_titles(tree: InterestTree, node: int, titles: list[str], vectors: np.ndarray) -> list[str]:
    """A few different titles from the middle of the node, the most central first."""
    lo, hi = int(tree.lo[node]), int(tree.hi[node])
    items = tree.order[np.linspace(lo, hi - 1, min(hi - lo, EXAMPLES_FROM)).astype(np.int64)]
    inside = vectors[items]
    central = items[np.argsort(-(inside @ inside.sum(0)), kind="stable")[:CENTRAL]]
    return [title for title in dict.fromkeys(titles[item] for item in central) if title]


def _summary(phrases: tuple[str, ...], central: list[str]) -> str:
    """How many items it holds is not said here: people move items, and what is said stays."""
    quoted = " and ".join(f"“{shorten(title, TITLE_LENGTH)}”" for title in central[:2])
    listed = ", ".join(phrases[:2]) + " and " + phrases[2] if len(phrases) > 2 else " and ".join(phrases)
    said = [f"about {listed}"] * bool(listed) + [f"{QUOTES}{quoted}"] * bool(quoted)
    text = "; ".join(said) or "items without words"
    return f"{text[0].upper()}{text[1:]}."
