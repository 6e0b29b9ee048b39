"""How much of the traffic each interest has."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from .. import columns
from .style import BLUE, QUIET, empty_figure, name_rows, new_figure, percent, plain

BAR_HEIGHT = 24
FRAME_HEIGHT = 70


def interest_sizes(interests: pd.DataFrame, colors: Sequence[str] | None = None, *, top: int = 20) -> go.Figure:
    """Bars for the `top` interests with the most traffic; a dotted line marks what the average interest has.

    interests: name, traffic_share (0-1), one row per interest of the taxonomy. colors: a hex colour per row.
    """
    if not len(interests):
        return empty_figure("There are no interests to show yet.")
    colored = interests.assign(color=list(colors) if colors is not None else BLUE)
    shown = colored.sort_values(columns.TRAFFIC_SHARE, ascending=False, kind="stable").head(top)
    figure = ranked_bars(shown[columns.NAME], shown[columns.TRAFFIC_SHARE], shown["color"], "of all interactions")
    average = interests[columns.TRAFFIC_SHARE].mean()
    figure.add_vline(x=average, line={"dash": "dot", "color": QUIET, "width": 1.5})
    which = "all" if len(shown) == len(interests) else f"the {len(shown)} largest of {len(interests):,}"
    figure.update_xaxes(title_text=f"Share of all interactions ({which}; dotted: average interest)")
    return figure


def ranked_bars(names: pd.Series, shares: pd.Series, colors: pd.Series | str, of_what: str) -> go.Figure:
    """One bar per name from the top down, in the order given, each with its share written at its end."""
    labels = [percent(share) for share in shares]
    bars = go.Bar(
        x=shares.to_numpy(float),
        y=list(range(len(shares))),
        orientation="h",
        marker={"color": colors if isinstance(colors, str) else list(colors), "line": {"width": 0}},
        text=labels,
        textposition="outside",
        cliponaxis=False,
        hovertext=[f"<b>{plain(name)}</b><br>{label} {of_what}" for name, label in zip(names, labels, strict=True)],
        hoverinfo="text",
    )
    figure = new_figure(bars, height=FRAME_HEIGHT + BAR_HEIGHT * len(shares), right=60)
    figure.update_layout(bargap=0.3)
    figure.update_xaxes(tickformat=",.1~%", rangemode="tozero", nticks=6)
    name_rows(figure, names)
    return figure
