"""Fine-tuning at an endpoint: a job is started from examples, followed, and can be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import openai

from ..errors import Cancelled, ModelBusy, ModelError
from . import Wait
from .faults import short_line, was_read
from .service import Service, wait_unwatched

POLL = 10.0
"""Seconds between two looks at a job."""
EVENTS = 20
"""The latest things said about a job that are read."""
LISTED = 1_000
"""Among so many of the latest jobs one is looked for that was started before."""
STATES = {
    "validating_files": "queued",
    "pending": "queued",
    "queued": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}
ENDED = ("succeeded", "failed", "cancelled")


class PutOff(ModelBusy):
    """No job was started: the endpoint said at every try that it takes none for now, or was not reached."""


class StoppedBefore(Cancelled):
    """It was stopped before another try, and no job was started."""


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
    service: Service, file_id: str, *, epochs: int, seed: int, suffix: str = "", wait: Wait = wait_unwatched
) -> TuningJob:
    """Starts a job, or finds the one that was started from this file already.

    Raises ModelError where the endpoint offers no fine-tuning, or does not take the file or the model, PutOff where it
    takes none for now, any other ModelBusy where nobody can tell whether it was started.
    """
    model = service.endpoint.model
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}
    more, unheard = {"suffix": suffix} if suffix else {}, 0

    def start(client) -> TuningJob:
        nonlocal unheard
        unheard += 1
        try:
            job = client.fine_tuning.jobs.create(model=model, training_file=file_id, seed=seed, method=method, **more)
        except openai.APIError as error:
            unheard -= _started_none(error)
            raise
        return read_job(service, job, ())

    try:
        return service.start_once(
            lambda: find_tuning(service, file_id, wait=wait),
            start,
            what=f"the order to fine-tune '{model}'",
            missing=_not_offered(service),
            wait=wait,
        )
    except Cancelled as stopped:
        raise (stopped if unheard else StoppedBefore(str(stopped))) from None
    except ModelError as error:
        if unheard:
            raise ModelBusy(str(error)) from None
        raise (PutOff(str(error)) if isinstance(error, ModelBusy) else error) from None


def find_tuning(service: Service, file_id: str, *, wait: Wait = wait_unwatched) -> TuningJob | None:
    """A job of this file that did not fail. An id that comes again ends the list: some give the same page each time."""

    def find(client) -> TuningJob | None:
        seen = set()
        for listed in islice(client.fine_tuning.jobs.list(limit=100), LISTED):
            name = getattr(listed, "id", None)
            if name is not None and name in seen:
                return None
            seen.add(name)
            if getattr(listed, "training_file", None) == file_id:
                job = read_job(service, listed, ())
                if job.state not in ("failed", "cancelled"):
                    return job
        return None

    return service.call(find, what="the question for its jobs", missing=_not_offered(service), wait=wait)


def look_at_tuning(service: Service, job_id: str, *, wait: Wait = wait_unwatched) -> TuningJob:
    """How far a job is."""

    def look(client) -> TuningJob:
        job = client.fine_tuning.jobs.retrieve(job_id)
        events = client.fine_tuning.jobs.list_events(job_id, limit=EVENTS).data or ()
        return read_job(service, job, sorted(events, key=lambda event: getattr(event, "created_at", None) or 0))

    return service.call(look, what="the question for a job", missing=_unknown(service, job_id), wait=wait)


def cancel_tuning(service: Service, job_id: str) -> TuningJob:
    """Ends a job; one that has ended stays as it is."""
    job = look_at_tuning(service, job_id)
    if job.ended:
        return job
    service.call(
        lambda client: client.fine_tuning.jobs.cancel(job_id),
        what="the order to end a job",
        missing=_unknown(service, job_id),
    )
    return look_at_tuning(service, job_id)


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


def read_job(service: Service, job: object, events) -> TuningJob:
    """What the endpoint says of a job, of which any part may be missing or of another kind."""
    step, steps = 0, 0
    for event in events:
        data = getattr(event, "data", None)
        if isinstance(data, dict):
            step, steps = _count(data.get("step")) or step, _count(data.get("total_steps")) or steps
    tuned, error = getattr(job, "fine_tuned_model", None), getattr(job, "error", None)
    return TuningJob(
        job_id=service.name_of(job),
        state=STATES.get(getattr(job, "status", None), "running"),
        tuned_model=tuned if isinstance(tuned, str) else "",
        trained_tokens=_count(getattr(job, "trained_tokens", None)),
        reason=short_line(getattr(error, "message", None), service.endpoint),
        events=tuple(short_line(getattr(event, "message", None), service.endpoint) for event in events),
        step=step,
        steps=steps,
    )


def _started_none(error: openai.APIError) -> bool:
    """Whether an order that ended in this certainly began nothing; a gateway that fails may have passed it on."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code < 500 or error.status_code == 501
    return isinstance(error, openai.APIConnectionError) and not was_read(error)


def _count(found: object) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _not_offered(service: Service) -> str:
    return (
        f"{service.endpoint.place} offers no fine-tuning. Export the examples and fine-tune elsewhere, or use a model "
        "as it is."
    )


def _unknown(service: Service, job_id: str) -> str:
    return f"{service.endpoint.place} no longer knows the job {job_id}."
