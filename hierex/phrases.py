"""Which phrases of one to three words every item's text holds: the raw material of the keyword descriptions."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy import sparse

MAX_CHARACTERS = 5_000
"""Of one item's text; what comes later is not read."""
MAX_WORD = 40
MAX_LENGTH = 3
FEW_ITEMS = 100
"""Up to this many items a phrase may come from a single one of them."""
BREAK = 0
"""The word number of whatever ends a phrase: punctuation, a number, the end of an item."""

# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Hiragana, Han. A character takes a word's part.
_UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u1000-\u102a\u103f\u1050-\u1055"
)
_UNSPACED += "\u1780-\u17b3\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_MARKS = "".join(chr(code) for code in range(0x300, 0x12000) if unicodedata.category(chr(code)).startswith("M"))
_CHARACTER = re.compile(f"[{_UNSPACED}]")
_TOKEN = re.compile(
    rf"(?<=[{_UNSPACED}{_MARKS}])\s+(?=[{_UNSPACED}])|[{_UNSPACED}][{_MARKS}]*|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{_MARKS}]|['’\-](?=[^\W_{_UNSPACED}]))*|[^\w\s]+"
)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|</?[a-z][^<>]*(?:>|$)", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"\b(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w.-]{1,255}")
_JOINERS = "\u200c\u200d"
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)['’]", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:st|nd|rd|th|s|k|x|er|e)?")


@dataclass(frozen=True)
class Phrases:
    """What the items' texts hold. texts: P phrases; counts: (n_items, P) sparse, 1 where the item's text holds it.

    Per phrase, stems: its words as numbers, no stop words, singular and plural alike; shorter: the phrases in it.
    """

    texts: list[str]
    stems: list[tuple[int, ...]]
    shorter: list[tuple[int, ...]]
    counts: sparse.csr_array


def plain_text(text: str) -> str:
    """The start of the text in one line, without markup, links, control characters and marks of direction."""
    text = _TAG.sub(" ", html.unescape(str(text)[:MAX_CHARACTERS]))
    text = _LINK.sub(" ", unicodedata.normalize("NFKC", text))
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in _JOINERS else " " if c.isspace() else "" for c in text)
    return " ".join(text.split())


@cache
def _word_list() -> dict[str, frozenset[str]]:
    lines = Path(__file__).with_name("stop_words.txt").read_text("utf-8").splitlines()
    split = (line.partition(":") for line in lines if not line.startswith("#"))
    return {kind: frozenset(words.split()) for kind, _, words in split}


@cache
def stop_words() -> frozenset[str]:
    """What no phrase starts or ends with, all languages together."""
    return frozenset().union(*(words for kind, words in _word_list().items() if kind != "vague"))


@cache
def vague_words() -> frozenset[str]:
    """What says little alone where many items hold it: game, story, video."""
    return _word_list()["vague"]


def find_phrases(texts: Sequence[str], *, most: int) -> Phrases:
    """The phrases of one to three words in the texts, at most so many: those in most items.

    A phrase runs over no punctuation and no number, and neither starts nor ends with a stop word. Where a script has no
    spaces a phrase is two to four characters. Singular and plural are one phrase, as it is most often written.
    """
    words, word, item = _read(texts)
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
class _Words:
    """The vocabulary. texts: V words as most often written; stem (V,): the number of the singular, where there is one.

    (V,) bool each: content: a phrase may start and end with it; inside: it may stand in a phrase; character: it is one
    character of a script without spaces.
    """

    texts: list[str]
    stem: np.ndarray
    content: np.ndarray
    inside: np.ndarray
    character: np.ndarray


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


def _read(texts: Sequence[str]) -> tuple[_Words, np.ndarray, np.ndarray]:
    """The vocabulary, and (T,) each: the word and the item at every place of all texts in a row."""
    forms: dict[str, int] = {".": BREAK}
    running, lengths = [], []
    for text in texts:
        tokens = _TOKEN.findall(plain_text(text))
        running += [forms.setdefault(token, len(forms)) for token in tokens]
        running.append(BREAK)
        lengths.append(len(tokens) + 1)
    form = np.array(running, np.int64)
    words, word_of_form = _vocabulary(list(forms), np.bincount(form, minlength=len(forms)))
    return words, word_of_form[form], np.repeat(np.arange(len(texts)), lengths)


def _vocabulary(forms: list[str], seen: np.ndarray) -> tuple[_Words, np.ndarray]:
    """Words that differ in case or an apostrophe's ending are one; and (forms,) the word of every form."""
    numbers = {"": BREAK}
    written = [""]
    word_of_form = np.zeros(len(forms), np.int64)
    for form in np.argsort(-seen, kind="stable"):
        key = _key(forms[form])
        if key not in numbers:
            numbers[key] = len(numbers)
            written.append(_display(forms[form], key))
        word_of_form[form] = numbers[key]
    content = np.array([_is_content(key) for key in numbers])
    stem = np.array([numbers[_singular(key, numbers)] for key in numbers])
    stem = np.where(content[stem], stem, np.arange(len(stem)))
    inside = np.arange(len(numbers)) != BREAK
    character = np.array([bool(_CHARACTER.match(key)) for key in numbers])
    return _Words(written, stem, content, inside, character), word_of_form


def _key(form: str) -> str:
    """What makes two written words the same; empty where the token is no word."""
    word = _ELISION.sub("", form.lower().replace("’", "'")).removesuffix("'s")
    if not word or len(word) > MAX_WORD or not word[0].isalnum() or _NUMBER.fullmatch(word):
        return ""
    return word


def _display(form: str, key: str) -> str:
    """Short capitals (UFO) and inner ones (iPhone) stay; ANYTHING ELSE is set in lower case."""
    core = form[:-2] if form.lower().endswith(("'s", "’s")) else form
    keeps = core.lower() == key and core[1:] != core[1:].lower() and (len(core) <= 4 or core != core.upper())
    return core if keeps else key


def _is_content(key: str) -> bool:
    if key in stop_words() or key.split("'")[0] in stop_words():
        return False
    if "-" in key and all(part in stop_words() or len(part) < 2 for part in key.split("-")):
        return False
    return len(key) > 1 or bool(_CHARACTER.match(key))


def _singular(key: str, known: Container[str]) -> str:
    if len(key) < 4 or not key.endswith("s") or key.endswith(("ss", "us", "is")):
        return key
    guesses = (key[:-3] + "y" if key.endswith("ies") else "", key[:-2] if key.endswith("es") else "", key[:-1])
    return next((guess for guess in reversed(guesses) if len(guess) > 2 and guess in known), key)


def _grams(words: _Words, word: np.ndarray, item: np.ndarray) -> Iterator[_Gram]:
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


def _join(words: _Words, span: np.ndarray) -> str:
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
