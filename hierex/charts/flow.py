"""Which interests turned into which: bands from the left to the right, as wide as their traffic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import FONT_SIZE, INK, PAPER, QUIET, empty_figure, new_figure, plain

MOST_BANDS = 40
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

    Of more than about 40 bands the first are drawn, every interest on the left with its parts (80 bands at most), and
    the figure says so.
    """
    if not len(changes):
        return empty_figure("The interests are the same on both sides.")
    shown = changes[changes["before_id"].isin(changes["before_id"].head(MOST_BANDS))].head(2 * MOST_BANDS)
    left, source = np.unique(shown["before_id"], return_inverse=True)
    right, target = np.unique(shown["after_id"], return_inverse=True)
    labels = [plain(before[node], 34) for node in left] + [plain(after[node], 34) for node in right]
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
    if len(shown) < len(changes):
        place = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        text = f"{len(shown)} of {len(changes):,} bands, those of the busiest interests; the table has all"
        figure.add_annotation(text=text, showarrow=False, font={"size": FONT_SIZE - 1, "color": QUIET}, **place)
    return figure
