"""Table -> Plotly figure. No Streamlit here: a page hands in plain frames and shows what comes back."""

from .colors import interest_colors
from .flow import interest_flow
from .hierarchy import interest_icicle
from .map import item_map
from .measures import evaluation_bars, granularity_panel
from .people import history_timeline, prediction_bars
from .sizes import interest_sizes
from .style import empty_figure

__all__ = [
    "empty_figure",
    "evaluation_bars",
    "granularity_panel",
    "history_timeline",
    "interest_colors",
    "interest_flow",
    "interest_icicle",
    "interest_sizes",
    "item_map",
    "prediction_bars",
]
