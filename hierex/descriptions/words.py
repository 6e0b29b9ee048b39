"""From texts to words: markup and links away, hashtags taken apart, stop words known, any script."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

MAX_CHARACTERS = 5_000
"""Of one item's text; what comes later is not read."""
MAX_WORD = 40
SHORTEST_COMPOUND = 7
KNOWN = 3
"""How often a word must occur for a hashtag to be taken apart into it."""
HASHTAG_JOINERS = frozenset({"and", "und", "the", "for", "of"})
"""What may stand in the middle of a hashtag; others, like `de`, are too often the start of a word (interior-design)."""
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that nobody sees."""
BREAK = 0
"""The word number of whatever ends a phrase: punctuation, a number that is no year, the end of an item."""

# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Hiragana, Han. A character takes a word's part.
_UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u1000-\u102a\u103f\u1050-\u1055"
)
_UNSPACED += "\u1780-\u17b3\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_MARKS = "".join(chr(code) for code in range(0x300, 0x12000) if unicodedata.category(chr(code)).startswith("M"))
_CHARACTER = re.compile(f"[{_UNSPACED}]")
_LETTER = rf"[^\W_{_UNSPACED}]"
_TOKEN = re.compile(
    rf"(?<=[{_UNSPACED}{_MARKS}])\s+(?=[{_UNSPACED}])"  # a space between characters is a break
    rf"|[{_UNSPACED}][{_MARKS}]*"
    rf"|#?{_LETTER}(?:{_LETTER}|[{_MARKS}]|['’\-](?={_LETTER}))*"
    r"|[^\w\s#]+|#"
)
_CASED = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|</?[a-z][^<>]*>?", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"\b(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w.-]{1,255}")
_JOINERS = "\u200c\u200d"
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)['’]", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:st|nd|rd|th|s|k|x|er|e)?")
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
"""The one number that says something alone: films, songs and news of one time are often one interest."""


def plain_text(text: str) -> str:
    """The start of the text in one line, without markup, links, control characters and marks of direction."""
    text = unicodedata.normalize("NFKC", html.unescape(str(text)[:MAX_CHARACTERS]))
    text = text.replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")  # what NFKC does to Thai and Lao am
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in _JOINERS else " " if c.isspace() else "" for c in text)
    text = _LINK.sub(" ", _TAG.sub(" ", text))
    return " ".join(text.split())


def tidy(text: str) -> str:
    """One line, without what nobody sees: control characters, marks that turn the reading direction around, blanks.

    What joins letters is kept between letters, where some scripts need it.
    """
    seen = "".join(" " if is_control(c) else "" if is_hidden(c) else c for c in text)
    return " ".join(word for word in seen.split() if word.strip(_JOINERS))


def is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in BLANKS


def is_hidden(character: str) -> bool:
    return unicodedata.category(character) == "Cf" and character not in _JOINERS


def is_unspaced(word: str) -> bool:
    """Whether it is of a script that puts no spaces between words."""
    return bool(_CHARACTER.match(word)) or "\u30a0" <= word[:1] <= "\u30ff"  # katakana is not taken apart elsewhere


@cache
def _word_list() -> dict[str, frozenset[str]]:
    lines = Path(__file__).with_name("stop_words.txt").read_text("utf-8").splitlines()
    split = (line.partition(":") for line in lines if not line.startswith("#"))
    return {kind: frozenset(words.split()) for kind, _, words in split}


def stop_words_of(language: str) -> frozenset[str]:
    """Of one language, by its two-letter code; none where there is no list."""
    return _word_list().get(language, frozenset())


@cache
def stop_words() -> frozenset[str]:
    """What no phrase starts or ends with, all languages together."""
    return frozenset().union(*(words for kind, words in _word_list().items() if kind not in ("vague", "inside")))


@cache
def _inside_words() -> frozenset[str]:
    """The stop words that may stand inside a phrase: house of cards."""
    return _word_list()["inside"]


@cache
def vague_words() -> frozenset[str]:
    """What says little alone where many items hold it: game, story, video."""
    return _word_list()["vague"]


@dataclass(frozen=True)
class Words:
    """The vocabulary. texts: V words as most often written; stem (V,): the number of the singular, where there is one.

    (V,) bool each: content: a phrase may start and end with it; inside: it may stand in a phrase; character: it is one
    character of a script without spaces.
    """

    texts: list[str]
    stem: np.ndarray
    content: np.ndarray
    inside: np.ndarray
    character: np.ndarray


def read_words(texts: Sequence[str]) -> tuple[Words, np.ndarray, np.ndarray]:
    """The vocabulary, and (T,) each: the word and the item at every place of all texts in a row."""
    forms: dict[str, int] = {".": BREAK}
    running, lengths = [], []
    for text in texts:
        tokens = _TOKEN.findall(plain_text(text))
        running += [forms.setdefault(token, len(forms)) for token in tokens]
        running.append(BREAK)
        lengths.append(len(tokens) + 1)
    form, item = np.array(running, np.int64), np.repeat(np.arange(len(texts)), lengths)
    form, item = _take_hashtags_apart(forms, form, item)
    words, word_of_form = _vocabulary(list(forms), np.bincount(form, minlength=len(forms)))
    return words, word_of_form[form], item


def _take_hashtags_apart(forms: dict[str, int], form: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """#sourdoughstarter becomes a break and two words, where the catalogue knows both. Adds what is new to `forms`."""
    plain: Counter[str] = Counter()
    tagged: Counter[str] = Counter()
    for written, times in zip(list(forms), np.bincount(form, minlength=len(forms)).tolist(), strict=True):
        (tagged if written.startswith("#") else plain)[written.lstrip("#").lower()] += times
    known = plain + tagged
    parts = [[number] for number in forms.values()]
    for written, number in list(forms.items()):
        if len(written) > 1 and written.startswith("#"):
            tag = written[1:]
            split = [tag] if tag.lower() in plain else _split(tag, known)
            parts[number] = [BREAK, *(forms.setdefault(part, len(forms)) for part in split)]
    lengths = np.array([len(part) for part in parts])
    starts = np.cumsum(lengths) - lengths
    times = lengths[form]
    within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    flat = np.array([number for part in parts for number in part])
    return flat[np.repeat(starts[form], times) + within], np.repeat(item, times)


