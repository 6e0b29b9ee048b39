"""What is wrong with a description that a language model wrote. Each fault is a sentence that the model can act on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from itertools import chain

from . import Description
from .prompts import empty_words, english_name
from .words import is_unspaced, stop_words_of, tidy

NAME_WORDS, PHRASE_WORDS, SUMMARY_WORDS = 5, 6, 45
NAME_LENGTH, PHRASE_LENGTH, SUMMARY_LENGTH, UNCLEAR_LENGTH = 60, 60, 320, 320
FEWEST_PHRASES, MOST_PHRASES = 5, 10
REPEATED_WORDS = 7
"""So many words in a row that stand in the instructions too are the instructions themselves."""
LOOKED_THROUGH = 1_000
"""Characters of a text that are looked through; a longer one is too long in any case."""
CODES = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "russian": "ru",
    "chinese": "zh",
    "japanese": "ja",
}
SCRIPTS = {"ru": ("CYRILLIC",), "zh": ("CJK",), "ja": ("HIRAGANA", "KATAKANA", "CJK")}
LATIN = ("en", "de", "fr", "es", "it", "pt", "nl")
OWN_SCRIPT = 0.5
"""At least this share of a summary's letters is of its language's script; names of works may be of another."""
FOREIGN_WORDS = 3
_MARKUP = re.compile(
    r"</?[a-z!][^<>]*>?|&#?\w+;|\*\*|__|`|\]\(|^\s*#|\$[^$]*[\\^_][^$]*\$|\\[a-zA-Z]{2,}|[{}]|https?:|www\.|@\w",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instruction|prompt)s?\b|\bas an? (?:ai|language model)\b",
    re.IGNORECASE,
)
_CHAT = re.compile(r"^(?:here is|here's|sure,)|\bi (?:cannot|can't|am unable)\b", re.IGNORECASE)
"""How sentences begin that are no summary. As a name or phrase it is a song: I Can't Get No Satisfaction."""


def read_description(node: int, said: dict, *, language: str, instructions: str) -> tuple[Description, list[str]]:
    """The description in an answer of `prompts.SCHEMA`, in plain lines, and what is wrong with it.

    instructions: what the model was told, which it may not repeat. Phrases said twice count once.
    """
    phrases = {tidy(phrase).casefold(): tidy(phrase) for phrase in reversed(said["phrases"])}
    kept = tuple(phrase for phrase in reversed(phrases.values()) if phrase)
    name, summary, unclear = (tidy(said[field]) for field in ("name", "summary", "unclear"))
    description = Description(node, name, kept, summary, "model", unclear)
    return description, list(find_faults(description, language, instructions))


def find_faults(description: Description, language: str, instructions: str) -> Iterator[str]:
    yield from _lengths(description)
    texts = [description.name, *description.phrases, description.summary, description.unclear]
    texts = [text[:LOOKED_THROUGH] for text in texts]
    if any(_MARKUP.search(text) for text in texts):
        yield "It holds markup or a link; plain text is wanted."
    if any(map(_TALK.search, texts)) or any(map(_CHAT.search, texts[-2:])) or _repeats(texts, instructions):
        yield "It speaks of the task or repeats the instructions; only the interest is wanted."
    empty = find_empty_words(description, ("english", english_name(language)))
    if empty:
        yield f"It uses words that fit anything: {', '.join(empty)}."
    foreign = wrong_language(description.summary[:LOOKED_THROUGH], language)
    if foreign:
        yield f"The summary is not in {language}."


def find_empty_words(description: Description, languages: Collection[str] | None = None) -> list[str]:
    """Words in it that say nothing, in these languages (English names); None: in all of which some are known."""
    texts = (description.name, description.summary, *description.phrases)
    text = f" {' | '.join(map(_plain, texts))} "
    known = empty_words()
    words = chain.from_iterable(known.get(language, ()) for language in (known if languages is None else languages))
    return [word for word in dict.fromkeys(words) if (word if is_unspaced(word) else f" {_plain(word)} ") in text]


def wrong_language(text: str, language: str) -> bool:
    """Whether the text is plainly in another language, by its script and its small words.

    Languages without a list of small words are taken on trust.
    """
    code = CODES.get(english_name(language))
    letters = [c for c in text if c.isalpha()]
    if code is None or not letters:
        return False
    scripts = SCRIPTS.get(code, ("LATIN",))
    own = sum(unicodedata.name(c, "").startswith(scripts) for c in letters)
    if own < OWN_SCRIPT * len(letters):
        return True
    if code not in LATIN:
        return False
    words = _plain(text).split()
    mine = stop_words_of(code)
    others = (sum(word in stop_words_of(other) - mine for word in words) for other in LATIN if other != code)
    return max(others) >= max(FOREIGN_WORDS, 1 + sum(word in mine for word in words))


def name_key(name: str) -> frozenset[str]:
    """What makes two names the same: their words, whatever their order, case, number and width of letters."""
    words = _plain(unicodedata.normalize("NFKC", name)).split()
    return frozenset(word.removesuffix("s") for word in words if word not in ("and", "the", "of", "in"))


def _lengths(description: Description) -> Iterator[str]:
    name, phrases, summary = description.name, description.phrases, description.summary
    if not any(c.isalnum() for c in name):
        yield "The name is empty."
    elif len(name.split()) > NAME_WORDS or len(name) > NAME_LENGTH:
        yield f"The name is too long: at most {NAME_WORDS} words and {NAME_LENGTH} characters."
    if not FEWEST_PHRASES <= len(phrases) <= MOST_PHRASES:
        yield f"It has {len(phrases)} different phrases; ten are wanted."
    if any(len(phrase.split()) > PHRASE_WORDS or len(phrase) > PHRASE_LENGTH for phrase in phrases):
        yield "A phrase is too long: at most four words."
    if not summary:
        yield "The summary is empty."
    elif len(summary.split()) > SUMMARY_WORDS or len(summary) > SUMMARY_LENGTH:
        yield "The summary is too long: one sentence."
    if len(description.unclear) > UNCLEAR_LENGTH:
        yield "What is unclear is said at too much length: one short sentence."


def _repeats(texts: list[str], instructions: str) -> bool:
    known = f" {_plain(instructions)} "
    for text in texts:
        words = _plain(text).split()
        runs = (words[at : at + REPEATED_WORDS] for at in range(len(words) - REPEATED_WORDS + 1))
        if any(f" {' '.join(run)} " in known for run in runs):
            return True
    return False


def _plain(text: str) -> str:
    """Words in lower case with single spaces, hyphens kept."""
    return " ".join(re.findall(r"[\w\-’']+", text.casefold()))
