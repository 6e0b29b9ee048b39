"""The words of the planted world: its interests, and the titles, descriptions and hashtags of its videos.

The vocabulary and the templates are data, in `interests.toml`; this module fills in the blanks.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

VOCABULARY = Path(__file__).with_name("interests.toml")
VAGUE_SHARE = 0.08
"""Titles from which nobody could tell the interest."""
DRAWS = 48
"""Random numbers that one item's texts are made from."""


@dataclass(frozen=True)
class Interest:
    """A leaf of the planted tree and the words it is talked about with."""

    path: tuple[str, str, str]
    leads_to: tuple[str, ...]
    hashtags: tuple[str, ...]
    emoji: tuple[str, ...]
    things: tuple[str, ...]
    actions: tuple[str, ...]
    moments: tuple[str, ...]
    results: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path[-1]


@dataclass(frozen=True)
class Templates:
    titles: tuple[str, ...]
    vague: tuple[str, ...]
    descriptions: tuple[str, ...]
    hashtags: tuple[str, ...]


@cache
def read_vocabulary() -> tuple[tuple[Interest, ...], Templates]:
    """Every interest, in the order of the file, and the templates."""
    tables = tomllib.loads(VOCABULARY.read_text(encoding="utf-8"))
    titles = tables.pop("titles")
    vague = _entries(titles.pop("vague"))
    clear = tuple(entry for style in titles.values() for entry in _entries(style))
    templates = Templates(
        clear, vague, _entries(tables.pop("descriptions")["all"]), _entries(tables.pop("hashtags")["generic"])
    )
    interests = (
        Interest(tuple(path.split(" > ")), **{field: _entries(words) for field, words in table.items()})
        for path, table in tables.items()
    )
    return tuple(interests), templates


def choose_interests(n: int) -> tuple[Interest, ...]:
    """n interests spread over the tops of the tree that still have siblings: whole branches, one per top in turn."""
    tops: dict[str, dict[str, list[Interest]]] = {}
    for interest in read_vocabulary()[0]:
        tops.setdefault(interest.path[0], {}).setdefault(interest.path[1], []).append(interest)
    turns = zip_longest(*(branches.values() for branches in tops.values()), fillvalue=[])
    return tuple(interest for turn in turns for branch in turn for interest in branch)[:n]


def write_texts(
    interests: tuple[Interest, ...], interest_of_item: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """title, description (often empty) and hashtags of every item; a title that was used already is drawn again."""
    texts: list[tuple[str, str, str]] = [("", "", "")] * len(interest_of_item)
    todo = np.arange(len(texts))
    for _ in range(8):
        for item, draws in zip(todo, rng.random((len(todo), DRAWS)), strict=True):
            texts[item] = _write_text(interests[interest_of_item[item]], iter(draws.tolist()))
        frame = pd.DataFrame(texts, columns=["title", "description", "hashtags"])
        todo = np.flatnonzero(frame["title"].str.lower().duplicated())
        if len(todo) == 0:
            break
    return frame


def _write_text(interest: Interest, draws: Iterator[float]) -> tuple[str, str, str]:
    _, templates = read_vocabulary()
    vague = next(draws) < VAGUE_SHARE
    template = _pick(templates.vague if vague else templates.titles, draws)
    title = template.format_map(_draw_words(interest, draws))
    if next(draws) < 0.12:
        title = title.lower()
    if next(draws) < 0.15:
        title = f"{title} {_pick(interest.emoji, draws)}"
    described = next(draws) < 0.5 and not vague
    description = _pick(templates.descriptions, draws).format_map(_draw_words(interest, draws)) if described else ""
    return title, description, _draw_hashtags(interest, templates, vague, draws)


def _draw_words(interest: Interest, draws: Iterator[float]) -> dict[str, str | int]:
    """What the blanks of a template are filled with; a capital slot begins a sentence."""
    thing, other = _pick_some(interest.things, 2, draws)
    action = _pick(interest.actions, draws)
    words = {
        "thing": thing,
        "other": other,
        "action": action,
        "doing": gerund(action),
        "moment": _pick(interest.moments, draws),
        "result": _pick(interest.results, draws),
        "field": _pick(interest.path[:2], draws).lower(),
    }
    capitals = {slot.capitalize(): text[0].upper() + text[1:] for slot, text in words.items()}
    numbers = {
        "few": _pick((3, 4, 5, 6, 7, 8, 9, 10, 12), draws),
        "days": _pick((3, 5, 7, 10, 14, 21, 30, 47, 50, 60, 75, 90, 100, 365), draws),
        "minutes": _pick((5, 9, 10, 15, 20, 25, 30, 40, 45, 60, 90), draws),
        "money": _pick((5, 10, 20, 25, 50, 75, 100, 150, 300, 1000), draws),
        "years": _pick((2, 3, 4, 6, 8, 10, 12, 15, 20, 25), draws),
    }
    return words | capitals | numbers


def _draw_hashtags(interest: Interest, templates: Templates, vague: bool, draws: Iterator[float]) -> str:
    """Those of the interest first, then of its parents, then the ones that everybody uses."""
    branch, top = (name.lower().replace(" ", "") for name in (interest.path[1], interest.path[0]))
    n_own = 1 + int(next(draws) * 2)
    tags = [] if vague and next(draws) < 0.5 else [*_pick_some(interest.hashtags, n_own, draws)]
    tags += [tag for tag, share in ((branch, 0.4), (top, 0.4)) if next(draws) < share]
    tags += _pick_some(templates.hashtags, int(next(draws) * 3), draws)
    return " ".join(f"#{tag}" for tag in dict.fromkeys(tags))


def gerund(action: str) -> str:
    """The action's first word with its -ing: bake -> baking, cut -> cutting, open -> opening.

    For the verbs of the vocabulary: a single syllable that ends consonant, vowel, consonant doubles the last one.
    """
    verb, space, rest = action.partition(" ")
    last_part = verb.rpartition("-")[2]
    if re.search(r"[^eoy]e$", verb):
        verb = verb[:-1]
    elif re.fullmatch(r"([^aeiou]|qu)*[aeiou][^aeiouwxy]", last_part):
        verb += verb[-1]
    return f"{verb}ing{space}{rest}"


def _pick(entries: Sequence, draws: Iterator[float]):
    return entries[int(next(draws) * len(entries))]


def _pick_some(entries: Sequence, n: int, draws: Iterator[float]) -> list:
    """n different entries: a random start, then every so many along the list."""
    start, step = int(next(draws) * len(entries)), 1 + int(next(draws) * (len(entries) - 1))
    return list(dict.fromkeys(entries[(start + i * step) % len(entries)] for i in range(n)))


def _entries(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(";") if entry.strip())
