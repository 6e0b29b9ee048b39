"""What a model would be asked about which interest comes next: the contexts, the form, and what it would cost."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..config import AskedAs
from ..errors import ConfigError
from ..kept import answer_batches, context_answers, model_settings
from ..llm import Answer
from ..llm.answers import LONGEST_KEPT, Schema, read_answer
from ..llm.endpoint import Endpoint
from ..llm.prices import Cap, Estimate, Price, batch_price, find_price, usual_cap
from ..llm.tokens import PER_MESSAGE, Tokens, estimate_tokens, most_tokens
from ..policies.answered import KnownAnswers
from ..transitions import Histories, latest_contexts, repeat_earliest
from ..transitions.prompts import PROMPT, context_prompt
from ..workspace import Workspace

FORMS = ("text", "schema")
WHICH = ("people", "all")
MOST_CONTEXTS = 2_300_000
"""All pairs of 1,500 interests."""
MOST_SAMPLES = 1_000
MOST_CHOICES, LONG_LIST, MOST_CHARACTERS, MOST_IN_LONG = 1_000, 250, 120_000, 15_000
"""What OpenAI takes as a list to choose from: so many choices, so many characters of all of them, and with more than
`LONG_LIST` choices fewer characters."""
ROOM = 1.5
"""An answer is given so many times the tokens of the longest description."""
SPARE = 20
"""And these, for the form around it."""
ANY_ANSWER = Schema("next_interest", {"answer": {"type": "string"}})


@dataclass(frozen=True)
class AnswerPlan:
    """What would be asked, people's most frequent contexts first.

    contexts: (m, K) int32 cluster indices of all that are wanted, and sample: (m,) int32, of several times that each is
    asked; missing: (m,) bool, without an answer so far. share: of all contexts that people had, by people, those that
    have an answer in the end. schema: None for free text; note: why there is none where one was wanted. room: tokens an
    answer may have. under_way: questions of batches that were not collected yet, which nobody knows to be among these.
    """

    asked: AskedAs
    known: KnownAnswers
    digests: tuple[str, ...]
    contexts: np.ndarray
    sample: np.ndarray
    missing: np.ndarray
    share: float
    schema: Schema | None
    note: str
    room: int
    price: Price | None
    estimate: Estimate
    under_way: int

    def messages(self, place: int) -> list[dict]:
        return [{"role": "user", "content": context_prompt(self.contexts[place].tolist(), self.known.shown)}]

    def context_digests(self, place: int) -> tuple[str, ...]:
        return tuple(self.digests[cluster] for cluster in self.contexts[place].tolist())

    @cached_property
    def tokens_read(self) -> np.ndarray:
        """(m,) int64, estimated, of each question."""
        lines = np.array([estimate_tokens(f"Cluster 1: {line}") for line in self.known.shown], np.int64)
        form = estimate_tokens(str(self.schema.whole)) if self.schema else 0
        return lines[self.contexts].sum(axis=1) + estimate_tokens(PROMPT) + PER_MESSAGE + form


def plan_answers(
    work: Workspace,
    endpoint: Endpoint,
    *,
    form: str = "text",
    which: str = "people",
    most: int | None = None,
    samples: int = 1,
    temperature: float = 0.0,
) -> AnswerPlan:
    """What would be asked of `endpoint.model`, in the words that the interests have now.

    form: `text` as the examples for fine-tuning have it, or `schema`: a list of all interests to choose from, for a
    model that was not fine-tuned. which: contexts that people have had, or `all` that there can be; `most`: contexts at
    most. Raises ConfigError for what cannot be asked.
    """
    check_asking(form, which, samples, temperature)
    known = KnownAnswers(work.cluster_descriptions())
    schema, note = choose_schema(known.answers) if form == "schema" else (None, "")
    asked = AskedAs(endpoint.model, "schema" if schema else "text", temperature, prompt_digest())
    contexts, n_people = people_contexts(work.histories, k=work.config.transition.k, split=work.split)
    wanted = contexts if which == "people" else all_contexts(contexts, work.taxonomy.n_clusters)
    wanted = wanted[:most]
    share = n_people[: len(wanted)].sum() / max(n_people.sum(), 1)
    digests = tuple(digest_words(line) for line in known.shown)
    plan = AnswerPlan(
        asked=asked,
        known=known,
        digests=digests,
        contexts=np.repeat(wanted, samples, axis=0),
        sample=np.tile(np.arange(samples, dtype=np.int32), len(wanted)),
        missing=np.ones(len(wanted) * samples, bool),
        share=float(share),
        schema=schema,
        note=note,
        room=round(ROOM * max(map(estimate_tokens, known.answers))) + SPARE,
        price=price_of(work, endpoint),
        estimate=Estimate(0, Tokens(), None),
        under_way=sum(b.n_requests for b in answer_batches.open_batches(work.store, endpoint.url) if b.asked == asked),
    )
    return with_estimate(replace(plan, missing=find_missing(work, plan)))


def price_of(work: Workspace, endpoint: Endpoint) -> Price | None:
    """Of its model, as people set it or as it comes with hierex."""
    return find_price(endpoint.model, local=endpoint.is_local, own=model_settings.read_prices(work.store))


def check_asking(form: str, which: str, samples: int, temperature: float) -> None:
    if form not in FORMS or which not in WHICH:
        raise ConfigError(f"Ask in one of the forms {', '.join(FORMS)}, about one of: {', '.join(WHICH)}.")
    if not 1 <= samples <= MOST_SAMPLES or not 0 <= temperature <= 2:
        raise ConfigError(
            f"{samples} answers to each question at a temperature of {temperature:g} cannot be asked for. "
            f"Give 1 to {MOST_SAMPLES:,} answers, and a temperature from 0 to 2."
        )
    if samples > 1 and temperature == 0:
        raise ConfigError("At a temperature of 0 all answers are the same. Ask once, or give a temperature above 0.")


def choose_schema(answers: Sequence[str]) -> tuple[Schema | None, str]:
    """A list of these answers to choose from; None, and why, where it is longer than endpoints take."""
    characters = sum(map(len, answers))
    most = MOST_IN_LONG if len(answers) > LONG_LIST else MOST_CHARACTERS
    if len(answers) > MOST_CHOICES or characters > most:
        return None, (
            f"A list of {len(answers):,} interests with {characters:,} characters is longer than endpoints take, so "
            "answers are asked for as free text. Only a model that was fine-tuned on the examples can give those."
        )
    return Schema("next_interest", {"answer": {"type": "string", "enum": list(answers)}}), ""


def people_contexts(histories: Histories, *, k: int, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Every context that anybody had at any time, (m, k) int32, and how many people had it.

    The most frequent before the `split` (a clock) come first, equal ones in the order of their interests: a bound on
    how many are asked about must not be spent by what the held-out time will ask.
    """
    lengths = np.diff(histories.starts)
    starts = np.repeat(histories.starts[:-1], lengths)
    rows = latest_contexts(histories, np.arange(1, len(starts) + 1), starts, k=k)
    contexts, place, n_people = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    n_before = np.bincount(place.ravel()[histories.clock < split], minlength=len(contexts))
    order = np.argsort(-n_before, kind="stable")
    return contexts[order].astype(np.int32).reshape(-1, k), n_people[order]


