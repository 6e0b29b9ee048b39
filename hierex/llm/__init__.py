"""The one door to language models: any endpoint that speaks the protocol of OpenAI's chat completions.

`endpoint` says where it is, `door` asks it, `answers` reads what comes back, `faults` says what an error means. What is
here is all that others need to know of an answer, without loading a client.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..errors import Cancelled, LeftRunning
from .tokens import Tokens


@dataclass(frozen=True)
class Answer:
    """What came back. text: as it came; parsed: the object in it, None where there is none that fits the schema, or
    where any text was asked for.

    fault: why it cannot be used. tokens, seconds, tries: of everything that was sent for it. how: `schema`, `words` or,
    where any text was asked for, `text`.
    """

    text: str
    parsed: dict | None
    fault: str
    tokens: Tokens
    seconds: float
    model: str
    tries: int
    how: str


class Watch(Protocol):
    """Hears of every request, and may stop before one by raising."""

    def before(self, most_read: int, most_written: int) -> None:
        """A request is about to be sent that reads and writes so many tokens at most."""

    def after(self, tokens: Tokens) -> None:
        """It ended; this is what it took."""

    def wait(self, seconds: float, reason: str) -> None:
        """Returns after so many seconds."""


Wait = Callable[[float, str], None]
"""Returns after so many seconds; hears why. May raise Cancelled."""
LOOK_EVERY = 0.2
STILL_THERE = "It goes on at the endpoint. Follow, collect or stop it under “Releases” of “What comes next”."


class Unwatched:
    """For callers who don't watch."""

    def before(self, most_read: int, most_written: int) -> None:
        pass

    def after(self, tokens: Tokens) -> None:
        pass

    def wait(self, seconds: float, reason: str) -> None:
        time.sleep(seconds)  # nobody watches, so nobody can stop it


def wait_unless(cancelled: Callable[[], bool], left: Callable[[], bool] = lambda: False) -> Wait:
    """Waits that end with Cancelled as soon as somebody stops the work, with LeftRunning as soon as nobody waits for
    it any more."""

    def wait(seconds: float, reason: str) -> None:
        until = time.monotonic() + seconds
        while not cancelled():
            seconds_left = until - time.monotonic()
            if seconds_left <= 0:
                return
            if left():
                raise LeftRunning(STILL_THERE)
            time.sleep(min(seconds_left, LOOK_EVERY))  # the endpoint works; nothing here could be done meanwhile
        raise Cancelled("The work was stopped. Every answer that came is kept.")

    return wait


def wait_for(seconds: float) -> Wait:
    """Waits that end with Cancelled so many seconds from now."""
    until = time.monotonic() + seconds
    return wait_unless(lambda: time.monotonic() > until)


@dataclass(frozen=True)
class Connection:
    """What a test found. listed: whether the endpoint lists the model, None where it lists none."""

    listed: bool | None
    answered: bool
    keeps_schema: bool
    seconds: float
    tokens: Tokens
