"""What batches bring: of every question its answer, kept, counted and priced, or why it has none."""

from __future__ import annotations

from ..config import AskedAs
from ..kept import context_answers
from ..kept.answer_batches import KeptBatch
from ..kept.context_answers import ContextAnswer
from ..llm import Answer
from ..llm.batches import BatchAnswer
from ..llm.prices import Price
from ..llm.tokens import Tokens
from ..store import Store
from .answering import AnswerOutcome
from .plans import digest_words, raw_text
from .question_names import read_question_name


class BroughtAnswers:
    """Of the batches of one way to ask. tokens: of all answers that came; failed: questions that got none."""

    def __init__(self, store: Store, asked: AskedAs, price: Price | None):
        self.store, self.asked, self.price = store, asked, price
        self.outcome, self.tokens, self.failed = AnswerOutcome(), Tokens(), 0

    @property
    def dollars(self) -> float | None:
        """What they cost together; None without a price."""
        return None if self.price is None else self.price.of(self.tokens)

    def keep(self, kept: KeptBatch, came: list[BatchAnswer]) -> int:
        """Of each question the first answer, else why there is none; returns of how many it tells."""
        asked: dict[tuple, BatchAnswer] = {}
        for one in sorted(came, key=lambda one: one.answer is None):
            question = read_question_name(one.name)
            if question:
                asked.setdefault(question, one)
        for one in asked.values():
            if one.answer is None:
                self.miss(one.reason)
        known = None if kept.known is None else set(kept.known)
        told = ((question, one.answer) for question, one in asked.items() if one.answer is not None)
        answers = [self._answer_of(question, answer, known) for question, answer in told]
        context_answers.save_answers(self.store, self.asked, answers, since=kept.started_at)
        self.outcome.answered += len(answers)
        return len(asked)

    def miss(self, reason: str, n: int = 1) -> None:
        self.failed += n
        self.outcome.miss(reason, n)

    def _answer_of(
        self, question: tuple[tuple[str, ...], int], answer: Answer, known: set[str] | None
    ) -> ContextAnswer:
        self.tokens += answer.tokens
        dollars = None if self.price is None else self.price.of(answer.tokens)
        said = digest_words(raw_text(answer).strip())
        return ContextAnswer(*question, answer, dollars, None if known is None else said in known)
