"""Moves in the words of a language model: the paper's question about a context, and the examples it is taught with."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..descriptions import Description
from . import Transitions

TARGET_PREFIX = "New cluster: "
TASK_FIRST = 2
"""The version of how a language model of our own is asked; kept ones of another are trained anew."""
PROMPT = (Path(__file__).parents[1] / "prompts" / "novel_interest.txt").read_text(encoding="utf-8").strip()


def fine_tuning_examples(transitions: Transitions, descriptions: Sequence[Description]) -> Iterator[dict]:
    """One chat example per transition: the context's descriptions in, the novel interest's phrases out.

    descriptions: one per cluster, by cluster index. Yields `{"messages": [user, assistant]}`; the answer is
    `New cluster: ` and the novel interest's phrases, word for word as the prompts show that interest. Source: the
    form of the paper's figure 2, in our own words.
    """
    shown = [phrases_on_one_line(description) for description in descriptions]
    for context, novel in zip(transitions.contexts, transitions.novel, strict=True):
        yield {
            "messages": [
                {"role": "user", "content": context_prompt(context, shown)},
                {"role": "assistant", "content": TARGET_PREFIX + shown[novel]},
            ]
        }


def context_prompt(context: Sequence[int], shown: Sequence[str], *, task_first: bool = False) -> str:
    """What a language model is asked about a context. shown: by cluster index, see `phrases_on_one_line`.

    A context that repeats an interest, for a person who has no other, shows it once. The paper has the interests first
    and then the task (figure 2). With `task_first` they stand after it, before the last sentence, which says how an
    answer begins: all questions then begin with the same words, and end with the same.
    """
    lines = [f"Cluster {place}: {shown[cluster]}" for place, cluster in enumerate(dict.fromkeys(context), start=1)]
    introduction, task = (part.strip() for part in PROMPT.split("{clusters}"))
    task, _, form = task.rpartition("\n")
    interests = "\n".join([introduction, *lines])
    return "\n".join([task, interests, form] if task_first else [interests, task, form])


def phrases_on_one_line(description: Description) -> str:
    """The description as prompts show it: its phrases, or its name where it has none, on one line."""
    phrases = [one_line(phrase) for phrase in description.phrases]
    return ", ".join(phrase for phrase in phrases if phrase) or one_line(description.name)


def one_line(text: str) -> str:
    """`text` without line breaks, control characters, overrides of writing direction and half characters.

    What it removes becomes a space, and runs of spaces become one. Joiners inside words and emoji stay.
    """
    return " ".join("".join(" " if _breaks_form(character) else character for character in text).split())


def _breaks_form(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    overrides = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return character in overrides or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
