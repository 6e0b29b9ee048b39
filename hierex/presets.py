"""Numbers of interests that people gave a name, to come back to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .description_edits import LONGEST_NAME, tidy
from .errors import HierexError
from .store import Store, now


@dataclass(frozen=True)
class Preset:
    name: str
    granularity: int
    author: str
    saved_at: datetime


def read_presets(store: Store) -> list[Preset]:
    """Coarsest first; without the deleted ones."""
    rows = store.table(
        "SELECT name, granularity, author, saved_at FROM presets WHERE NOT deleted ORDER BY granularity, name"
    )
    return [Preset(**row) for row in rows.to_pylist()]


def save_preset(store: Store, name: str, granularity: int, *, author: str = "") -> None:
    """Raises HierexError for a name that is empty, too long or taken."""
    name = tidy(name)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise HierexError(f"A name has 1 to {LONGEST_NAME} characters; this one has {len(name)}.")
    with store.transaction() as writer:
        taken = "SELECT granularity FROM presets WHERE lower(name) = lower(?) AND NOT deleted"
        found = writer.execute(taken, [name])
        if found:
            raise HierexError(f"'{name}' is saved already, for {found[0]:,} interests. Choose another name.")
        writer.execute("INSERT INTO presets VALUES (?, ?, ?, ?, FALSE)", [name, granularity, author, now()])


def delete_preset(store: Store, name: str) -> None:
    with store.transaction() as writer:
        writer.execute("UPDATE presets SET deleted = TRUE WHERE name = ?", [name])


def restore_preset(store: Store, name: str) -> None:
    """Brings back the latest one of that name. Raises HierexError when its name was taken meanwhile."""
    with store.transaction() as writer:
        if writer.execute("SELECT 1 FROM presets WHERE lower(name) = lower(?) AND NOT deleted", [name]):
            raise HierexError(f"There is another '{name}' by now. Delete it first, then bring this one back.")
        latest = "SELECT max(rowid) FROM presets WHERE name = ?"
        writer.execute(f"UPDATE presets SET deleted = FALSE WHERE rowid = ({latest})", [name])
