"""The logs that a workspace holds: put in place by an import, exchanged with the ones before, read by every stage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import NotReady
from ..logs import Disliked, Interactions, LogReport
from ..store import Scratch, Store, now

TABLES = ("items", "users", "interactions", "disliked")


def replace_logs(store: Store, scratch: Scratch, report: LogReport) -> None:
    """The staged catalogue and log take the place of the workspace's, which stay for `exchange_logs`."""
    with store.attached(scratch.path, "staged"), store.transaction() as writer:
        for table in TABLES:
            writer.execute(f"DROP TABLE IF EXISTS previous_{table}")
            writer.execute(f"ALTER TABLE {table} RENAME TO previous_{table}")
            writer.execute(f"CREATE TABLE {table} AS FROM staged.{table}")
        writer.execute("INSERT INTO imports VALUES (?, ?, ?)", [now(), report.content_key, report.to_json()])


def previous_report(store: Store) -> LogReport | None:
    """Of the logs that `exchange_logs` would bring back; None where there are none."""
    if not store.value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'previous_items'"):
        return None
    return _report(store, latest=2)


def exchange_logs(store: Store) -> None:
    """Brings back the logs that were here before; those of now can be brought back in the same way.

    Raises NotReady when there are none.
    """
    report = previous_report(store)
    if report is None:
        raise NotReady("There are no earlier logs to go back to.")
    with store.transaction() as writer:
        for table in TABLES:
            writer.execute(f"ALTER TABLE {table} RENAME TO exchanged_{table}")
            writer.execute(f"ALTER TABLE previous_{table} RENAME TO {table}")
            writer.execute(f"ALTER TABLE exchanged_{table} RENAME TO previous_{table}")
        writer.execute("INSERT INTO imports VALUES (?, ?, ?)", [now(), report.content_key, report.to_json()])


def log_report(store: Store) -> LogReport | None:
    """Of the logs in place; None where nothing was imported yet."""
    return _report(store, latest=1)


def _report(store: Store, *, latest: int) -> LogReport | None:
    text = store.value("SELECT report FROM imports ORDER BY rowid DESC LIMIT 1 OFFSET ?", [latest - 1])
    return LogReport.from_json(text) if text else None


def read_items(store: Store) -> pd.DataFrame:
    """item_id, title, text, traffic; row = item index."""
    return store.frame(
        "SELECT item_id, title, text, coalesce(traffic, 0)::BIGINT AS traffic FROM items LEFT JOIN "
        "(SELECT item_index, count(*) AS traffic FROM interactions GROUP BY item_index) USING (item_index) "
        "ORDER BY item_index"
    )


def check_vectors(store: Store) -> None:
    """Raises NotReady where the catalogue brought no vectors."""
    report = log_report(store)
    if report is None or report.vector_size is None:
        raise NotReady(
            "The catalogue has no column of vectors. Import one that has, or choose a text model for the items."
        )


def read_vectors(store: Store) -> np.ndarray:
    """(n_items, d) float32, the vectors that came with the catalogue, scaled to unit length. Raises NotReady for none.

    That they are finite, of one length and not zero was checked when they came in.
    """
    check_vectors(store)
    column = store.table("SELECT vector FROM items ORDER BY item_index")["vector"]
    vectors = column.combine_chunks().flatten().to_numpy().reshape(len(column), -1)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))  # squares may not fit into float32
    return np.divide(vectors, lengths[:, None], out=np.empty_like(vectors), casting="same_kind")


def read_users(store: Store) -> list[str]:
    """User ids; position = user index."""
    return store.table("SELECT user_id FROM users ORDER BY user_index")["user_id"].to_pylist()


def read_disliked(store: Store) -> Disliked:
    columns = store.columns("SELECT user_index, item_index FROM disliked ORDER BY user_index, item_index")
    n_users = store.value("SELECT count(*) FROM users")
    counts = np.bincount(columns["user_index"], minlength=n_users)
    return Disliked(columns["item_index"], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def read_interactions(store: Store) -> Interactions:
    columns = store.columns("SELECT user_index, item_index, clock FROM interactions ORDER BY user_index, position")
    n_users, n_items = store.value("SELECT count(*) FROM users"), store.value("SELECT count(*) FROM items")
    counts = np.bincount(columns["user_index"], minlength=n_users)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    report = log_report(store)
    return Interactions(**columns, starts=starts, n_items=n_items, has_dates=bool(report and report.has_dates))
