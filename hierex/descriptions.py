"""Putting interests into words: a short name, ten salient phrases, a summary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """What is said about one node of the tree. `source` is who said it: `keywords`, `model` or `human`."""

    cluster_id: int
    name: str
    phrases: tuple[str, ...]
    summary: str
    source: str

    def text(self) -> str:
        """The words that a language policy reads: the phrases, as in the paper's prompt."""
        return ", ".join(self.phrases)
