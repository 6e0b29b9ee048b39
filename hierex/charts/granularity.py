"""How the choice of the number of interests plays out: small panels, one for each thing that it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..granularity_effects import SuggestedRange
from ..wording import day_text
from ..wording.names import method_name
from .style import BLUE, FONT_SIZE, GREY, QUIET, empty_figure, percent, settle

COLUMNS = 3
ROW_HEIGHT = 215
TOP = 58
"""Room for the titles and above them the buttons that Plotly shows over a figure."""
TICKS = [2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]
FEW_TICKS = [2, 10, 100, 1_000, 10_000]
SHADE = "rgba(31,131,198,0.13)"
DASHES = ("solid", "dash", "dot")


@dataclass(frozen=True)
class Panel:
    """title, with a place for K + 1. lines: column -> what it is called in the hover; the first is drawn solid."""

    title: str
    lines: dict[str, str]
    show: Callable[[float], str]
    share: bool = False
    log: bool = False


def two_decimals(value: float) -> str:
    return f"{value:.2f}"


def whole(value: float) -> str:
    return f"{value:,.0f}"


def money(value: float) -> str:
    return f"{value:,.2f}"


PANELS = (
    Panel("Likeness within interests", {"coherence": "Likeness within"}, two_decimals, share=True),
    Panel("Busiest ÷ average interest", {"largest_over_mean": "Busiest ÷ average"}, two_decimals),
    Panel("Unevenness of traffic (Gini)", {"gini": "0 is even, 1 is all in one"}, two_decimals, share=True),
    Panel(
        "Items: most, typical, fewest",
        {"median_items": "typical", "largest_items": "most", "smallest_items": "fewest"},
        whole,
        log=True,
    ),
    Panel("People with {}+ interests", {"share_ready": "of all people"}, percent, share=True),
    Panel("Language model cost (estimate)", {"cost": "about"}, money, log=True),
    Panel(
        "Different descriptions",
        {"distinct_phrases": "of the phrase lists are different", "distinct_names": "of the names are different"},
        percent,
        share=True,
    ),
    Panel("Phrases shared with nearest", {"nearest_overlap": "of an interest's phrases"}, percent, share=True),
    Panel("Right among the first 10", {}, percent),
)


def granularity_panel(
    effects: pd.DataFrame,
    recalls: pd.DataFrame,
    *,
    chosen: int | None = None,
    built: int | None = None,
    suggested: SuggestedRange | None = None,
    k: int = 2,
) -> go.Figure:
    """Nine panels over the number of interests.

    effects: what `measure_granularities` returns, with a column `cost`. recalls: what `past_recalls` returns.
    chosen (dotted) and built (dashed) are marked, and the suggested range is shaded.
    """
    if not len(effects):
        return empty_figure("There are no numbers of interests to compare yet.")
    rows = -(-len(PANELS) // COLUMNS)
    titles = [panel.title.format(k + 1) for panel in PANELS]
    figure = make_subplots(rows, COLUMNS, subplot_titles=titles, horizontal_spacing=0.075, vertical_spacing=0.36 / rows)
    for number, panel in enumerate(PANELS):
        place = {"row": number // COLUMNS + 1, "col": number % COLUMNS + 1}
        traces = _lines(effects, panel) if panel.lines else _recalls(recalls)
        figure.add_traces(traces, rows=place["row"], cols=place["col"])
        if not any(np.isfinite(np.asarray(trace.y, float)).any() for trace in traces):
            _say_nothing(figure, number, place)
        _set_axes(figure, panel, place)
    settle(figure, height=ROW_HEIGHT * rows + 50, top=TOP)
    _number_axes(figure, effects)
    _mark(figure, chosen, built, suggested)
    figure.update_xaxes(title_text="Number of interests", row=rows, col=2)
    return figure


def _lines(effects: pd.DataFrame, panel: Panel) -> list[go.Scatter]:
    traces = []
    for (column, called), dash in zip(panel.lines.items(), DASHES, strict=False):
        values = effects[column].to_numpy(float)
        traces.append(
            go.Scatter(
                x=effects["granularity"],
                y=values,
                mode="lines" if len(effects) > 1 else "markers",
                line={"color": BLUE, "width": 2 if dash == "solid" else 1.5, "dash": dash},
                hovertext=[
                    f"<b>{n:,} interests</b><br>{_said(panel, column, called, value, row)}"
                    for n, value, row in zip(effects["granularity"], values, effects.to_dict("records"), strict=True)
                ],
                hoverinfo="text",
            )
        )
    return traces


def _said(panel: Panel, column: str, called: str, value: float, row: dict) -> str:
    if not np.isfinite(value):
        return "not known"
    if column == "cost":
        calls, contexts = whole(row["calls"]), whole(row["n_contexts"])
        return f"about {money(value)}<br>{calls} calls, of which {contexts} for pairs of interests"
    if column == "share_ready" or panel.show is percent:
        return f"{percent(value)} {called}"
    return f"{called}: {panel.show(value)}" if len(panel.lines) == 1 else f"{panel.show(value)} items ({called})"


def _recalls(recalls: pd.DataFrame) -> list[go.Scatter]:
    """A point for each run that was measured, and what chance would have had there."""
    told = [
        f"<b>{row.granularity:,} interests</b><br>{method_name(row.policy)}<br>{percent(row.value)} "
        f"right<br>chance: {percent(row.chance)}<br>built {day_text(row.started_at)}"
        for row in recalls.itertuples()
    ]
    over, under = recalls["high"] - recalls["value"], recalls["value"] - recalls["low"]
    ours = go.Scatter(
        x=recalls["granularity"],
        y=recalls["value"].astype(float),
        mode="markers",
        marker={"size": 9, "color": BLUE},
        error_y={"array": over, "arrayminus": under, "color": QUIET, "thickness": 1.5, "width": 4},
        hovertext=told,
        hoverinfo="text",
    )
    chance = go.Scatter(
        x=recalls["granularity"],
        y=recalls["chance"].astype(float),
        mode="markers",
        marker={"size": 8, "color": GREY, "symbol": "x-thin-open", "line": {"width": 2}},
        hovertext=[f"chance: {percent(value)}" for value in recalls["chance"]],
        hoverinfo="text",
    )
    return [ours, chance]


def _set_axes(figure: go.Figure, panel: Panel, place: dict[str, int]) -> None:
    axis = {"nticks": 4, "rangemode": "tozero"}
    if panel.show is percent:
        axis["tickformat"] = ",.1~%"
    if panel.share:
        axis |= {"range": [0, 1.05], "nticks": 5}
    if panel.log:
        axis = {"type": "log", "dtick": 1, "tickformat": ",~r"}
    figure.update_yaxes(axis, **place)


def _number_axes(figure: go.Figure, effects: pd.DataFrame) -> None:
    """The same logarithmic axis of numbers of interests everywhere."""
    lowest, highest = int(effects["granularity"].min()), int(effects["granularity"].max())
    ticks = [tick for tick in (TICKS if highest < 50 else FEW_TICKS) if tick <= highest * 1.1]
    margin = 0.04 * max(np.log10(highest / lowest), 0.3)
    figure.update_xaxes(
        type="log",
        range=[np.log10(lowest) - margin, np.log10(highest) + margin],
        tickvals=ticks,
        ticktext=[f"{tick:,}" for tick in ticks],
        showgrid=False,
        tickangle=0,
    )


def _mark(figure: go.Figure, chosen: int | None, built: int | None, suggested: SuggestedRange | None) -> None:
    marks = []
    if suggested and suggested.found:
        reach = {"x0": suggested.low * 0.97, "x1": suggested.high * 1.03}
        marks.append({"type": "rect", "fillcolor": SHADE, "line": {"width": 0}, "layer": "below"} | reach)
    for number, dash in ((built if built != chosen else None, "dash"), (chosen, "dot")):
        if number is not None:
            line = {"dash": dash, "color": QUIET, "width": 1.5}
            marks.append({"type": "line", "line": line, "x0": number, "x1": number})
    axes = ["", *map(str, range(2, len(PANELS) + 1))]
    figure.update_layout(
        shapes=[
            mark | {"xref": f"x{axis}", "yref": f"y{axis} domain", "y0": 0, "y1": 1} for axis in axes for mark in marks
        ]
    )


def _say_nothing(figure: go.Figure, number: int, place: dict[str, int]) -> None:
    axis = "" if number == 0 else str(number + 1)
    figure.add_annotation(
        text="not measured yet",
        x=0.5,
        y=0.5,
        xref=f"x{axis} domain",
        yref=f"y{axis} domain",
        showarrow=False,
        font={"size": FONT_SIZE - 1, "color": QUIET},
    )