def _split(tag: str, known: Mapping[str, int]) -> list[str]:
    """The words that a hashtag is made of: by its capitals, else two known words, else two with a short one between."""
    cased = _CASED.findall(tag)
    if "".join(cased) == tag and len(cased) > 1 and min(map(len, cased)) > 1 and tag != tag.upper():
        return cased
    tag = tag.lower()
    if not SHORTEST_COMPOUND <= len(tag) <= MAX_WORD:
        return [tag]
    ends = range(3, len(tag) - 2)
    pairs = [[tag[:at], tag[at:]] for at in ends]
    pairs = [pair for pair in pairs if stop_words().isdisjoint(pair)]
    triples = [[tag[:at], tag[at:end], tag[end:]] for at in ends for end in (at + 2, at + 3) if end <= len(tag) - 3]
    triples = [triple for triple in triples if triple[1] in HASHTAG_JOINERS]
    for options in (pairs, triples):
        best = max(options, key=lambda option: min(known.get(part, 0) for part in option), default=[""])
        if min(known.get(part, 0) for part in best) >= KNOWN:
            return best
    return [tag]


def _vocabulary(forms: list[str], seen: np.ndarray) -> tuple[Words, np.ndarray]:
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
    character = np.array([bool(_CHARACTER.match(key)) for key in numbers])
    inside = content | character | np.array([key in _inside_words() for key in numbers])
    return Words(written, stem, content, inside, character), word_of_form


def _key(form: str) -> str:
    """What makes two written words the same; empty where the token is no word."""
    word = _ELISION.sub("", form.lower().replace("’", "'")).removesuffix("'s")
    if not word or len(word) > MAX_WORD or not word[0].isalnum():
        return ""
    if _NUMBER.fullmatch(word) and not _YEAR.fullmatch(word):
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
