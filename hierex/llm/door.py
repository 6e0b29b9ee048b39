"""Asks a language model: retries what may pass, gives up on what will not, and learns how the endpoint takes a schema.

The key is handed to the client and to nothing else: it is not stored, logged, shown, or part of any message.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

import httpx2
import openai

from ..errors import ModelBusy
from . import Answer, Connection, Unwatched, Watch
from .answers import Schema, in_words, is_cut_short, read_answer, read_text
from .endpoint import Endpoint
from .faults import (
    COMPRESSED,
    plain_error,
    refuses_schema,
    refuses_temperature,
    retry_after,
    wants_other_limit,
    was_read,
)
from .tokens import Tokens, count_messages, estimate_tokens, most_tokens

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

TRIES = 5
"""How often one question is asked at most where the endpoint is busy, breaks off or cuts its answer short."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds before another try: doubled each time, less up to half at random. What the endpoint asks for counts first."""
LONGEST_ASKED = 3_600.0
"""An endpoint that wants a longer wait than this is as good as closed."""
TIMEOUT = 120.0
"""Seconds without a word from the endpoint."""
LONGEST_REPLY, LARGEST_REPLY = 300.0, 4_000_000
"""Seconds that a reply which has begun may take, and bytes that it may have: some trickle, and some never end."""
PATIENCE = 10.0
"""Seconds of a test of the connection after which nothing is tried again."""
COMPRESSIONS = ("gzip", "deflate", "br", "zstd", "compress")
"""Replies in these are not read: a few bytes may be gigabytes."""
MOST_TOKENS = 10_000_000
"""More than this is no count of one request's tokens."""


@dataclass
class _Habits:
    """What is learned of an endpoint's model as it is asked."""

    kept_schema: int = 0
    broke_schema: int = 0
    takes_schema: bool = True
    takes_temperature: bool = True
    limit_name: str = "max_tokens"

    @property
    def how(self) -> str:
        """`schema` as long as it is taken, and kept to at least as often as not."""
        return "schema" if self.takes_schema and self.kept_schema >= self.broke_schema else "words"


def bounded_client(endpoint: Endpoint, timeout: float, *, longest: float = 0, largest: int = 0) -> openai.OpenAI:
    """A client that tries nothing again by itself. timeout: seconds without a word; longest, largest: seconds and bytes
    of a reply, which ends in an error when it takes more; 0 for those of an answer. So that the bytes are those that
    are read, nothing may come compressed."""

    def bound(response: httpx2.Response) -> None:
        if any(name in response.headers.get("content-encoding", "").lower() for name in COMPRESSIONS):
            raise httpx2.RemoteProtocolError(COMPRESSED)
        response.stream = _BoundedStream(response.stream, longest or LONGEST_REPLY, largest or LARGEST_REPLY)

    return openai.OpenAI(
        base_url=endpoint.url,
        api_key=endpoint.key or "none",
        max_retries=0,
        timeout=timeout,
        default_headers={"Accept-Encoding": "identity"},
        http_client=openai.DefaultHttpxClient(event_hooks={"response": [bound]}),
    )


