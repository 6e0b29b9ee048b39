"""Has a model answer contexts in batches: handed over as files, fetched hours later, at a lower price."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import numpy as np

from ..config import AskedAs
from ..errors import Cancelled, ModelBusy, ModelError, NotThere
from ..kept import context_answers
from ..kept.context_answers import ContextAnswer, KeptBatch
from ..llm import Wait, batches, wait_unless
from ..llm.batches import Batch
from ..llm.meter import Reading
from ..llm.prices import Cap, Price, batch_price
from ..llm.service import Service
from ..llm.tokens import Tokens
from ..store import now
from ..workspace import Workspace
from .answering import AnswerOutcome
from .plans import ANY_ANSWER, MOST_SAMPLES, AnswerPlan, digest_words, find_missing, price_of, read_raw

POLL = 15.0
"""Seconds between two looks at the batches."""
ENDING = 120.0
"""For so many seconds whoever ends batches waits until the endpoint has ended them, to keep what they had answered."""
OVER_CAP = "The other questions could cost more than you allowed. Every answer that came is kept."
SAVED_AT_ONCE = 2_000
UNKNOWN = "unknown"
"""The state of a batch that the endpoint did not know when it was last looked for."""
GIVEN_UP_AFTER = timedelta(days=2)
"""A batch is done, or its time is over, within one day."""
LISTED_WITHIN = timedelta(hours=1)
"""So long after its questions were handed over a batch may have begun, though the endpoint does not list it yet."""
NAME = re.compile(r"((?:[0-9a-f]{16}-){1,3})(\d{1,9})")


def read_name(name: str) -> tuple[tuple[str, ...], int] | None:
    """The digests of the context and the sample that an answer is for; None for a name that no question has."""
    found = NAME.fullmatch(name)
    if not found or int(found[2]) >= MOST_SAMPLES:
        return None
    return tuple(found[1].rstrip("-").split("-")), int(found[2])


def request_of(plan: AnswerPlan, place: int) -> str:
    """A line of the file. By its name an answer finds its question, in this run and any later one; see `read_name`."""
    return batches.request_line(
        "-".join([*plan.context_digests(place), str(plan.sample[place])]),
        plan.asked.model,
        plan.messages(place),
        plan.schema,
        most_written=plan.room,
        temperature=plan.asked.temperature,
    )


def answer_in_batches(
    work: Workspace,
    plan: AnswerPlan,
    service: Service,
    *,
    cap: Cap,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AnswerOutcome:
    """Collects what is open as `collect_batches` does, then hands over what is missing and waits for it.

    Only as much is handed over as the cap allows, if every answer fills its room; what is read is an estimate. If this
    process ends first, the batches go on, and the next call collects them. Raises ConfigError for a cap without a
    price; what the endpoint refuses is the outcome's reason.
    """
    cap.check(plan.price)
    run = _Run(work, plan.asked, service, plan.price, wait_unless(cancelled), progress)

    def collect_and_order() -> None:
        run.collect()
        over_cap = run.hand_over(plan, np.flatnonzero(find_missing(work, plan)), cap)
        run.collect()
        if over_cap:
            run.end("cap", OVER_CAP)

    return run.until_end(collect_and_order)


def collect_batches(
    work: Workspace,
    asked: AskedAs,
    service: Service,
    *,
    stop: bool = False,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AnswerOutcome:
    """Waits for the batches whose questions were asked in this way and keeps what they bring; orders nothing.

    stop: ends them at the endpoint first, as when `cancelled` says so; what they had answered by then is paid, and kept
    as soon as the endpoint is done with them, by this call or the next. What the endpoint never began can be asked
    anew; so can what it did not know twice, the second time two days after the start or later.
    """
    price = price_of(work, replace(service.endpoint, model=asked.model))
    run = _Run(work, asked, service, price, wait_unless(lambda: stop or cancelled()), progress)
    return run.until_end(run.collect)


class _MayHaveBegun(ModelBusy):
    """Nobody can tell yet whether a batch was begun; others can be collected meanwhile."""


class _Run:
    def __init__(
        self, work: Workspace, asked: AskedAs, service: Service, price: Price | None, wait: Wait, progress: Callable
    ):
        self.work, self.asked, self.service, self.wait, self.progress = work, asked, service, wait, progress
        self.outcome, self.price = AnswerOutcome(), batch_price(price)
        self._began, self._tokens, self._failed = monotonic(), Tokens(), 0

    def until_end(self, do: Callable[[], None]) -> AnswerOutcome:
        try:
            try:
                do()
            except Cancelled:
                self.stop()
        except ModelError as error:
            self.end("error", str(error))
        self.outcome.reading = self.read([])
        return self.outcome

    def open(self) -> list[KeptBatch]:
        every = context_answers.open_batches(self.work.store, self.service.endpoint.url)
        return [kept for kept in every if kept.asked == self.asked]

    def end(self, ended: str, reason: str) -> None:
        if self.outcome.ended == "done":
            self.outcome.ended, self.outcome.reason = ended, reason

    def hand_over(self, plan: AnswerPlan, places: np.ndarray, cap: Cap) -> bool:
        """Uploads and starts; returns whether the cap left some out."""
        within, known = self._within(plan, places, cap), [digest_words(answer) for answer in plan.known.answers]
        if len(within):
            batches.check_offered(self.service, wait=self.wait)
        for first in range(0, len(within), batches.MOST_REQUESTS):
            part = within[first : first + batches.MOST_REQUESTS]
            self.wait(0.0, "")
            lines = "".join(request_of(plan, place) for place in part.tolist()).encode()
            file_id = batches.upload_requests(self.service, lines, wait=self.wait)
            kept = context_answers.note_batch(
                self.work.store, self.asked, self.service.endpoint.url, file_id, len(part), known
            )
            self._start(kept)
        return len(within) < len(places)

    def _within(self, plan: AnswerPlan, places: np.ndarray, cap: Cap) -> np.ndarray:
        """As many of them as stay under the cap even if every answer fills its room."""
        read = np.concatenate([[0], np.cumsum(plan.tokens_read[places])])
        allowed = (cap.allows(Tokens(int(read[n]), n * plan.room), self.price) for n in range(1, len(places) + 1))
        return places[: next((n for n, fits in enumerate(allowed) if not fits), len(places))]

    def _start(self, kept: KeptBatch) -> None:
        try:
            self._note(kept, batches.start_batch(self.service, kept.file_id, wait=self.wait))
        except ModelBusy:
            raise  # it may begin later
        except ModelError:
            with contextlib.suppress(ModelError):  # it may have begun all the same; if not, nothing is left to collect
                self._find(kept, listed_within=timedelta())
            raise

    def _find(self, kept: KeptBatch, *, listed_within: timedelta = LISTED_WITHIN) -> KeptBatch | None:
        """With the batch that was begun from what was uploaded, whoever heard of it; None, and closed, where none was.

        Raises ModelError where that cannot be told: _MayHaveBegun as long as the endpoint may not list it yet, since
        what is closed is asked anew, and paid twice if it had begun.
        """
        batch = batches.find_batch(self.service, kept.file_id, wait=self.wait)
        if batch:
            return self._note(kept, batch)
        self.service.check_kept(kept.file_id, wait=self.wait)  # else this is the key of another account
        until = kept.started_at + listed_within
        if now() < until:
            raise _MayHaveBegun(
                f"{self.service.endpoint.place} lists no batch of the {kept.n_requests:,} questions handed over at "
                f"{kept.started_at:%d %b %H:%M} UTC. It may have begun all the same; collect again after "
                f"{until:%d %b %H:%M} UTC."
            )
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
        does not know one or may not list it yet, any other ModelBusy at once."""
        opened, trouble = [], None
        for kept in self.open():
            try:
                found = kept if kept.batch_id else self._find(kept)
            except NotThere as error:
                trouble = trouble or self._not_there(kept, error)
                continue
            except _MayHaveBegun as error:
                trouble = trouble or error
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
        came, n_came, n_read, n_failed, known = [], 0, 0, 0, set(kept.known or ())
        form = ANY_ANSWER if self.asked.form == "schema" else None
        try:
            for found in batches.fetch_answers(self.service, batch, form, wait=self.wait):
                question = read_name(found.name)
                n_read += found.answer is not None
                if question is None:
                    continue  # nobody asked that
                if found.answer is None:
                    n_failed += 1
                    self._miss(found.reason)
                else:
                    tokens = found.answer.tokens
                    dollars = None if self.price is None else self.price.of(tokens)
                    said = digest_words(read_raw(found.answer.text, found.answer.how).strip())
                    matched = None if kept.known is None else said in known
                    came.append(ContextAnswer(*question, found.answer, dollars, matched))
                    n_came += 1
                    self._tokens += tokens
                if len(came) == SAVED_AT_ONCE:
                    self._save(kept, came)
                    came = []
        except NotThere as error:  # one of its files is gone, perhaps only that of the errors
            if batch.answered and not n_read:
                raise self._not_there(kept, error) from error
            self.outcome.miss(str(error))
        finally:
            self._save(kept, came)
            self.outcome.answered += n_came
        if batch.answered and not n_read:
            raise self._not_there(kept, NotThere(f"None of the {batch.answered:,} answers of a batch can be read."))
        self._close(kept, f"{batch.state}: {batch.reason}".removesuffix(": "))
        if batch.state == "failed":
            said = batch.reason or "it gives no reason"
            raise ModelError(f"{self.service.endpoint.place} refused the batch: {said}")
        left = kept.n_requests - n_came - n_failed
        if batch.state in ("expired", "cancelled") and left > 0:
            self._miss(f"The batch {'was not done in time' if batch.state == 'expired' else 'was ended'}.", left)

    def _save(self, kept: KeptBatch, came: list[ContextAnswer]) -> None:
        context_answers.save_answers(self.work.store, self.asked, came, since=kept.started_at)

    def _miss(self, reason: str, n: int = 1) -> None:
        self._failed += n
        self.outcome.miss(reason, n)

    def stop(self) -> None:
        """Ends all, and keeps what it had answered where the endpoint is done with it soon; else the next call does.
        Raises as `cancel` and `collect`."""
        self.cancel()
        until = monotonic() + ENDING
        self.wait = wait_unless(lambda: monotonic() > until)
        with contextlib.suppress(Cancelled):
            self.collect()
        self.end("stopped", "")

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
