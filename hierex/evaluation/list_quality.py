"""What lists of items are like, on time that nothing was learned from: how well they fit, how new, how varied.

A *case* is a person with a past before the split who reached something new to them after it. Every arm gives that
person a list of items that they have not had, and all that they reached later is what fits. What is hidden may be in
no list, so nothing counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..config import EvaluationConfig, Progress, no_progress
from ..grounding import ground, recommend_anything
from ..logs import Interactions
from ..metrics import gini, jackknife_error, resample_means
from ..mixing import mix_lists
from ..policies import LanguagePolicy
from ..recommenders import PopularityRecommender, RandomRecommender, Recommender
from ..taxonomy import Taxonomy
from ..taxonomy.distance import distance_from
from ..transition_table import Predictions, rank_best
from ..transitions import Histories, latest_contexts
from ..transitions.pasts import Pasts

LENGTH = 10
NOVEL_INTERESTS = 5
SLOTS = 3
"""Of a mixed list, for items of novel interests."""
GROUPS = 20
"""Of people, each left out once for the intervals of what only all lists together have."""
ALL_NOVEL, MIXED = "novel", "mixed"
HEADER = ["arm", "metric", "value", "low", "high", "lift", "lift_low", "lift_high", "n_users"]


@dataclass(frozen=True)
class ListCases:
    """users: (n,) int; had, later: of each, the items before the split in order, and the new ones from it on that may
    be shown."""

    users: np.ndarray
    had: list[np.ndarray]
    later: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.users)


Arm = Callable[[ListCases], list[np.ndarray]]
"""For some cases, a list of at most `LENGTH` item indices each, best first."""


def find_cases(interactions: Interactions, split: int, hidden: np.ndarray, most: int, seed: int) -> ListCases:
    """At most `most` people, drawn with the seed. hidden: (n_items,) bool."""
    before = interactions.before(split)
    users, had, later = [], [], []
    for user in range(interactions.n_users):
        past = before.items_of(user)
        new = np.setdiff1d(interactions.items_of(user)[len(past) :], past) if len(past) else past
        new = new[~hidden[new]]
        if len(new):
            users.append(user)
            had.append(past)
            later.append(new)
    rows = np.arange(len(users))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return ListCases(np.array(users, np.int64)[rows], [had[row] for row in rows], [later[row] for row in rows])


def list_arms(
    policies: Mapping[str, LanguagePolicy],
    recommender: Recommender,
    interactions: Interactions,
    histories: Histories,
    taxonomy: Taxonomy,
    *,
    k: int,
    seed: int,
) -> dict[str, Arm]:
    """By name: the recommender alone, popularity, random, a mix, and for every policy novel interests alone.

    interactions, histories: before the split. Of novel interests the `NOVEL_INTERESTS` best take turns, with the
    recommender's items in each; the mix has `SLOTS` places for those of the first policy among the recommender's own.
    Novel interests of the first policy are called `ALL_NOVEL`, of another `novel/POLICY`.
    """
    n_items = interactions.n_items
    alone = (recommender, PopularityRecommender(interactions.traffic()), RandomRecommender(seed, n_items))

    def usual(chosen: Recommender) -> Arm:
        hidden = taxonomy.hidden_items
        return lambda cases: recommend_anything(chosen, cases.had, n_items, top=LENGTH, hidden=hidden).items

    def mixed(policy: LanguagePolicy, slots: int) -> Arm:
        def make(cases: ListCases) -> list[np.ndarray]:
            found = name_novel(policy, cases, histories, taxonomy.hidden, k)
            had = [cases.had[row] for row in found.user]
            grounded = ground(found, recommender, taxonomy, had, top=LENGTH)
            novel: list[list[np.ndarray]] = [[] for _ in range(len(cases))]
            for row, items in zip(found.user, grounded.items, strict=True):
                novel[row].append(items)
            others = usual(recommender)(cases) if slots < LENGTH else [np.empty(0, np.int32)] * len(cases)
            return [
                mix_lists(rest, lists, slots=slots, length=LENGTH).items
                for rest, lists in zip(others, novel, strict=True)
            ]

        return make

    first = next(iter(policies))
    arms = {chosen.name: usual(chosen) for chosen in alone} | {MIXED: mixed(policies[first], SLOTS)}
    names = {name: ALL_NOVEL if name == first else f"{ALL_NOVEL}/{name}" for name in policies}
    return arms | {names[name]: mixed(policy, LENGTH) for name, policy in policies.items()}


def name_novel(
    policy: LanguagePolicy, cases: ListCases, histories: Histories, hidden: np.ndarray, k: int
) -> Predictions:
    """The `NOVEL_INTERESTS` best of each case from its latest `k` interests; `user` is the row of the case."""
    ends, starts = histories.starts[cases.users + 1], histories.starts[cases.users]
    contexts = latest_contexts(histories, ends, starts, k=k)
    seen = Pasts(histories.cluster, starts, ends).mark(histories.n_clusters) | hidden
    novel, score = rank_best(np.where(seen, -np.inf, policy.score(contexts)), NOVEL_INTERESTS)
    row, place = np.nonzero(score > 0)
    found = novel[row, place], score[row, place], np.full(len(row), "computed")
    return Predictions(row.astype(np.int32), contexts[row], (place + 1).astype(np.int32), *found)


def measure_lists(
    arms: Mapping[str, Arm],
    cases: ListCases,
    taxonomy: Taxonomy,
    distances: np.ndarray,
    vectors: np.ndarray,
    popular: np.ndarray,
    *,
    config: EvaluationConfig,
    seed: int = 0,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """One row per arm and metric, the columns `HEADER`; no rows without a case. Of each person's list, averaged:

    - `hits`: share of people with at least one item in it that they later had; `recall`: share of what they later had
      (at most as much as the list is long) that is in it; `ndcg`: the same, the higher in the list the more
    - `novel_hits`: share of people with at least one such item of an interest that was new to them
    - `novelty`: share of the list from interests that the person did not have
    - `distance`: how far its interests are from the nearest that they had, 0-1 (`taxonomy.distance`)
    - `diversity`: 1 - mean cosine of the items' vectors, pair by pair (Ziegler et al. 2005)
    - `serendipity`: share of the list that they later had and that the most popular items, which anybody would have
      been shown, do not hold (Ge, Delgado-Battenfeld and Jannach 2010)

    and of all lists together `coverage`, the share of the items not hidden that are in one, and `gini`, how unevenly
    they are. low, high: 95 %, people drawn again; for coverage and gini by leaving out a twentieth of the people at a
    time, since drawing people again would repeat lists. lift: how much more than the first arm, with its interval, the
    same people being drawn for both; missing for coverage and gini. popular: (n_items,) interactions before the split;
    vectors: (n_items, d), unit length; distances: of interests.
    """
    parts: list[pd.DataFrame] = []
    control = None
    for place, (name, arm) in enumerate(arms.items()):
        lists = arm(cases) if len(cases) else []
        if lists:
            found = _per_person(lists, cases, taxonomy, distances, vectors, popular)
            drawn = _draw_means(found.to_numpy(float), config, seed)
            control = drawn if control is None else control
            together = pd.DataFrame([_of_all(metric, lists, ~taxonomy.hidden_items) for metric in TOGETHER])
            parts += [_table(found, drawn, control).assign(arm=name), together.assign(arm=name)]
        progress((place + 1) / len(arms))
    if not parts:
        return pd.DataFrame(columns=HEADER)
    return pd.concat(parts, ignore_index=True).assign(n_users=len(cases))[HEADER]


def _table(found: pd.DataFrame, drawn: np.ndarray, control: np.ndarray) -> pd.DataFrame:
    """One row per metric, with the lift over the first arm."""
    low, high, lift_low, lift_high = np.full((4, len(drawn)), np.nan)
    if len(found) > 1:
        low, high = np.nanpercentile(drawn[:, 1:], [2.5, 97.5], axis=1)
        lift_low, lift_high = np.nanpercentile(drawn[:, 1:] - control[:, 1:], [2.5, 97.5], axis=1)
    table = {"metric": found.columns, "value": drawn[:, 0], "low": low, "high": high}
    return pd.DataFrame(table | {"lift": drawn[:, 0] - control[:, 0], "lift_low": lift_low, "lift_high": lift_high})


def _per_person(lists, cases: ListCases, taxonomy, distances, vectors, popular) -> pd.DataFrame:
    """One row per case. Missing where a list is too short to say."""
    known = np.zeros((len(cases), taxonomy.n_clusters), bool)
    for row, items in enumerate(cases.had):
        known[row, taxonomy.cluster_of_item[items]] = True
    far = distance_from(distances, known)
    by_traffic = np.argsort(-popular, kind="stable")
    by_traffic = by_traffic[~taxonomy.hidden_items[by_traffic]]
    measured = []
    for row, (items, later) in enumerate(zip(lists, cases.later, strict=True)):
        hit, clusters = np.isin(items, later), taxonomy.cluster_of_item[items]
        new = ~known[row, clusters]
        measured.append(
            {
                "hits": float(hit.any()),
                "recall": hit.sum() / min(len(later), LENGTH),
                "ndcg": _ndcg(hit, len(later)),
                "novel_hits": float((hit & new).any()),
                "novelty": new.mean() if len(items) else np.nan,
                "distance": far[row, clusters].mean() if len(items) else np.nan,
                "diversity": list_diversity(vectors[items]),
                "serendipity": (hit & ~np.isin(items, _obvious(by_traffic, cases.had[row]))).sum() / LENGTH,
            }
        )
    return pd.DataFrame(measured)


def _obvious(by_traffic: np.ndarray, had: np.ndarray) -> np.ndarray:
    """The most popular items that somebody with these has not had."""
    first = by_traffic[: LENGTH + len(had)]
    return first[~np.isin(first, had)][:LENGTH]


def _ndcg(hit: np.ndarray, n_fitting: int) -> float:
    gains = 1 / np.log2(np.arange(2, LENGTH + 2))
    return float(gains[: len(hit)] @ hit / gains[: min(n_fitting, LENGTH)].sum())


def list_diversity(vectors: np.ndarray) -> float:
    """1 - mean cosine over all pairs of (n, d) unit vectors; missing for fewer than two.

    >>> round(list_diversity(np.eye(3)), 6), round(list_diversity(np.ones((2, 1))), 6)
    (1.0, 0.0)
    """
    n = len(vectors)
    if n < 2:
        return float("nan")
    total = np.square(vectors.sum(axis=0, dtype=np.float64)).sum()
    own = np.square(vectors, dtype=np.float64).sum()
    return float(1 - (total - own) / (n * (n - 1)))


def _draw_means(rows: np.ndarray, config: EvaluationConfig, seed: int) -> np.ndarray:
    """(m, 1 + resamples) of (n, m) values per person, missing ones left out: means, of all people and of people drawn
    again. The seed draws the same people for every arm, so that differences between arms are those of pairs."""
    present = ~np.isnan(rows)
    sums = np.where(present, rows, 0.0)
    with np.errstate(invalid="ignore"):
        values = sums.sum(axis=0) / present.sum(axis=0)
        drawn = [
            resample_means(sums[:, [column]], present[:, column], resamples=config.resamples, seed=seed)[:, 0]
            for column in range(rows.shape[1])
        ]
    return np.column_stack([values, np.array(drawn)])


def _coverage(shown: np.ndarray) -> float:
    return float((shown > 0).mean())


TOGETHER = {"coverage": _coverage, "gini": gini}


def _of_all(metric: str, lists: Sequence[np.ndarray], may_show: np.ndarray) -> dict:
    """Of how often each item that may be shown is in a list; may_show: (n_items,) bool. Groups of people, dealt out in
    turn, are left out one by one."""
    n_items = len(may_show)
    group = np.repeat(np.arange(len(lists)) % GROUPS, [len(items) for items in lists])
    items = np.concatenate([np.empty(0, np.int64), *lists]).astype(np.int64)
    shown = np.bincount(group * n_items + items, minlength=GROUPS * n_items).reshape(GROUPS, n_items)
    shown = shown[:, may_show]
    measure = TOGETHER[metric]
    value, error = measure(shown.sum(axis=0)), np.nan
    if len(lists) >= GROUPS:
        error = jackknife_error(np.array([measure(shown.sum(axis=0) - left_out) for left_out in shown]))
    low, high = np.clip([value - 1.96 * error, value + 1.96 * error], 0, 1)
    return {"metric": metric, "value": value, "low": low, "high": high}
