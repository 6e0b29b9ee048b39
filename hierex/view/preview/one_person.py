"""One person on the Preview page: what they had, what would come next, and the items in it, beside other ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ... import charts
from ...policies import reads_histories
from ...preview.persons import Person, serve_person
from ...result_keys import predictions_depend
from ...serving import Served
from ...taxonomy.distance import distance_from
from ...transition_table import LONGEST
from ...wording import score_name
from ...wording.names import method_name
from ...workspace import Workspace
from ..interests import PERCENT, RANK, colors_of, interest_names, say_note
from ..opened import server
from .one_list import one_list
from .other_ways import other_ways, show_raw
from .person_choice import choose_person
from .person_history import show_history
from .person_items import ITEMS, show_items

TOP = 5
EVERYTHING = "Everything they had"
PREDICTION_COLUMNS = {
    **RANK,
    "Probability": st.column_config.NumberColumn(format=PERCENT),
    "Weight": st.column_config.NumberColumn(
        format=PERCENT,
        help="By what was laid over the predictions; it says how answers stand to each other, and is no probability.",
    ),
    "How far": st.column_config.ProgressColumn(
        help="From the nearest interest that the person has, in the tree: 0 the same, 1 parted by the very first split",
        format="%.2f",
        min_value=0,
        max_value=1,
    ),
    "People from the same start": st.column_config.TextColumn(
        help="How many people moved from just these interests to this one, in the time that was learned from"
    ),
    "People from the latest": st.column_config.TextColumn(
        help="How many people moved to it from the most recent of these interests, whatever came before"
    ),
}


def one_person(work: Workspace) -> None:
    descriptions = work.cluster_descriptions()
    names = interest_names(work)
    colors = colors_of(work, work.taxonomy)
    person = choose_person(work, names)
    if not len(person.items):
        st.info("This person has no interactions, so there is nothing to start from.")
        return
    whole = reads_everything(work)
    context = show_history(work, person, names, colors, whole=whole)
    found = served(predictions_depend(work), person.had, context, whole, work, person)
    st.subheader("Which new interest comes next")
    say_note(work)
    if not len(found.predictions):
        st.info(f"{why_nothing(work, person)}, so there is nothing new to suggest.")
        return
    show_predictions(work, person, found, names, colors, whole=whole)
    show_items(work, person, found, context, names, [description.summary for description in descriptions])
    one_list(work, person, found, names)
    if st.checkbox("Beside other ways to predict", key="other_ways"):
        other_ways(work, person, context, names, top=TOP, whole=whole)
    if work.learned_policy.name == "openai":
        show_raw(work, context)


@st.cache_data(max_entries=64, show_spinner=False)
def served(depends: tuple, items: bytes, context: tuple, whole: bool, _work: Workspace, _person: Person) -> Served:
    """Keyed by all that the answer depends on, so that a click elsewhere on the page does not ask again."""
    return serve_person(_work, _person, top=TOP, items=ITEMS, context=None if whole else context, whole=whole)


def reads_everything(work: Workspace) -> bool:
    """Whether the prediction is to be made from all that the person had, which not every method can."""
    if not reads_histories(work.policy):
        if reads_histories(work.learned_policy):
            st.caption(
                "Predictions from everything that a person had are there only without recent moves, the order of what "
                "was liked, and the dial."
            )
        return False
    k = work.config.transition.k
    latest = "Their latest interest" if k == 1 else f"Their latest {k} interests"
    read = st.segmented_control(
        "The prediction reads",
        [latest, EVERYTHING],
        default=latest,
        key=f"reads-{k}",
        required=True,
        help="The latest interests are what a release is judged by"
        + (", and every answer to them is known ahead of time. " if k <= LONGEST else ". ")
        + "From everything they had it is computed now; how good that is stands on the Evaluation page.",
    )
    return read == EVERYTHING


def why_nothing(work: Workspace, person: Person) -> str:
    hidden = work.taxonomy.hidden
    if len(np.setdiff1d(np.flatnonzero(~hidden), person.history(work.taxonomy))):
        return "The prediction starts from all that is new to this person"
    return (
        "Every interest that this person does not have is hidden" if hidden.any() else "This person has every interest"
    )


def show_predictions(
    work: Workspace, person: Person, found: Served, names: Sequence[str], colors: Sequence[str], *, whole: bool
) -> None:
    predictions = found.predictions
    st.caption(f"{method_name(work.policy.name)}; {how_found(work, predictions.path)}")
    ranked = pd.DataFrame(
        {"rank": predictions.rank, "name": [names[c] for c in predictions.novel], "score": predictions.score}
    )
    scored = score_name(work.policy.name)
    st.plotly_chart(
        charts.prediction_bars(ranked, [colors[c] for c in predictions.novel], scored=scored, whole=whole),
        alt=f"Predicted interests with their {scored.lower()}.",
    )
    seen = np.zeros((1, len(names)), bool)
    seen[0, person.history(work.taxonomy)] = True
    behind = people_behind(work, predictions.context[0], predictions.novel)
    fewest = server().fewest_people
    table = pd.DataFrame(
        {
            "#": predictions.rank,
            "New interest": ranked["name"],
            scored: 100 * predictions.score,
            "How far": distance_from(work.distances, seen)[0][predictions.novel],
            "People from the same start": [few(n, fewest) for n in behind["same"]],
            "People from the latest": [few(n, fewest) for n in behind["latest"]],
        }
    )
    if whole:
        del table["People from the same start"]
    st.dataframe(table, hide_index=True, column_config=PREDICTION_COLUMNS)


def how_found(work: Workspace, path: np.ndarray) -> str:
    k = work.config.transition.k
    if (path == "history").all():
        return "computed from everything that this person had."
    if (path == "table").all():
        return f"looked up in the table of all {'pairs of ' * (k == 2)}interests."
    if k > LONGEST:
        return "computed for these three, which are too many to answer ahead of time."
    return "asked anew, because most of the table's answers are hidden or interests that this person has already."


def people_behind(work: Workspace, context: np.ndarray, novel: np.ndarray) -> dict[str, list[int]]:
    """How many people moved to each, from the whole context and from its latest interest."""
    moves = work.training_moves
    latest = moves.contexts[:, -1] == context[-1]
    same = (moves.contexts == context).all(axis=1)
    n = work.taxonomy.n_clusters
    counts = {name: np.bincount(moves.novel[rows], minlength=n) for name, rows in (("same", same), ("latest", latest))}
    return {name: count[novel].tolist() for name, count in counts.items()}


def few(n: int, fewest: int) -> str:
    if n >= fewest:
        return f"{n:,}"
    return f"fewer than {fewest:,}" if fewest > 1 else "none"
