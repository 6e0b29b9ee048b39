"""Numbers of interests that people gave a name, to come back to.

One of them at most is active: the page opens at it, and builds for which no number is chosen use it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..descriptions.words import tidy
from ..errors import HierexError
from ..store import Store, now
from ..typed import LONGEST_NAME


@dataclass(frozen=True)
class Preset:
    name: str
    granularity: int
    author: str
    active: bool


def read_presets(store: Store) -> list[Preset]:
    """Coarsest first; without the deleted ones."""
    rows = store.table(
        "SELECT name, granularity, author, active FROM presets WHERE NOT deleted ORDER BY granularity, name"
    )
    return [Preset(**row) for row in rows.to_pylist()]


def active_preset(store: Store) -> Preset | None:
    """The one that this workspace works with."""
    return next((preset for preset in read_presets(store) if preset.active), None)


def activate_preset(store: Store, name: str | None) -> None:
    """Makes this one active and every other one not; with None, none is. Raises HierexError when it is not there."""
    with store.transaction() as writer:
        if name is not None and not writer.execute("SELECT 1 FROM presets WHERE name = ? AND NOT deleted", [name]):
            raise HierexError(f"'{name}' is not saved any more. Bring it back first.")
        writer.execute("UPDATE presets SET active = (name = ? AND NOT deleted) IS TRUE", [name])


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
        writer.execute("INSERT INTO presets VALUES (?, ?, ?, ?, FALSE, FALSE)", [name, granularity, author, now()])


def delete_preset(store: Store, name: str) -> None:
    """It can be brought back. One that was active no longer is."""
    with store.transaction() as writer:
        writer.execute("UPDATE presets SET deleted = TRUE, active = FALSE WHERE name = ?", [name])


def restore_preset(store: Store, name: str) -> None:
    """Brings back the latest one of that name. Raises HierexError when its name was taken meanwhile."""
    with store.transaction() as writer:
        if writer.execute("SELECT 1 FROM presets WHERE lower(name) = lower(?) AND NOT deleted", [name]):
            raise HierexError(f"There is another '{name}' by now. Delete it first, then bring this one back.")
        latest = "SELECT max(rowid) FROM presets WHERE name = ?"
        writer.execute(f"UPDATE presets SET deleted = FALSE WHERE rowid = ({latest})", [name])
