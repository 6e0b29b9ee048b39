"""What people changed about the taxonomy, kept as rows that are only added or marked as undone.

An edit remembers some items of every interest that it speaks of. When the tree is grown anew, it speaks of the nodes
that share most items with them; where one has no like, the edit is not placed and its reason says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from ..descriptions.words import tidy
from ..errors import HierexError
from ..interest_tree import InterestTree
from ..store import Store, now
from ..taxonomy import CurationEdit
from ..typed import LONGEST_TEXT
from .description_edits import most_alike, remembered

GONE = "No interest of the present tree is like the one that this speaks of."
NO_ITEMS = "None of the items that were moved is in the catalogue."
LOST = (GONE, NO_ITEMS)
"""Reasons of changes that did not carry over to this tree."""


@dataclass(frozen=True)
class CurationRecord:
    """A change as it was made: of nodes of `tree_key`'s tree, with some items of each. items: ids of those moved."""

    edit_id: int
    tree_key: str
    kind: str
    nodes: tuple[int, ...]
    samples: tuple[tuple[str, ...], ...]
    sizes: tuple[int, ...]
    items: tuple[str, ...]
    reason: str
    author: str
    edited_at: datetime
    undone: bool


def read_records(store: Store) -> list[CurationRecord]:
    """All changes, earliest first, those that were taken back as well."""
    rows = store.table(
        "SELECT edit_id, tree_key, kind, nodes, samples, sizes, items, reason, author, edited_at, undone "
        "FROM curation_edits ORDER BY edit_id"
    ).to_pylist()
    return [
        CurationRecord(
            **{
                **row,
                "nodes": tuple(row["nodes"]),
                "samples": tuple(map(tuple, row["samples"])),
                "sizes": tuple(row["sizes"]),
                "items": tuple(row["items"]),
            }
        )
        for row in rows
    ]


def taxonomy_key(granularity: int, records: Sequence[CurationRecord]) -> str:
    """Granularity and, after a colon, the ids of the changes that count."""
    return f"{granularity}:{','.join(str(record.edit_id) for record in records if not record.undone)}"


def read_taxonomy_key(key: str) -> tuple[int, frozenset[int]]:
    """The inverse of `taxonomy_key`: granularity and edit ids."""
    granularity, _, edit_ids = key.partition(":")
    return int(granularity), frozenset(int(edit_id) for edit_id in edit_ids.split(",") if edit_id)


def place_records(
    records: Sequence[CurationRecord], tree_key: str, tree: InterestTree, item_ids: Sequence[str]
) -> tuple[list[CurationEdit], dict[int, str]]:
    """The edits in terms of this tree, as it was grown, and by edit id why the others could not be placed."""
    index = pd.Index(item_ids)
    placed, reasons = [], {}
    for record in records:
        nodes = record.nodes
        if record.tree_key != tree_key:
            found = zip(record.samples, record.sizes, strict=True)
            nodes = tuple(most_alike(sample, size, tree, index) for sample, size in found)
        items = index.get_indexer(pd.Index(record.items, dtype=index.dtype))
        items = tuple(items[items >= 0].tolist())
        if None in nodes:
            reasons[record.edit_id] = GONE
        elif record.items and not items:
            reasons[record.edit_id] = NO_ITEMS
        else:
            placed.append(CurationEdit(record.edit_id, record.kind, nodes, items))
    return placed, reasons


def save_curation(
    store: Store,
    kind: str,
    nodes: Sequence[int],
    *,
    tree_key: str,
    tree: InterestTree,
    item_ids: Sequence[str],
    items: Sequence[int] = (),
    reason: str = "",
    author: str = "",
) -> int:
    """Keeps a change of these nodes; returns its edit id. item_ids: by item index. items: indices of those moved.

    Raises HierexError for a reason that is too long.
    """
    reason = tidy(reason)
    if len(reason) > LONGEST_TEXT:
        raise HierexError(f"The reason has {len(reason)} characters; at most {LONGEST_TEXT} are allowed.")
    inside = [[item_ids[i] for i in tree.items_of(node)] for node in nodes]
    with store.transaction() as writer:
        return writer.execute(
            "INSERT INTO curation_edits (tree_key, kind, nodes, samples, sizes, items, reason, author, edited_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING edit_id",
            [
                tree_key,
                kind,
                [int(node) for node in nodes],
                [remembered(items) for items in inside],
                [len(items) for items in inside],
                [item_ids[item] for item in items],
                reason,
                author,
                now(),
            ],
        )[0]


def set_undone(store: Store, edit_ids: Sequence[int], undone: bool) -> None:
    """Takes changes back, or brings them back."""
    with store.transaction() as writer:
        for edit_id in edit_ids:
            writer.execute("UPDATE curation_edits SET undone = ? WHERE edit_id = ?", [undone, edit_id])
