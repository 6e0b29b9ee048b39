"""Two builds side by side without their names: a reviewer says which is better for one person after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from ...kept import judgements
from ...kept.judgements import ALIKE, FIRST, NEITHER, SECOND, Comparison, Judgement
from ...kept.reviewers import reviewer_key
from ...preview.blind_sides import Judged, Side, lessons_of, people_to_judge, show_side
from ...preview.comparisons import find_sides
from ...preview.persons import Person
from ...result_keys import predictions_depend
from ...wording import plain_markdown, time_text
from ...workspace import Workspace
from ..author import author_box
from ..opened import doing, serve_run
from .blind_results import blind_results
from .compared import set_state, set_up

LATEST_ITEMS = 12


def blind_comparison(work: Workspace) -> None:
    st.markdown(
        "Two builds, for the same person, side by side without their names. Say which one you would rather show; "
        "several reviewers judge the same people, each sees left and right in an order of their own."
    )
    author = author_box(told="kept with what you say", width=340)
    comparisons = judgements.read_comparisons(work.store)
    setting_up = f"setting_up-{work.store.path.stem}"
    if not comparisons or st.session_state.get(setting_up):
        set_up(work, author, setting_up, bool(comparisons))
        return
    box, others = st.columns([3, 1], vertical_alignment="bottom")
    chosen = box.selectbox(
        "Comparison",
        range(len(comparisons)),
        format_func=lambda place: comparison_name(comparisons[place]),
        key=f"comparison-{work.store.path.stem}",
    )
    others.button("Compare others", key="compare_others", on_click=set_state, args=(setting_up, True), width="stretch")
    if not author:
        st.info("Type your name first: what you say is kept with it.")
        return
    judge_people(work, comparisons[chosen], author)
    st.divider()
    blind_results(work, comparisons[chosen], author)


def comparison_name(comparison: Comparison) -> str:
    """Says nothing of what is compared."""
    return f"{comparison.comparison_id}: started by {comparison.author} on {time_text(comparison.made_at)} UTC"


# -- judging -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """Both sides of a comparison, first and second, and how interests are called on each, by id."""

    works: tuple[Workspace, Workspace]
    names: tuple[dict[int, str], dict[int, str]]

    def show(self, judged: Judged) -> tuple[Side, Side]:
        person = judged.person
        first, second = (shown_by(predictions_depend(w), person.had, w, person) for w in self.works)
        return first, second

    def differ(self, judged: Judged) -> bool:
        first, second = self.show(judged)
        return not first.shows_as(second)


@st.cache_data(max_entries=1_000, show_spinner=False)
def shown_by(depends: tuple, items: bytes, _work: Workspace, _person: Person) -> Side:
    return show_side(_work, _person)


def open_sides(work: Workspace, comparison: Comparison) -> Opened | None:
    """None where one of the builds is not there any more."""
    runs = find_sides(work.store, comparison)
    if None in runs:
        return None
    first, second = (serve_run(work, run) for run in runs)
    called = [[description.name for description in side.cluster_descriptions()] for side in (first, second)]
    ids = [side.taxonomy.cluster_ids.tolist() for side in (first, second)]
    names = tuple(dict(zip(found, words, strict=True)) for found, words in zip(ids, called, strict=True))
    return Opened((first, second), names)


@dataclass(frozen=True)
class Sitting:
    """Of one reviewer at one comparison. seen: whether they have seen the results."""

    work: Workspace
    comparison: Comparison
    author: str
    opened: Opened
    seen: bool

    @property
    def at(self) -> str:
        """The key of whom they look at, where they chose it."""
        return f"judged_now-{self.work.store.path.stem}-{self.comparison.comparison_id}-{self.author}"

    def order(self, judged: Judged) -> tuple[str, str]:
        """What is left and what is right."""
        left = judgements.left_is_first(self.comparison.comparison_id, judged.subject, self.author)
        return (FIRST, SECOND) if left else (SECOND, FIRST)


def judge_people(work: Workspace, comparison: Comparison, author: str) -> None:
    opened = open_sides(work, comparison)
    if opened is None:
        st.warning(
            "One of the two builds was forgotten to save room, so nobody can be judged until it is built again.",
            icon=":material/block:",
        )
        return
    sitting = Sitting(
        work, comparison, author, opened, judgements.has_seen(work.store, comparison.comparison_id, author)
    )
    people = people_to_judge(work, comparison.comparison_id)
    every = judgements.read_judgements(work.store, comparison.comparison_id)
    said = {judgement.subject: judgement for judgement in every if judgement.reviewer == reviewer_key(author)}
    wanted = st.session_state.get(sitting.at)
    place = find_place(people, range(len(people)), lambda judged: judged.subject == wanted)
    if place is None:
        place = find_place(people, range(len(people)), lambda one: one.subject not in said and opened.differ(one))
    st.caption(
        f"You have judged {len(said):,}. There are {len(people):,} people, examples first; those to whom both builds "
        "show the same are passed over."
    )
    if place is None:
        st.success("You have judged everybody to whom the two show something different.", icon=":material/check:")
    else:
        judge_one(sitting, people[place], said.get(people[place].subject))
    move_on(sitting, people, len(people) if place is None else place)


def find_place(people: list[Judged], places: Iterable[int], wanted: Callable[[Judged], bool]) -> int | None:
    return next((place for place in places if wanted(people[place])), None)


def move_on(sitting: Sitting, people: list[Judged], place: int) -> None:
    def go(places: range) -> None:
        found = find_place(people, places, sitting.opened.differ)
        if found is not None:
            st.session_state[sitting.at] = people[found].subject

    earlier, later = range(place - 1, -1, -1), range(place + 1, len(people))
    for box, label, icon, places in zip(
        st.columns(2), ("Back", "Next person"), ("arrow_back", "arrow_forward"), (earlier, later), strict=True
    ):
        box.button(
            label, key=f"judge-{icon}", icon=f":material/{icon}:", on_click=go, args=(places,), disabled=not places
        )


def judge_one(sitting: Sitting, judged: Judged, said: Judgement | None) -> None:
    titles = sitting.work.items["title"].to_numpy()
    st.subheader(plain_markdown(judged.name))
    latest = list(dict.fromkeys(titles[judged.person.items[::-1]].tolist()))[:LATEST_ITEMS]
    show_latest([plain_markdown(title) for title in latest])
    sides = dict(zip((FIRST, SECOND), zip(sitting.opened.show(judged), sitting.opened.names, strict=True), strict=True))
    for box, which, label in zip(st.columns(2, border=True), sitting.order(judged), ("Left", "Right"), strict=True):
        with box:
            st.markdown(f"**{label}**")
            show_one_side(*sides[which], names_of(*sides[SECOND if which == FIRST else FIRST]), titles)
    say_which(sitting, judged, said)
    st.caption(
        "Interests that only one side shows count as liked where you prefer that side, and as not liked where you "
        "don't: predictions can be put in that order under “What comes next”, “What people liked”."
    )


def show_latest(titles: list[str]) -> None:
    st.caption("What they had last, the latest first")
    half = (len(titles) + 1) // 2
    for box, part in zip(st.columns(2), (titles[:half], titles[half:]), strict=True):
        box.markdown("\n".join(f"- {title}" for title in part))


def names_of(side: Side, names: dict[int, str]) -> set[str]:
    return {names[novel] for novel in side.novel}


def show_one_side(side: Side, names: dict[int, str], beside: set[str], titles: np.ndarray) -> None:
    """beside: the names that the other side shows."""
    if not side.novel:
        st.markdown("Nothing new to suggest.")
    for rank, (novel, items) in enumerate(zip(side.novel, side.items, strict=True), 1):
        found = "\n".join(f"- {plain_markdown(titles[item])}" for item in items) or "- nothing that they have not had"
        mark = "" if names[novel] in beside else " :small[(only on this side)]"
        st.markdown(f"**{rank}\\. {plain_markdown(names[novel])}**{mark}\n{found}")


def say_which(sitting: Sitting, judged: Judged, said: Judgement | None) -> None:
    left, right = sitting.order(judged)
    labels = {left: "the left one", right: "the right one", ALIKE: "both alike", NEITHER: "neither is any good"}
    why = f"why-{sitting.at}-{judged.subject.key}"
    st.text_input("Why (optional; say it before you choose)", key=why, value=said.reason if said else "")
    for box, winner in zip(st.columns(4), labels, strict=True):
        box.button(
            labels[winner].capitalize(),
            key=f"say-{labels[winner]}",
            type="primary" if said and said.winner == winner else "secondary",
            on_click=keep,
            args=(sitting, judged, winner, why),
            width="stretch",
        )
    if said and said.blind and sitting.seen:
        st.markdown(
            f"You said: **{labels[said.winner]}**. You said it blind and have seen the results since, so it stays. "
            "Another answer is kept beside it, but does not count."
        )
    elif said:
        line, undo = st.columns([4, 1], vertical_alignment="center")
        line.markdown(f"You said: **{labels[said.winner]}**. Another answer takes its place.")
        undo.button("Undo", key="undo_judgement", icon=":material/undo:", on_click=take_back, args=(sitting, said))


def keep(sitting: Sitting, judged: Judged, winner: str, why: str) -> None:
    """For callbacks. why: the key of the reason."""
    work, (first, second) = sitting.work, sitting.opened.works
    lessons = []
    if first.tree_key == second.tree_key == work.tree_key:
        lessons = lessons_of(sitting.opened.show(judged), (first.taxonomy, second.taxonomy), winner)

    def save() -> None:
        judgements.save_judgement(
            work.store,
            sitting.comparison.comparison_id,
            judged.subject,
            winner,
            author=sitting.author,
            reason=st.session_state.get(why, ""),
            tree_key=work.tree_key,
            lessons=lessons,
            name=judged.person.name,
        )

    if doing(save):
        st.session_state.pop(sitting.at, None)


def take_back(sitting: Sitting, said: Judgement) -> None:
    """For callbacks."""
    if doing(lambda: judgements.set_judgement_undone(sitting.work.store, said.judgement_id, True), "Taken back."):
        st.session_state[sitting.at] = said.subject
