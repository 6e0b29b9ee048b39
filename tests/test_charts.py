"""Figures: hostile names stay text, colours stay with their interest, names on the map do not overlap."""

from __future__ import annotations

import ast
import html
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_granularity_effects import halving_tree

from hierex import charts
from hierex.charts import (
    evaluation_bars,
    history_timeline,
    interest_colors,
    prediction_bars,
)
from hierex.charts.style import percent, plain
from hierex.wording.names import method_name

HOSTILE = [
    "<script>alert(1)</script>",
    "<b>bold</b> & <a href='javascript:alert(1)'>link</a>",
    "&lt;b&gt;already escaped&lt;/b&gt;",
    "line\nbreak\ttab\x00null\x1b[31m",
    "\u202eright to left override",
    "مرحبا بالعالم",
    "🧑‍🍳 cooking",
    "x" * 100_000,
    "",
]
MARKUP = ("<b>", "</b>", "<br>")


def palette(n: int) -> list[str]:
    tree = halving_tree(np.ones(max(n, 2)))
    return interest_colors(tree, tree.cut(max(n, 2)))[:n]


def oklab(colors: list[str]) -> np.ndarray:
    """(n, 3) from hex, by the published matrices the other way round."""
    encoded = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors]) / 255
    return oklab_of_linear(np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4))


def oklab_of_linear(linear: np.ndarray) -> np.ndarray:
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(np.clip(linear @ np.array(to_cones).T, 0, None)) @ np.array(to_lab).T


def texts_of(figure: go.Figure) -> list[str]:
    """Every text that Plotly would read tags in."""
    found = [annotation.text for annotation in figure.layout.annotations]
    for trace in figure.data:
        for texts in (trace.hovertext, trace.text):
            found += [] if texts is None else list(texts)
    for axis in figure.select_yaxes():
        found += list(axis.ticktext or [])
    return [str(text) for text in found]


def without_our_markup(text: str) -> str:
    for tag in MARKUP:
        text = text.replace(tag, "")
    return text


def every_figure(names: list[str]) -> dict[str, go.Figure]:
    n = len(names)
    colors = palette(n)
    visits = pd.DataFrame({"when": np.arange(1, n + 1), "name": names, "color": colors, "title": names})
    ranked = pd.DataFrame({"rank": np.arange(1, n + 1), "name": names, "score": np.linspace(0.3, 0.001, n)})
    rows = [(name, f"recall@{k}", 0.1 * k**0.5, 0.05, 0.4, 10, 5, "") for name in names for k in (1, 5, 10)]
    measured = pd.DataFrame(rows, columns=["policy", "metric", "value", "low", "high", "n_cases", "n_users", "note"])
    return {
        "timeline": history_timeline(visits, starting=names[:2]),
        "predictions": prediction_bars(ranked, colors),
        "evaluation": evaluation_bars(measured.drop_duplicates(["policy", "metric"])),
    }


def test_methods_have_plain_names_with_what_is_laid_over_and_given_to_them():
    assert method_name("ease") == "What goes together"
    assert method_name("ease@history") == "What goes together, from the whole history"
    layered = "Learned from the descriptions, with recent moves, leaning to novel"
    assert method_name("encoder+refreshed+novelty") == layered


# ---------------------------------------------------------------- hostile text


@pytest.mark.parametrize("figure", every_figure(HOSTILE).items(), ids=lambda item: item[0])
def test_titles_and_names_stay_text_in_every_figure(figure):
    texts = [without_our_markup(text) for text in texts_of(figure[1])]
    assert any("alert(1)" in text for text in texts)
    for text in texts:
        assert "<" not in text
        assert ">" not in text
        assert "&" not in text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert len(text) < 400
        assert not any(ord(character) < 32 or character == "\u202e" for character in text)
    figure[1].to_json().encode()


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(), max_size=200) | st.sampled_from([*HOSTILE, "half \ud83d character"]), st.integers(2, 90)
)
def test_plain_text_is_short_printable_and_comes_back_when_read_as_html(text, limit):
    shown = html.unescape(plain(text, limit))
    assert len(shown) <= limit
    assert not {"\n", "\x00", "\u202e"} & set(shown)
    plain(text, limit).encode()
    if text.isalnum() and len(text) <= limit:
        assert shown == text


def test_names_that_are_equal_once_shortened_keep_rows_of_their_own():
    names = [f"{'the same long beginning ' * 4}{i}" for i in range(5)]
    figure = prediction_bars(pd.DataFrame({"rank": range(1, 6), "name": names, "score": [0.2] * 5}))
    assert list(figure.data[0].y) == [0, 1, 2, 3, 4]
    assert len(figure.layout.yaxis.ticktext) == 5


# ---------------------------------------------------------------- colours


def test_a_colour_stays_with_its_interest_at_every_granularity():
    tree = halving_tree(np.ones(400))
    color_of: dict[int, str] = {}
    for granularity in (2, 3, 10, 50, 51, 300):
        nodes = tree.cut(granularity)
        for node, color in zip(nodes.tolist(), interest_colors(tree, nodes), strict=True):
            assert color_of.setdefault(node, color) == color
    some = [7, 3, 12]
    assert interest_colors(tree, some) == [interest_colors(tree, [node])[0] for node in some]


