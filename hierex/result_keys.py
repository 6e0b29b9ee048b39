"""The keys under which results are kept, made of all that a result depends on: same key, same result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import numpy as np

from .config import CONTEXTS_PER_NOVEL, PolicyConfig
from .kept import stage_tables
from .kept.context_answers import answers_state
from .policies import COUNTING
from .policies.aligned import AlignedPolicy
from .policies.layers import OVER
from .policies.model_folder import content_of
from .text_models import model_name
from .transitions.prompts import TASK_FIRST
from .workspace import Workspace

VERSION = 6
"""Raise it when a stage gives another result for the same input."""
ENCODER_VERSION = 4
"""Raise it when the encoder learns otherwise from the same: its policies alone are then trained anew."""


def result_key(stage: str, *depends_on) -> str:
    """The key under which a stage's result is kept."""
    text = json.dumps([VERSION, stage, *depends_on], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def digest(array: np.ndarray) -> str:
    """A short hash of an array's values."""
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=12).hexdigest()


def behaviour_depends(work: Workspace) -> list:
    """What the vectors of behaviour depend on, which is not how much they count."""
    config = work.config
    how = {name: value for name, value in asdict(config.behaviour).items() if name != "weight"}
    return [work.keys["logs"], work.keys["embeddings"], how, config.seed, config.evaluation.holdout_share]


def transition_settings(work: Workspace) -> dict:
    """What is set of transitions, with what earlier versions had there: their results are found again."""
    return asdict(work.config.transition) | {"contexts_per_novel": CONTEXTS_PER_NOVEL}


def weights_depends(work: Workspace) -> list:
    """What the comparison of weights at this granularity depends on, whatever weight was chosen."""
    config = work.config
    counting = _asdict(replace(config.policy, kind="counts"))
    compared = [asdict(config.tree), transition_settings(work), counting, asdict(config.evaluation)]
    return [*behaviour_depends(work), *compared, work.granularity]


def interests_digest(work: Workspace) -> str:
    """The interests as they are divided, whatever led to it; which of them are hidden does not count."""
    taxonomy = work.taxonomy
    return "".join(digest(part) for part in (taxonomy.cluster_ids, taxonomy.part_nodes, taxonomy.cluster_of_part))


def policy_depends(work: Workspace, words: list[str], version: int | None = None) -> list:
    """What a policy depends on; the text model is in the key of the transitions, by way of the tree.

    Unless items have vectors of their own: then the words are read by a model that the tree knows nothing of. A policy
    of a model's answers is another one as soon as there is another answer; a language model, as soon as something else
    is hidden. version: of how the encoder learns, which the first did not tell; None: this one.
    """
    config = work.config
    reader = [model_name(config.embedding.for_words())] if config.embedding.from_file else []
    causal = config.policy.kind == "causal"
    how = _asdict(config.policy)
    if not causal:
        del how["causal"]
    taught = [content_of(config.policy.causal.base), digest(work.taxonomy.hidden)] if causal else []
    answers = [answers_state(work.store, config.policy.answers)] if config.policy.kind == "openai" else []
    learned = {"encoder": [] if version == 1 else [version or ENCODER_VERSION], "causal": [TASK_FIRST]}.get(
        config.policy.kind, []
    )
    return [work.keys["transitions"], words, how, config.seed, *reader, *taught, *answers, *learned]


def _asdict(policy: PolicyConfig) -> dict:
    """Without what does not apply to it and once was no choice: what was kept then is found again. Whose answers a
    policy is made of is told by these answers."""
    how = asdict(policy)
    del how["answers"]
    if policy.kind != "encoder" or not policy.tune_text:
        del how["tune_text"]
    return how


def predictions_depend(work: Workspace) -> tuple[str, ...]:
    """What predictions of a build, and the items in them, depend on, in whichever workspace it is.

    The changes that people made are told in full: their ids mean something in one workspace only, and what is hidden
    is in no key of a build that was stopped before its items were found.
    """
    return json.dumps(work.keys, sort_keys=True), repr(work.built_edits)


def words_depend(work: Workspace) -> tuple[str, ...]:
    """What was said of interests, by models and by people: it may change at any moment."""
    return repr(work.model_descriptions()), repr(work.placed_edits())


def shown_depends(work: Workspace) -> tuple[str, ...]:
    """What people are shown of a build depends on: predictions, and what interests are called."""
    return *predictions_depend(work), *words_depend(work)


def policy_is_stale(work: Workspace) -> bool:
    """Whether the policy would be learned anew: descriptions that it reads were changed since, or how it learns. One
    that only counts reads none, and is never stale."""
    return (
        "policies" in work.keys
        and _reads_words(work)
        and _learned_key(work) != result_key("policies", *policy_depends(work, work.words()))
    )


def learned_by_earlier(work: Workspace) -> bool:
    """Of a stale policy: whether all that it was learned from is as it was, and an earlier version of hierex did it."""
    words = work.words()
    before = (policy_depends(work, words, version) for version in range(1, ENCODER_VERSION))
    return any(_learned_key(work) == result_key("policies", *depends) for depends in before)


def _learned_key(work: Workspace) -> str:
    return work.keys.get("learned_policy", work.keys["policies"])


def _reads_words(work: Workspace) -> bool:
    """Whether what answers, which is another policy than was asked for where data were too few, or a layer over it
    does."""
    name = stage_tables.read_model_name(work.store, "policies", work.keys["policies"]) or work.config.policy.kind
    learned, *layers = name.split(OVER)
    return learned not in COUNTING or AlignedPolicy.layer in layers
