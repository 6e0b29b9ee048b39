"""From uploaded files to a checked catalogue and an ordered log, with a report of what was dropped and why."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from ..config import Progress, no_progress
from .columns import (
    InteractionColumns,
    ItemColumns,
    guess_columns,
    guess_interaction_columns,
    guess_item_columns,
    middle_rating,
)
from .files import LogFile, digest, sniff
from .report import LogReport
from .sources import preview
from .staging import SHARES, stage_catalogue, stage_log, stage_people, vector_size, worth_telling
from .workbench import count, run, workbench

__all__ = [
    "Disliked",
    "InteractionColumns",
    "Interactions",
    "ItemColumns",
    "LogFile",
    "LogReport",
    "guess_columns",
    "guess_interaction_columns",
    "guess_item_columns",
    "middle_rating",
    "preview",
    "sniff",
    "stage_logs",
]

VERSION = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Interactions:
    """The log as arrays, sorted by user and, within a user, by time (ties: the order in which they came).

    user_index, item_index: (n,) int32. clock: (n,) int64, microseconds since 1970 UTC where the log has dates,
    else the row's share of its user's history in millionths. starts: (n_users + 1,) int64, user u's rows are
    `starts[u]:starts[u + 1]`.
    """

    user_index: np.ndarray
    item_index: np.ndarray
    clock: np.ndarray
    starts: np.ndarray
    n_items: int
    has_dates: bool

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    def items_of(self, user: int) -> np.ndarray:
        """The user's items, earliest first, repeats included."""
        return self.item_index[self.starts[user] : self.starts[user + 1]]

    def traffic(self) -> np.ndarray:
        """(n_items,) int64, interactions per item."""
        return np.bincount(self.item_index, minlength=self.n_items)

    def before(self, clock: int) -> Interactions:
        """Only what happened before `clock`; every user keeps their index, some with no rows."""
        keep = self.clock < clock
        counts = np.bincount(self.user_index[keep], minlength=self.n_users)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Interactions(
            self.user_index[keep], self.item_index[keep], self.clock[keep], starts, self.n_items, self.has_dates
        )

    def split_clock(self, share: float) -> int:
        """The clock value from which on the latest `share` of the interactions happened.

        Where the log has no dates: of everyone's own history.
        """
        if not self.has_dates:
            return round((1 - share) * SHARES)
        place = min(int((1 - share) * len(self.clock)), len(self.clock) - 1)
        return int(np.partition(self.clock, place)[place])


@dataclass(frozen=True)
class Disliked:
    """What people had and rated too low to show an interest: it is learned from nowhere, and never suggested again.

    item_index: (n,) int32, user u's are `starts[u]:starts[u + 1]`, ascending. starts: (n_users + 1,) int64.
    """

    item_index: np.ndarray
    starts: np.ndarray

    def items_of(self, user: int) -> np.ndarray:
        return self.item_index[self.starts[user] : self.starts[user + 1]]


def stage_logs(
    database,
    items: LogFile,
    item_columns: ItemColumns,
    interactions: LogFile,
    interaction_columns: InteractionColumns,
    *,
    progress: Progress = no_progress,
) -> LogReport:
    """Checks both files and makes the tables `items`, `users`, `interactions` and `disliked` in the current schema of
    `database`.

    items (item_index, item_id, title, text, vector: missing where no column of vectors was chosen) in the order of the
    file; users (user_index, user_id) in the order of their ids; interactions (user_index, item_index, position, clock)
    in the order of user and position; disliked (user_index, item_index). Raises LogError when a file or a column cannot
    be used, TooLittleData when too few items or people are left; no table is made then.
    """
    dated = interaction_columns.timestamp is not None
    with workbench(database):
        items_in, drops = stage_catalogue(database, items, item_columns)
        progress(0.1)
        interactions_in, form, lost = stage_log(database, interactions, interaction_columns)
        progress(0.7)
        drops += lost + stage_people(database, interactions, lost)
        progress(0.75)
        run(database, "stage_tables")
        progress(0.95)
        first, last = database.execute("SELECT min(clock), max(clock) FROM interactions").fetchone()
        drops += worth_telling(database)
        users_in = database.execute("SELECT count(DISTINCT user_key) FROM staged_users").fetchone()[0]
    progress(1.0)
    return LogReport(
        items_in=items_in,
        items_kept=count(database, "items"),
        users_in=users_in,
        users_kept=count(database, "users"),
        interactions_in=interactions_in,
        interactions_kept=count(database, "interactions"),
        has_dates=dated,
        time_form=form,
        first_date=EPOCH + timedelta(microseconds=first) if dated else None,
        last_date=EPOCH + timedelta(microseconds=last) if dated else None,
        drops=tuple(found for found in drops if found.count),
        content_key=_content_key(items, item_columns, interactions, interaction_columns),
        vector_size=vector_size(database) if item_columns.vector else None,
        liked=interaction_columns.liked,
    )


def _content_key(items: LogFile, item_columns, interactions: LogFile, interaction_columns) -> str:
    """Files and columns, and nothing else, decide what is staged. No column of vectors is as if there were no such, and
    so with ratings. `why` stands there for keys of earlier versions to stay what they are."""
    columns = [{**asdict(chosen), "why": None} for chosen in (item_columns, interaction_columns)]
    if item_columns.vector is None:
        del columns[0]["vector"]
    if interaction_columns.liked_from is None:
        del columns[1]["rating"], columns[1]["liked_from"]
    else:
        columns[1]["liked_from"] = float(interaction_columns.liked_from)
    told = json.dumps([VERSION, digest(items), digest(interactions), *columns])
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
