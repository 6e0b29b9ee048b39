"""What a model answered about the interests as they are now, how well it kept to them, and the policy made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..config import AskedAs, PolicyConfig
from ..errors import NotReady
from ..kept import context_answers
from ..llm.answers import is_refused
from ..policies import FEWEST_MOVES
from ..policies.answered import AnsweredPolicy, KnownAnswers, train_answered
from ..policies.match_rate import MatchReport, rate_text
from ..store import Store
from ..workspace import Workspace
from .plans import digest_words, people_contexts, prompt_digest, read_raw, stands

LITTLE = 10.0
"""Answers that the counts weigh, from which on the answers hardly change what is predicted."""
COUNTS_DECIDE, COUNTS_KNOW_LITTLE = "the counts decide nearly everything", "the counts know little"
"""What a note has to warn of."""
HAVE_IT_ANSWER = "have it answer under “Releases” of “What comes next”"
"""There it is asked about the interests of the last finished build, so others have to be built another way first."""


@dataclass(frozen=True)
class Answered:
    """What one model answered about the interests as they are now.

    contexts: (m, K) int32; answers: (m,) raw texts, the latest to each question; first: (m,) the first ones; refused:
    in how many of these the model refused to say anything; in_words: how many answers were asked for in words, because
    the endpoint did not take a list to choose from.
    """

    asked: AskedAs
    contexts: np.ndarray
    answers: list[str]
    first: list[str]
    known: KnownAnswers
    refused: int
    in_words: int

    def measure(self) -> MatchReport:
        """How often the raw answers are just what a known interest is called. Of several to a question the first
        counts: asking until one is known would say nothing of the model."""
        return self.known.measure(self.first)

    def count_near(self) -> int:
        """How many of those that are no match name an interest all the same; see `KnownAnswers.interest`."""
        misses = (answer for answer in self.first if not self.known.knows(answer))
        return sum(self.known.interest(miss) is not None for miss in misses)


def ways_answered(work: Workspace) -> list[AskedAs]:
    """Who answered, and how they were asked; who answered last comes first."""
    return context_answers.read_ways(work.store, prompt_digest())


def with_answers(store: Store, policy: PolicyConfig) -> PolicyConfig:
    """Where it is made of answers and nobody chose whose, of those of who answered last: that stays so."""
    if policy.kind != "openai" or policy.answers:
        return policy
    return replace(policy, answers=next(iter(context_answers.read_ways(store, prompt_digest())), None))


def collect_answers(work: Workspace, asked: AskedAs | None = None) -> Answered:
    """asked: whose answers; None: those that were chosen for the policy. Raises NotReady where there are none."""
    asked = asked or work.config.policy.answers or next(iter(ways_answered(work)), None)
    known = KnownAnswers(work.cluster_descriptions())
    cluster_of = {digest_words(line): cluster for cluster, line in enumerate(known.shown)}
    first, latest = {}, {}
    for row in context_answers.read_answers(work.store, asked).to_pylist() if asked else ():
        context = tuple(cluster_of.get(digest) for digest in row["context"])
        if len(context) == work.config.transition.k and None not in context and stands(row, known):
            question = context, row["sample"]
            first.setdefault(question, row)
            latest[question] = row
    if not latest:
        raise NotReady(
            "No language model has answered yet which interest comes next, or not about these interests. Where these "
            f"are the interests of the last finished build, {HAVE_IT_ANSWER}; else build these another way first. "
            "'hierex answer' asks about any number of interests."
        )
    return Answered(
        asked=asked,
        contexts=np.array([context for context, _ in latest], np.int32),
        answers=[read_raw(row["answer"], row["how"]) for row in latest.values()],
        first=[read_raw(row["answer"], row["how"]) for row in first.values()],
        known=known,
        refused=sum(is_refused(row["fault"]) and not row["answer"].strip() for row in first.values()),
        in_words=sum(row["how"] == "words" for row in latest.values()),
    )


def make_policy(work: Workspace, answered: Answered) -> AnsweredPolicy:
    """With a note that says whose answers these are, for which share of people's contexts, and whether little is
    known for the others."""
    moves = work.training_moves
    policy = train_answered(moves, answered.contexts, answered.answers, answered.known, config=work.config.policy)
    policy = replace(policy, matches=answered.measure())
    contexts, n_people = people_contexts(work.histories, k=work.config.transition.k, split=work.split)
    known = policy.knows(contexts)
    share = n_people[known].sum() / max(n_people.sum(), 1)
    matched = policy.matches
    others = "" if known.all() else "; for the others smoothed counts answer"
    in_words = (
        "; the list of interests was given in words, since it was not taken otherwise" if answered.in_words else ""
    )
    few = (
        f" There are only {len(moves):,} moves to novel interests to count, so {COUNTS_KNOW_LITTLE}."
        if len(moves) < FEWEST_MOVES
        else ""
    )
    little = (
        f" So {COUNTS_DECIDE}: with more weight on the answers, later moves were foreseen worse."
        if policy.strength >= LITTLE
        else ""
    )
    note = (
        f"{answered.asked.model} answered for {known.sum():,} of the {len(contexts):,} sets of latest interests that "
        f"people have had ({share:.0%} of people's){others}. {matched.matched:,} of its "
        f"{matched.n:,} answers ({rate_text(matched.rate)}) are just what an interest is called{in_words}. One answer "
        f"weighs {1 / policy.strength:.2g} times as much as the counts.{little}{few}"
    )
    return replace(policy, note=note)


def raw_answers(work: Workspace, context: Sequence[int]) -> list[tuple[str, str]]:
    """What the policy's model said about this context, word for word, and the name of the interest that it was taken
    as; empty where it named none. Raises NotReady where it has not answered about these interests."""
    answered = collect_answers(work)
    names = [description.name for description in work.cluster_descriptions()]
    rows = np.flatnonzero((answered.contexts == np.asarray(context)).all(axis=1))
    taken = [answered.known.interest(answered.answers[row]) for row in rows]
    said = [answered.answers[row] for row in rows]
    return [(answer, "" if place is None else names[place]) for answer, place in zip(said, taken, strict=True)]
