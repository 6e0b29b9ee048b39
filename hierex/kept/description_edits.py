"""What people wrote about interests. Rows are only added or marked as undone, so nothing typed is ever lost.

An edit remembers some items of its interest. When the tree is grown anew, the edit moves to the node that shares most
items with what was described; where no node is alike enough it is listed as unplaced. What was
said of a merged interest stays with the merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import numpy as np
import pandas as pd

from ..descriptions import Description
from ..descriptions.changes import check_description
from ..descriptions.equal_names import free_name, own_name
from ..errors import EditConflict
from ..interest_tree import InterestTree
from ..store import Store, Writer, now
from ..taxonomy import MERGED_FROM
from .description_steps import new_step

REMEMBERED_ITEMS = 500
ALIKE = 0.5


@dataclass(frozen=True)
class Edit:
    """A person's description of a node: of `tree_key`'s, or, after a new tree was grown, of the one most like it."""

    edit_id: int
    tree_key: str
    node_id: int
    name: str
    phrases: tuple[str, ...]
    summary: str
    author: str
    edited_at: datetime
    item_ids: tuple[str, ...]
    n_items: int
    undone: bool
    step: int


@dataclass(frozen=True)
class Statement:
    """What a person says of an interest: words for it, its items, and which row of theirs or others' they saw of it.

    seen_id: the edit, or review, that they had before them; None where there was none.
    """

    description: Description
    item_ids: Sequence[str]
    seen_id: int | None


def read_edits(store: Store) -> list[Edit]:
    """All edits, earliest first, those that were taken back as well."""
    rows = store.table(
        "SELECT edit_id, tree_key, node_id, name, phrases, summary, author, edited_at, item_ids, n_items, undone, "
        "step FROM description_edits ORDER BY edit_id"
    ).to_pylist()
    return [Edit(**{**row, "phrases": tuple(row["phrases"]), "item_ids": tuple(row["item_ids"])}) for row in rows]


Row = TypeVar("Row")
"""An edit or a review: of a node of a tree, with some items of it."""


def place_edits(
    edits: Sequence[Row], tree_key: str, tree: InterestTree, item_ids: Sequence[str]
) -> tuple[dict[int, Row], list[Row]]:
    """The latest edit of each node of this tree, by node id; and the latest of each interest that is like no node.

    Reviews are placed in the same way. edits: earliest first. Those that were taken back count for nothing.
    """
    index = pd.Index(item_ids)
    latest = {}
    for edit in edits:
        if not edit.undone:
            latest.pop((edit.tree_key, edit.node_id), None)
            latest[edit.tree_key, edit.node_id] = edit
    placed, unplaced = {}, []
    for edit in latest.values():
        kept = edit.tree_key == tree_key or edit.node_id >= MERGED_FROM
        node = edit.node_id if kept else most_alike(edit.item_ids, edit.n_items, tree, index)
        if node is None:
            unplaced.append(edit)
        else:
            placed[node] = edit
    return placed, unplaced


def most_alike(item_ids: Sequence[str], n_items: int, tree: InterestTree, item_index: pd.Index) -> int | None:
    """The node whose items are most like `n_items` items, of which `item_ids` are remembered; None below `ALIKE`.

    Likeness is their Jaccard index, as estimated from what is remembered.
    """
    found = item_index.get_indexer(pd.Index(item_ids))
    here = np.zeros(tree.n_items, bool)
    here[found[found >= 0]] = True
    before = np.concatenate([[0], np.cumsum(here[tree.order])])
    shared = (before[tree.hi] - before[tree.lo]) / len(item_ids) * n_items
    alike = shared / (n_items + (tree.hi - tree.lo) - shared)
    alike[0] = 0  # what holds everything is no interest
    best = int(np.argmax(alike))
    return best if alike[best] >= ALIKE else None


def apply_edits(descriptions: Mapping[int, Description], placed: Mapping[int, Edit]) -> dict[int, Description]:
    """Human words win: what people described with `source` 'human', the rest as it was. Both by cluster id.

    Names stay different from each other. A person's stays as it was typed, and the machine's of another interest gets
    a number; where two people gave the same one, the later does.
    """
    named = {node: edit for node, edit in placed.items() if node in descriptions}
    taken: set[str] = set()
    described = dict(descriptions)
    for node in [*sorted(named, key=lambda node: named[node].edit_id), *(n for n in descriptions if n not in named)]:
        edit = named.get(node)
        name = free_name(edit.name if edit else descriptions[node].name, taken)
        taken.add(name.casefold())
        words = {"phrases": edit.phrases, "summary": edit.summary, "source": "human", "unclear": ""} if edit else {}
        if edit or name != descriptions[node].name:
            described[node] = replace(descriptions[node], name=name, **words)
    return described


def say_the_same(one: Description | Edit, other: Description | Edit) -> bool:
    """Whether both have the same words. The number that tells equal names apart comes and goes, and is no word."""
    names = {own_name(words.name) for words in (one, other)}
    return len(names) == 1 and (one.phrases, one.summary) == (other.phrases, other.summary)


def save_edits(store: Store, statements: Sequence[Statement], *, tree_key: str, author: str) -> tuple[int, list[int]]:
    """Keeps what a person wrote of one or more interests, all of it or nothing; returns its step and the edits' ids.

    Raises EditConflict when somebody else has changed one of them since, and HierexError when a text cannot be used.
    """
    checked = [replace(statement, description=check_description(statement.description)) for statement in statements]
    with store.transaction() as writer:
        step = new_step(writer)
        return step, [_add_edit(writer, statement, tree_key, author, step) for statement in checked]


def _add_edit(writer: Writer, statement: Statement, tree_key: str, author: str, step: int) -> int:
    wanted = statement.description
    latest = writer.execute(
        "SELECT edit_id, author, name FROM description_edits WHERE tree_key = ? AND node_id = ? AND NOT undone "
        "ORDER BY edit_id DESC LIMIT 1",
        [tree_key, wanted.cluster_id],
    )
    if latest and latest[0] > (statement.seen_id or 0):
        raise EditConflict(
            f"{latest[1] or 'Somebody'} changed this interest in the meantime, to '{latest[2]}'. "
            f"Yours was not saved over it. It was: {wanted.name} | {wanted.text()} | {wanted.summary}"
        )
    return writer.execute(
        "INSERT INTO description_edits "
        "(tree_key, node_id, name, phrases, summary, author, edited_at, item_ids, n_items, step) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING edit_id",
        [
            tree_key,
            wanted.cluster_id,
            wanted.name,
            list(wanted.phrases),
            wanted.summary,
            author,
            now(),
            remembered(statement.item_ids),
            len(statement.item_ids),
            step,
        ],
    )[0]


def remembered(item_ids: Sequence[str]) -> list[str]:
    """At most `REMEMBERED_ITEMS` of them, evenly spread."""
    places = np.linspace(0, len(item_ids) - 1, min(len(item_ids), REMEMBERED_ITEMS)).astype(int)
    return [item_ids[place] for place in places]
