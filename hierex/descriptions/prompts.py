"""What a language model is shown of an interest: instructions from `hierex/prompts`, and the items as data.

Items are written by strangers. They go into the message of the user as JSON between two markers that cannot occur in
it, so no text can leave its place; what they say is never part of the instructions.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ..errors import ConfigError
from ..interest_tree import InterestTree
from ..llm.answers import Schema
from ..llm.tokens import count_messages, estimate_tokens
from . import Description
from .exemplars import choose_items, near_nodes, node_centroids
from .words import plain_text

FOLDER = Path(__file__).parents[1] / "prompts"
PURPOSES = ("describe_interest", "describe_coarse", "tell_apart")
FILES = (*PURPOSES, "description_rules", "describe_again", "hint", "empty_words")
START, END = "<data>", "</data>"
TITLE_LENGTH, TEXT_LENGTH = 100, 200
ITEM_TOKENS = 700
"""The room for items in one question; a question that has children needs fewer."""
FEW_ITEM_TOKENS = 250
COARSE_UNTIL = 32
"""Interests that appear at so many interests or fewer are broad: their summaries may be longer."""
WORDS, BROAD_WORDS = 20, 30
OTHERS = 4
LONGEST_LANGUAGE = 30
OWN_NAMES = {
    "deutsch": "german",
    "français": "french",
    "español": "spanish",
    "italiano": "italian",
    "português": "portuguese",
    "nederlands": "dutch",
    "русский": "russian",
    "中文": "chinese",
    "日本語": "japanese",
}
SCHEMA = Schema(
    "description",
    {
        "name": {"type": "string"},
        "phrases": {"type": "array", "items": {"type": "string"}},
        "summary": {"type": "string"},
        "unclear": {"type": "string"},
    },
)


@dataclass(frozen=True)
class Material:
    """All that questions are made of. titles, texts, traffic: (n_items,); vectors (n_items, d), unit length.

    contents: of each node a digest of its items (`exemplars.node_contents`). described: of each node what keywords say;
    spoken: by node, what people say or else a model, where they do.
    """

    tree: InterestTree
    titles: Sequence[str]
    texts: Sequence[str]
    traffic: np.ndarray
    vectors: np.ndarray
    contents: Sequence[str]
    described: Sequence[Description]
    spoken: Mapping[int, Description] = field(default_factory=dict)

    def words_of(self, node: int) -> dict:
        """Name and phrases, as they are shown of another node."""
        description = self.spoken.get(node, self.described[node])
        return {"name": description.name, "phrases": list(description.phrases)}

    @cached_property
    def total(self) -> float:
        return float(self.tree.traffic[0]) or 1.0


@dataclass(frozen=True)
class Question:
    """One question about one node. key: same key, same question. shown: the items in it. purpose: one of PURPOSES."""

    node: int
    key: str
    content: str
    purpose: str
    language: str
    messages: tuple[dict, ...]
    shown: tuple[int, ...]

    @property
    def tokens(self) -> int:
        return count_messages(self.messages)


@cache
def prompt_version() -> str:
    """Changes with any of the files."""
    texts = "".join(prompt_text(name) for name in FILES)
    return hashlib.blake2b(texts.encode(), digest_size=4).hexdigest()


@cache
def prompt_text(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text("utf-8")


@cache
def empty_words() -> dict[str, tuple[str, ...]]:
    """Words that say nothing, by the language's English name."""
    lines = (line.partition(": ") for line in prompt_text("empty_words").splitlines() if not line.startswith("#"))
    return {language: tuple(words.split(", ")) for language, _, words in lines}


def english_name(language: str) -> str:
    """Of a language that is named in English or by its own name, with or without a place: Brazilian Portuguese."""
    last = language.lower().split()[-1] if language.split() else ""
    return OWN_NAMES.get(last, last)


def check_language(language: str) -> str:
    """The language as it stands in the prompts. Raises ConfigError for what is no name of a language."""
    name = " ".join(language.split())
    if not re.fullmatch(r"[^\W\d_]+(?:[ \-][^\W\d_]+)*", name) or len(name) > LONGEST_LANGUAGE:
        raise ConfigError(f"'{name[:LONGEST_LANGUAGE]}' is no name of a language. Give one like English or Portuguese.")
    return name


