"""Which column is which, recognised by its name (in several languages) and by what is in it.

What cannot be recognised is None, so that the screen asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .looks import Look, look_at, numbers_in, texts_in
from .words import (
    DATES,
    ID_WORDS,
    ITEMS,
    NO_RATINGS,
    NO_TEXT,
    ORDERS,
    PLAIN_RATINGS,
    RATINGS,
    STRONG_ITEM_IDS,
    TEXTS,
    TITLES,
    USERS,
    VECTORS,
    WEAK_USERS,
    name_parts,
    named_as_id,
    named_like,
    plain_name,
)

LONGEST_ID = 200
MOST_TEXTS = 8
ENOUGH_SHARED = 0.3
NEARLY_ALL = 0.95
NAMELESS = re.compile(r"__index_level_\d+__|column \d+|Unnamed: \d+")
NUMBER = r"(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|nan|[-+]?inf(?:inity)?|null|none)"
NUMBERS = re.compile(rf"\[?\s*{NUMBER}(?:[\s,;]+{NUMBER})+[\s,;]*\]?", re.IGNORECASE)
ENOUGH_LISTS = 0.5
MANY_NUMBERS = 16
MOST_RATINGS = 101
"""Steps of a scale, at most."""


@dataclass(frozen=True)
class ItemColumns:
    """Columns of the catalogue. `text`: the columns with other words about the item (descriptions, tags, genres).

    `vector`: the one with a vector of numbers for every item, if there is one.
    """

    item_id: str | None
    title: str | None
    text: tuple[str, ...] = ()
    vector: str | None = None


@dataclass(frozen=True)
class InteractionColumns:
    """Columns of the log. `timestamp` and `order` may both be None: then the order of the rows is the order in time.

    `rating`: the one that says how an item was liked, if there is one; what is rated below `liked_from` shows no
    interest. Without it ratings don't count.
    """

    user_id: str | None
    item_id: str | None
    timestamp: str | None = None
    order: str | None = None
    rating: str | None = None
    liked_from: float | None = None

    @property
    def liked(self) -> str:
        """What counts as liked, in words; empty where everything does."""
        return "" if self.liked_from is None else f"rated {self.liked_from:g} or more in '{self.rating}'"


def guess_columns(items: pd.DataFrame, interactions: pd.DataFrame) -> tuple[ItemColumns, InteractionColumns]:
    """Both files together: ids that occur in both, or a column of the same name, tell more than either file alone."""
    items, interactions = _without_row_numbers(items), _without_row_numbers(interactions)
    ours, theirs = _shared_columns(items, interactions)
    return _guess_items(items, ours), _guess_interactions(interactions, theirs)


def guess_item_columns(frame: pd.DataFrame) -> ItemColumns:
    return _guess_items(_without_row_numbers(frame), None)


def guess_interaction_columns(frame: pd.DataFrame) -> InteractionColumns:
    return _guess_interactions(_without_row_numbers(frame), None)


def _guess_items(frame: pd.DataFrame, shared: str | None) -> ItemColumns:
    """shared: the column whose ids the log has too."""
    vectors = [name for name in frame.columns if _holds_vectors(name, frame[name])]
    looks = {name: look_at(frame[name]) for name in frame.columns if name not in vectors}
    scores = {name: _item_id_score(name, look) + 3 * (name == shared) for name, look in looks.items()}
    item_id = _choose(scores, floor=2 if len(frame) else 1)
    rest = {name: look for name, look in looks.items() if name != item_id and not named_as_id(name)}
    title = _choose({name: _title_score(name, look) for name, look in rest.items()}, floor=1.3)
    text = tuple(name for name, look in rest.items() if name != title and _is_text(name, look))[:MOST_TEXTS]
    return ItemColumns(item_id, title, text, next(iter(vectors), None))


def _holds_vectors(name: str, values: pd.Series) -> bool:
    """Most values are lists of as many numbers: many of them, or a few where the column is named so."""
    texts = texts_in(values)
    lists = texts[texts.str.fullmatch(NUMBERS)]
    if lists.empty or len(lists) < ENOUGH_LISTS * len(texts):
        return False
    size = lists.str.findall(r"[^\s,;\[\]]+").str.len().mode()[0]
    return size >= (2 if named_like(name, VECTORS) else MANY_NUMBERS)


def _guess_interactions(frame: pd.DataFrame, shared: str | None) -> InteractionColumns:
    """shared: the column whose ids the catalogue has too."""
    looks = {name: look_at(frame[name]) for name in frame.columns}
    user_id = _choose({name: _user_score(name, look) - 2 * (name == shared) for name, look in looks.items()}, floor=2)
    rest = {name: look for name, look in looks.items() if name != user_id}
    timestamp = _choose({name: _time_score(name, look) for name, look in rest.items() if name != shared}, floor=2)
    rest.pop(timestamp, None)
    scores = {name: _log_item_score(name, look) + 3 * (name == shared) for name, look in rest.items()}
    item_id = _choose(scores, floor=2)
    rest.pop(item_id, None)
    orders = {name: 3.0 * (named_like(name, ORDERS) and look.numeric > 0.9) for name, look in rest.items()}
    order = _choose(orders, floor=2)
    rest.pop(order, None)
    rating = _choose({name: _rating_score(name, frame[name]) for name in rest}, floor=2)
    liked_from = None if rating is None else middle_rating(frame[rating])
    if user_id is None and item_id is not None:
        user_id = _only_id_left(rest, rating)
    return InteractionColumns(user_id, item_id, timestamp, order, rating, liked_from)


def middle_rating(values: pd.Series) -> float | None:
    """The lowest rating in the upper half of the scale.

    None where that cannot be told: all are the same, of too many steps, mostly low, as counts of votes are, or -1
    seems to stand for no rating.
    """
    numbers = numbers_in(texts_in(values)).to_numpy(float)
    numbers = numbers[np.isfinite(numbers)]
    scale = np.unique(numbers)
    if not 2 <= len(scale) <= MOST_RATINGS or (scale[0] == -1 and scale[-1] > 1):
        return None
    middle = scale[scale >= (scale[0] + scale[-1]) / 2][0]
    return float(middle) if np.mean(numbers >= middle) >= 0.5 else None


def _only_id_left(rest: dict[str, Look], rating: str | None) -> str | None:
    """The one other column whose values come again as a person's id does: not words, dates or a scale of few steps."""
    left = [
        name
        for name, look in rest.items()
        if name != rating and not named_like(name, ITEMS) and look.spaced < 0.1 and look.dated < 0.5 and look.recurs
    ]
    return left[0] if len(left) == 1 else None


