"""One person on the Preview page: what they had, what would come next, and the items in it, beside other ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ... import charts, wording
from ...policies import reads_histories
from ...preview.persons import Person, ground_for, recommend_usual, serve_person, visits_frame
from ...result_keys import predictions_depend
from ...serving import Served
from ...taxonomy.distance import distance_from
from ...transition_table import LONGEST
from ...transitions import repeat_earliest
from ...wording import plain_markdown
from ...wording.names import method_name
from ...workspace import Workspace
from ..interests import RANK, colors_of, interest_names, item_list, note_of
from ..opened import server
from .interest_thumb import thumb
from .item_thumbs import judged_items, judging_items
from .one_list import one_list
from .other_ways import other_ways, show_raw
from .person_choice import choose_person

TOP = 5
ITEMS = 10
EVERYTHING = "Everything they had"
LONGEST_NAME = 60
"""Characters of a name that a heading has room for; one made of many interests is longer."""
PREDICTION_COLUMNS = {
    **RANK,
    "Probability": st.column_config.NumberColumn(format="percent"),
    "Weight": st.column_config.NumberColumn(
        format="percent",
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
    note = note_of(work)
    if note:
        st.warning(wording.plain_markdown(note))
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


# -- what they had -----------------------------------------------------------------------------------------------------


def show_history(
    work: Workspace, person: Person, names: Sequence[str], colors: Sequence[str], *, whole: bool
) -> tuple[int, ...]:
    """Draws it, and returns the interests that the prediction starts from, or with `whole` the latest."""
    taxonomy = work.taxonomy
    history = person.history(taxonomy)
    called = person.name if len(person.name) <= LONGEST_NAME else "this person"
    st.subheader(f"What {plain_markdown(called)} was interested in")
    latest = person.latest(taxonomy, work.config.transition.k)
    context = latest if whole else choose_context(work, person, history, names)
    starting = history if whole else context
    # only the tab that is open is drawn: the others would cost the browser more than all the rest
    over_time, on_map = st.tabs(["Over time", "On the map"], on_change="rerun", key="history_tabs")
    if over_time.open:
        over_time.plotly_chart(
            charts.history_timeline(visits_frame(work, person, names, colors), starting=[names[c] for c in starting]),
            alt="The person's interests over time; a diamond marks those that the prediction starts from.",
        )
    if on_map.open:
        with on_map:
            show_path(work, history, starting, names, colors)
    return context


def show_path(
    work: Workspace, history: np.ndarray, starting: Sequence[int], names: Sequence[str], colors: Sequence[str]
) -> None:
    xy = work.item_map.xy
    middles = np.array([np.median(xy[work.taxonomy.items_of(cluster)], axis=0) for cluster in history])
    stops = pd.DataFrame(
        {
            "x": middles[:, 0],
            "y": middles[:, 1],
            "name": [names[cluster] for cluster in history],
            "color": [colors[cluster] for cluster in history],
            "starts": np.isin(history, starting),
        }
    )
    st.plotly_chart(
        charts.history_path(xy, stops),
        alt="The path of the person's interests over the map of items, numbered in the order in which they came.",
    )
    st.caption("Each stop is the middle of an interest's items; the numbers are the order in which they came.")


def choose_context(work: Workspace, person: Person, history: np.ndarray, names: Sequence[str]) -> tuple[int, ...]:
    k = work.config.transition.k
    default = person.latest(work.taxonomy, k)
    own = history.tolist()
    options = own[::-1] + [cluster for cluster in range(len(names)) if cluster not in set(own)]
    place_of_choice = f"{work.store.path.stem}-{work.key('interest_tree')}-{work.key('taxonomy')}-{k}-{person.name}"
    labels = ["The prediction starts from", "and from the more recent", "and from the most recent"][:k]
    *boxes, reset_box = st.columns([2] * k + [1], vertical_alignment="bottom")
    chosen = tuple(
        box.selectbox(
            label,
            options,
            index=options.index(start),
            format_func=lambda cluster: names[cluster] if cluster in own else f"{names[cluster]} (not theirs)",
            key=f"start-{place}-{place_of_choice}-{start}",
        )
        for place, (box, label, start) in enumerate(zip(boxes, labels, default, strict=True))
    )

    def reset() -> None:
        for place, start in enumerate(default):
            st.session_state.pop(f"start-{place}-{place_of_choice}-{start}", None)

    reset_box.button("Their latest", on_click=reset, disabled=chosen == default, width="stretch")
    return tuple(repeat_earliest([chosen])[0].tolist())


# -- what comes next ---------------------------------------------------------------------------------------------------


def show_predictions(
    work: Workspace, person: Person, found: Served, names: Sequence[str], colors: Sequence[str], *, whole: bool
) -> None:
    predictions = found.predictions
    st.caption(f"{method_name(work.policy.name)}; {how_found(work, predictions.path)}")
    ranked = pd.DataFrame(
        {"rank": predictions.rank, "name": [names[c] for c in predictions.novel], "score": predictions.score}
    )
    scored = wording.score_name(work.policy.name)
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
            scored: predictions.score,
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


def show_items(
    work: Workspace,
    person: Person,
    found: Served,
    context: Sequence[int],
    names: Sequence[str],
    summaries: Sequence[str],
) -> None:
    st.subheader("Items in each, beside the usual recommendations")
    of_item = work.taxonomy.cluster_of_item
    free = recommend_usual(work, person, top=ITEMS)
    popular = popular_items(work, person, found)
    titles = work.items["title"].to_numpy()
    own = person.history(work.taxonomy)
    predictions = found.predictions
    judging = judging_items()
    tabs = st.tabs(
        [
            f"{rank}\\. {plain_markdown(names[cluster])}"
            for rank, cluster in zip(predictions.rank, predictions.novel, strict=True)
        ],
        on_change="rerun",
        key=f"item_tabs-{work.store.path.stem}-{person.name}-{context}",
    )
    for place, (tab, cluster) in enumerate(zip(tabs, predictions.novel, strict=True)):
        if not tab.open:
            continue
        with tab:
            st.caption(plain_markdown(summaries[cluster]))
            thumb(work, person.name, context, cluster)
            for_them, popular_in_it, unrestricted = st.columns(3)
            with for_them:
                st.markdown(f"**In “{plain_markdown(names[cluster])}”, for this person**")
                judged_items(work, person.subject, found.grounded.items[place], judging=judging)
                path = found.grounded.path[place]
                if path != "recommender":
                    st.caption(wording.GROUNDING_PATHS.get(path, path))
            with popular_in_it:
                st.markdown("**In it, most popular first**")
                item_list(titles[popular[place]])
            with unrestricted:
                st.markdown("**The same recommender, free to choose**")
                item_list(titles[free], [names[c] for c in of_item[free]])
                new = np.isin(of_item[free], own, invert=True).sum()
                st.caption(f"{new} of these {len(free)} are from an interest that is new to this person.")


def popular_items(work: Workspace, person: Person, found: Served) -> list[np.ndarray]:
    """For each predicted interest, its most consumed items that the person has not had."""
    return ground_for(work.popularity, work.taxonomy, person, found.predictions, top=ITEMS).items
