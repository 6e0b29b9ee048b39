"""A planted world whose right answers are known: the sample data, and the tests' fixture.

Every item belongs to one leaf of a tree of interests. Everyone starts in one interest, stays a while, goes back to
earlier ones, and now and then moves on to one that is new to them. Which one follows from the last two new interests:
`World.successors` is the exact law, so the best possible predictor is known.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import ConfigError
from ..logs import Interactions
from ..transitions import Histories, histories_of_items
from .drift import plant_successors, walk
from .interests import choose_interests, read_vocabulary, write_texts

PUBLISHED_AT = "published_at"
WATCHED_AT = "watched_at"

START = np.datetime64("2025-06-01T00:00:00")
DAYS = 365
DAY = 86_400
"""Seconds. Clocks in this module are seconds since START."""

HOURS = np.array([5, 3, 2, 1, 1, 1, 2, 4, 5, 5, 5, 5, 7, 7, 6, 6, 6, 8, 10, 13, 15, 16, 13, 9], dtype=float)
"""How much is watched at each hour of the day, from midnight."""
WEEKDAYS = np.array([1, 1, 1, 1, 1.15, 1.5, 1.55])
"""How much is watched on each day of the week, from Monday."""

SAMPLE_SIZE = {"n_items": 3_000, "n_users": 2_000, "n_interactions": 60_000}
SAMPLE_SEED = 7


@dataclass(frozen=True)
class World:
    """A catalogue and a log as they come from files, and the truth behind them.

    items: item_id, title, description (often empty), hashtags, published_at; earliest first. interactions: user_id,
    item_id, watched_at; earliest first, about one row in 500 twice. Times are UTC in ISO form.
    interests: paths such as "Cooking > Baking > Sourdough". interest_of_item: (n_items,) int32, by row of `items`.
    successors: (n, n, n) float32, [a, b, c] is the probability that c is the next new interest of a person whose last
    two new ones were a and then b; [b, b, c] where b is their only one. What the person knew before that has to be
    taken out and the rest scaled to one.
    """

    items: pd.DataFrame
    interactions: pd.DataFrame
    interests: tuple[str, ...]
    interest_of_item: np.ndarray
    successors: np.ndarray

    @property
    def n_interests(self) -> int:
        return len(self.interests)

    def log(self) -> Interactions:
        """The interactions as the stages want them, no row twice: users in order of id, items by row of `items`."""
        log = self.interactions.drop_duplicates()
        user, users = pd.factorize(log["user_id"], sort=True)
        item = pd.Index(self.items["item_id"]).get_indexer(log["item_id"])
        clock = pd.to_datetime(log[WATCHED_AT]).dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
        order = np.argsort(user, kind="stable")
        return Interactions(
            user_index=user[order].astype(np.int32),
            item_index=item[order].astype(np.int32),
            clock=clock[order],
            starts=np.concatenate([[0], np.cumsum(np.bincount(user, minlength=len(users)))]).astype(np.int64),
            n_items=len(self.items),
            has_dates=True,
        )

    def histories(self) -> Histories:
        """Everyone's true interests in order of first visit; users and clock as in `log`."""
        return histories_of_items(self.log(), self.interest_of_item, self.n_interests)

    def vectors(self, *, dimensions: int = 64, spread: float = 0.7, seed: int = 0) -> np.ndarray:
        """(n_items, dimensions) float32, unit length: what a perfect text model would make of the items.

        Items share a direction of length one with their top, their branch and their leaf each; `spread` is the length
        of what an item has of its own.
        """
        rng = np.random.default_rng(seed)
        centres = np.zeros((self.n_interests, dimensions))
        for depth in (1, 2, 3):
            code, names = pd.factorize(np.array([" > ".join(p.split(" > ")[:depth]) for p in self.interests], object))
            centres += rng.normal(size=(len(names), dimensions))[code]
        vectors = centres[self.interest_of_item] + spread * rng.normal(size=(len(self.items), dimensions))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_world(
    *, n_items: int, n_users: int, n_interactions: int, seed: int = 0, n_interests: int | None = None
) -> World:
    """A world of that size; the same seed gives the same world.

    n_interests: None takes all there are, or fewer where the catalogue is small (15 items each on average).
    Raises ConfigError where that is no world: fewer items than interests, fewer interactions than users.
    """
    known = len(read_vocabulary()[0])
    n_interests = n_interests or int(np.clip(n_items // 15, 2, known))
    if not 2 <= n_interests <= min(known, n_items):
        raise ConfigError(f"There cannot be {n_interests} interests in {n_items} items. Choose 2 to {known} interests.")
    if not 1 <= n_users <= n_interactions:
        raise ConfigError(f"{n_users} users cannot share {n_interactions} interactions. Give every user at least one.")
    rng = np.random.default_rng(seed)
    interests = choose_interests(n_interests)
    popularity = _zipf(rng.permutation(n_interests) + 4, 0.8)
    successors = plant_successors(interests, popularity, rng)
    catalogue = _publish(n_items, popularity, rng)
    texts = write_texts(interests, catalogue.interest, rng)

    n_twice = min(n_interactions // 500, n_interactions - n_users)
    n_once = n_interactions - n_twice
    lengths = _apportion(n_once, rng.lognormal(sigma=0.75, size=n_users), least=min(3, n_once // n_users))
    user = np.repeat(np.arange(n_users), lengths)
    clock = _draw_clock(lengths, rng)
    item = _choose_items(catalogue, walk(successors, popularity, lengths, rng), user, clock, rng)
    rows = np.concatenate([np.arange(n_once), rng.choice(n_once, n_twice, replace=False)])
    rows = rows[np.argsort(clock[rows], kind="stable")]

    user_ids, item_ids = _ids("u", n_users), _ids("v", n_items)
    items = pd.DataFrame({"item_id": item_ids, **texts, PUBLISHED_AT: _iso(catalogue.published)})
    interactions = pd.DataFrame(
        {"user_id": user_ids[user[rows]], "item_id": item_ids[item[rows]], WATCHED_AT: _iso(clock[rows])}
    )
    paths = tuple(" > ".join(interest.path) for interest in interests)
    return World(items, interactions, paths, catalogue.interest, successors)


def write_sample(folder: Path) -> World:
    """Writes items.csv and interactions.csv.gz, always the same; returns the world that they show."""
    world = make_world(**SAMPLE_SIZE, seed=SAMPLE_SEED)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    items, interactions = (
        frame.to_csv(index=False, lineterminator="\n").encode() for frame in (world.items, world.interactions)
    )
    (folder / "items.csv").write_bytes(items)
    (folder / "interactions.csv.gz").write_bytes(gzip.compress(interactions, mtime=0))
    return world


@dataclass(frozen=True)
class _Catalogue:
    """interest, published (clock), appeal within its interest: (n_items,) each, earliest first."""

    interest: np.ndarray
    published: np.ndarray
    appeal: np.ndarray


def _publish(n_items: int, popularity: np.ndarray, rng: np.random.Generator) -> _Catalogue:
    """Half of the items, and the most watched one of each interest, are there from the start; the others come later."""
    counts = _apportion(n_items, popularity**0.7, least=1)
    interest = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    rank = np.arange(n_items) - np.searchsorted(interest, interest)
    early = (rank == 0) | (rng.random(n_items) < 0.5)
    days = np.where(early, rng.uniform(-180, -1, n_items), rng.uniform(0, 0.9 * DAYS, n_items))
    order = np.argsort(days)
    return _Catalogue(interest[order], (days[order] * DAY).astype(np.int64), _zipf(rank[order] + 2, 0.9))


def _choose_items(
    catalogue: _Catalogue, interest: np.ndarray, user: np.ndarray, clock: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(n,) row of an item of that interest, by appeal; what isn't out yet or was watched already is chosen again.

    After some rounds the rest stand: people with little left to watch watch again, and who asked too often for what
    isn't out gets the most watched item.
    """
    by_interest = np.lexsort((-catalogue.appeal, catalogue.interest))
    firsts = np.searchsorted(catalogue.interest[by_interest], np.arange(interest.max() + 2))
    reach = np.concatenate([[0], np.cumsum(catalogue.appeal[by_interest])])
    item = np.empty(len(interest), dtype=np.int64)
    todo = np.arange(len(interest))
    for _ in range(12):
        lo, hi = firsts[interest[todo]], firsts[interest[todo] + 1]
        point = reach[lo] + rng.random(len(todo)) * (reach[hi] - reach[lo])
        item[todo] = by_interest[np.clip(np.searchsorted(reach, point, side="right") - 1, lo, hi - 1)]
        todo = np.flatnonzero((catalogue.published[item] > clock) | _repeated(user, item))
    unpublished = catalogue.published[item] > clock
    item[unpublished] = by_interest[firsts[interest[unpublished]]]
    return item


def _draw_clock(lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(sum of lengths,) int64, when each user watches, in sessions of about four; user by user, earliest first.

    Sessions are a Poisson process in activity time, which runs faster in the evenings and at weekends.
    """
    n_users, n = len(lengths), lengths.sum()
    starts = np.cumsum(lengths) - lengths
    opens = rng.random(n) < 0.25
    opens[starts] = True
    gaps = np.where(opens, rng.exponential(size=n), 0)
    waited = gaps.cumsum() - np.repeat(gaps.cumsum()[starts] - gaps[starts], lengths)
    joined = np.where(rng.random(n_users) < 0.55, 0, rng.uniform(0, 0.8, n_users))
    span = (1 - joined) * np.minimum(rng.uniform(0.3, 2, n_users), 1)
    pace = span / (waited[starts + lengths - 1] + rng.exponential(size=n_users))
    share = np.repeat(joined, lengths) + waited * np.repeat(pace, lengths)

    hour = np.arange(24 * DAYS)
    monday_based = START.astype("datetime64[D]").astype(int) + 3
    activity = np.concatenate([[0], np.cumsum(HOURS[hour % 24] * WEEKDAYS[(hour // 24 + monday_based) % 7])])
    opened = np.interp(share * activity[-1], activity, np.arange(len(activity)) * 3_600)
    watching = np.where(opens, 0, rng.uniform(8, 150, n)).cumsum()
    clock = (opened + watching - watching[opens][opens.cumsum() - 1]).astype(np.int64)
    return clock[np.lexsort((clock, np.repeat(np.arange(n_users), lengths)))]


def _apportion(total: int, weights: np.ndarray, *, least: int) -> np.ndarray:
    """Whole numbers of at least `least` that sum to the total and go by the weights (largest remainders)."""
    exact = (total - least * len(weights)) * weights / weights.sum()
    counts = exact.astype(np.int64)
    missing = total - least * len(weights) - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
    return counts + least


def _zipf(rank: np.ndarray, exponent: float) -> np.ndarray:
    weights = rank ** -float(exponent)
    return weights / weights.sum()


def _repeated(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n,) bool: the pair has been there before."""
    return pd.Series(first.astype(np.int64) << 32 | second).duplicated().to_numpy()


def _ids(prefix: str, n: int) -> np.ndarray:
    width = max(4, len(str(n)))
    return np.array([f"{prefix}{number:0{width}}" for number in range(1, n + 1)], dtype=object)


def _iso(clock: np.ndarray) -> pd.Series:
    return pd.Series(np.datetime_as_string(START + clock.astype("timedelta64[s]"))) + "Z"
