"""The trial: weeks in which every arm shows the same people what it chose, and learns from what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config import MOST_SESSIONS, ExperimentConfig, Progress, no_progress, part_of
from ..errors import ConfigError
from ..recommenders import Recommender
from .arms import Arm, train_base
from .draws import draw
from .past import DAY, Past, Viewers
from .people import Minds, People

MOST_CELLS = 300_000_000
"""People times items: a byte each for what was shown, and another for those who come at once."""


@dataclass(frozen=True)
class Outcomes:
    """All that one arm showed, in order: user, item, cluster (n,) int32; day (n,) float64 since the beginning; novel:
    the interest was not in the person's history before that visit; positive: it was consumed; discovered: that opened
    an interest to them; enjoyment: 0-1. (n,) each."""

    user: np.ndarray
    item: np.ndarray
    cluster: np.ndarray
    day: np.ndarray
    novel: np.ndarray
    positive: np.ndarray
    discovered: np.ndarray
    enjoyment: np.ndarray

    def __len__(self) -> int:
        return len(self.user)


def run_trial(
    people: People, past: Past, arms: Sequence[Arm], *, config: ExperimentConfig, progress: Progress = no_progress
) -> dict[str, Outcomes]:
    """Outcomes by the arms' names. The same people come at the same visits in every arm.

    Each week an arm learns from the past and from what it has shown itself, never from another arm; then it is measured
    for a week, and only then are these outcomes learned from. What everybody knows at first is learned once. Raises
    ConfigError where people and items are too many to keep in memory who was shown what.
    """
    if people.n_people * past.n_items > MOST_CELLS:
        most = max(1, MOST_CELLS // past.n_items)
        raise ConfigError(f"With {past.n_items:,} items, {most:,} people can be simulated at most.")
    first: dict[str, Recommender] = {}
    found = {}
    for place, arm in enumerate(arms):
        watched = part_of(progress, place / len(arms), (place + 1) / len(arms))
        found[arm.name] = run_arm(people, past, arm, first, config, watched)
    return found


def run_arm(
    people: People, past: Past, arm: Arm, first: dict[str, Recommender], config: ExperimentConfig, progress: Progress
) -> Outcomes:
    """One arm's weeks. first: recommenders that have learned from the shared past, by base; filled as they are made."""
    room = Room(people, past, config)
    for week in range(config.weeks):
        if week == 0 and arm.base in first:
            recommender = first[arm.base]
        else:
            recommender = train_base(arm.base, room.past, arm.catalogue, config, config.seed)
            first.setdefault(arm.base, recommender)
        arm.learn(room.past, recommender, config.seed)
        for session in range(MOST_SESSIONS):
            room.hold_visit(arm, week * MOST_SESSIONS + session)
            progress((week + (session + 1) / MOST_SESSIONS) / config.weeks)
        room.close_week()
    return room.outcomes()


class Room:
    """Where one arm meets the people: keeps apart what happened (`past`, for the arm) and what people are like."""

    def __init__(self, people: People, past: Past, config: ExperimentConfig):
        self.people, self.past, self.config = people, past, config
        self.minds = Minds(people, config)
        log = past.consumed()
        self.histories = [list(log.items_of(user)) for user in range(log.n_users)]
        self.shown = np.zeros((log.n_users, log.n_items), bool)
        self.shown[log.user_index, log.item_index] = True
        self.has = np.zeros(people.appeal.shape, bool)
        self.has[log.user_index, people.cluster_of_item[log.item_index]] = True
        self.visits: list[Outcomes] = []
        self.n_learned = 0

    def hold_visit(self, arm: Arm, visit: int) -> None:
        """Those who come are shown what the arm chooses, slot by slot."""
        self.minds.rest(7 / MOST_SESSIONS)
        comes = draw(self.config.seed, "comes", visit, np.arange(self.people.n_people)) < self.people.activity
        users = np.flatnonzero(comes)
        if not len(users):
            return
        histories = [np.array(self.histories[user], np.int32) for user in users]
        viewers = Viewers(users, histories, self.shown[users], self.has[users], visit)
        items = arm.choose(viewers)
        for column in items.T:
            row = np.flatnonzero(column >= 0)
            self._show(users[row], column[row], viewers.has[row], visit)
        seen = self.visits[-items.shape[1] :]
        arm.observe(*(np.concatenate([getattr(part, of) for part in seen]) for of in ("user", "item", "positive")))

    def _show(self, users: np.ndarray, items: np.ndarray, had: np.ndarray, visit: int) -> None:
        """One item to each of these people. had: (m, n_clusters), their interests before this visit."""
        reaction = self.minds.react(users, items, visit)
        clusters = self.people.cluster_of_item[items]
        self.shown[users, items] = True
        self.has[users[reaction.positive], clusters[reaction.positive]] = True
        for user, item in zip(users[reaction.positive], items[reaction.positive], strict=True):
            self.histories[user].append(item)
        day = np.full(len(users), (visit + 0.5) * 7 / MOST_SESSIONS)
        novel = ~had[np.arange(len(users)), clusters]
        told = (reaction.positive, reaction.discovered, reaction.enjoyment)
        self.visits.append(Outcomes(users.astype(np.int32), items.astype(np.int32), clusters, day, novel, *told))

    def close_week(self) -> None:
        """What happened since the last week was closed becomes part of what the arm may learn from."""
        for seen in self.visits[self.n_learned :]:
            if len(seen):
                self.past = self.past.then(seen.user, seen.item, round(seen.day[0] * DAY), seen.positive)
        self.n_learned = len(self.visits)

    def outcomes(self) -> Outcomes:
        names = Outcomes.__dataclass_fields__
        columns = [[getattr(visit, name) for visit in self.visits] for name in names]
        return Outcomes(*(np.concatenate(column) if column else np.empty(0) for column in columns))
