"""People who are kept as examples: looked at again whenever something changes.

One of the log is kept by id, a made-up one by items, so that both mean the same after interests change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..descriptions.words import tidy
from ..errors import HierexError
from ..store import Store, now
from ..typed import LONGEST_NAME

MOST_EXAMPLES = 50
"""Enough to look through by hand; each is predicted for whenever they are compared."""


@dataclass(frozen=True)
class Example:
    """user_id: None for a made-up person; item_ids: what a made-up person has had, earliest first."""

    example_id: int
    name: str
    user_id: str | None
    item_ids: tuple[str, ...]
    author: str


def read_examples(store: Store) -> list[Example]:
    """In the order in which they were kept, without the deleted ones."""
    rows = store.table(
        "SELECT example_id, name, user_id, item_ids, author FROM examples WHERE NOT deleted ORDER BY example_id"
    ).to_pylist()
    return [Example(**row | {"item_ids": tuple(row["item_ids"] or ())}) for row in rows]


def example_names(store: Store) -> dict[int, str]:
    """By id, the deleted ones too: what was said of them stays."""
    rows = store.table("SELECT example_id, name FROM examples").to_pylist()
    return {row["example_id"]: row["name"] for row in rows}


def save_example(
    store: Store, name: str, user_id: str | None, item_ids: Sequence[str] = (), *, author: str = ""
) -> int:
    """Returns its id. Raises HierexError for a name that is empty, too long or taken, and beyond `MOST_EXAMPLES`."""
    name = tidy(name)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise HierexError(f"A name has 1 to {LONGEST_NAME} characters; this one has {len(name)}.")
    with store.transaction() as writer:
        if writer.execute("SELECT 1 FROM examples WHERE lower(name) = lower(?) AND NOT deleted", [name]):
            raise HierexError(f"There is an example '{name}' already. Choose another name.")
        (n,) = writer.execute("SELECT count(*) FROM examples WHERE NOT deleted")
        if n >= MOST_EXAMPLES:
            raise HierexError(f"{n} examples are kept, which is the most. Delete one first.")
        (example_id,) = writer.execute("SELECT nextval('example_ids')")
        kept = [example_id, name, user_id, list(item_ids), tidy(author), now()]
        writer.execute("INSERT INTO examples VALUES (?, ?, ?, ?, ?, ?, FALSE)", kept)
    return example_id


def set_example_deleted(store: Store, example_id: int, deleted: bool) -> None:
    """Deletes it, or brings it back. Raises HierexError when its name was taken meanwhile."""
    taken = (
        "SELECT other.name FROM examples other, examples own WHERE own.example_id = ? AND NOT other.deleted "
        "AND other.example_id <> own.example_id AND lower(other.name) = lower(own.name)"
    )
    with store.transaction() as writer:
        found = None if deleted else writer.execute(taken, [example_id])
        if found:
            raise HierexError(f"There is another '{found[0]}' by now. Delete it first, then bring this one back.")
        writer.execute("UPDATE examples SET deleted = ? WHERE example_id = ?", [deleted, example_id])
