"""Having a language model describe interests: what is set up, what it would cost, the run, and another try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ...asking.describing import Plan, failed_nodes, plan_descriptions, with_coarser
from ...jobs import asking
from ...kept import model_settings
from ...kept.description_steps import begin_step
from ...llm.endpoint import Endpoint
from ...llm.prices import Cap, usual_cap
from ...taxonomy import MERGED_FROM
from ...wording import plain_markdown
from ...wording.models import connection_text, estimate_text
from ...workspace import Workspace
from ..author import author_name
from ..opened import doing, is_busy, jobs, plain_errors
from .described import Described, rememberer
from .model_prices import price_table
from .table import select

if TYPE_CHECKING:
    from ...llm.door import LanguageModel

AGAIN = {
    "no": "Those it has not described yet, and stale ones",
    "failed": "Also those it failed at",
    "all": "All of them again",
}
NAMED = 5
CAP = "A question is asked only where the most that it could take still fits."
ONE_TRY = 40_000
"""Tokens that another try of one interest may take at most."""


def model_panel(shown: Described, selected: Sequence[int]) -> None:
    """What language model there is; with one, what describing the selected interests, or all, would take."""
    panel = st.expander("Have a language model describe the interests", key="model_panel", on_change="rerun")
    if not panel.open:
        return
    with panel, plain_errors():
        endpoint = Endpoint.from_environment()
        if endpoint is None:
            st.info(
                "No language model is set up on this server, so interests are described from keywords. "
                "Whoever runs the server can name one; the README says how. Nothing is sent until then."
            )
            return
        work = shown.work
        show_endpoint(endpoint)
        price_table(work, endpoint.model)
        which, language, coarser = st.columns([2, 1, 1], vertical_alignment="bottom")
        again = which.selectbox("Which interests?", AGAIN, format_func=AGAIN.get, key="model_again")
        with language:
            language_box(work)
        nodes = nodes_to_describe(shown, selected)
        if coarser.toggle(
            "Coarser ones too", key="model_coarser", help="Also what these interests are parts of, up to the coarsest."
        ):
            nodes = with_coarser(work.grown_tree.parent, nodes)
        plan = plan_descriptions(work, nodes, endpoint, again=again)
        st.markdown(plain_markdown(estimate_text(plan.estimate, endpoint)))
        show_failed(shown, plan)
        if plan.estimate.calls:
            offer_start(shown, plan, endpoint)


def show_failed(shown: Described, plan: Plan) -> None:
    """Which of the interests got answers that cannot be used, and a way to them."""
    failed = set(failed_nodes(plan))
    interests = [n for n in shown.nodes if failed.intersection(shown.taxonomy.nodes_of(shown.taxonomy.index_of(n)))]
    if not interests:
        return
    names = ", ".join(f"“{plain_markdown(shown.descriptions[node].name)}”" for node in interests[:NAMED])
    more = f" and {len(interests) - NAMED:,} more" if len(interests) > NAMED else ""
    st.warning(f"It gave no description that can be used of {names}{more}. “Where this comes from” below says why.")
    st.button("Select these", key="select_failed", on_click=select, args=(shown, interests))


def nodes_to_describe(shown: Described, selected: Sequence[int]) -> list[int]:
    """The parts of those selected, else of all that no person wrote or approved; says which it is."""
    wanted = list(selected)
    if selected:
        st.caption(f"The {len(selected):,} selected in the table; without a selection it would be all.")
    else:
        wanted = [n for n in shown.nodes if n not in shown.placed and not shown.standings[n].settled]
        left_out = len(shown.nodes) - len(wanted)
        if left_out:
            st.caption(f"{left_out:,} that people wrote or approved are left out; select them to ask about them too.")
    return [int(part) for one in wanted for part in shown.taxonomy.nodes_of(shown.taxonomy.index_of(one))]


def language_box(work: Workspace) -> None:
    """The language of the descriptions, kept in the workspace."""
    known = model_settings.read_language(work.store)
    key = f"model_language-{work.store.path.stem}-{known}"

    def keep() -> None:
        language = st.session_state[key]
        doing(lambda: model_settings.save_language(work.store, language, author=author_name()), "The language is kept.")

    st.text_input("Language", known, key=key, max_chars=40, on_change=keep, help="Of what the language model writes.")


def show_endpoint(endpoint: Endpoint) -> None:
    """Where it is and what goes there, with a test."""
    key = "with a key" if endpoint.key else "without a key"
    where = "on this machine" if endpoint.is_local else f"at {endpoint.place}"
    leaves = (
        "Nothing leaves this machine, unless the server on it passes something on."
        if endpoint.is_local
        else "What leaves this machine: titles and the starts of texts of up to 30 items of each interest, and the "
        "words of interests near it. Nothing about people."
    )
    st.markdown(f"**{plain_markdown(endpoint.model)}** {plain_markdown(where)}, {key}. {leaves}")
    if st.button("Test the connection", key="model_test", icon=":material/lan:", help="Asks one small question."):
        with st.spinner("Asking …"), plain_errors():
            model = model_at(endpoint)
            try:
                found = model.test_connection()
            finally:
                model.close()
            st.success(plain_markdown(connection_text(found)), icon=":material/check:")


def offer_start(shown: Described, plan: Plan, endpoint: Endpoint) -> None:
    """The bound that has to be given, and the button."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = usual_cap(plan.estimate, plan.price)
        key = f"model_cap-{usual}"  # another plan has another bound
        if plan.price is None:
            most = st.number_input("Stop before it takes more tokens than", 1, None, usual.tokens, key=key, help=CAP)
            cap = Cap(tokens=int(most))
        elif endpoint.is_local and not plan.estimate.dollars:
            cap = Cap()
        else:
            cap = Cap(
                st.number_input("Stop before it costs more than ($)", 0.01, None, usual.dollars, key=key, help=CAP)
            )
        st.button(
            f"Describe {plan.estimate.calls:,}",
            key="model_start",
            type="primary",
            icon=":material/robot_2:",
            disabled=is_busy(shown.work.store),
            on_click=start_descriptions,
            args=(shown, plan, endpoint, cap),
        )
    st.caption(
        "Every answer is kept as it comes; it can be stopped and continued. What people wrote stays, and “Undo” brings "
        "the earlier words back."
    )


