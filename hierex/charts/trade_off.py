"""What is had for what: one named point for each way, with its uncertainty in both directions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import FONT_SIZE, QUIET, empty_figure, new_figure, percent, plain


def trade_off(points: pd.DataFrame, across: str, up: str) -> go.Figure:
    """points: name, x, x_low, x_high, y, y_low, y_high (shares 0-1; intervals may be missing), color (hex) and symbol,
    one row each; across, up: what the axes say. Names stand at the right with a line to their points, so that nothing
    hangs on colour and no name lies on another."""
    points = points.dropna(subset=["x", "y"])
    if not len(points):
        return empty_figure("There is nothing to compare yet.")
    figure = new_figure(*(_point(row) for row in points.itertuples()), height=460, bottom=60)
    x_low, x_high = _reach(points, "x", 0.05)
    y_low, y_high = _reach(points, "y", 0.01)
    wide, tall = x_high - x_low, y_high - y_low
    ordered = points.sort_values("y", ascending=False, kind="stable")
    rungs = np.linspace(y_high + 0.05 * tall, y_low - 0.05 * tall, len(points))
    for row, rung in zip(ordered.itertuples(), rungs, strict=True):
        figure.add_annotation(
            x=row.x,
            y=row.y,
            ax=x_high + 0.15 * wide,
            ay=float(rung),
            axref="x",
            ayref="y",
            text=plain(row.name, 40),
            xanchor="left",
            showarrow=True,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=QUIET,
            standoff=8,
            font={"size": FONT_SIZE - 1},
        )
    figure.update_xaxes(title_text=across, tickformat=",.0~%", range=[x_low - 0.1 * wide, x_high + 0.8 * wide])
    figure.update_xaxes(tickvals=[tick / 10 for tick in range(11)])
    figure.update_yaxes(title_text=up, tickformat=",.1~%", range=[y_low - 0.15 * tall, y_high + 0.15 * tall])
    return figure


def _point(row: tuple) -> go.Scatter:
    return go.Scatter(
        x=[row.x],
        y=[row.y],
        name=plain(row.name, 40),
        mode="markers",
        marker={"symbol": row.symbol, "size": 13, "color": row.color, "line": {"width": 1, "color": QUIET}},
        error_x=_interval(row.x, row.x_low, row.x_high),
        error_y=_interval(row.y, row.y_low, row.y_high),
        cliponaxis=False,
        hovertext=f"<b>{plain(row.name)}</b><br>{percent(row.x)} across, {percent(row.y)} up",
        hoverinfo="text",
    )


def _interval(value: float, low: float, high: float) -> dict:
    if np.isnan(low):
        return {"visible": False}
    sizes = {"array": [high - value], "arrayminus": [value - low]}
    return sizes | {"type": "data", "color": QUIET, "thickness": 1.2, "width": 3}


def _reach(points: pd.DataFrame, axis: str, least: float) -> tuple[float, float]:
    """The lowest and the highest of all intervals, at least so far apart."""
    values = points[[axis, f"{axis}_low", f"{axis}_high"]].to_numpy(float)
    low, high = np.nanmin(values), np.nanmax(values)
    return low, max(high, low + least)
