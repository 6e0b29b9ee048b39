"""Whose predictions are served: what a person approved after it passed the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import pandas as pd

from ..config import LayerConfig, PolicyConfig, RunConfig
from ..errors import HierexError, NotReady
from ..kept import results, stage_tables
from ..kept.curation_edits import read_taxonomy_key
from ..kept.releases import read_releases, save_release
from ..kept.runs import RunRecord, config_of, find_run, read_runs
from ..policies.match_rate import rate_text
from ..store import Store
from ..workspace import Workspace
from .gates import GateFailed, GateReport, judge_policy
from .released_work import as_made, is_kept


@dataclass(frozen=True)
class Candidate:
    """A finished run as something that could be served. measured: its evaluation, policies only; same: the ids of all
    runs that made the very same, its own too, and when each began; kept: whether it is all still there; n_interests:
    see `count_interests`, and how many were asked for where that cannot be told; earlier: it is of earlier logs."""

    run: RunRecord
    same: Mapping[int, datetime]
    kept: bool
    policy: str
    n_interests: int
    report: GateReport
    measured: pd.DataFrame
    earlier: bool = False


def list_candidates(store: Store) -> list[Candidate]:
    """The finished runs of the present logs that were measured, latest first; of equal ones the latest."""
    return _measured(
        store, read_runs(store, status="done"), lambda run: Workspace(store, config_of(run.config), dict(run.keys))
    )


def list_earlier(present: Workspace) -> list[Candidate]:
    """What was lately released over earlier logs and can be gone back to: its interests are still those of today."""
    store = present.store
    ids = dict.fromkeys(release.run_id for release in read_releases(store) if release.run_id is not None)
    runs = [find_run(store, run_id) for run_id in list(ids)[: results.KEPT_RELEASES]]
    runs = [run for run in runs if run and run.keys["logs"] != present.keys["logs"] and _fits(present, run)]
    return [replace(candidate, earlier=True) for candidate in _measured(store, runs, partial(as_made, present))]


def _fits(present: Workspace, run: RunRecord) -> bool:
    try:
        as_made(present, run)
    except HierexError:
        return False
    return True


def _measured(store: Store, runs: Sequence[RunRecord], made: Callable[[RunRecord], Workspace]) -> list[Candidate]:
    """made: what a run has made, over the present logs."""
    alike: dict[tuple, list[RunRecord]] = {}
    for run in runs:
        alike.setdefault(what_it_made(run), []).append(run)
    candidates, counts = [], {}
    for run, *earlier in alike.values():
        measured = stage_tables.read_evaluation(store, run.keys.get("evaluation", "")).get("policies")
        if measured is None:
            continue
        policy = policy_name(store, run, measured)
        same = {other.run_id: other.started_at for other in (run, *earlier)}
        report = judge_policy(measured, policy)
        interests = run.keys["interest_tree"], run.keys["taxonomy"]
        counts[interests] = counts.get(interests) or count_interests(store, run, made)
        n_interests = counts[interests] or read_taxonomy_key(run.keys["taxonomy"])[0]
        candidates.append(Candidate(run, same, is_kept(store, run), policy, n_interests, report, measured))
    return candidates


def count_interests(store: Store, run: RunRecord, made: Callable[[RunRecord], Workspace]) -> int | None:
    """How many the run was made of, with what people had changed by then; None where that cannot be told any more."""
    granularity, changed = read_taxonomy_key(run.keys["taxonomy"])
    if not changed:
        return granularity
    if n_answered := len(stage_tables.table_clusters(store, run.keys["transition_table"])):
        return n_answered
    return made(run).taxonomy.n_clusters if is_kept(store, run) else None  # a long start has no table of answers


def what_it_made(run: RunRecord) -> tuple[str | None, ...]:
    """The same for runs that made the very same predictions and items."""
    return tuple(run.keys.get(stage) for stage in ("taxonomy", "policies", "transition_table", "recommenders"))


def release_run(
    store: Store,
    run_id: int,
    *,
    author: str,
    note: str = "",
    seen: int | None = None,
    present: Workspace | None = None,
) -> None:
    """Serves this run's predictions from now on: one of the present logs or, with `present`, of `list_earlier`.

    seen: the latest decision that the author knows of (`latest_decision`); whatever it was, without it. Raises
    GateFailed where they did not pass the gates, NotReady where they were not measured, HierexError for a run that is
    not there, not finished or forgotten, for a missing name or a note that is too long, and where somebody has decided
    after what was seen.
    """
    runs = read_runs(store, status="done") + [earlier.run for earlier in (list_earlier(present) if present else ())]
    run = next((run for run in runs if run.run_id == run_id), None)
    if run is None:
        raise HierexError("These predictions are not there any more, or were made from logs that were replaced.")
    if not is_kept(store, run):
        raise HierexError("These predictions were forgotten to save room. Build them again, then release them.")
    report = report_of(store, run)
    if not report.passed:
        raise GateFailed(f"These predictions cannot be released: {why_not(report)}")
    save_release(store, run_id, author=author, note=note, seen=seen)


def withdraw(store: Store, *, author: str, note: str = "", seen: int | None = None) -> None:
    """Nothing is served from now on. Raises HierexError for a missing name, and where somebody has decided after what
    was `seen`."""
    save_release(store, None, author=author, note=note, seen=seen)


def other_policy(config: RunConfig, policy: PolicyConfig, *, k: int) -> RunConfig:
    """The same run with another policy, which starts from `k` interests, and nothing laid over it."""
    return replace(config, policy=policy, transition=replace(config.transition, k=k), layers=LayerConfig())


def report_of(store: Store, run: RunRecord) -> GateReport:
    """How the run's predictions stand to the gates. Raises NotReady where they were not measured."""
    measured = stage_tables.read_evaluation(store, run.keys.get("evaluation", "")).get("policies")
    if measured is None:
        raise NotReady("These predictions were not measured on later time yet.")
    return judge_policy(measured, policy_name(store, run, measured))


def policy_name(store: Store, run: RunRecord, measured: pd.DataFrame) -> str:
    """Of the policy that answers: the first that was measured, also where the policy itself was forgotten since.

    It is another than was asked for where data were too few, and has the names of what is laid over it.
    """
    if len(measured):
        return measured["policy"].iloc[0]
    found = stage_tables.read_model_name(store, "policies", run.keys.get("policies", ""))
    return found or run.config["policy"]


def why_not(report: GateReport) -> str:
    """The gates that were not passed, in words."""
    reasons = []
    if report.match_rate.value is not None and not report.match_rate.passed:
        reasons.append(
            f"only {rate_text(report.match_rate.value)} of the raw answers are known interests, and it takes "
            f"{report.match_rate.needed:.0%}."
        )
    if report.recall.value is None:
        reasons.append("nobody reached a new interest in later time, so nothing shows that they are right.")
    elif report.match_rate.value is None:
        reasons.append("an earlier version did not measure how many answers are known interests. Build again.")
    if report.recall.value is not None and not report.recall.passed:
        reasons.append(
            f"the first answer is right {report.recall.value:.1f} times as often as chance on later time, and it takes "
            f"{report.recall.needed:g} times."
        )
    if report.recall.out_of_reach:
        reasons.append(
            "No method can get there: so few interests are new to people that one which is always right would be right "
            f"only {report.recall.most:.1f} times as often as chance. Build with more interests, so that people have "
            f"at least {report.recall.needed:g} left to choose from."
        )
    return " ".join(reasons)
