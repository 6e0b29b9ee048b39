"""Who reviews, and whom they speak of."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from ..descriptions.words import tidy


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