class LanguageModel:
    """An endpoint that is asked. Threads may share one, and what it learns of the endpoint is known until it is closed:
    the next one tries anew, since an endpoint may have been set up better in the meantime."""

    def __init__(self, endpoint: Endpoint, *, timeout: float = TIMEOUT):
        self.endpoint = endpoint
        self._client = bounded_client(endpoint, timeout)
        self._habits = _Habits()

    def ask(
        self,
        messages: Sequence[dict],
        schema: Schema | None,
        *,
        most_written: int = 800,
        temperature: float | None = None,
        watch: Watch | None = None,
    ) -> Answer:
        """The model's answer to these chat messages as an object of this schema; None: as any text.

        Asked for with a strict JSON schema where the endpoint takes one, in words where it refuses it or answers as if
        there were none; the answer is checked here in any case. What may pass is tried again after a wait: a busy or
        failing endpoint, a lost connection, an answer that was cut short (with twice the room). The last answer is
        returned even when it cannot be used; free text that was cut short is not asked for again. most_written: tokens.
        temperature: None for the endpoint's own, which is also used where a model takes no other.

        Raises ModelError at once for what will not pass (wrong key, unknown model, no credit), PromptRefused when this
        question is not taken (too long), ModelBusy after the last try, and what `watch` raises.
        """
        asked = _Asking(self, list(messages), schema, most_written, temperature, watch or Unwatched())
        return asked.until_answered()

    def test_connection(self, *, most_written: int = 200) -> Connection:
        """Asks one small question, and does not wait for an endpoint that wants to be left alone. Raises as `ask`."""
        started = perf_counter()
        listed = self._is_listed()
        properties = {"colour": {"type": "string", "enum": ["red", "green"]}}
        schema = Schema("colour", properties)
        question = [{"role": "user", "content": "Name the colour of grass."}]
        answer = self.ask(question, schema, most_written=most_written, watch=_Impatient())
        keeps = answer.how == "schema" and answer.parsed is not None
        return Connection(listed, answer.parsed is not None, keeps, perf_counter() - started, answer.tokens)

    def _is_listed(self) -> bool | None:
        try:
            return self.endpoint.model in {model.id for model in self._client.models.list().data}
        except openai.APIStatusError as error:
            if error.status_code in (401, 403):
                raise plain_error(error, self.endpoint) from None
            return None
        except (openai.OpenAIError, ValueError, RecursionError, TypeError, AttributeError):
            return None  # many local servers list nothing; whether they answer is seen next

    def close(self) -> None:
        self._client.close()


class _Impatient(Unwatched):
    """For somebody who sits and waits."""

    def __init__(self):
        self._ends = monotonic() + PATIENCE

    def wait(self, seconds: float, reason: str) -> None:
        """Raises ModelBusy where it would take too long."""
        if monotonic() + seconds > self._ends:
            raise ModelBusy(f"{reason} Try again in {max(1, round(seconds)):,} seconds.")
        super().wait(seconds, reason)


class _BoundedStream(httpx2.SyncByteStream):
    """The bytes of a reply, which ends in an error when it takes too long or is too large."""

    def __init__(self, stream: httpx2.SyncByteStream, seconds: float, most: int):
        self._stream, self._seconds, self._most = stream, seconds, most

    def __iter__(self) -> Iterator[bytes]:
        ends, size = monotonic() + self._seconds, 0
        for part in self._stream:
            size += len(part)
            if monotonic() > ends:
                raise httpx2.ReadTimeout("the reply does not end")
            if size > self._most:
                raise httpx2.RemoteProtocolError("the reply is too large")
            yield part

    def close(self) -> None:
        self._stream.close()


