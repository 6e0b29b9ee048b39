"""What came in, what was left out and why, in words for the person who brought the logs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

EXAMPLES = 5
LONGEST_EXAMPLE = 80

REASONS = {
    "broken_item_row": ("items", False, "Rows of the catalogue that do not have the fields that its first line names."),
    "item_without_id": ("items", False, "Items without an id."),
    "duplicate_item": ("items", False, "More rows for an item that was there already; the first with words was kept."),
    "item_without_text": ("items", False, "Items with neither a title nor other words."),
    "title_from_text": ("items", True, "Items without a title; the first of their other words serve as one."),
    "title_shortened": ("items", True, "Titles that were cut because they are longer than 10,000 characters."),
    "text_shortened": ("items", True, "Texts that were cut because they are longer than 10,000 characters."),
    "item_without_traffic": (
        "items",
        True,
        "Items without an interaction that counts. They are on the map all the same.",
    ),
    "broken_row": ("interactions", False, "Rows of the log that do not have the fields that its first line names."),
    "no_user": ("interactions", False, "Interactions that do not say whose they are."),
    "no_item": ("interactions", False, "Interactions that do not say with which item."),
    "unknown_item": ("interactions", False, "Interactions with items that are not in the catalogue."),
    "left_out_item": ("interactions", False, "Interactions with items that were left out of the catalogue."),
    "impossible_time": (
        "interactions",
        False,
        "Interactions without a possible time (from 2 January 1970 to tomorrow).",
    ),
    "no_order": ("interactions", False, "Interactions whose order is not a number."),
    "not_liked": (
        "interactions",
        False,
        "Interactions rated too low to show an interest. These items are not suggested to that person again.",
    ),
    "unread_rating": ("interactions", True, "Interactions whose rating is no number. They count as liked."),
    "duplicate": ("interactions", False, "Interactions that are there twice: same person, item and time."),
    "single": (
        "interactions",
        False,
        "The only interaction of a person: it shows no move from one interest to another.",
    ),
    "repeat": (
        "interactions",
        True,
        "Interactions with an item that the person had before, at another time. They stay.",
    ),
    "single_user": ("users", False, "People with one interaction: they cannot show a move to another interest."),
    "unusable_user": ("users", False, "People of whom no interaction can be used."),
    "read_as_western": (
        "items",
        True,
        "Rows read as Western European text (Windows-1252), because they are not UTF-8. Where letters look wrong, "
        "save the file as UTF-8 and import it again.",
    ),
    "log_read_as_western": ("interactions", True, "Rows read as Western European text, because they are not UTF-8."),
}


@dataclass(frozen=True)
class Drop:
    """Something found in the logs. reason: its code in REASONS. count: of rows of `table` (items, interactions, users).

    kept: they stay and are only told of. examples: what some of them look like, as in the file (untrusted text).
    """

    reason: str
    table: str
    sentence: str
    count: int
    examples: tuple[str, ...] = ()
    kept: bool = False


def drop(reason: str, count: int, examples: Iterable[object] = ()) -> Drop:
    """A Drop with its sentence and a few different examples."""
    table, kept, sentence = REASONS[reason]
    shown = dict.fromkeys(
        " ".join(str(example).split())[:LONGEST_EXAMPLE] for example in examples if example is not None
    )
    return Drop(reason, table, sentence, int(count), tuple(shown)[:EXAMPLES], kept)


@dataclass(frozen=True)
class LogReport:
    """Of each table: rows (people, for users) in the files = kept + the sum of what was dropped.

    first_date, last_date: None where the log has only an order. time_form: how its times were read.
    content_key: the same for the same files and columns, and for no others. vector_size: how many numbers the vector of
    every item has; None where the catalogue brought none. liked: which ratings count as liked, in words; empty where
    every interaction counts.
    """

    items_in: int
    items_kept: int
    users_in: int
    users_kept: int
    interactions_in: int
    interactions_kept: int
    has_dates: bool
    time_form: str
    first_date: datetime | None
    last_date: datetime | None
    drops: tuple[Drop, ...]
    content_key: str
    vector_size: int | None = None
    liked: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> LogReport:
        values = json.loads(text)
        for name in ("first_date", "last_date"):
            values[name] = values[name] and datetime.fromisoformat(values[name])
        values["drops"] = tuple(Drop(**{**found, "examples": tuple(found["examples"])}) for found in values["drops"])
        return cls(**values)
