"""Has a model answer contexts in batches: handed over as files, fetched hours later, at a lower price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import numpy as np

from ..errors import Cancelled, ModelBusy, ModelError, NotThere
from ..kept import context_answers
from ..kept.context_answers import KeptBatch
from ..llm import Wait, batches, wait_unless
from ..llm.batches import Batch
from ..llm.meter import Reading
from ..llm.prices import Cap, batch_price
from ..llm.service import Service
from ..llm.tokens import Tokens
from ..workspace import Workspace
from .answering import AnswerOutcome, keep
from .plans import AnswerPlan, find_missing

POLL = 15.0
"""Seconds between two looks at the batches."""
OVER_CAP = "The other questions could cost more than you allowed. Every answer that came is kept."
SAVED_AT_ONCE = 2_000


def answer_in_batches(
    work: Workspace,
    plan: AnswerPlan,
    service: Service,
    *,
    cap: Cap,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AnswerOutcome:
    """Collects the batches that are under way, then hands over what is missing and waits for it.

    Only as much is handed over as the cap allows at most. When `cancelled` says so, the batches are ended at the
    endpoint; what they had answered by then is paid, and collected by the next call. If this process ends first, they
    go on, and the next call collects them. What the endpoint never began, or no longer knows, is asked anew by the next
    call. Raises ConfigError for a cap without a price; what the endpoint refuses is the outcome's reason.
    """
    cap.check(plan.price)
    run = _Run(work, plan, service, wait_unless(cancelled), progress)
    try:
        try:
            run.follow(run.find_started())
            over_cap = run.hand_over(np.flatnonzero(find_missing(work, plan)), cap)
            run.follow(run.find_started())
            if over_cap:
                run.end("cap", OVER_CAP)
        except Cancelled:
            run.cancel()
            run.end("stopped", "")
    except ModelError as error:
        run.end("error", str(error))
    run.outcome.reading = run.read([])
    return run.outcome


class _Run:
    def __init__(self, work: Workspace, plan: AnswerPlan, service: Service, wait: Wait, progress):
        self.work, self.plan, self.service, self.wait, self.progress = work, plan, service, wait, progress
        self.outcome, self.price = AnswerOutcome(), batch_price(plan.price)
        self._place = {self._name(place): place for place in range(len(plan.sample))}
        self._began, self._tokens, self._failed = monotonic(), Tokens(), 0

    def _name(self, place: int) -> str:
        """By which an answer finds its question, in this run and any later one."""
        return "-".join([*self.plan.context_digests(place), str(self.plan.sample[place])])

    def open(self) -> list[KeptBatch]:
        return context_answers.open_batches(self.work.store, self.plan.asked, self.service.endpoint.url)

    def end(self, ended: str, reason: str) -> None:
        if self.outcome.ended == "done":
            self.outcome.ended, self.outcome.reason = ended, reason

    def hand_over(self, places: np.ndarray, cap: Cap) -> bool:
        """Uploads and starts; returns whether the cap left some out."""
        within = self._within(places, cap)
        for first in range(0, len(within), batches.MOST_REQUESTS):
            part = within[first : first + batches.MOST_REQUESTS]
            self.wait(0.0, "")
            lines = "".join(self._line(place) for place in part.tolist()).encode()
            file_id = batches.upload_requests(self.service, lines, wait=self.wait)
            kept = context_answers.note_batch(
                self.work.store, self.plan.asked, self.service.endpoint.url, file_id, len(part)
            )
            self._start(kept)
        return len(within) < len(places)

    def _within(self, places: np.ndarray, cap: Cap) -> np.ndarray:
        """As many of them as stay under the cap even if every answer fills its room."""
        read = np.concatenate([[0], np.cumsum(self.plan.tokens_read[places])])
        allowed = (cap.allows(Tokens(int(read[n]), n * self.plan.room), self.price) for n in range(1, len(places) + 1))
        return places[: next((n for n, fits in enumerate(allowed) if not fits), len(places))]

    def _line(self, place: int) -> str:
        plan = self.plan
        return batches.request_line(
            self._name(place),
            plan.asked.model,
            plan.messages(place),
            plan.schema,
            most_written=plan.room,
            temperature=plan.asked.temperature,
        )

    def _start(self, kept: KeptBatch) -> None:
        try:
            batch = batches.start_batch(self.service, kept.file_id, wait=self.wait)
        except ModelBusy:
            raise  # it may have begun
        except ModelError as error:
            self._close(kept, str(error))
            raise
        self._note(kept, batch)

    def _note(self, kept: KeptBatch, batch: Batch) -> KeptBatch:
        context_answers.update_batch(self.work.store, kept.row_id, batch_id=batch.batch_id, state=batch.state)
        return replace(kept, batch_id=batch.batch_id, state=batch.state)

    def _close(self, kept: KeptBatch, reason: str) -> None:
        """Nothing more will come of it."""
        context_answers.update_batch(
            self.work.store, kept.row_id, batch_id=kept.batch_id, state="collected", reason=reason
        )

    def find_started(self) -> list[KeptBatch]:
        """The open ones. One that was uploaded may have been started without anybody hearing of it; else it is closed,
        so that its questions are missing again and the cap counts for them."""
        started = []
        for kept in self.open():
            if kept.batch_id:
                started.append(kept)
                continue
            try:
                batch = batches.find_batch(self.service, kept.file_id, wait=self.wait)
            except NotThere:
                batch = None
            if batch:
                started.append(self._note(kept, batch))
            else:
                self._close(kept, "It was never started.")
        return started

    def follow(self, opened: list[KeptBatch]) -> None:
        """Waits for these batches and keeps what they bring. Raises ModelError where all of one was refused, and where
        the endpoint does not know one any more."""
        while opened:
            looks = [(kept, self._look(kept)) for kept in opened]
            running = [(kept, batch) for kept, batch in looks if not batch.ended]
            opened = [kept for kept, _ in running]
            self.progress(self.read([batch for _, batch in running]))
            if opened:
                self.wait(POLL, "")

    def _look(self, kept: KeptBatch) -> Batch:
        """How far it is; what an ended one brought is kept."""
        try:
            batch = batches.look_at_batch(self.service, kept.batch_id, wait=self.wait)
            if batch.ended:
                self._collect(kept, batch)
        except NotThere as error:
            self._close(kept, str(error))
            raise
        return batch

    def _collect(self, kept: KeptBatch, batch: Batch) -> None:
        came, n_came = [], 0
        try:
            for found in batches.fetch_answers(self.service, batch, self.plan.schema, wait=self.wait):
                place = self._place.get(found.name)
                if found.answer is None:
                    self._failed += 1
                    self.outcome.miss(found.reason)
                elif place is not None:
                    came.append((place, found.answer))
                    n_came += 1
                    self._tokens += found.answer.tokens
                if len(came) == SAVED_AT_ONCE:
                    came = self._keep(came)
        finally:  # one of its files may be gone
            self._keep(came)
            self.outcome.answered += n_came
        self._close(kept, f"{batch.state}: {batch.reason}".removesuffix(": "))
        if batch.state == "failed":
            said = batch.reason or "it gives no reason"
            raise ModelError(f"{self.service.endpoint.place} refused the batch: {said}")
        if batch.state in ("expired", "cancelled") and n_came < kept.n_requests:
            self.outcome.miss(f"The batch {'was not done in time' if batch.state == 'expired' else 'was ended'}.")

    def _keep(self, came: list) -> list:
        keep(self.work, self.plan, came, lambda tokens: None if self.price is None else self.price.of(tokens))
        return []

    def cancel(self) -> None:
        for kept in self.open():
            if kept.batch_id:
                self._note(kept, batches.cancel_batch(self.service, kept.batch_id))

    def read(self, running: list[Batch]) -> Reading:
        """How far it is; tokens and dollars are those of what was collected."""
        return Reading(
            total=self.outcome.answered + self._failed + sum(batch.total for batch in running),
            described=self.outcome.answered + sum(batch.answered for batch in running),
            failed=self._failed + sum(batch.failed for batch in running),
            unanswered=0,
            waiting=0,
            wait_left=0.0,
            wait_reason="",
            tokens=self._tokens,
            dollars=None if self.price is None else self.price.of(self._tokens),
            seconds=monotonic() - self._began,
            seconds_left=None,
        )
