"""Descriptions from keywords: every node by the phrases that set its items apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, count

import numpy as np
from scipy import sparse

from ..config import DescriptionConfig, EmbeddingConfig, Progress, no_progress, part_of
from ..embeddings import embed_texts
from ..interest_tree import InterestTree
from . import Description
from .nearness import Scored, nearest_first
from .phrases import Phrases, find_phrases
from .words import plain_text, stop_words, vague_words

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
NAME_LENGTH = 40


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
    wording = _Wording(phrases, config)
    described = []
    for node in range(len(tree.lo)):
        salient = _salient(scored[node], phrases, config.n_phrases + SPARE)
        central = _central_titles(tree, node, titles, vectors)
        name = wording.name(node, int(tree.parent[node]), salient, central)
        chosen = wording.phrases(salient, name)
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


class _Wording:
    """Names and lists of phrases, each given out once."""

    def __init__(self, phrases: Phrases, config: DescriptionConfig):
        self._known = phrases
        self._config = config
        self._taken_names: set[str] = set()
        self._taken_stems: set[frozenset[int]] = set()
        self._taken_texts: set[str] = set()
        self._stems_of_node: dict[int, frozenset[int]] = {}

    def name(self, node: int, parent: int, salient: list[int], central: list[str]) -> str:
        """Of the first phrases that nobody has yet and that say more than the parent's name, title-cased.

        A year alone is no name, unless there is nothing else.
        """
        above = self._stems_of_node.get(parent, frozenset())
        named = [phrase for phrase in salient if not self._known.texts[phrase].isdigit()] or salient
        for option in self._options(named):
            stems = frozenset(stem for phrase in option for stem in self._known.stems[phrase])
            name = " & ".join(_title_case(self._known.texts[phrase]) for phrase in option)
            if stems <= above or stems in self._taken_stems or name.casefold() in self._taken_names:
                continue
            self._taken_stems.add(stems)
            self._stems_of_node[node] = stems
            break
        else:
            name = self._fallback(node, named, central)
        self._taken_names.add(name.casefold())
        return name

    def _options(self, salient: list[int]) -> Iterator[tuple[int, ...]]:
        """One phrase of several words or two phrases with no word in common, within the length of a name."""
        for place, first in enumerate(salient):
            stems, length = set(self._known.stems[first]), self._length(first)
            if len(stems) > 1 or len(salient) == 1:
                yield (first,)
            for second in salient[place + 1 :]:
                if (
                    stems.isdisjoint(self._known.stems[second])
                    and length + self._length(second) <= self._config.max_name_words
                ):
                    yield first, second

    def _length(self, phrase: int) -> int:
        return len(self._known.texts[phrase].split())

    def _fallback(self, node: int, salient: list[int], central: list[str]) -> str:
        """The first phrase with the first words of a central title that add to it, or what there is of the two; last, a
        number."""
        phrase = _title_case(self._known.texts[salient[0]]) if salient else ""
        room = max(1, self._config.max_name_words - len(phrase.split()))
        starts = [_first_words(title, room) for title in central]
        telling = [start for start in starts if start and (not phrase or _words(start) - _words(phrase) - stop_words())]
        bases = [start if _words(phrase) <= _words(start) else f"{phrase}: {start}" for start in telling]
        if not bases and not phrase:
            bases = [f"Interest {node}"]
        numbered = (f"{(bases or [phrase])[0]} {number}" for number in count(2))
        return next(name for name in chain(bases, numbered) if name.casefold() not in self._taken_names)

    def phrases(self, salient: list[int], name: str) -> tuple[str, ...]:
        """The first phrases; where another node has the same ones, the last is exchanged, in the end for the name."""
        texts = [self._known.texts[phrase] for phrase in salient]
        wanted = self._config.n_phrases
        head = texts[: wanted - 1]
        options = chain(
            [texts[:wanted] or [name]],
            ([*head, text] for text in texts[wanted:]),
            ([*head, name, *map(str, range(2, n))] for n in count(2)),
        )
        chosen = next(option for option in options if ", ".join(option) not in self._taken_texts)
        self._taken_texts.add(", ".join(chosen))
        return tuple(chosen)


def _title_case(phrase: str) -> str:
    """Capitals at the start of all words but the small ones inside; capitals that are there stay."""
    words = phrase.split(" ")
    last = len(words) - 1
    return " ".join(
        word if 0 < place < last and word in stop_words() else word[:1].upper() + word[1:]
        for place, word in enumerate(words)
    )


def _words(text: str) -> set[str]:
    """Without regard to case and to the s of more than one."""
    return {word.removesuffix("s") for word in re.findall(r"[^\W_]+", text.casefold())}


def _first_words(title: str, most: int) -> str:
    """So many words of the title without what is in brackets and '#', and no stop word at the end."""
    words = re.sub(r"[(\[].*?[)\]]|#", "", title).split()[:most]
    while len(words) > 1 and words[-1].strip(",").lower() in stop_words():
        words.pop()
    return _shorten(" ".join(words).strip(" ,;:-–—…"), NAME_LENGTH)


def _shorten(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    start = text[:most]
    at_space = start.rfind(" ")
    return start[: at_space if at_space > most // 2 else most - 1].rstrip() + "…"


def _central_titles(tree: InterestTree, node: int, titles: list[str], vectors: np.ndarray) -> list[str]:
    """A few different titles from the middle of the node, the most central first."""
    lo, hi = int(tree.lo[node]), int(tree.hi[node])
    items = tree.order[np.linspace(lo, hi - 1, min(hi - lo, EXAMPLES_FROM)).astype(np.int64)]
    inside = vectors[items]
    central = items[np.argsort(-(inside @ inside.sum(0)), kind="stable")[:CENTRAL]]
    return [title for title in dict.fromkeys(titles[item] for item in central) if title]


def _summary(phrases: tuple[str, ...], central: list[str]) -> str:
    """How many items it holds is not said here: people move items, and what is said stays."""
    quoted = " and ".join(f"“{_shorten(title, TITLE_LENGTH)}”" for title in central[:2])
    listed = ", ".join(phrases[:2]) + " and " + phrases[2] if len(phrases) > 2 else " and ".join(phrases)
    said = [f"about {listed}"] * bool(listed) + [f"{QUOTES}{quoted}"] * bool(quoted)
    text = "; ".join(said) or "items without words"
    return f"{text[0].upper()}{text[1:]}."
