"""How well it works on time that training never saw, beside baselines.

A *case* is a moment at which a person reached something new to them, and a scorer is asked to rank everything that
was new to them then. There is one right answer per case. Scorers that give equal scores are judged by the average
over all orders of the equal ones, so `chance` (all scores equal) is an exact expectation and not one lucky draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..config import EvaluationConfig, Progress, no_progress
from ..errors import ConfigError
from ..logs import Interactions
from ..metrics import ndcg_at, recall_at, resample_means
from ..policies import HistoryPolicy, LanguagePolicy, reads_histories
from ..ranking import rows_at_once
from ..recommenders import Recommender
from ..transitions import Histories, latest_contexts
from ..transitions.pasts import Pasts

POPULARITY = "popularity"
CHANCE = "chance"
MATCH_RATE = "match_rate"
FROM_HISTORY = "@history"
"""Ends the name of what a policy answers from all that a person had, and not from the latest K interests alone."""
BY_CONSTRUCTION = "by construction"
DEFAULTS = EvaluationConfig()


def evaluate_policies(
    policies: dict[str, LanguagePolicy],
    histories: Histories,
    *,
    split: int,
    k: int,
    hidden: np.ndarray | None = None,
    config: EvaluationConfig = DEFAULTS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """How well each policy ranks the next novel interest, for every move at or after the clock `split`.

    histories: the full ones. A case's context is its `k` latest interests before the move; nothing of the history
    before the move is a candidate. hidden: (n_clusters,) bool, what is never predicted: such interests come after all
    others, and moves to them are no cases. Returns one row per policy and metric: policy, metric (`recall@1`, ...,
    `ndcg@10`, `match_rate`), value, low and high (95 % interval, resampling people; missing with one person),
    n_cases, n_users, note. A policy that reads whole histories too (`HistoryPolicy`) has a second set of rows for what
    it answers from all before the move, named `POLICY@history`. Beside the policies given stand `popularity` (interests
    by the number of people who moved to them before the split) and `chance`. A policy with `matches` (`MatchReport`)
    has the match rate that was measured on raw answers, any other one names known interests by construction. No rows
    where there is no case. Raises ConfigError for k < 1.
    """
    if k < 1:
        raise ConfigError(f"A prediction cannot start from {k} interests. Choose 1 or more.")
    hidden = np.zeros(histories.n_clusters, bool) if hidden is None else hidden
    cases, people = _next_interests(histories, split, hidden)

    def ask(policy: LanguagePolicy) -> Scorer:
        return lambda part: policy.score(latest_contexts(histories, part.ends, part.starts, k=k))

    def ask_whole(policy: HistoryPolicy) -> Scorer:
        return lambda part: policy.score_histories(part.histories())

    def without_hidden(score: Scorer) -> Scorer:
        return lambda part: np.where(hidden, -np.inf, score(part))

    scorers = {name: ask(policy) for name, policy in policies.items()}
    reading = {name: policy for name, policy in policies.items() if reads_histories(policy)}
    scorers |= {name + FROM_HISTORY: ask_whole(policy) for name, policy in reading.items()}
    scorers = {name: without_hidden(score) for name, score in _with_baselines(scorers, people).items()}
    return _with_match_rates(_measure(scorers, cases, "policy", config, seed, progress), policies)


def _with_match_rates(table: pd.DataFrame, policies: dict[str, LanguagePolicy]) -> pd.DataFrame:
    """The table with a row more for every policy in it."""
    matches = table.drop_duplicates("policy")
    matches = matches[matches["policy"].isin(list(policies))]
    measured = [getattr(policies[name], "matches", None) for name in matches["policy"]]
    matches = matches.assign(
        metric=MATCH_RATE,
        value=[1.0 if report is None else report.rate for report in measured],
        low=np.nan,
        high=np.nan,
        note=[BY_CONSTRUCTION if report is None else "" for report in measured],
    )
    return pd.concat([table, matches], ignore_index=True) if len(matches) else table


def evaluate_items(
    recommenders: dict[str, Recommender],
    interactions: Interactions,
    *,
    split: int,
    config: EvaluationConfig = DEFAULTS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """How well each recommender ranks a person's next item: the first one at or after `split` that is new to them.

    interactions: the full log. The recommender sees the items before it; none of them is a candidate. At most
    `config.people_for_items` people are asked, drawn with the seed. Returns the columns of `evaluate_policies`, with
    `recommender` in place of `policy`; `popularity` (interactions before the split) and `chance` stand beside them.
    """
    cases = _next_items(interactions, split)
    if len(cases) > config.people_for_items:
        drawn = np.random.default_rng(seed).choice(len(cases), config.people_for_items, replace=False)
        cases = cases.take(np.sort(drawn))
    every_item = np.arange(interactions.n_items)

    def ask(recommender: Recommender) -> Scorer:
        return lambda part: recommender.score(part.seen(), every_item)

    scorers = {name: ask(recommender) for name, recommender in recommenders.items()}
    traffic = interactions.before(split).traffic()
    return _measure(_with_baselines(scorers, traffic), cases, "recommender", config, seed, progress)


@dataclass(frozen=True)
class Cases:
    """Moments at which somebody reached something new. All (n,) int: starts, ends, user.

    Case i saw `sequence[starts[i]:ends[i]]`, all theirs, earliest first; the right answer is `sequence[ends[i]]`;
    the candidates are 0..n_choices - 1 without what was seen.
    """

    sequence: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    user: np.ndarray
    n_choices: int

    def __len__(self) -> int:
        return len(self.ends)

    def take(self, rows: np.ndarray | slice) -> Cases:
        return Cases(self.sequence, self.starts[rows], self.ends[rows], self.user[rows], self.n_choices)

    @property
    def pasts(self) -> Pasts:
        """What each case saw."""
        return Pasts(self.sequence, self.starts, self.ends)

    def histories(self) -> Histories:
        """What each case saw, as the history of a person of its own."""
        _, seen, _ = self.pasts.flat()
        starts = np.concatenate([[0], np.cumsum(self.ends - self.starts)])
        return Histories(seen, np.zeros(len(seen), np.int64), starts, self.n_choices)

    def seen(self) -> list[np.ndarray]:
        return [self.sequence[start:end] for start, end in zip(self.starts, self.ends, strict=True)]


Scorer = Callable[[Cases], np.ndarray]
"""Scores (n, n_choices) for some cases, larger is better."""


def rank_answers(scores: np.ndarray, cases: Cases) -> tuple[np.ndarray, np.ndarray]:
    """Where the right answers stand among the candidates: how many score better, how many the same (itself included).

    scores: (n, n_choices). Both results are (n,) int64. Raises ValueError where a score is not a number.
    """
    if np.isnan(scores).any():
        raise ValueError("A scorer gave scores that are not numbers.")
    candidates = np.array(scores)
    row, seen, _ = cases.pasts.flat()
    candidates[row, seen] = np.nan
    answers = candidates[np.arange(len(cases)), cases.sequence[cases.ends], None]
    return (candidates > answers).sum(axis=1), (candidates == answers).sum(axis=1)


def _measure(
    scorers: dict[str, Scorer], cases: Cases, who: str, config: EvaluationConfig, seed: int, progress: Progress
) -> pd.DataFrame:
    """One row per scorer and metric, the scorer's name in the column `who`."""
    header = [who, "metric", "value", "low", "high", "n_cases", "n_users", "note"]
    if not len(cases):
        return pd.DataFrame(columns=header)
    metrics = _metrics(config)
    people, person = np.unique(cases.user, return_inverse=True)
    counts = np.bincount(person)
    at_once = rows_at_once(cases.n_choices)
    sums = np.zeros((len(people), len(scorers), len(metrics)))
    for place, score in enumerate(scorers.values()):
        for start in range(0, len(cases), at_once):
            rows = slice(start, start + at_once)
            part = cases.take(rows)
            better, tied = rank_answers(score(part), part)
            for column, metric in enumerate(metrics.values()):
                sums[:, place, column] += np.bincount(person[rows], metric(better, tied), minlength=len(people))
            progress((place + min(1.0, (start + at_once) / len(cases))) / len(scorers))
    sums = sums.reshape(len(people), -1)
    values = sums.sum(axis=0) / len(cases)
    low, high = np.full((2, len(values)), np.nan)
    if len(people) > 1:
        low, high = np.percentile(
            resample_means(sums, counts, resamples=config.resamples, seed=seed), [2.5, 97.5], axis=0
        )
    names = [(name, metric) for name in scorers for metric in metrics]
    table = pd.DataFrame(names, columns=[who, "metric"])
    return table.assign(value=values, low=low, high=high, n_cases=len(cases), n_users=len(people), note="")[header]


