"""What a language model learns from: for every novel interest its most frequent contexts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from ...config import CONTEXTS_PER_NOVEL
from ...files import exports
from ...serving import distinct
from ...workspace import Workspace
from ..interests import COUNT
from ..opened import server


def learned_examples(work: Workspace, fewest: int) -> None:
    names = [description.name for description in work.cluster_descriptions()]
    every = exports.balanced_transitions(work)
    shown = exports.balanced_transitions(work, fewest=fewest)
    st.markdown(
        f"To learn as much about rare interests as about busy ones, every interest is taught by the "
        f"**{CONTEXTS_PER_NOVEL} most frequent** ways to it: {len(every):,} in all, to "
        f"{len(np.unique(every.novel)):,} of {len(names):,} interests."
    )
    sent = len(exports.balanced_transitions(work, fewest=server().fewest_people))
    st.markdown(
        f"Only a language model learns from these: one that is fine-tuned elsewhere, from those that "
        f"{server().fewest_people:,} people or more have gone ({sent:,} of them), one on this machine from the same "
        "choice among the earlier moves, since the later ones show when it has learned enough. All other ways to "
        "predict, the usual one too, learn from all moves as they happened."
    )
    if not len(shown):
        st.info(f"None of these was gone by {fewest:,} people or more, so none can be shown.")
        return
    if len(shown) < len(every):
        st.caption(f"Shown are the {len(shown):,} that {fewest:,} people or more have gone.")
    table = pd.DataFrame(
        {
            "Interests before": [" → ".join(names[c] for c in distinct(context)) for context in shown.contexts],
            "New interest": [names[cluster] for cluster in shown.novel],
            "People": shown.n_users,
        }
    )
    said = st.text_input("Find", key="learned_search", placeholder="A word in a name").strip().casefold()
    kept = [
        said in f"{a}\n{b}".casefold() for a, b in zip(table["Interests before"], table["New interest"], strict=True)
    ]
    st.dataframe(table[kept], hide_index=True, height=380, column_config={"People": COUNT})
    if not any(kept):
        st.info("No interest has this word in its name.")
    offer_downloads(work, table, fewest)
    with st.expander("What one example looks like"):
        st.caption("Word for word, in the sentences of the paper, which has another word for interests.")
        first = next(exports.chat_examples(work, shown))
        for message, label in zip(first["messages"], ("The model is asked", "It learns to answer"), strict=True):
            st.markdown(f"**{label}**")
            st.code(message["content"], language=None, wrap_lines=True)
    st.caption("Interests that were hidden are never the new interest.")


def offer_downloads(work: Workspace, table: pd.DataFrame, fewest: int) -> None:
    as_table, as_chat = st.columns(2)
    as_table.download_button(
        "Download as a table (CSV)",
        exports.safe_csv(table),
        "examples.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    as_chat.download_button(
        "Download for fine-tuning (JSONL)",
        lambda: exports.fine_tuning_lines(work, fewest=fewest).encode(),
        "fine_tuning.jsonl",
        "application/jsonl",
        icon=":material/download:",
        on_click="ignore",
    )
