"""What all figures share: plain text from hostile titles, quiet axes, and a friendly figure where there is nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

import plotly.graph_objects as go

TRANSPARENT = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,0.25)"
QUIET = "#7d828c"
"""Readable on white and on black: about 3.9 : 1 on the one, 5.4 : 1 on the other."""
INK, PAPER = "#16181d", "#ffffff"
FONT_SIZE = 14
TOOLBAR = 36
"""Pixels above a figure that the buttons which appear there do not cover."""
HEADED = TOOLBAR + 24
"""The same where headings stand above it."""
BLUE, GREY = "#1f83c6", "#8a8f98"
"""Told apart by people of every colour vision, and both visible on light and dark pages."""

ELLIPSIS = "…"
UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def shorten(text: object, limit: int) -> str:
    """`text` in one line of at most `limit` characters.

    Control characters, overrides of writing direction and half characters become a space.
    """
    shown = UNPRINTABLE.sub(" ", str(text)[: 4 * limit]).strip()
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + ELLIPSIS


def plain(text: object, limit: int = 80) -> str:
    """`text` shortened, and so written that Plotly, which reads tags and entities in every text, shows it as it is."""
    return html.escape(shorten(text, limit), quote=False)


def percent(share: float) -> str:
    """0.1234 as `12.3%`, with a second decimal below one percent."""
    return f"{100 * share:.{2 if 0 < share < 0.01 else 1}f}%"


def new_figure(*traces: object, **layout: int) -> go.Figure:
    """A figure of these traces in the style of all figures (`settle`)."""
    return settle(go.Figure(list(traces)), **layout)


def settle(figure: go.Figure, *, height: int, left: int = 10, top: int = TOOLBAR, right: int = 20, bottom: int = 50):
    """Takes background and legend away and quietens the axes; text keeps the colour of the page's theme."""
    figure.update_layout(
        height=height,
        margin={"l": left, "r": right, "t": top, "b": bottom},
        paper_bgcolor=TRANSPARENT,
        plot_bgcolor=TRANSPARENT,
        showlegend=False,
        font={"size": FONT_SIZE},
        modebar={"bgcolor": TRANSPARENT, "color": QUIET, "activecolor": BLUE},
        hoverlabel={"bgcolor": PAPER, "font": {"size": FONT_SIZE, "color": INK}, "align": "left"},
    )
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "tickfont": {"size": FONT_SIZE - 1},
        "title": {"standoff": 8, "font": {"size": FONT_SIZE}},
    }
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    figure.update_annotations(font={"size": FONT_SIZE - 1})
    return figure


def empty_figure(message: str) -> go.Figure:
    """A figure that says why there is nothing to see."""
    figure = new_figure(height=200, bottom=10)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=plain(message, 200),
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"color": QUIET, "size": 16},
    )
    return figure


def name_rows(figure: go.Figure, names: Iterable[object], limit: int = 34, **axis: object) -> None:
    """Names at y = 0, 1, 2, ... from the top down; by number, so that equal or shortened names never fall together."""
    labels = [plain(name, limit) for name in names]
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(labels))),
        ticktext=labels,
        range=[len(labels) - 0.4, -0.6],
        automargin=True,
        ticklabelstandoff=6,
        showgrid=False,
        **axis,
    )
