"""A fine-tuning that was ordered: found again, followed to its end, or ended at the endpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import Cancelled, LeftRunning, ModelBusy, ModelError, NotThere
from ..kept import tunings
from ..kept.tunings import KeptTuning
from ..llm import Wait, wait_for, wait_unless
from ..store import Store, now

if TYPE_CHECKING:
    from ..llm.service import Service

GIVEN_UP_AFTER = timedelta(days=14)
"""A job that the endpoint does not know after so long can be ordered anew."""
ENDING = 120.0
"""For so many seconds whoever ends a job waits until the endpoint takes the order."""
LISTED_WITHIN = timedelta(hours=1)
"""So long after an order its job may have begun, though the endpoint does not list it yet."""
GOES_ON = (
    "The fine-tuning goes on at the endpoint. Follow it or stop it under “Releases” of “What comes next”, or with "
    "'hierex fine-tune --follow' and '--cancel'."
)


def find_begun(
    store: Store, tuning: KeptTuning, service: Service, wait: Wait, *, listed_within: timedelta = LISTED_WITHIN
) -> KeptTuning:
    """With the job that was begun from its file, whoever heard of it. Where there is none it has failed, but for what
    was ordered so recently that the endpoint may not list it yet: that stays as it is.

    Raises ModelError where that cannot be told.
    """
    from ..llm import fine_tuning

    if tuning.job_id or tuning.ended:
        return tuning
    job = fine_tuning.find_tuning(service, tuning.file_id, wait=wait)
    if job:
        return tunings.update_tuning(store, tuning.tuning_id, job)
    service.check_kept(tuning.file_id, wait=wait)  # else this is the key of another account
    if tuning.state == "ordered" and now() - tuning.started_at < listed_within:
        return tuning
    return tunings.note_reason(store, tuning, tuning.reason or "It was never begun.", state="failed")


def follow_tuning(
    store: Store,
    tuning: KeptTuning,
    service: Service,
    *,
    stop: bool = False,
    see: Callable[[KeptTuning, float], None] = lambda tuning, share: None,
    cancelled: Callable[[], bool] = lambda: False,
    left: Callable[[], bool] = lambda: False,
) -> KeptTuning:
    """Follows a job that was ordered to its end, whatever would be ordered now.

    see: hears how it stands and which share of the training is done. When `cancelled` says so, or with `stop`, the job
    is ended at the endpoint. If this process ends first, the job goes on there. Raises ModelError where it fails or
    cannot be followed any further, Cancelled unless it had succeeded before it could be ended, and LeftRunning where
    `left` says that nobody waits any more.
    """
    tuning = tunings.read_tuning(store, tuning.tuning_id)  # a page may have it as it was long ago
    wait = wait_unless(cancelled, left)
    with telling_trouble(store, tuning):
        try:
            if stop:
                raise Cancelled("The work was stopped.")
            ended = follow_job(store, find_begun(store, tuning, service, wait), service, see=see, wait=wait)
        except Cancelled:
            ended = end_at_endpoint(store, tuning, service)
    check_succeeded(ended)
    see(ended, 1.0)
    return ended


def follow_job(
    store: Store, begun: KeptTuning, service: Service, *, see: Callable[[KeptTuning, float], None], wait: Wait
) -> KeptTuning:
    """As it is in the end; as it is now where it has ended, or nobody knows a job of it."""
    from ..llm import fine_tuning

    def seen(job: fine_tuning.TuningJob) -> KeptTuning:
        kept = tunings.update_tuning(store, begun.tuning_id, job)
        see(kept, job.share)
        return kept

    if begun.ended or not begun.job_id:
        return begun
    return seen(fine_tuning.follow_tuning(service, begun.job_id, see=seen, wait=wait))


def end_at_endpoint(store: Store, tuning: KeptTuning, service: Service) -> KeptTuning:
    """As it is then, also where nobody heard of it; as it was where its job is not listed, but may be later. Raises
    ModelError where the endpoint does not take the order, and LeftRunning where it takes its time."""
    from ..llm import fine_tuning

    wait = wait_for(ENDING)
    try:
        tuning = tunings.read_tuning(store, tuning.tuning_id)
        begun = find_begun(store, tuning, service, wait)
        if tuning.state == "uploaded" and begun.state == "failed":  # there was nothing to end
            return tunings.note_reason(store, begun, begun.reason, state="cancelled")
        if begun.ended or not begun.job_id:
            return begun
        job = fine_tuning.cancel_tuning(service, begun.job_id, wait=wait)
    except Cancelled:
        raise ModelBusy(f"{service.endpoint.place} did not take the order to end the fine-tuning.") from None
    ended = tunings.update_tuning(store, begun.tuning_id, job)
    if not ended.ended:
        raise LeftRunning(
            "The endpoint was told to end the fine-tuning, and has not done so yet. Follow it under “Releases” of "
            "“What comes next” to see that it does."
        )
    return ended


@contextlib.contextmanager
def telling_trouble(store: Store, tuning: KeptTuning) -> Iterator[None]:
    """What keeps it from being followed says that it goes on; where the endpoint does not know it, that is kept."""
    try:
        yield
    except NotThere as error:  # with the key of another account it may still be; so it has to be unknown twice
        kept = tunings.read_tuning(store, tuning.tuning_id)  # others may have heard more of it meanwhile
        is_unknown_twice = tuning.reason == kept.reason == str(error)
        is_over = kept.state == "uploaded" or (is_unknown_twice and now() - kept.started_at > GIVEN_UP_AFTER)
        if not kept.ended:
            tunings.note_reason(store, kept, str(error), state="failed" if is_over else kept.state)
        raise
    except ModelError as error:
        was_sent = tunings.read_tuning(store, tuning.tuning_id).state != "uploaded"
        raise type(error)(f"{error} {GOES_ON}" if was_sent else str(error)) from error


def check_succeeded(ended: KeptTuning) -> None:
    """Raises Cancelled or ModelError where it did not, ModelBusy where nobody can tell yet whether it began."""
    if not ended.ended:
        raise may_have_begun(ended)
    if ended.state == "cancelled":
        raise Cancelled("The fine-tuning was ended.")
    if ended.state == "failed":
        raise ModelError(
            f"The fine-tuning failed: {ended.reason or 'the endpoint gives no reason'}.".replace("..", ".")
        )


def may_have_begun(tuning: KeptTuning) -> ModelBusy:
    """Of an order whose job is not listed yet."""
    return ModelBusy(
        "The endpoint lists no such fine-tuning, but it may have begun all the same. Follow or stop it again after "
        f"{tuning.started_at + LISTED_WITHIN:%d %b %H:%M} UTC; if it is not listed by then, it never began."
    )
