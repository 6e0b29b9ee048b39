"""What the questions about interests cost: known before they are asked, as far as tokens can be estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..llm.prices import Estimate, Price
from ..llm.tokens import Tokens, estimate_tokens, most_tokens
from .prompts import SCHEMA, Question

TYPICAL_WRITTEN = 130
"""Tokens of an answer, until some have come: a name, ten phrases, a sentence, as JSON."""
AGAIN = 1.05
"""Questions per interest, until some answers have come: a few are asked once more, or how two interests differ."""
MOST_WRITTEN = 800
"""Tokens that an answer has room for at first."""
SCHEMA_TOKENS = estimate_tokens(str(SCHEMA.whole))
TYPICAL_READ = 1_450
"""Estimated tokens of a question, until one is made: instructions, form, items, and words of the interests around."""


@dataclass(frozen=True)
class Pace:
    """What earlier answers of a model taught: real tokens per estimated one, tries together; tokens of an answer."""

    read: float = AGAIN
    written: float = TYPICAL_WRITTEN


def estimate_cost(questions: Sequence[Question], price: Price | None, pace: Pace) -> Estimate:
    """Of these questions, with as many more as this model takes."""
    read = sum(question.tokens + SCHEMA_TOKENS for question in questions) * pace.read
    tokens = Tokens(round(read), round(len(questions) * pace.written), True)
    most_read = max((most_tokens(question.messages) for question in questions), default=0)
    largest = Tokens(most_read + len(str(SCHEMA.response_format())), MOST_WRITTEN, True)
    return Estimate(len(questions), tokens, None if price is None else price.of(tokens), largest)
