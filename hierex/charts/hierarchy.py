"""From coarse to fine: every interest inside the one that it was split from, as wide as its traffic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from ..interest_tree import InterestTree
from ..taxonomy import Taxonomy
from .colors import interest_colors
from .style import FONT_SIZE, QUIET, new_figure, plain

SHOWN_DEPTH = 7
NAME_LENGTH = 40
DRAWN_NODES = 2_000
"""The browser draws rectangles one by one; of more interests than this the smallest are left out, with a note."""


def interest_icicle(
    tree: InterestTree, taxonomy: Taxonomy, names: Mapping[int, str], *, height: int = 560
) -> go.Figure:
    """The nodes that the taxonomy is made of, and all that they were split from. names: by node.

    A click on an interest makes it the whole width, a click on the bar above goes back.
    """
    nodes = _with_ancestors(tree, taxonomy.part_nodes)
    heaviest = nodes[np.argsort(-tree.traffic[nodes], kind="stable")][:DRAWN_NODES]
    shown = np.sort(_with_ancestors(tree, heaviest))
    sizes = tree.hi[shown] - tree.lo[shown]
    trace = go.Icicle(
        ids=[str(node) for node in shown],
        parents=["" if node == 0 else str(tree.parent[node]) for node in shown],
        labels=["All items" if node == 0 else plain(names[node], NAME_LENGTH) for node in shown],
        values=tree.traffic[shown] if tree.traffic[0] > 0 else sizes,
        branchvalues="total",
        maxdepth=SHOWN_DEPTH,
        marker={"colors": interest_colors(tree, shown), "line": {"width": 1}},
        hovertext=[
            f"<b>{plain(names[node])}</b><br>{size:,} items<br>{tree.traffic[node]:,.0f} interactions"
            for node, size in zip(shown, sizes, strict=True)
        ],
        hoverinfo="text",
        tiling={"orientation": "v"},
        textfont={"size": FONT_SIZE},
        pathbar={"visible": True},
    )
    figure = new_figure(trace, height=height, right=0, left=0, top=4, bottom=24)
    figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})
    if len(heaviest) < len(nodes):
        text = f"The {len(shown):,} interests with most traffic of {len(nodes):,}"
        place = {"x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top"}
        figure.add_annotation(text=text, showarrow=False, font={"size": FONT_SIZE - 1, "color": QUIET}, **place)
    return figure


def _with_ancestors(tree: InterestTree, nodes: np.ndarray) -> np.ndarray:
    """These nodes and all above them, each once."""
    found, level = np.unique(nodes), np.unique(nodes)
    while level.any():
        level = np.unique(tree.parent[level])
        found = np.union1d(found, level)
    return found
