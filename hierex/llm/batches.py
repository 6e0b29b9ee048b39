"""Many questions handed to an endpoint as one file, answered within a day at a lower price."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from openai.types.chat import ChatCompletion

from . import Answer, Wait
from .answers import Schema, read_answer, read_text
from .door import read_reply
from .faults import short_line
from .service import Service, is_name, wait_unwatched, whole_number
from .tokens import Tokens

MOST_REQUESTS = 10_000
"""Of one batch; OpenAI takes up to 50,000 and 200 MB, and several at a time."""
ASKED_AT = "/v1/chat/completions"
STATES = {
    "validating": "queued",
    "in_progress": "running",
    "finalizing": "running",
    "cancelling": "ending",
    "completed": "completed",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class Batch:
    """state: queued, running, ending, completed, failed, expired or cancelled. answered, failed, total: requests.

    reason: why it failed; file_ids: with what came, also of one that expired or was cancelled.
    """

    batch_id: str
    state: str
    answered: int = 0
    failed: int = 0
    total: int = 0
    reason: str = ""
    file_ids: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class BatchAnswer:
    """What came of the request `name`: an answer, or why there is none."""

    name: str
    answer: Answer | None
    reason: str


def request_line(
    name: str,
    model: str,
    messages: Sequence[dict],
    schema: Schema | None,
    *,
    most_written: int,
    temperature: float | None,
) -> str:
    """One request as a line of the file. name: by which its answer is known, at most 64 characters."""
    body = {"model": model, "messages": list(messages), "max_completion_tokens": most_written}
    if temperature is not None:
        body["temperature"] = temperature
    if schema is not None:
        body["response_format"] = schema.response_format()
    request = {"custom_id": name, "method": "POST", "url": ASKED_AT, "body": body}
    return json.dumps(request, ensure_ascii=False) + "\n"


def upload_requests(service: Service, lines: bytes, *, wait: Wait = wait_unwatched) -> str:
    return service.upload(lines, "questions.jsonl", "batch", wait=wait)


def check_offered(service: Service, *, wait: Wait = wait_unwatched) -> None:
    """Raises NotThere where the endpoint takes no batches: before anything is uploaded."""
    find_batch(service, "", wait=wait)


def start_batch(
    service: Service, file_id: str, *, ordering: Callable[[], None] = lambda: None, wait: Wait = wait_unwatched
) -> Batch:
    """Starts a batch, or finds the one that was started from this file already. Raises as `Service.start_once`."""

    def start(client) -> Batch:
        batch = client.batches.create(input_file_id=file_id, endpoint=ASKED_AT, completion_window="24h")
        return read_batch(service, batch)

    return service.start_once(
        lambda: find_batch(service, file_id, wait=wait),
        start,
        what="the batch",
        missing=_not_offered(service),
        ordering=ordering,
        wait=wait,
    )


def find_batch(service: Service, file_id: str, *, wait: Wait = wait_unwatched) -> Batch | None:
    found = service.find_listed(
        lambda client: client.batches.list(limit=100),
        lambda batch: getattr(batch, "input_file_id", None) == file_id,
        what="the question for its batches",
        missing=_not_offered(service),
        wait=wait,
    )
    return None if found is None else read_batch(service, found)


def look_at_batch(service: Service, batch_id: str, *, wait: Wait = wait_unwatched) -> Batch:
    """How far a batch is; it keeps the id by which it was asked for, whatever the reply calls it."""
    return service.call(
        lambda client: replace(read_batch(service, client.batches.retrieve(batch_id)), batch_id=batch_id),
        what="the question for a batch",
        missing=f"{service.endpoint.place} no longer knows the batch {batch_id}.",
        wait=wait,
    )


def cancel_batch(service: Service, batch: Batch, *, wait: Wait = wait_unwatched) -> Batch:
    """Ends a batch; what was answered by then is paid, and can be fetched once the endpoint is done with it."""
    if batch.ended or batch.state == "ending":
        return batch
    batch_id = batch.batch_id
    return service.call(
        lambda client: replace(read_batch(service, client.batches.cancel(batch_id)), batch_id=batch_id),
        what="the order to end a batch",
        missing=f"{service.endpoint.place} takes no order to end a batch.",
        wait=wait,
    )


def fetch_answers(
    service: Service, batch: Batch, schema: Schema | None, *, wait: Wait = wait_unwatched
) -> Iterator[list[BatchAnswer]]:
    """What came, file by file, in any order; some requests may be missing, and names may come that nobody asked for."""
    for file_id in batch.file_ids:
        lines = service.download(file_id, wait=wait).split("\n")
        yield [found for line in lines if (found := _read_line(line, service, schema))]


def read_batch(service: Service, batch: object) -> Batch:
    """What the endpoint says of a batch, of which any part may be missing."""
    counts = getattr(batch, "request_counts", None)
    faults = getattr(getattr(batch, "errors", None), "data", None)
    faults = faults if isinstance(faults, list) else ()
    files = (getattr(batch, "output_file_id", None), getattr(batch, "error_file_id", None))
    return Batch(
        batch_id=service.name_of(batch),
        state=STATES.get(str(getattr(batch, "status", None)).lower(), "running"),
        answered=whole_number(getattr(counts, "completed", None)) or 0,
        failed=whole_number(getattr(counts, "failed", None)) or 0,
        total=whole_number(getattr(counts, "total", None)) or 0,
        reason=next((short_line(getattr(fault, "message", None), service.endpoint) for fault in faults), ""),
        file_ids=tuple(filter(is_name, files)),
    )


def _read_line(line: str, service: Service, schema: Schema | None) -> BatchAnswer | None:
    """None for a line that is no result."""
    try:
        found = json.loads(line)
        name, reply, error = str(found["custom_id"]), found.get("response") or {}, found.get("error") or {}
        body = reply.get("body") or {}
        if error or reply.get("status_code") != 200:
            said = error or body.get("error") or {}
            said = said if isinstance(said, str) else said.get("message") or said.get("code")
            reason = short_line(said, service.endpoint)
            return BatchAnswer(name, None, reason or "No answer came.")
        text, ended, tokens = read_reply(ChatCompletion.construct(**body), 0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    return BatchAnswer(name, _answer(text, ended, tokens, service.endpoint.model, schema), "")


def _answer(text: str, ended: str, tokens: Tokens, model: str, schema: Schema | None) -> Answer:
    if schema is None:
        return Answer(text, None, read_text(text, ended), tokens, 0.0, model, 1, "text")
    parsed, fault, _ = read_answer(text, schema, ended)
    return Answer(text, parsed, fault, tokens, 0.0, model, 1, "schema")


def _not_offered(service: Service) -> str:
    return f"{service.endpoint.place} takes no batches. Ask one question at a time instead."
