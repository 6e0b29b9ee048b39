"""Has a model fine-tuned at an endpoint on how people's interests move: what it would cost, and the job itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..errors import Cancelled, CapReached, ModelBusy, ModelError, NotThere, TooLittleData
from ..files.exports import fine_tuning_lines
from ..kept import model_settings, tunings
from ..kept.tunings import KeptTuning
from ..llm import Wait, wait_unless
from ..llm.endpoint import Endpoint
from ..llm.prices import Cap, Price, find_training_price
from ..llm.tokens import Tokens, count_messages
from ..store import now
from ..transitions.prompts import phrases_on_one_line
from ..workspace import Workspace
from .open_tunings import (
    LISTED_WITHIN,
    check_succeeded,
    end_at_endpoint,
    find_begun,
    follow_tuning,
    may_have_begun,
    telling_trouble,
)
from .plans import digest_words

if TYPE_CHECKING:
    from ..llm.service import Service

EPOCHS = 6
"""How often the examples are gone through: 3,000 steps of 16 over 7,610 examples (paper, section 3)."""
FEWEST_EXAMPLES = 10
"""OpenAI takes no fewer."""


@dataclass(frozen=True)
class TuningPlan:
    """What would be ordered. lines: the examples as JSONL; tokens: of all times they are gone through, estimated.

    known: digests of what the interests are called in them. dollars: None where the price is not known. kept: the job
    that was ordered for just this before.
    """

    lines: bytes
    known: list[str]
    n_examples: int
    epochs: int
    seed: int
    suffix: str
    key: str
    tokens: int
    price: Price | None
    dollars: float | None
    kept: KeptTuning | None

    @property
    def to_pay(self) -> bool:
        """Whether something would be ordered: no such job is under way or has succeeded."""
        return self.is_new or not self.kept.job_id

    @property
    def is_new(self) -> bool:
        return self.kept is None or self.kept.state in ("failed", "cancelled")


def plan_tuning(
    work: Workspace, endpoint: Endpoint, *, epochs: int = EPOCHS, suffix: str = "", fewest: int = 1
) -> TuningPlan:
    """The balanced set of the paper, in the words that the interests have now.

    suffix: what the model's name is to end with. fewest: nothing is sent of what fewer people did. Raises
    TooLittleData for too few examples, ConfigError for a table of prices that cannot be read.
    """
    text = fine_tuning_lines(work, fewest=fewest)
    examples = [json.loads(line)["messages"] for line in text.split("\n") if line]
    if len(examples) < FEWEST_EXAMPLES:
        n_all = fine_tuning_lines(work).count("\n") if fewest > 1 else len(examples)
        rare = (
            f", {n_all - len(examples)} more are of fewer than {fewest} people each and are not sent"
            if n_all > len(examples)
            else ""
        )
        raise TooLittleData(
            f"Examples to fine-tune a model on: {len(examples)}{rare}. At least {FEWEST_EXAMPLES} are needed. Import a "
            "longer log, or choose fewer interests."
        )
    lines, seed = text.encode(), work.config.seed
    tokens = epochs * sum(map(count_messages, examples))
    price = find_training_price(endpoint.model, local=endpoint.is_local, own=model_settings.read_prices(work.store))
    ordered = json.dumps([endpoint.url, endpoint.model, epochs, seed, suffix])
    key = hashlib.blake2b(ordered.encode() + lines, digest_size=12).hexdigest()
    dollars = None if price is None else price.of(Tokens(tokens))
    kept = tunings.latest_tuning(work.store, key)
    return TuningPlan(lines, words_now(work), len(examples), epochs, seed, suffix, key, tokens, price, dollars, kept)


def tune_model(
    work: Workspace,
    plan: TuningPlan,
    service: Service,
    *,
    cap: Cap,
    see: Callable[[KeptTuning, float], None] = lambda tuning, share: None,
    cancelled: Callable[[], bool] = lambda: False,
    left: Callable[[], bool] = lambda: False,
) -> KeptTuning:
    """Orders the job, or goes on with the one that was ordered for just this, and follows it to its end.

    See `follow_tuning`. Raises CapReached before anything is sent where the estimate is over the cap.
    """
    tuning = order_tuning(work, plan, service, cap, wait_unless(cancelled))
    return follow_tuning(work.store, tuning, service, see=see, cancelled=cancelled, left=left)


def order_tuning(work: Workspace, plan: TuningPlan, service: Service, cap: Cap, wait: Wait) -> KeptTuning:
    """The job that was ordered for just this, also since it was planned; ordered now where there is none. Why that
    failed is kept with it. Raises ModelBusy where it was ordered so recently that the job may not be listed yet."""
    store = work.store
    plan = replace(plan, kept=tunings.latest_tuning(store, plan.key))
    tuning = plan.kept
    if plan.to_pay:
        check_cap(plan, cap)
    if plan.is_new:
        tuning = note(work, plan, service.endpoint, uploaded_file(plan, service, wait))
    elif tuning.state == "ordered" and now() - tuning.started_at < LISTED_WITHIN:
        try:
            tuning = find_begun(store, tuning, service, wait, listed_within=timedelta.max)
        except Cancelled:
            return tuning  # who follows it ends it
        if not tuning.job_id:
            raise may_have_begun(tuning)
    if tuning.job_id:
        return tuning
    wait(0.0, "")
    return order_from_file(work, plan, tuning, service, wait)


def order_from_file(work: Workspace, plan: TuningPlan, tuning: KeptTuning, service: Service, wait: Wait) -> KeptTuning:
    """It stays `ordered` where nobody heard whether its job began, also if this process ends."""
    from ..llm import fine_tuning  # loads the client only where a model is asked
    from ..llm.service import PutOff, StoppedBefore

    store, tuning = work.store, tunings.read_tuning(work.store, tuning.tuning_id)
    if tuning.job_id:
        return tuning
    how = {"epochs": plan.epochs, "seed": plan.seed, "suffix": plan.suffix}
    ordering = partial(tunings.note_order, store, tuning)

    def note_trouble(reason: str, state: str) -> None:
        """An earlier order stays as it was where nothing was ordered now: it may have begun."""
        kept = tunings.read_tuning(store, tuning.tuning_id)
        was_tried = tuning.state != "ordered" or kept.started_at > tuning.started_at
        tunings.note_reason(store, kept, reason, state=state if was_tried else tuning.state)

    try:
        job = fine_tuning.start_tuning(service, tuning.file_id, **how, ordering=ordering, wait=wait)
    except StoppedBefore:
        note_trouble(tuning.reason, "uploaded")
        if tuning.state == "uploaded":
            raise
        return tuning  # who follows it ends what an earlier order began
    except Cancelled:
        with telling_trouble(store, tuning):
            ended = end_at_endpoint(store, tuning, service)
        check_succeeded(ended)
        return ended
    except ModelError as error:
        may_begin = isinstance(error, ModelBusy) and not isinstance(error, PutOff)
        is_over = plan.is_new and not isinstance(error, ModelBusy)
        note_trouble(str(error), "ordered" if may_begin else "failed" if is_over else "uploaded")
        raise
    return tunings.update_tuning(store, tuning.tuning_id, job)


def uploaded_file(plan: TuningPlan, service: Service, wait: Wait) -> str:
    """That of an order that never began as far as is known, so that a job that began all the same is found; else one
    that is uploaded now."""
    from ..llm import fine_tuning

    if plan.kept and not plan.kept.job_id:
        with contextlib.suppress(NotThere):
            service.check_kept(plan.kept.file_id, wait=wait)
            return plan.kept.file_id
    return fine_tuning.upload_examples(service, plan.lines, wait=wait)


def check_cap(plan: TuningPlan, cap: Cap) -> None:
    """Raises CapReached where the estimate is over the cap, ConfigError for a cap in dollars without a price."""
    cap.check(plan.price)
    if not cap.allows(Tokens(plan.tokens), plan.price):
        raise CapReached("Fine-tuning is estimated to cost more than you allowed. Nothing was sent.")


def note(work: Workspace, plan: TuningPlan, endpoint: Endpoint, file_id: str) -> KeptTuning:
    return tunings.note_tuning(
        work.store,
        key=plan.key,
        place=endpoint.url,
        model=endpoint.model,
        epochs=plan.epochs,
        n_examples=plan.n_examples,
        tokens_expected=plan.tokens,
        dollars_expected=plan.dollars,
        file_id=file_id,
        known=plan.known,
    )


def words_now(work: Workspace) -> list[str]:
    """Digests of what the interests are called in examples and questions."""
    return [digest_words(phrases_on_one_line(description)) for description in work.cluster_descriptions()]


def tuned_models(work: Workspace, place: str) -> dict[str, int | None]:
    """The models that came of fine-tuning at the endpoint with this address, latest first: how many interests of now
    each was not taught by the words they have now; None where that was not kept."""
    words, found = set(words_now(work)), {}
    for tuning in tunings.read_tunings(work.store):
        if tuning.place == place and tuning.tuned_model:
            untaught = None if tuning.known is None else len(words - set(tuning.known))
            found.setdefault(tuning.tuned_model, untaught)
    return found
