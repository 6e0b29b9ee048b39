"""Which interests turned into which: bands from the left to the right, as wide as their traffic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import FONT_SIZE, INK, PAPER, QUIET, empty_figure, new_figure, plain

MOST_BANDS = 40
MOST_LEFT = 20
ROW_HEIGHT = 26
TOP = 36
"""Room for the buttons that Plotly shows over a figure."""
BAND = "rgba(125,130,140,0.22)"


def interest_flow(
    changes: pd.DataFrame,
    before: Mapping[int, str],
    after: Mapping[int, str],
    colors: Mapping[int, str],
    *,
    dark: bool = False,
) -> go.Figure:
    """changes: rows of `align_taxonomies`, in the order in which they matter. before, after: names by cluster id.
    colors: by cluster id. dark: whether the page is.

    The first interests on the left are drawn, 20 at most, each with its largest parts and one band for the others; the
    figure says how many are left out.
    """
    if not len(changes):
        return empty_figure("The interests are the same on both sides.")
    shown = _largest_parts(changes)
    left, source = np.unique(shown["before_id"], return_inverse=True)
    right, target = np.unique(shown["after_id"], return_inverse=True)
    labels = [plain(before[node], 34) for node in left]
    others = shown.set_index("after_id")["n_others"]
    labels += [f"… {others[node]:,} others" if node < 0 else plain(after[node], 34) for node in right]
    widths = np.maximum(shown["traffic"].to_numpy(float), 0.5)
    trace = go.Sankey(
        node={
            "label": labels,
            "color": [colors.get(int(node), QUIET) for node in (*left, *right)],
            "pad": 10,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        link={
            "source": source,
            "target": target + len(left),
            "value": widths,
            "color": BAND,
            "customdata": shown["n_items"],
            "hovertemplate": "%{source.label}<br>→ %{target.label}<br>%{customdata:,} items<extra></extra>",
        },
        textfont={"size": FONT_SIZE - 1, "color": PAPER if dark else INK, "shadow": "none"},
    )
    figure = new_figure(trace, height=90 + ROW_HEIGHT * max(len(left), len(right)), top=TOP, bottom=30)
    n_left = changes["before_id"].nunique()
    if len(left) < n_left:
        place = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        text = f"{len(left)} of {n_left:,} interests, the busiest; the table has all"
        figure.add_annotation(text=text, showarrow=False, font={"size": FONT_SIZE - 1, "color": QUIET}, **place)
    return figure


def _largest_parts(changes: pd.DataFrame) -> pd.DataFrame:
    """Of the first interests on the left their largest parts, and in one row, with a negative after_id, the others."""
    first = changes["before_id"].drop_duplicates().head(MOST_LEFT)
    parts = changes[changes["before_id"].isin(first)]
    place = parts.groupby("before_id", sort=False).cumcount()
    size = parts.groupby("before_id")["after_id"].transform("size")
    most = max(2, MOST_BANDS // len(first))
    alone = (place < most) | (size == most + 1)
    rest = parts[~alone].groupby("before_id", sort=False)[["n_items", "traffic"]].sum()
    counted = parts[~alone].groupby("before_id", sort=False).size()
    rest = rest.assign(n_others=counted, after_id=-1 - np.arange(len(rest))).reset_index()
    return pd.concat([parts[alone].assign(n_others=0), rest], ignore_index=True)
