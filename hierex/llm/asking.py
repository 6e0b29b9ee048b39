"""What ends a run that asks a language model many questions: a person, the cap, or an endpoint that does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..errors import Cancelled, CapReached, ModelBusy, ModelError, PromptRefused
from . import Answer
from .meter import Meter

AT_ONCE = 8
AHEAD = 2
"""Threads per request on its way: some wait before another try, or get the next question ready."""
GIVE_UP_AFTER = 5
"""A run ends when so many questions in a row got no answer at all: then it is the endpoint, not the questions."""

Ask = Callable[..., Answer]
"""`LanguageModel.ask`: (messages, schema, *, most_written, temperature, watch) -> Answer."""


class Ending(Protocol):
    """How a run ended. ended: done, stopped (by a person), cap or error; reason: in plain words, empty when done."""

    ended: str
    reason: str


class AskingRun:
    """outcome: of the run, as far as it has come."""

    def __init__(self, outcome: Ending, meter: Meter):
        self.outcome, self.meter, self._in_a_row = outcome, meter, 0

    @property
    def goes_on(self) -> bool:
        return self.outcome.ended == "done"

    def end(self, ended: str, reason: str) -> None:
        if self.goes_on:
            self.outcome.ended, self.outcome.reason = ended, reason
        self.meter.stop()

    def note_answer(self) -> None:
        self._in_a_row = 0

    def note_error(self, error: BaseException, miss: Callable[[str], None]) -> None:
        """miss: keeps why a question got no answer. Raises what is no fault of the endpoint or the model."""
        if isinstance(error, CapReached):
            self.end("cap", str(error))
        elif isinstance(error, ModelBusy | PromptRefused):
            self._in_a_row += 1
            miss(str(error))
            self.meter.count("unanswered")
            if self._in_a_row >= GIVE_UP_AFTER:
                self.end("error", str(error))
        elif isinstance(error, ModelError):
            self.end("error", str(error))
        elif not isinstance(error, Cancelled):
            self.meter.stop()
            raise error