def _metrics(config: EvaluationConfig) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    def recall(k: int):
        return lambda better, tied: recall_at(better, tied, k=k)

    return {f"recall@{k}": recall(k) for k in config.tops} | {"ndcg@10": lambda b, t: ndcg_at(b, t, k=10)}


def _with_baselines(scorers: dict[str, Scorer], popularity: np.ndarray) -> dict[str, Scorer]:
    def same_for_all(scores: np.ndarray) -> Scorer:
        return lambda part: np.broadcast_to(scores, (len(part), part.n_choices))

    popularity = popularity.astype(np.float64)
    baselines = {POPULARITY: same_for_all(popularity), CHANCE: same_for_all(np.zeros_like(popularity))}
    return scorers | {name: scorer for name, scorer in baselines.items() if name not in scorers}


def _next_interests(histories: Histories, split: int, hidden: np.ndarray) -> tuple[Cases, np.ndarray]:
    """Every move at or after `split` to an interest that is not hidden; and how many people moved to each before."""
    starts = np.repeat(histories.starts[:-1], np.diff(histories.starts))
    is_move = np.arange(len(starts)) > starts
    held_out = histories.clock >= split
    ends = np.flatnonzero(is_move & held_out & ~hidden[histories.cluster])
    user = np.searchsorted(histories.starts, ends, side="right") - 1
    people = np.bincount(histories.cluster[is_move & ~held_out], minlength=histories.n_clusters)
    return Cases(histories.cluster, starts[ends], ends, user, histories.n_clusters), people


def _next_items(interactions: Interactions, split: int) -> Cases:
    """Per person with anything before it: their first interaction at or after `split` with an item new to them."""
    item, user = interactions.item_index, interactions.user_index.astype(np.int64)
    new = np.zeros(len(item), bool)
    new[np.unique(user * interactions.n_items + item, return_index=True)[1]] = True
    starts = interactions.starts[user]
    rows = np.flatnonzero(new & (interactions.clock >= split) & (np.arange(len(item)) > starts))
    ends = rows[np.unique(user[rows], return_index=True)[1]]
    return Cases(item, starts[ends], ends, user[ends], interactions.n_items)
