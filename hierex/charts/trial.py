"""What came of a simulated trial."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ..experiment.conclusion import OURS
from ..experiment.tables import arm_name
from .style import FONT_SIZE, QUIET, empty_figure, new_figure, percent, plain

COLORS = ("#d55e00", "#009e73", "#8a8f98", "#e69f00", "#56b4e9", "#cc79a7", "#1f83c6", "#7d6fd0", "#a06a2c")
"""After Okabe and Ito (2008), those that are visible on light and on dark pages."""
MARKERS = ("square", "diamond", "x", "cross", "triangle-up", "triangle-down", "circle", "star", "hexagon")
DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot", "2px,6px", "solid", "solid", "solid")
BAND = 0.15
TENTHS = [tenth / 10 for tenth in range(11)]
NOTHING = "No trial was held yet."


def uci_curves(arms: pd.DataFrame) -> go.Figure:
    """The share of people with at least N interests in the last week, by N, a line with a band for every arm.

    arms: of `measure_trial`. Arms differ in dash and marker as well as in colour.
    """
    uci = arms[arms["metric"].str.startswith("uci@")] if len(arms) else arms
    if not len(uci):
        return empty_figure(NOTHING)
    uci = uci.assign(n=uci["metric"].str.removeprefix("uci@").astype(int))
    reached = uci.loc[uci["value"] > 0, "n"]
    figure = new_figure(height=420, bottom=60)
    for arm, (color, marker, dash) in styles(arms).items():
        rows = uci[uci["arm"] == arm].sort_values("n")
        figure.add_trace(band(rows, color))
        figure.add_trace(
            go.Scatter(
                x=rows["n"],
                y=rows["value"],
                name=plain(arm_name(arm)),
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 3 if arm.startswith(OURS) else 2},
                marker={"symbol": marker, "size": 8},
                hovertext=[
                    f"<b>{plain(arm_name(arm))}</b><br>{told(row, f'with {row.n} interests or more')}"
                    for row in rows.itertuples()
                ],
                hoverinfo="text",
            )
        )
    most = max(10, reached.max() + 5 if len(reached) else 10)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"}, margin_t=120)
    figure.update_xaxes(title_text="Interests in the last seven days, at least", range=[4, min(most, 101)])
    figure.update_yaxes(title_text="People", tickformat=".0%", rangemode="tozero")
    return figure


def trade_off(arms: pd.DataFrame) -> go.Figure:
    """How much of what an arm shows is novel against how much of it is consumed: a labelled point per arm."""
    if not len(arms):
        return empty_figure(NOTHING)
    found = arms.set_index(["arm", "metric"])
    figure = new_figure(height=460, bottom=60)
    for arm, (color, marker, _) in styles(arms).items():
        x, y = found.loc[(arm, "novel_share")], found.loc[(arm, "positive_rate")]
        figure.add_trace(
            go.Scatter(
                x=[x["value"]],
                y=[y["value"]],
                name=plain(arm_name(arm)),
                mode="markers",
                marker={"symbol": marker, "size": 12, "color": color},
                error_x=whiskers(x, color),
                error_y=whiskers(y, color),
                hovertext=f"<b>{plain(arm_name(arm))}</b><br>{told(x, 'of new interests')}<br>{told(y, 'consumed')}",
                hoverinfo="text",
                cliponaxis=False,
            )
        )
    label_points(figure)
    figure.update_xaxes(
        title_text="Shown items that are from interests new to the person", tickformat=".0%", tickvals=TENTHS
    )
    figure.update_yaxes(title_text="Shown items that were consumed", tickformat=".0%")
    return figure


def label_points(figure: go.Figure) -> None:
    """Names one under the other at the right, in the order of height, with a line to each point: they never overlap."""
    points = sorted(figure.data, key=lambda trace: -trace.y[0])
    left, right = (pick(point.x[0] for point in points) for pick in (min, max))
    low = min(point.y[0] - point.error_y.arrayminus[0] for point in points)
    high = max(point.y[0] + point.error_y.array[0] for point in points)
    wide, tall = max(right - left, 0.05), max(high - low, 0.01)
    rungs = [high + tall * (0.05 - 1.1 * place / max(len(points) - 1, 1)) for place in range(len(points))]
    for point, rung in zip(points, rungs, strict=True):
        figure.add_annotation(
            x=point.x[0],
            y=point.y[0],
            ax=right + 0.2 * wide,
            ay=rung,
            axref="x",
            ayref="y",
            text=point.name,
            xanchor="left",
            showarrow=True,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=QUIET,
            standoff=8,
            font={"size": FONT_SIZE - 1},
        )
    figure.update_xaxes(range=[left - 0.15 * wide, right + 1.0 * wide])
    figure.update_yaxes(range=[low - 0.15 * tall, high + 0.15 * tall])


def styles(arms: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and dash of every arm, the same in all figures; arms of hierex have solid lines."""
    names = list(arms["arm"].unique())
    others = [name for name in names if not name.startswith(OURS)]
    solid = DASHES.index("solid")
    given = {name: place % solid for place, name in enumerate(others)}
    ours = (name for name in names if name.startswith(OURS))
    given |= {name: solid + place % (len(DASHES) - solid) for place, name in enumerate(ours)}
    return {name: (COLORS[given[name]], MARKERS[given[name]], DASHES[given[name]]) for name in names}


def band(rows: pd.DataFrame, color: str) -> go.Scatter:
    return go.Scatter(
        x=[*rows["n"], *rows["n"][::-1]],
        y=[*rows["high"], *rows["low"][::-1]],
        fill="toself",
        fillcolor=color,
        opacity=BAND,
        line={"width": 0},
        mode="lines",
        showlegend=False,
        hoverinfo="skip",
    )


def whiskers(row: pd.Series, color: str) -> dict:
    return {
        "array": [row["high"] - row["value"]],
        "arrayminus": [row["value"] - row["low"]],
        "color": color,
        "thickness": 1.5,
        "width": 4,
    }


def told(row: pd.Series | tuple, what: str) -> str:
    text = f"{percent(row.value)} {what}"
    return text if pd.isna(row.low) else f"{text} (95% interval: {percent(row.low)} to {percent(row.high)})"
