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
from .conclusion import OURS
from .exploration import HierarchicalBandit, ProgressiveBandit
from .explorers import HierarchicalExplorer, NeuralExplorer, PolicyExplorer, RandomExplorer, Train
from .measures import measure_trial
from .past import Catalogue, Past
from .people import People
from .trial import run_trial

BOOST = 1.0
"""Standard deviations of a person's scores by which the boosted arm lifts what is of a new interest."""
ARM_NAMES = {
    "sequence": "Recommender alone",
    "popularity": "Most popular first",
    "boosted": "Recommender, new interests boosted",
    "hierarchical": "Hierarchical bandit",
    "progressive": "Progressive hierarchical bandit",
    "neural": "Neural linear bandit",
    "random": "Any new interest",
    "hierex-counts": "hierex, counted from the log",
    "hierex-ease": "hierex, interests that go together",
    "hierex-encoder": "hierex, learned from the descriptions",
    "hierex-causal": "hierex, learned by a language model",
}
ARMS_EXPLAINED = {
    "sequence": "Shows what a model of people's logs expects them to consume next. It does not explore on purpose.",
    "popularity": "Shows everybody what most people consumed. It does not explore on purpose.",
    "boosted": "As the recommender alone, but every item of an interest that is new to the person gets extra points.",
    "hierarchical": "Gives some places to new interests. It picks them from broad groups down to narrow ones, by what "
    "the person has consumed of each so far, and now and then tries what it knows little about.",
    "progressive": "As the hierarchical bandit, but it begins with broad groups, and looks inside one only once the "
    "person has taken to it.",
    "neural": "Gives some places to new interests that the recommender thinks suit the person, and leaves more to luck "
    "the less sure it is.",
    "random": "Gives some places to new interests drawn by lot: what exploring is worth that knows nothing of anybody.",
    "hierex-counts": "Gives some places to the new interests that people with the same latest interests went on to.",
    "hierex-ease": "Gives some places to the new interests that, in people's logs, go together with the latest ones.",
    "hierex-encoder": "Gives some places to the new interests that a model expects next, which reads the descriptions "
    "of interests and has learned from how people moved between them.",
    "hierex-causal": "Gives some places to the new interests that a language model names next, which was trained on "
    "how people moved between interests.",
}
"""What each arm does, for somebody who has never heard of it."""


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
