"""What would change for the kept examples if something were otherwise, before it is done anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from ...errors import HierexError
from ...kept import examples
from ...kept.examples import Example
from ...preview.examples import place_examples
from ...preview.persons import Person, person_of, serve_person
from ...preview.what_if import COUNTED, Foreseen, Supposed, as_it_is, suppose_interests
from ...releases import list_candidates
from ...result_keys import shown_depends
from ...taxonomy import MERGED_FROM, CurationEdit
from ...wording import plain_markdown
from ...wording.labels import told_apart
from ...workspace import Workspace
from ..builds import candidate_name
from ..interests import box_of_interests, interest_names, interests_box, interests_key
from ..opened import serve_run
from .before_after import Answer, answer, show_answers

WORDS, NUMBER, SPLIT, MERGE, OTHER = (
    "an interest were described otherwise",
    "there were more or fewer interests",
    "an interest were split",
    "interests were merged",
    "another build were used",
)
DESCRIPTIONS = ("descriptions", "Descriptions")
GRANULARITY = ("granularity", "Granularity")
NEXT_INTEREST = ("next_interest", "What comes next")
SUPPOSED_EDIT = 900_000_000
"""The id of a change that is only looked at: later than all that people made."""
TOP = 5
ITEMS = 5
DRAWN = 5

Foresee = Callable[[Person], Foreseen]


@dataclass(frozen=True)
class Question:
    """asked: all that the answer depends on besides the present build; before, after: made where they are needed."""

    asked: tuple
    before: Callable[[], Foresee]
    after: Callable[[], Foresee]
    done_at: tuple[str, str]


def supposing(work: Workspace) -> None:
    st.caption(
        "Nothing is changed here. It is worked out what the kept examples would be shown, beside what they would be "
        "shown as things are."
    )
    people = people_to_compare(work)
    what = st.selectbox("What if …", [WORDS, NUMBER, SPLIT, MERGE, OTHER], key="what_if")
    ask = {WORDS: other_words, NUMBER: other_number, SPLIT: split_one, MERGE: merge_some, OTHER: other_build}[what]
    try:
        question = ask(work)
        if question is not None:
            found = answers(shown_depends(work), keyed(people), question.asked, work, people, question)
            show_answers(found, question.done_at)
    except HierexError as reason:
        st.warning(plain_markdown(str(reason)))


def people_to_compare(work: Workspace) -> dict[str, Person]:
    """The kept examples by name; where there are none, a few drawn people."""
    kept = examples.read_examples(work.store)
    people, missing = place_examples(work, kept)
    if people:
        if missing:
            gone = ", ".join(plain_markdown(example.name) for example in missing)
            st.caption(f"Left out, because they are not in these logs: {gone}.")
        by_id: dict[int, Example] = {example.example_id: example for example in kept}
        return {by_id[example_id].name: person for example_id, person in people.items()}
    able = np.flatnonzero(np.diff(work.histories.starts) > 0)
    drawn = np.sort(np.random.default_rng(0).choice(able, min(DRAWN, len(able)), replace=False))
    why = "None of the kept examples is in these logs" if missing else "No examples are kept yet"
    st.info(f"{why}, so {len(drawn)} people of the log stand in for them. Keep some under “One person”.")
    return {work.user_ids[user]: person_of(work, int(user)) for user in drawn}


def keyed(people: dict[str, Person]) -> tuple:
    """All that is told of them, to keep by."""
    return tuple((name, person.had) for name, person in people.items())


# -- what could be otherwise: how it is now, how it would be, and where it is done ------------------------------------


def interest_box(work: Workspace, label: str, key: str) -> int:
    """The index of a chosen interest."""
    names = interest_names(work)
    key = box_of_interests(work, key)
    return st.selectbox(label, list(range(len(names))), format_func=lambda cluster: names[cluster], key=key)


def of(work: Workspace, key: str) -> str:
    return f"{key}-{interests_key(work)}"


def by_learned(work: Workspace, supposed: Supposed) -> Foresee:
    names = told_apart([description.name for description in supposed.descriptions])
    about = supposed.taxonomy, names, work.tree_key, supposed.policy.name
    return lambda person: Foreseen(supposed.serve(work, person, top=TOP, items=ITEMS), *about)


def ask_learned(work: Workspace, asked: tuple, suppose: Callable[[], Supposed], done_at: tuple[str, str]) -> Question:
    """What `suppose` gives against the interests as they are, both answered for by what was learned."""
    if work.policy.name != work.learned_policy.name:
        st.caption("Both are what was learned, without what is laid over it under “What comes next”.")
    return Question(asked, lambda: by_learned(work, as_it_is(work)), lambda: by_learned(work, suppose()), done_at)


def other_words(work: Workspace) -> Question | None:
    if work.learned_policy.name in COUNTED:
        st.info("These predictions were counted and read no words, so other words would change nothing.")
        return None
    cluster = interest_box(work, "Interest", "words_of")
    description = work.cluster_descriptions()[cluster]
    key = f"{of(work, 'other_words')}-{description.cluster_id}"
    text = st.text_area("What is said of it, one phrase a line", "\n".join(description.phrases), height=260, key=key)
    phrases = tuple(" ".join(line.split()) for line in text.splitlines() if line.strip())
    if not phrases:
        st.warning("An interest needs at least one phrase.")
        return None
    if phrases == description.phrases:
        st.info("Change the phrases: they are what predictions read.")
        return None
    changed = {description.cluster_id: replace(description, phrases=phrases)}
    asked = WORDS, description.cluster_id, phrases
    return ask_learned(work, asked, lambda: suppose_interests(work, words=changed), DESCRIPTIONS)


def other_number(work: Workspace) -> Question | None:
    number = st.number_input("Number of interests", 2, work.tree.finest, work.granularity, key=of(work, "other_number"))
    if number == work.granularity:
        st.info(f"It is {number:,} now. Choose another number.")
        return None
    number = int(number)
    return ask_learned(work, (NUMBER, number), lambda: suppose_interests(work, granularity=number), GRANULARITY)


def split_one(work: Workspace) -> Question | None:
    cluster = interest_box(work, "Which", "split_which")
    nodes = work.taxonomy.nodes_of(cluster)
    if work.taxonomy.cluster_ids[cluster] >= MERGED_FROM:
        st.info("This one was merged by people. Take that back on the Granularity page to have its parts.")
        return None
    return ask_edit(work, "split", (int(nodes[0]),))


def merge_some(work: Workspace) -> Question | None:
    names = interest_names(work)
    key = box_of_interests(work, "merge_which")
    chosen = interests_box("Which ones", names, key=key, placeholder="Choose two or more")
    if len(chosen) < 2:
        st.info("Choose two or more.")
        return None
    nodes = tuple(int(node) for cluster in chosen for node in work.taxonomy.nodes_of(cluster))
    return ask_edit(work, "merge", nodes)


def ask_edit(work: Workspace, kind: str, nodes: tuple[int, ...]) -> Question:
    edits = [CurationEdit(SUPPOSED_EDIT, kind, nodes)]
    return ask_learned(work, (kind, nodes), lambda: suppose_interests(work, edits=edits), GRANULARITY)


def other_build(work: Workspace) -> Question | None:
    found = [c for c in list_candidates(work.store) if c.kept and c.run.keys != work.keys]
    if not found:
        st.info("Only one build is kept. Build with another number of interests, or learn another way, to compare.")
        return None
    names = told_apart([candidate_name(candidate) for candidate in found])
    chosen = st.selectbox(
        "Which", list(range(len(found))), format_func=lambda place: names[place], key=of(work, "other")
    )
    other = serve_run(work, found[chosen].run)
    asked = OTHER, *shown_depends(other)
    return Question(asked, lambda: by_build(work), lambda: by_build(other), NEXT_INTEREST)


def by_build(work: Workspace) -> Foresee:
    """With all that is laid over what was learned, as it would be served."""
    names = interest_names(work)
    about = work.taxonomy, names, work.tree_key, work.policy.name
    return lambda person: Foreseen(serve_person(work, person, top=TOP, items=ITEMS), *about)


# -- the answers -------------------------------------------------------------------------------------------------------


@st.cache_data(max_entries=32, show_spinner="Working it out for everybody ...")
def answers(
    depends: tuple, people: tuple, asked: tuple, _work: Workspace, _people: dict[str, Person], _question: Question
) -> dict[str, Answer]:
    """By name. Keyed by all that it depends on, so that a click elsewhere on the page does not work it out again."""
    before, after = _question.before(), _question.after()
    titles = _work.items["title"].to_numpy()
    return {name: answer(before(person), after(person), titles) for name, person in _people.items()}
