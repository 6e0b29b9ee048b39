"""What the pages share. The only package of the library that knows Streamlit."""

from .blind import blind_comparison
from .bulk_changes import bulk_bar, bulk_changes
from .choice import keep_chosen, select_chosen, take_selection
from .choice_panel import choice_panel
from .closer_look import closer_look
from .curation import change_list, curation_bar, marks_of
from .described import read_described
from .description_checks import description_checks
from .description_history import description_history, undo_bar
from .description_table import description_caption, description_table
from .dial import novelty_dial
from .experiment import simulated_trial
from .files import expected_seconds, server_models
from .freshness import freshness
from .interest_search import find_interests
from .interests import chosen_number, compared_weights, config_at, note_of
from .learned import learned_examples
from .liked import liked
from .list_measures import list_measures
from .live_map import live_map
from .log_import import log_facts, log_import
from .model_run import another_try, model_panel
from .moving import move_button
from .one_person import one_person
from .opened import claimed, current_store, current_work, doing, jobs, plain_errors, server, start_comparison, start_run
from .people_moves import fewest_people, people_moves
from .policy_choice import choose_policy, choose_recommender, chosen_elsewhere
from .preset_menu import preset_menu
from .preview_report import preview_report
from .provenance import provenance_card
from .releasing import releasing, say_latest_build, shown_predictions
from .side_by_side import side_by_side
from .sidebar import draw_sidebar
from .stale_note import stale_note
from .supposing import supposing
from .tree_note import tree_note

__all__ = [
    "another_try",
    "blind_comparison",
    "bulk_bar",
    "bulk_changes",
    "change_list",
    "choice_panel",
    "choose_policy",
    "choose_recommender",
    "chosen_elsewhere",
    "chosen_number",
    "claimed",
    "closer_look",
    "compared_weights",
    "config_at",
    "curation_bar",
    "current_store",
    "current_work",
    "description_caption",
    "description_checks",
    "description_history",
    "description_table",
    "doing",
    "draw_sidebar",
    "expected_seconds",
    "fewest_people",
    "find_interests",
    "freshness",
    "jobs",
    "keep_chosen",
    "learned_examples",
    "liked",
    "list_measures",
    "live_map",
    "log_facts",
    "log_import",
    "marks_of",
    "model_panel",
    "move_button",
    "note_of",
    "novelty_dial",
    "one_person",
    "people_moves",
    "plain_errors",
    "preset_menu",
    "preview_report",
    "provenance_card",
    "read_described",
    "releasing",
    "say_latest_build",
    "select_chosen",
    "server",
    "server_models",
    "shown_predictions",
    "side_by_side",
    "simulated_trial",
    "stale_note",
    "start_comparison",
    "start_run",
    "supposing",
    "take_selection",
    "tree_note",
    "undo_bar",
]
