"""What is said of a language model at an endpoint: what it would cost, how far it is, whether it answers."""

from __future__ import annotations

from collections.abc import Sequence

from ..asking.tuning import TuningPlan
from ..config import AskedAs
from ..kept.answer_batches import KeptBatch
from ..kept.tunings import KeptTuning
from ..llm import Connection
from ..llm.endpoint import Endpoint
from ..llm.meter import Reading
from ..llm.prices import Estimate
from . import duration, money

WAYS = {"text": "in free text", "schema": "chosen from a list"}


def estimate_text(estimate: Estimate, endpoint: Endpoint, *, did: str = "described all of these interests") -> str:
    """What a run with a language model would ask and cost."""
    if not estimate.calls:
        return f"Nothing to ask: {endpoint.model} has {did}."
    where = "on this machine" if endpoint.is_local else f"at {endpoint.place}"
    cost = "its price is not known" if estimate.dollars is None else f"about {money(estimate.dollars)}"
    return (
        f"{estimate.calls:,} questions to {endpoint.model} {where}, about {estimate.tokens.read:,} tokens to read and "
        f"{estimate.tokens.written:,} to write: {cost}."
    )


def tuning_text(plan: TuningPlan, endpoint: Endpoint, open_now: Sequence[KeptTuning] = ()) -> str:
    """What fine-tuning would take. open_now: the jobs that were not at their end."""
    if not plan.to_pay:
        return f"This was ordered already ({plan.kept.state}), so nothing more is paid."
    cost = "its price is not known" if plan.dollars is None else f"about {money(plan.dollars)}"
    times = "once" if plan.epochs == 1 else f"{plan.epochs} times"
    others = any(tuning.key != plan.key and tuning.state != "uploaded" for tuning in open_now)
    return (
        f"{plan.n_examples:,} examples for {endpoint.model}, gone through {times}, about {plan.tokens:,} "
        f"tokens: {cost}." + (" Another fine-tuning is under way; this one would be paid on top." if others else "")
    )


def untaught_text(n: int, n_interests: int) -> str:
    """Of a model that was fine-tuned when interests were called otherwise."""
    return (
        f"This model was fine-tuned on other interests or other words: it was not taught {n:,} of these "
        f"{n_interests:,}. What it names may be no interest of now, and is paid all the same. Fine-tune anew, or ask "
        "about a few starting points first and look at how many of its answers are known."
    )


def described_text(reading: Reading) -> str:
    """How far a run is that describes interests, in one line."""
    failed = [f"{reading.failed:,} failed"] if reading.failed else []
    return meter_text(reading, [f"{reading.described:,} of {reading.total:,} described", *failed])


def answered_text(reading: Reading) -> str:
    """How far a run is that asks what comes next, in one line."""
    came = reading.described + reading.failed
    unknown = [f"{reading.failed:,} of them no known interest, word for word"] if reading.failed else []
    return meter_text(reading, [f"{came:,} of {reading.total:,} answered", *unknown])


def near_text(n: int) -> str:
    """Of answers that name an interest and are no match, so that nobody wonders why."""
    names, they_do = ("names", "It does") if n == 1 else ("name", "They do")
    return (
        f"{n:,} more {names} an interest, but without the words that answers are taught to begin with, or with other "
        f"capitals or marks. {they_do} not count, since only what is word for word does."
    )


def meter_text(reading: Reading, did: Sequence[str]) -> str:
    parts = [*did]
    parts += [f"{reading.unanswered} without an answer"] if reading.unanswered else []
    parts += [f"{reading.tokens.read + reading.tokens.written:,} tokens", money(reading.dollars)]
    if reading.waiting:
        parts.append(f"waiting {duration(reading.wait_left)}: {reading.wait_reason}")
    elif reading.seconds_left:
        parts.append(f"{duration(reading.seconds_left)} left")
    return ", ".join(parts)


def way_text(asked: AskedAs) -> str:
    """Who answers, and in which form."""
    heat = f", at a temperature of {asked.temperature:g}" if asked.temperature else ""
    return f"{asked.model}, {WAYS[asked.form]}{heat}"


def open_tuning_text(tuning: KeptTuning) -> str:
    """A fine-tuning that was not at its end when it was last looked at."""
    return f"Fine-tuning of {tuning.model}, {tuning_state(tuning)}, since {tuning.started_at:%Y-%m-%d %H:%M} UTC"


def tuning_state(tuning: KeptTuning) -> str:
    """How it stood when it was last looked at."""
    return {"uploaded": "not begun as far as is known", "ordered": "ordered, no word of it yet"}.get(
        tuning.state, tuning.state
    )


def batch_text(kept: KeptBatch) -> str:
    """A batch that was not collected yet."""
    state = "; it is being ended" if kept.state == "ending" else ""
    return f"{kept.n_requests:,} questions to {way_text(kept.asked)}, since {kept.started_at:%Y-%m-%d %H:%M} UTC{state}"


def elsewhere_text(place: str, kept: KeptBatch) -> str:
    """A batch at another endpoint that was not collected yet. place: its address."""
    return f"{batch_text(kept)}. It is at {place}, and can be collected or stopped where HIEREX_LLM_URL says that"


def connection_text(found: Connection) -> str:
    """What a test of the language model found."""
    if not found.answered:
        return "It answers, but not in the form that was asked for. Descriptions may fail; try a larger model."
    listed = (
        "" if found.listed is None else ", and lists this model" if found.listed else ", but does not list this model"
    )
    form = "keeps to the form that is asked for" if found.keeps_schema else "has to be told the form in words"
    return f"It answers within {duration(found.seconds)}{listed}. It {form}."
