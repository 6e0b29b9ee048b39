"""What language models cost: a table that people can change, kept in the workspace."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ...errors import ConfigError
from ...kept import model_settings
from ...llm.prices import Price, list_prices
from ...workspace import Workspace
from ..author import author_name
from ..opened import doing

MODEL, READ, WRITTEN, BY = "Model", "Reading", "Writing", "Set"
COLUMNS = {
    MODEL: st.column_config.TextColumn(required=True, max_chars=model_settings.LONGEST_MODEL),
    READ: st.column_config.NumberColumn(min_value=0.0, format="$%.3f"),
    WRITTEN: st.column_config.NumberColumn(min_value=0.0, format="$%.3f"),
    BY: st.column_config.TextColumn(),
}


def price_table(work: Workspace, model: str) -> None:
    """Prices by model, the one in use first, to be changed and added to."""
    with st.popover("Prices", icon=":material/payments:"):
        st.caption(
            "US dollars per million tokens that a model reads and that it writes. Providers change their prices: "
            "compare with theirs. What you change counts in this workspace."
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
    known = list_prices() | own
    rows = [
        (name, price.read if price else None, price.written if price else None, "here" if name in own else "")
        for name, price in ({model: known.get(model)} | known).items()
    ]
    return pd.DataFrame(rows, columns=[MODEL, READ, WRITTEN, BY]).astype({READ: float, WRITTEN: float})


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
    known = set(before[[MODEL, READ, WRITTEN]].itertuples(index=False, name=None))
    rows = changed[[MODEL, READ, WRITTEN]].dropna(subset=[READ, WRITTEN], how="all")
    new = (row for row in rows.itertuples(index=False, name=None) if row not in known)
    return {str(model or ""): Price(read, written) for model, read, written in new}
