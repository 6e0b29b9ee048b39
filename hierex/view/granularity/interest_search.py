"""Finding interests on the Granularity page: by words at once, by meaning as soon as the text model has read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pandas as pd
import streamlit as st

from ...descriptions import Description
from ...descriptions.search import (
    IN_NAME,
    IN_PHRASES,
    LIKE,
    Found,
    find_by_meaning,
    find_by_words,
    searchable,
    sum_leaves,
)
from ...embeddings import embed_texts
from ...errors import HierexError
from ...interest_tree import InterestTree
from ...result_keys import digest
from ...wording import plain_markdown
from ...workspace import Curated, Workspace
from ..choice import choose

POLL_SECONDS = 0.5
MOST_ALIKE = 8
LONGEST_QUERY = 200


def find_interests(work: Workspace, curated: Curated, descriptions: Mapping[int, Description]) -> None:
    """A box for words, and the interests that they find; picking some of those chooses them."""
    tree, taxonomy = curated.tree, curated.taxonomy
    query = st.text_input(
        "Find interests", key="find", icon=":material/search:", placeholder="sourdough", max_chars=LONGEST_QUERY
    ).strip()
    if not query:
        return
    titles, traffic = work.items["title"].to_numpy(), work.items["traffic"].to_numpy()
    with st.container(border=True):
        plain = _searchable_titles(work.key("interest_tree"), _work=work)
        by_words = find_by_words(query, taxonomy, descriptions, titles, plain, traffic)
        _show_found("By words", query, by_words, descriptions)
        if work.config.embedding.from_file:
            return st.caption("**By meaning:** not possible: the items brought vectors that no text model reads.")
        reading = _read_query(query, work.key("interest_tree"), _work=work)
        if not reading.done():
            return st.fragment(run_every=POLL_SECONDS)(_wait)(reading)
        failed = reading.exception()
        if failed:
            _read_query.clear(query, work.key("interest_tree"))  # asked again, it may work
        if isinstance(failed, HierexError):
            return st.error(plain_markdown(str(failed)))
        sums = _leaf_sums(work.key("interest_tree"), digest(tree.order), _work=work, _tree=tree)
        by_meaning = find_by_meaning(reading.result(), tree, taxonomy, sums, work.vectors, titles, most=MOST_ALIKE)
        _show_found("By meaning", query, by_meaning, descriptions)


def _show_found(how: str, query: str, found: Sequence[Found], descriptions: Mapping[int, Description]) -> None:
    said = plain_markdown(query)
    if not found:
        return st.caption(f"**{how}:** no name, phrase or title holds “{said}”.")
    alike = found[0].place == LIKE
    st.caption(f"**{how}:** " + (f"most like “{said}” to the text model" if alike else f"“{said}” is in these"))
    ids = [one.cluster_id for one in found]
    key = f"found-{how}-{query}-{hash(tuple(ids))}"
    table = {"Interest": [descriptions[one.cluster_id].name for one in found], "Why": [_why(one) for one in found]}
    if alike:
        table["Likeness"] = [one.likeness for one in found]
    st.dataframe(
        pd.DataFrame(table),
        hide_index=True,
        height="content" if len(found) < 5 else 180,
        key=key,
        on_select=lambda: choose([ids[row] for row in st.session_state[key]["selection"]["rows"]]),
        selection_mode="multi-row",
        column_config={
            "Interest": st.column_config.TextColumn(width=165),
            "Likeness": st.column_config.NumberColumn(
                format="%.2f", width=60, help="From 0 (not at all) to 1 (the same)."
            ),
        },
    )


def _why(found: Found) -> str:
    if found.place == IN_NAME:
        return "its name"
    if found.place == IN_PHRASES:
        return f"phrase: {found.text}"
    if found.place == LIKE:
        return f"closest item: {found.text}"
    return f"item: {found.text}" + (f" (and {found.n_items - 1:,} more)" if found.n_items > 1 else "")


def _wait(reading: Future) -> None:
    """Drawn again and again until the words have been read, while the page goes on answering."""
    if reading.done():
        st.rerun()
    st.caption("**By meaning:** the text model is reading your words …")


@st.cache_resource(max_entries=4, show_spinner=False)
def _searchable_titles(tree_key: str, *, _work: Workspace) -> list[str]:
    return searchable(_work.items["title"])


@st.cache_resource(max_entries=4, show_spinner=False)
def _leaf_sums(tree_key: str, order: str, *, _work: Workspace, _tree: InterestTree) -> np.ndarray:
    return sum_leaves(_tree, _work.vectors, _work.items["traffic"].to_numpy())


@st.cache_resource(max_entries=200, show_spinner=False)
def _read_query(query: str, tree_key: str, *, _work: Workspace) -> Future[np.ndarray]:
    """The vector of the query, by the model that read the items."""

    def read() -> np.ndarray:
        _ = _work.vectors  # read from the file here, so that the page need not wait for them either
        return embed_texts([query], config=_work.config.embedding)[0]

    return _reader().submit(read)


@st.cache_resource
def _reader() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "query")