def all_contexts(first: np.ndarray, n_clusters: int) -> np.ndarray:
    """Every ordered context of as many interests, those in `first` first, each in the one form that is looked up.

    Raises ConfigError for too many.
    """
    k = first.shape[1]
    if n_clusters**k > MOST_CONTEXTS:
        raise ConfigError(
            f"{n_clusters:,} interests make {n_clusters**k:,} contexts of {k}; at most {MOST_CONTEXTS:,} are asked "
            "about. Ask about those that people have."
        )
    shape = (n_clusters,) * k
    others = np.ones(n_clusters**k, bool)
    others[np.ravel_multi_index(tuple(first.T), shape)] = False
    rest = np.stack(np.unravel_index(np.flatnonzero(others), shape), axis=1)
    rest = rest[(repeat_earliest(rest) == rest).all(axis=1)]
    return np.concatenate([first, rest]).astype(np.int32)


def find_missing(work: Workspace, plan: AnswerPlan) -> np.ndarray:
    """(m,) bool: which of the plan's questions have no answer at this moment, or none that counts now: what named an
    interest by words of then counts again when these are back."""
    rows = context_answers.read_answers(work.store, plan.asked).to_pylist()
    there = {(tuple(row["context"]), row["sample"]) for row in rows if stands(row, plan.known)}
    samples = plan.sample.tolist()
    return np.array([(plan.context_digests(p), sample) not in there for p, sample in enumerate(samples)], bool)


def stands(row: dict, known: KnownAnswers) -> bool:
    """Whether an answer of `read_answers` counts: it names a known interest, or it never named one.

    One that named an interest which is called otherwise by now, or is none any more, says nothing about those of now.
    """
    return known.knows(read_raw(row["answer"], row["how"])) or not row["matched"]


def with_estimate(plan: AnswerPlan) -> AnswerPlan:
    """Of asking each missing question once."""
    n = int(plan.missing.sum())
    written = np.mean([estimate_tokens(answer) for answer in plan.known.answers]) + (SPARE / 2 if plan.schema else 0)
    tokens = Tokens(int(plan.tokens_read[plan.missing].sum()), round(n * written), True)
    longest = int(plan.tokens_read.argmax()) if len(plan.tokens_read) else None
    read = 0 if longest is None else most_tokens(plan.messages(longest))
    largest = Tokens(read + (len(str(plan.schema.response_format())) if plan.schema else 0), plan.room, True)
    dollars = None if plan.price is None else plan.price.of(tokens)
    return replace(plan, estimate=Estimate(n, tokens, dollars, largest))


def cost_of(plan: AnswerPlan, *, batch: bool) -> tuple[Estimate, Price | None]:
    """What all of it would cost, and at which price."""
    if not batch or plan.price is None:
        return plan.estimate, plan.price
    price = batch_price(plan.price)
    return replace(plan.estimate, dollars=price.of(plan.estimate.tokens)), price


def enough_for(plan: AnswerPlan, *, batch: bool) -> Cap:
    """A bound under which all of it is asked: in a batch even if every answer fills its room."""
    estimate, price = cost_of(plan, batch=batch)
    if batch:
        estimate = replace(estimate, tokens=replace(estimate.tokens, written=estimate.calls * plan.room))
    return usual_cap(estimate, price)


def read_raw(text: str, how: str) -> str:
    """What the model said, out of the form it was asked for in."""
    if how == "text":
        return text
    found = read_answer(text, ANY_ANSWER, "stop")[0]
    return found["answer"] if found else text


def raw_text(answer: Answer) -> str:
    """What the model said, as far as it is kept."""
    return read_raw(answer.text[:LONGEST_KEPT], answer.how)


def digest_words(line: str) -> str:
    """By which an answer finds the interest that it was about: 16 characters."""
    return hashlib.blake2b(line.encode(), digest_size=8).hexdigest()


def prompt_digest() -> str:
    return digest_words(PROMPT)
