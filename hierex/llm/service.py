"""The part of an endpoint that keeps files and works for hours: fine-tuning and batches.

What is started there costs money whether or not anybody hears that it began, so nothing is started blindly twice:
before another try the endpoint is asked whether it has begun already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import openai

from ..errors import ModelBusy, ModelError, NotThere
from . import Unwatched, Wait
from .door import LONGEST_ASKED, TIMEOUT, TRIES, waiting_time
from .endpoint import Endpoint
from .faults import plain_error, retry_after, what_it_said

T = TypeVar("T")
wait_unwatched = Unwatched().wait


class Service:
    """An endpoint's files and long work. Threads may share one."""

    def __init__(self, endpoint: Endpoint):
        self.endpoint = endpoint
        self._client = openai.OpenAI(
            base_url=endpoint.url, api_key=endpoint.key or "none", max_retries=0, timeout=TIMEOUT
        )

    def call(self, send: Callable[[openai.OpenAI], T], *, what: str, missing: str, wait: Wait = wait_unwatched) -> T:
        """`send(client)`, tried again after a wait where it may pass: for what may be sent twice.

        what: is sent, in words; missing: what it means that the endpoint knows no such address. Raises NotThere
        then, ModelError for what else will not pass, ModelBusy after the last try, and what `wait` raises.
        """
        return self.start_once(lambda: None, send, what=what, missing=missing, wait=wait)

    def start_once(
        self,
        find: Callable[[], T | None],
        start: Callable[[openai.OpenAI], T],
        *,
        what: str,
        missing: str,
        wait: Wait = wait_unwatched,
    ) -> T:
        """What `find` finds, else what `start(client)` starts: looked for again before every other try. See `call`."""
        for failed in range(1, TRIES + 1):
            found = find()
            if found is not None:
                return found
            try:
                return self._send(start, what=what, missing=missing)
            except _Passing as passing:
                if failed == TRIES or (passing.asked_wait or 0) > LONGEST_ASKED:
                    raise passing.trouble from None
                wait(waiting_time(failed, passing.asked_wait), str(passing.trouble))
        raise AssertionError("the last try returns or raises")

    def _send(self, send: Callable[[openai.OpenAI], T], *, what: str, missing: str) -> T:
        """Raises _Passing for what may pass."""
        try:
            return send(self._client)
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            trouble = self._plain(error, what, missing)
            if isinstance(trouble, ModelBusy):
                raise _Passing(trouble, retry_after(error)) from None  # what openai raised may repeat the key
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
            lambda client: client.files.content(file_id).text,
            what="the question for a file",
            missing=f"{self.endpoint.place} no longer has the file {file_id}.",
            wait=wait,
        )

    def name_of(self, made: object) -> str:
        """The id of what was made. Raises ModelError where the endpoint says none."""
        name = getattr(made, "id", None)
        if not isinstance(name, str) or not name:
            raise ModelError(f"What {self.endpoint.place} answers is not what a language model's endpoint answers.")
        return name

    def _plain(self, error: Exception, what: str, missing: str) -> ModelError:
        place = self.endpoint.place
        if isinstance(error, TypeError | AttributeError):
            return ModelBusy(f"What {place} answers is not what a language model's endpoint answers.")
        if isinstance(error, openai.APIStatusError):
            if error.status_code in (404, 405, 501) and error.code != "model_not_found":
                return NotThere(missing)
            if error.status_code in (400, 413, 422):
                return ModelError(f"{place} did not take {what}: {what_it_said(error, self.endpoint)}")
        return plain_error(error, self.endpoint)

    def close(self) -> None:
        self._client.close()


class _Passing(Exception):
    def __init__(self, trouble: ModelBusy, asked_wait: float | None):
        super().__init__(str(trouble))
        self.trouble, self.asked_wait = trouble, asked_wait
