"""Fine-tuning at an endpoint: a job is started from examples, followed, and can be cancelled."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import openai

from ..errors import ModelError, NotThere
from . import Wait
from .faults import short_line
from .service import UNREADABLE, Service, is_name, wait_unwatched, whole_number

POLL = 10.0
"""Seconds between two looks at a job."""
EVENTS = 20
"""The latest things said about a job that are read."""
STATES = {
    "validating_files": "queued",
    "pending": "queued",
    "queued": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class TuningJob:
    """state: queued, running, succeeded, failed or cancelled. tuned_model: its name, empty until there is one.

    trained_tokens: what is paid for, None until the endpoint says; reason: why it failed; events: the endpoint's own
    words, oldest first; step, steps: of training, 0 until known.
    """

    job_id: str
    state: str
    tuned_model: str = ""
    trained_tokens: int | None = None
    reason: str = ""
    events: tuple[str, ...] = ()
    step: int = 0
    steps: int = 0

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def share(self) -> float:
        """How much of the training is done, 0-1."""
        if self.state == "succeeded":
            return 1.0
        return min(1.0, self.step / self.steps) if self.steps else 0.0


def upload_examples(service: Service, lines: bytes, *, wait: Wait = wait_unwatched) -> str:
    """The id of the file. lines: a chat example each (`transitions.prompts.fine_tuning_examples`)."""
    return service.upload(lines, "examples.jsonl", "fine-tune", wait=wait)


def start_tuning(
    service: Service,
    file_id: str,
    *,
    epochs: int,
    seed: int,
    suffix: str = "",
    ordering: Callable[[], None] = lambda: None,
    wait: Wait = wait_unwatched,
) -> TuningJob:
    """Starts a job, or finds the one that was started from this file already.

    Raises as `Service.start_once`: ModelError where the endpoint offers no fine-tuning, or does not take the file or
    the model.
    """
    model = service.endpoint.model
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}
    more = {"suffix": suffix} if suffix else {}

    def start(client) -> TuningJob:
        job = client.fine_tuning.jobs.create(model=model, training_file=file_id, seed=seed, method=method, **more)
        return read_job(service, job, ())

    return service.start_once(
        lambda: find_tuning(service, file_id, wait=wait),
        start,
        what=f"the order to fine-tune '{model}'",
        missing=_not_offered(service),
        ordering=ordering,
        wait=wait,
    )


def find_tuning(service: Service, file_id: str, *, wait: Wait = wait_unwatched) -> TuningJob | None:
    """A job of this file that did not fail."""

    def is_it(job: object) -> bool:
        return getattr(job, "training_file", None) == file_id and state_of(job) not in ("failed", "cancelled")

    found = service.find_listed(
        lambda client: client.fine_tuning.jobs.list(limit=100),
        is_it,
        what="the question for its jobs",
        missing=_not_offered(service),
        wait=wait,
    )
    return None if found is None else read_job(service, found, ())


def look_at_tuning(service: Service, job_id: str, *, wait: Wait = wait_unwatched) -> TuningJob:
    """How far a job is; it keeps the id by which it was asked for, whatever the reply calls it."""

    def look(client) -> TuningJob:
        job = client.fine_tuning.jobs.retrieve(job_id)
        return replace(read_job(service, job, read_events(client, job_id)), job_id=job_id)

    return service.call(look, what="the question for a job", missing=_unknown(service, job_id), wait=wait)


def read_events(client: openai.OpenAI, job_id: str) -> list:
    """The latest things said about a job, oldest first; none where they cannot be read: the job counts, not they."""
    try:
        return sorted(client.fine_tuning.jobs.list_events(job_id, limit=EVENTS).data or (), key=said_at)[-EVENTS:]
    except UNREADABLE:
        return []


def said_at(event: object) -> int:
    return whole_number(getattr(event, "created_at", None)) or 0


def cancel_tuning(service: Service, job_id: str, *, wait: Wait = wait_unwatched) -> TuningJob:
    """Ends a job; one that has ended stays as it is, also where it ends just then."""
    job = look_at_tuning(service, job_id, wait=wait)
    if job.ended:
        return job
    try:
        return service.call(
            lambda client: replace(read_job(service, client.fine_tuning.jobs.cancel(job_id), ()), job_id=job_id),
            what="the order to end a job",
            missing=f"{service.endpoint.place} takes no order to end a fine-tuning.",
            wait=wait,
        )
    except ModelError as error:  # also where the reply cannot be read
        with contextlib.suppress(ModelError):
            job = look_at_tuning(service, job_id, wait=wait)
            if job.ended:
                return job
        if isinstance(error, NotThere):  # the job is there, as was just seen
            raise ModelError(str(error)) from None
        raise


def follow_tuning(
    service: Service, job_id: str, *, see: Callable[[TuningJob], None], wait: Wait = wait_unwatched
) -> TuningJob:
    """Looks at a job until it has ended; `see` hears of every look. What `wait` raises ends the following only."""
    while True:
        job = look_at_tuning(service, job_id, wait=wait)
        see(job)
        if job.ended:
            return job
        wait(POLL, "")


def state_of(job: object) -> str:
    return STATES.get(str(getattr(job, "status", None)).lower(), "running")


def read_job(service: Service, job: object, events) -> TuningJob:
    """What the endpoint says of a job, of which any part may be missing or of another kind."""
    step, steps = 0, 0
    for event in events:
        data = getattr(event, "data", None)
        if isinstance(data, dict):
            step, steps = whole_number(data.get("step")) or step, whole_number(data.get("total_steps")) or steps
    tuned, error = getattr(job, "fine_tuned_model", None), getattr(job, "error", None)
    return TuningJob(
        job_id=service.name_of(job),
        state=state_of(job),
        tuned_model=tuned if is_name(tuned) else "",
        trained_tokens=whole_number(getattr(job, "trained_tokens", None)),
        reason=short_line(getattr(error, "message", None), service.endpoint),
        events=tuple(short_line(getattr(event, "message", None), service.endpoint) for event in events),
        step=step,
        steps=steps,
    )


def _not_offered(service: Service) -> str:
    return (
        f"{service.endpoint.place} offers no fine-tuning. Export the examples and fine-tune elsewhere, or use a model "
        "as it is."
    )


def _unknown(service: Service, job_id: str) -> str:
    return f"{service.endpoint.place} no longer knows the job {job_id}."
