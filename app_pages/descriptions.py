"""What is said about each interest: inspect it, edit it, review it, take it back."""

import streamlit as st

from hierex import view

st.title("Descriptions")
work = view.current_work()
shown = view.read_described(work)
view.description_caption(shown)
checked = view.description_checks(shown)
rows = view.description_table(shown, checked)
selected = view.bulk_bar(shown, rows)
view.undo_bar(shown)
view.stale_note(work)
view.model_panel(shown, selected)
view.bulk_changes(shown, rows, selected)
view.description_history(shown)
node = view.closer_look(shown, rows)
if node is not None:
    view.another_try(shown, node)
    view.provenance_card(shown, node)
