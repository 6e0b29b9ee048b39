"""Changes of descriptions before anything is saved: which words can be used, and of many at once, what would become of
each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..errors import HierexError
from ..typed import LONGEST_NAME, LONGEST_TEXT
from . import Description
from .words import tidy

FIELDS = ("name", "phrases", "summary")


@dataclass(frozen=True)
class Refusal:
    """A description that cannot be as somebody wants it, and why. where: its name, or its row in a file."""

    where: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a change would do. conflicts: wanted too, but somebody changed the same interest since the file was made."""

    wanted: tuple[Description, ...] = ()
    conflicts: tuple[Description, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unchanged: int = 0


def same_words(one: Description, other: Description) -> bool:
    return all(getattr(one, field) == getattr(other, field) for field in FIELDS)


def check_description(description: Description) -> Description:
    """The description with spaces tidied. Raises HierexError when it has no name or no phrase, or is too long."""
    name = tidy(description.name)
    phrases = tuple(dict.fromkeys(p for p in (tidy(phrase) for phrase in description.phrases) if p))
    summary = tidy(description.summary)
    if not name:
        raise HierexError("An interest needs a name. Nothing was changed.")
    if not phrases:
        raise HierexError("An interest needs at least one phrase. Nothing was changed.")
    if len(name) > LONGEST_NAME:
        raise HierexError(
            f"The name has {len(name)} characters; at most {LONGEST_NAME} are allowed. Nothing was changed."
        )
    if max(len(summary), *(len(phrase) for phrase in phrases)) > LONGEST_TEXT:
        raise HierexError(f"A text has more than {LONGEST_TEXT} characters. Shorten it; nothing was changed.")
    return replace(description, name=name, phrases=phrases, summary=summary, source="human")


def plan_replacement(
    descriptions: Sequence[Description],
    find: str,
    replacement: str,
    *,
    fields: Sequence[str] = FIELDS,
    match_case: bool = False,
    whole_words: bool = False,
) -> Plan:
    """Puts `replacement` wherever `find` stands in these fields; both are plain text, never a pattern."""
    if not find.strip():
        return Plan(unchanged=len(descriptions))
    pattern = re.escape(find.strip())
    if whole_words:
        pattern = rf"(?<!\w){pattern}(?!\w)"
    looked_for = re.compile(pattern, 0 if match_case else re.IGNORECASE)
    wanted, refusals = [], []
    for before in descriptions:
        after = before
        for field in fields:
            after = replace(after, **{field: _replaced(getattr(before, field), looked_for, replacement)})
        if same_words(before, after):
            continue
        try:
            checked = check_description(after)
        except HierexError as error:
            refusals.append(Refusal(before.name, str(error)))
            continue
        if not same_words(before, checked):
            wanted.append(checked)
    return Plan(tuple(wanted), (), tuple(refusals), len(descriptions) - len(wanted) - len(refusals))


def _replaced(text: str | tuple[str, ...], looked_for: re.Pattern, replacement: str) -> str | tuple[str, ...]:
    if isinstance(text, tuple):
        return tuple(looked_for.sub(lambda _: replacement, part) for part in text)
    return looked_for.sub(lambda _: replacement, text)


def names_twice(before: Mapping[int, Description], wanted: Iterable[Description]) -> list[str]:
    """The names that several interests would have, to which a number is then added."""
    after = {**before, **{description.cluster_id: description for description in wanted}}
    times = Counter(description.name.casefold() for description in after.values())
    changed = (after[node].name for node in after if node not in before or after[node].name != before[node].name)
    return [name for name in dict.fromkeys(changed) if times[name.casefold()] > 1]


def change_table(before: Mapping[int, Description], wanted: Iterable[Description]) -> pd.DataFrame:
    """A row for each field that would change: Interest, What, Before, After."""
    rows = []
    for after in wanted:
        was = before[after.cluster_id]
        for field in FIELDS:
            old, new = getattr(was, field), getattr(after, field)
            if old != new:
                rows.append((was.name, field.capitalize(), _shown(old), _shown(new)))
    return pd.DataFrame(rows, columns=["Interest", "What", "Before", "After"])


def _shown(text: str | tuple[str, ...]) -> str:
    return ", ".join(text) if isinstance(text, tuple) else text
