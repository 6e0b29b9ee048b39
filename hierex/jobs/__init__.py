"""Long work in the background: one run at a time, with progress, an estimate, cancel, and the error in plain words."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

from .. import ON_DEMAND, STAGES
from ..config import RunConfig
from ..errors import Cancelled, CapReached, HierexError, LeftRunning
from ..item_map import warm_up
from ..kept import results
from ..kept.stored_logs import log_report
from ..llm.meter import Reading
from ..pipeline import compare_weights_of, run_pipeline
from ..policies.match_rate import MatchReport
from ..store import Store
from ..worker import Worker
from ..workspace import Workspace

log = logging.getLogger(__name__)

DESCRIPTIONS, TUNING, ANSWERS = "descriptions", "fine-tuning", "answers"
ASKED = (DESCRIPTIONS, TUNING, ANSWERS)
"""Goals of a language model at an endpoint: the work waits, and goes on beside that of other workspaces."""
TOLD_BY_CONFIG = ("build", "comparison")
"""Goals of which the config says all that was asked for."""
BUSY = "Something was begun in this workspace already, see the side bar. Ask again once it is done or was stopped."
FIRST_GUESS = {
    "embeddings": (6.0, 3e-3),
    "behaviour": (1.0, 1e-4),
    "weights": (4.0, 1.5e-3),
    "interest_tree": (0.5, 3e-4),
    "item_map": (6.0, 1e-3),
    "descriptions": (1.0, 5e-4),
    "transitions": (0.3, 0.0),
    "policies": (5.0, 5e-4),
    "transition_table": (0.5, 0.0),
    "recommenders": (6.0, 2e-3),
    "grounding": (0.5, 0.0),
    "evaluation": (4.0, 0.0),
    "experiment": (180.0, 0.02),
}
"""Seconds of a stage before it ever ran in a workspace: a constant, and more per item."""


@dataclass
class StageState:
    """state: waiting, running, made, reused. share: 0-1 of a running stage. seconds: taken, or expected."""

    state: str = "waiting"
    share: float = 0.0
    seconds: float = 0.0


@dataclass
class Job:
    """Work in the background. goal: build, comparison, or what a language model is asked for, one of `ASKED`.

    status: waiting, running, done, stopped (by a person or, with `error` saying why, by a cap or because nobody waits),
    failed. reading: how far a language model is; told, told_share: what an endpoint says of work there; step: of the
    person who asked. known: of all answers of the model that count, how many are known interests, None where there are
    none; form: how the model was asked for them, one of `asking.plans.FORMS`. at_endpoint: what is waited for goes on
    there, so it can be left to itself (`leaving`) as well as ended (`stopping`).
    """

    path: Path
    config: RunConfig
    stages: dict[str, StageState]
    status: str = "waiting"
    error: str = ""
    goal: str = "build"
    stage_began: float = field(default_factory=monotonic)
    reading: Reading | None = None
    told: str = ""
    told_share: float = 0.0
    known: MatchReport | None = None
    form: str = ""
    step: int | None = None
    at_endpoint: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    leaving: threading.Event = field(default_factory=threading.Event)

    @property
    def active(self) -> bool:
        return self.status in ("waiting", "running")

    def share(self) -> float:
        """How much of the whole is done, 0-1, by expected seconds or by what was asked."""
        if self.reading:
            return min(1.0, self.reading.done / max(1, self.reading.total))
        if self.goal in ASKED:
            return self.told_share
        total = sum(stage.seconds for stage in self.stages.values()) or 1.0
        return min(1.0, sum(done_share(stage) * stage.seconds for stage in self.stages.values()) / total)

    def seconds_left(self) -> float | None:
        """Expected seconds to the end; a running stage is judged by its own pace once it has one. None for a trial that
        has none yet: no two are of one size."""
        left = sum(stage.seconds for stage in self.stages.values() if stage.state == "waiting")
        for name, stage in self.stages.items():
            if stage.state == "running":
                spent = monotonic() - self.stage_began
                if name == "experiment" and stage.share <= 0.05:
                    return None
                expected = spent / stage.share if stage.share > 0.05 else max(stage.seconds, spent)
                left += max(0.0, expected - spent)
        return left

    def watch(self, stage: str, state: str, value: float) -> None:
        """Hears from the pipeline."""
        if stage not in self.stages:
            return
        now = self.stages[stage]
        if state == "running":
            if now.state != "running":
                self.stage_began = monotonic()
            self.stages[stage] = StageState("running", value, now.seconds)
        else:
            self.stages[stage] = StageState(state, 1.0, value)


def done_share(stage: StageState) -> float:
    return {"waiting": 0.0, "running": stage.share}.get(stage.state, 1.0)


class Jobs:
    """All jobs of this process: the latest of each workspace. One computes at a time; others wait their turn."""

    def __init__(self):
        self._worker = Worker()
        self._turn = threading.Lock()
        self._registry = threading.Lock()
        self._jobs: dict[Path, Job] = {}

    def of(self, path: Path) -> Job | None:
        """The latest job of a workspace."""
        return self._jobs.get(path)

    def active_elsewhere(self, path: Path) -> list[Job]:
        """What goes on in other workspaces."""
        return [job for other, job in list(self._jobs.items()) if other != path and job.active]

    def ahead_of(self, job: Job) -> Job | None:
        """What this one waits for; None where it does not wait."""
        if job.status != "waiting":
            return None
        others = self.active_elsewhere(job.path)
        return next((other for other in others if other.status == "running" and other.goal not in ASKED), None)

    def forget(self, path: Path) -> None:
        """Drops the workspace's job when it has ended: what it says of the workspace is true no more."""
        with self._registry:
            job = self._jobs.get(path)
            if job and not job.active:
                del self._jobs[path]

    def start(self, store: Store, config: RunConfig) -> Job:
        """Begins a run; see `begin`."""
        stages = [*STAGES[:2], "behaviour", *STAGES[2:]] if config.behaviour.weight else STAGES
        job = Job(store.path, config, expected_stages(store, stages))
        return self.begin(job, partial(run_pipeline, store, config))

    def start_comparison(self, work: Workspace) -> Job:
        """Begins to compare weights of behaviour; see `begin`."""
        job = Job(work.store.path, work.config, expected_stages(work.store, ON_DEMAND), goal="comparison")
        return self.begin(job, partial(compare_weights_of, work.store, work))

    def begin(self, job: Job, run: Callable, *, beside: bool = False) -> Job:
        """Begins it, or returns what goes on already where that is the same build or comparison.

        Raises HierexError where something else goes on in this workspace.
        """
        with self._registry:
            current = self._jobs.get(job.path)
            if current and current.active:
                if job.goal in TOLD_BY_CONFIG and (current.goal, current.config) == (job.goal, job.config):
                    return current
                raise HierexError(BUSY)
            self._jobs[job.path] = job
        target = self._run_beside if beside else self._run
        threading.Thread(target=target, args=(job, run), daemon=True).start()
        return job

    def cancel(self, job: Job) -> None:
        """Stops a job at once; what it finished is kept."""
        job.stopping.set()
        with self._registry:
            if job.status == "waiting":
                job.status = "stopped"
            elif job.status == "running" and job.goal not in ASKED:
                self._worker.cancel()

    def leave(self, job: Job) -> None:
        """Waits no longer for what goes on at an endpoint."""
        job.leaving.set()

    def warm_up(self) -> None:
        """Has the worker load and compile what the first run would otherwise wait for."""
        threading.Thread(target=self._warm_up, daemon=True).start()

    def _warm_up(self) -> None:
        with self._turn:
            try:
                self._worker.compute(warm_up_map, progress=lambda share: None)
            except HierexError:
                log.info("the warm-up was ended")

    def _run(self, job: Job, run: Callable) -> None:
        with self._turn:
            with self._registry:
                if not job.active:
                    return
                self._worker.reset()
                job.status = "running"
            status, error = self._outcome(job, run)
            with self._registry:
                job.status, job.error = status, error

    def _run_beside(self, job: Job, run: Callable) -> None:
        job.status = "running"
        status, error = self._outcome(job, run)
        with self._registry:
            job.status, job.error = status, error

    def _outcome(self, job: Job, run: Callable) -> tuple[str, str]:
        """Does it; the status at its end and, when it failed, why."""
        try:
            run(compute=self._compute, watch=job.watch)
        except Cancelled:
            return "stopped", ""
        except (CapReached, LeftRunning) as reason:
            return "stopped", str(reason)
        except HierexError as error:
            return "failed", str(error)
        except Exception as error:
            log.exception("a run failed")
            return "failed", f"A fault in hierex itself ({type(error).__name__}: {error}). What was finished is kept."
        return "done", ""

    def _compute(self, function, *args, progress, **kwargs):
        self._worker.check_cancelled()
        return self._worker.compute(function, *args, progress=progress, **kwargs)


def warm_up_map(*, progress) -> None:
    warm_up()


def expected_stages(store: Store, stages: Sequence[str] = STAGES) -> dict[str, StageState]:
    """These stages with the seconds it is expected to take: as it took here before, else a first guess."""
    known = results.stage_seconds(store)
    report = log_report(store)
    n_items = report.items_kept if report else 0
    guess = {stage: base + per_item * n_items for stage, (base, per_item) in FIRST_GUESS.items()}
    return {stage: StageState(seconds=known.get(stage, guess.get(stage, 0.1))) for stage in stages}
