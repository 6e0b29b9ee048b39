"""What a run with a language model has done and taken so far; keeps to its cap, and ends its waits when stopped."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import monotonic

from ..errors import Cancelled, CapReached, HierexError
from .prices import Cap, Price
from .tokens import Tokens

STOPPED = "The work was stopped. Every answer that came is kept."
OVER_CAP = "The next question could cost more than you allowed. Every answer that came is kept."


@dataclass(frozen=True)
class Reading:
    """total: questions of the run so far known. described, failed (an answer came but none that can be used) and
    unanswered make up what is done; waiting: threads that wait before another try, for `wait_left` seconds at most,
    for `wait_reason`. dollars: None where the price is not known. seconds_left: None before anything is done.
    """

    total: int
    described: int
    failed: int
    unanswered: int
    waiting: int
    wait_left: float
    wait_reason: str
    tokens: Tokens
    dollars: float | None
    seconds: float
    seconds_left: float | None

    @property
    def done(self) -> int:
        return self.described + self.failed + self.unanswered


class Meter:
    """Watches all requests of a run (`llm.Watch`), from any thread.

    What a request may take at most is set aside while it is on its way, so the cap holds as long as the endpoint keeps
    to the room that an answer is given. A request that fits only once others took less than was set aside waits for
    them. At most `at_once` requests are on their way; who waits for another try is not.
    """

    def __init__(self, cap: Cap, price: Price | None, at_once: int):
        self._cap, self._price, self._places = cap, price, threading.Semaphore(at_once)
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._less_aside = threading.Condition(self._lock)
        self._began = monotonic()
        self._aside: dict[int, Tokens] = {}
        self._waits: dict[int, tuple[float, str]] = {}
        self._counts = {"described": 0, "failed": 0, "unanswered": 0}
        self.tokens = Tokens()
        self.total = 0

    def before(self, most_read: int, most_written: int) -> None:
        """Raises Cancelled after `stop`, CapReached where the request could go over the cap."""
        self._places.acquire()
        try:
            self._set_aside(Tokens(most_read, most_written))
        except HierexError:
            self._places.release()
            raise

    def _set_aside(self, wanted: Tokens) -> None:
        with self._less_aside:
            self.refuse_stopped()
            while not self._cap.allows(sum(self._aside.values(), self.tokens + wanted), self._price):
                if not self._aside:
                    raise CapReached(OVER_CAP)
                self._less_aside.wait()
                self.refuse_stopped()
            self._aside[threading.get_ident()] = wanted

    def after(self, tokens: Tokens) -> None:
        with self._less_aside:
            self._aside.pop(threading.get_ident(), None)
            self.tokens += tokens
            self._less_aside.notify_all()
        self._places.release()

    def wait(self, seconds: float, reason: str) -> None:
        """Raises Cancelled as soon as the run is stopped."""
        me = threading.get_ident()
        self._waits[me] = monotonic() + seconds, reason
        self._stopping.wait(seconds)
        self._waits.pop(me, None)
        self.refuse_stopped()

    def stop(self) -> None:
        self._stopping.set()
        with self._less_aside:
            self._less_aside.notify_all()

    def refuse_stopped(self) -> None:
        if self._stopping.is_set():
            raise Cancelled(STOPPED)

    def count(self, how: str) -> None:
        with self._lock:
            self._counts[how] += 1

    def cost(self, tokens: Tokens) -> float | None:
        return None if self._price is None else self._price.of(tokens)

    def read(self) -> Reading:
        waits = list(self._waits.values())
        latest, reason = max(waits, default=(0.0, ""))
        seconds, done = monotonic() - self._began, sum(self._counts.values())
        return Reading(
            total=self.total,
            **self._counts,
            waiting=len(waits),
            wait_left=max(0.0, latest - monotonic()) if waits else 0.0,
            wait_reason=reason,
            tokens=self.tokens,
            dollars=self.cost(self.tokens),
            seconds=seconds,
            seconds_left=seconds / done * (self.total - done) if done else None,
        )
