"""What the Descriptions page shows, read anew whenever it is drawn, and how what people do there is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from ...descriptions import Description
from ...errors import HierexError
from ...kept import description_edits, description_reviews, description_steps
from ...kept.description_edits import Edit, Statement
from ...kept.description_reviews import Review, Standing
from ...taxonomy import Taxonomy
from ...workspace import Workspace
from ..author import author_name
from ..changes import move_change, own_changes
from ..interests import chosen_taxonomy
from ..opened import doing, jobs


@dataclass(frozen=True)
class Described:
    """The interests at the slider's place and what is said of each. placed, standings: by the interest's id.

    edits, reviews: all, earliest first; placed: the edit that is shown; unplaced: those that fit no interest any more.
    share (n,): of the traffic, by the taxonomy's order.
    """

    work: Workspace
    taxonomy: Taxonomy
    descriptions: Mapping[int, Description]
    edits: Sequence[Edit]
    placed: Mapping[int, Edit]
    unplaced: Sequence[Edit | Review]
    reviews: Sequence[Review]
    standings: Mapping[int, Standing]
    share: np.ndarray

    @property
    def nodes(self) -> list[int]:
        """The ids of the interests, in the taxonomy's order."""
        return self.taxonomy.cluster_ids.tolist()

    def item_ids(self, node: int) -> list[str]:
        inside = self.taxonomy.items_of(self.taxonomy.index_of(node))
        return self.work.items["item_id"].to_numpy()[inside].tolist()

    def edit_seen(self, node: int) -> int | None:
        return self.placed[node].edit_id if node in self.placed else None

    def review_seen(self, node: int) -> int | None:
        review = self.standings[node].review
        return review.review_id if review else None


def read_described(work: Workspace) -> Described:
    taxonomy = chosen_taxonomy(work)
    edits, reviews = description_edits.read_edits(work.store), description_reviews.read_reviews(work.store)
    placed, unplaced = work.place_edits(edits)
    placed_reviews, unplaced_reviews = work.place_edits(reviews)
    descriptions = work.descriptions(taxonomy, placed)
    since = {node: change for node, (_, change) in work.changed_since_described().items()}
    standings = description_reviews.find_standings(
        taxonomy, descriptions, placed_reviews, placed, work.items["item_id"], since
    )
    return Described(
        work, taxonomy, descriptions, edits, placed, [*unplaced, *unplaced_reviews], reviews, standings, taxonomy.share
    )


def save_words(shown: Described, wanted: Sequence[Description], seen: Mapping[int, int | None]) -> list[int]:
    """Keeps what the person wrote as one step, to be undone; returns the edits' ids. seen: by interest, its last edit.

    Raises as `description_edits.save_edits` does.
    """
    statements = [Statement(d, shown.item_ids(d.cluster_id), seen.get(d.cluster_id)) for d in wanted]
    remember = rememberer(shown)
    step, ids = description_edits.save_edits(
        shown.work.store, statements, tree_key=shown.work.tree_key, author=author_name()
    )
    remember(step)
    return ids


def save_verdict(shown: Described, nodes: Sequence[int], state: str, note: str = "") -> None:
    """Keeps what the person says of the words on their screen, as one step. Raises as `save_reviews` does."""
    statements = [Statement(shown.descriptions[node], shown.item_ids(node), shown.review_seen(node)) for node in nodes]
    remember = rememberer(shown)
    step = description_reviews.save_reviews(
        shown.work.store, statements, state, note=note, tree_key=shown.work.tree_key, author=author_name()
    )
    remember(step)


def rememberer(shown: Described) -> Callable[[int], None]:
    """To be asked for before a step is made: takes it as this session's latest, which Undo takes back. Streamlit may
    end a callback wherever the session's state is read, but not between the two."""
    mine, taken_back = own_changes("descriptions", shown.work.store)

    def remember(step: int) -> None:
        mine.append(step)
        taken_back.clear()

    return remember


def take_back(shown: Described, step: int) -> None:
    """For callbacks: all of a step."""
    mine, taken_back = own_changes("descriptions", shown.work.store)

    def undo() -> None:
        job = jobs().of(shown.work.store.path)
        if job and job.active and job.step == step:
            raise HierexError("The language model is still at it. Stop it first, or wait until it is done.")
        description_steps.set_step_undone(shown.work.store, step, True)

    if doing(undo, "Taken back."):
        move_change(step, mine, taken_back)
    show_table_anew()


def bring_back(shown: Described, step: int) -> None:
    """For callbacks: all of a step. It stays beneath what came later."""
    mine, taken_back = own_changes("descriptions", shown.work.store)
    beneath = any(_is_beneath(rows, step) for rows in (shown.edits, shown.reviews))
    done = "Brought back, beneath a later change, which is still shown." if beneath else "Brought back."
    if doing(lambda: description_steps.set_step_undone(shown.work.store, step, False), done):
        move_change(step, taken_back, mine)
    show_table_anew()


def _is_beneath(rows: Sequence[Edit | Review], step: int) -> bool:
    """Whether a row of the step would have a later one of the same interest above it. rows: earliest first."""
    above = set()
    for row in reversed(rows):
        if row.step == step and (row.tree_key, row.node_id) in above:
            return True
        if row.step != step and not row.undone:
            above.add((row.tree_key, row.node_id))
    return False


def made_together(shown: Described, step: int) -> int:
    """How many edits and reviews are of this step."""
    return sum(row.step == step for rows in (shown.edits, shown.reviews) for row in rows)


def take_back_one(shown: Described, change: Edit | Review) -> None:
    """For callbacks: without what was done together with it."""
    take_back(shown, _step_of_its_own(shown, change))


def bring_back_one(shown: Described, change: Edit | Review) -> None:
    """For callbacks: without what was done together with it."""
    bring_back(shown, _step_of_its_own(shown, change))


def _step_of_its_own(shown: Described, change: Edit | Review) -> int:
    if made_together(shown, change.step) == 1:
        return change.step
    is_edit = isinstance(change, Edit)
    table, row_id = ("description_edits", change.edit_id) if is_edit else ("description_reviews", change.review_id)
    step = description_steps.leave_step(shown.work.store, table, row_id)
    for steps in own_changes("descriptions", shown.work.store):
        if change.step in steps:
            steps.append(step)
    return step


def show_table_anew() -> None:
    """With what is kept now, and without what the table itself remembers."""
    st.session_state["editor_version"] = st.session_state.get("editor_version", 0) + 1
