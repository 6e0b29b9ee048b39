"""Descriptions, fine-tuning and answers by a model at an endpoint, as work in the background that mostly waits."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from ..asking.answering import AnswerOutcome, answer_contexts
from ..asking.collected import collect_answers
from ..asking.describing import Plan, describe_interests
from ..asking.open_tunings import follow_tuning
from ..asking.plans import AnswerPlan
from ..asking.tuning import TuningPlan, check_cap, tune_model
from ..config import AskedAs
from ..errors import Cancelled, CapReached, HierexError, LeftRunning, ModelError
from ..kept.tunings import KeptTuning
from ..llm.endpoint import Endpoint
from ..llm.meter import Reading
from ..llm.prices import Cap
from ..workspace import Workspace
from . import ANSWERS, DESCRIPTIONS, TUNING, Job, Jobs

ENDED = {"stopped": Cancelled, "cap": CapReached, "error": ModelError}


def start_descriptions(
    jobs: Jobs, work: Workspace, plan: Plan, endpoint: Endpoint, cap: Cap, step: int | None = None
) -> Job:
    """Begins to ask a language model; see `Jobs.begin`."""
    job = Job(work.store.path, work.config, {}, goal=DESCRIPTIONS, step=step)
    return jobs.begin(job, partial(describe, job, work, plan, endpoint, cap), beside=True)


def start_tuning(jobs: Jobs, work: Workspace, plan: TuningPlan, endpoint: Endpoint, cap: Cap) -> Job:
    """Orders the fine-tuning, or goes on following it. Stopping the job ends it at the endpoint. Raises CapReached or
    ConfigError where the cap does not allow it."""
    if plan.to_pay:
        check_cap(plan, cap)
    job = Job(work.store.path, work.config, {}, goal=TUNING, at_endpoint=True)
    return jobs.begin(job, partial(tune, job, endpoint, partial(tune_model, work, plan, cap=cap)), beside=True)


def start_following(jobs: Jobs, work: Workspace, tuning: KeptTuning, endpoint: Endpoint, *, stop: bool = False) -> Job:
    """Follows a fine-tuning that was ordered, whatever would be ordered now; with `stop` ends it at the endpoint."""
    job = Job(work.store.path, work.config, {}, goal=TUNING, at_endpoint=True)
    follow = partial(follow_tuning, work.store, tuning, stop=stop)
    return jobs.begin(job, partial(tune, job, endpoint, follow), beside=True)


def start_answers(
    jobs: Jobs, work: Workspace, plan: AnswerPlan, endpoint: Endpoint, cap: Cap, *, batch: bool = False
) -> Job:
    """Asks what is missing; with `batch` by files, which take longer and cost less."""
    job = Job(work.store.path, work.config, {}, goal=ANSWERS, at_endpoint=batch)
    return jobs.begin(job, partial(answer, job, work, plan, endpoint, cap, batch), beside=True)


def start_collecting(jobs: Jobs, work: Workspace, asked: AskedAs, endpoint: Endpoint, *, stop: bool = False) -> Job:
    """Waits for what was handed over in this way and keeps it, with `stop` after ending it; orders nothing."""
    job = Job(work.store.path, work.config, {}, goal=ANSWERS, at_endpoint=True)
    return jobs.begin(job, partial(collect, job, work, asked, endpoint, stop), beside=True)


def describe(job: Job, work: Workspace, plan: Plan, endpoint: Endpoint, cap: Cap, *, compute, watch) -> None:
    """Asks in this process, where waiting costs nothing. Raises what ended it before its time."""
    from ..llm.door import LanguageModel  # loads the client only where a model is asked

    def read(reading: Reading) -> None:
        job.reading = reading

    model = LanguageModel(endpoint)
    try:
        outcome = describe_interests(
            work, plan, model.ask, cap=cap, progress=read, cancelled=job.stopping.is_set, step=job.step
        )
    finally:
        model.close()
    if outcome.ended != "done":
        raise ENDED[outcome.ended](outcome.reason)


def tune(job: Job, endpoint: Endpoint, follow: Callable, *, compute, watch) -> None:
    """follow: (service, see, cancelled, left), to its end."""
    from ..llm.service import Service

    def see(tuning: KeptTuning, share: float) -> None:
        said = f": {tuning.events[-1]}" if tuning.events else ""
        job.told, job.told_share = f"{tuning.state}{said}", share

    service = Service(endpoint)
    try:
        follow(service, see=see, cancelled=job.stopping.is_set, left=job.leaving.is_set)
    finally:
        service.close()


def answer(
    job: Job, work: Workspace, plan: AnswerPlan, endpoint: Endpoint, cap: Cap, batch: bool, *, compute, watch
) -> None:
    """See `tell_outcome`."""
    from ..asking.batches import answer_in_batches
    from ..llm.door import LanguageModel
    from ..llm.service import Service

    model = Service(endpoint) if batch else LanguageModel(endpoint)
    how = {"cap": cap, "progress": partial(setattr, job, "reading"), "cancelled": job.stopping.is_set}
    try:
        if batch:
            outcome = answer_in_batches(work, plan, model, **how, left=job.leaving.is_set)
        else:
            outcome = answer_contexts(work, plan, model.ask, place=endpoint.url, **how)
    finally:
        model.close()
    tell_outcome(job, work, plan.asked, outcome)


def collect(job: Job, work: Workspace, asked: AskedAs, endpoint: Endpoint, stop: bool, *, compute, watch) -> None:
    """See `tell_outcome`."""
    from ..asking.open_batches import collect_batches
    from ..llm.service import Service

    service = Service(endpoint)
    how = {"stop": stop, "progress": partial(setattr, job, "reading"), "cancelled": job.stopping.is_set}
    try:
        outcome = collect_batches(work, asked, service, **how, left=job.leaving.is_set)
    finally:
        service.close()
    tell_outcome(job, work, asked, outcome)


def tell_outcome(job: Job, work: Workspace, asked: AskedAs, outcome: AnswerOutcome) -> None:
    """For the side bar. Raises what ended it before its time, and ModelError where no question got an answer; what came
    is kept."""
    if outcome.ended == "stopped" and outcome.reason:
        raise LeftRunning(outcome.reason)
    if outcome.ended != "done":
        raise ENDED[outcome.ended](outcome.reason)
    if outcome.nothing_came:
        raise ModelError(outcome.nothing_came)
    job.told = outcome.main_reason
    job.form = asked.form
    with contextlib.suppress(HierexError):  # the interests may have got other words since
        job.known = collect_answers(work, asked).measure()
