"""Who is at the screen: the name that goes along with what a person says and changes."""

from __future__ import annotations

from urllib.parse import unquote

import streamlit as st

from ..descriptions.words import tidy
from ..typed import LONGEST_NAME

COOKIE = "hierex_author"
_keep_in_browser = st.components.v2.component(
    "hierex.author",
    js=f"""export default ({{ data }}) => {{
        const name = encodeURIComponent(data);
        document.cookie = `{COOKIE}=${{name}}; path=/; max-age=31536000; samesite=lax`;
    }}""",
)


def author_name() -> str:
    """The name that was given; empty where none was."""
    return tidy(st.session_state.get("author", ""))


def author_box(place=st, told: str = "shown with your changes", **layout) -> str:
    """Asks for the name, once for all pages; returns it. told: what becomes of it."""
    place.text_input(
        "Your name", key="author", persist_state="session", max_chars=LONGEST_NAME, placeholder=told, **layout
    )
    return author_name()


def remember_author() -> None:
    """On every page: the name that this browser gave last is there again, for a year."""
    if "author" not in st.session_state:
        st.session_state["author"] = tidy(unquote(st.context.cookies.get(COOKIE, "")))[:LONGEST_NAME]
    _keep_in_browser(key="author-kept", data=author_name())
