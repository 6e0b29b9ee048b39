"""The app: `make app`, or `python -m hierex app`."""

import streamlit as st

from hierex import view

st.set_page_config("hierex", page_icon=":material/explore:", layout="wide")
page = st.navigation(
    [
        st.Page("pages/logs.py", title="Logs", icon=":material/upload_file:"),
        st.Page("pages/granularity.py", title="Granularity", icon=":material/account_tree:", default=True),
        st.Page("pages/descriptions.py", title="Descriptions", icon=":material/edit_note:"),
        st.Page("pages/preview.py", title="Preview", icon=":material/person_search:"),
        st.Page("pages/evaluation.py", title="Evaluation", icon=":material/monitoring:"),
    ]
)
view.sidebar()
with view.plain_errors():
    page.run()
