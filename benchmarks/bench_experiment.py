"""The simulated trial: hierex against the other ways to explore, over several seeds.

    python -m benchmarks.bench_experiment [--data FOLDER] [--seeds 0 1 2] [--people 600] [--weeks 4] [--noise 0.03]
        [--times-items 1]

Every seed is another planted world with other people; with `--data` (a folder per data set with `items.parquet` and
`interactions.parquet`) people are fitted to these logs too, other people and other training for every seed.

- every arm: the mean over seeds of each measure, shares in percent;
- hierex against each exploration baseline: the mean difference over seeds, on the same people, with a 95 % interval
  from how it varies between seeds (Student's t), which holds the chance in training too; in brackets in how many of the
  seeds the interval over people alone was above and below 0.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from hierex.config import ExperimentConfig, RunConfig
from hierex.experiment.lifts import EXPLORING, OURS
from hierex.experiment.lineup import simulate
from hierex.imports import import_logs
from hierex.logs import LogFile
from hierex.pipeline import run_pipeline
from hierex.store import open_store
from hierex.trials import fitted_setting, planted_setting
from hierex.wording.names import arm_name
from hierex.wording.trial import TRIAL_METRICS, is_share, metric_name

from .bench_run import data_sets, markdown

METRICS = (*TRIAL_METRICS, "uci@5", "uci@10", "uci@20")


def main() -> None:
    parser = argparse.ArgumentParser("bench_experiment")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--people", type=int, default=ExperimentConfig.n_people)
    parser.add_argument("--weeks", type=int, default=ExperimentConfig.weeks)
    parser.add_argument("--noise", type=float, default=ExperimentConfig.noise)
    parser.add_argument("--times-items", type=int, default=1, help="so many times the sample's items when planted")
    options = parser.parse_args()
    config = replace(ExperimentConfig(), n_people=options.people, weeks=options.weeks, noise=options.noise)
    report("planted", partial(planted_setting, times_items=options.times_items), config, options.seeds)
    for name, (items, interactions) in (data_sets(options.data) if options.data else {}).items():
        with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "bench.duckdb", create=True) as store:
            import_logs(store, LogFile(items, items.name), LogFile(interactions, interactions.name))
            work = run_pipeline(store, RunConfig(), until="transitions")
            report(name, lambda config, work=work: fitted_setting(work, config), config, options.seeds)


def report(name: str, setting: Callable[[ExperimentConfig], tuple], config: ExperimentConfig, seeds: list[int]) -> None:
    arms, lifts, seconds = [], [], []
    for seed in seeds:
        started, seeded = time.perf_counter(), replace(config, seed=seed)
        tables = simulate(*setting(seeded), config=seeded)
        seconds.append(time.perf_counter() - started)
        arms.append(tables["arms"].assign(seed=seed))
        lifts.append(tables["lifts"].assign(seed=seed))
        print(f"{name}, seed {seed}: {seconds[-1]:.0f} s", file=sys.stderr, flush=True)
    arms, lifts = pd.concat(arms), pd.concat(lifts)
    n_people = ", ".join(str(n) for n in arms["n_people"].unique())
    print(f"\n### {name}: {n_people} people, {len(seeds)} seeds, {np.mean(seconds):.0f} s each\n", flush=True)
    print(markdown(arm_rows(arms)), "\n", flush=True)
    print(markdown(lift_rows(lifts)), flush=True)


def arm_rows(arms: pd.DataFrame) -> pd.DataFrame:
    means = arms.groupby(["arm", "metric"], sort=False)["value"].mean()
    return pd.DataFrame(
        [
            {"arm": arm_name(arm)} | {metric_name(metric): number(metric, means[arm, metric]) for metric in METRICS}
            for arm in arms["arm"].unique()
        ]
    )


def lift_rows(lifts: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for arm in (arm for arm in lifts["arm"].unique() if arm.startswith(OURS)):
        for control in (name for name in ("random", *EXPLORING) if name in set(lifts["control"])):
            found = lifts[(lifts["arm"] == arm) & (lifts["control"] == control)].set_index("metric")
            row = {"hierex": arm_name(arm), "against": arm_name(control)}
            rows.append(row | {metric_name(metric): between_seeds(metric, found.loc[[metric]]) for metric in METRICS})
    return pd.DataFrame(rows)


def between_seeds(metric: str, found: pd.DataFrame) -> str:
    differences = found["difference"].to_numpy()
    text = number(metric, differences.mean(), signed=True)
    if len(differences) > 1:
        half = stats.t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
        text += f" ± {number(metric, half)}"
    return f"{text} ({(found['low'] > 0).sum()}/{(found['high'] < 0).sum()})"


def number(metric: str, value: float, *, signed: bool = False) -> str:
    return f"{(100 if is_share(metric) else 1) * value:{'+' if signed else ''}.2f}"


if __name__ == "__main__":
    main()
