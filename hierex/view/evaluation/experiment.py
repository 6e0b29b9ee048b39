"""A simulated trial, on the Evaluation page: what is assumed, running it, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from ... import charts
from ...config import MOST_SESSIONS, ExperimentConfig
from ...experiment.lifts import best_control
from ...experiment.measures import LEVEL
from ...files.exports import safe_csv
from ...jobs import Job, expected_stages
from ...trials import SLOW, STAGE, hold_trial, latest_trial
from ...wording import plain_markdown
from ...wording.names import ARMS_EXPLAINED, arm_name
from ...wording.trial import assumptions_text, best_table, conclude, metric_name, trial_lifts, trial_table
from ...workspace import Workspace
from ..opened import doing, going_on, jobs


@dataclass(frozen=True)
class Assumption:
    """A field of `ExperimentConfig` as the form asks for it; lowest, highest and step in the field's own unit."""

    field: str
    label: str
    lowest: float
    highest: float
    step: float
    help: str


ASSUMPTIONS = (
    Assumption("n_people", "People", 50, 2_000, 50, "Drawn from the log; the same in every arm. More make it slower."),
    Assumption("weeks", "Weeks", 1, 12, 1, "Before each week, every arm learns anew from what it has shown."),
    Assumption(
        "sessions", "Visits in a week", 0.5, MOST_SESSIONS, 0.5, "On average; who has a longer log comes more often."
    ),
    Assumption("slots", "Items at a visit", 2, 30, 1, "So many are shown to a person at once."),
    Assumption(
        "novel_share", "Share for new interests", 0.0, 1.0, 0.05, "Of the items at a visit, in the arms that explore."
    ),
    Assumption(
        "later_share",
        "Later share of the log",
        0.1,
        0.6,
        0.05,
        "Interests that begin in this latest part of a person's log are theirs, but not discovered at first.",
    ),
    Assumption(
        "readiness",
        "Readiness for what is new",
        0.0,
        1.0,
        0.05,
        "How readily people take up something of a new interest that they will like: 1 as readily as later on.",
    ),
    Assumption(
        "satiation", "Satiation", 0.0, 1.0, 0.05, "How much one item takes off the appeal of its interest, for a while."
    ),
    Assumption(
        "recovery_days", "Days to recover", 0.25, 30.0, 0.25, "After so many days two thirds of the appetite are back."
    ),
    Assumption(
        "noise",
        "Stray consumption",
        0.0,
        0.3,
        0.01,
        "How often an item outside their interests is consumed anyway.",
    ),
    Assumption(
        "seed",
        "Seed",
        0,
        10_000,
        1,
        "Where chance begins. The same number gives the same result again; another one draws other people, with other "
        "luck in what they take up and in what is learned. A result worth acting on should hold for several.",
    ),
)
ARM_HELP = "One way to choose what people are shown. Under 'All arms' is what each of them does."
SURE_HELP = (
    "Ahead or behind where the whole bracket lies on one side of zero. By chance alone that happens about once in "
    "twenty comparisons."
)
COLUMNS = {
    "Arm": st.column_config.Column(help=ARM_HELP),
    "Difference": st.column_config.Column(
        help="Between averages of the same people; the true one may lie anywhere in the bracket."
    ),
    "Lift": st.column_config.Column(help="The difference as a share of what the other arm has."),
    f"At {LEVEL} %": st.column_config.Column(help=SURE_HELP),
}
GOAL = "trial"
INTRODUCTION = (
    "What would happen if people were shown these predictions for some weeks? **This is a simulation, not people.** It "
    "makes up people from this log. They have the interests of the earlier part of their log; those that begin later "
    "they would like, but have not discovered. They tire of an interest for a while, and take up what is new a little "
    "less readily. Several ways to choose what is shown, the *arms* of the trial, each meet the same people, learn "
    "each week from what they have shown themselves, and know nothing of them but that. People neither leave nor find "
    "items elsewhere, and no interest is born or dies: what comes out is a reason to try it, not a proof."
)
TAKES_PART = {
    SLOW: "The language model that this build has learned takes part, too. It is trained anew before every week, each "
    "time about as long as in the build, so this trial takes long.",
    "openai": "The answers that this build predicts with do not take part: they were asked for when everything was "
    "known that the people here still keep back, and to ask anew before every week would cost money each time.",
}


def simulated_trial(work: Workspace) -> None:
    st.subheader("A simulated trial")
    st.markdown(INTRODUCTION)
    if work.config.policy.kind in TAKES_PART:
        st.caption(TAKES_PART[work.config.policy.kind])
    held = latest_trial(work)
    ask_for_trial(work, held[0] if held else ExperimentConfig())
    if held is None:
        st.info("No trial was held with these interests yet.", icon=":material/science:")
        return
    show_trial(work, *held)


