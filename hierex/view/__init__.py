"""What the pages share. The only package of the library that knows Streamlit."""

from .choice import keep_chosen, select_chosen, take_selection
from .descriptions.bulk_changes import bulk_bar, bulk_changes
from .descriptions.checks import description_checks
from .descriptions.closer_look import closer_look
from .descriptions.described import read_described
from .descriptions.history import description_history, undo_bar
from .descriptions.model_run import another_try, model_panel
from .descriptions.provenance import provenance_card
from .descriptions.table import description_caption, description_table
from .evaluation.experiment import simulated_trial
from .evaluation.list_measures import list_measures
from .files import expected_seconds, server_models
from .granularity.choice_panel import choice_panel
from .granularity.curation import change_list, curation_bar, marks_of
from .granularity.interest_search import find_interests
from .granularity.live_map import live_map
from .granularity.moving import move_button
from .granularity.preset_menu import preset_menu
from .granularity.side_by_side import side_by_side
from .granularity.tree_note import tree_note
from .interests import chosen_number, compared_weights, config_at, note_of
from .logs.log_import import log_facts, log_import
from .logs.policy_choice import choose_policy, choose_recommender, chosen_elsewhere
from .next_interest.dial import novelty_dial
from .next_interest.freshness import freshness
from .next_interest.learned import learned_examples
from .next_interest.liked import liked
from .next_interest.people_moves import fewest_people, people_moves
from .next_interest.releasing import releasing, say_latest_build, shown_predictions
from .opened import claimed, current_store, current_work, doing, jobs, plain_errors, server, start_comparison, start_run
from .preview.blind import blind_comparison
from .preview.one_person import one_person
from .preview.report import preview_report
from .preview.supposing import supposing
from .sidebar import draw_sidebar
from .stale_note import stale_note

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
