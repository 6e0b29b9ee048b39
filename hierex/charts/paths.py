"""A person's way through the interests, drawn on the map of items."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import QUIET, empty_figure, new_figure, plain

MOST_DOTS = 6_000
"""Items drawn behind the path: enough for the shape of the map."""
MOST_STOPS = 25


def history_path(xy: np.ndarray, stops: pd.DataFrame) -> go.Figure:
    """Interests as numbered stops on a line, in the order in which they came, over all items in grey.

    xy: (n_items, 2); stops: x, y, name, color (hex), starts (bool: a prediction starts from it, drawn as a diamond).
    Only the `MOST_STOPS` latest are drawn.
    """
    if not len(stops):
        return empty_figure("This person has no interests.")
    numbers = np.arange(1, len(stops) + 1)[-MOST_STOPS:]
    stops = stops.tail(MOST_STOPS)
    step = max(1, len(xy) // MOST_DOTS)
    dots = go.Scattergl(
        x=xy[::step, 0],
        y=xy[::step, 1],
        mode="markers",
        marker={"size": 3, "color": QUIET, "opacity": 0.25},
        hoverinfo="skip",
    )
    path = go.Scatter(
        x=stops["x"],
        y=stops["y"],
        mode="lines+markers+text",
        line={"color": QUIET, "width": 1.5, "dash": "dot"},
        marker={
            "size": 20,
            "color": stops["color"].tolist(),
            "symbol": np.where(stops["starts"], "diamond", "circle"),
            "line": {"width": np.where(stops["starts"], 2, 0), "color": QUIET},
        },
        text=[f"<b>{number}</b>" for number in numbers],
        textposition="top center",
        hovertext=[f"{number}. <b>{plain(name, 60)}</b>" for number, name in zip(numbers, stops["name"], strict=True)],
        hoverinfo="text",
    )
    figure = new_figure(dots, path, height=520, bottom=10)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure
