"""What a node described by keywords is called, and which of its phrases are listed: each given out once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, count

from ..config import DescriptionConfig
from .phrases import Phrases
from .words import stop_words

NAME_LENGTH = 40
"""Characters of a title that a name takes."""


class Naming:
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
    return shorten(" ".join(words).strip(" ,;:-–—…"), NAME_LENGTH)


def shorten(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    start = text[:most]
    at_space = start.rfind(" ")
    return start[: at_space if at_space > most // 2 else most - 1].rstrip() + "…"
