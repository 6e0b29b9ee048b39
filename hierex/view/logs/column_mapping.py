"""Which column of two uploaded files is what: as recognised, to be corrected by whoever brings them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ...logs import InteractionColumns, ItemColumns, LogFile, middle_rating
from ...wording import plain_markdown
from .files import guess, preview

NOT_THERE = "(none)"
PREVIEW_ROWS = 6


def map_columns(items: LogFile, interactions: LogFile) -> tuple[ItemColumns, InteractionColumns] | None:
    """Which column is what, as recognised, to be corrected; None while something needed is not chosen."""
    item_rows, interaction_rows = preview(items), preview(interactions)
    item_guess, interaction_guess = guess(items, interactions)
    file_key = f"{items.path.name}-{interactions.path.name}"
    left, right = st.columns(2)
    with left:
        item_id, title, text, vector = map_catalogue(item_rows, item_guess, file_key)
    with right:
        names = list(interaction_rows.columns)
        st.markdown("**Log**")
        user_id = choose_column("Person id", names, interaction_guess.user_id, f"user-{file_key}")
        item = choose_column("Item id", names, interaction_guess.item_id, f"item-{file_key}")
        timestamp = choose_column("Time", names, interaction_guess.timestamp, f"time-{file_key}", optional=True)
        order = choose_column("Order", names, interaction_guess.order, f"order-{file_key}", optional=True)
        rating, liked_from = choose_rating(interaction_rows, interaction_guess, file_key)
        st.dataframe(interaction_rows.head(PREVIEW_ROWS), hide_index=True)
    if say_empty({items: item_rows, interactions: interaction_rows}):
        return None
    missing = [
        what
        for what, chosen in (
            ("the catalogue's item id", item_id),
            ("a title or other words", title or text),
            ("the log's person id", user_id),
            ("the log's item id", item),
        )
        if not chosen
    ]
    if not (user_id and item) and look_exchanged(items, interactions):
        st.warning(
            "These files look exchanged: the one with items belongs on the left. Upload them the other way round."
        )
        return None
    if missing:
        st.info(f"Choose the columns that were not recognised: {', '.join(missing)}.")
        return None
    if rating and liked_from is None:
        st.info("Say from which rating on somebody liked an item, or choose no column of ratings.")
        return None
    of_log = InteractionColumns(user_id, item, timestamp, order, rating, liked_from)
    return ItemColumns(item_id, title, text, vector), of_log


def map_catalogue(
    rows: pd.DataFrame, found: ItemColumns, file_key: str
) -> tuple[str | None, str | None, tuple[str, ...], str | None]:
    """The columns of ids, titles, other words and vectors."""
    names = list(rows.columns)
    st.markdown("**Catalogue**")
    item_id = choose_column("Item id", names, found.item_id, f"item_id-{file_key}")
    title = choose_column("Title", names, found.title, f"title-{file_key}", optional=True)
    text = st.multiselect(
        "Other words about the item",
        names,
        list(found.text),
        key=f"text-{file_key}",
        select_all=False,
        persist_state="session",
    )
    vector = choose_column("Vectors", names, found.vector, f"vector-{file_key}", optional=True)
    st.dataframe(rows.head(PREVIEW_ROWS), hide_index=True)
    return item_id, title, tuple(text), vector


def look_exchanged(items: LogFile, interactions: LogFile) -> bool:
    """Whether all that is needed is recognised when the log is taken for the catalogue and the other way round."""
    catalogue, log = guess(interactions, items)
    return bool(catalogue.item_id and (catalogue.title or catalogue.text) and log.user_id and log.item_id)


def say_empty(rows: dict[LogFile, pd.DataFrame]) -> bool:
    """Says which of the files have no rows; whether there are such."""
    empty = ", ".join(f"'{plain_markdown(file.name)}'" for file, head in rows.items() if head.empty)
    if empty:
        st.warning(f"There are no rows that can be read in {empty}. Choose a file with rows.")
    return bool(empty)


def choose_column(label: str, columns: list[str], guess: str | None, key: str, *, optional: bool = False) -> str | None:
    options = [NOT_THERE, *columns] if optional else columns
    index = options.index(guess) if guess in options else (0 if optional else None)
    chosen = st.selectbox(label, options, index=index, key=key, placeholder="Choose a column", persist_state="session")
    return None if chosen == NOT_THERE else chosen


def choose_rating(rows: pd.DataFrame, guess: InteractionColumns, file_key: str) -> tuple[str | None, float | None]:
    """The column of ratings, and what counts as liked; no column where every interaction counts."""
    guessed = None if guess.liked_from is None else guess.rating
    rating = choose_column("Rating", list(rows.columns), guessed, f"rating-{file_key}", optional=True)
    if rating is None:
        return None, None
    liked_from = st.number_input(
        "Liked from",
        value=middle_rating(rows[rating]),
        step=0.5,
        format="%g",
        placeholder="A number",
        key=f"liked_from-{file_key}-{rating}",
        persist_state="session",
        help="What is rated lower shows no interest: nothing is learned from it, nor is that person shown it again. "
        "What is not rated counts as liked; a number that stands for that, such as -1, counts as low. Choose no column "
        "of ratings to count everything.",
    )
    return rating, liked_from
