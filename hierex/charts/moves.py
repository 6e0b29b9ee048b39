"""How interests lead to one another: the strongest moves, and what leads to one interest and on from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .flow import BAND
from .style import BLUE, FONT_SIZE, HEADED, INK, PAPER, QUIET, empty_figure, name_rows, new_figure, percent, plain

CELL = 24
NAME = 26
BANDS = 8
"""Shown on each side of an interest."""
COLORS = "Cividis"
"""Made for people who see few colours: it also reads in grey."""
FEWER_OR_MORE = ["#b35806", "#d9d9d9", "#2166ac"]
"""Told apart by people of every colour vision, with grey for as many as expected."""
PEOPLE, LIFT = "n_users", "lift"
LEAST_REACH = 0.05
"""Of the dial's distances, so that rounding is not drawn as a curve."""


def move_heat_map(pairs: pd.DataFrame, shown: np.ndarray, names: Sequence[str], *, color: str = PEOPLE) -> go.Figure:
    """From the interests on the left to those on top; cells that are not in `pairs` stay empty.

    pairs: rows of `list_pairs`; shown: (m,) cluster indices in the order in which they are drawn; names: by cluster
    index; color: `n_users` or `lift`.
    """
    place = {int(cluster): row for row, cluster in enumerate(shown)}
    inside = pairs[pairs["before"].isin(place) & pairs["after"].isin(place)]
    if not len(inside):
        return empty_figure("Too few people moved between these interests to show it.")
    values = np.full((len(shown), len(shown)), np.nan)
    texts = np.full(values.shape, "", object)
    for row in inside.itertuples():
        cell = place[row.before], place[row.after]
        values[cell] = np.log2(row.n_users if color == PEOPLE else row.lift)
        texts[cell] = (
            f"<b>{plain(names[row.before], 60)}</b><br>→ <b>{plain(names[row.after], 60)}</b><br>{row.n_users:,} people"
            f", {percent(row.share)} of those who went on from it<br>{row.lift:.1f} times as many as expected"
        )
    low, high = _reach(values, color)
    trace = go.Heatmap(
        z=values,
        text=texts,
        hoverinfo="text",
        hoverongaps=False,
        colorscale=COLORS if color == PEOPLE else FEWER_OR_MORE,
        zmin=low,
        zmax=high,
        xgap=1,
        ygap=1,
        colorbar=_color_bar(low, high, color),
    )
    figure = new_figure(trace, height=190 + CELL * len(shown), bottom=10)
    name_rows(figure, [names[cluster] for cluster in shown], NAME, title_text="From")
    figure.update_xaxes(
        side="top",
        tickvals=list(range(len(shown))),
        ticktext=[plain(names[cluster], NAME) for cluster in shown],
        tickangle=-50,
        showgrid=False,
        title_text="to the new interest",
    )
    return figure


def _reach(values: np.ndarray, color: str) -> tuple[float, float]:
    """Of the colours: what the values reach, or as far to either side of as many as expected."""
    low, high = np.nanmin(values), np.nanmax(values)
    if color == PEOPLE:
        return low, max(high, low + 1)
    most = max(np.ceil(high), -np.floor(low), 1.0)
    return -most, most


