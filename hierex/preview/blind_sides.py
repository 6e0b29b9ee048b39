"""The two sides of a blind comparison: whom they are shown for, what each shows, and what a judgement says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kept.examples import read_examples
from ..kept.feedback import Lesson
from ..kept.judgements import ALIKE, FIRST, SECOND
from ..kept.reviewers import Subject
from ..taxonomy import Taxonomy
from ..workspace import Workspace
from .examples import place_examples
from .persons import Person, person_of, serve_person

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
        person = placed[example.example_id]
        chosen.append(Judged(person.subject, example.name, person))
    able = np.flatnonzero(np.diff(work.interactions.starts) > 0)
    drawn = np.random.default_rng(comparison_id).permutation(able)[: MOST_DRAWN + len(chosen)]
    drawn = [Judged(person.subject, person.name, person) for person in (person_of(work, user) for user in drawn)]
    kept = {judged.subject: judged for judged in chosen}
    others = [judged for judged in drawn if judged.subject not in kept]
    return [judged for judged in kept.values() if len(judged.person.items)] + others[:MOST_DRAWN]


@dataclass(frozen=True)
class Side:
    """What one build shows one person. context, novel: ids of interests in the tree; items: of each novel one, indices.
    Best first."""

    context: tuple[int, ...]
    novel: tuple[int, ...]
    items: tuple[tuple[int, ...], ...]

    def shows_as(self, other: Side) -> bool:
        """Whether a reviewer would see the same."""
        return (self.novel, self.items) == (other.novel, other.items)


def show_side(work: Workspace, person: Person) -> Side:
    served = serve_person(work, person, top=TOP, items=ITEMS)
    predictions, ids = served.predictions, work.taxonomy.cluster_ids
    context = ids[predictions.context[0]].tolist() if len(predictions) else []
    items = tuple(tuple(items.tolist()) for items in served.grounded.items)
    return Side(tuple(context), tuple(ids[predictions.novel].tolist()), items)


def lessons_of(sides: tuple[Side, Side], taxonomies: tuple[Taxonomy, Taxonomy], winner: str) -> list[Lesson]:
    """What a judgement says of novel interests that only one side shows: of those that share no item with any on the
    other side. They are liked where their side won; alike says nothing of them."""
    if winner == ALIKE:
        return []
    shown = [_places(taxonomy, side) for taxonomy, side in zip(taxonomies, sides, strict=True)]
    held = [np.isin(taxonomy.cluster_of_item, places) for taxonomy, places in zip(taxonomies, shown, strict=True)]
    lessons = []
    for own, other, own_name in ((0, 1, FIRST), (1, 0, SECOND)):
        taxonomy = taxonomies[own]
        alone = [place for place in shown[own] if not held[other][taxonomy.items_of(place)].any()]
        ids = taxonomy.cluster_ids[alone].tolist()
        lessons += [Lesson(sides[own].context, novel, winner == own_name) for novel in ids]
    return lessons


def _places(taxonomy: Taxonomy, side: Side) -> list[int]:
    """The indices of what it shows."""
    place_of = {cluster_id: place for place, cluster_id in enumerate(taxonomy.cluster_ids.tolist())}
    return [place_of[novel] for novel in side.novel]
