"""Has a model fine-tuned at an endpoint on how people's interests move: what it would cost, and the job itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import Cancelled, CapReached, ModelError, NotThere, TooLittleData
from ..files.exports import fine_tuning_lines
from ..kept import tunings
from ..kept.tunings import KeptTuning
from ..llm import Wait, wait_unless
from ..llm.endpoint import Endpoint
from ..llm.prices import Cap, Price, find_training_price
from ..llm.tokens import Tokens, count_messages
from ..store import now
from ..workspace import Workspace

if TYPE_CHECKING:
    from ..llm.service import Service

EPOCHS = 6
"""How often the examples are gone through: 3,000 steps of 16 over 7,610 examples (paper, section 3)."""
GIVEN_UP_AFTER = timedelta(days=14)
"""A job that the endpoint does not know after so long can be ordered anew."""
FEWEST_EXAMPLES = 10
"""OpenAI takes no fewer."""


@dataclass(frozen=True)
class TuningPlan:
    """What would be ordered. lines: the examples as JSONL; tokens: of all times they are gone through, estimated.

    dollars: None where the price is not known. kept: the job that was ordered for just this before.
    """

    lines: bytes
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
        raise TooLittleData(
            f"There are only {len(examples)} examples to fine-tune a model on; at least {FEWEST_EXAMPLES} are needed. "
            "Import a longer log, or choose fewer interests."
        )
    lines, seed = text.encode(), work.config.seed
    tokens = epochs * sum(map(count_messages, examples))
    price = find_training_price(endpoint.model, local=endpoint.is_local)
    ordered = json.dumps([endpoint.url, endpoint.model, epochs, seed, suffix])
    key = hashlib.blake2b(ordered.encode() + lines, digest_size=12).hexdigest()
    dollars = None if price is None else price.of(Tokens(tokens))
    kept = tunings.latest_tuning(work.store, key)
    return TuningPlan(lines, len(examples), epochs, seed, suffix, key, tokens, price, dollars, kept)


def tune_model(
    work: Workspace,
    plan: TuningPlan,
    service: Service,
    *,
    cap: Cap,
    see: Callable[[KeptTuning, float], None] = lambda tuning, share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> KeptTuning:
    """Orders the job, or goes on with the one that was ordered for just this, and follows it to its end.

    see: hears how it stands and which share of the training is done. When `cancelled` says so, the job is ended at the
    endpoint. If this process ends first, the job goes on there, and the same call takes it up again. Raises CapReached
    before anything is sent where the estimate is over the cap, ModelError where the job fails, Cancelled.
    """
    from ..llm import fine_tuning  # loads the client only where a model is asked

    wait, store = wait_unless(cancelled), work.store
    tuning = order_tuning(work, plan, service, cap, wait)
    if tuning.state == "succeeded":
        see(tuning, 1.0)
        return tuning

    def seen(job: fine_tuning.TuningJob) -> None:
        see(tunings.update_tuning(store, tuning.tuning_id, job), job.share)

    try:
        job = fine_tuning.follow_tuning(service, tuning.job_id, see=seen, wait=wait)
    except Cancelled:
        seen(fine_tuning.cancel_tuning(service, tuning.job_id))
        raise
    except NotThere as error:  # with the key of another account it may still be; so it has to be unknown twice
        is_over = tuning.reason == str(error) and now() - tuning.started_at > GIVEN_UP_AFTER
        state = "failed" if is_over else tuning.state
        tunings.update_tuning(store, tuning.tuning_id, fine_tuning.TuningJob(tuning.job_id, state, reason=str(error)))
        raise
    if job.state == "cancelled":
        raise Cancelled("The fine-tuning was ended at the endpoint.")
    if job.state == "failed":
        raise ModelError(f"The fine-tuning failed: {job.reason or 'the endpoint gives no reason'}.".replace("..", "."))
    return tunings.latest_tuning(store, plan.key)


def order_tuning(work: Workspace, plan: TuningPlan, service: Service, cap: Cap, wait: Wait) -> KeptTuning:
    """The job that was ordered for just this, ordered now where there is none."""
    from ..llm import fine_tuning

    tuning = plan.kept
    if plan.to_pay:
        check_cap(plan, cap)
    if plan.is_new:
        file_id = fine_tuning.upload_examples(service, plan.lines, wait=wait)
        tuning = note(work, plan, service.endpoint, file_id)
    if tuning.job_id or tuning.state == "succeeded":
        return tuning
    wait(0.0, "")
    how = {"epochs": plan.epochs, "seed": plan.seed, "suffix": plan.suffix}
    job = fine_tuning.start_tuning(service, tuning.file_id, **how, wait=wait)
    return tunings.update_tuning(work.store, tuning.tuning_id, job)


def cancel_tuning(work: Workspace, plan: TuningPlan, service: Service) -> KeptTuning | None:
    """Ends the job that was ordered for this plan, whoever follows it; None where there is none."""
    from ..llm import fine_tuning

    if plan.kept is None or not plan.kept.job_id or plan.kept.ended:
        return plan.kept
    job = fine_tuning.cancel_tuning(service, plan.kept.job_id)
    return tunings.update_tuning(work.store, plan.kept.tuning_id, job)


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
    )
