"""Holds a simulated trial beside a finished build, with people fitted to its log, and keeps what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict

import pandas as pd

from .config import ExperimentConfig, PolicyConfig, Progress, RecommenderConfig
from .errors import ConfigError
from .experiment.exploration import level_interests
from .experiment.fitting import fit_people, plant_people
from .experiment.lineup import Learned, simulate
from .experiment.past import Catalogue
from .experiment.planted import interest_vectors, plant_catalogue, plant_descriptions
from .kept import stage_tables
from .kept.results import latest_keys
from .maker import Compute, Maker, Watch, compute_here, watch_nothing
from .policies.model_folder import content_of
from .result_keys import digest, interests_digest, result_key
from .store import Store, Writer
from .synthetic import SAMPLE_SIZE, make_world
from .workspace import Workspace

STAGE = "experiment"
VERSION = 2
"""Raise it when the same trial comes out otherwise."""
POLICIES = ("counts", "ease", "encoder")
"""Arms of hierex in every trial. A policy of the build cannot take part: it has learned from what people keep back."""
SLOW = "causal"
"""Takes part only where the build learns that way, since it is trained anew every week."""


def hold_trial(
    store: Store,
    work: Workspace,
    config: ExperimentConfig,
    *,
    compute: Compute = compute_here,
    watch: Watch = watch_nothing,
) -> None:
    """Keeps the tables of `measure_trial`, and `config` beside them.

    Raises NotReady when nothing was built, TooLittleData for a log too short, Cancelled when `compute` was stopped.
    """
    said = pd.DataFrame({"config": [json.dumps(asdict(config))]})

    def make(progress: Progress) -> dict[str, pd.DataFrame]:
        return compute(simulate, *fitted_setting(work, config), config=config, progress=progress)

    def write(writer: Writer, key: str, tables: dict[str, pd.DataFrame]) -> None:
        stage_tables.write_evaluation(writer, key, tables | {"config": said})

    Maker(store, dict(work.keys), watch).make(STAGE, trial_depends(work, config), make, write)


def fitted_setting(work: Workspace, config: ExperimentConfig) -> tuple:
    """What `simulate` takes, from a workspace: people, past, catalogue, policies."""
    taxonomy, vectors = work.taxonomy, work.vectors
    catalogue = Catalogue(taxonomy, vectors, level_interests(work.tree, taxonomy, vectors), work.config.transition.k)
    described = work.cluster_descriptions(), work.read_words(work.words())
    policies = {how.kind: Learned(how, *described, taxonomy.hidden) for how in trial_policies(work.config.policy)}
    return *fit_people(work.interactions, taxonomy, vectors, config=config), catalogue, policies


def planted_setting(config: ExperimentConfig, *, times_items: int = 1) -> tuple:
    """The same from a planted world of the sample's size, another one for another seed; with more items if wanted."""
    size = SAMPLE_SIZE | {"n_items": times_items * SAMPLE_SIZE["n_items"]}
    world = make_world(**size, seed=config.seed)
    log, vectors = world.log(), world.vectors()
    catalogue = plant_catalogue(world.interests, world.interest_of_item, log.traffic(), vectors)
    descriptions = plant_descriptions(world.interests)
    described = descriptions, interest_vectors(catalogue.taxonomy, vectors)
    policies = {how.kind: Learned(how, *described) for how in trial_policies(PolicyConfig())}
    people = plant_people(log, catalogue.taxonomy, vectors, world.successors, config=config)
    return *people, catalogue, policies


def trial_policies(built: PolicyConfig) -> list[PolicyConfig]:
    """How the arms of hierex learn, beside a build whose policy learned as `built` says."""
    quick = [PolicyConfig(kind=kind) for kind in POLICIES]
    return [*quick, built] if built.kind == SLOW else quick


def trial_depends(work: Workspace, config: ExperimentConfig) -> list:
    """What the outcome of a trial depends on."""
    made = [work.key("logs"), work.key("embeddings"), interests_digest(work), digest(work.taxonomy.hidden_items)]
    policies = [[learned_as(how), content_of(how.causal.base)] for how in trial_policies(work.config.policy)]
    return [VERSION, *made, work.words(), work.config.transition.k, policies, asdict(config)]


def learned_as(how: PolicyConfig) -> dict:
    """Without what only a model elsewhere is made of: trials that were kept before there was that choice are found."""
    return {name: value for name, value in asdict(how).items() if name != "answers"}


def latest_trial(work: Workspace) -> tuple[ExperimentConfig, dict[str, pd.DataFrame]] | None:
    """The latest one that was held with these interests; None where there is none."""
    for key in latest_keys(work.store, STAGE):
        tables = stage_tables.read_evaluation(work.store, key)
        config = read_config(tables.pop("config")["config"][0])
        if config and result_key(STAGE, *trial_depends(work, config)) == key:
            return config, tables
    return None


def read_config(text: str) -> ExperimentConfig | None:
    """The inverse of `json.dumps(asdict(config))`, which knows no tuples; None where another version wrote it, which
    had other settings or allowed other values."""
    said = json.loads(text)
    try:
        recommender = {
            name: tuple(value) if isinstance(value, list) else value for name, value in said["recommender"].items()
        }
        return ExperimentConfig(**said | {"recommender": RecommenderConfig(**recommender)})
    except (TypeError, KeyError, ConfigError):
        return None
