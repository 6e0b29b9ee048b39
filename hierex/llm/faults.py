"""What an endpoint's error means: whether it may pass, and how to say it."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING

import openai

from ..errors import ModelBusy, ModelError, PromptRefused

if TYPE_CHECKING:
    from .endpoint import Endpoint

MAY_PASS = (408, 409, 425, 429)
TOO_LONG = ("context_length", "context length", "context size", "context window", "maximum context", "too many tokens")
NO_CREDIT = ("insufficient_quota", "billing", "credit")
NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")
SHOWN = 200

COMPRESSED = "the reply is compressed"


def plain_error(error: openai.OpenAIError | ValueError | RecursionError, endpoint: Endpoint) -> ModelError:
    """ModelBusy for what may pass, PromptRefused for what this question alone met, else ModelError."""
    place = endpoint.place
    if isinstance(error, openai.APITimeoutError):
        return ModelBusy(f"{place} did not answer in time.")
    if str(error.__cause__) == COMPRESSED:
        return ModelBusy(f"{place} compresses its replies though it was asked not to. They are not read.")
    if isinstance(error, openai.APIConnectionError):
        return ModelBusy(f"{place} cannot be reached, or the connection broke off. Is it running?")
    if not isinstance(error, openai.APIStatusError):
        return ModelBusy(f"What {place} answers is not what a language model answers. Check HIEREX_LLM_URL.")
    status, said = error.status_code, what_it_said(error, endpoint)
    if status in (401, 403):
        return ModelError(f"{place} does not accept the key ({status}). Check HIEREX_LLM_KEY.")
    if status == 402 or (status == 429 and any(sign in f"{error.code} {error.type}" for sign in NO_CREDIT)):
        return ModelError(f"The account at {place} has no credit left. Nothing more was asked.")
    if status == 404 or error.code == "model_not_found":
        return ModelError(
            f"{place} knows no model '{endpoint.model}', or its address is another. "
            "Check HIEREX_LLM_MODEL and HIEREX_LLM_URL."
        )
    if is_too_long(error):
        return PromptRefused(f"The question is longer than '{endpoint.model}' can read.")
    if status in (400, 413, 422):
        return PromptRefused(f"{place} did not take the question: {said}")
    if status in MAY_PASS or status >= 500:
        return ModelBusy(f"{place} is {'busy' if status == 429 else 'failing'} ({status}).")
    return ModelError(f"{place} answered with the error {status}: {said}")


def what_it_said(error: openai.APIStatusError, endpoint: Endpoint) -> str:
    """The endpoint's own words in one short line; some repeat the key, which is taken out."""
    body = error.body if isinstance(error.body, dict) else {}
    return short_line(body.get("message") or body.get("detail") or error.message, endpoint)


def short_line(said: object, endpoint: Endpoint) -> str:
    """What an endpoint wrote, as one short line that can be shown, without the key."""
    said = str(said or "")
    if endpoint.key:
        said = said.replace(endpoint.key, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:SHOWN]


def is_too_long(error: openai.APIStatusError) -> bool:
    told = f"{error.code} {error.message}".lower()
    return error.status_code == 413 or (error.status_code in (400, 422) and any(sign in told for sign in TOO_LONG))


def refuses_schema(error: openai.OpenAIError) -> bool:
    """Whether the question may be taken without a schema: it was refused, and not for its length."""
    return isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError) and not is_too_long(error)


def wants_other_limit(error: openai.OpenAIError) -> bool:
    """Newer models of OpenAI take `max_completion_tokens` alone, most local servers `max_tokens` alone."""
    return isinstance(error, openai.BadRequestError) and "max_completion_tokens" in error.message


def refuses_temperature(error: openai.OpenAIError) -> bool:
    """Models that think before they answer take no other temperature than their own."""
    return isinstance(error, openai.BadRequestError) and "temperature" in error.message


def retry_after(error: Exception) -> float | None:
    """Seconds that the endpoint asks to wait, None where it says nothing."""
    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 1_000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    try:
        date = email.utils.parsedate_tz(headers.get("retry-after", ""))
        return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None
    except (ValueError, OverflowError):
        return None  # a date that no calendar has


def was_read(error: openai.APIConnectionError) -> bool:
    """Whether the endpoint may have read the question, and may count it, before the connection was lost."""
    return type(error.__cause__).__name__ not in NEVER_SENT
