"""What is said of a language model at an endpoint: what it would cost, how far it is, whether it answers."""

from __future__ import annotations

from ..asking.tuning import TuningPlan
from ..llm import Connection
from ..llm.endpoint import Endpoint
from ..llm.meter import Reading
from ..llm.prices import Estimate
from . import duration, money


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


def tuning_text(plan: TuningPlan, endpoint: Endpoint) -> str:
    """What fine-tuning would take."""
    if not plan.to_pay:
        return f"This was ordered already ({plan.kept.state}), so nothing more is paid."
    cost = "its price is not known" if plan.dollars is None else f"about {money(plan.dollars)}"
    return (
        f"{plan.n_examples:,} examples for {endpoint.model}, gone through {plan.epochs} times, about {plan.tokens:,} "
        f"tokens: {cost}."
    )


def meter_text(reading: Reading, did: str = "described") -> str:
    """How far a run with a language model is, in one line."""
    parts = [f"{reading.described:,} of {reading.total:,} {did}"]
    parts += [f"{reading.failed} failed"] if reading.failed else []
    parts += [f"{reading.unanswered} without an answer"] if reading.unanswered else []
    parts += [f"{reading.tokens.read + reading.tokens.written:,} tokens", money(reading.dollars)]
    if reading.waiting:
        parts.append(f"waiting {duration(reading.wait_left)}: {reading.wait_reason}")
    elif reading.seconds_left:
        parts.append(f"{duration(reading.seconds_left)} left")
    return ", ".join(parts)


def connection_text(found: Connection) -> str:
    """What a test of the language model found."""
    if not found.answered:
        return "It answers, but not in the form that was asked for. Descriptions may fail; try a larger model."
    listed = (
        "" if found.listed is None else ", and lists this model" if found.listed else ", but does not list this model"
    )
    form = "keeps to the form that is asked for" if found.keeps_schema else "has to be told the form in words"
    return f"It answers within {duration(found.seconds)}{listed}. It {form}."
