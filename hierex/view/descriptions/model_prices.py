"""What language models cost: a table that people can change, kept in the workspace."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ...errors import ConfigError
from ...kept import model_settings
from ...llm.prices import Price, find_price, find_training_price, list_prices
from ...workspace import Workspace
from ..author import author_name
from ..opened import doing

MODEL, READ, WRITTEN, TRAINED, BY = "Model", "Reading", "Writing", "Learning", "Set"
COLUMNS = {
    MODEL: st.column_config.TextColumn(required=True, max_chars=model_settings.LONGEST_MODEL),
    READ: st.column_config.NumberColumn(min_value=0.0, format="$%.3f"),
    WRITTEN: st.column_config.NumberColumn(min_value=0.0, format="$%.3f"),
    TRAINED: st.column_config.NumberColumn(
        min_value=0.0,
        format="$%.3f",
        help="Of examples in fine-tuning, each time they are gone through. Empty where it is not known; cleared, it is "
        "again what hierex comes with.",
    ),
    BY: st.column_config.TextColumn(),
}


def price_table(work: Workspace, model: str) -> None:
    """Prices by model, the one in use first, to be changed and added to."""
    with st.popover("Prices", icon=":material/payments:"):
        st.caption(
            "US dollars per million tokens that a model reads, that it writes and that it learns from when it is "
            "fine-tuned. Providers change their prices: compare with theirs. What you change counts in this workspace."
        )
        own = model_settings.read_prices(work.store)
        table = list_known(own, model)
        changed = st.data_editor(
            table,
            key=f"prices-{work.store.path.stem}-{hash((model, *own.items()))}",
            hide_index=True,
            num_rows="add",
            disabled=[BY],
            column_config=COLUMNS,
        )
        st.button("Keep these prices", key="keep_prices", on_click=keep_prices, args=(work, table, changed))


def list_known(own: dict[str, Price], model: str) -> pd.DataFrame:
    """Those that come with hierex, with what people set over and beside them. Missing for a model without a price."""
    rows = []
    for name in {model: None} | list_prices() | own:
        price, learning = (find(name, local=False, own=own) for find in (find_price, find_training_price))
        answering = (price.read, price.written) if price else (None, None)
        rows.append((name, *answering, learning and learning.read, "here" if name in own else ""))
    columns = [MODEL, READ, WRITTEN, TRAINED, BY]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys((READ, WRITTEN, TRAINED), float))


def keep_prices(work: Workspace, before: pd.DataFrame, changed: pd.DataFrame) -> None:
    """For callbacks: keeps what is other than before."""

    def keep() -> None:
        prices = changed_prices(before, changed)
        if not prices:
            raise ConfigError("No price was changed.")
        model_settings.save_prices(work.store, prices, author=author_name())

    doing(keep, "The prices are kept.")


def changed_prices(before: pd.DataFrame, changed: pd.DataFrame) -> dict[str, Price]:
    """By model, in the order of the table. Rows without any price say nothing."""
    known = priced_rows(before)
    new = (row for row in priced_rows(changed) if row not in known)
    return {str(model or ""): Price(*prices) for model, *prices in new}


def priced_rows(table: pd.DataFrame) -> list[tuple]:
    """Model and what it costs, None where that is not said; none of these says nothing."""
    rows = table[[MODEL, READ, WRITTEN, TRAINED]].dropna(subset=[READ, WRITTEN, TRAINED], how="all")
    return [tuple(None if pd.isna(told) else told for told in row) for row in rows.itertuples(index=False, name=None)]
