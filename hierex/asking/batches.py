"""Orders answers in batches: what is missing is handed over as files, to be answered within a day, at a lower price."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..errors import ModelBusy, ModelError
from ..kept import answer_batches
from ..llm import Wait, batches, wait_unless
from ..llm.meter import Reading
from ..llm.prices import Cap, Price
from ..llm.service import PutOff, Service, StoppedBefore
from ..llm.tokens import Tokens
from ..workspace import Workspace
from .answering import AnswerOutcome
from .open_batches import OpenBatches
from .plans import AnswerPlan, digest_words, find_missing
from .question_names import question_name

OVER_CAP = "The other questions could cost more than you allowed. Every answer that came is kept."


def answer_in_batches(
    work: Workspace,
    plan: AnswerPlan,
    service: Service,
    *,
    cap: Cap,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
    left: Callable[[], bool] = lambda: False,
) -> AnswerOutcome:
    """Collects what is open as `collect_batches` does, then hands over what is missing and waits for it.

    Only as much is handed over as the cap allows, if every answer fills its room; what is read is an estimate. If this
    process ends first, the batches go on, and the next call collects them. Raises ConfigError for a cap without a
    price, LeftRunning as `collect_batches`; what the endpoint refuses is the outcome's reason.
    """
    cap.check(plan.price)
    opened = OpenBatches(work, plan.asked, service, plan.price, wait_unless(cancelled, left), progress)

    def collect_and_order() -> None:
        opened.collect()
        places = np.flatnonzero(find_missing(work, plan))
        within = within_cap(plan, places, cap, opened.price)
        hand_over(opened, plan, within, wait_unless(cancelled))
        opened.collect()
        if len(within) < len(places):
            opened.end("cap", OVER_CAP)

    return opened.until_end(collect_and_order)


def within_cap(plan: AnswerPlan, places: np.ndarray, cap: Cap, price: Price | None) -> np.ndarray:
    """As many of them as stay under the cap even if every answer fills its room."""
    read = np.concatenate([[0], np.cumsum(plan.tokens_read[places])])
    allowed = (cap.allows(Tokens(int(read[n]), n * plan.room), price) for n in range(1, len(places) + 1))
    return places[: next((n for n, fits in enumerate(allowed) if not fits), len(places))]


def hand_over(opened: OpenBatches, plan: AnswerPlan, places: np.ndarray, wait: Wait) -> None:
    """Uploads these questions and has the endpoint begin with them."""
    if not len(places):
        return
    service, known = opened.service, [digest_words(answer) for answer in plan.known.answers]
    batches.check_offered(service, wait=wait)
    for first in range(0, len(places), batches.MOST_REQUESTS):
        part = places[first : first + batches.MOST_REQUESTS]
        wait(0.0, "")
        lines = "".join(request_of(plan, place) for place in part.tolist()).encode()
        file_id = batches.upload_requests(service, lines, wait=wait)
        kept = answer_batches.note_batch(opened.work.store, plan.asked, service.endpoint.url, file_id, len(part), known)
        start(opened, kept, wait)


def request_of(plan: AnswerPlan, place: int) -> str:
    """A line of the file."""
    return batches.request_line(
        question_name(plan.context_digests(place), int(plan.sample[place])),
        plan.asked.model,
        plan.messages(place),
        plan.schema,
        most_written=plan.room,
        temperature=plan.asked.temperature,
    )


def start(opened: OpenBatches, kept: answer_batches.KeptBatch, wait: Wait) -> None:
    ordering = partial(answer_batches.note_ordered, opened.work.store, kept.row_id)
    try:
        opened.note_begun(kept, batches.start_batch(opened.service, kept.file_id, ordering=ordering, wait=wait))
    except (ModelError, StoppedBefore) as error:
        if not isinstance(error, ModelBusy) or isinstance(error, PutOff):  # else it may have begun all the same
            opened.close(kept, f"It was never begun. {error}")
        raise
