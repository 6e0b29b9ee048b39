"""Language policies: a context of described interests in, a distribution over the known interests out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from ..config import EmbeddingConfig, PolicyConfig, Progress, no_progress
from ..descriptions import Description
from ..errors import ConfigError
from ..transitions import Histories, Moves
from .answered import load_answered
from .counts import load_counts, train_counts
from .ease import load_ease, train_ease
from .layers import OVER, base_arrays, load_layer

COUNTING = ("counts", "ease")
"""Kinds of policies that read no words."""
FEWEST_MOVES = 100
"""With fewer moves than this a network learns nothing that counting does not."""


class LanguagePolicy(Protocol):
    """What every policy offers.

    `score` takes contexts (n, K) int of cluster indices and returns (n, n_clusters) float32 log-probabilities. The
    clusters of the context itself get -inf; every row sums to one after `exp`. What a context repeats counts once,
    where it is latest; one cluster alone means a person who has only that interest. `note` says in plain words what a
    person should know about how the policy came to be, or is empty. Policies can be pickled, so that they cross to
    other processes. A policy whose scores are dear may also have `best(contexts, top)`: what `rank_best` would make of
    them, without computing all.
    """

    name: str
    note: str

    @property
    def n_clusters(self) -> int: ...

    def score(self, contexts: np.ndarray) -> np.ndarray: ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What has to be kept to use it again (`load_policy`): plain numbers, by name."""
        ...


class HistoryPolicy(LanguagePolicy, Protocol):
    """A policy that can read more than the context (`ease`, `encoder`).

    `score_histories` takes everybody's whole history, of one interest at least, and returns (n_users, n_clusters)
    float32 log-probabilities. All that is in a user's history gets -inf; every row sums to one after `exp`, unless the
    user has every interest: then all of it is -inf.
    """

    def score_histories(self, histories: Histories) -> np.ndarray: ...


def reads_histories(policy: LanguagePolicy) -> bool:
    """Whether it is a `HistoryPolicy`."""
    return hasattr(policy, "score_histories")


def train_policy(
    moves: Moves,
    descriptions: Sequence[Description],
    description_vectors: np.ndarray,
    *,
    config: PolicyConfig,
    reader: EmbeddingConfig | None = None,
    hidden: np.ndarray | None = None,
    seed: int,
    progress: Progress = no_progress,
) -> LanguagePolicy:
    """The policy of `config.kind`, learned from `moves`: all from before the split, as `list_moves` orders them.

    descriptions: one per cluster, by cluster index; description_vectors: (n_clusters, d) float32, their text vectors;
    reader: the text model that they are from, where it may learn too (`config.tune_text`). hidden: (n_clusters,) bool,
    the interests that a language model is not taught to name; the others learn from all moves.
    With fewer than `FEWEST_MOVES` moves the answer is a `counts` policy whose `note` says so. Raises ConfigError when
    there is not one of each per cluster and for `openai`, and what learning that kind raises (`train_causal`).
    """
    n_described = min(len(descriptions), len(description_vectors))
    if n_described != moves.n_clusters or len(descriptions) != len(description_vectors):
        raise ConfigError(
            f"{n_described:,} descriptions were given for {moves.n_clusters:,} interests. "
            "Describe every interest once before training."
        )
    if config.kind == "openai":
        raise ConfigError("This policy is made of a model's answers, see `train_answered`.")
    if config.kind == "counts":
        return train_counts(moves, config=config)
    if len(moves) < FEWEST_MOVES:
        return _count_instead(moves, config)
    if config.kind == "ease":
        return train_ease(moves, config=config)
    if config.kind == "causal":
        from .causal_training import train_causal

        hidden = np.zeros(moves.n_clusters, bool) if hidden is None else hidden
        return train_causal(moves, descriptions, config=config, hidden=hidden, seed=seed, progress=progress)
    # Here and not above: torch takes seconds to import, and whoever only counts does without.
    if config.tune_text:
        from .text_tuning import train_tuned

        words, reader = [description.text() for description in descriptions], reader or EmbeddingConfig()
        how = {"reader": reader, "config": config, "seed": seed, "progress": progress}
        return train_tuned(moves, words, description_vectors, **how)
    from .encoder_training import train_encoder

    return train_encoder(moves, description_vectors, config=config, seed=seed, progress=progress)


def _count_instead(moves: Moves, config: PolicyConfig) -> LanguagePolicy:
    note = (
        f"There are only {len(moves):,} moves to novel interests to learn from, and this method needs {FEWEST_MOVES}. "
        "Smoothed counts answer instead."
    )
    return replace(train_counts(moves, config=config), note=note)


def load_policy(name: str, arrays: dict[str, np.ndarray]) -> LanguagePolicy:
    """The policy that was kept as `name` and `arrays()`.

    Raises ConfigError for a name that is not known, and for what another version of hierex kept otherwise.
    """
    try:
        return _load(name, arrays)
    except (KeyError, TypeError, RuntimeError) as missing:
        raise ConfigError(
            "This policy was kept by another version of hierex. Build again to train it anew."
        ) from missing


def _load(name: str, arrays: dict[str, np.ndarray]) -> LanguagePolicy:
    below, over, layer = name.rpartition(OVER)
    if over:
        found = load_layer(layer, _load(below, base_arrays(arrays)), arrays)
        if found:
            return found
    if name == "counts":
        return load_counts(arrays)
    if name == "ease":
        return load_ease(arrays)
    if name == "encoder":
        from .encoder import load_encoder

        return load_encoder(arrays)
    if name == "openai":
        return load_answered(arrays)
    if name == "causal":
        from .causal import load_causal

        return load_causal(arrays)
    raise ConfigError(f"There is no policy '{name}'. Train the policy again.")
