"""What people set for descriptions by a language model, in their workspace. Rows are only added; the latest counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..descriptions.prompts import check_language
from ..descriptions.words import tidy
from ..errors import ConfigError
from ..llm.prices import Price
from ..store import Store, now

LANGUAGE = "English"
LONGEST_MODEL = 200


def read_language(store: Store) -> str:
    """That descriptions are written in."""
    return store.value("SELECT language FROM output_languages ORDER BY setting_id DESC LIMIT 1") or LANGUAGE


def save_language(store: Store, language: str, *, author: str) -> None:
    """Raises ConfigError for what is no name of a language."""
    name = check_language(language)
    with store.transaction() as writer:
        values = [name, author, now()]
        writer.execute("INSERT INTO output_languages (language, author, set_at) VALUES (?, ?, ?)", values)


def read_prices(store: Store) -> dict[str, Price]:
    """By model, those that people set here."""
    rows = store.table("SELECT model, read, written, trained FROM model_prices ORDER BY setting_id").to_pylist()
    return {row["model"]: Price(row["read"], row["written"], row["trained"]) for row in rows}


def save_prices(store: Store, prices: Mapping[str, Price], *, author: str) -> None:
    """All of them or, where one cannot be, none. Raises ConfigError for what is no model or no price."""
    checked = {_checked_name(model): _checked(model, price) for model, price in prices.items()}
    with store.transaction() as writer:
        for model, price in checked.items():
            values = [model, price.read, price.written, price.trained, author, now()]
            writer.execute(
                "INSERT INTO model_prices (model, read, written, trained, author, set_at) VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )


def _checked_name(model: str) -> str:
    name = tidy(model)
    if not name or len(name) > LONGEST_MODEL:
        raise ConfigError(f"A price needs the name of a model of at most {LONGEST_MODEL} characters. None was kept.")
    return name


def _checked(model: str, price: Price) -> Price:
    told = (price.read, price.written, 0.0 if price.trained is None else price.trained)
    if not all(dollars is not None and math.isfinite(dollars) and dollars >= 0 for dollars in told):
        raise ConfigError(
            f"The prices of '{tidy(model)[:LONGEST_MODEL]}' must be numbers from 0 up, in US dollars per million "
            "tokens that it reads, that it writes and, where it can be fine-tuned, that it learns from. None was kept."
        )
    return price
