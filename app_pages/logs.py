"""What comes in: the catalogue, the log, what was left out and why; and the button that builds everything from it."""

from dataclasses import replace

import streamlit as st

from hierex import wording
from hierex.config import LARGEST_SEED, VECTORS_IN_FILE, EmbeddingConfig
from hierex.kept import stored_logs
from hierex.kept.presets import active_preset
from hierex.kept.runs import latest_choices, read_runs, shown_run
from hierex.text_models import is_published_name
from hierex.view.interests import compared_weights
from hierex.view.logs.files import expected_seconds, server_models
from hierex.view.logs.log_import import log_facts, log_import
from hierex.view.opened import (
    claimed,
    current_store,
    current_work,
    doing,
    going_on,
    is_busy,
    start_comparison,
    start_run,
)
from hierex.view.policy_choice import choose_policy, choose_recommender, chosen_elsewhere, say_missing_answers

st.title("Logs")
store = current_store()
report = stored_logs.log_report(store)


def show_build() -> None:
    """The one button: everything from the logs to grounded items."""
    st.subheader("Build")
    last = next(iter(read_runs(store)), None)
    chosen = latest_choices(store)
    active = active_preset(store)
    if active:
        chosen = replace(chosen, granularity=active.granularity)
    auto = st.toggle(
        "Let hierex choose the number of interests",
        value=chosen.granularity is None,
        key=f"auto_number-{store.path.stem}",
    )
    granularity = None
    if not auto:
        most = max(2, min(chosen.table.most_interests, report.items_kept // 2))
        granularity = st.number_input(
            "Number of interests",
            2,
            most,
            min(chosen.granularity or 50, most),
            key=f"number_to_build-{store.path.stem}",
            help="You can look at any other number on the Granularity page without building again.",
        )
    with st.expander("More choices"):
        policy = choose_policy(chosen.policy, store.path.stem)
        missing = say_missing_answers(store, policy)
        recommender = choose_recommender(chosen.recommender, store.path.stem)
        model = choose_model(chosen.embedding.model)
        weight = choose_weight(chosen.behaviour.weight)
        seed = st.number_input(
            "Random start",
            0,
            LARGEST_SEED,
            chosen.seed,
            key=f"seed-{store.path.stem}",
            help="The same number gives the same result (the seed).",
        )
        regrow = st.checkbox(
            "Find the interests anew",
            key=f"regrow-{store.path.stem}",
            help="When the logs change, interests stay what they were and new items are put where they fit best. "
            "With this, all interests are found anew; what people wrote and changed goes to those that are most alike.",
        )
    chosen_elsewhere(chosen)
    config = replace(
        chosen,
        granularity=granularity,
        seed=int(seed),
        regrow=regrow,
        policy=policy,
        recommender=recommender,
        embedding=replace(chosen.embedding, model=model or chosen.embedding.model),
        behaviour=replace(chosen.behaviour, weight=weight),
    )
    job = going_on(store)
    interrupted = last is not None and last.status in ("running", "stopped", "failed") and not job
    label = "Continue building" if interrupted else "Build again" if last else "Build"
    st.button(
        label,
        type="primary",
        icon=":material/construction:",
        disabled=job is not None or model is None or missing,
        on_click=start_run,
        args=(config,),
    )
    left = expected_seconds(store)
    if not job:
        st.caption(f"About {wording.duration(left)} when all is new. What is there already is used again.")
    else:
        what = {"build": "Building", "comparison": "Comparing"}.get(job.goal, "Something else goes on")
        st.caption(f"{what}. Progress is in the side bar; you can look around meanwhile.")


def choose_model(chosen: str) -> str | None:
    """The text model: the installed one, one in the server's folder, or the typed name of a published one."""
    own = [VECTORS_IN_FILE] * (report.vector_size is not None)
    if chosen == VECTORS_IN_FILE and not own:  # other logs than those of the last build
        chosen = EmbeddingConfig.model
    known = list(dict.fromkeys([EmbeddingConfig.model, *own, *server_models(), chosen]))
    short = {name: wording.model_label(name) for name in known}
    shown = {name: short[name] if list(short.values()).count(short[name]) == 1 else name for name in known}
    model = st.selectbox(
        "Text model",
        known,
        index=known.index(chosen),
        format_func=lambda name: shown.get(name, name),
        key=f"model-{store.path.stem}",
        accept_new_options=True,
        required=True,
        help="Which model reads the items' texts. The installed one knows English best. For other languages type the "
        "name of a published sentence-transformers model, such as paraphrase-multilingual-MiniLM-L12-v2: it is "
        "downloaded once, and your texts stay on this machine. Where the catalogue has a column of vectors, these are "
        "offered here too; the words that describe interests are then still read by the installed model.",
    )
    if model in known or is_published_name(model):
        return model
    st.error(f"'{wording.plain_markdown(model[:80])}' is no name of a published model. It looks like 'owner/model'.")
    return None


def choose_weight(chosen: float) -> float:
    """How much behaviour counts for the interests, and what that does."""
    percent = st.slider(
        "How much it counts who consumes what",
        0,
        95,
        round(100 * chosen),
        step=5,
        format="%d %%",
        key=f"behaviour-{store.path.stem}",
        help="At 0 % interests are formed by what the items' texts say alone. Above that, items that the same people "
        "consumed come together as well; what hardly anybody consumed yet is placed by its text. Only interactions "
        "before the time that is kept for measuring are used.",
    )
    show_weights()
    return percent / 100


def show_weights() -> None:
    """What several weights do to the interests that are shown, once somebody has asked for it."""
    run = shown_run(store)
    if run is None or "taxonomy" not in run.keys:
        st.caption("After the first build you can compare here what this changes.")
        return
    work = current_work()
    table = compared_weights(work)
    if table is not None:
        st.dataframe(wording.weights_table(table), hide_index=True)
        st.caption(
            f"{work.granularity:,} interests, formed anew with each weight, without what people changed about them. "
            "Predictions are by counting who moved where, on later time that they never saw, with the 95 % interval in "
            "brackets. More likeness of texts makes interests easier to name. A higher share of next interests makes "
            "better predictions, unless naming the most popular ones gains as much."
        )
        return
    st.button(
        "Compare what it changes",
        on_click=start_comparison,
        args=(work,),
        disabled=is_busy(store),
        icon=":material/compare_arrows:",
        help=f"Forms {work.granularity:,} interests four times, with 0, 25, 50 and 75 %. Nothing that you see changes.",
    )


def exchange_logs() -> None:
    def exchange() -> None:
        with claimed(store.path):
            stored_logs.exchange_logs(store)

    doing(exchange, "The other logs are back. The same button returns from them.")


if report:
    log_facts(report)
    previous = stored_logs.previous_report(store)
    if previous:
        st.button(
            f"Back to the logs before ({previous.items_kept:,} items, {previous.interactions_kept:,} interactions)",
            on_click=exchange_logs,
            icon=":material/undo:",
        )
    show_build()
log_import(store, first=report is None)
