"""What questions cost: known before they are asked, as far as tokens can be estimated and prices are known."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..llm.tokens import Tokens, estimate_tokens
from .prompts import SCHEMA, Question

PRICES = Path(__file__).with_name("prices.toml")
TYPICAL_WRITTEN = 130
"""Tokens of an answer, until some have come: a name, ten phrases, a sentence, as JSON."""
SCHEMA_TOKENS = estimate_tokens(str(SCHEMA.whole))


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    read: float
    written: float

    def of(self, tokens: Tokens) -> float:
        return (tokens.read * self.read + tokens.written * self.written) / 1e6


FREE = Price(0.0, 0.0)


@dataclass(frozen=True)
class Pace:
    """What earlier answers of a model taught: real tokens per estimated one, and tokens of an answer."""

    read: float = 1.0
    written: float = TYPICAL_WRITTEN


@dataclass(frozen=True)
class Estimate:
    """Before a run. dollars: None where the price is not known."""

    calls: int
    tokens: Tokens
    dollars: float | None


@dataclass(frozen=True)
class Cap:
    """What a run may take at most; None: no bound of that kind."""

    dollars: float | None = None
    tokens: int | None = None

    def allows(self, tokens: Tokens, price: Price | None) -> bool:
        if self.tokens is not None and tokens.read + tokens.written > self.tokens:
            return False
        return self.dollars is None or (price is not None and price.of(tokens) <= self.dollars)

    def check(self, price: Price | None) -> None:
        """Raises ConfigError for a bound in dollars on what has no known price."""
        if self.dollars is not None and price is None:
            raise ConfigError(
                "The price of this model is not known, so a bound in dollars cannot be held. "
                f"Write its price into {PRICES.name}, or give a bound in tokens."
            )


def find_price(model: str, *, local: bool, path: Path = PRICES) -> Price | None:
    """The price of a model; None where it is not known. Raises ConfigError for a table that cannot be read.

    A model that was fine-tuned at OpenAI ("ft:gpt-4o-mini-2024-07-18:...") has the price of such models.
    """
    if model.startswith("ft:"):
        return _find(model.split(":")[1], "tuned", ("read", "written"), local, path)
    return _find(model, "models", ("read", "written"), local, path)


def find_training_price(model: str, *, local: bool, path: Path = PRICES) -> Price | None:
    """The price of the tokens that fine-tuning reads; None where it is not known. Raises as `find_price`."""
    return _find(model, "tuned", ("trained", "trained"), local, path)


def _find(model: str, part: str, columns: tuple[str, str], local: bool, path: Path) -> Price | None:
    try:
        table = tomllib.loads(path.read_text("utf-8"))[part]
        known = {name: Price(*(float(row[column]) for column in columns)) for name, row in table.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"The table of prices '{path.name}' cannot be read ({error}).") from error
    undated = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model)
    return known.get(model, known.get(undated, FREE if local else None))


def estimate_cost(questions: Sequence[Question], price: Price | None, pace: Pace) -> Estimate:
    """Of asking each question once."""
    read = sum(question.tokens + SCHEMA_TOKENS for question in questions) * pace.read
    tokens = Tokens(round(read), round(len(questions) * pace.written), True)
    return Estimate(len(questions), tokens, None if price is None else price.of(tokens))
