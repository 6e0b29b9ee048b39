"""Descriptions by a language model: many questions at once, every answer checked, kept as it comes, and paid once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from ..llm import LOOK_EVERY, Answer
from ..llm.asking import AHEAD, AT_ONCE, Ask, AskingRun
from ..llm.meter import Meter, Reading
from ..llm.prices import Cap, Price
from . import Description
from .checks import name_key, read_description
from .closeness import Embed, Meanings, find_close
from .costs import MOST_WRITTEN
from .prompts import SCHEMA, Question, Questions, children_of, prompt_text

SHOWN_AGAIN = 2_000
"""Characters of an answer that cannot be used which are shown to the model with what is wrong."""
NOBODY = -1
"""Holder of a name that something else than a node of this run has."""


@dataclass(frozen=True)
class Said:
    """One answer and what became of it. status: accepted, faulty (asked again) or failed (not asked again).

    messages: all that the model was shown; dollars: None where the price is not known.
    """

    question: Question
    messages: tuple[dict, ...]
    answer: Answer
    description: Description | None
    status: str
    faults: tuple[str, ...]
    dollars: float | None


@dataclass(frozen=True)
class Kept:
    """What came of a key before: the status of its latest answer, its words, what is wrong with it."""

    status: str
    text: str
    faults: tuple[str, ...]


@dataclass
class Outcome:
    """ended: done, stopped (by a person), cap or error; reason: in plain words, empty when done.

    described: by node, what the model said in this run or before. failed: answers came, none can be used.
    unanswered: no answer came; these are asked in the next run. Both by node with the reason.
    """

    described: dict[int, Description] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    unanswered: dict[int, str] = field(default_factory=dict)
    ended: str = "done"
    reason: str = ""
    reading: Reading | None = None


def describe_with_model(
    questions: Questions,
    ask: Ask,
    *,
    already: Mapping[str, Kept],
    described: Mapping[int, Description],
    save: Callable[[Said], None],
    taken: Collection[str] = (),
    cap: Cap = Cap(),  # noqa: B008  it is frozen, so sharing one is safe
    price: Price | None = None,
    concurrency: int = AT_ONCE,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
    embed: Embed | None = None,
) -> Outcome:
    """Asks about every node that `already` knows no answer for, children before their parents, `concurrency` at once.

    An answer is checked on arrival; one that cannot be used is asked for once more with what is wrong, then the node
    counts as failed. `save` gets every answer, usable or not, from one thread at a time and before it counts.
    A second pass asks what tells nodes apart whose names have the same words or, with `embed` (texts -> (n, d) of unit
    length), whose words mean the same. already, described: what came before, by key, and what a model says of which
    nodes by now. taken: names that are given to others. A run that is stopped or reaches its cap waits for what is on
    its way, which is paid for already. Raises ConfigError for a cap without a price, and what `save` raises.
    """
    cap.check(price)
    run = _Run(questions, ask, already, save, Meter(cap, price, concurrency), Meanings(embed), progress, cancelled)
    run.begin(described, taken)
    n_threads = AHEAD * concurrency
    with ThreadPoolExecutor(n_threads, thread_name_prefix="describing") as threads:
        try:
            run.go(threads, n_threads, run.missing(), run.question)
            close = run.close() if run.goes_on else {}
            run.go(threads, n_threads, close, close.get)
        finally:
            run.meter.stop()
            run.meanings.close()
    run.outcome.reading = run.meter.read()
    progress(run.outcome.reading)
    return run.outcome


def missing_questions(questions: Questions, already: Mapping[str, Kept]) -> list[Question]:
    """What a run would ask, without the second pass; where children are not described yet, by what is said of them."""
    material, inside = questions.material, set(questions.nodes)
    missing = [node for node in questions.nodes if not is_answered(already.get(questions.key(node)))]
    said = {child: material.described[child] for node in missing for child in children_of(material.tree, node)}
    known = {node for node in said if node in inside}
    return [questions.about(node, {child: said[child] for child in known}) for node in missing]


def is_answered(kept: Kept | None) -> bool:
    return kept is not None and kept.status in ("accepted", "failed")


class _Run(AskingRun):
    outcome: Outcome

    def __init__(self, questions, ask, already, save, meter, meanings, progress, cancelled):
        super().__init__(Outcome(), meter)
        self.questions, self.ask, self.already, self.meanings = questions, ask, already, meanings
        self._save, self._progress, self._cancelled = save, progress, cancelled
        self._lock = threading.Lock()
        self._names: dict[frozenset[str], int] = {}

    def begin(self, described: Mapping[int, Description], taken: Collection[str]) -> None:
        """With what was said before: it counts where it answers this run's questions; its names are taken anyway."""
        self._names |= {name_key(name): NOBODY for name in taken}
        self._names |= {name_key(description.name): node for node, description in described.items()}
        for node in self.questions.nodes:
            kept = self.already.get(self.questions.key(node))
            if node in described and kept and kept.status == "accepted":
                self._keep(node, described[node])

    def missing(self) -> list[int]:
        return [n for n in self.questions.nodes if not is_answered(self.already.get(self.questions.key(n)))]

    def question(self, node: int) -> Question:
        return self.questions.about(node, self.outcome.described)

    def close(self) -> dict[int, Question]:
        """By node, the questions of the second pass."""
        said = self.outcome.described
        pairs = find_close(self.questions.material.tree, said, self.meanings).items()
        asked = {node: self.questions.apart(node, said[node], said[other]) for node, other in pairs}
        return {node: question for node, question in asked.items() if not is_answered(self.already.get(question.key))}

    # -- many at once --------------------------------------------------------------------------------------------------

    def go(
        self, threads: ThreadPoolExecutor, most: int, nodes: Collection[int], make: Callable[[int], Question]
    ) -> None:
        """Asks about the nodes, those with most traffic first; one whose children are asked too waits for them."""
        tree, asked = self.questions.material.tree, set(nodes)
        below = {node: sum(child in asked for child in children_of(tree, node)) for node in nodes}
        ready, running = sorted((n for n in nodes if not below[n]), key=lambda n: tree.traffic[n]), {}
        self.meter.total += len(nodes)
        while (ready or running) and (self.goes_on or running):
            while ready and self.goes_on and len(running) < most:
                node = ready.pop()
                running[threads.submit(self._one, make, node)] = node
            done, _ = wait(running, LOOK_EVERY, FIRST_COMPLETED)
            for future in done:
                node = running.pop(future)
                self._note(node, future)
                parent = int(tree.parent[node])
                if parent in below and parent != node:
                    below[parent] -= 1
                    if not below[parent]:
                        ready.append(parent)
            self._look()

    def _look(self) -> None:
        self._progress(self.meter.read())
        if self.goes_on and self._cancelled():
            self.end("stopped", "")

    def _note(self, node: int, future: Future) -> None:
        """What became of a question."""
        error = future.exception()
        if error is not None:
            self.note_error(error, lambda reason: self.outcome.unanswered.update({node: reason}))
            return
        self.note_answer()
        fault = future.result()
        if fault:
            self.outcome.failed[node] = fault
        self.meter.count("failed" if fault else "described")

    # -- one of them, in a thread --------------------------------------------------------------------------------------

    def _one(self, make: Callable[[int], Question], node: int) -> str:
        """Asks about a node, at most twice; returns why what came cannot be used, empty when it can."""
        self.meter.refuse_stopped()
        question = make(node)
        kept = self.already.get(question.key)
        messages = with_faults(question.messages, kept.text, kept.faults) if kept else question.messages
        answer = self.ask(messages, SCHEMA, most_written=MOST_WRITTEN, watch=self.meter)
        faults = self._take(question, messages, answer, last=kept is not None)
        if faults and kept is None:
            self.meter.refuse_stopped()
            messages = with_faults(question.messages, answer.text, faults)
            answer = self.ask(messages, SCHEMA, most_written=MOST_WRITTEN, watch=self.meter)
            faults = self._take(question, messages, answer, last=True)
        return " ".join(faults)

    def _take(self, question: Question, messages: Sequence[dict], answer: Answer, *, last: bool) -> tuple[str, ...]:
        """Checks and saves an answer; returns what is wrong with it."""
        description, faults = None, [answer.fault]
        if answer.parsed is not None:
            instructions = question.messages[0]["content"]
            description, faults = read_description(
                question.node, answer.parsed, language=question.language, instructions=instructions
            )
        with self._lock:
            if description and not faults and self._is_taken(question, description.name):
                faults = ["Another interest has this name; give one that tells the two apart."]
            status = "accepted" if not faults else "failed" if last else "faulty"
            dollars = self.meter.cost(answer.tokens)
            self._save(Said(question, tuple(messages), answer, description, status, tuple(faults), dollars))
            if not faults:
                self._keep(question.node, description)
        return tuple(faults)

    def _is_taken(self, question: Question, name: str) -> bool:
        """By another node; where two are to be told apart, by the node itself as well."""
        holder = self._names.get(name_key(name))
        return holder is not None and (holder != question.node or question.purpose == "tell_apart")

    def _keep(self, node: int, description: Description) -> None:
        self._names[name_key(description.name)] = node
        self.outcome.described[node] = description
        self.meanings.add(description)


def with_faults(messages: Sequence[dict], text: str, faults: Sequence[str]) -> tuple[dict, ...]:
    """The question with the answer that came and what is wrong with it."""
    again = {"role": "user", "content": prompt_text("describe_again").format(faults=" ".join(faults))}
    said = [{"role": "assistant", "content": text[:SHOWN_AGAIN]}] if text.strip() else []
    return (*messages, *said, again)