def _color_bar(low: float, high: float, color: str) -> dict:
    """Every step is twice as many, so that a few strong moves don't leave all others dark."""
    if color == LIFT:
        title, ticks = "Times as many as expected", np.unique(np.linspace(low, high, 5).round())
        labels = [f"{2**tick:g} ×" if tick >= 0 else f"1/{2**-tick:g} ×" for tick in ticks]
    else:
        title, ticks = "People", np.arange(np.ceil(low), np.floor(high) + 1)
        ticks = ticks[:: len(ticks) // 6 + 1]
        labels = [f"{2**tick:,g}" for tick in ticks]
    title = {"text": title, "side": "right"}
    return {"thickness": 14, "outlinewidth": 0, "title": title, "tickvals": ticks, "ticktext": labels}


def around_interest(
    pairs: pd.DataFrame,
    interest: int,
    names: Sequence[str],
    colors: Sequence[str],
    *,
    dark: bool = False,
) -> go.Figure:
    """What leads to one interest (left) and where people go on from it (right), bands as wide as their people.

    pairs: rows of `list_pairs`, strongest first; names, colors: by cluster index.
    """
    into, onward = pairs[pairs["after"] == interest].head(BANDS), pairs[pairs["before"] == interest].head(BANDS)
    if not len(into) and not len(onward):
        return empty_figure("Too few people came to this interest, or went on from it, to show it.")
    left, right = into["before"].tolist(), onward["after"].tolist()
    clusters = [interest, *left, *right]
    trace = go.Sankey(
        arrangement="fixed",
        node={
            "label": [plain(names[cluster], 34) for cluster in clusters],
            "color": [colors[cluster] for cluster in clusters],
            "x": [0.5, *[0.001] * len(left), *[0.999] * len(right)],
            "y": [0.5, *_spread(into["n_users"]), *_spread(onward["n_users"])],
            "pad": 12,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        link={
            "source": [*range(1, len(left) + 1), *[0] * len(right)],
            "target": [*[0] * len(left), *range(len(left) + 1, len(clusters))],
            "value": [*into["n_users"], *onward["n_users"]],
            "color": BAND,
            "hovertemplate": "%{source.label}<br>→ %{target.label}<br>%{value:,} people<extra></extra>",
        },
        textfont={"size": FONT_SIZE - 1, "color": PAPER if dark else INK, "shadow": "none"},
    )
    figure = new_figure(trace, height=130 + 34 * max(len(left), len(right), 2), top=HEADED, bottom=20)
    for x, anchor, text in ((0, "left", "Led to it"), (0.5, "center", "This interest"), (1, "right", "Came next")):
        figure.add_annotation(
            text=text, x=x, y=1, xref="paper", yref="paper", xanchor=anchor, yanchor="bottom", showarrow=False,
            font={"size": FONT_SIZE - 1, "color": QUIET},
        )  # fmt: skip
    return figure


def _spread(widths: pd.Series) -> list[float]:
    """The middles of boxes of these heights, one above the other from the top (0) to the bottom (1)."""
    if not len(widths):
        return []
    ends = widths.cumsum() / widths.sum()
    return list(np.clip(ends - widths / widths.sum() / 2, 0.001, 0.999))


def drift_lines(drift: pd.DataFrame) -> go.Figure:
    """How alike what follows is from one period to the next, beside two halves of the same people.

    drift: what `measure_drift` returns.
    """
    if not len(drift):
        return empty_figure("There is too little time, or too few people, in this log to see whether moves change.")
    periods = drift["period"].astype(str).tolist()
    traces = [
        go.Scatter(
            x=periods, y=drift["within"], mode="lines+markers", name="a half with the other half",
            line={"color": QUIET, "dash": "dash"}, marker={"symbol": "square", "size": 7},
        ),
        go.Scatter(
            x=periods, y=drift["jaccard"], mode="lines+markers", name="a half with one of the period before",
            line={"color": BLUE, "width": 3}, marker={"size": 9},
        ),
    ]  # fmt: skip
    figure = new_figure(*traces, height=320)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.15, "x": 0}, hovermode="x unified")
    figure.update_yaxes(rangemode="tozero", title_text="Share in common")
    figure.update_xaxes(type="category")
    return figure


def dial_curve(curve: pd.DataFrame, place: float) -> go.Figure:
    """How often predictions are right against how far they are, along the dial. curve: what `measure_dial` returns;
    place: the weight that is chosen."""
    chosen = curve["weight"] == place
    line = go.Scatter(
        x=curve["distance"],
        y=curve["recall"],
        mode="lines+markers",
        line={"color": BLUE, "width": 2},
        marker={"size": np.where(chosen, 16, 8), "symbol": np.where(chosen, "diamond", "circle"), "color": BLUE},
        hovertext=[
            f"Dial at {row.weight:g}<br>{percent(row.recall)} right in the first ten<br>distance {row.distance:.2f}"
            for row in curve.itertuples()
        ],
        hoverinfo="text",
    )
    figure = new_figure(line, height=340)
    middle, reach = curve["distance"].agg(["min", "max"]).mean(), max(np.ptp(curve["distance"]), LEAST_REACH)
    figure.update_xaxes(
        title_text="How far the ten are from what people have (1: as far as can be)",
        range=[max(0, middle - 0.56 * reach), middle + 0.56 * reach] if np.isfinite(reach) else None,
        tickformat=".2f",
    )
    figure.update_yaxes(title_text="Right one among the ten", tickformat=",.1~%", rangemode="tozero")
    return figure