def question_key(content: str, model: str, language: str, *more: str) -> str:
    """Of the interest's items, the prompts, the model and the language; `more` sets a special question apart."""
    text = json.dumps([content, prompt_version(), model, language, *more])
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class Questions:
    """Makes the questions about some nodes of a tree, for one model and language.

    hints: by node, what an editor asks for; a question with one is another question. Raises ConfigError for a language
    that is none.
    """

    def __init__(
        self,
        material: Material,
        nodes: Sequence[int],
        *,
        model: str,
        language: str,
        hints: Mapping[int, str] = MappingProxyType({}),
    ):
        self.material, self.model, self.language = material, model, check_language(language)
        self.hints = {node: short for node, hint in hints.items() if (short := _short(hint, TEXT_LENGTH))}
        self.nodes = sorted(int(node) for node in nodes)
        centroids = node_centroids(material.tree, material.vectors, self.nodes)
        self._near = near_nodes(material.tree, self.nodes, centroids, OTHERS)

    def key(self, node: int) -> str:
        hint = [self.hints[node]] if node in self.hints else []
        return question_key(self.material.contents[node], self.model, self.language, *hint)

    def about(self, node: int, said: Mapping[int, Description]) -> Question:
        """From its children where both are described, in `said` or before, else from its items. People's words win."""
        spoken = self.material.spoken
        said = {**spoken, **said, **{child: words for child, words in spoken.items() if words.source == "human"}}
        children = [child for child in children_of(self.material.tree, node) if child in said]
        coarse = len(children) == 2
        items = self._items(node, FEW_ITEM_TOKENS if coarse else ITEM_TOKENS)
        data = {"items": self._shown(items), **self._around(node)}
        if coarse:
            data = {"children": [self._child(child, node, said[child]) for child in children], **data}
        else:
            data["keywords"] = list(self.material.described[node].phrases)
        return self._question(node, self.key(node), "describe_coarse" if coarse else "describe_interest", data, items)

    def apart(self, node: int, before: Description, other: Description) -> Question:
        """What sets the node apart from another that is described alike."""
        items, of_other = (self._items(which, ITEM_TOKENS // 2) for which in (node, other.cluster_id))
        data = {
            "before": _words_of(before),
            "other": _words_of(other),
            "items": self._shown(items),
            "items_of_other": self._shown(of_other),
        }
        contents = self.material.contents
        key = question_key(contents[node], self.model, self.language, "apart", contents[other.cluster_id])
        return self._question(node, key, "tell_apart", data, items + of_other)

    def _question(self, node: int, key: str, purpose: str, data: dict, items: list[int]) -> Question:
        broad = self.material.tree.born[node] <= COARSE_UNTIL
        avoided = empty_words().get(english_name(self.language), empty_words()["english"])
        rules = prompt_text("description_rules").format(
            words=BROAD_WORDS if broad else WORDS, language=self.language, empty_words=", ".join(avoided)
        )
        instructions = prompt_text(purpose).format(rules=rules)
        asked = as_data(data)
        if node in self.hints:
            asked = f"{asked}\n{prompt_text('hint').strip()} {as_json(self.hints[node])}"
        messages = ({"role": "system", "content": instructions}, {"role": "user", "content": asked})
        return Question(node, key, self.material.contents[node], purpose, self.language, messages, tuple(items))

    def _items(self, node: int, room: int) -> list[int]:
        """As many of the node's items as have room, each with its words."""
        chosen = []
        for item in choose_items(self.material.tree, node, self.material.vectors, self.material.traffic):
            words = self._words(item)
            room -= estimate_tokens(json.dumps(words, ensure_ascii=False)) if words else 0
            if room < 0 and chosen:
                break
            if words:
                chosen.append(item)
        return chosen

    def _words(self, item: int) -> dict:
        title, text = _short(self.material.titles[item], TITLE_LENGTH), _short(self.material.texts[item], TEXT_LENGTH)
        return {name: words for name, words in (("title", title), ("about", text)) if words}

    def _shown(self, items: list[int]) -> list[dict]:
        return [self._words(item) for item in items]

    def _around(self, node: int) -> dict:
        tree = self.material.tree
        parent = int(tree.parent[node])
        around = {"part_of": self.material.words_of(parent)} if parent not in (0, node) else {}
        siblings = [child for child in children_of(tree, parent) if child != node] if node else []
        others = list(dict.fromkeys([*siblings, *self._near.get(node, ())]))[:OTHERS]
        return {**around, "others": [self.material.words_of(other) for other in others]}

    def _child(self, child: int, node: int, description: Description) -> dict:
        whole = float(self.material.tree.traffic[node]) or 1.0
        share = round(float(self.material.tree.traffic[child]) / whole, 2)
        return {**_words_of(description), "summary": description.summary, "share": share}


def children_of(tree: InterestTree, node: int) -> list[int]:
    """The two nodes that it is split into, none where it is not."""
    first = 2 * int(tree.dies[node]) - 3
    return [first, first + 1] if tree.dies[node] <= tree.finest else []


def as_data(data: dict) -> str:
    """JSON between the markers."""
    return f"{START}\n{as_json(data)}\n{END}"


def as_json(value: object) -> str:
    """No text in it holds an angle bracket, so none can be a marker."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")


def _short(text: str, most: int) -> str:
    plain = plain_text(text)
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def _words_of(description: Description) -> dict:
    return {"name": description.name, "phrases": list(description.phrases)}
