"""What is said about each interest: inspect it, edit it, review it, take it back."""

import streamlit as st

from hierex.view.descriptions.bulk_changes import bulk_bar, bulk_changes
from hierex.view.descriptions.checks import description_checks
from hierex.view.descriptions.closer_look import closer_look
from hierex.view.descriptions.described import read_described
from hierex.view.descriptions.history import description_history, undo_bar
from hierex.view.descriptions.model_run import another_try, model_panel
from hierex.view.descriptions.provenance import provenance_card
from hierex.view.descriptions.table import description_caption, description_table
from hierex.view.opened import current_work
from hierex.view.stale_note import stale_note

st.title("Descriptions")
work = current_work()
shown = read_described(work)
description_caption(shown)
checked = description_checks(shown)
rows = description_table(shown, checked)
selected = bulk_bar(shown, rows)
undo_bar(shown)
stale_note(work)
model_panel(shown, selected)
bulk_changes(shown, rows, selected)
description_history(shown)
node = closer_look(shown, rows)
if node is not None:
    another_try(shown, node)
    provenance_card(shown, node)