class _Asking:
    """One question on its way."""

    def __init__(
        self,
        door: LanguageModel,
        messages: list[dict],
        schema: Schema | None,
        most_written: int,
        temperature: float | None,
        watch: Watch,
    ):
        self.door, self.messages, self.schema, self.watch = door, messages, schema, watch
        self.room, self.most_room, self.temperature = most_written, 4 * most_written, temperature
        self.habits, self.schema_refused = door._habits, False
        self.how = "text" if schema is None else self.habits.how
        self.limit_sent, self.temperature_sent = "", False
        self.tokens, self.tries, self.started = Tokens(), 0, perf_counter()
        self.last: Answer | None = None

    def until_answered(self) -> Answer:
        failed = 0
        while True:
            trouble, asked_wait = self._try()
            if trouble is None:
                return self.last
            failed += 1
            if failed == TRIES or (asked_wait or 0) > LONGEST_ASKED:
                if self.last is not None:
                    return replace(self.last, tokens=self.tokens, tries=self.tries)
                raise trouble
            self.watch.wait(waiting_time(failed, asked_wait), str(trouble))

    def _try(self) -> tuple[ModelBusy | None, float | None]:
        """What may pass and the wait that was asked for; None where `last` is the answer, or asks in another way."""
        while True:
            try:
                self.last = self._send()
            except (openai.OpenAIError, ValueError, RecursionError) as error:
                if self._ask_otherwise(error):
                    continue
                trouble = plain_error(error, self.door.endpoint)
                if not isinstance(trouble, ModelBusy):
                    raise trouble from None  # what openai raised may repeat the key
                return trouble, retry_after(error)
            if is_cut_short(self.last.fault) and self.how != "text":
                self.room = min(2 * self.room, self.most_room)
                return ModelBusy(self.last.fault), None
            if self.last.parsed is not None or self.last.how != "schema":
                return None, None
            self.how = "words"

    def _send(self) -> Answer:
        messages = in_words(self.messages, self.schema) if self.how == "words" else self.messages
        extra = {"response_format": self.schema.response_format()} if self.how == "schema" else {}
        expected = count_messages(messages) + (estimate_tokens(str(self.schema.whole)) if extra else 0)
        self.watch.before(most_tokens(messages) + (len(str(extra)) if extra else 0), self.room)
        self.limit_sent = self.habits.limit_name  # another thread may have learned it in the meantime
        self.temperature_sent = self.temperature is not None and self.habits.takes_temperature
        if self.temperature_sent:
            extra["temperature"] = self.temperature
        self.tries += 1
        spent = Tokens()
        try:
            reply = self.door._client.chat.completions.create(
                model=self.door.endpoint.model, messages=messages, **{self.limit_sent: self.room}, **extra
            )
            text, ended, spent = read_reply(reply, expected)
        except openai.APIConnectionError as error:
            spent = Tokens(expected, 0, True) if was_read(error) else spent
            raise
        finally:
            self.tokens += spent
            self.watch.after(spent)
        if self.schema_refused:
            self.habits.takes_schema = False
        return self._judge(text, ended)

    def _ask_otherwise(self, error: Exception) -> bool:
        """Whether to: judged by what this request had sent, since other threads learn of the endpoint meanwhile."""
        if wants_other_limit(error) and self.limit_sent == "max_tokens":
            self.habits.limit_name = "max_completion_tokens"
            return True
        if refuses_temperature(error) and self.temperature_sent:
            self.habits.takes_temperature = False
            return True
        if refuses_schema(error) and self.how == "schema":
            self.how, self.schema_refused = "words", True
            return True
        return False

    def _judge(self, text: str, ended: str) -> Answer:
        seconds, model = perf_counter() - self.started, self.door.endpoint.model
        if self.schema is None:
            return Answer(text, None, read_text(text, ended), self.tokens, seconds, model, self.tries, self.how)
        parsed, fault, is_plain = read_answer(text, self.schema, ended)
        if self.how == "schema" and not is_cut_short(fault):
            self.habits.kept_schema += is_plain
            self.habits.broke_schema += not is_plain
        return Answer(text, parsed, fault, self.tokens, seconds, model, self.tries, self.how)


def read_reply(reply: ChatCompletion, expected: int) -> tuple[str, str, Tokens]:
    """Text, finish reason and tokens of a reply, of which any part may be missing. Raises ValueError for no reply."""
    try:
        choice = reply.choices[0]
        text, refusal = choice.message.content or "", getattr(choice.message, "refusal", None)
        text = text.encode("utf-8", "replace").decode()  # JSON may hold halves of characters, which no file takes
        ended = "refusal" if refusal else str(choice.finish_reason or "stop")
    except (AttributeError, TypeError, LookupError):
        raise ValueError("no reply in it") from None
    usage = getattr(reply, "usage", None)
    counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    if all(isinstance(count, int) and 0 <= count < MOST_TOKENS for count in counts) and counts[0]:
        return text, ended, Tokens(*counts)
    return text, ended, Tokens(expected, estimate_tokens(text), True)


def waiting_time(failed: int, asked: float | None) -> float:
    """Seconds before the next try."""
    if asked:
        return asked
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failed - 1)) * random.uniform(0.5, 1)
