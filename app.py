"""The app: `make app`, or `python -m hierex app`.

The pages are not in a folder named `pages`: Streamlit would run what it finds there by itself, past this file, when a
link leads straight to a page.
"""

import streamlit as st

from hierex.view.opened import plain_errors
from hierex.view.sidebar import draw_sidebar

st.set_page_config("hierex", page_icon=".streamlit/icon.png", layout="wide")
page = st.navigation(
    [
        st.Page("app_pages/logs.py", title="Logs", icon=":material/upload_file:"),
        st.Page("app_pages/granularity.py", title="Granularity", icon=":material/account_tree:", default=True),
        st.Page("app_pages/descriptions.py", title="Descriptions", icon=":material/edit_note:"),
        st.Page("app_pages/next_interest.py", title="What comes next", icon=":material/moving:"),
        st.Page("app_pages/preview.py", title="Preview", icon=":material/person_search:"),
        st.Page("app_pages/evaluation.py", title="Evaluation", icon=":material/monitoring:"),
    ]
)
draw_sidebar()
with plain_errors():
    page.run()
