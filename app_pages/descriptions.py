"""What is said about each interest: inspect it, edit it, review it, take it back."""

import streamlit as st

from hierex import view
from hierex.result_keys import policy_is_stale

st.title("Descriptions")
work = view.current_work()
shown = view.read_described(work)
view.description_caption(shown)
checked = view.description_checks(shown)
rows = view.description_table(shown, checked)
selected = view.bulk_bar(shown, rows)
view.undo_bar(shown)
if policy_is_stale(work):
    note, button = st.columns([3, 1], vertical_alignment="center")
    note.info(
        "The predictions were built from other descriptions, or by an earlier version of hierex. "
        "What has changed counts once they are built again."
    )
    button.button("Build again", on_click=view.start_run, args=(work.config,), type="primary", width="stretch")
view.model_panel(shown, selected)
view.bulk_changes(shown, rows, selected)
view.description_history(shown)
node = view.closer_look(shown, rows)
if node is not None:
    view.another_try(shown, node)
    view.provenance_card(shown, node)
