"""Builds as somebody chooses among them: by name, and as a table of what was measured of each."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from .. import releases, wording
from ..config import RunConfig, TransitionConfig
from ..kept import stage_tables
from ..kept.releases import Release, released_run
from ..kept.runs import config_of, shown_run
from ..policies.match_rate import rate_text
from ..releases import Candidate
from ..releases.gates import RECALL, Gate
from ..wording.names import LAYER_NAMES, method_words
from ..workspace import Workspace
from .changes import MOMENT

CANDIDATE_COLUMNS = {
    "": st.column_config.TextColumn(width=112),
    "Method": st.column_config.TextColumn(width=186),
    "On top": st.column_config.TextColumn(width=170, help="What is laid over what was learned, or was learned too."),
    "Built (UTC)": st.column_config.DatetimeColumn(format=MOMENT, width=126),
    "× chance": st.column_config.NumberColumn(
        width=70, help="How often the first answer was right, as a multiple of naming any interest at random."
    ),
    "First right": st.column_config.TextColumn(
        width=74,
        help="How often the first answer was people's next new interest, on time that the method has not seen.",
    ),
    "In first ten": st.column_config.TextColumn(
        width=80, help="How often the right one was among the first ten answers."
    ),
    "Known": st.column_config.TextColumn(
        width=65,
        help="How many of the method's answers are known interests, word for word; 'all' where it chooses among them.",
    ),
    "Interests": st.column_config.NumberColumn(format="localized", width=70),
    "Starts from": st.column_config.NumberColumn(width=84, help="So many of a person's latest interests."),
    "Moves": st.column_config.NumberColumn(
        format="localized",
        width=65,
        help="How many moves it was measured on. Builds with other numbers were measured on other moves: with recent "
        "moves blended in on the later half of the time, at another number of interests on other questions.",
    ),
}
TALL_ROW = 66
"""Pixels: from 65 on Streamlit breaks lines, as what lies on top needs it."""


def candidate_table(candidates: list[Candidate], served: Release | None, was_served: set[int | None]) -> pd.DataFrame:
    """Without what lies on top, what is known and what it starts from where that is as usual for all."""
    rows = []
    for candidate in candidates:
        method, *on_top = how_it_predicts(candidate.policy, config_of(candidate.run.config))
        report, was = candidate.report, candidate.same.keys() & was_served
        state = "served now" if is_served(candidate, served) else "was served" if was else ""
        state += ", from earlier logs" if candidate.earlier else ""
        state += "" if candidate.kept else ", forgotten" if state else "forgotten to save room"
        rows.append(
            {
                "": state or ("can be released" if report.passed else "not good enough"),
                "Method": method,
                "× chance": None if report.recall.value is None else round(report.recall.value, 1),
                "First right": measured_share(candidate, RECALL),
                "In first ten": measured_share(candidate, "recall@10"),
                "On top": ", ".join(on_top),
                "Built (UTC)": candidate.run.started_at,
                "Interests": candidate.n_interests,
                "Moves": report.n_cases,
                "Starts from": config_of(candidate.run.config).transition.k,
                "Known": known_share(report.match_rate),
            }
        )
    table = pd.DataFrame(rows)
    usual = {"On top": "", "Known": "all", "Starts from": TransitionConfig.k}
    return table.drop(columns=[name for name, value in usual.items() if table[name].eq(value).all()])


def known_share(gate: Gate) -> str:
    if gate.value is None:
        return "not known"
    return "all" if gate.by_construction else rate_text(gate.value)


def measured_share(candidate: Candidate, metric: str) -> str:
    found = candidate.measured.query("policy == @candidate.policy and metric == @metric")["value"]
    return f"{found.iloc[0]:.1%}" if len(found) else "not known"


def is_served(candidate: Candidate, served: Release | None) -> bool:
    """The same build made twice is the same."""
    return served is not None and served.run_id in candidate.same


def candidate_name(candidate: Candidate, run_id: int | None = None) -> str:
    """run_id: of those that made the very same, the one that is meant; the latest without it."""
    when = wording.time_text(candidate.same[run_id or candidate.run.run_id])
    of = " from earlier logs" if candidate.earlier else ""
    what = predictions_of(candidate.policy, config_of(candidate.run.config), candidate.n_interests)
    return f"{what}, built {when}{of}"


def predictions_of(policy: str, config: RunConfig, n_interests: int) -> str:
    """What tells predictions apart. policy: the name of the one that answers, with what is laid over it."""
    k = config.transition.k
    start = [] if k == TransitionConfig.k else [f"from the latest {k} interests" if k > 1 else "from the latest alone"]
    return ", ".join([*how_it_predicts(policy, config), *start, f"{n_interests:,} interests"])


def how_it_predicts(policy: str, config: RunConfig) -> list[str]:
    """How it predicts, and what is laid over that."""
    method, *layers = method_words(policy)
    if policy.startswith("openai") and config.policy.answers:
        method = f"Answered by {config.policy.answers.model}"
    tuned = policy.startswith("encoder") and config.policy.tune_text
    dial = LAYER_NAMES["novelty"]
    layers = [f"{dial} ({config.layers.novelty:g})" if layer == dial else layer for layer in layers]
    return [method, *["text model learning too"] * tuned, *layers]


def say_latest_build(work: Workspace) -> None:
    """What is built upon on a page, where another may be what is served."""
    name = stage_tables.read_model_name(work.store, "policies", work.key("policies")) or work.config.policy.kind
    what = wording.plain_markdown(predictions_of(name, work.config, work.taxonomy.n_clusters))
    latest, released = shown_run(work.store), released_run(work.store)
    other = released and latest and releases.what_it_made(released) != releases.what_it_made(latest)
    st.caption(
        f"About the latest build: **{what}**."
        + " It is not what is served, see “Releases” under “What comes next”." * bool(other)
    )
