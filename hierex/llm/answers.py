"""Answers are objects of a schema, whatever the endpoint makes of it: how they are asked for, and found in a text.

What a model writes is not to be trusted: it is only ever read as data, and what does not fit is a fault with a reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

LONGEST = 50_000
"""Characters of an answer; a longer one is not read."""
LONGEST_KEPT = 20_000
"""Characters of an answer that are kept."""
STARTS = 50
"""At how many opening braces an object is looked for."""
CUT_SHORT = "The answer was cut short."
TOO_LONG = "The answer has {:,} characters; at most {:,} are read."
REFUSED = "The answer was refused."
_EMPTY = dict.fromkeys(("content_filter", "refusal"), REFUSED)
IN_WORDS = """

Answer with one JSON object and nothing else: no word before or after it, no code fence. It must fit this JSON schema:
"""
_STRING_OR_COMMA = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\\?\Z))|,(?=\s*[}\]])', re.DOTALL)
"""A string ends at the latest with the text, so that none is looked for from every quotation mark again."""
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True)
class Schema:
    """An object with these properties (JSON schema) and no others, all of them required."""

    name: str
    properties: dict

    @cached_property
    def whole(self) -> dict:
        return {
            "type": "object",
            "properties": self.properties,
            "required": list(self.properties),
            "additionalProperties": False,
        }

    @cached_property
    def validator(self) -> Draft202012Validator:
        return Draft202012Validator(self.whole)

    def response_format(self) -> dict:
        """As the endpoint is told of it."""
        return {"type": "json_schema", "json_schema": {"name": self.name, "strict": True, "schema": self.whole}}


def in_words(messages: Sequence[dict], schema: Schema) -> list[dict]:
    """The messages with the schema written out in the first of them."""
    first, *others = messages
    return [{**first, "content": first["content"] + IN_WORDS + json.dumps(schema.whole)}, *others]


def read_answer(text: str, schema: Schema, ended: str) -> tuple[dict | None, str, bool]:
    """The object, or None and what is wrong; and whether the text was that object and nothing else.

    ended: the finish reason. Prose, thoughts and code fences around the object and commas too many are looked past;
    what is missing, of another type or not asked for is a fault.
    """
    fault = read_text(text, ended)
    if fault:
        return None, fault, False
    fault = "The answer holds no JSON object."
    for place, found in enumerate(_objects(text)):
        error = best_match(schema.validator.iter_errors(found))
        if error is None:
            return found, "", place == 0 and _loads(text) == found
        fault = f"The answer does not fit: {_where(error)}."
    return None, fault, False


def read_text(text: str, ended: str) -> str:
    """What is wrong with an answer that may be any text; empty when it can be read."""
    if ended == "length":
        return CUT_SHORT
    if not text.strip():
        return _EMPTY.get(ended, "The answer was empty.")
    return TOO_LONG.format(len(text), LONGEST) if len(text) > LONGEST else ""


def is_cut_short(fault: str) -> bool:
    return fault == CUT_SHORT


def is_refused(fault: str) -> bool:
    return fault == REFUSED


def _objects(text: str) -> Iterator[dict]:
    """The whole text where it is an object, else those that begin somewhere in it, without and with repair."""
    whole = _loads(text)
    if isinstance(whole, dict):
        yield whole
        return
    thought, end_of_thoughts, text = text.rpartition("</think>")
    text = _THOUGHTS.sub(" ", thought + end_of_thoughts) + text
    for candidate in (text, _STRING_OR_COMMA.sub(r"\1", text)):
        starts = [match.start() for match in re.finditer(r"\{", candidate)][:STARTS]
        end = 0
        for start in starts:
            if start >= end and (found := _loads_from(candidate, start)):
                end = found[1]
                yield found[0]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def _loads(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _loads_from(text: str, start: int) -> tuple[dict, int] | None:
    try:
        found, end = _decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return (found, end) if isinstance(found, dict) else None


def _where(error) -> str:
    """In short, without repeating what the model wrote."""
    path = ".".join(str(part) for part in error.absolute_path) or "the object"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{path} lacks {', '.join(missing)}"
    if error.validator == "additionalProperties":
        return f"{path} has fields that were not asked for"
    return f"{path} breaks the rule '{error.validator}: {str(error.validator_value)[:80]}'"
