"""Changes of many descriptions at once: what would become of each, and what cannot be, before anything is saved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..descriptions import Description
from ..errors import HierexError
from .description_edits import check_description

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
