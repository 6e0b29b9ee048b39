"""What asking a model costs, as far as prices are known, and what it may cost at most."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..errors import ConfigError
from .tokens import Tokens

PRICES = Path(__file__).with_name("prices.toml")
BATCH_SHARE = 0.5
"""What a batch costs at OpenAI, of the price of single questions."""
ROOM = 1.3
"""A run is offered as much more than its estimate: some questions are asked twice."""


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens. trained: of examples, each time they are gone through; None where not known."""

    read: float
    written: float
    trained: float | None = None

    def of(self, tokens: Tokens) -> float:
        return (tokens.read * self.read + tokens.written * self.written) / 1e6


FREE = Price(0.0, 0.0)


def batch_price(price: Price | None) -> Price | None:
    return price and Price(BATCH_SHARE * price.read, BATCH_SHARE * price.written)


@dataclass(frozen=True)
class Estimate:
    """Before a run. dollars: None where the price is not known. largest: the most that one question may take."""

    calls: int
    tokens: Tokens
    dollars: float | None
    largest: Tokens = Tokens()  # noqa: RUF009  it is frozen, so sharing one is safe


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
                "Give its price on the Descriptions page (“Prices”), or a bound in tokens."
            )


def list_prices(path: Path = PRICES) -> dict[str, Price]:
    """By model, those that come with hierex. Raises ConfigError for a table that cannot be read."""
    return _read("models", ("read", "written"), path)


def find_price(
    model: str, *, local: bool, own: Mapping[str, Price] = MappingProxyType({}), path: Path = PRICES
) -> Price | None:
    """The price of a model; None where it is not known. own: those that people set, which come first.

    A model that was fine-tuned at OpenAI ("ft:gpt-4o-mini-2024-07-18:...") has the price of such models. Raises
    ConfigError for a table that cannot be read.
    """
    if model in own or not model.startswith("ft:"):
        return _find(model, list_prices(path) | dict(own), local)
    return _find(model.split(":")[1], _read("tuned", ("read", "written"), path), local)


def find_training_price(model: str, *, local: bool, own: Mapping[str, Price] = MappingProxyType({})) -> Price | None:
    """The price of the tokens that fine-tuning reads; None where it is not known. Raises as `find_price`."""
    set_here = {name: Price(price.trained, price.trained) for name, price in own.items() if price.trained is not None}
    return _find(model, _read("tuned", ("trained", "trained"), PRICES) | set_here, local)


def _read(part: str, columns: tuple[str, str], path: Path) -> dict[str, Price]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))[part]
        return {name: Price(*(float(row[column]) for column in columns)) for name, row in table.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"The table of prices '{path.name}' cannot be read ({error}).") from error


def _find(model: str, known: Mapping[str, Price], local: bool) -> Price | None:
    undated = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model)
    return known.get(model, known.get(undated, FREE if local else None))


def usual_cap(estimate: Estimate, price: Price | None) -> Cap:
    """The estimate with some room, and room for the last question, which is asked only where its most still fits."""
    tokens, largest = estimate.tokens, estimate.largest
    if price is None:
        return Cap(tokens=round(ROOM * (tokens.read + tokens.written)) + largest.read + largest.written)
    return Cap(dollars=math.ceil(100 * (ROOM * price.of(tokens) + price.of(largest))) / 100)
