"""Numbers that tell equal names apart: they come and go, and are no part of what somebody called an interest."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection

_NUMBER = re.compile(r" \((?:[2-9]|[1-9][0-9])\)$")


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken. taken: without regard to case (`casefold`)."""
    if name.casefold() not in taken:
        return name
    numbered = (f"{name} ({number})" for number in itertools.count(2))
    return next(n for n in numbered if n.casefold() not in taken)


def own_name(name: str) -> str:
    """The name without the number that `free_name` gave it."""
    return _NUMBER.sub("", name)
