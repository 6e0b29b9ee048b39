"""Who reviews, whom they speak of, and the short form of what they say: a thumb."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..descriptions.words import tidy
from ..store import Writer


@dataclass(frozen=True)
class Subject:
    """Whom a judgement is about. user_id: of the log, or the name of one who is made up and not kept; example_id: of a
    kept example who is made up. One is None."""

    user_id: str | None
    example_id: int | None

    @property
    def key(self) -> str:
        """Tells all of them apart."""
        return f"example {self.example_id}" if self.user_id is None else f"user {self.user_id}"


def reviewer_key(name: str) -> str:
    """The same for one reviewer, whether capitals or small letters, letters with an accent as one sign or as two, and
    whatever blanks they write their name with.

    >>> reviewer_key("  ANN ") == reviewer_key("ann")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", tidy(name)).casefold())


def spelled_alike(name: str, names: Iterable[str]) -> list[str]:
    """Of some names, all that are the same reviewer as `name`."""
    wanted = reviewer_key(name)
    return [one for one in names if reviewer_key(one) == wanted]


@dataclass(frozen=True)
class Thumb:
    liked: bool
    reason: str


def take_back_thumbs(writer: Writer, table: str, same: str, about: Sequence, author: str) -> None:
    """Within somebody's transaction: what this author, however they write their name, said of the same is undone.

    same: the condition, with `about` as its parameters, for rows of `table` that are in force and about the same.
    """
    (authors,) = writer.execute(f"SELECT list(DISTINCT author) FROM {table} WHERE {same}", about)
    writer.execute(
        f"UPDATE {table} SET undone = TRUE WHERE {same} AND list_contains(?::VARCHAR[], author)",
        [*about, spelled_alike(author, authors or [])],
    )
