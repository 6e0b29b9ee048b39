"""How well it works."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..wording.names import method_name
from .style import BLUE, FONT_SIZE, GREY, HEADED, QUIET, empty_figure, name_rows, percent, plain, settle

BASELINES = ("popularity", "chance", "random")
ROW_HEIGHT = 38
HATCH = {"fillmode": "replace", "fgcolor": "#ffffff", "fgopacity": 0.55}


def evaluation_bars(table: pd.DataFrame, *, who: str = "policy") -> go.Figure:
    """How often the right answer is among the first 1, 5 and 10, a panel each, with 95 % intervals.

    table: what `evaluate_policies` returns, or with who = "recommender" what `evaluate_items` does. Names stand
    beside the bars and baselines are hatched, so that nothing hangs on colour.
    """
    recalls = table[table["metric"].str.startswith("recall@")] if len(table) else table
    if not len(recalls):
        return empty_figure("Nothing could be measured: nobody reached something new after the split date.")
    metrics, names = list(recalls["metric"].unique()), list(recalls[who].unique())
    titles = [_among_the_first(int(metric.split("@")[1])) for metric in metrics]
    figure = make_subplots(1, len(metrics), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.05)
    for place, metric in enumerate(metrics, start=1):
        rows = recalls[recalls["metric"] == metric].set_index(who).loc[names]
        figure.add_traces(_bars_with_intervals(rows), rows=1, cols=place)
    settle(figure, height=125 + ROW_HEIGHT * len(names), top=HEADED)
    figure.update_layout(bargap=0.35, barmode="overlay")
    reach = 1.3 * max(np.nanmax(recalls[["value", "high"]].to_numpy(float)), 1e-3)
    figure.update_xaxes(tickformat=",.1~%", range=[0, reach], nticks=4, tickangle=0)
    name_rows(figure, [method_name(name) for name in names], limit=90)
    n_cases = int(recalls["n_cases"].iloc[0])
    figure.update_xaxes(title_text=f"Share of {n_cases:,} held-out cases", col=(len(metrics) + 1) // 2)
    return figure


def _among_the_first(k: int) -> str:
    return "Right answer first" if k == 1 else f"Among the first {k}"


def _bars_with_intervals(rows: pd.DataFrame) -> list[go.Bar | go.Scatter]:
    rows = rows.assign(place=range(len(rows)), end=rows["high"].fillna(rows["value"]))
    is_baseline = rows.index.isin(BASELINES)
    labels = go.Scatter(
        x=rows["end"],
        y=rows["place"],
        mode="text",
        text=[f"  {percent(value)}" for value in rows["value"]],
        textposition="middle right",
        textfont={"size": FONT_SIZE - 1},
        cliponaxis=False,
        hoverinfo="skip",
    )
    return [_bars(rows[~is_baseline], BLUE, ""), _bars(rows[is_baseline], GREY, "/"), labels]


def _bars(rows: pd.DataFrame, color: str, pattern: str) -> go.Bar:
    over, under = rows["high"] - rows["value"], rows["value"] - rows["low"]
    return go.Bar(
        x=rows["value"],
        y=rows["place"],
        orientation="h",
        marker={"color": color, "line": {"width": 0}, "pattern": HATCH | {"shape": pattern, "bgcolor": color}},
        error_x={"array": over, "arrayminus": under, "color": QUIET, "thickness": 1.5, "width": 4},
        hovertext=[_measured(row) for row in rows.itertuples()],
        hoverinfo="text",
    )


def _measured(row: tuple) -> str:
    text = f"<b>{plain(method_name(row.Index))}</b><br>{percent(row.value)}"
    if np.isnan(row.low):
        return text
    return f"{text} (95% interval: {percent(row.low)} to {percent(row.high)})"