def ask_for_trial(work: Workspace, config: ExperimentConfig) -> None:
    job = going_on(work.store)
    with st.form("trial", border=False, enter_to_submit=False):
        with st.expander("What is assumed", icon=":material/tune:"):
            columns = st.columns(3)
            for place, asked in enumerate(ASSUMPTIONS):
                ask_for(columns[place % 3], asked, getattr(config, asked.field), field_key(work, config, asked.field))
        st.form_submit_button(
            "Run the trial",
            icon=":material/play_arrow:",
            on_click=start_trial,
            args=(work, config),
            disabled=job is not None,
            help="In the background, many minutes for the default size; progress and 'Stop' are in the side bar.",
        )
    if job and job.goal == GOAL:
        st.caption("The trial is under way. Its progress, and 'Stop', are in the side bar.")


def field_key(work: Workspace, config: ExperimentConfig, field: str) -> str:
    """Of a field in the form of one workspace, beside the trial that was held with `config`."""
    return f"trial-{field}-{work.store.path.stem}-{hash(config)}"


def ask_for(box, asked: Assumption, value: float, key: str) -> None:
    kind = type(value)
    box.number_input(
        asked.label,
        min_value=kind(min(asked.lowest, value)),
        max_value=kind(max(asked.highest, value)),
        value=value,
        step=kind(asked.step),
        help=f"{asked.help} From {asked.lowest:g} to {asked.highest:g}.",
        key=key,
    )


def start_trial(work: Workspace, beside: ExperimentConfig) -> None:
    """For callbacks: holds a trial with what the form says, in the background. beside: what the shown one assumed."""

    def begin() -> None:
        said = {a.field: st.session_state[field_key(work, beside, a.field)] for a in ASSUMPTIONS}
        config = ExperimentConfig(**said)
        job = Job(work.store.path, work.config, expected_stages(work.store, [STAGE]), goal=GOAL)
        jobs().begin(job, partial(hold_trial, work.store, work, config))

    doing(begin, "The trial goes on in the background; you can go on looking around.")


def show_trial(work: Workspace, config: ExperimentConfig, tables: dict[str, pd.DataFrame]) -> None:
    arms = tables["arms"]
    st.caption(assumptions_text(config, int(arms["n_people"].iloc[0])))
    for paragraph in conclude(tables):
        st.markdown(f"- {plain_markdown(paragraph)}")
    with st.expander("hierex and the best other way to explore, in numbers"):
        st.dataframe(best_table(tables), hide_index=True, column_config=COLUMNS)
    st.markdown("**New interests against what is consumed**")
    st.plotly_chart(charts.trial_trade_off(arms), alt="Novelty against consumption, a point per arm.")
    st.markdown("**People by how many interests they consumed in the last week**")
    st.plotly_chart(charts.uci_curves(arms), alt="Share of people with at least N interests, a line per arm.")
    names = list(arms["arm"].unique())
    control = st.selectbox(
        "Held against",
        names,
        index=names.index(best_control(arms)),
        format_func=arm_name,
        key=f"trial-control-{work.store.path.stem}",
        help="Differences are of the same people. A bracket holds the true difference in about 95 of 100 such trials.",
    )
    st.dataframe(trial_lifts(tables, control), hide_index=True, column_config=COLUMNS)
    with st.expander("All arms"):
        st.dataframe(trial_table(arms), hide_index=True, column_config={"Arm": COLUMNS["Arm"]})
        st.markdown("\n".join(f"- **{arm_name(name)}**: {ARMS_EXPLAINED[name]}" for name in names))
    st.download_button(
        "Download all measures",
        safe_csv(trial_file(arms, config)),
        "trial.csv",
        "text/csv",
        icon=":material/download:",
        key=f"trial-download-{work.store.path.stem}",
        on_click="ignore",
    )


def trial_file(arms: pd.DataFrame, config: ExperimentConfig) -> pd.DataFrame:
    """Every measure of every arm in the words of the page, with what the form said: a file that explains itself."""
    columns = {"arm": "Arm", "metric": "Measure", "value": "Value", "low": "Low", "high": "High", "n_people": "People"}
    told = arms.assign(arm=arms["arm"].map(arm_name), metric=arms["metric"].map(metric_name)).rename(columns=columns)
    return told.assign(**{f"Assumed: {asked.label}": getattr(config, asked.field) for asked in ASSUMPTIONS})
