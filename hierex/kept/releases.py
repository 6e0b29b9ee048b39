"""Who decided that predictions are served, and whose.

Every decision is a row and none is ever changed: going back is another decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..descriptions.words import tidy
from ..errors import HierexError
from ..store import Store, now
from ..typed import LONGEST_TEXT
from .runs import RunRecord, find_run


@dataclass(frozen=True)
class Release:
    """run_id: whose predictions are served from then on, None for nobody's."""

    release_id: int
    run_id: int | None
    author: str
    note: str
    released_at: datetime


def read_releases(store: Store) -> list[Release]:
    """Every decision, latest first."""
    rows = store.table(
        "SELECT release_id, run_id, author, note, released_at FROM releases ORDER BY release_id DESC"
    ).to_pylist()
    return [Release(**row) for row in rows]


def current_release(store: Store) -> Release | None:
    """What is served now; None where nothing is."""
    latest = next(iter(read_releases(store)), None)
    return latest if latest and latest.run_id is not None else None


def released_run(store: Store) -> RunRecord | None:
    """The run whose predictions are served now, of whatever logs; None where none is."""
    release = current_release(store)
    return find_run(store, release.run_id) if release else None


def latest_decision(store: Store) -> int:
    """The id of the latest decision, 0 where there is none: what somebody who decides next has to have seen."""
    return store.value("SELECT coalesce(max(release_id), 0) FROM releases")


def save_release(store: Store, run_id: int | None, *, author: str, note: str = "", seen: int | None = None) -> None:
    """Keeps a decision: this run's predictions are served from now on, or, with None, nobody's.

    seen: the latest decision that the author knows of (`latest_decision`); whatever it was, without it. Raises
    HierexError for a missing name or a note that is too long, and where somebody has decided after what was seen.
    """
    if not tidy(author):
        raise HierexError("Say who decides this: type your name first.")
    if len(note) > LONGEST_TEXT:
        raise HierexError(f"A note has at most {LONGEST_TEXT:,} characters; this one has {len(note):,}.")
    with store.transaction() as writer:
        if seen is not None and latest_decision(store) != seen:
            who = read_releases(store)[0].author or "Somebody else"
            raise HierexError(f"{who} has decided in the meantime. Look at what is served now, then decide.")
        writer.execute(
            "INSERT INTO releases (run_id, author, note, released_at) VALUES (?, ?, ?, ?)",
            [run_id, tidy(author), tidy(note), now()],
        )
