"""The map of all items, coloured by interest, with the names of the largest interests on it."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .. import columns
from .style import QUIET, empty_figure, new_figure, plain, rimmed_text, shorten

CLUSTER_INDEX = "cluster_index"
MOST_POINTS = 99_000
"""The browser's search for the point under the mouse turns slow at 100,000 points in one trace."""
SMALLEST, LARGEST = 3.0, 7.0
DIMMED = 0.18
PADDING = 0.04
NAME_LENGTH = 26
NAME_SIZES = (12, 15)


def item_map(
    points: pd.DataFrame,
    colors: Sequence[str],
    *,
    highlight: Collection[int] = (),
    n_names: int = 30,
    width: int = 620,
    height: int = 620,
    dark: bool = False,
) -> go.Figure:
    """Every item as a point.

    points: x, y, item_index, title, cluster_index, name (of the interest), traffic. colors: one hex colour per
    cluster index (`interest_colors`). highlight: cluster indices to keep bright while the others are dimmed; all
    where empty. n_names: names of at most so many interests, largest first. width, height: about what the figure
    will have on screen, in pixels; decides which names have room.

    A selection's `customdata` is the item index. Beyond 99,000 items an even share of every interest is drawn and the
    figure says so.
    """
    if not len(points):
        return empty_figure("There are no items to show yet.", height)
    shown = _even_share(points, MOST_POINTS)
    figure = new_figure(_item_trace(shown, colors, highlight), height=height, right=0, left=0, top=0, bottom=0)
    x_range, y_range = _ranges(points)
    # Fixed through these options and not through `range`: Plotly forgets the zoom of axes that have a range of their
    # own and share a scale.
    figure.update_xaxes(visible=False, autorangeoptions={"minallowed": x_range[0], "maxallowed": x_range[1]})
    figure.update_yaxes(visible=False, autorangeoptions={"minallowed": y_range[0], "maxallowed": y_range[1]})
    figure.update_yaxes(scaleanchor="x", scaleratio=1)
    # A constant revision keeps the zoom when the granularity, and with it every colour, changes.
    figure.update_layout(uirevision="item map", dragmode="pan", hovermode="closest")
    named = points[points[CLUSTER_INDEX].isin(list(highlight))] if len(highlight) else points
    for label in place_names(named, x_range, y_range, n_names=n_names, width=width, height=height).itertuples():
        figure.add_annotation(_name_annotation(label, dark))
    if len(shown) < len(points):
        figure.add_annotation(_share_note(len(shown), len(points)))
    return figure


def place_names(
    points: pd.DataFrame,
    x_range: Sequence[float],
    y_range: Sequence[float],
    *,
    n_names: int,
    width: int,
    height: int,
) -> pd.DataFrame:
    """Which names to write where: x, y (centre), half_width, half_height (all in units of the map), text, size.

    Largest interest first, each at the median place of its items (or just above or below), moved inside the picture,
    and only where its box meets no box that is already there.
    """
    unit = max((x_range[1] - x_range[0]) / width, (y_range[1] - y_range[0]) / height)
    interests = (
        points.groupby(CLUSTER_INDEX)
        .agg(x=("x", "median"), y=("y", "median"), traffic=(columns.TRAFFIC, "sum"), name=(columns.NAME, "first"))
        .sort_values("traffic", ascending=False, kind="stable")
    )
    placed: list[tuple] = []
    boxes = np.empty((0, 4))
    most = max(float(interests["traffic"].max()), 1.0)
    for row in interests.itertuples():
        if len(placed) == n_names:
            break
        size = round(NAME_SIZES[0] + (NAME_SIZES[1] - NAME_SIZES[0]) * np.sqrt(row.traffic / most))
        text = shorten(row.name, NAME_LENGTH)
        half = unit * size * np.array([_width_in_ems(text) / 2 + 0.3, 0.75])
        for shift in (0.0, 1.0, -1.0):
            center = _inside(np.array([row.x, row.y + 1.2 * shift * half[1]]), half, x_range, y_range)
            box = np.concatenate([center, half])
            if not _meets(box, boxes):
                boxes = np.vstack([boxes, box])
                placed.append((*box, text, size))
                break
    return pd.DataFrame(placed, columns=["x", "y", "half_width", "half_height", "text", "size"])