def test_children_look_like_their_parent():
    tree = halving_tree(np.ones(512))
    nodes = np.arange(31, len(tree.lo))  # below the first five splits, which divide the whole circle
    lab, parents = oklab(interest_colors(tree, nodes)), oklab(interest_colors(tree, tree.parent[nodes]))
    to_parent = np.linalg.norm(lab - parents, axis=1)
    to_others = np.linalg.norm(lab - np.random.default_rng(0).permutation(parents), axis=1)
    assert to_parent.max() < 0.13
    assert np.median(to_parent) < 0.5 * np.median(to_others)


def test_siblings_differ_in_lightness():
    tree = halving_tree(np.ones(256))
    left = oklab(interest_colors(tree, np.arange(1, 255, 2)))
    right = oklab(interest_colors(tree, np.arange(2, 256, 2)))
    assert (np.abs(left[:, 0] - right[:, 0])[20:] > 0.03).all()


@pytest.mark.parametrize(
    "cones",
    [
        np.eye(3),
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ],
    ids=["full", "no green cones", "no red cones"],
)
def test_eight_interests_can_be_told_apart_by_people_of_every_colour_vision(cones):
    """Simulation of colour vision after Machado, Oliveira and Fernandes (2009)."""
    colors = palette(8)
    encoded = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    lab = oklab_of_linear(np.clip(linear @ np.array(cones).T, 0, 1))
    apart = np.linalg.norm(lab[:, None] - lab, axis=2)[np.triu_indices(8, 1)]
    assert apart.min() > 0.02  # about the smallest difference that is seen side by side


def test_colours_show_on_light_and_on_dark_pages():
    lightness = oklab(palette(300))[:, 0]
    assert lightness.min() > 0.45
    assert lightness.max() < 0.85


# ---------------------------------------------------------------- the others


def test_the_timeline_has_a_row_per_interest_in_order_of_first_visit():
    names = ["bread", "chess", "bread", "hiking", "chess"]
    visits = pd.DataFrame({"when": [1, 2, 3, 4, 5], "name": names, "color": ["#123456"] * 5})
    figure = history_timeline(visits, starting=["chess", "hiking"])
    assert figure.layout.yaxis.ticktext == ("bread", "◆ chess", "◆ hiking")
    dots = figure.data[1]
    assert list(dots.y) == [0, 1, 0, 2, 1]
    assert list(dots.marker.symbol) == ["circle", "diamond", "circle", "diamond", "circle"]
    assert (dots.marker.size[[0, 1, 3]] > dots.marker.size[2]).all()
    assert figure.layout.xaxis.title.text == "Number of the interaction"
    dated = history_timeline(visits.assign(when=pd.date_range("2024-01-01", periods=5)), most=2)
    assert dated.layout.xaxis.title.text == "Date (1 earlier interests not shown)"
    assert dated.layout.yaxis.ticktext == ("chess", "hiking")


def test_predictions_stand_in_the_order_of_their_ranks():
    ranked = pd.DataFrame({"rank": [2, 1], "name": ["chess", "bread"], "score": [0.004, 0.25]})
    figure = prediction_bars(ranked, ["#111111", "#222222"])
    assert figure.layout.yaxis.ticktext == ("1. bread", "2. chess")
    assert figure.data[0].text == ("25.0%", "0.40%")
    assert figure.data[0].marker.color == ("#222222", "#111111")
    assert figure.layout.xaxis.title.text == "Probability, among all interests but those it starts from"
    whole = prediction_bars(ranked, whole=True).layout.xaxis.title.text
    assert whole == "Probability, among all that is new to the person"


def test_evaluation_tells_baselines_apart_without_colour_and_shows_intervals():
    rows = [
        (name, metric, value, value - 0.02, value + 0.03, 900, 50, "")
        for name, value in (("encoder", 0.3), ("popularity", 0.1))
        for metric in ("recall@1", "recall@5", "recall@10", "ndcg@10")
    ]
    table = pd.DataFrame(rows, columns=["policy", "metric", "value", "low", "high", "n_cases", "n_users", "note"])
    figure = evaluation_bars(table)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert len(bars) == 6
    assert [bar.marker.pattern.shape for bar in bars[:2]] == ["", "/"]
    assert bars[0].error_x.array == pytest.approx([0.03])
    assert bars[0].error_x.arrayminus == pytest.approx([0.02])
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles == ["Right answer first", "Among the first 5", "Among the first 10"]
    assert figure.layout.yaxis.ticktext == ("Learned from the descriptions", "Most popular first")
    lonely = evaluation_bars(table.assign(low=np.nan, high=np.nan))
    assert "interval" not in lonely.data[0].hovertext[0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: history_timeline(pd.DataFrame({"when": [], "name": [], "color": []})),
        lambda: prediction_bars(pd.DataFrame({"rank": [], "name": [], "score": []})),
        lambda: evaluation_bars(pd.DataFrame(columns=["policy", "metric", "value", "low", "high", "n_cases"])),
    ],
    ids=["timeline", "predictions", "evaluation"],
)
def test_nothing_to_show_is_said_in_words(draw):
    figure = draw()
    assert not figure.data
    (message,) = figure.layout.annotations
    assert message.text.endswith(".")
    assert not figure.layout.xaxis.visible


def test_every_figure_is_transparent_and_has_readable_letters():
    for figure in every_figure(["one", "two", "three"]).values():
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert figure.layout.font.size >= 13
        assert all(note.font.size is None or note.font.size >= 12 for note in figure.layout.annotations)


def test_percent():
    assert [percent(share) for share in (0, 0.00123, 0.01, 0.5)] == ["0.0%", "0.12%", "1.0%", "50.0%"]


def test_charts_know_no_streamlit():
    for file in Path(charts.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in ("streamlit", "duckdb") for name in names)
