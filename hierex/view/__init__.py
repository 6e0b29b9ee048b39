"""What the pages share. The only package of the library that knows Streamlit."""

from .changes import move_change, own_changes
from .choice import choose, keep_chosen, select_chosen, take_selection
from .choice_panel import choice_panel
from .curation import change_list, curation_bar, marks_of
from .description_checks import CHECK_COLUMNS, description_checks
from .files import expected_seconds, guess, preview, server_models, uploads_folder
from .interest_search import find_interests
from .interests import (
    chosen_number,
    chosen_taxonomy,
    colors_of,
    compared_weights,
    config_at,
    item_list,
    note_of,
    save_description,
)
from .live_map import live_map
from .moving import move_button
from .opened import claimed, current_store, current_work, doing, jobs, plain_errors, server, start_comparison, start_run
from .preset_menu import preset_menu
from .side_by_side import side_by_side
from .sidebar import draw_sidebar
from .tree_note import tree_note

__all__ = [
    "CHECK_COLUMNS",
    "change_list",
    "choice_panel",
    "choose",
    "chosen_number",
    "chosen_taxonomy",
    "claimed",
    "colors_of",
    "compared_weights",
    "config_at",
    "curation_bar",
    "current_store",
    "current_work",
    "description_checks",
    "doing",
    "draw_sidebar",
    "expected_seconds",
    "find_interests",
    "guess",
    "item_list",
    "jobs",
    "keep_chosen",
    "live_map",
    "marks_of",
    "move_button",
    "move_change",
    "note_of",
    "own_changes",
    "plain_errors",
    "preset_menu",
    "preview",
    "save_description",
    "select_chosen",
    "server",
    "server_models",
    "side_by_side",
    "start_comparison",
    "start_run",
    "take_selection",
    "tree_note",
    "uploads_folder",
]