def _item_trace(points: pd.DataFrame, colors: Sequence[str], highlight: Collection[int]) -> go.Scattergl:
    cluster = points[CLUSTER_INDEX].to_numpy(np.int32)
    traffic = points[columns.TRAFFIC].to_numpy(np.float64)
    share = np.log1p(traffic) / np.log1p(max(traffic.max(), 1.0))
    bright = np.isin(cluster, list(highlight)) if len(highlight) else np.ones(len(cluster), bool)
    # Numbers with one colour step per interest: a hundred thousand colour strings take seconds to check.
    steps = np.linspace(0, 1, max(len(colors), 2))
    return go.Scattergl(
        x=points["x"].to_numpy(np.float32),
        y=points["y"].to_numpy(np.float32),
        mode="markers",
        customdata=points[columns.ITEM_INDEX].to_numpy(np.int32),
        hovertext=_hover_texts(points),
        hoverinfo="text",
        marker={
            "color": cluster,
            "colorscale": list(zip(steps, [*colors, colors[-1]][: len(steps)], strict=True)),
            "cmin": 0,
            "cmax": max(len(colors) - 1, 1),
            "size": (SMALLEST + (LARGEST - SMALLEST) * share).astype(np.float32),
            "opacity": np.where(bright, 0.85, DIMMED).astype(np.float32),
            "line": {"width": 0},
        },
        unselected={"marker": {"opacity": DIMMED}},
    )


def _hover_texts(points: pd.DataFrame) -> np.ndarray:
    """(n,) objects: title, interest and traffic of each item, one below the other."""
    interest = {raw: plain(raw, 60) for raw in points[columns.NAME].unique()}
    rows = zip(points[columns.TITLE], points[columns.NAME], points[columns.TRAFFIC].astype(int), strict=True)
    texts = [f"<b>{plain(title)}</b><br>{interest[name]}<br>{_interactions(n)}" for title, name, n in rows]
    return np.array(texts, dtype=object)


def _interactions(n: int) -> str:
    return "1 interaction" if n == 1 else f"{n:,} interactions"


def _even_share(points: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, from every interest about the same share; always the same ones."""
    if len(points) <= most:
        return points
    order = np.argsort(points[CLUSTER_INDEX].to_numpy(), kind="stable")
    return points.iloc[order[np.linspace(0, len(points) - 1, most).astype(int)]]


def _ranges(points: pd.DataFrame) -> tuple[list[float], list[float]]:
    low, high = points[["x", "y"]].min().to_numpy(float), points[["x", "y"]].max().to_numpy(float)
    margin = PADDING * max(*(high - low), 1e-6)
    return [low[0] - margin, high[0] + margin], [low[1] - margin, high[1] + margin]


def _inside(center: np.ndarray, half: np.ndarray, x_range: Sequence[float], y_range: Sequence[float]) -> np.ndarray:
    low, high = np.array([x_range[0], y_range[0]]) + half, np.array([x_range[1], y_range[1]]) - half
    return np.clip(center, np.minimum(low, high), np.maximum(low, high))


def _meets(box: np.ndarray, boxes: np.ndarray) -> bool:
    return bool((np.abs(boxes[:, :2] - box[:2]) < boxes[:, 2:] + box[2:]).all(axis=1).any())


def _width_in_ems(text: str) -> float:
    """About how wide the text is, in heights of its letters; Chinese, Japanese and Korean ones and emoji are wider."""
    return sum(1.05 if unicodedata.east_asian_width(letter) in "WF" else 0.56 for letter in text)


def _name_annotation(label: tuple, dark: bool) -> dict:
    return {
        "x": label.x,
        "y": label.y,
        "text": plain(label.text),
        "showarrow": False,
        "font": {"size": label.size, **rimmed_text(dark)},
    }


def _share_note(n_shown: int, n_items: int) -> dict:
    return {
        "text": f"Showing {n_shown:,} of {n_items:,} items",
        "x": 0,
        "y": 0,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 13, "color": QUIET},
    }
