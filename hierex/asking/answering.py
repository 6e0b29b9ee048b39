"""Has a model answer which interest comes next, context by context, many at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from ..errors import ConfigError
from ..kept import answer_batches, context_answers
from ..kept.context_answers import ContextAnswer
from ..llm import LOOK_EVERY, Answer
from ..llm.asking import AHEAD, AT_ONCE, Ask, AskingRun
from ..llm.meter import Meter, Reading
from ..llm.prices import Cap
from ..store import now
from ..workspace import Workspace
from .plans import AnswerPlan, find_missing, raw_text, read_raw


@dataclass
class AnswerOutcome:
    """ended: done, stopped (by a person), cap or error; reason: in plain words, empty when done.

    answered: questions that got an answer; unanswered: how many others got none, by reason.
    """

    answered: int = 0
    unanswered: dict[str, int] = field(default_factory=dict)
    ended: str = "done"
    reason: str = ""
    reading: Reading | None = None

    def miss(self, reason: str, n: int = 1) -> None:
        self.unanswered[reason] = self.unanswered.get(reason, 0) + n

    @property
    def main_reason(self) -> str:
        """Why most of those got no answer that got none; empty where all did."""
        return max(self.unanswered, key=self.unanswered.get, default="")

    @property
    def nothing_asked(self) -> bool:
        return self.ended == "done" and not (self.answered or self.unanswered)

    @property
    def nothing_came(self) -> str:
        """That all questions were asked and none got an answer, and why; else empty."""
        is_so = self.ended == "done" and self.unanswered and not self.answered
        return f"No question got an answer. {self.main_reason}" if is_so else ""


def answer_contexts(
    work: Workspace,
    plan: AnswerPlan,
    ask: Ask,
    *,
    place: str,
    cap: Cap,
    concurrency: int = AT_ONCE,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AnswerOutcome:
    """Asks what is missing, `concurrency` at once; every answer is kept as it comes, whatever it says.

    place: the endpoint's address. In the readings an answer that is not, word for word, a known interest counts as
    failed, as in the match rate. Raises ConfigError for a cap without a price, and while a batch with such questions is
    under way there, also one that was handed over since it was planned.
    """
    cap.check(plan.price)
    opened = answer_batches.open_batches(work.store, place)
    under_way = sum(kept.n_requests for kept in opened if kept.asked == plan.asked)
    if under_way:
        raise ConfigError(
            f"{under_way:,} questions were handed over as a batch and are not collected yet. Collect them first, "
            "so that nothing is paid twice."
        )
    places = np.flatnonzero(find_missing(work, plan)).tolist()
    meter = Meter(cap, plan.price, concurrency)
    meter.total = len(places)
    run = _Asking(work, plan, ask, meter)
    n_threads = AHEAD * concurrency
    try:
        with ThreadPoolExecutor(n_threads, thread_name_prefix="answering") as threads:
            try:
                run.go(threads, n_threads, places, progress, cancelled)
            finally:
                meter.stop()
    finally:
        run.take_open()
    run.outcome.reading = meter.read()
    progress(run.outcome.reading)
    return run.outcome


class _Asking(AskingRun):
    outcome: AnswerOutcome

    def __init__(self, work: Workspace, plan: AnswerPlan, ask: Ask, meter: Meter):
        super().__init__(AnswerOutcome(), meter)
        self.work, self.plan, self.ask = work, plan, ask
        self.open: dict[Future, int] = {}
        self.began = now()

    def go(self, threads, most, places, progress, cancelled) -> None:
        waiting = iter(places)
        while True:
            while self.goes_on and len(self.open) < most and (place := next(waiting, None)) is not None:
                self.open[threads.submit(self._one, place)] = place
            if not self.open:
                return
            done, _ = wait(self.open, LOOK_EVERY, FIRST_COMPLETED)
            self._take(done)
            progress(self.meter.read())
            if self.goes_on and cancelled():
                self.end("stopped", "")

    def take_open(self) -> None:
        """What was still being answered: whatever ended the run, it is paid."""
        self._take(wait(self.open).done)

    def _one(self, place: int) -> Answer:
        self.meter.refuse_stopped()
        plan = self.plan
        return self.ask(
            plan.messages(place),
            plan.schema,
            most_written=plan.room,
            temperature=plan.asked.temperature,
            watch=self.meter,
        )

    def _kept(self, place: int, answer: Answer) -> ContextAnswer:
        plan = self.plan
        about = plan.context_digests(place), int(plan.sample[place])
        return ContextAnswer(*about, answer, self.meter.cost(answer.tokens), plan.known.knows(raw_text(answer)))

    def _take(self, done: set[Future]) -> None:
        """Keeps what came; raises what is no fault of the endpoint or the model."""
        came = [(self.open[future], future.result()) for future in done if future.exception() is None]
        context_answers.save_answers(
            self.work.store, self.plan.asked, [self._kept(*one) for one in came], since=self.began
        )
        for future in done:
            del self.open[future]
        for _, answer in came:
            is_known = self.plan.known.knows(read_raw(answer.text, answer.how))
            self.meter.count("described" if is_known else "failed")
        if came:
            self.note_answer()
        self.outcome.answered += len(came)
        for error in (future.exception() for future in done):
            if error is not None:
                self.note_error(error, self.outcome.miss)
