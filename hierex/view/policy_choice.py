"""How the next interest is predicted and its items are found: one choice each for the pages that offer it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ..asking.collected import HAVE_IT_ANSWER, with_answers
from ..config import POLICIES, RECOMMENDERS, PolicyConfig, RecommenderConfig, RunConfig, TransitionConfig
from ..kept.runs import choices_of
from ..policies.model_folder import list_base_models
from ..store import Store
from ..wording import plain_markdown
from ..wording.names import LAYER_NAMES, METHOD_CAPTIONS, RECOMMENDER_CAPTIONS, method_name
from .opened import server


def choose_policy(chosen: PolicyConfig, name: str) -> PolicyConfig:
    """name: of this choice among the session's."""
    kinds = [kind for kind in POLICIES if kind != "causal" or language_models()]
    kind = st.radio(
        "How the next interest is predicted",
        kinds,
        index=kinds.index(chosen.kind) if chosen.kind in kinds else 0,
        format_func=method_name,
        key=f"policy-{name}",
        captions=[METHOD_CAPTIONS[kind] for kind in kinds],
    )
    if kind != "openai":
        chosen = replace(chosen, answers=None)
    if kind == "encoder":
        tune_text = st.checkbox(
            "Let the text model learn from the moves too (takes minutes)",
            value=chosen.tune_text,
            key=f"tune_text-{name}",
            help="It then reads the words of interests as alike where people move from one to the other. What it "
            "learned is tried on later moves before it is used, and may not help. Items are read as before.",
        )
        return replace(chosen, kind=kind, tune_text=tune_text)
    if kind != "causal":
        return replace(chosen, kind=kind)
    known = language_models()
    base = st.selectbox(
        "Language model",
        known,
        index=known.index(chosen.causal.base) if chosen.causal.base in known else 0,
        key=f"language_model-{name}",
        help="It is taught how people's interests move. With a large model this takes hours without a graphics card.",
    )
    return replace(chosen, kind=kind, causal=replace(chosen.causal, base=base))


def language_models() -> list[str]:
    """Names of the causal language models in the folder that the server's owner named."""
    return list_base_models(server().models)


def say_missing_answers(store: Store, policy: PolicyConfig) -> bool:
    """Whether the policy is to be made of answers and there are none in this workspace; says so, and what helps.

    Whether answers that are there are about the interests that come, nobody knows before these are built.
    """
    if policy.kind != "openai" or with_answers(store, policy).answers:
        return False
    st.warning(
        "No language model has answered in this workspace yet, so nothing can be built of answers. Where one is set up "
        f"on this server: build another way first, then {HAVE_IT_ANSWER}."
    )
    return True


def chosen_elsewhere(config: RunConfig) -> None:
    """Says what was chosen under “What comes next” and is kept."""
    layers, k = config.layers, config.transition.k
    laid_over = {"refreshed": layers.refreshed, "aligned": layers.best_of, "novelty": layers.novelty}
    start = "starting from the latest interest" if k == 1 else f"starting from the latest {k} interests"
    said = [start] * (k != TransitionConfig.k)
    said += [LAYER_NAMES[layer] for layer, is_chosen in laid_over.items() if is_chosen]
    if said:
        st.caption(f"Kept from the last build: predictions {', '.join(said)}. Change it under “What comes next”.")
    answers = config.policy.answers
    if answers:
        st.caption(
            f"Kept from the last build: the answers of {plain_markdown(answers.model)}. Those of others are "
            "chosen under “What comes next”."
        )
    if choices_of(config)["other"]:
        st.caption("Kept from the last build, too: settings that a script chose and no page shows.")


def choose_recommender(chosen: RecommenderConfig, name: str) -> RecommenderConfig:
    """name: of this choice among the session's."""
    kind = st.radio(
        "How items are found",
        RECOMMENDERS,
        index=RECOMMENDERS.index(chosen.kind),
        format_func=method_name,
        key=f"recommender-{name}",
        captions=[RECOMMENDER_CAPTIONS[kind] for kind in RECOMMENDERS],
    )
    return replace(chosen, kind=kind)
