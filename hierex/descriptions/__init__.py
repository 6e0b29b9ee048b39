"""Putting interests into words: a short name, ten salient phrases, a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

MOST_JOINED = 10
"""Phrases of an interest that people merged."""


@dataclass(frozen=True)
class Description:
    """What is said about one node of the tree. `source` is who said it: `keywords`, `model` or `human`.

    unclear: which groups the items fall into where a model says that they don't belong together; else empty.
    """

    cluster_id: int
    name: str
    phrases: tuple[str, ...]
    summary: str
    source: str
    unclear: str = ""

    def text(self) -> str:
        """The words that a language policy reads: the phrases, as in the paper's prompt."""
        return ", ".join(self.phrases)


def join_descriptions(cluster_id: int, parts: Sequence[Description]) -> Description:
    """Of an interest that people merged: the names of its two largest parts, and the phrases of all in turn.

    parts: largest first.
    """
    more = f" + {len(parts) - 2} more" if len(parts) > 2 else ""
    in_turn = chain.from_iterable(zip_longest(*(part.phrases for part in parts)))
    phrases = tuple(dict.fromkeys(phrase for phrase in in_turn if phrase))[:MOST_JOINED]
    summary = f"Merged from {', '.join(part.name for part in parts)}."
    source = "model" if all(part.source == "model" for part in parts) else "keywords"
    return Description(int(cluster_id), f"{parts[0].name} + {parts[1].name}{more}", phrases, summary, source)
