"""The part of an endpoint that keeps files and works for hours: fine-tuning and batches.

What is started there costs money whether or not anybody hears that it began, so nothing is started blindly twice:
before another try the endpoint is asked whether it has begun already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

import openai

from ..errors import Cancelled, ModelBusy, ModelError, NotThere
from . import Unwatched, Wait
from .door import LONGEST_ASKED, TIMEOUT, TRIES, bounded_client, waiting_time
from .endpoint import Endpoint
from .faults import plain_error, retry_after, was_read, what_it_said

T = TypeVar("T")
wait_unwatched = Unwatched().wait
LOOKS = 3
"""How often what may have begun is looked for at once; what is not listed by then may be listed later."""
LISTED = 1_000
"""Among so many of the latest batches or jobs one is looked for that was started before."""
LONGEST_FILE, LARGEST_FILE = 3_600.0, 400_000_000
"""Seconds that a file may take to come, and bytes: OpenAI takes 200 MB of questions in one."""
LONGEST_NAME = 200
LARGEST_COUNT = 2**53
UNREADABLE = (openai.OpenAIError, ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What reading a reply may raise, whatever it is."""


class PutOff(ModelBusy):
    """Nothing was started: the endpoint said at every try that it takes nothing for now, or was not reached."""


class StoppedBefore(Cancelled):
    """It was stopped before another try, and nothing was started."""


