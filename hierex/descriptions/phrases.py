"""Which phrases of one to three words every item's text holds: the raw material of the keyword descriptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .words import Words, read_words

MAX_LENGTH = 3
FEW_ITEMS = 100
"""Up to this many items a phrase may come from a single one of them."""


@dataclass(frozen=True)
class Phrases:
    """What the items' texts hold. texts: P phrases; counts: (n_items, P) sparse, 1 where the item's text holds it.

    Per phrase, stems: its words as numbers, no stop words, singular and plural alike; shorter: the phrases in it.
    """

    texts: list[str]
    stems: list[tuple[int, ...]]
    shorter: list[tuple[int, ...]]
    counts: sparse.csr_array


def find_phrases(texts: Sequence[str], *, most: int) -> Phrases:
    """The phrases of one to three words in the texts, at most so many: those in most items.

    A phrase runs over no punctuation and no number, and neither starts nor ends with a stop word. Where a script has no
    spaces a phrase is two to four characters. Singular and plural are one phrase, as it is most often written.
    """
    words, word, item = read_words(texts)
    grams = [gram for gram in _grams(words, word, item) if len(gram.n_items)]
    n_items = np.concatenate([gram.n_items for gram in grams]) if grams else np.zeros(0, np.int64)
    kept = np.sort(np.argsort(-n_items, kind="stable")[:most])
    spans = [span for gram in grams for span in gram.spans]
    columns = [spans[k] for k in kept]
    stems = [tuple(words.stem[word[at:end]].tolist()) for at, end in columns]
    return Phrases(
        texts=[_join(words, word[at:end]) for at, end in columns],
        stems=[tuple(s for s in stem if words.content[s]) for stem in stems],
        shorter=_shorter(stems),
        counts=_incidence(grams, kept, len(texts)),
    )


@dataclass(frozen=True)
class _Gram:
    """All phrases of one length.

    n_items (g,): how many items hold each; spans: where each stands in the running text, as most often written;
    phrase, item: (pairs,) which item holds which.
    """

    n_items: np.ndarray
    spans: list[tuple[int, int]]
    phrase: np.ndarray
    item: np.ndarray


def _grams(words: Words, word: np.ndarray, item: np.ndarray) -> Iterator[_Gram]:
    """The phrases of one word, of two, of three, and of four characters."""
    fewest = 1 if item[-1:].sum() < FEW_ITEMS else 2
    at = np.flatnonzero(words.inside[word])
    written, meant = word[at], words.stem[word[at]]
    for length in range(1, MAX_LENGTH + 2):
        last = word[at + length - 1]
        if length > 1:
            written = _number(written * len(words.texts) + last)
            meant = _number(meant * len(words.texts) + words.stem[last])
        fits = words.content[word[at]] & words.content[last]
        fits &= words.character[last] if length > MAX_LENGTH else length > words.character[last]
        yield _gram(at[fits], length, written[fits], meant[fits], item, fewest)
        # A longer phrase goes on from a shorter one; characters and words don't mix. The last place is always a break.
        after = word[np.minimum(at + length, len(word) - 1)]
        goes_on = words.inside[after] & (words.character[after] == words.character[last])
        at, written, meant = at[goes_on], written[goes_on], meant[goes_on]


def _number(keys: np.ndarray) -> np.ndarray:
    return np.unique(keys, return_inverse=True)[1]


def _gram(at: np.ndarray, length: int, written: np.ndarray, meant: np.ndarray, item: np.ndarray, fewest: int) -> _Gram:
    """Count items, drop what too few hold, find how each is most often written."""
    meant = _number(meant)
    n_items_all = int(item[-1]) + 1 if len(item) else 1
    pairs = np.unique(meant * n_items_all + item[at])
    phrase, of_item = np.divmod(pairs, n_items_all)
    n_items = np.bincount(phrase)
    _, first, seen = np.unique(written, return_index=True, return_counts=True)
    start = np.zeros(len(n_items), np.int64)
    commonest_last = first[np.argsort(seen, kind="stable")]
    start[meant[commonest_last]] = at[commonest_last]
    kept = n_items >= fewest
    renumbered = np.cumsum(kept) - 1
    held = kept[phrase]
    spans = [(s, s + length) for s in start[kept].tolist()]
    return _Gram(n_items[kept], spans, renumbered[phrase[held]], of_item[held])


def _join(words: Words, span: np.ndarray) -> str:
    return ("" if words.character[span[0]] else " ").join(words.texts[number] for number in span)


def _shorter(stems: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Per phrase, the other phrases that stand in it."""
    number = {stem: k for k, stem in enumerate(stems)}
    return [
        tuple(
            number[part]
            for length in range(1, len(stem))
            for at in range(len(stem) - length + 1)
            if (part := stem[at : at + length]) in number
        )
        for stem in stems
    ]


def _incidence(grams: list[_Gram], kept: np.ndarray, n_items: int) -> sparse.csr_array:
    """(n_items, kept) float32, 1 where the item holds the phrase."""
    offsets = np.cumsum([0, *(len(gram.n_items) for gram in grams)])
    column = np.full(offsets[-1], -1)
    column[kept] = np.arange(len(kept))
    phrase = np.concatenate(
        [column[gram.phrase + offset] for gram, offset in zip(grams, offsets, strict=False)] or [kept]
    )
    item = np.concatenate([gram.item for gram in grams] or [kept])
    held = phrase >= 0
    ones = np.ones(held.sum(), np.float32)
    return sparse.csr_array((ones, (item[held], phrase[held])), shape=(n_items, len(kept)))
