"""What people would be shown: for a person, the interests that come next and the items in them."""

import streamlit as st

from hierex.view.preview.blind import blind_comparison
from hierex.view.preview.one_person import one_person
from hierex.view.preview.report import preview_report
from hierex.view.preview.shown import shown_predictions
from hierex.view.preview.supposing import supposing
from hierex.view.stale_note import stale_note

PARTS = {
    "One person": one_person,
    "What if": supposing,
    "Judge blind": blind_comparison,
    "Report": preview_report,
}

st.title("Preview")
work = shown_predictions()
stale_note(work)
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
