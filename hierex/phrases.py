"""Which phrases of one to three words every item's text holds: the raw material of the keyword descriptions."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy import sparse

MAX_CHARACTERS = 5_000
"""Of one item's text; what comes later is not read."""
MAX_WORD = 40
FEW_ITEMS = 100
"""Up to this many items a phrase may come from a single one of them."""

# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Hiragana, Han. A character takes a word's part.
_UNSPACED = "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u1000-\u102a\u103f\u1050-\u1055"
_UNSPACED += "\u1780-\u17b3\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_MARKS = "".join(chr(code) for code in range(0x300, 0x12000) if unicodedata.category(chr(code)).startswith("M"))
_CHARACTER = re.compile(f"[{_UNSPACED}]")
_TOKEN = re.compile(
    rf"[{_UNSPACED}][{_MARKS}]*|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{_MARKS}]|['’\-](?=[^\W_{_UNSPACED}]))*|[^\w\s]+"
)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|</?[a-z][^<>]*(?:>|$)", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"\b(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w.-]{1,255}")
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)['’]", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:st|nd|rd|th|s|k|x|er|e)?")


@dataclass(frozen=True)
class Phrases:
    """What the items' texts hold. texts: P phrases; counts: (n_items, P) sparse, 1 where the item's text holds it.

    Per phrase, stems: its words as numbers, without stop words, singular and plural alike; shorter: the phrases inside it.
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
def stop_words() -> frozenset[str]:
    """The words of `stop_words.txt`, all languages together."""
    lines = Path(__file__).with_name("stop_words.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split()[1:])


def find_phrases(texts: Sequence[str], *, most: int) -> Phrases:
    """The phrases of one to three words in the texts, at most so many: those in most items.

    A phrase runs over no punctuation and no number, and neither starts nor ends with a stop word. Where a script has no
    spaces a phrase is two to four characters. Singular and plural are one phrase, as it is most often written.
    """
    words, place = _read(texts)
    ...


@dataclass(frozen=True)
class _Words:
    """The vocabulary. text, stem (V,); content, character (V,) bool: can it begin a phrase, is it a single character."""

    texts: list[str]
    stem: np.ndarray
    content: np.ndarray
    character: np.ndarray
    breaks: np.ndarray


def _read(texts: Sequence[str]) -> tuple[_Words, np.ndarray, np.ndarray]:
    """The vocabulary; (T,) the word and the item at every place in all texts in a row."""
    numbers: dict[str, int] = {}
    lengths, running = [], []
    for text in texts:
        tokens = _TOKEN.findall(plain_text(text))
        running.extend(numbers.setdefault(token, len(numbers)) for token in tokens)
        ...
