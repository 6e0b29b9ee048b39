"""What people would be shown: for a person, the interests that come next and the items in them."""

import streamlit as st

from hierex import view

PARTS = {
    "One person": view.one_person,
    "What if": view.supposing,
    "Judge blind": view.blind_comparison,
    "Report": view.preview_report,
}

st.title("Preview")
work = view.shown_predictions()
view.stale_note(work)
part = st.segmented_control(
    "Part",
    list(PARTS),
    default="One person",
    key="preview_part",
    label_visibility="collapsed",
    required=True,
    bind="query-params",
)
PARTS[part](work)
