"""What a run lays over the policy that it learned: recent moves, what people liked, the dial to what is far."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np

from .alignment import Outcomes, train_alignment
from .feedback import place_outcomes
from .policies import LanguagePolicy
from .policies.aligned import AlignedPolicy
from .policies.choices import FEWEST_TO_CHOOSE_BY
from .policies.novelty import NoveltyPolicy
from .policies.refreshed import refresh_policy
from .taxonomy import cluster_of_leaf
from .transitions import Moves, collect_histories, list_moves
from .workspace import Workspace


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
        parts += [said.hexdigest()]
    if config.novelty:
        parts += [work.tree_key]
    return [asdict(config), *parts] if parts else []


def lay_over(work: Workspace, policy: LanguagePolicy) -> LanguagePolicy:
    """Raises TooLittleData where there is too little feedback to order answers by."""
    config = work.config.layers
    if config.refreshed:
        policy = refresh_policy(policy, moves_before(work, work.judged_from), since=work.split)
    if config.best_of:
        outcomes, _ = placed_outcomes(work)
        vectors = work.read_words(work.words(), policy=work.learned_policy)
        policy = AlignedPolicy(policy, train_alignment(outcomes, vectors, work.distances), config.best_of)
    if config.novelty:
        policy = NoveltyPolicy(policy, work.distances, config.novelty)
    return policy


def placed_outcomes(work: Workspace) -> tuple[Outcomes, float]:
    """See `place_outcomes`."""
    k = work.config.transition.k
    return place_outcomes(work.store, work.tree_key, work.tree, work.taxonomy, k=k)


def moves_before(work: Workspace, clock: int) -> Moves:
    leaves = cluster_of_leaf(work.tree, work.taxonomy)
    histories = collect_histories(work.visits, leaves, work.taxonomy.n_clusters, before=clock)
    return list_moves(histories, k=work.config.transition.k)
