"""Which predictions are served: what was measured of each build, the gates, and a person's approval."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from ... import releases, wording
from ...kept import results
from ...kept.releases import Release, read_releases
from ...releases import Candidate
from ...releases.gates import FEWEST_MATCHES, TIMES_CHANCE
from ...store import Store
from ...wording.labels import told_apart
from ...workspace import Workspace
from ..author import author_box
from ..builds import CANDIDATE_COLUMNS, TALL_ROW, candidate_name, candidate_table, is_served
from ..changes import MOMENT
from ..opened import doing, is_busy, plain_errors, start_run, with_choices
from ..policy_choice import choose_policy
from .asked_model import ask_panel
from .at_endpoint import open_orders

LATEST = 30


def releasing(work: Workspace) -> None:
    store = work.store
    every, earlier = releases.list_candidates(store), releases.list_earlier(work)
    decisions = read_releases(store)
    served = decisions[0] if decisions and decisions[0].run_id is not None else None
    say_served([*every, *earlier], decisions)
    with plain_errors():
        open_orders(work)
    candidates = [c for place, c in enumerate(every) if place < LATEST or is_served(c, served)] + earlier
    if not candidates:
        st.info("No finished build of these logs was measured yet. Press 'Build' on the Logs page.")
        return
    st.subheader("Builds to choose from")
    was_served = {decision.run_id for decision in decisions}
    table = candidate_table(candidates, served, was_served)
    row_height = TALL_ROW if "On top" in table else None
    st.dataframe(table, hide_index=True, row_height=row_height, column_config=CANDIDATE_COLUMNS)
    if len({candidate.report.n_cases for candidate in candidates}) > 1:
        st.caption(
            "Builds with other numbers under “Moves” were measured on other moves: what was right cannot be compared."
        )
    st.caption(
        "What was released or compared blind lately is kept, and of other builds the latest few, to save room. What "
        "was forgotten can be built again."
    )
    choose_candidate(work, candidates, served, decisions, served_before(decisions, [*every, *earlier]))
    st.caption(
        f"To be released, {FEWEST_MATCHES:.0%} of what the method answers has to be known interests, and its first "
        f"answer has to be right {TIMES_CHANCE:g} times as often as chance, on time that it has not seen."
    )
    st.divider()
    train_anew(work)
    if decisions:
        with st.expander("All decisions so far"):
            when = st.column_config.DatetimeColumn(format=MOMENT)
            table = decision_table([*every, *earlier], decisions)
            st.dataframe(table, hide_index=True, column_config={"When (UTC)": when})


def say_served(candidates: list[Candidate], decisions: list[Release]) -> None:
    served = decisions[0] if decisions else None
    if served is None or served.run_id is None:
        st.info(
            ("Nothing is released yet. " if served is None else f"Nothing is served, decided {by_whom(served)}. ")
            + "The Preview page shows the latest build, marked as not released.",
            icon=":material/lock_open:",
        )
        return
    found = next((c for c in candidates if is_served(c, served)), None)
    if found is None:
        st.warning(
            f"What was released {by_whom(served)} cannot be served over these logs and interests any more. The Preview "
            "page shows the latest build. Release another one, or serve none.",
            icon=":material/block:",
        )
        return
    name = candidate_name(found, served.run_id)
    text = f"Served now: **{wording.plain_markdown(name)}**, released {by_whom(served)}."
    st.success(text + (f" “{wording.plain_markdown(served.note)}”" if served.note else ""), icon=":material/verified:")


def pick_candidate(store: Store, candidates: list[Candidate]) -> Candidate:
    """With how its predictions came about."""
    names = told_apart([candidate_name(candidate) for candidate in candidates])
    place = st.selectbox(
        "Release",
        range(len(candidates)),
        format_func=names.__getitem__,
        key=f"candidate-{store.path.stem}-{candidates[0].run.run_id}",  # a new build is what is looked at first
    )
    chosen = candidates[place]
    if made := results.result_note(store, "policies", chosen.run.keys["policies"]):
        st.caption(wording.plain_markdown(made))
    return chosen


def choose_candidate(
    work: Workspace,
    candidates: list[Candidate],
    served: Release | None,
    decisions: list[Release],
    before: Candidate | None,
) -> None:
    store, seen = work.store, decisions[0].release_id if decisions else 0
    chosen = pick_candidate(store, candidates)
    now = is_served(chosen, served)
    able = chosen.kept and chosen.report.passed
    name, note = st.columns([1, 2])
    author = author_box(name, "shown with your decision")
    said = note.text_input("Why (optional)", key="release_note", placeholder="What you looked at")
    say_of_choice(chosen, now=now, named=bool(author))
    release, back, none = st.columns(3)
    release.button(
        "Go back to this one" if was_before(decisions, chosen) and not now else "Release",
        key="release_button",
        type="primary",
        icon=":material/verified:",
        disabled=now or not able or not author,
        on_click=approve,
        args=(work, chosen.run.run_id, author, said, seen),
    )
    back.button(
        "Go back to the one before",
        key="back_button",
        icon=":material/undo:",
        disabled=before is None or not author,
        on_click=approve,
        args=(work, before and before.run.run_id, author, said, seen),
        help=f"Serves again: {wording.plain_markdown(candidate_name(before))}." if before else "There is none.",
    )
    none.button(
        "Serve none",
        key="serve_none_button",
        icon=":material/block:",
        disabled=served is None or not author,
        on_click=withdraw,
        args=(store, author, said, seen),
        help="Nothing is released until somebody releases predictions again. It takes your name, too.",
    )


def say_of_choice(chosen: Candidate, *, now: bool, named: bool) -> None:
    if not chosen.kept:
        st.warning("This was forgotten to save room. Build it again, then release it.", icon=":material/block:")
    elif not chosen.report.passed:
        st.warning(f"This cannot be released: {releases.why_not(chosen.report)}", icon=":material/block:")
        if not chosen.report.recall.passed:
            st.caption("What may help: another way to learn, see below; another number of interests; a longer log.")
    elif now:
        st.caption("This is what is served now.")
    elif not named:
        st.caption("Look at some people on the Preview page first. Then type your name and release.")


def was_before(decisions: list[Release], candidate: Candidate) -> bool:
    return any(decision.run_id in candidate.same for decision in decisions)


def served_before(decisions: list[Release], candidates: list[Candidate]) -> Candidate | None:
    """What was served lately, and is not now, where it can be served again."""
    able = [c for c in candidates if c.kept and c.report.passed and not is_served(c, decisions[0])] if decisions else []
    found = (c for decision in decisions[1:] for c in able if is_served(c, decision))
    return next(found, None)


def approve(work: Workspace, run_id: int, author: str, note: str, seen: int) -> None:
    decided = {"author": author, "note": note, "seen": seen, "present": work}
    if doing(lambda: releases.release_run(work.store, run_id, **decided), "Released."):
        st.session_state["release_note"] = ""


def withdraw(store: Store, author: str, note: str, seen: int) -> None:
    if doing(lambda: releases.withdraw(store, author=author, note=note, seen=seen), "Nothing is served now."):
        st.session_state["release_note"] = ""


def train_anew(work: Workspace) -> None:
    st.subheader("Learn another way")
    stem = work.store.path.stem
    policy = choose_policy(work.config.policy, f"other-{stem}")
    k = st.radio(
        "How many of a person's latest interests it starts from",
        (1, 2, 3),
        index=work.config.transition.k - 1,
        key=f"other_k-{stem}",
        horizontal=True,
        help="With 1 or 2 every answer is there ahead of time; with 3 answers are computed when they are asked for.",
    )
    ready, other = True, releases.other_policy(work.config, policy, k=k)
    if policy.kind == "openai":
        answers = ask_panel(with_choices(work, other))
        ready, other = answers is not None, replace(other, policy=replace(policy, answers=answers))
    st.button(
        "Learn and measure",
        icon=":material/model_training:",
        disabled=is_busy(work.store) or not ready,
        on_click=start_run,
        args=(other,),
        help="Keeps interests, descriptions and the recommender as they are. Recent moves, the order of what people "
        "liked and the dial are left out; they can be set again for what was learned.",
    )


def by_whom(decision: Release) -> str:
    who = f"by {wording.plain_markdown(decision.author)} " if decision.author else ""
    return f"{who}on {wording.time_text(decision.released_at)} UTC"


def decision_table(candidates: list[Candidate], decisions: list[Release]) -> pd.DataFrame:
    names = {run_id: candidate_name(candidate, run_id) for candidate in candidates for run_id in candidate.same}
    return pd.DataFrame(
        {
            "When (UTC)": [decision.released_at for decision in decisions],
            "Who": [decision.author for decision in decisions],
            "Released": [
                "nothing" if decision.run_id is None else names.get(decision.run_id, "of logs that were replaced")
                for decision in decisions
            ],
            "Why": [decision.note for decision in decisions],
        }
    )
