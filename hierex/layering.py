"""What a run lays over the policy that it learned: recent moves, what people liked, the dial to what is far."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np

from .kept import results
from .kept.feedback import place_outcomes
from .policies import LanguagePolicy
from .policies.aligned import AlignedPolicy
from .policies.alignment import AlignmentModel, Outcomes, train_alignment, why_not_learned
from .policies.choices import FEWEST_TO_CHOOSE_BY
from .policies.novelty import NoveltyPolicy
from .policies.refreshed import refresh_policy
from .result_keys import result_key
from .workspace import Workspace

NOT_ORDERED = "Answers are not in the order of what people liked."


def layer_depends(work: Workspace) -> list:
    """What the layers depend on, besides the policy below them; empty where there are none."""
    config = work.config.layers
    parts = []
    if config.refreshed:
        parts += [work.judged_from, FEWEST_TO_CHOOSE_BY]
    if config.best_of:
        outcomes, _ = placed_outcomes(work)
        said = hashlib.blake2b(digest_size=12)
        for column in (outcomes.contexts, outcomes.novel, outcomes.positive, outcomes.n):
            said.update(np.ascontiguousarray(column).tobytes())
        parts += [said.hexdigest(), "every interest's own liking"]
    if config.novelty:
        parts += [work.tree_key]
    return [asdict(config), *parts] if parts else []


def laid_depends(work: Workspace) -> list:
    """What the policy with its layers depends on; empty where nothing is laid over the learned one.

    The note of what is below counts as well: the layers have to say it too.
    """
    layers, learned = layer_depends(work), work.keys["learned_policy"]
    note = results.result_note(work.store, "policies", learned)
    return [learned, *layers, *([note] if note else [])] if layers else []


def is_laid_anew(work: Workspace) -> bool:
    """Whether the layers would come out otherwise now: more was said of what people like, or taken back."""
    depends = laid_depends(work)
    return bool(depends) and work.keys["policies"] != result_key("policies", *depends)


def lay_over(work: Workspace, policy: LanguagePolicy, words: list[str]) -> LanguagePolicy:
    """Where too little was said of what people like to order answers by it, they stay as they are and the note says so:
    outcomes speak of one tree of interests, and another one has none yet."""
    config, alignment = work.config.layers, None
    if config.best_of:
        alignment, why_not = learn_what_is_liked(work, words)
        policy = replace(policy, note=f"{policy.note} {why_not}".strip())
    if config.refreshed:
        policy = refresh_policy(policy, work.moves_before(work.judged_from), since=work.split)
    if alignment:
        policy = AlignedPolicy(policy, alignment, config.best_of)
    if config.novelty:
        policy = NoveltyPolicy(policy, work.distances, config.novelty)
    return policy


def learn_what_is_liked(work: Workspace, words: list[str]) -> tuple[AlignmentModel | None, str]:
    """None, with the reason, where there are too few outcomes."""
    outcomes, _ = placed_outcomes(work)
    why_not = why_not_learned(outcomes)
    if why_not:
        return None, f"{NOT_ORDERED} {why_not}"
    vectors = work.read_words(words, policy=work.learned_policy)
    return train_alignment(outcomes, vectors, work.distances), ""


def placed_outcomes(work: Workspace) -> tuple[Outcomes, float]:
    """See `place_outcomes`."""
    k = work.config.transition.k
    return place_outcomes(work.store, work.tree_key, work.tree, work.taxonomy, k=k)
