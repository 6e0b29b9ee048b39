"""What was handed over in batches and is not done with yet: found again, waited for, kept, and ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from ..config import AskedAs
from ..errors import Cancelled, LeftRunning, ModelBusy, ModelError, NotThere
from ..kept import answer_batches
from ..kept.answer_batches import KeptBatch
from ..llm import Wait, batches, wait_for, wait_unless
from ..llm.batches import Batch, BatchAnswer
from ..llm.meter import Reading
from ..llm.prices import Price, batch_price
from ..llm.service import Service
from ..store import now
from ..workspace import Workspace
from .answering import AnswerOutcome
from .brought_answers import BroughtAnswers
from .plans import ANY_ANSWER, price_of

POLL = 15.0
"""Seconds between two looks at the batches."""
ENDING = 120.0
"""For so many seconds whoever ends batches waits until the endpoint has ended them, to keep what they had answered."""
UNKNOWN, UNFETCHED = "unknown", "unfetched"
"""The state of a batch that the endpoint did not know when it was last looked for; of one whose answers were gone or
not to be read, or could not be fetched when it was last stopped."""
GIVEN_UP_AFTER = timedelta(days=2)
"""A batch is done, or its time is over, within one day."""
STILL_ENDING = (
    "The endpoint was told to end the batches, and has not done so yet. Collect later what they had answered by then."
)
STAY_OPEN = (
    "Questions that were handed over stay open: collect or stop them under “Releases” of “What comes next”, or with "
    "'hierex answer --collect' and '--cancel'."
)
ANOTHER_KEY = " Is the key that of the account it was begun with?"
OUTAGE = 900.0
"""An endpoint that was heard of a batch may fail for so many seconds, until nobody waits for the batch any longer."""
WHY_LEFT = {
    "completed": "The endpoint sent neither an answer nor a reason.",
    "expired": "The batch was not done in time.",
    "cancelled": "The batch was ended.",
}
"""Of an ended batch, why it tells nothing of some questions."""
LISTED_WITHIN = timedelta(hours=1)
"""So long after its questions were handed over a batch may have begun, though the endpoint does not list it yet."""


def collect_batches(
    work: Workspace,
    asked: AskedAs,
    service: Service,
    *,
    stop: bool = False,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
    left: Callable[[], bool] = lambda: False,
) -> AnswerOutcome:
    """Waits for the batches whose questions were asked in this way and keeps what they bring; orders nothing.

    stop: ends them at the endpoint first, as when `cancelled` says so; what they had answered by then is paid, and kept
    as soon as the endpoint is done with them, by this call or the next. What the endpoint never began can be asked
    anew; so can what it did not know, or whose answers were not to be had, twice, the second time two days after the
    start or later. left: says that nobody waits any more; raises LeftRunning then, and the batches go on.
    """
    price = price_of(work, replace(service.endpoint, model=asked.model))
    opened = OpenBatches(work, asked, service, price, wait_unless(cancelled, left), progress)
    return opened.until_end(opened.stop if stop else opened.collect)


Going = tuple[KeptBatch, Batch, float]
"""A batch that goes on, how it was when the endpoint last told it, and when that was (`monotonic`)."""


class OpenBatches:
    """Those of one way to ask at one endpoint. `outcome` says what they brought, and what the endpoint made of them."""

    def __init__(
        self, work: Workspace, asked: AskedAs, service: Service, price: Price | None, wait: Wait, progress: Callable
    ):
        self.work, self.asked, self.service, self.wait, self.progress = work, asked, service, wait, progress
        self.price = batch_price(price)
        self.brought = BroughtAnswers(work.store, asked, self.price)
        self.outcome, self._began = self.brought.outcome, monotonic()
        self._gives_up, self._troubles, self._outage = False, {}, ""

    def until_end(self, do: Callable[[], None]) -> AnswerOutcome:
        """Does it; ends the batches where it is cancelled, and says so where the endpoint fails. Raises LeftRunning."""
        try:
            try:
                do()
            except Cancelled:
                self.stop()
        except ModelError as error:
            self.end("error", self.with_open(error))
        except LeftRunning:
            if not self._troubles:
                raise
            self.end("error", self.with_open(self.first_trouble()))
        self._outage = ""
        self.outcome.reading = self.read([])
        return self.outcome

    def end(self, ended: str, reason: str) -> None:
        if self.outcome.ended == "done":
            self.outcome.ended, self.outcome.reason = ended, reason

    def with_open(self, trouble: ModelError) -> str:
        return f"{trouble} {STAY_OPEN}" if self.kept() else str(trouble)

    def kept(self) -> list[KeptBatch]:
        every = answer_batches.open_batches(self.work.store, self.service.endpoint.url)
        return [kept for kept in every if kept.asked == self.asked]

    # -- which batch it is

    def find(self, kept: KeptBatch) -> KeptBatch | None:
        """With the batch that was begun from what was uploaded, whoever heard of it; None, and closed, where none was.

        Raises ModelError where that cannot be told, also as long as the endpoint may not list it yet: what is closed
        is asked anew, and paid twice if it had begun.
        """
        batch = batches.find_batch(self.service, kept.file_id, wait=self.wait)
        if batch:
            return self.note_begun(kept, batch)
        self.service.check_kept(kept.file_id, wait=self.wait)  # else this is the key of another account
        until = kept.started_at + LISTED_WITHIN
        if now() < until:
            raise ModelError(
                f"{self.service.endpoint.place} lists no batch of the {kept.n_requests:,} questions handed over at "
                f"{kept.started_at:%d %b %H:%M} UTC. It may have begun all the same; collect again after "
                f"{until:%d %b %H:%M} UTC."
            )
        self.close(kept, "It was never begun.")
        self.brought.miss("They were handed over, but never begun.", kept.n_requests)
        return None

    def note_begun(self, kept: KeptBatch, batch: Batch) -> KeptBatch:
        answer_batches.update_batch(self.work.store, kept.row_id, batch_id=batch.batch_id, state=batch.state)
        return replace(kept, batch_id=batch.batch_id, state=batch.state)

    def close(self, kept: KeptBatch, reason: str) -> None:
        """Nothing more will come of it."""
        answer_batches.update_batch(
            self.work.store, kept.row_id, batch_id=kept.batch_id, state="collected", reason=reason
        )

    def _doubt(
        self, kept: KeptBatch, error: ModelError, state: str, why: str = "", *, asked: str = "collected or stopped"
    ) -> ModelError:
        """Closes what was in this state before and is over its time; else notes the state, and says what comes of it
        the next time: asking anew would be paid twice."""
        until = kept.started_at + GIVEN_UP_AFTER
        if kept.state == state and now() > until:
            self.close(kept, str(error))
            return ModelError(f"{error} It is given up. Its {kept.n_requests:,} questions can be asked anew.")
        answer_batches.update_batch(
            self.work.store, kept.row_id, batch_id=kept.batch_id, state=state, reason=str(error)
        )
        return ModelError(
            f"{error}{why} If that is so once more after {max(until, now()):%d %b %H:%M} UTC when it is {asked}, it is "
            "given up, and its questions can be asked anew."
        )

    # -- what it brings

    def collect(self) -> None:
        """Waits for all that is under way and keeps what it brings. What was uploaded and never begun is missing again,
        so that the cap counts for it. What keeps one from being collected is raised, as ModelError, once all others
        are."""
        going = [(kept, None, 0.0) for kept in self.kept()]
        while going:
            self._outage = ""
            going = [on for last in going if (on := self._look_again(*last))]
            self.progress(self.read([batch for _, batch, _ in going]))
            if going:
                self.wait(POLL, self._outage)
        if self._troubles:
            raise self.first_trouble()

    def _look_again(self, kept: KeptBatch, batch: Batch | None, heard: float) -> Going | None:
        """As `_look`; as it was when it was `heard` of where the endpoint fails for now; None, and a trouble, where
        nothing more can be told of it."""
        try:
            looked = self._look(kept)
        except ModelError as error:
            if isinstance(error, ModelBusy) and batch and not self._gives_up and monotonic() - heard < OUTAGE:
                self._outage = str(error)
                return kept, batch, heard
            self._troubles[kept.row_id] = error
            return None
        if not looked:  # it is done with, whatever was wrong before
            self._troubles.pop(kept.row_id, None)
            return None
        return *looked, monotonic()

    def _look(self, kept: KeptBatch) -> tuple[KeptBatch, Batch] | None:
        """How far it is, where it goes on; what an ended one brought is kept."""
        try:
            kept = kept if kept.batch_id else self.find(kept)
            batch = kept and batches.look_at_batch(self.service, kept.batch_id, wait=self.wait)
            if batch and self._gives_up:
                batch = self._end(kept, batch)
        except NotThere as error:
            raise self._doubt(kept, error, UNKNOWN, ANOTHER_KEY) from error
        except Cancelled:
            if not self._gives_up or kept.state == "ending":
                raise
            raise self._not_taken() from None
        if not batch:
            return None
        if batch.ended:
            self._keep_all(kept, batch)
            return None
        return self.note_begun(kept, batch) if kept.state == UNKNOWN or batch.state == "ending" else kept, batch

    def _end(self, kept: KeptBatch, batch: Batch) -> Batch:
        """As it is then; where the order is not taken, as it was: it may end by itself, or take the next order."""
        try:
            batch = batches.cancel_batch(self.service, batch, wait=self.wait)
            self._troubles.pop(kept.row_id, None)
        except Cancelled:
            self._troubles[kept.row_id] = self._not_taken()
        except ModelError as error:
            self._troubles[kept.row_id] = error
        return batch

    def _keep_all(self, kept: KeptBatch, batch: Batch) -> None:
        """Keeps all that came, whatever plan it was asked for, and closes the batch; leaves it open, and raises
        ModelError, where it has answers of which none can be read."""
        form = ANY_ANSWER if self.asked.form == "schema" else None
        came: list[BatchAnswer] = []
        try:
            for of_file in batches.fetch_answers(self.service, batch, form, wait=self.wait):
                came += of_file
        except NotThere as error:  # one of its files is gone, perhaps only that of the errors
            if batch.answered and not any(one.answer for one in came):
                raise self._doubt(kept, error, UNFETCHED, ANOTHER_KEY) from error
            self.outcome.miss(str(error))
        except Cancelled:
            if not self._gives_up:
                raise
            raise ModelError("The answers of a batch cannot be fetched now. Collect them later.") from None
        except ModelError as error:  # given up by who stops it twice after two days; what it brought is paid
            if not self._gives_up or now() < kept.started_at + GIVEN_UP_AFTER:
                raise
            self.brought.keep(kept, came)
            raise self._doubt(kept, error, UNFETCHED, asked="stopped") from error
        n_read, n_told = sum(one.answer is not None for one in came), self.brought.keep(kept, came)
        if not n_read and (batch.answered or (batch.state == "completed" and not n_told)):
            raise self._doubt(kept, ModelError("None of the answers of a batch can be read."), UNFETCHED)
        self.close(kept, f"{batch.state}: {batch.reason}".removesuffix(": "))
        if batch.state == "failed":
            said = batch.reason or "it gives no reason"
            raise ModelError(f"{self.service.endpoint.place} refused the batch: {said}")
        left = kept.n_requests - n_told
        if left > 0:
            self.brought.miss(WHY_LEFT[batch.state], left)

    # -- its end

    def stop(self) -> None:
        """Ends all, and keeps what it had answered where the endpoint is done with it soon; else the next call does.
        Raises ModelError after that where one could not be ended or collected."""
        self.wait, self._gives_up = wait_for(ENDING), True
        self._cancel()
        try:
            self.collect()
        except Cancelled:
            if self._troubles:
                raise self.first_trouble() from None
            self.end("stopped", STILL_ENDING)
        self.end("stopped", "")

    def _cancel(self) -> None:
        """Ends all that is under way at the endpoint, also what was begun without anybody hearing of it."""
        for kept in self.kept():
            try:
                if kept.batch_id:
                    begun = batches.look_at_batch(self.service, kept.batch_id, wait=self.wait)
                else:
                    begun = batches.find_batch(self.service, kept.file_id, wait=self.wait)
                if begun and not begun.ended:
                    self.note_begun(kept, batches.cancel_batch(self.service, begun, wait=self.wait))
            except Cancelled:
                if kept.state != "ending":
                    self._troubles[kept.row_id] = self._not_taken()
            except ModelError as error:
                self._troubles[kept.row_id] = error

    def _not_taken(self) -> ModelError:
        return ModelError(f"{self.service.endpoint.place} did not take the order to end a batch.")

    def first_trouble(self) -> ModelError:
        return next(iter(self._troubles.values()))

    def read(self, running: list[Batch]) -> Reading:
        """How far it is; tokens and dollars are those of what was collected."""
        return Reading(
            total=self.outcome.answered + self.brought.failed + sum(batch.total for batch in running),
            described=self.outcome.answered + sum(batch.answered for batch in running),
            failed=0,
            unanswered=self.brought.failed + sum(batch.failed for batch in running),
            waiting=int(bool(self._outage)),
            wait_left=POLL if self._outage else 0.0,
            wait_reason=self._outage,
            tokens=self.brought.tokens,
            dollars=self.brought.dollars,
            seconds=monotonic() - self._began,
            seconds_left=None,
        )
