"""A language model that says which interest comes next: fine-tuned or not, asked ahead of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import streamlit as st

from ...asking.collected import collect_answers, ways_answered
from ...asking.plans import AnswerPlan, cost_of, enough_for, plan_answers
from ...asking.tuning import EPOCHS, TuningPlan, plan_tuning, tuned_models
from ...config import AskedAs
from ...errors import HierexError, NotReady
from ...jobs import BUSY
from ...jobs.asking import start_answers, start_tuning
from ...kept import context_answers, tunings
from ...kept.context_answers import LeftOut
from ...llm.endpoint import Endpoint
from ...llm.prices import Cap
from ...policies.match_rate import MatchReport, matched_text
from ...releases.gates import FEWEST_MATCHES
from ...wording import plain_markdown
from ...wording.models import estimate_text, near_text, tuning_text, untaught_text, way_text
from ...workspace import Workspace
from ..interests import COUNT
from ..opened import doing, is_busy, jobs, plain_errors, server
from .at_endpoint import begin, live, show_tunings

WHICH = {"people": "Those that people have had, the most frequent first", "all": "All that there can be"}
FORMS = {"text": "In free text, as it was fine-tuned", "schema": "By choosing from a list of all interests"}
MOST = 5_000
SET_PRICE = "Its price is not known. Set it on the Descriptions page, under “Prices”, to have a bound in dollars."


def ask_panel(work: Workspace) -> AskedAs | None:
    """What there is to do before a build can be made of a model's answers; returns whose it is to be made of, None
    where there are no answers."""
    with plain_errors():
        offer_to_ask(work)
    asked = choose_answers(work)
    there = show_answers(work, asked)
    if asked:
        offer_to_leave_out(work, asked, there)
    return asked if there else None


def choose_answers(work: Workspace) -> AskedAs | None:
    ways = ways_answered(work)
    if len(ways) < 2:
        return next(iter(ways), None)
    return st.selectbox(
        "Whose answers",
        ways,
        format_func=way_text,
        key=f"answers_of-{work.store.path.stem}-{ways[0]}",  # who has just answered is what is looked at first
        help="Who answered last comes first.",
    )


def offer_to_ask(work: Workspace) -> None:
    endpoint = Endpoint.from_environment()
    if endpoint is None:
        st.info(
            "No language model is set up on this server. Whoever runs the server can name one; the README says "
            "how. Nothing is sent until then."
        )
        return
    where = "on this machine" if endpoint.is_local else f"at {endpoint.place}"
    st.caption(
        f"{plain_markdown(endpoint.model)} {plain_markdown(where)}. What is sent: the words of the interests, "
        "which of them follow which, and which of them some person had together. Never who."
    )
    busy = is_busy(work.store)
    with st.expander("1. Fine-tune the model on how people move", key="tuning_open", on_change="rerun") as tuning:
        if tuning.open:
            with plain_errors():
                offer_tuning(work, endpoint, busy)
            live(show_tunings, busy)(work)
    with (
        st.expander("2. Have it answer ahead of time", key="answers_open", on_change="rerun") as answers,
        plain_errors(),
    ):
        if answers.open:
            offer_answers(work, endpoint, busy)


def offer_tuning(work: Workspace, endpoint: Endpoint, busy: bool) -> None:
    epochs = st.number_input("How often it goes through the examples", 1, 50, EPOCHS, key="tuning_epochs")
    fewest = 1 if endpoint.is_local else server().fewest_people
    plan = plan_tuning(work, endpoint, epochs=int(epochs), fewest=fewest)
    st.markdown(plain_markdown(tuning_text(plan, endpoint, tunings.open_tunings(work.store, endpoint.url))))
    if plan.to_pay:
        cap = ask_cap(plan)
        st.button(
            "Fine-tune",
            key="tuning_start",
            icon=":material/school:",
            disabled=busy,
            on_click=begin,
            args=(lambda: start_tuning(jobs(), work, plan, endpoint, cap),),
        )


def ask_cap(plan: TuningPlan) -> Cap:
    """The bound on what it may cost."""
    if plan.dollars is None:
        tokens = st.number_input(
            "At most so many tokens", 1, None, round(1.1 * plan.tokens), key="tuning_cap_tokens", help=SET_PRICE
        )
        return Cap(tokens=int(tokens))
    if not plan.dollars:
        return Cap()
    most = round(1.1 * plan.dollars + 0.01, 2)
    return Cap(st.number_input("At most ($)", 0.01, None, most, key=f"tuning_cap-{most}"))


def offer_answers(work: Workspace, endpoint: Endpoint, busy: bool) -> None:
    tuned = tuned_models(work, endpoint.url)
    taught = [model for model, untaught in tuned.items() if not untaught]
    models = list(dict.fromkeys([*taught, endpoint.model, *tuned]))  # what knows the interests of now comes first
    model = st.selectbox("Model", models, key="answers_model")
    if untaught := tuned.get(model):
        st.warning(plain_markdown(untaught_text(untaught, work.taxonomy.n_clusters)))
    form = st.radio(
        "How it answers", FORMS, index=int(model not in tuned), format_func=FORMS.get, key=f"answers_form-{model}"
    )
    which, most_box = st.columns(2)
    wanted = which.selectbox("About which starting points", WHICH, format_func=WHICH.get, key="answers_which")
    most = most_box.number_input("At most so many", 1, 1_000_000, MOST, key="answers_most")
    batch = not endpoint.is_local and st.toggle(
        "As a batch: within a day, at about half the price", key="answers_batch"
    )
    endpoint = replace(endpoint, model=model)
    plan = plan_answers(work, endpoint, form=form, which=wanted, most=int(most))
    if plan.under_way:
        st.info(
            f"{plan.under_way:,} questions to this model in this form were handed over as a batch and are not "
            "collected yet, see above. More can be asked once they were collected or stopped."
        )
        return
    estimate, _ = cost_of(plan, batch=batch)
    st.markdown(plain_markdown(estimate_text(estimate, endpoint, did="answered all of these questions")))
    st.caption(
        f"With them and what was answered before, {plan.share:.0%} of what people start from has an answer. "
        + plain_markdown(plan.note)
    )
    if estimate.calls:
        offer_start(work, plan, endpoint, batch, busy)


def offer_start(work: Workspace, plan: AnswerPlan, endpoint: Endpoint, batch: bool, busy: bool) -> None:
    usual = enough_for(plan, batch=batch)
    if plan.price is None:
        cap = Cap(
            tokens=int(
                st.number_input("At most so many tokens", 1, None, usual.tokens, key=f"answers-{usual}", help=SET_PRICE)
            )
        )
    elif endpoint.is_local and not plan.estimate.dollars:
        cap = Cap()
    else:
        cap = Cap(st.number_input("At most ($)", 0.01, None, usual.dollars, key=f"answers-{usual}"))
    st.button(
        f"Ask {plan.estimate.calls:,}",
        key="answers_start",
        icon=":material/forum:",
        disabled=busy,
        on_click=begin,
        args=(lambda: start_answers(jobs(), work, plan, endpoint, cap, batch=batch),),
    )


def show_answers(work: Workspace, asked: AskedAs | None) -> bool:
    """How many of the answers that came are known interests, and what the others say; whether there are any."""
    try:
        answered = collect_answers(work, asked)
    except NotReady:
        st.caption("Nothing that counts was answered about these interests. A build of answers needs some.")
        return False
    except HierexError as error:
        st.warning(plain_markdown(str(error)))
        return False
    matches = answered.measure()
    st.markdown(f"**{matched_text(matches)}** are known interests, word for word; it takes {FEWEST_MATCHES:.0%}.")
    near = answered.count_near()
    if near:
        st.caption(near_text(near))
    if matches.misses:
        with st.expander("What the others say"):
            misses = pd.DataFrame(name_misses(matches, answered.refused), columns=["Answer", "Times"])
            st.dataframe(misses, hide_index=True, column_config={"Times": COUNT})
    return True


def offer_to_leave_out(work: Workspace, asked: AskedAs, there: bool) -> None:
    """What a model answered when something was wrong need not count for ever. there: whether some answers do."""
    away, back = st.columns(2)
    busy = is_busy(work.store)
    away.button(
        "Leave these answers out",
        key="answers_away",
        icon=":material/delete:",
        disabled=busy or not there,
        on_click=change_answers,
        args=(work, lambda: context_answers.leave_out(work.store, asked), "Left out. All can be asked anew."),
        help="As where the endpoint was not set up well. All questions can then be asked anew; what was answered is "
        "kept, and can be brought back.",
        width="stretch",
    )
    left_out = context_answers.read_left_out(work.store, asked)
    if not left_out:
        return
    with back:
        chosen = choose_left_out(left_out)
        st.button(
            f"Bring back the {chosen.n:,} that were left out",
            key="answers_back",
            icon=":material/undo:",
            disabled=busy,
            on_click=change_answers,
            args=(
                work,
                lambda: context_answers.bring_back(work.store, asked, chosen.number),
                "They count again, and no others.",
            ),
            help="Instead of those that count now, which are left out then.",
            width="stretch",
        )


def choose_left_out(left_out: list[LeftOut]) -> LeftOut:
    if len(left_out) == 1:
        return left_out[0]
    return st.selectbox(
        "Left out",
        left_out,
        format_func=lambda one: f"{one.n:,} answers, the latest of {one.latest:%Y-%m-%d %H:%M} UTC",
        key=f"left_out-{left_out[0].number}",
        label_visibility="collapsed",
    )


def change_answers(work: Workspace, change: Callable[[], None], done: str) -> None:
    """For callbacks: does it, unless answers are being asked for, of which only some would then be left out."""

    def change_at_rest() -> None:
        if is_busy(work.store):
            raise HierexError(BUSY)
        change()

    doing(change_at_rest, done)


def name_misses(matches: MatchReport, refused: int) -> list[tuple[str, int]]:
    """What is shown of them: of those that say nothing, some were refused."""
    blank = sum(times for said, times in matches.misses if not said.strip())
    silent = [("(refused)", refused), ("(empty)", blank - refused)] if blank else []
    named = [*((said, times) for said, times in matches.misses if said.strip()), *silent]
    return sorted((miss for miss in named if miss[1] > 0), key=lambda miss: -miss[1])
