"""The record of runs: what was asked for, how far it got, and the keys of what it made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import datetime
from typing import TypeVar

import pandas as pd

from ..config import (
    AskedAs,
    BehaviourConfig,
    CausalConfig,
    EmbeddingConfig,
    LayerConfig,
    PolicyConfig,
    RecommenderConfig,
    RunConfig,
    TransitionConfig,
)
from ..errors import ConfigError
from ..store import Store, now
from .curation_edits import read_taxonomy_key
from .stage_tables import read_evaluation
from .stored_logs import log_report

SAID_ONCE = ("regrow", "tree_key")
Config = TypeVar("Config")


@dataclass(frozen=True)
class RunRecord:
    """One run of the pipeline. status: running, done, partial (it was to end early), stopped (by a person), failed.
    keys: stage -> result key. config: `choices_of`, and whether they were `chosen`."""

    run_id: int
    started_at: datetime
    status: str
    keys: dict[str, str]
    config: dict
    note: str

    @property
    def was_chosen(self) -> bool:
        """And not only made for an answer about another number of interests."""
        return self.config.get("chosen", self.status != "partial")  # earlier versions did not note it


def read_runs(store: Store, *, status: str | None = None) -> list[RunRecord]:
    """Runs of the present logs, latest first; only those with `status` where it is given."""
    report = log_report(store)
    content = report.content_key if report else None
    return [run for run in _all_runs(store) if run.keys.get("logs") == content and status in (None, run.status)]


def runs_like(store: Store, config: RunConfig) -> list[RunRecord]:
    """Runs of any logs whose tree was grown with these settings, latest first."""
    return [run for run in _all_runs(store) if grown_alike(run, config)]


def grown_alike(run: RunRecord, config: RunConfig) -> bool:
    """Whether the run's tree was grown with these settings."""
    made = config_of(run.config)
    if "other" not in run.config:  # an earlier version kept only what a person chooses
        config = config_of(choices_of(config) | {"other": {}})
    return all(getattr(made, part) == getattr(config, part) for part in ("seed", "embedding", "behaviour", "tree"))


def _all_runs(store: Store) -> list[RunRecord]:
    rows = store.table(
        "SELECT run_id, started_at, status, keys, config, note FROM runs ORDER BY run_id DESC"
    ).to_pylist()
    return [RunRecord(**{**r, "keys": json.loads(r["keys"]), "config": json.loads(r["config"])}) for r in rows]


def latest_choices(store: Store) -> RunConfig:
    """What was chosen last: for the present logs or, where nothing was built from them, for those before.

    A model's answers are about the interests of some logs; other logs begin with the usual way to predict.
    """
    present = read_runs(store)
    if present:
        chosen = (run for run in present if run.was_chosen)
        return config_of(next(chosen, present[0]).config)
    before = next(iter(_all_runs(store)), None)
    config = config_of(before.config) if before else RunConfig()
    return replace(config, policy=PolicyConfig()) if config.policy.kind == "openai" else config


def find_run(store: Store, run_id: int) -> RunRecord | None:
    """Of any logs."""
    return next((run for run in _all_runs(store) if run.run_id == run_id), None)


def shown_run(store: Store) -> RunRecord | None:
    """The run that the app shows: the latest chosen one that was finished, else the latest that has a tree."""
    done = read_runs(store, status="done")
    if done:
        return next((run for run in done if run.was_chosen), done[0])
    return next((run for run in read_runs(store) if "interest_tree" in run.keys), None)


def past_recalls(store: Store, config: RunConfig) -> pd.DataFrame:
    """The recall@10 of finished runs of the present logs, as far as it is kept: granularity, policy, started_at, value,
    low, high, chance. The latest of each granularity and policy, coarsest first.

    config: only runs whose interests were found with its settings count.
    """
    rows = []
    for run in (run for run in read_runs(store, status="done") if grown_alike(run, config)):
        measured = read_evaluation(store, run.keys.get("evaluation", "")).get("policies", pd.DataFrame())
        if not len(measured):
            continue
        recall = measured[measured["metric"] == "recall@10"].set_index("policy")
        policy = run.config["policy"]
        if policy in recall.index and "chance" in recall.index:
            told = {"granularity": read_taxonomy_key(run.keys["taxonomy"])[0], "policy": policy}
            told |= {"started_at": run.started_at, "chance": recall.loc["chance", "value"]}
            rows.append(told | recall.loc[policy, ["value", "low", "high"]].to_dict())
    frame = pd.DataFrame(rows, columns=["granularity", "policy", "started_at", "value", "low", "high", "chance"])
    return frame.drop_duplicates(["granularity", "policy"]).sort_values("granularity", ignore_index=True)


