"""Somebody whom predictions are made for, one at a time: a person of the log, or one who is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..grounding import GroundedItems, ground, recommend_anything
from ..kept.reviewers import Subject
from ..recommenders import Recommender
from ..serving import Served
from ..taxonomy import Taxonomy
from ..transition_table import Predictions, predict_novel
from ..transitions import Histories
from ..workspace import Workspace

ITEMS_PER_INTEREST = 3
"""Of a made-up person: enough for a recommender to read something from, few enough to leave items to find."""


@dataclass(frozen=True)
class Person:
    """name: the id in the log, or what a made-up person is called; items: (n,) int32, earliest first, repeats included;
    user: the index in the log, None for a made-up person; example_id: of a made-up one who is kept; disliked: (m,)
    int32, what they had too, which shows no interest."""

    name: str
    items: np.ndarray
    user: int | None = None
    example_id: int | None = None
    disliked: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))

    @property
    def had(self) -> bytes:
        """All that answers for them depend on, as a key."""
        return self.items.tobytes() + b"|" + self.disliked.tobytes()

    @property
    def subject(self) -> Subject:
        """Whom reviewers speak of. Made-up people who are not kept are told apart by the interests in their name."""
        return Subject(None if self.example_id is not None else self.name, self.example_id)

    def history(self, taxonomy: Taxonomy) -> np.ndarray:
        """(m,) int32: their distinct interests in order of first visit."""
        return in_order(taxonomy.cluster_of_item[self.items])

    def alone(self, taxonomy: Taxonomy) -> Histories:
        """Their history as that of the only person, without times."""
        history = self.history(taxonomy)
        return Histories(history, np.zeros(len(history), np.int64), np.array([0, len(history)]), taxonomy.n_clusters)

    def latest(self, taxonomy: Taxonomy, k: int) -> tuple[int, ...]:
        """Their `k` latest interests, latest last; where there are fewer, the earliest is repeated. Empty for none."""
        history = self.history(taxonomy)[-k:].tolist()
        return tuple(history[:1] * (k - len(history)) + history)


def in_order(labels: np.ndarray) -> np.ndarray:
    """Distinct labels in the order in which they first come."""
    found, first = np.unique(labels, return_index=True)
    return found[np.argsort(first)]


def person_of(work: Workspace, user: int) -> Person:
    return Person(
        work.user_ids[user], work.interactions.items_of(user), int(user), disliked=work.disliked.items_of(user)
    )


def made_up_name(name: str) -> str:
    """What a made-up person of this name is called where people of the log are named too, who may have that id."""
    return f"{name} (made up)"


def make_up(work: Workspace, clusters: Sequence[int], name: str) -> Person:
    """Who has had the most consumed items of these interests (indices), in this order.

    Hidden items are left out where there are others.
    """
    taxonomy = work.taxonomy
    rank = work.items["traffic"].to_numpy() - 1e12 * taxonomy.hidden_items
    chosen = [items[np.argsort(-rank[items], kind="stable")] for items in map(taxonomy.items_of, clusters)]
    items = [best[:ITEMS_PER_INTEREST][::-1] for best in chosen]
    return Person(name, np.concatenate([np.empty(0, np.int32), *items]).astype(np.int32))


def visits_frame(work: Workspace, person: Person, names: Sequence[str], colors: Sequence[str]) -> pd.DataFrame:
    """A person's interactions in order: when (dates, or numbers where there are none), name, color, title."""
    clusters = work.taxonomy.cluster_of_item[person.items]
    when = np.arange(1, len(person.items) + 1)
    if person.user is not None and work.interactions.has_dates:
        rows = slice(work.interactions.starts[person.user], work.interactions.starts[person.user + 1])
        when = pd.to_datetime(work.interactions.clock[rows], unit="us")
    return pd.DataFrame(
        {
            "when": when,
            "name": [names[cluster] for cluster in clusters],
            "color": [colors[cluster] for cluster in clusters],
            "title": work.items["title"].to_numpy()[person.items],
        }
    )


def serve_person(
    work: Workspace,
    person: Person,
    *,
    top: int,
    items: int,
    context: Sequence[int] | None = None,
    whole: bool = False,
) -> Served:
    """The `top` best novel interests and `items` items in each. Without a history, or with every interest, no rows.

    context: interests (indices) to start from instead of their latest; whole: see `predict_novel`.
    """
    alone = person.alone(work.taxonomy)
    predictions = predict_novel(
        work.policy,
        work.table,
        alone,
        np.zeros(1, np.int64),
        top=top,
        contexts=None if context is None else np.array([context]),
        hidden=work.taxonomy.hidden,
        whole=whole,
    )
    return Served(predictions, ground_for(work.recommender, work.taxonomy, person, predictions, top=items))


def ground_for(
    recommender: Recommender, taxonomy: Taxonomy, person: Person, predictions: Predictions, *, top: int
) -> GroundedItems:
    """The items of each of the predictions, which are all for this person."""
    had, disliked = ([items] * len(predictions) for items in (person.items, person.disliked))
    return ground(predictions, recommender, taxonomy, had, top=top, disliked=disliked)


def recommend_usual(work: Workspace, person: Person, *, top: int) -> np.ndarray:
    """(<= top,) item indices, best first: what the recommender gives where it is not held to an interest."""
    found = recommend_anything(
        work.recommender,
        [person.items],
        len(work.items),
        top=top,
        hidden=work.taxonomy.hidden_items,
        disliked=[person.disliked],
    )
    return found.items[0]
