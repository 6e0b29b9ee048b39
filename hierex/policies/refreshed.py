"""Refresh by retrieval (arXiv 2510.20260): what people with a context did lately, blended into a policy's answers.

Nothing is trained again. What the policy says counts as much as `strength` people; the recent moves on from the
context's latest interest are added to it, and to that the recent moves on from the whole context, whatever its order.
How strong it is, is chosen on the latest of the recent moves; where these are too few to choose by, nothing is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..transitions import Moves, number_contexts, repeat_earliest
from .choices import FEWEST_TO_CHOOSE_BY, judge_choices, leave_out_context, mark_seen, part_by_time, thin_out
from .counts import CountTable, back_off
from .layers import Layer, keep_with_base

if TYPE_CHECKING:
    from . import LanguagePolicy

NO_USE = "Recent moves were too few, or did not foretell what came after them, so they count nothing."
STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, np.inf)
"""In people; with an infinite one, recent moves would not count."""
LATER_SHARE = 0.2
LEAST = np.float32(-80)
"""A log-probability in place of that of what cannot be, so that one such move does not decide alone."""


@dataclass(frozen=True)
class RefreshedPolicy(Layer):
    """base: whose answers are refreshed; latest, together: recent moves by the latest interest and by the context."""

    layer: ClassVar[str] = "refreshed"
    base: LanguagePolicy
    latest: CountTable
    together: CountTable
    strength: float

    @property
    def note(self) -> str:
        return f"{self.base.note} {NO_USE}".strip() if np.isinf(self.strength) else self.base.note

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        contexts = repeat_earliest(contexts)
        answers = self.base.score(contexts)
        if np.isinf(self.strength):
            return answers
        return leave_out_context(_blend(answers, self.latest, self.together, contexts, self.strength), contexts)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        tables = self.latest.arrays("latest") | self.together.arrays("together")
        return keep_with_base(self.base, {"strength": np.array([self.strength])} | tables)


def refresh_policy(policy: LanguagePolicy, moves: Moves, *, since: int) -> RefreshedPolicy:
    """moves: all, as `list_moves` orders them; those from the clock `since` on are the recent ones, which `policy` has
    not learned from."""
    recent = np.flatnonzero(moves.clock >= since)
    earlier, later = (recent[rows] for rows in part_by_time(moves.take(recent), LATER_SHARE))
    later = thin_out(later, moves.n_clusters)
    strength = np.inf
    if len(later) >= FEWEST_TO_CHOOSE_BY:
        contexts, novel, seen = moves.contexts[later], moves.novel[later], mark_seen(moves, later)
        answers, tables = policy.score(contexts), _count(moves.take(earlier))

        def likelihood(strength: float) -> float:
            blended = _blend(answers, *tables, contexts, strength)
            return judge_choices(np.maximum(blended, LEAST), novel, seen)[1]

        strength = max(STRENGTHS[::-1], key=likelihood)
    return RefreshedPolicy(policy, *_count(moves.take(recent)), strength)


def load_refreshed(base: LanguagePolicy, arrays: dict[str, np.ndarray]) -> RefreshedPolicy:
    """The policy over `base` whose `arrays()` these are."""
    tables = (CountTable.load(arrays, name, base.n_clusters) for name in ("latest", "together"))
    return RefreshedPolicy(base, *tables, float(arrays["strength"][0]))


def _count(moves: Moves) -> tuple[CountTable, CountTable]:
    n = moves.n_clusters
    return tuple(CountTable.of(keys, moves.novel, n) for keys in _keys(moves.contexts, n))


def _keys(contexts: np.ndarray, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    return contexts[:, -1].astype(np.int64), number_contexts(np.sort(contexts, axis=1), n_clusters)


def _blend(
    answers: np.ndarray, latest: CountTable, together: CountTable, contexts: np.ndarray, strength: float
) -> np.ndarray:
    """(n, n_clusters) float32 log-probabilities; -inf where there is nothing."""
    if np.isinf(strength):
        return answers
    blended = np.exp(answers)
    for table, keys in zip((latest, together), _keys(contexts, answers.shape[1]), strict=True):
        blended = back_off(table.look_up(keys), blended, strength)
    with np.errstate(divide="ignore"):
        return np.log(blended)
