"""Whom the Preview page looks at: an example that was kept, somebody of the log, or somebody made up of interests."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ...kept import examples, stored_logs
from ...kept.examples import Example
from ...preview.examples import place_examples
from ...preview.persons import Person, made_up_name, make_up, person_of
from ...wording import plain_markdown
from ...workspace import Workspace
from ..author import author_name
from ..interests import box_of_interests, interests_box
from ..opened import doing

EXAMPLE, DRAWN, BY_ID, MADE_UP = "An example", "Drawn at random", "By id", "Made up"
SHOWN_PEOPLE = 12
ANY = -1
"""Not None, which on a second visit would read as nothing chosen."""


def choose_person(work: Workspace, names: list[str]) -> Person:
    """Stops the page where nobody is chosen. names: of the interests, in their order."""
    kept = examples.read_examples(work.store)
    stem = work.store.path.stem
    how = st.segmented_control(
        "Whom to look at",
        [EXAMPLE, DRAWN, BY_ID, MADE_UP],
        default=EXAMPLE if kept else DRAWN,
        key=f"whom-{stem}",
        persist_state="session",
        required=True,
    )
    draw = {EXAMPLE: kept_example, DRAWN: drawn_person, BY_ID: person_by_id, MADE_UP: made_up_person}[how]
    person = draw(work, names)
    if person is None:
        st.stop()
    if how != EXAMPLE:
        keep_button(work, person)
    return person


def kept_example(work: Workspace, names: list[str]) -> Person | None:
    kept = examples.read_examples(work.store)
    people, missing = place_examples(work, kept)
    by_id = {example.example_id: example for example in kept}
    if missing:
        gone = ", ".join(f"“{plain_markdown(example.name)}”" for example in missing[:3])
        st.caption(f"{len(missing)} of the examples are not in these logs: {gone}.")
    box, away = st.columns([5, 1], vertical_alignment="bottom")
    if people:
        chosen = box.selectbox(
            "Example",
            list(people),
            format_func=lambda example_id: example_name(by_id[example_id], people[example_id]),
            key=f"example-{work.store.path.stem}",
            persist_state="session",
        )
        away.button(
            "Delete", icon=":material/delete:", on_click=delete_example, args=(work, by_id[chosen]), width="stretch",
            help="It can be brought back.",
        )  # fmt: skip
    else:
        st.info("No example is kept yet. Look at somebody, then press “Keep as an example”.")
    gone = st.session_state.get("example_deleted", {}).get(work.store.path)
    if gone:
        label = f"Bring back “{plain_markdown(gone.name)}”"
        st.button(label, key="example_back", icon=":material/undo:", on_click=bring_back, args=(work, gone))
    return people[chosen] if people else None


def example_name(example: Example, person: Person) -> str:
    whose = "made up" if person.user is None else person.name
    return f"{example.name} ({whose})" if example.name != whose else whose


def delete_example(work: Workspace, example: Example) -> None:
    if doing(lambda: examples.set_example_deleted(work.store, example.example_id, True), "Deleted."):
        st.session_state.setdefault("example_deleted", {})[work.store.path] = example


def bring_back(work: Workspace, example: Example) -> None:
    if doing(lambda: examples.set_example_deleted(work.store, example.example_id, False), "It is back."):
        del st.session_state["example_deleted"][work.store.path]


def drawn_person(work: Workspace, names: list[str]) -> Person | None:
    histories = work.histories
    lengths = np.diff(histories.starts)
    interest_box, length_box, draw_box = st.columns([2, 2, 1], vertical_alignment="bottom")
    wanted = interest_box.selectbox(
        "Who have",
        [ANY, *range(len(names))],
        format_func=lambda cluster: "any interest" if cluster == ANY else names[cluster],
        key=box_of_interests(work, "who_have"),
        persist_state="session",
    )
    longest = int(max(lengths.max(initial=1), 2))
    fewest, most = length_box.slider(
        "With so many interests",
        1,
        longest,
        (1, longest),
        key=f"how_many-{work.store.path.stem}-{longest}",
        persist_state="session",
    )
    draw_box.button("Draw others", on_click=draw_people, args=(work,), icon=":material/casino:", width="stretch")
    able = (lengths >= fewest) & (lengths <= most)
    if wanted != ANY:
        has = np.zeros(len(lengths), bool)
        has[np.repeat(np.arange(len(lengths)), lengths)[histories.cluster == wanted]] = True
        able &= has
    found = np.flatnonzero(able)
    if not len(found):
        st.info("Nobody in this log is like that. Choose another interest or more lengths.")
        return None
    draw = st.session_state.get(draw_key(work), 0)
    rng = np.random.default_rng(draw)
    drawn = np.sort(rng.choice(found, min(SHOWN_PEOPLE, len(found)), replace=False))
    user = st.selectbox(
        f"Person ({len(drawn)} of {len(found):,} such people)",
        drawn.tolist(),
        format_func=lambda user: f"{work.user_ids[user]}: {lengths[user]} interests",
        key=f"person-{work.store.path.stem}-{draw}",  # a box of its own, or the browser keeps showing the former person
        persist_state="session",
    )
    return person_of(work, user)


def draw_people(work: Workspace) -> None:
    key = draw_key(work)
    st.session_state[key] = st.session_state.get(key, 0) + 1


def draw_key(work: Workspace) -> str:
    """Under which the session keeps how often other people were drawn."""
    return f"people_seed-{work.store.path.stem}"


def person_by_id(work: Workspace, names: list[str]) -> Person | None:
    wanted = st.text_input(
        "Id of the person",
        key=f"person_id-{work.store.path.stem}",
        persist_state="session",
        placeholder="an id as in your log",
    ).strip()
    if not wanted:
        st.info(f"Ids in this log look like “{plain_markdown(work.user_ids[0][:60])}”.")
        return None
    if wanted not in work.user_ids:
        found = f"There is no person '{wanted[:60]}' in this log. Ids look like '{work.user_ids[0][:60]}'."
        st.warning(plain_markdown(found + left_out_text(work)))
        return None
    return person_of(work, work.user_ids.index(wanted))


def left_out_text(work: Workspace) -> str:
    """Of the people whom the import left out, since somebody may look for one of them."""
    report = stored_logs.log_report(work.store)
    left_out = sum(drop.count for drop in report.drops if drop.reason == "single_user")
    if not left_out:
        return ""
    people = "1 person" if left_out == 1 else f"{left_out:,} people"
    return f" {people} with a single interaction were left out at import: it shows no move to another interest."


def made_up_person(work: Workspace, names: list[str]) -> Person | None:
    chosen = interests_box(
        "Interests, in the order in which they came",
        names,
        key=box_of_interests(work, "made_up"),
        placeholder="Choose one or more",
        help="Such a person has had the three most consumed items of each.",
    )
    if not chosen:
        st.info("Choose the interests of somebody who might be.")
        return None
    return make_up(work, chosen, made_up_name(", ".join(names[cluster] for cluster in chosen)))


def keep_button(work: Workspace, person: Person) -> None:
    with st.popover("Keep as an example", icon=":material/person_add:"):
        st.caption("Examples stay, for everybody who opens this workspace, and are what “What if” looks at.")
        st.text_input("Name", key="example_name", placeholder="Gardener who travels")
        st.button("Keep", key="example_keep", icon=":material/check:", on_click=keep_example, args=(work, person))


def keep_example(work: Workspace, person: Person) -> None:
    name = st.session_state["example_name"].strip() or (person.name if person.user is not None else "")
    ids = () if person.user is not None else work.items["item_id"].to_numpy()[person.items].tolist()
    user_id = None if person.user is None else person.name
    if doing(lambda: examples.save_example(work.store, name, user_id, ids, author=author_name()), "Kept."):
        st.session_state["example_name"] = ""
