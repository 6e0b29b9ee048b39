"""What people would be shown: for a person, the interests that come next and the items in them."""

import numpy as np
import pandas as pd
import streamlit as st

from hierex import charts, view, wording
from hierex.grounding import recommend_anything
from hierex.serving import serve_users, visits_frame
from hierex.transition_table import LONGEST
from hierex.transitions import latest_contexts

SHOWN_PEOPLE = 12
TOP = 5
ITEMS = 10

st.title("Preview")
work = view.shown_predictions()
descriptions = work.cluster_descriptions()
names = [d.name for d in descriptions]
colors = view.colors_of(work, work.taxonomy)
histories = work.histories
k = work.config.transition.k


@st.cache_data(max_entries=64, show_spinner=False)
def served(keys: tuple, user: int, context: tuple, _work):
    """Keyed by all that the answer depends on, so that a click elsewhere on the page does not ask again."""
    users = np.array([user])
    found = serve_users(_work, users, top=TOP, items=ITEMS, contexts=np.array([context]))
    anything = recommend_anything(_work.recommender, [_work.interactions.items_of(user)], len(_work.items), top=ITEMS)
    return found, anything


def draw_people() -> None:
    st.session_state["people_seed"] = st.session_state.get("people_seed", 0) + 1
    st.session_state.pop("person", None)


lengths = np.diff(histories.starts)
able = np.flatnonzero(lengths > 0)
rng = np.random.default_rng(st.session_state.get("people_seed", 0))
drawn = np.sort(rng.choice(able, min(SHOWN_PEOPLE, len(able)), replace=False))
person_box, draw_box, find_box = st.columns([3, 1, 2], vertical_alignment="bottom")
wanted = find_box.text_input("Or find a person by id", key="person_id", placeholder="an id as in your log").strip()
draw_box.button("Draw others", on_click=draw_people, icon=":material/casino:", width="stretch")
person = person_box.selectbox(
    "Person",
    drawn.tolist(),
    format_func=lambda user: f"{work.user_ids[user]}: {lengths[user]} interests",
    key="person",
)
if wanted:
    if wanted not in work.user_ids:
        found = f"There is no person '{wanted[:60]}' in this log. Ids look like '{work.user_ids[0][:60]}'."
        st.warning(wording.plain_markdown(found))
        st.stop()
    person = work.user_ids.index(wanted)

history = histories.of(person)
place_of_choice = f"{work.store.path.stem}-{work.key('interest_tree')}-{work.key('taxonomy')}-{k}-{person}"
st.subheader(f"What {wording.plain_markdown(work.user_ids[person])} was interested in")
visits = visits_frame(work, person, names, colors)

default = latest_contexts(histories, histories.starts[[person + 1]], histories.starts[[person]], k=k)[0].tolist()
own = history.tolist()
others = [c for c in range(len(names)) if c not in set(own)]
options = own[::-1] + others


def context_name(cluster: int) -> str:
    return names[cluster] if cluster in own else f"{names[cluster]} (not theirs)"


labels = ["The prediction starts from", "and from the more recent", "and from the most recent"][:k]
*boxes, reset_box = st.columns([2] * k + [1], vertical_alignment="bottom")
context = tuple(
    box.selectbox(
        label, options, index=options.index(start), format_func=context_name, key=f"start-{place}-{place_of_choice}"
    )
    for place, (box, label, start) in enumerate(zip(boxes, labels, default, strict=True))
)


def reset_context() -> None:
    for place in range(k):
        st.session_state.pop(f"start-{place}-{place_of_choice}", None)


reset_box.button("Their latest", on_click=reset_context, disabled=list(context) == default, width="stretch")
st.plotly_chart(
    charts.history_timeline(visits, starting=[names[c] for c in context]),
    alt="The person's interests over time; a diamond marks those that the prediction starts from.",
)

keys = tuple(sorted(work.keys.items()))
found, anything = served(keys, int(person), tuple(int(c) for c in context), work)
predictions = found.predictions
st.subheader("Which new interest comes next")
note = view.note_of(work, "policies")
if note:
    st.warning(note)
if not len(predictions.novel):
    if any(not work.taxonomy.hidden[c] for c in others):
        st.info("The prediction starts from all that is new to this person, so there is nothing else to suggest.")
    elif work.taxonomy.hidden.any():
        st.info("Every interest that this person does not have is hidden, so there is nothing new to suggest.")
    else:
        st.info("This person has every interest already, so there is nothing new to suggest.")
    st.stop()
st.caption(
    f"{wording.method_name(work.policy.name)}; "
    + (
        f"looked up in the table of all {'pairs of ' * (k == 2)}interests."
        if (predictions.path == "table").all()
        else "computed for these three, which are too many to answer ahead of time."
        if k > LONGEST
        else "asked anew, because most of the table's answers are hidden or interests that this person has already."
    )
)
ranked = pd.DataFrame(
    {
        "rank": predictions.rank,
        "name": [names[c] for c in predictions.novel],
        "score": predictions.score,
    }
)
st.plotly_chart(
    charts.prediction_bars(ranked, [colors[c] for c in predictions.novel]),
    alt="Predicted interests with their probability.",
)

st.subheader("Items in each, beside the usual recommendations")
titles = work.items["title"].to_numpy()
usual = set(anything.items[0].tolist())
tabs = st.tabs(
    [f"{rank}\\. {wording.plain_markdown(name)}" for rank, name in zip(ranked["rank"], ranked["name"], strict=True)]
)
for tab, items, path, cluster in zip(tabs, found.grounded.items, found.grounded.path, predictions.novel, strict=True):
    with tab:
        st.caption(wording.plain_markdown(descriptions[cluster].summary))
        view.thumb(work, work.user_ids[person], context, cluster)
        in_interest, unrestricted = st.columns(2)
        with in_interest:
            st.markdown(f"**In “{wording.plain_markdown(names[cluster])}”**")
            view.item_list(titles[items])
            if path != "recommender":
                st.caption(wording.GROUNDING_PATHS.get(path, path))
        with unrestricted:
            st.markdown("**The same recommender, free to choose**")
            view.item_list(
                titles[anything.items[0]], [names[c] for c in work.taxonomy.cluster_of_item[anything.items[0]]]
            )
            new = sum(work.taxonomy.cluster_of_item[i] not in set(own) for i in usual)
            st.caption(f"{new} of these {len(usual)} are from an interest that is new to this person.")