class Service:
    """An endpoint's files and long work. Threads may share one."""

    def __init__(self, endpoint: Endpoint):
        self.endpoint = endpoint
        self._client = bounded_client(endpoint, TIMEOUT)
        self._of_files = bounded_client(endpoint, TIMEOUT, longest=LONGEST_FILE, largest=LARGEST_FILE)

    def call(self, send: Callable[[openai.OpenAI], T], *, what: str, missing: str, wait: Wait = wait_unwatched) -> T:
        """`send(client)`, tried again after a wait where it may pass: for what may be sent twice.

        what: is sent, in words; missing: what it means that the endpoint knows no such address. Raises NotThere
        then, ModelError for what else will not pass, ModelBusy after the last try, and what `wait` raises.
        """
        for failed in range(1, TRIES + 1):
            try:
                return self._send(send, what=what, missing=missing)
            except _Passing as passing:
                if failed == TRIES or (passing.asked_wait or 0) > LONGEST_ASKED:
                    raise passing.trouble from None
                wait(waiting_time(failed, passing.asked_wait), str(passing.trouble))
        raise AssertionError("the last try returns or raises")

    def start_once(
        self,
        find: Callable[[], T | None],
        start: Callable[[openai.OpenAI], T],
        *,
        what: str,
        missing: str,
        ordering: Callable[[], None] = lambda: None,
        wait: Wait = wait_unwatched,
    ) -> T:
        """What `find` finds, else what `start(client)` starts. It is tried again only where nothing can have begun.

        Raises as `call`, but: PutOff where the last try certainly began nothing either, StoppedBefore where `wait` ends
        it before another, and any other ModelBusy where nobody can tell: it may begin, and be listed, later.
        ordering: hears that it is about to be tried, so that how long ago that was is known whatever becomes of it.
        """

        def begin(client: openai.OpenAI) -> T:
            try:
                return start(client)
            except ModelError as unreadable:  # what came back names nothing, though it may have begun
                raise TypeError(str(unreadable)) from None

        for failed in range(1, TRIES + 1):
            found = _find_before(find)
            if found is not None:
                return found
            ordering()
            try:
                return self._send(begin, what=what, missing=missing)
            except _Passing as passing:
                if passing.may_have_begun:
                    return self._look_for(find, passing.trouble, wait)
                if failed == TRIES or (passing.asked_wait or 0) > LONGEST_ASKED:
                    raise PutOff(str(passing.trouble)) from None
                try:
                    wait(waiting_time(failed, passing.asked_wait), str(passing.trouble))
                except Cancelled as stopped:
                    raise StoppedBefore(str(stopped)) from None
        raise AssertionError("the last try returns or raises")

    def _look_for(self, find: Callable[[], T | None], trouble: ModelBusy, wait: Wait) -> T:
        """What may have begun. Raises `trouble` where it is not listed soon."""
        for look in range(1, LOOKS + 1):
            wait(waiting_time(look, None), str(trouble))
            with contextlib.suppress(ModelError):  # what cannot be told now may be told later
                found = find()
                if found is not None:
                    return found
        raise trouble

    def find_listed(
        self,
        listing: Callable[[openai.OpenAI], Iterable],
        is_it: Callable[[object], bool],
        *,
        what: str,
        missing: str,
        wait: Wait = wait_unwatched,
    ) -> object | None:
        """The first of the listed, latest first, that it is. An id that comes again ends the list: some endpoints give
        the same page each time. Raises as `call`."""

        def find(client: openai.OpenAI) -> object | None:
            seen = set()
            for one in islice(listing(client), LISTED):
                wait(0.0, "")
                name = getattr(one, "id", None)
                if name is not None and name in seen:
                    return None
                seen.add(name)
                if is_it(one):
                    return one
            return None

        return self.call(find, what=what, missing=missing, wait=wait)

    def _send(self, send: Callable[[openai.OpenAI], T], *, what: str, missing: str) -> T:
        """Raises _Passing for what may pass."""
        try:
            return send(self._client)
        except UNREADABLE as error:
            trouble = self._plain(error, what, missing)
            if isinstance(trouble, ModelBusy):
                # what openai raised may repeat the key
                raise _Passing(trouble, retry_after(error), not _began_nothing(error)) from None
            raise trouble from None

    def upload(self, lines: bytes, name: str, purpose: str, *, wait: Wait = wait_unwatched) -> str:
        """Keeps a JSONL file there; returns its id. A second copy costs nothing."""
        missing = f"{self.endpoint.place} takes no files, so it offers neither fine-tuning nor batches."
        file = self.call(
            lambda client: client.files.create(file=(name, lines, "application/jsonl"), purpose=purpose),
            what=f"the file '{name}'",
            missing=missing,
            wait=wait,
        )
        return self.name_of(file)

    def check_kept(self, file_id: str, *, wait: Wait = wait_unwatched) -> None:
        """Raises NotThere where the endpoint does not know the file."""
        self.call(
            lambda client: client.files.retrieve(file_id),
            what="the question for a file",
            missing=f"{self.endpoint.place} does not know the file {file_id}.",
            wait=wait,
        )

    def download(self, file_id: str, *, wait: Wait = wait_unwatched) -> str:
        return self.call(
            lambda _: self._of_files.files.content(file_id).content.decode(errors="replace"),
            what="the question for a file",
            missing=f"{self.endpoint.place} no longer has the file {file_id}.",
            wait=wait,
        )

    def name_of(self, made: object) -> str:
        """The id of what was made. Raises ModelError where the endpoint says none."""
        name = getattr(made, "id", None)
        if not is_name(name):
            raise ModelError(f"What {self.endpoint.place} answers is not what a language model's endpoint answers.")
        return name

    def _plain(self, error: Exception, what: str, missing: str) -> ModelError:
        place = self.endpoint.place
        if isinstance(error, TypeError | AttributeError | LookupError):
            return ModelBusy(f"What {place} answers is not what a language model's endpoint answers.")
        if isinstance(error, openai.APIStatusError):
            if error.status_code in (404, 405, 501) and error.code != "model_not_found":
                return NotThere(missing)
            if error.status_code in (400, 413, 422):
                return ModelError(f"{place} did not take {what}: {what_it_said(error, self.endpoint)}")
        return plain_error(error, self.endpoint)

    def close(self) -> None:
        self._client.close()
        self._of_files.close()


def is_name(found: object) -> bool:
    """Whether an endpoint may call something so: what it says ends in commands and on screens."""
    return isinstance(found, str) and 0 < len(found) <= LONGEST_NAME and found.isprintable()


def whole_number(found: object) -> int | None:
    """A count that an endpoint gives; None for anything else."""
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST_COUNT:
        return None
    return found


class _Passing(Exception):
    def __init__(self, trouble: ModelBusy, asked_wait: float | None, may_have_begun: bool):
        super().__init__(str(trouble))
        self.trouble, self.asked_wait, self.may_have_begun = trouble, asked_wait, may_have_begun


def _find_before(find: Callable[[], T | None]) -> T | None:
    """What was started already, where nothing that was sent may have begun since it was looked for."""
    try:
        return find()
    except ModelBusy as trouble:
        raise PutOff(str(trouble)) from None
    except Cancelled as stopped:
        raise StoppedBefore(str(stopped)) from None


def _began_nothing(error: Exception) -> bool:
    """Whether an order that ended in this certainly began nothing; a gateway that fails may have passed it on."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code == 501 or (error.status_code < 500 and error.status_code != 408)
    return isinstance(error, openai.APIConnectionError) and not was_read(error)
