"""The best of each row of a table of scores, in an order that has no equals; and how many rows are held at once."""

from __future__ import annotations

import numpy as np

LOW_BITS = np.int64(0xFFFF_FFFF)
CELLS_AT_ONCE = 4_000_000
"""Scores held at once: 16 MB as floats, and a few times that inside a policy and while they are ranked."""


def rows_at_once(width: int) -> int:
    """Rows of a table of scores, `width` columns wide, that are worked on at once."""
    return max(CELLS_AT_ONCE // max(width, 1), 1)


def best_columns(table: np.ndarray, top: int) -> np.ndarray:
    """(n, min(top, m)) int64: the columns of the largest values of each row of a (n, m) float32 table, best first.

    Of equal values the earlier column comes first: value and column are one integer, so that there are no equals.
    """
    n_columns = table.shape[1]
    top = min(top, n_columns)
    bits = (table + np.float32(0)).view(np.int32).astype(np.int64)  # + 0 turns -0 into 0
    rising = np.where(bits < 0, bits ^ np.int64(0x7FFF_FFFF), bits)  # floats below 0 fall as their bits rise
    keys = (rising << np.int64(32)) | (LOW_BITS - np.arange(n_columns))
    if 0 < top < n_columns:
        keys.partition(n_columns - top, axis=1)
    best = np.sort(keys[:, n_columns - top :], axis=1)[:, ::-1]
    return LOW_BITS - (best & LOW_BITS)
