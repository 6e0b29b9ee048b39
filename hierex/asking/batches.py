"""Has a model answer contexts in batches: handed over as files, fetched hours later, at a lower price."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import numpy as np

from ..errors import Cancelled, ModelBusy, ModelError, NotThere
from ..kept import context_answers
from ..kept.context_answers import ContextAnswer, KeptBatch
from ..llm import Wait, batches, wait_unless
from ..llm.batches import Batch
from ..llm.meter import Reading
from ..llm.prices import Cap, batch_price
from ..llm.service import Service
from ..llm.tokens import Tokens
from ..store import now
from ..workspace import Workspace
from .answering import AnswerOutcome
from .plans import MOST_SAMPLES, AnswerPlan, find_missing

POLL = 15.0
"""Seconds between two looks at the batches."""
OVER_CAP = "The other questions could cost more than you allowed. Every answer that came is kept."
SAVED_AT_ONCE = 2_000
UNKNOWN = "unknown"
"""The state of a batch that the endpoint did not know when it was last looked for."""
GIVEN_UP_AFTER = timedelta(days=2)
"""A batch is done, or its time is over, within one day."""
NAME = re.compile(r"((?:[0-9a-f]{16}-){1,3})(\d{1,9})")


def read_name(name: str) -> tuple[tuple[str, ...], int] | None:
    """The digests of the context and the sample that an answer is for; None for a name that no question has."""
    found = NAME.fullmatch(name)
    if not found or int(found[2]) >= MOST_SAMPLES:
        return None
    return tuple(found[1].rstrip("-").split("-")), int(found[2])


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

    Only as much is handed over as the cap allows, if every answer fills its room; what is read is an estimate. When
    `cancelled` says so, the batches are ended at the endpoint; what they had answered by then is paid, and collected by
    the next call. If this process ends first, they go on, and the next call collects them. What the endpoint never
    began is asked anew; so is what it did not know twice, the second time two days after the start or later. Raises
    ConfigError for a cap without a price; what the endpoint refuses is the outcome's reason.
    """
    cap.check(plan.price)
    run = _Run(work, plan, service, wait_unless(cancelled), progress)
    try:
        try:
            run.collect()
            over_cap = run.hand_over(np.flatnonzero(find_missing(work, plan)), cap)
            run.collect()
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
        self._began, self._tokens, self._failed = monotonic(), Tokens(), 0

    def _name(self, place: int) -> str:
        """By which an answer finds its question, in this run and any later one; see `read_name`."""
        return "-".join([*self.plan.context_digests(place), str(self.plan.sample[place])])

    def open(self) -> list[KeptBatch]:
        return context_answers.open_batches(self.work.store, self.plan.asked, self.service.endpoint.url)

    def end(self, ended: str, reason: str) -> None:
        if self.outcome.ended == "done":
            self.outcome.ended, self.outcome.reason = ended, reason

    def hand_over(self, places: np.ndarray, cap: Cap) -> bool:
        """Uploads and starts; returns whether the cap left some out."""
        within = self._within(places, cap)
        if len(within):
            batches.check_offered(self.service, wait=self.wait)
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
            self._note(kept, batches.start_batch(self.service, kept.file_id, wait=self.wait))
        except ModelBusy:
            raise  # it may begin later
        except ModelError:
            with contextlib.suppress(ModelError):  # it may have begun all the same; if not, nothing is left to collect
                self._find(kept)
            raise

    def _find(self, kept: KeptBatch) -> KeptBatch | None:
        """With the batch that was begun from what was uploaded, whoever heard of it; None, and closed, where none was.

        Raises ModelError where that cannot be told.
        """
        batch = batches.find_batch(self.service, kept.file_id, wait=self.wait)
        if batch:
            return self._note(kept, batch)
        batches.check_uploaded(self.service, kept.file_id, wait=self.wait)  # else this is the key of another account
        self._close(kept, "It was never begun.")
        return None

    def _note(self, kept: KeptBatch, batch: Batch) -> KeptBatch:
        context_answers.update_batch(self.work.store, kept.row_id, batch_id=batch.batch_id, state=batch.state)
        return replace(kept, batch_id=batch.batch_id, state=batch.state)

    def _close(self, kept: KeptBatch, reason: str) -> None:
        """Nothing more will come of it."""
        context_answers.update_batch(
            self.work.store, kept.row_id, batch_id=kept.batch_id, state="collected", reason=reason
        )

    def _not_there(self, kept: KeptBatch, error: NotThere) -> ModelError:
        """What the endpoint does not know is closed where that was said before and nothing more can come: a key of
        another account may be why, and asking anew would be paid twice."""
        until = kept.started_at + GIVEN_UP_AFTER
        if kept.state == UNKNOWN and now() > until:
            self._close(kept, str(error))
            return ModelError(f"{error} It is given up. Its {kept.n_requests:,} questions can be asked anew.")
        context_answers.update_batch(
            self.work.store, kept.row_id, batch_id=kept.batch_id, state=UNKNOWN, reason=str(error)
        )
        return ModelError(
            f"{error} Is the key that of the account it was begun with? Where it is asked for again after "
            f"{until:%d %b %H:%M} UTC, it is given up, and its questions can be asked anew."
        )

    def collect(self) -> None:
        """Waits for all that is under way and keeps what it brings. What was uploaded and never begun is missing again,
        so that the cap counts for it. Raises ModelError after that where all of a batch was refused or the endpoint
        does not know one, ModelBusy at once."""
        opened, trouble = [], None
        for kept in self.open():
            try:
                found = kept if kept.batch_id else self._find(kept)
            except NotThere as error:
                trouble = trouble or self._not_there(kept, error)
                continue
            if found:
                opened.append(found)
        while opened:
            running = []
            for kept in opened:
                try:
                    batch = self._look(kept)
                except ModelBusy:
                    raise
                except ModelError as error:
                    trouble = trouble or error
                    continue
                if not batch.ended:
                    running.append((kept, batch))
            opened = [kept for kept, _ in running]
            self.progress(self.read([batch for _, batch in running]))
            if opened:
                self.wait(POLL, "")
        if trouble:
            raise trouble

    def _look(self, kept: KeptBatch) -> Batch:
        """How far it is; what an ended one brought is kept."""
        try:
            batch = batches.look_at_batch(self.service, kept.batch_id, wait=self.wait)
        except NotThere as error:
            raise self._not_there(kept, error) from error
        if batch.ended:
            self._collect(kept, batch)
        elif kept.state == UNKNOWN:
            self._note(kept, batch)
        return batch

    def _collect(self, kept: KeptBatch, batch: Batch) -> None:
        """Keeps all that came, whatever plan it was asked for, and closes the batch; leaves it open, and raises
        ModelError, where it has answers of which none can be read."""
        came, n_came, n_read = [], 0, 0
        try:
            for found in batches.fetch_answers(self.service, batch, self.plan.schema, wait=self.wait):
                question = read_name(found.name)
                n_read += found.answer is not None
                if found.answer is None:
                    self._failed += 1
                    self.outcome.miss(found.reason)
                elif question is None:
                    self.outcome.miss("It answered what was not asked.")
                else:
                    tokens = found.answer.tokens
                    dollars = None if self.price is None else self.price.of(tokens)
                    came.append(ContextAnswer(*question, found.answer, dollars))
                    n_came += 1
                    self._tokens += tokens
                if len(came) == SAVED_AT_ONCE:
                    context_answers.save_answers(self.work.store, self.plan.asked, came)
                    came = []
        except NotThere as error:  # one of its files is gone, perhaps only that of the errors
            if batch.answered and not n_read:
                raise self._not_there(kept, error) from error
            self.outcome.miss(str(error))
        finally:
            context_answers.save_answers(self.work.store, self.plan.asked, came)
            self.outcome.answered += n_came
        if batch.answered and not n_read:
            raise self._not_there(kept, NotThere(f"None of the {batch.answered:,} answers of a batch can be read."))
        self._close(kept, f"{batch.state}: {batch.reason}".removesuffix(": "))
        if batch.state == "failed":
            said = batch.reason or "it gives no reason"
            raise ModelError(f"{self.service.endpoint.place} refused the batch: {said}")
        if batch.state in ("expired", "cancelled") and n_came < kept.n_requests:
            self.outcome.miss(f"The batch {'was not done in time' if batch.state == 'expired' else 'was ended'}.")

    def cancel(self) -> None:
        """Ends all that is under way at the endpoint, also what was begun without anybody hearing of it. Raises
        ModelError after that where one could not be ended."""
        trouble = None
        for kept in self.open():
            try:
                begun = kept.batch_id or getattr(batches.find_batch(self.service, kept.file_id), "batch_id", "")
                if begun:
                    self._note(kept, batches.cancel_batch(self.service, begun))
            except ModelError as error:
                trouble = trouble or error
        if trouble:
            raise trouble

    def read(self, running: list[Batch]) -> Reading:
        """How far it is; tokens and dollars are those of what was collected."""
        return Reading(
            total=self.outcome.answered + self._failed + sum(batch.total for batch in running),
            described=self.outcome.answered + sum(batch.answered for batch in running),
            failed=0,
            unanswered=self._failed + sum(batch.failed for batch in running),
            waiting=0,
            wait_left=0.0,
            wait_reason="",
            tokens=self._tokens,
            dollars=None if self.price is None else self.price.of(self._tokens),
            seconds=monotonic() - self._began,
            seconds_left=None,
        )
