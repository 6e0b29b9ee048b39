"""Saved numbers of interests, on the Granularity page."""

from __future__ import annotations

import streamlit as st

from ...kept import presets
from ...wording import plain_markdown
from ...workspace import Workspace
from ..author import author_name
from ..opened import doing


def preset_menu(work: Workspace, number: int) -> None:
    """Go to a saved number, make one active, save the present one, delete one and bring it back."""
    saved = presets.read_presets(work.store)
    active = next((f" · active: {plain_markdown(preset.name)}" for preset in saved if preset.active), "")
    with st.popover(f"Saved numbers ({len(saved)}){active}", icon=":material/bookmark:"):
        if saved:
            st.caption("The active one is where this page opens, and what is built unless told otherwise.")
        for preset in saved:
            built = " · predictions are built on it" if preset.granularity == work.granularity else ""
            go, star, away = st.columns([4, 2, 1])
            go.button(
                f"{plain_markdown(preset.name)}: {preset.granularity:,}{built}",
                key=f"preset-{preset.name}",
                disabled=preset.granularity > work.tree.finest,
                on_click=go_to,
                args=(preset.granularity,),
                width="stretch",
            )
            star.button(
                "Active" if preset.active else "Make active",
                key=f"activate-{preset.name}",
                icon=":material/star:" if preset.active else ":material/star_border:",
                type="primary" if preset.active else "secondary",
                help="Press to have none active" if preset.active else "Instead of any other",
                on_click=activate,
                args=(work, preset),
                width="stretch",
            )
            away.button(
                "",
                key=f"forget-{preset.name}",
                icon=":material/delete:",
                help="Delete; it can be brought back",
                on_click=delete,
                args=(work, preset.name),
            )
        with st.form("save_preset", border=False):  # Enter saves it too
            st.text_input(f"Save {number:,} as", key="preset_name", placeholder="Coarse, for the home page")
            st.form_submit_button(
                "Save", key="preset_save", icon=":material/bookmark_add:", on_click=save, args=(work, number)
            )
        gone = st.session_state.get("preset_deleted", {}).get(work.store)
        if gone:
            label = f"Bring back “{plain_markdown(gone)}”"
            st.button(label, key="preset_restore", icon=":material/undo:", on_click=restore, args=(work, gone))


def go_to(number: int) -> None:
    st.session_state["interests"] = number


def activate(work: Workspace, preset: presets.Preset) -> None:
    """Or, where it is active, have none active: the same button undoes it."""
    name = None if preset.active else preset.name
    said = f"{preset.granularity:,} interests are active: the page opens there." if name else "None is active now."
    doing(lambda: presets.activate_preset(work.store, name), said)


def save(work: Workspace, number: int) -> None:
    name = st.session_state["preset_name"]
    if doing(
        lambda: presets.save_preset(work.store, name, number, author=author_name()), f"Saved: {number:,} on the slider."
    ):
        st.session_state["preset_name"] = ""


def delete(work: Workspace, name: str) -> None:
    if doing(lambda: presets.delete_preset(work.store, name), f"Deleted “{name}”. The menu can bring it back."):
        st.session_state.setdefault("preset_deleted", {})[work.store] = name


def restore(work: Workspace, name: str) -> None:
    if doing(lambda: presets.restore_preset(work.store, name), f"“{name}” is back."):
        del st.session_state["preset_deleted"][work.store]
