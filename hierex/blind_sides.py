"""The two sides of a blind comparison: whom they are shown for, what each shows, and what a judgement says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .agreement import ALIKE, FIRST, SECOND
from .examples import place_examples, read_examples
from .feedback import Lesson
from .judgements import Subject
from .persons import Person, person_of
from .serving import Served
from .taxonomy import Taxonomy
from .workspace import Workspace

TOP, ITEMS = 5, 3
MOST_DRAWN = 50
"""People drawn from the log, after the examples: more than one reviewer judges in a sitting."""


@dataclass(frozen=True)
class Judged:
    """Somebody whom reviewers judge for. name: what they are called on screen."""

    subject: Subject
    name: str
    person: Person


def people_to_judge(work: Workspace, comparison_id: int) -> list[Judged]:
    """The kept examples that have a history in these logs, then people drawn from the log: the same for everybody."""
    examples = read_examples(work.store)
    placed, _ = place_examples(work, examples)
    chosen = []
    for example in (example for example in examples if example.example_id in placed):
        made_up = example.user_id is None
        subject = Subject(example.user_id, example.example_id if made_up else None)
        chosen.append(Judged(subject, example.name, placed[example.example_id]))
    able = np.flatnonzero(np.diff(work.interactions.starts) > 0)
    drawn = np.random.default_rng(comparison_id).permutation(able)[: MOST_DRAWN + len(chosen)]
    drawn = [Judged(Subject(work.user_ids[user], None), work.user_ids[user], person_of(work, user)) for user in drawn]
    kept = {judged.subject: judged for judged in chosen}
    others = [judged for judged in drawn if judged.subject not in kept]
    return [judged for judged in kept.values() if len(judged.person.items)] + others[:MOST_DRAWN]


@dataclass(frozen=True)
class Side:
    """What one build shows one person. context, novel: ids of interests in the tree; novel and items (indices) best
    first; held: (n_items,) bool, the items of the novel ones."""

    context: tuple[int, ...]
    novel: tuple[int, ...]
    items: tuple[tuple[int, ...], ...]
    held: np.ndarray
    taxonomy: Taxonomy

    @property
    def shown(self) -> tuple:
        """The same for sides that a reviewer cannot tell apart."""
        return self.novel, self.items


def show_side(work: Workspace, served: Served) -> Side:
    """served: for one person."""
    predictions, taxonomy = served.predictions, work.taxonomy
    ids = taxonomy.cluster_ids
    context = ids[predictions.context[0]].tolist() if len(predictions) else []
    return Side(
        tuple(context),
        tuple(ids[predictions.novel].tolist()),
        tuple(tuple(items.tolist()) for items in served.grounded.items),
        np.isin(taxonomy.cluster_of_item, predictions.novel),
        taxonomy,
    )


def lessons_of(first: Side, second: Side, winner: str) -> list[Lesson]:
    """What a judgement says of novel interests that only one side shows: of those that share no item with any on the
    other side. They are liked where their side won; alike says nothing of them."""
    if winner == ALIKE:
        return []
    lessons = []
    for side, other, won in ((first, second, winner == FIRST), (second, first, winner == SECOND)):
        lessons += [Lesson(side.context, novel, won) for novel in _only_here(side, other)]
    return lessons


def _only_here(side: Side, other: Side) -> Sequence[int]:
    places = np.flatnonzero(np.isin(side.taxonomy.cluster_ids, side.novel))
    shared = {int(side.taxonomy.cluster_ids[c]) for c in places if other.held[side.taxonomy.items_of(c)].any()}
    return [novel for novel in side.novel if novel not in shared]
