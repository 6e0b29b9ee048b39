"""Which interests turned into which: bands from the left to the right, as wide as their traffic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import FONT_SIZE, QUIET, empty_figure, new_figure, plain

MOST_BANDS = 40
ROW_HEIGHT = 26
BAND = "rgba(125,130,140,0.35)"


def interest_flow(
    changes: pd.DataFrame,
    before: Mapping[int, str],
    after: Mapping[int, str],
    colors: Mapping[int, str],
) -> go.Figure:
    """changes: what `compare_taxonomies` returns. before, after: names by cluster id. colors: by cluster id.

    Of more than 40 bands the widest are drawn and the figure says so.
    """
    if not len(changes):
        return empty_figure("The interests are the same on both sides.")
    shown = changes.head(MOST_BANDS)
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
        textfont={"size": FONT_SIZE - 1},
    )
    figure = new_figure(trace, height=90 + ROW_HEIGHT * max(len(left), len(right)), top=10, bottom=30)
    if len(shown) < len(changes):
        place = {"x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top"}
        text = f"The {len(shown)} widest bands of {len(changes):,}"
        figure.add_annotation(text=text, showarrow=False, font={"size": FONT_SIZE - 1, "color": QUIET}, **place)
    return figure
