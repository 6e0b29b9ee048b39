"""What people liked of what was shown to them: counted, taken in from files, and used to order answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from ... import wording
from ...files import exports
from ...files.outcomes import MOST_ROWS, before_columns, check_outcomes
from ...files.returned import read_table
from ...kept import feedback
from ...kept.feedback import Batch
from ...layering import is_laid_anew, placed_outcomes
from ...policies.aligned import AlignedPolicy
from ...policies.alignment import why_not_learned
from ...workspace import Workspace
from ..author import author_name
from ..opened import doing, is_busy, server, start_run

FORM_CONTEXTS, FORM_NEW = 200, 3
SOURCES = {
    feedback.THUMB: "thumbs on the Preview page",
    feedback.BLIND: "blind comparisons on the Preview page",
    feedback.FILE: "a file",
}
LARGEST_MIB = 50
CHANCE = 0.5
OTHERS = (
    "They speak of interests that are not there in these predictions, or of another number of a person's latest "
    "interests."
)


def elsewhere_text(n: float, elsewhere: float) -> str:
    """Beside `n` outcomes that count here; true of one and of many."""
    if n:
        return f"Outcomes that don't count here: {elsewhere:,.0f}. {OTHERS}"
    return f"Of {elsewhere:,.0f} in all, no outcome counts here. {OTHERS}"


def liked(work: Workspace) -> None:
    outcomes, elsewhere = placed_outcomes(work)
    batches = feedback.read_batches(work.store)
    n, good = outcomes.n.sum(), outcomes.positive.sum()
    st.markdown(
        "Predictions can be put in the order of what people liked. They are never learned from it: what is liked only "
        "decides among the answers that are likely anyway, so that predictions don't run after a few popular interests."
    )
    if n:
        st.metric(
            "Outcomes that count here", f"{n:,.0f}", f"{good / n:.0%} liked", delta_color="off", delta_arrow="off"
        )
    elif elsewhere:
        st.info(elsewhere_text(n, elsewhere))
    elif batches:
        st.info("All that was said of what people liked was taken back.")
    else:
        st.info(
            "Nobody has said yet what was liked. Use the thumbs or judge blind on the Preview page, or take in a file "
            "below."
        )
    if n and elsewhere:
        st.caption(elsewhere_text(n, elsewhere))
    order_by_it(work, why_not_learned(outcomes))
    st.divider()
    take_in(work)
    if batches:
        st.subheader("What was said so far")
        for batch in batches:
            show_batch(work, batch)


def order_by_it(work: Workspace, why_not: str) -> None:
    """why_not: why the outcomes are not enough to order by."""
    layers = work.config.layers
    policy = work.policy
    while not isinstance(policy, AlignedPolicy) and hasattr(policy, "base"):
        policy = policy.base
    if isinstance(policy, AlignedPolicy):
        say_order(policy)
        if is_laid_anew(work):
            st.warning(
                "What people said of it has changed since. These predictions keep the order as it was until they are "
                "ordered again, or no more."
            )
    busy = is_busy(work.store)
    best_of, apply, off = st.columns([2, 1, 1], vertical_alignment="bottom")
    chosen = best_of.slider(
        "How many of the best answers are put in order",
        2,
        30,
        layers.best_of or 5,
        key=f"best_of-{work.store.path.stem}",
        help="More gives what is liked more room, and what is likely less.",
    )
    apply.button(
        "Order and measure",
        key="order_by_liked",
        icon=":material/thumb_up:",
        disabled=busy or bool(why_not),
        on_click=start_run,
        args=(replace(work.config, layers=replace(layers, best_of=chosen)),),
        width="stretch",
    )
    off.button(
        "Stop ordering",
        key="order_no_more",
        disabled=busy or not layers.best_of,
        on_click=start_run,
        args=(replace(work.config, layers=replace(layers, best_of=0)),),
        width="stretch",
    )
    if why_not:
        st.caption(why_not)


def say_order(policy: AlignedPolicy) -> None:
    auc = policy.alignment.auc
    told = "cannot be said" if np.isnan(auc) else f"{auc:.0%}"
    text = (
        f"The {policy.best_of} best answers of these predictions are in the order of what people liked. Of a liked and "
        f"a disliked answer, from starting points that it had not seen, it put the liked one first: {told} (50 % is "
        "chance)."
    )
    if np.isnan(auc):
        st.info(text)
    elif round(auc, 2) > CHANCE:
        st.success(text)
    else:
        st.warning(f"{text} What was said does not tell what else people would like; “Stop ordering” takes it out.")


def take_in(work: Workspace) -> None:
    st.subheader("Take in outcomes")
    st.caption(
        "How many people a new interest was shown to, and how many of them liked it. The form lists what is predicted "
        "for the most frequent starting points; fill in “shown” and “liked”, and leave out what was not shown."
    )
    st.download_button(
        "Download the form (CSV)",
        lambda: exports.safe_csv(outcome_form(work)),
        "outcomes.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    version = st.session_state.setdefault("outcomes_version", 0)
    file = st.file_uploader(
        "A filled-in form", type=["csv", "txt", "tsv"], key=f"outcomes-{version}", max_upload_size=LARGEST_MIB
    )
    st.button(
        "Take it in", key="take_outcomes", disabled=file is None, on_click=save_file, args=(work, file),
        icon=":material/upload:",
    )  # fmt: skip


def save_file(work: Workspace, file) -> None:
    """For callbacks."""

    def save() -> None:
        k = work.config.transition.k
        outcomes = check_outcomes(read_form(file.getvalue()), known_interests(work), k=k)
        feedback.save_outcomes(work.store, work.tree_key, outcomes, author=author_name())
        st.session_state["outcomes_version"] += 1

    doing(save, "Taken in. It can be taken back below.")


def read_form(data: bytes) -> pd.DataFrame:
    """All as text, by the number of the row. Raises HierexError for what is no table in CSV."""
    header, rows = read_table(data, most_rows=MOST_ROWS)
    frame = pd.DataFrame([cells for _, cells in rows], [number for number, _ in rows], header, dtype=object)
    return frame.map(exports.as_typed)


def known_interests(work: Workspace) -> dict[str, int]:
    """Ids by name, where no other interest has it, and by the id as text."""
    ids = work.taxonomy.cluster_ids.tolist()
    names = pd.Series([description.name for description in work.cluster_descriptions()])
    single = ~names.duplicated(keep=False)
    by_name = {name: ids[place] for place, name in names[single].items()}
    return by_name | {str(cluster_id): cluster_id for cluster_id in ids}


def outcome_form(work: Workspace) -> pd.DataFrame:
    """The columns that a file needs, and names to read it by: the best answers for the most frequent contexts.

    Nothing of hidden interests, and no contexts of fewer people than the server shows."""
    moves, taxonomy = work.moves, work.taxonomy
    ids, k = taxonomy.cluster_ids, work.config.transition.k
    contexts, people = np.unique(moves.contexts, axis=0, return_counts=True)
    enough = (people >= server().fewest_people) & ~taxonomy.hidden[contexts].any(axis=1)
    contexts = contexts[enough][np.argsort(-people[enough], kind="stable")[:FORM_CONTEXTS]]
    answers = np.where(taxonomy.hidden, -np.inf, work.policy.score(contexts))
    best = np.argsort(-answers, axis=1, kind="stable")[:, :FORM_NEW]
    row, place = np.nonzero(np.isfinite(np.take_along_axis(answers, best, axis=1)))
    before, new = contexts[row], best[row, place]
    names = np.array([description.name for description in work.cluster_descriptions()], dtype=object)
    return pd.DataFrame(
        {
            **dict(zip(before_columns(k), ids[before].T, strict=True)),
            "new": ids[new],
            "shown": "",
            "liked": "",
            "before (to read)": [" → ".join(dict.fromkeys(names[row])) for row in before],
            "new (to read)": names[new],
        }
    )


def show_batch(work: Workspace, batch: Batch) -> None:
    line, button = st.columns([5, 1], vertical_alignment="center")
    who = f" by {wording.plain_markdown(batch.author)}" if batch.author else ""
    when = f"{wording.time_text(batch.given_at)} UTC"
    outcomes = f"{batch.n:,.0f} outcome{'s' * (batch.n != 1)}"
    text = f"{outcomes}, {batch.liked:,.0f} liked, from {SOURCES[batch.source]}{who}, {when}"
    line.markdown(f"~~{text}~~ (taken back)" if batch.undone else text)
    if batch.source == feedback.FILE:
        button.button(
            "Bring back" if batch.undone else "Take back",
            key=f"batch-{batch.batch}",
            on_click=doing,
            args=(lambda: feedback.set_batch_undone(work.store, batch.batch, not batch.undone),),
        )
