"""What came of a simulated trial."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ..experiment.lifts import OURS
from ..wording.names import arm_name
from .style import empty_figure, new_figure, percent, plain
from .trade_off import trade_off

BASELINE_COLORS = ("#d55e00", "#009e73", "#8a8f98", "#e69f00", "#56b4e9", "#ac2a80", "#cc79a7")
COLORS = (*BASELINE_COLORS, "#1f83c6", "#7d6fd0", "#a06a2c", "#7f8f1f")
"""After Okabe and Ito (2008), those that are visible on light and on dark pages."""
BASELINE_MARKERS = ("square", "diamond", "x", "cross", "triangle-up", "hourglass", "triangle-down")
MARKERS = (*BASELINE_MARKERS, "circle", "star", "hexagon", "pentagon")
DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot", "8px,3px,2px,3px,2px,3px", "2px,6px", *4 * ("solid",))
BAND = 0.15
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


def trial_trade_off(arms: pd.DataFrame) -> go.Figure:
    """How much of what an arm shows is novel against how much of it is consumed: a labelled point per arm."""
    if not len(arms):
        return empty_figure(NOTHING)
    found = arms.set_index(["arm", "metric"])
    points = []
    for arm, (color, marker, _) in styles(arms).items():
        x, y = (found.loc[(arm, metric), ["value", "low", "high"]] for metric in ("novel_share", "positive_rate"))
        points.append((arm_name(arm), *x, *y, color, marker))
    table = pd.DataFrame(points, columns=["name", "x", "x_low", "x_high", "y", "y_low", "y_high", "color", "symbol"])
    return trade_off(table, "Shown items that are from interests new to the person", "Shown items that were consumed")


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


def told(row: pd.Series | tuple, what: str) -> str:
    text = f"{percent(row.value)} {what}"
    return text if pd.isna(row.low) else f"{text} (95% interval: {percent(row.low)} to {percent(row.high)})"
