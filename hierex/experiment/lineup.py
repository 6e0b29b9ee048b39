"""The arms of a trial, and the whole of it in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from ..config import ExperimentConfig, PolicyConfig, Progress, no_progress
from ..descriptions import Description
from ..policies import LanguagePolicy, train_policy
from ..transitions import Moves
from .arms import Arm
from .exploration import HierarchicalBandit, ProgressiveBandit
from .explorers import HierarchicalExplorer, NeuralExplorer, PolicyExplorer, RandomExplorer, Train
from .lifts import OURS
from .measures import measure_trial
from .past import Catalogue, Past
from .people import People
from .trial import run_trial

BOOST = 1.0
"""Standard deviations of a person's scores by which the boosted arm lifts what is of a new interest."""


@dataclass(frozen=True)
class Learned:
    """Trains a policy on every past anew, as its settings say."""

    config: PolicyConfig
    descriptions: Sequence[Description]
    vectors: np.ndarray
    hidden: np.ndarray | None = None

    def __call__(self, moves: Moves, seed: int) -> LanguagePolicy:
        how = {"config": self.config, "hidden": self.hidden, "seed": seed}
        return train_policy(moves, self.descriptions, self.vectors, **how)


def line_up(catalogue: Catalogue, policies: dict[str, Train], config: ExperimentConfig) -> list[Arm]:
    """The baselines, and an arm `hierex-NAME` for every policy."""
    down_the_tree = partial(HierarchicalExplorer, catalogue, config.seed)
    return [
        Arm("sequence", catalogue, config),
        Arm("boosted", catalogue, config, boost=BOOST),
        Arm("popularity", catalogue, config, base="popularity"),
        Arm("random", catalogue, config, explorer=RandomExplorer(catalogue, config.seed)),
        Arm("hierarchical", catalogue, config, explorer=down_the_tree(HierarchicalBandit)),
        Arm("progressive", catalogue, config, explorer=down_the_tree(ProgressiveBandit)),
        Arm("neural", catalogue, config, explorer=NeuralExplorer(catalogue, config.seed)),
        *(
            Arm(f"{OURS}{name}", catalogue, config, explorer=PolicyExplorer(catalogue, train, config.seed))
            for name, train in policies.items()
        ),
    ]


def simulate(
    people: People,
    past: Past,
    catalogue: Catalogue,
    policies: dict[str, Train],
    *,
    config: ExperimentConfig,
    progress: Progress = no_progress,
) -> dict[str, pd.DataFrame]:
    """The tables of `measure_trial` for all arms of `line_up`."""
    arms = line_up(catalogue, policies, config)
    outcomes = run_trial(people, past, arms, config=config, progress=progress)
    return measure_trial(outcomes, people.n_people, catalogue.taxonomy.n_clusters, config=config)
