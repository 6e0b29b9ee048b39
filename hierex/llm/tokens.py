"""How many tokens a text has, as far as one can say without the model's own tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PER_MESSAGE = 4
"""Tokens that a chat message takes beside its text."""
PER_WORD, LONG_WORD, PER_LONG_LETTER = 1.1, 6, 0.07
PER_MARK, PER_NUMBER, PER_ACCENT = 0.68, 1.15, 0.5
PER_LETTER, PER_CHARACTER = 0.45, 0.85
"""Of other alphabets (Cyrillic, Greek, Arabic), and of scripts whose characters are more than a letter (Han)."""
_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_ACCENT = re.compile(r"[\u00c0-\u024f]")
_NUMBER = re.compile(r"\d{1,3}")
_MARK = re.compile(r"[!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e]")
_LETTER = re.compile(r"[\u0370-\u07ff]")
_CHARACTER = re.compile(r"[\u0800-\u1fff\u2c00-\U0010ffff]")


@dataclass(frozen=True)
class Tokens:
    """estimated: the endpoint did not say, or it broke off after it had read the question."""

    read: int = 0
    written: int = 0
    estimated: bool = False

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.read + other.read, self.written + other.written, self.estimated or other.estimated)


def estimate_tokens(text: str) -> int:
    """By words, marks and numbers: fitted to the tokenizers of GPT-4, GPT-4o, Claude 2 and DeepSeek on 100 questions.

    Off by 2 % on average there. In other scripts those tokenizers differ by a factor of two, and so does this.
    """
    words = _WORD.findall(text)
    long = sum(len(word) - LONG_WORD for word in words if len(word) > LONG_WORD)
    counted = (
        (PER_WORD, len(words)),
        (PER_LONG_LETTER, long),
        (PER_ACCENT, len(_ACCENT.findall(text))),
        (PER_MARK, len(_MARK.findall(text))),
        (PER_NUMBER, len(_NUMBER.findall(text))),
        (PER_LETTER, len(_LETTER.findall(text))),
        (PER_CHARACTER, len(_CHARACTER.findall(text))),
    )
    return round(sum(weight * number for weight, number in counted))


def count_messages(messages: Sequence[dict]) -> int:
    return sum(estimate_tokens(message["content"]) + PER_MESSAGE for message in messages)


def most_tokens(messages: Sequence[dict]) -> int:
    """What no tokenizer exceeds: the usual ones make at most one token of a byte."""
    return sum(len(message["content"].encode("utf-8", "replace")) + 4 * PER_MESSAGE for message in messages)
