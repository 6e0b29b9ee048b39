"""One person: which interests they had when, and which ones come next."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import BLUE, GRID, QUIET, empty_figure, name_rows, new_figure, percent, plain

ROW_HEIGHT = 26
BAR_HEIGHT = 24
FRAME_HEIGHT = 96
WHEN = "when"
COLOR = "color"


def history_timeline(visits: pd.DataFrame, *, starting: Collection[str] = (), most: int = 25) -> go.Figure:
    """A person's interests over time, one line each, in the order in which they came; a big dot is the first visit.

    visits: when (dates, or the number of the interaction where the log has no dates), name, color (hex, of the
    interest) and, where wanted, title (of the item); one row per interaction, in order. starting: names of the
    interests that a prediction starts from, marked with a diamond. Only the `most` latest interests are shown.
    """
    if not len(visits):
        return empty_figure("This person has no interactions.")
    names = visits["name"].drop_duplicates()
    shown = names.tail(most).tolist()
    kept = visits[visits["name"].isin(shown)]
    row = kept["name"].map({name: place for place, name in enumerate(shown)}).to_numpy()
    first = ~kept["name"].duplicated().to_numpy()
    starts_here = kept["name"].isin(list(starting)).to_numpy() & first
    traces = [_life_lines(kept, row), _visits(kept, row, first, starts_here)]
    hidden = len(names) - len(shown)
    figure = new_figure(*traces, height=101 + ROW_HEIGHT * len(shown))
    dated = pd.api.types.is_datetime64_any_dtype(visits[WHEN])
    figure.update_xaxes(title_text="Date" if dated else "Number of the interaction", showgrid=True)
    if not dated:
        figure.update_xaxes(tickformat="d", dtick=max(1, round(kept[WHEN].max() / 8)))
    name_rows(figure, [f"◆ {name}" if name in starting else name for name in shown])
    if hidden:
        title = f"{figure.layout.xaxis.title.text} ({hidden:,} earlier interests not shown)"
        figure.update_xaxes(title_text=title)
    return figure


def prediction_bars(
    predictions: pd.DataFrame,
    colors: Sequence[str] | None = None,
    *,
    scored: str = "Probability",
    whole: bool = False,
) -> go.Figure:
    """Predicted interests by rank, with their probability, or whatever else `scored` calls it.

    predictions: rank (from 1), name, score (0-1), one row per predicted interest of one person. colors: a hex colour
    per row. whole: they were made from the whole history, which alone is no candidate then.
    """
    if not len(predictions):
        return empty_figure("There is no new interest left to predict for this person.")
    ordered = predictions.assign(color=list(colors) if colors is not None else BLUE).sort_values("rank")
    names = ordered["rank"].astype(str) + ". " + ordered["name"].astype(str)
    figure = ranked_bars(names, ordered["score"], ordered[COLOR], scored.lower())
    among = "all that is new to the person" if whole else "all interests but those it starts from"
    figure.update_xaxes(title_text=f"{scored}, among {among}")
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


def _life_lines(visits: pd.DataFrame, row: np.ndarray) -> go.Scatter:
    """A thin line per interest from its first visit to its last."""
    spans = visits.assign(row=row).groupby("row")[WHEN].agg(["min", "max"])
    gap = pd.Series([None] * len(spans), index=spans.index, dtype=object)
    x = pd.concat([spans["min"].astype(object), spans["max"].astype(object), gap], axis=1).to_numpy().ravel()
    y = np.repeat(spans.index.to_numpy(), 3)
    return go.Scatter(x=list(x), y=list(y), mode="lines", line={"color": GRID, "width": 2}, hoverinfo="skip")


def _visits(visits: pd.DataFrame, row: np.ndarray, first: np.ndarray, starts_here: np.ndarray) -> go.Scatter:
    titles = visits["title"] if "title" in visits else [""] * len(visits)
    texts = [
        f"<b>{plain(name, 60)}</b>" + (f"<br>{plain(title)}" if title else "")
        for name, title in zip(visits["name"], titles, strict=True)
    ]
    return go.Scatter(
        x=visits[WHEN],
        y=row,
        mode="markers",
        hovertext=texts,
        hoverinfo="x+text",
        marker={
            "color": visits[COLOR].tolist(),
            "size": np.where(first, 13, 6),
            "symbol": np.where(starts_here, "diamond", "circle"),
            "opacity": np.where(first, 1.0, 0.6),
            "line": {"width": np.where(starts_here, 2, 0), "color": QUIET},
        },
    )