def start_run(store: Store, config: RunConfig, *, chosen: bool = True) -> int:
    """Notes that a run begins; returns its id. chosen: see `RunRecord.was_chosen`."""
    with store.transaction() as writer:
        return writer.execute(
            "INSERT INTO runs (started_at, status, config, keys, note) VALUES (?, 'running', ?, '{}', '') "
            "RETURNING run_id",
            [now(), json.dumps(choices_of(config) | {"chosen": chosen})],
        )[0]


def update_run(store: Store, run_id: int, status: str, keys: dict[str, str], note: str = "") -> None:
    with store.transaction() as writer:
        writer.execute(
            "UPDATE runs SET status = ?, keys = ?, note = ?, ended_at = ? WHERE run_id = ?",
            [status, json.dumps(keys), note, now(), run_id],
        )


def choices_of(config: RunConfig) -> dict:
    """What a person chose for a run and, by stage as `other`, what else is not as it is by default: scripts may set it.

    Without what is said of a single build (`SAID_ONCE`).
    """
    chosen = {
        "granularity": config.granularity,
        "seed": config.seed,
        "policy": config.policy.kind,
        "tune_text": config.policy.tune_text,
        "base_model": config.policy.causal.base,
        "answers": asdict(config.policy.answers) if config.policy.answers else None,
        "model": config.embedding.model,
        "behaviour": config.behaviour.weight,
        "k": config.transition.k,
        "layers": asdict(config.layers),
        "recommender": config.recommender.kind,
    }
    other = _differing(asdict(config), asdict(config_of(chosen)))
    return chosen | {"other": {name: other[name] for name in other if name not in SAID_ONCE}}


def _differing(values: dict, usual: dict) -> dict:
    """By name what differs, groups of values by their parts; JSON knows no tuples."""
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= {name: parts} if (parts := _differing(value, usual[name])) else {}
        elif value != usual[name]:
            found[name] = value
    return found


def config_of(choices: dict) -> RunConfig:
    """The inverse of `choices_of`; what runs of earlier versions did not keep is as it is by default."""
    config = RunConfig(
        granularity=choices["granularity"],
        seed=choices["seed"],
        policy=PolicyConfig(
            kind=choices["policy"],
            tune_text=choices.get("tune_text", False),
            causal=CausalConfig(base=choices.get("base_model", "")),
            answers=_with_values(AskedAs("", "", 0.0, ""), choices["answers"]) if choices.get("answers") else None,
        ),
        embedding=EmbeddingConfig(model=choices["model"]),
        behaviour=BehaviourConfig(weight=choices.get("behaviour", 0.0)),
        transition=TransitionConfig(k=choices.get("k", TransitionConfig.k)),
        layers=_with_values(LayerConfig(), choices.get("layers", {})),
        recommender=RecommenderConfig(kind=choices.get("recommender", RecommenderConfig.kind)),
    )
    return _with_values(config, choices.get("other") or {})


def _with_values(config: Config, values: dict) -> Config:
    """values: as `_differing` returned them, through JSON or not. What this version does not know, or does not allow,
    is as it is by default."""
    known = {}
    for name, value in values.items():
        present = getattr(config, name, None)
        if is_dataclass(present) and isinstance(value, dict):
            known[name] = _with_values(present, value)
        elif name in config.__dataclass_fields__ and not is_dataclass(present) and not isinstance(value, dict):
            known[name] = tuple(value) if isinstance(value, list) else value
    try:
        return replace(config, **known)
    except (ConfigError, TypeError):
        return config
