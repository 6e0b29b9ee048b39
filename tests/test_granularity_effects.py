"""What the number of interests brings, over all numbers, and the range that is suggested."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierex.charts import granularity_panel
from hierex.descriptions import Description
from hierex.descriptions.costs import AGAIN, TYPICAL_READ
from hierex.granularity_effects import (
    EFFECT_COLUMNS,
    SuggestedRange,
    count_tokens,
    measure_granularities,
    numbers_to_measure,
    price_tokens,
    suggest_range,
)
from hierex.interest_tree import InterestTree
from hierex.llm.tokens import estimate_tokens
from hierex.metrics import gini
from hierex.transitions import FirstVisits
from hierex.transitions.prompts import PROMPT
from hierex.wording.granularities import TOO_COARSE, TOO_FINE, cost_text, effects_table, marks_text, suggestion_text

NO_RECALLS = pd.DataFrame(columns=["granularity", "policy", "started_at", "value", "low", "high", "chance"])


def halving_tree(traffic: np.ndarray) -> InterestTree:
    """A tree over items in their own order that always halves the longest slice, down to single items."""
    lo, hi, born, dies, parent, alive = [0], [len(traffic)], [1], {}, [0], [0]
    while len(alive) < len(traffic):
        node = max(alive, key=lambda v: hi[v] - lo[v])
        middle, at = (lo[node] + hi[node]) // 2, len(alive) + 1
        alive.remove(node)
        alive += [len(lo), len(lo) + 1]
        dies[node] = at
        lo, hi = [*lo, lo[node], middle], [*hi, middle, hi[node]]
        born, parent = [*born, at, at], [*parent, node, node]
    lo, hi, born, parent = (np.array(values, np.int32) for values in (lo, hi, born, parent))
    dies = np.array([dies.get(v, len(traffic) + 1) for v in range(len(lo))], np.int32)
    sums = np.concatenate([[0.0], np.cumsum(traffic)])
    order = np.arange(len(traffic), dtype=np.int32)
    return InterestTree(order, lo, hi, born, dies, parent, sums[hi] - sums[lo], 1 / (hi - lo))


def visits_of(people: list[list[int]]) -> FirstVisits:
    user = np.repeat(np.arange(len(people)), [len(person) for person in people])
    leaf = np.array([leaf for person in people for leaf in person], np.int32)
    position = np.concatenate([np.arange(len(person)) for person in people]).astype(np.int32)
    return FirstVisits(user.astype(np.int32), leaf, position.astype(np.int64), len(people))


def test_effects_in_a_small_world():
    tree = halving_tree(np.array([6.0, 2, 1, 1, 1, 1, 0, 0]))
    visits = visits_of([[0, 3, 5], [7, 0], [1, 6, 4, 2], [4]])
    table = measure_granularities(tree, visits, granularities=(4, 2, 8, 8, 99), k=1).set_index("granularity")
    assert table.index.tolist() == [2, 4, 8]
    assert table.loc[2, "largest_over_mean"] == pytest.approx(10 / 6)
    assert table.loc[4, "largest_over_mean"] == pytest.approx(8 / 3)
    assert table.loc[2, "coherence"] == pytest.approx(1 / 4)
    assert table.loc[8, "coherence"] == 1
    assert table.loc[2, "gini"] == pytest.approx(gini(np.array([10, 2])))
    assert table.loc[2, "share_ready"] == 0.75
    assert table.loc[4, ["median_items", "smallest_items", "largest_items"]].tolist() == [2, 2, 2]
    assert table["n_contexts"].tolist() == [2, 4, 8]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_share_of_people_who_are_ready_is_that_of_a_plain_loop(seed, k):
    rng = np.random.default_rng(seed)
    tree = halving_tree(rng.integers(1, 9, size=16).astype(float))
    people = [rng.permutation(16)[: rng.integers(0, 7)].tolist() for _ in range(8)]
    table = measure_granularities(tree, visits_of(people), granularities=(1, 3, 7, 16), k=k)
    for granularity, share in zip(table["granularity"], table["share_ready"], strict=True):
        nodes = tree.cut(granularity)
        interests = [{int(np.flatnonzero(tree.lo[nodes] <= leaf)[-1]) for leaf in person} for person in people]
        assert share == pytest.approx(np.mean([len(mine) > k for mine in interests]))


def test_effects_without_people_or_traffic_are_missing_not_zero():
    table = measure_granularities(halving_tree(np.zeros(4)), visits_of([[]]), granularities=(2,))
    assert table.loc[0, ["coherence", "largest_over_mean", "gini"]].isna().all()
    assert table.loc[0, "share_ready"] == 0
    nobody = FirstVisits(*(np.array([], np.int64),) * 3, 0)
    assert np.isnan(measure_granularities(halving_tree(np.ones(4)), nobody, granularities=(2,)).loc[0, "share_ready"])


def described(words: list[tuple[str, ...]]) -> list[Description]:
    return [Description(node, said[0], said, "", "keywords") for node, said in enumerate(words)]


def test_people_without_visits_or_descriptions_are_missing():
    table = measure_granularities(halving_tree(np.ones(8)))
    assert table["granularity"].tolist() == list(range(2, 9))
    assert (
        table[["share_ready", "people_per_interest", "calls", "distinct_names", "nearest_overlap"]]
        .isna()
        .all(axis=None)
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_shares_are_shares_and_finer_interests_are_never_less_ready(data):
    n = data.draw(st.integers(2, 24))
    seed = data.draw(st.integers(0, 9_999))
    rng = np.random.default_rng(seed)
    tree = halving_tree(rng.integers(0, 9, size=n).astype(float))
    people = [rng.permutation(n)[: rng.integers(0, n)].tolist() for _ in range(6)]
    said = [tuple("abcdef"[i] for i in rng.integers(6, size=3)) for _ in tree.lo]
    table = measure_granularities(tree, visits_of(people), described(said))
    for column in ("share_ready", "distinct_names", "distinct_phrases", "nearest_overlap", "gini"):
        known = table[column].dropna()
        assert known.between(0, 1).all()
    assert (np.diff(table["share_ready"]) >= 0).all()
    assert (np.diff(table["calls"]) > 0).all()
    suggested = suggest_range(table)
    assert min(suggested.low, suggested.high) >= 2
    assert max(suggested.low, suggested.high) <= tree.finest
    assert suggested.found or not suggested.holds(suggested.low)
    assert "**" in suggestion_text(suggested, 2, 2) or not suggested.found


@pytest.mark.parametrize("finest", [2, 3, 10, 50, 4_096])
def test_numbers_go_from_two_to_the_finest_once_each(finest):
    numbers = numbers_to_measure(finest)
    assert numbers[0] == 2
    assert numbers[-1] == finest
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= 50


def test_descriptions_that_are_alike_are_counted():
    tree = halving_tree(np.ones(4))  # its finest nodes are 3, 4, 5, 6
    said = [("all",), ("left",), ("right",), ("tea", "milk"), ("Milk", "TEA"), ("coffee", "milk"), ("chess", "go")]
    row = measure_granularities(tree, None, described(said), granularities=[4]).iloc[0]
    assert row["distinct_names"] == 1
    assert row["distinct_phrases"] == 0.75
    assert row["nearest_overlap"] == pytest.approx((1 + 1 + 0.5 + 0) / 4)


def test_the_estimate_counts_one_call_for_each_interest_and_each_context():
    told = count_tokens(10, 2, 10.0)
    assert told["calls"] == 110
    assert told["tokens_in"] == pytest.approx(10 * AGAIN * TYPICAL_READ + 100 * (estimate_tokens(PROMPT) + 20))
    assert count_tokens(20, 2, 10.0)["tokens_out"] > 2.5 * told["tokens_out"]
    frame = pd.DataFrame([told | {"granularity": 10, "n_contexts": 100}])
    assert price_tokens(frame, price_in=0, price_out=0).tolist() == [0]
    frame["cost"] = price_tokens(frame, price_in=1e6, price_out=0)
    assert frame.loc[0, "cost"] == pytest.approx(told["tokens_in"])
    assert "110 calls" in cost_text(frame.loc[0], 2)


def effects_of(**measured) -> pd.DataFrame:
    """Many numbers of interests at which every rule is met, except for what is given."""
    good = {
        "granularity": [2, 10, 100, 1_000],
        "coherence": [0.2, 0.5, 0.6, 0.7],
        "share_ready": [0.95, 0.96, 0.97, 1.0],
        "median_items": [500, 100, 40, 20],
        "people_per_interest": [900, 500, 200, 90],
        "largest_over_mean": [1.1, 1.2, 1.3, 1.4],
    }
    return pd.DataFrame(good | measured)


@pytest.mark.parametrize(
    ("measured", "low", "high", "why_low", "why_high"),
    [
        ({}, 10, 1_000, "likeness", "finest"),
        ({"share_ready": [0, 0.1, 0.8, 0.81]}, 100, 1_000, "ready", "finest"),
        ({"median_items": [99, 99, 12, 9]}, 10, 100, "likeness", "items"),
        ({"people_per_interest": [99, 60, 49, 4]}, 10, 10, "likeness", "people"),
        ({"largest_over_mean": [1, 2, 2.9, 30]}, 10, 100, "likeness", "balance"),
        ({"people_per_interest": [np.nan] * 4, "share_ready": [np.nan] * 4}, 10, 1_000, "likeness", "finest"),
    ],
)
def test_the_range_ends_where_a_rule_does(measured, low, high, why_low, why_high):
    suggested = suggest_range(effects_of(**measured))
    assert suggested == SuggestedRange(low, high, why_low, why_high, found=True)
    text = suggestion_text(suggested, low, 2)
    assert TOO_COARSE[why_low].format(3) in text
    assert (TOO_FINE[why_high] in text) == (why_high != "finest")
    assert "lies within" in text
    assert f"would choose {high + 1:,}, which is finer" in suggestion_text(suggested, high + 1, 2)


def test_predictions_bound_the_range():
    assert suggest_range(effects_of(), most=150).high == 100
    assert suggest_range(effects_of(), most=150).why_high == "table"


@pytest.mark.parametrize("items", [[9, 8, 7, 6], [20, 9, 8, 7]])
def test_data_that_is_too_small_gets_no_range(items):
    suggested = suggest_range(effects_of(median_items=items))
    assert not suggested.found
    text = suggestion_text(suggested, 10, 2)
    assert "too small" in text
    assert TOO_FINE["items"] in text
    figure = granularity_panel(effects_of_all(), NO_RECALLS, suggested=suggested)
    assert not figure.layout.shapes


def effects_of_all() -> pd.DataFrame:
    table = measure_granularities(halving_tree(np.arange(1.0, 41)), None, described([("a",)] * 79))
    return table.assign(cost=price_tokens(table, price_in=1, price_out=1))


def test_the_panel_marks_what_is_chosen_built_and_suggested():
    recalls = NO_RECALLS.copy()
    recalls.loc[0] = [30, "counts", pd.Timestamp("2026-01-02"), 0.2, 0.1, 0.3, 0.05]
    suggested = SuggestedRange(5, 20, "likeness", "items", found=True)
    figure = granularity_panel(effects_of_all(), recalls, chosen=7, built=30, suggested=suggested, k=3)
    lines = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert {(shape.x0, shape.line.dash) for shape in lines} == {(7, "dot"), (30, "dash")}
    assert len(lines) == 18
    assert sum(shape.type == "rect" for shape in figure.layout.shapes) == 9
    said = [annotation.text for annotation in figure.layout.annotations]
    assert "People with 4+ interests" in said
    assert said.count("not measured yet") == 1  # nobody's visits were given
    assert any("chance: 5.0%" in text for trace in figure.data for text in trace.hovertext)
    assert "7, shown now" in marks_text(7, 30, suggested)
    assert "Dashed" not in marks_text(7, 7, suggested)


def test_nothing_to_draw_is_said():
    (message,) = granularity_panel(pd.DataFrame(columns=[*EFFECT_COLUMNS, "cost"]), NO_RECALLS).layout.annotations
    assert "no numbers" in message.text


def test_the_table_marks_numbers_in_words():
    table = effects_table(effects_of_all().assign(recall=np.nan), {7: "shown now"})
    assert table.loc[table["Interests"] == 7, "Marked"].tolist() == ["shown now"]
    assert len(table) == len(effects_of_all())
