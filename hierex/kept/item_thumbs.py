"""Thumbs on single items that people would be shown: for people to read, nothing is learned from them.

Rows are only added or marked as undone.
"""

from __future__ import annotations

import pandas as pd

from ..descriptions.words import tidy
from ..errors import HierexError
from ..store import Store, now
from ..typed import LONGEST_TEXT
from .reviewers import Subject, Thumb, reviewer_key, take_back_thumbs

OF_SUBJECT = "user_id IS NOT DISTINCT FROM ? AND example_id IS NOT DISTINCT FROM ? AND NOT undone"


def save_item_thumb(
    store: Store, item_id: str, subject: Subject, *, liked: bool | None, author: str, reason: str = ""
) -> None:
    """What somebody thinks of an item for a person; takes the place of what they said of it before.

    liked: None takes it back. Raises HierexError for a reason that is too long.
    """
    if len(reason) > LONGEST_TEXT:
        raise HierexError(f"A reason has at most {LONGEST_TEXT:,} characters; this one has {len(reason):,}.")
    about, same = [item_id, subject.user_id, subject.example_id], f"item_id = ? AND {OF_SUBJECT}"
    with store.transaction() as writer:
        take_back_thumbs(writer, "item_thumbs", same, about, author)
        if liked is not None:
            writer.execute(
                "INSERT INTO item_thumbs (item_id, user_id, example_id, author, liked, reason, given_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [*about, tidy(author), liked, tidy(reason), now()],
            )


def read_item_thumbs(store: Store, author: str, subject: Subject) -> dict[str, Thumb]:
    """By item id, what this author said for this person."""
    rows = store.table(
        f"SELECT item_id, liked, reason, author FROM item_thumbs WHERE {OF_SUBJECT} ORDER BY given_at",
        [subject.user_id, subject.example_id],
    ).to_pylist()
    own = [row for row in rows if reviewer_key(row["author"]) == reviewer_key(author)]
    return {row["item_id"]: Thumb(row["liked"], row["reason"]) for row in own}


def read_all_item_thumbs(store: Store) -> pd.DataFrame:
    """item_id, subject, author, liked, reason, given_at: every one not taken back, in order."""
    rows = store.table(
        "SELECT item_id, user_id, example_id, author, liked, reason, given_at FROM item_thumbs WHERE NOT undone "
        "ORDER BY given_at"
    ).to_pylist()
    every = [row | {"subject": Subject(row["user_id"], row["example_id"])} for row in rows]
    return pd.DataFrame(every, columns=["item_id", "subject", "author", "liked", "reason", "given_at"])
