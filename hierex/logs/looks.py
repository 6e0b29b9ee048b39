"""What is in a column of a table, whatever it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

EPOCH_NUMBERS = (10**8, 2 * 10**18)
FEW_STEPS = 5
DECIMAL_COMMA = re.compile(r"([-+]?\d+),(\d+)\Z")


@dataclass(frozen=True)
class Look:
    """What a sample of a column's values looks like."""

    filled: float
    distinct: float
    characters: float
    spaced: float
    lettered: float
    numeric: float
    dated: float
    linked: float
    kinds: int = 0

    @property
    def recurs(self) -> bool:
        return self.kinds > FEW_STEPS and self.distinct < 1

    @property
    def unique(self) -> bool:
        return self.filled == 1 and self.distinct == 1

    @property
    def worded(self) -> bool:
        """Words for people: not numbers, dates, links or codes."""
        return self.lettered > 0.7 and self.dated < 0.5 and self.linked < 0.5 and self.numeric < 0.5


def look_at(values: pd.Series) -> Look:
    texts = texts_in(values)
    if texts.empty:
        return Look(0, 0, 0, 0, 0, 0, 0, 0)
    numbers = pd.to_numeric(texts, errors="coerce")
    epochs = numbers.between(*EPOCH_NUMBERS)
    dates = pd.Series(False, index=texts.index)
    if numbers.isna().any():
        dates = texts.str.match(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4}|\w{3},? \w+ \w+ )")
        dates &= texts.str.count(r"\d") >= 5
    return Look(
        filled=len(texts) / len(values),
        distinct=texts.nunique() / len(texts),
        characters=float(texts.str.len().median()),
        spaced=texts.str.contains(r"\s|[^\x00-\x7f]").mean(),
        lettered=texts.str.contains(r"[^\W\d_]").mean(),
        numeric=numbers.notna().mean(),
        dated=(dates | epochs).mean() if not pd.api.types.is_datetime64_any_dtype(values) else 1.0,
        linked=texts.str.match(r"\s*(https?://|www\.|/)\S+$", case=False).mean(),
        kinds=texts.nunique(),
    )


def texts_in(values: pd.Series) -> pd.Series:
    """The filled values as text, whole numbers without '.0'."""
    texts = values.dropna().map(str).astype(str).str.strip()
    if pd.api.types.is_float_dtype(values):
        texts = texts.str.replace(r"\.0$", "", regex=True)
    return texts[texts != ""]


def numbers_in(texts: pd.Series) -> pd.Series:
    """The numbers that texts stand for, with a point or a comma before their decimals; else NaN."""
    return pd.to_numeric(texts.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True), errors="coerce")
