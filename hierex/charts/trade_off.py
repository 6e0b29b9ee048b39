"""What is had for what: one named point for each way, with its uncertainty in both directions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import FONT_SIZE, QUIET, empty_figure, new_figure, percent, plain

PLACES = ("top right", "bottom right", "top left", "bottom left")
"""Of names beside their points, in turn, so that near ones don't lie on each other."""


def trade_off(points: pd.DataFrame, across: str, up: str, *, height: int = 420) -> go.Figure:
    """points: name, x, x_low, x_high, y, y_low, y_high (shares 0-1; intervals may be missing), color (hex) and symbol,
    one row each; across, up: what the axes say. Names stand beside their points, so that nothing hangs on colour."""
    points = points.dropna(subset=["x", "y"])
    if not len(points):
        return empty_figure("There is nothing to compare yet.")
    traces = [_point(row, PLACES[place % len(PLACES)]) for place, row in enumerate(points.itertuples())]
    figure = new_figure(*traces, height=height, right=40, top=25)
    figure.update_xaxes(title_text=across, tickformat=",.0~%", range=_range(points, "x"))
    figure.update_yaxes(title_text=up, tickformat=",.1~%", range=_range(points, "y"))
    return figure


def _point(row: tuple, place: str) -> go.Scatter:
    return go.Scatter(
        x=[row.x],
        y=[row.y],
        mode="markers+text",
        marker={"symbol": row.symbol, "size": 13, "color": row.color, "line": {"width": 1, "color": QUIET}},
        error_x=_interval(row.x, row.x_low, row.x_high),
        error_y=_interval(row.y, row.y_low, row.y_high),
        text=[plain(row.name, 40)],
        textposition=place,
        textfont={"size": FONT_SIZE - 1},
        cliponaxis=False,
        hovertext=f"<b>{plain(row.name)}</b><br>{percent(row.x)} across, {percent(row.y)} up",
        hoverinfo="text",
    )


def _interval(value: float, low: float, high: float) -> dict:
    if np.isnan(low):
        return {"visible": False}
    sizes = {"array": [high - value], "arrayminus": [value - low]}
    return sizes | {"type": "data", "color": QUIET, "thickness": 1.2, "width": 3}


def _range(points: pd.DataFrame, axis: str) -> list[float]:
    """With room for the names."""
    values = points[[axis, f"{axis}_low", f"{axis}_high"]].to_numpy(float)
    low, high = np.nanmin(values), np.nanmax(values)
    room = max(high - low, 0.02) * 0.15
    return [low - room, high + room]
