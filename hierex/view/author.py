"""Who is at the screen: the name that goes along with what a person says and changes."""

from __future__ import annotations

import streamlit as st

from ..descriptions.words import tidy


def author_name() -> str:
    """The name that was given; empty where none was."""
    return tidy(st.session_state.get("author", ""))


def author_box(place=st, told: str = "shown with your changes", **layout) -> str:
    """Asks for the name, once for all pages; returns it. told: what becomes of it."""
    place.text_input("Your name", key="author", persist_state="session", placeholder=told, **layout)
    return author_name()
