"""Table -> Plotly figure or bytes for the browser. No Streamlit here: a page shows what comes back."""

from .colors import interest_colors
from .flow import interest_flow
from .granularity import granularity_panel
from .live_map import encode_map, items_inside
from .measures import evaluation_bars
from .moves import around_interest, dial_curve, drift_lines, move_heat_map
from .paths import history_path
from .people import history_timeline, prediction_bars
from .style import BLUE, GREY
from .trade_off import trade_off
from .trial import trial_trade_off, uci_curves

__all__ = [
    "BLUE",
    "GREY",
    "around_interest",
    "dial_curve",
    "drift_lines",
    "encode_map",
    "evaluation_bars",
    "granularity_panel",
    "history_path",
    "history_timeline",
    "interest_colors",
    "interest_flow",
    "items_inside",
    "move_heat_map",
    "prediction_bars",
    "trade_off",
    "trial_trade_off",
    "uci_curves",
]
