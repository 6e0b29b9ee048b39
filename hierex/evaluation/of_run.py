"""What a finished run is worth on the time that it held out: the tables of the Evaluation page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..config import PolicyConfig, Progress, RunConfig, no_progress, part_of
from ..logs import Interactions
from ..policies import LanguagePolicy
from ..policies.counts import train_counts
from ..policies.ease import train_ease
from ..policies.novelty import without_dial
from ..recommenders import Recommender
from ..taxonomy import Taxonomy
from ..transitions import Histories, Moves
from . import evaluate_items, evaluate_policies
from .list_quality import find_cases, list_arms, measure_lists
from .novelty_curve import measure_dial


@dataclass(frozen=True)
class Built:
    """What a run made, to be measured from the clock `split` on.

    learned: what `policy` is laid over, or the same; moves: what it was learned from; histories, interactions: the full
    ones; distances: of interests (`taxonomy.distance`); vectors: (n_items, d) unit length.
    """

    policy: LanguagePolicy
    learned: LanguagePolicy
    moves: Moves
    recommender: Recommender
    histories: Histories
    interactions: Interactions
    taxonomy: Taxonomy
    distances: np.ndarray
    vectors: np.ndarray
    split: int


def evaluate_run(built: Built, *, config: RunConfig, progress: Progress = no_progress) -> dict[str, pd.DataFrame]:
    """The tables of the Evaluation page: policies, items, lists of items (`measure_lists`), and what the dial to what
    is far does to all else that was laid over the policy (`measure_dial`)."""
    policies = {built.policy.name: built.policy, built.learned.name: built.learned}
    policies |= _counted_baselines(built.learned, built.moves, config.policy)
    k, options, split, hidden = config.transition.k, config.evaluation, built.split, built.taxonomy.hidden
    by_policy = evaluate_policies(
        policies,
        built.histories,
        split=split,
        k=k,
        hidden=hidden,
        config=options,
        seed=config.seed,
        progress=part_of(progress, 0, 0.35),
    )
    likely = without_dial(built.policy)
    dial = measure_dial(
        likely,
        built.distances,
        built.histories,
        split=split,
        k=k,
        hidden=hidden,
        progress=part_of(progress, 0.35, 0.5),
    )
    by_recommender = evaluate_items(
        {built.recommender.name: built.recommender},
        built.interactions,
        split=split,
        config=options,
        seed=config.seed,
        progress=part_of(progress, 0.5, 0.8),
    )
    lists = evaluate_lists(built, policies, config=config, progress=part_of(progress, 0.8, 1))
    return {"policies": by_policy, "items": by_recommender, "lists": lists, "dial": dial}


def evaluate_lists(
    built: Built, policies: dict[str, LanguagePolicy], *, config: RunConfig, progress: Progress = no_progress
) -> pd.DataFrame:
    """What `measure_lists` finds of the lists that people would be shown. policies: what is served, then others."""
    options, before = config.evaluation, built.interactions.before(built.split)
    arms = list_arms(
        policies,
        built.recommender,
        before,
        built.histories.before(built.split),
        built.taxonomy,
        k=config.transition.k,
        seed=config.seed,
    )
    hidden = built.taxonomy.hidden_items
    cases = find_cases(built.interactions, built.split, hidden, options.people_for_lists, config.seed)
    return measure_lists(
        arms,
        cases,
        built.taxonomy,
        built.distances,
        built.vectors,
        before.traffic(),
        config=options,
        seed=config.seed,
        progress=progress,
    )


def _counted_baselines(learned: LanguagePolicy, moves: Moves, config: PolicyConfig) -> dict[str, LanguagePolicy]:
    """`counts` and `ease`, taken from what was learned where they are a part of it."""
    parts = {learned.name: learned} | {part.name: part for part in getattr(learned, "counted", ())}
    trainers = {"counts": train_counts, "ease": train_ease}
    return {name: parts.get(name) or train(moves, config=config) for name, train in trainers.items()}