def _choose(scores: dict[str, float], *, floor: float) -> str | None:
    """The column with the best score, the leftmost of equals; None below `floor`."""
    best = max(scores, key=scores.get, default=None)
    return None if best is None or scores[best] < floor else best


def _item_id_score(name: str, look: Look) -> float:
    if (look.dated > 0.5 and not named_as_id(name)) or look.characters > LONGEST_ID or named_like(name, USERS):
        return 0
    plain, like_item, like_id = plain_name(name), named_like(name, ITEMS), named_as_id(name)
    named = 3 if plain in STRONG_ITEM_IDS or (like_id and like_item) else 0
    named = named or (2 if plain in ID_WORDS else 1.5 if like_item else 0.5 if like_id else 0)
    bare = not (named_like(name, TITLES) or named_like(name, TEXTS)) and look.spaced < 0.1
    return named + (1 if look.unique and bare else 0) - (1 if look.distinct < 0.9 else 0)


def _title_score(name: str, look: Look) -> float:
    if not look.worded or named_like(name, NO_TEXT):
        return 0
    named = 4 if plain_name(name) in TITLES else 3 if named_like(name, TITLES) else 0
    short = 1 if 2 <= look.characters <= LONGEST_ID else 0
    varied = 0.8 if look.distinct > 0.5 else 0
    return named + short * varied + (0 if named_like(name, TEXTS) else 0.7 * short * varied)


def _is_text(name: str, look: Look) -> bool:
    if not look.worded or named_like(name, NO_TEXT):
        return False
    return named_like(name, TEXTS) or named_like(name, TITLES) or look.spaced > 0.3 or look.characters > 30


def _user_score(name: str, look: Look) -> float:
    if not named_like(name, USERS) or look.filled == 0:
        return 0
    named = 4 if named_as_id(name) or plain_name(name) in USERS else 3
    return named - (named_like(name, WEAK_USERS) and not named_like(name, USERS - WEAK_USERS))


def _log_item_score(name: str, look: Look) -> float:
    if named_like(name, USERS) or look.filled == 0 or named_like(name, ORDERS):
        return 0
    if plain_name(name) in STRONG_ITEM_IDS or (named_as_id(name) and named_like(name, ITEMS)):
        return 4
    return 3 if named_like(name, ITEMS) else 0


def _rating_score(name: str, values: pd.Series) -> float:
    """A part of a name is enough for plain words, unless another part makes it a count or a property of the item."""
    named = 4 if plain_name(name) in RATINGS else 3 if named_like(name, PLAIN_RATINGS) else 0
    if not named or set(name_parts(name)) & NO_RATINGS:
        return 0
    texts = texts_in(values)
    return named if len(texts) and numbers_in(texts).notna().mean() >= 0.9 else 0


def _time_score(name: str, look: Look) -> float:
    if named_as_id(name) or look.dated < 0.5:
        return 0
    return 2 + (2 if named_like(name, DATES) else 0)


def _without_row_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Without columns that a table's row numbers were saved in: they have no name of their own and count the rows."""
    counted = [name for name in frame.columns if NAMELESS.fullmatch(str(name)) and _counts_rows(frame[name])]
    return frame.drop(columns=counted)


def _counts_rows(values: pd.Series) -> bool:
    numbers = pd.to_numeric(values.map(str), errors="coerce").to_numpy()
    return len(numbers) > 1 and bool((numbers[1:] - numbers[:-1] == 1).all())


def _shared_columns(items: pd.DataFrame, interactions: pd.DataFrame) -> tuple[str, str] | tuple[None, None]:
    """The column of either file that holds the same ids: the pair with most in common; None where none does."""
    known = {name: set(texts_in(items[name])) for name in items.columns}
    unique = [name for name, values in known.items() if values and len(values) >= NEARLY_ALL * len(items)]
    best: tuple[float, str, str] | None = None
    for theirs in interactions.columns:
        if named_like(theirs, USERS) or named_like(theirs, ORDERS):
            continue
        found = set(texts_in(interactions[theirs]))
        for ours in unique:
            share = len(found & known[ours]) / max(1, len(found)) if len(found) > 5 else 0
            share += 0.5 * (plain_name(ours) == plain_name(theirs))
            if share >= ENOUGH_SHARED and (best is None or share > best[0]):
                best = (share, ours, theirs)
    return best[1:] if best else (None, None)
