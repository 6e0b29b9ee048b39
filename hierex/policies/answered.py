"""The policy of a model behind an endpoint: what it answered ahead of time, over smoothed counts.

An endpoint gives answers, not probabilities, and not for every context. So each answer counts like a move that was
seen, and `strength` moves as the counts foresee them are added: where the model was asked often and agrees with
itself it decides, where it was not asked the counts do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config import PolicyConfig
from ..descriptions import Description
from ..errors import ConfigError
from ..transitions import Moves, number_contexts, repeat_earliest
from ..transitions.prompts import TARGET_PREFIX, phrases_on_one_line
from .choices import FEWEST_TO_CHOOSE_BY, judge_choices, leave_out_context, mark_seen, part_by_time, thin_out
from .counts import CountsPolicy, CountTable, back_off, load_counts, train_counts
from .match_rate import MatchReport, measure_matches

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
STRENGTH = 1.0
"""Where there are too few moves to choose by: one answer weighs as much as all that the counts say."""
LONGEST_SHOWN = 200
"""Characters beyond the longest description by which an answer surely is none."""
_WORD = re.compile(r"\w+")


class KnownAnswers:
    """Reads what a model said as one of the known interests, or as none."""

    def __init__(self, descriptions: Sequence[Description]):
        """Raises ConfigError where two interests are described by the same phrases."""
        self.shown = [phrases_on_one_line(description) for description in descriptions]
        self._exact: dict[str, int] = {}
        for cluster, line in enumerate(self.shown):
            other = self._exact.setdefault(TARGET_PREFIX + line, cluster)
            if other != cluster:
                raise ConfigError(
                    f"The interests '{descriptions[other].name}' and '{descriptions[cluster].name}' have the same "
                    "phrases, so no answer could tell them apart. Change the phrases of one."
                )
        loose = [_loosen(line) for line in self.shown]
        often = Counter(loose)
        self._loose = {words: cluster for cluster, words in enumerate(loose) if words and often[words] == 1}

    @property
    def answers(self) -> list[str]:
        """By cluster index, the answer that names it."""
        return list(self._exact)

    def knows(self, answer: str) -> bool:
        """Whether it is just what a known interest is called."""
        return answer.strip() in self._exact

    def interest(self, answer: str) -> int | None:
        """The cluster index. Case, marks and a missing prefix are looked past; other words are not."""
        exact = self._exact.get(answer.strip())
        return self._loose.get(_loosen(answer)) if exact is None else exact

    def measure(self, answers: Sequence[str]) -> MatchReport:
        """Of answers as they came: nothing is looked past. Of very long ones the report shows only the beginning."""
        longest = max(map(len, self._exact)) + LONGEST_SHOWN
        return measure_matches([answer[:longest] for answer in answers], self.shown)


@dataclass(frozen=True)
class AnsweredPolicy:
    """answers: counts of what a model answered, by context; strength: in answers, how much the counts weigh.

    matches: how many of the raw answers were just what a known interest is called.
    """

    answers: CountTable
    counts: CountsPolicy
    strength: float
    matches: MatchReport
    note: str = ""
    name: str = "openai"

    @property
    def n_clusters(self) -> int:
        return self.counts.n_clusters

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        contexts = repeat_earliest(contexts)
        said = self.answers.look_up(number_contexts(contexts, self.n_clusters))
        foreseen = np.exp(self.counts.foresee(contexts))
        return leave_out_context(np.log(back_off(said, foreseen, self.strength)), contexts)

    def knows(self, contexts: np.ndarray) -> np.ndarray:
        """(n,) bool: which contexts a model gave an answer for that can be used."""
        return np.isin(number_contexts(repeat_earliest(contexts), self.n_clusters), self.answers.keys)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        return {
            "strength": np.array([self.strength]),
            "matches": np.array([self.matches.n, self.matches.matched]),
            **self.answers.arrays("answers"),
            **{f"counts.{name}": array for name, array in self.counts.arrays().items()},
        }


def load_answered(arrays: dict[str, np.ndarray]) -> AnsweredPolicy:
    """The policy whose `arrays()` these are; which answers missed is not kept with it."""
    counts = load_counts({name.removeprefix("counts."): a for name, a in arrays.items() if name.startswith("counts.")})
    table = CountTable.load(arrays, "answers", counts.n_clusters)
    matches = MatchReport(*map(int, arrays["matches"]), misses=())
    return AnsweredPolicy(table, counts, float(arrays["strength"][0]), matches)


def train_answered(
    moves: Moves, contexts: np.ndarray, answers: Sequence[str], known: KnownAnswers, *, config: PolicyConfig
) -> AnsweredPolicy:
    """From moves before the split, and what a model answered: contexts (m, K) int, answers (m,) as they came.

    An answer that names no known interest, or one of its own context, counts for nothing. How much the counts weigh is
    chosen by how well the latest share of the moves is foreseen; where the model was fine-tuned on these moves, that
    flatters it.
    """
    named = [known.interest(answer) for answer in answers]
    used = [row for row, cluster in enumerate(named) if cluster is not None and cluster not in contexts[row]]
    novel = np.array([named[row] for row in used], np.int64)
    keys = number_contexts(np.asarray(contexts, np.int64).reshape(-1, moves.contexts.shape[1])[used], moves.n_clusters)
    table = CountTable.of(keys, novel, moves.n_clusters)
    strength = _choose_strength(moves, table, config)
    return AnsweredPolicy(table, train_counts(moves, config=config), strength, known.measure(answers))


def _choose_strength(moves: Moves, answers: CountTable, config: PolicyConfig) -> float:
    """Under which answers and counts of the earlier moves give the later ones, where answered, the most likelihood."""
    earlier, later = part_by_time(moves, config.validation_share)
    keys = number_contexts(moves.contexts, moves.n_clusters)
    later = thin_out(later[np.isin(keys[later], answers.keys)], moves.n_clusters)
    if len(later) < FEWEST_TO_CHOOSE_BY:
        return STRENGTH
    foreseen = np.exp(train_counts(moves.take(earlier), config=config).foresee(moves.contexts[later]))
    said, seen, novel = answers.look_up(keys[later]), mark_seen(moves, later), moves.novel[later]
    likelihood = {s: judge_choices(np.log(back_off(said, foreseen, s)), novel, seen)[1] for s in STRENGTHS}
    return max(STRENGTHS, key=likelihood.get)


def _loosen(text: str) -> str:
    folded = text.casefold().strip().removeprefix(TARGET_PREFIX.casefold().strip())
    return " ".join(_WORD.findall(folded))
