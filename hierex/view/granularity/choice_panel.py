"""How the choice of the number of interests plays out, on the Granularity page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ... import charts
from ...files import exports
from ...granularity_effects import price_tokens, suggest_range
from ...kept.runs import past_recalls
from ...kept.trees import number_to_keep
from ...result_keys import words_depend
from ...wording.granularities import PANELS_EXPLAINED, cost_text, effects_table, marks_text, suggestion_text
from ...workspace import Workspace
from ...workspace_measures import effects_of

PRICE_IN, PRICE_OUT = 0.15, 0.60
"""Of a million tokens, to begin with: what a small hosted model costs, in dollars; to be typed over."""
ALONGSIDE = ("interest_tree", "descriptions", "first_visits")


def choice_panel(work: Workspace, number: int) -> None:
    """The suggested range in words, and below it panels and numbers of what every choice brings."""
    k, built = work.config.transition.k, work.granularity if "evaluation" in work.keys else None
    made = [work.keys.get(stage) for stage in ALONGSIDE]
    words = words_depend(work)
    effects = measure(work, k, made, words, None)
    suggested = suggest_range(effects, most=work.config.table.most_interests)
    default = number_to_keep(work.store, work.config, work.keys, work.usual_granularity)
    st.subheader("How many interests?")
    st.markdown(suggestion_text(suggested, default, k))
    panel = st.expander("How the choice plays out over all numbers of interests", key="choice_open", on_change="rerun")
    if not panel.open:
        return
    rows = measure(work, k, made, words, sorted({number, built or number}))
    with panel:
        price_in, price_out = ask_prices()
        effects, rows = (
            frame.assign(cost=price_tokens(frame, price_in=price_in, price_out=price_out)) for frame in (effects, rows)
        )
        if rows["cost"].notna().any():
            st.markdown(cost_text(rows.set_index("granularity", drop=False).loc[number], k))
        recalls = past_recalls(work.store, work.config)
        st.caption(marks_text(number, built, suggested))
        st.plotly_chart(
            charts.granularity_panel(effects, recalls, chosen=number, built=built, suggested=suggested, k=k),
            alt="Likeness, balance, size, people, cost, descriptions and predictions by number of interests; "
            "the table below has all.",
        )
        with st.popover("What the panels say", icon=":material/help:"):
            st.markdown(PANELS_EXPLAINED)
        of_policy = recalls[recalls["policy"] == work.config.policy.kind]
        show_numbers(effects, rows, of_policy, {number: "shown now"} | ({built: "built"} if built != number else {}))


@st.cache_data(max_entries=16, show_spinner="Comparing all numbers of interests ...")
def measure(_work: Workspace, k: int, made: list[str | None], words: tuple, numbers: list[int] | None) -> pd.DataFrame:
    """Kept per interests that a prediction starts from (k), tree, first visits, and descriptions as they are now."""
    return effects_of(_work, numbers)


def ask_prices() -> tuple[float, float]:
    left, right, about = st.columns([1, 1, 2], vertical_alignment="bottom")
    common = {"min_value": 0.0, "step": 0.05, "format": "%.2f", "persist_state": "session"}
    price_in = left.number_input("Price of a million tokens read", value=PRICE_IN, key="price_in", **common)
    price_out = right.number_input("Price of a million written", value=PRICE_OUT, key="price_out", **common)
    about.caption(
        "Type what your language model costs, in any currency. The cost is an estimate: a call for each interest and "
        "each pair. The policy that is learned here needs no calls and costs nothing."
    )
    return price_in, price_out


def show_numbers(effects: pd.DataFrame, rows: pd.DataFrame, recalls: pd.DataFrame, marks: dict[int, str]) -> None:
    """The same as a table, with the shown and the built number among the others."""
    every = pd.concat([effects, rows]).drop_duplicates("granularity").sort_values("granularity", ignore_index=True)
    every = every.merge(
        recalls.drop_duplicates("granularity")[["granularity", "value"]].rename(columns={"value": "recall"}),
        how="outer",
        on="granularity",
    )
    table = effects_table(every, marks)
    st.dataframe(table, hide_index=True, height=260)
    st.download_button(
        "Download these numbers (CSV)",
        exports.safe_csv(table),
        "numbers.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