def another_try(shown: Described, node: int) -> None:
    """Asks once more about one interest, with a hint; the answer is one more version to choose from."""
    work = shown.work
    endpoint = Endpoint.from_environment()
    if endpoint is None or node >= MERGED_FROM:
        return
    wish = "What should be different?"
    hint = st.text_input("Ask the language model again", key=f"hint-{node}", placeholder=wish, max_chars=200)
    st.button(
        "Try again",
        key=f"try-{node}",
        icon=":material/refresh:",
        disabled=is_busy(work.store) or not hint.strip(),
        on_click=lambda: start_try(shown, node, endpoint, hint.strip()),
    )


def start_try(shown: Described, node: int, endpoint: Endpoint, hint: str) -> None:
    """For callbacks: asks about this node again."""

    def start() -> None:
        plan = plan_descriptions(shown.work, [node], endpoint, again="all", hints={node: hint})
        begin(shown, plan, endpoint, Cap(tokens=ONE_TRY))

    doing(start, "Asking again; the side bar shows when it has answered.")


def start_descriptions(shown: Described, plan: Plan, endpoint: Endpoint, cap: Cap) -> None:
    """For callbacks: runs the plan in the background."""
    doing(lambda: begin(shown, plan, endpoint, cap), "Asking in the background; you can go on looking around.")


def begin(shown: Described, plan: Plan, endpoint: Endpoint, cap: Cap) -> None:
    """Runs the plan in the background, as a step of this person."""
    remember, step = rememberer(shown), begin_step(shown.work.store)
    asking.start_descriptions(jobs(), shown.work, plan, endpoint, cap, step)
    remember(step)


def model_at(endpoint: Endpoint) -> LanguageModel:
    """Loads the client only where a model is asked."""
    from ...llm.door import LanguageModel

    return LanguageModel(endpoint)
