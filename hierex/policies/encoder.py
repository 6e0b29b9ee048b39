"""The default policy: text vectors of the descriptions, and a small head that learns where people go from them.

What a context says about an interest is added to how popular that interest is. The head sees each interest through
its text, plus a part of its own that starts at nothing and grows only where moves ask for it: an interest that
nobody has reached yet is judged by its words. Three things make it learn from few moves:

- popularity is the one *at the time of the move* (`choices.follow_popularity`), so what is learned is what the
  context adds to it, and not the fashion of the day; for predictions it is the latest one;
- a move is learned as a choice among the interests that were still open to that person;
- it stops when recall on the later moves stops rising, and then learns once more, as long, from all moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..config import PolicyConfig, Progress, no_progress
from ..transitions import Moves
from .choices import follow_popularity, judge_choices, leave_out_context, mark_seen, part_by_time, thin_out

FEWEST_STEPS = 64
"""Steps in an epoch, at least; batches are smaller where moves are few."""
SMALLEST_BATCH = 32
SEARCH = 0.75
"""The share of the work that finding the number of epochs is taken to be, for the progress shown."""


class EncoderNetwork(nn.Module):
    """Logits for every interest from a context of K.

    vectors: (n_clusters, d) float32 text vectors. The context's interests, their product and their mean go through a
    small network to a query; every interest has an answer; a logit is their product, plus how alike the texts are,
    plus popularity. At first nothing but popularity counts.
    """

    def __init__(self, vectors: torch.Tensor, k: int, dimensions: int, dropout: float):
        super().__init__()
        n_clusters, text_dimensions = vectors.shape
        self.register_buffer("vectors", vectors)
        self.register_buffer("likeness", vectors @ vectors.T, persistent=False)
        self.register_buffer("log_popularity", torch.zeros(n_clusters))
        self.from_text = nn.Linear(text_dimensions, dimensions)
        self.to_text = nn.Linear(text_dimensions, dimensions, bias=False)
        for layer in (self.from_text, self.to_text):
            nn.init.normal_(layer.weight)
        self.own_from = nn.Parameter(torch.zeros(n_clusters, dimensions))
        self.own_to = nn.Parameter(torch.zeros(n_clusters, dimensions))
        self.query = nn.Sequential(
            nn.Dropout(dropout),
            nn.LayerNorm((k + 2) * dimensions),
            nn.Linear((k + 2) * dimensions, 2 * dimensions),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * dimensions, dimensions),
        )
        nn.init.zeros_(self.query[-1].weight)
        nn.init.zeros_(self.query[-1].bias)
        self.attraction = nn.Parameter(torch.zeros(n_clusters))
        self.weight_of_popularity = nn.Parameter(torch.ones(()))
        self.weight_of_likeness = nn.Parameter(torch.zeros(k))

    def forward(self, contexts: torch.Tensor, log_popularity: torch.Tensor) -> torch.Tensor:
        """contexts (n, K) int64, log_popularity (n_clusters,) or (n, n_clusters) -> (n, n_clusters)."""
        parts = (self.from_text(self.vectors) + self.own_from)[contexts]
        features = torch.cat([parts.flatten(1), parts.prod(dim=1), parts.mean(dim=1)], dim=1)
        answers = self.to_text(self.vectors) + self.own_to
        logits = self.query(features) @ (answers.T / answers.shape[1] ** 0.5)
        for place, weight in enumerate(self.weight_of_likeness):
            logits = logits + weight * self.likeness[contexts[:, place]]
        return logits + self.attraction + self.weight_of_popularity * log_popularity


@dataclass(frozen=True)
class EncoderPolicy:
    """A trained network, the latest popularity in it."""

    network: EncoderNetwork
    note: str = ""
    name: str = "encoder"

    @property
    def n_clusters(self) -> int:
        return len(self.network.vectors)

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        contexts = np.asarray(contexts, np.int64)
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(contexts), self.network.log_popularity).numpy()
        return leave_out_context(logits, contexts)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        return {name: value.numpy().copy() for name, value in self.network.state_dict().items()}


def load_encoder(arrays: dict[str, np.ndarray]) -> EncoderPolicy:
    """The policy whose `arrays()` these are."""
    state = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    k, dimensions = len(state["weight_of_likeness"]), state["own_to"].shape[1]
    with torch.random.fork_rng(devices=[]):
        network = EncoderNetwork(state["vectors"], k, dimensions, dropout=0.0)
    network.load_state_dict(state)
    return EncoderPolicy(network.eval())


def train_encoder(
    moves: Moves,
    vectors: np.ndarray,
    *,
    config: PolicyConfig,
    seed: int,
    progress: Progress = no_progress,
) -> EncoderPolicy:
    """Learn from `moves` (rows as `list_moves` gives them) and the text vectors (n_clusters, d) of the descriptions.

    Leaves torch's random state as it was.
    """
    texts = _centre(vectors)
    earlier, later = part_by_time(moves, config.validation_share)
    with torch.random.fork_rng(devices=[]):
        epochs = _count_epochs(moves, earlier, later, texts, config, seed, lambda share: progress(SEARCH * share))
        learner = Learner(moves, np.arange(len(moves)), texts, config, seed)
        for epoch in range(epochs):
            learner.learn()
            progress(SEARCH + (1 - SEARCH) * (epoch + 1) / epochs)
    learner.network.log_popularity.copy_(learner.popularity[-1])
    return EncoderPolicy(learner.network.eval())


def _count_epochs(
    moves: Moves,
    earlier: np.ndarray,
    later: np.ndarray,
    texts: torch.Tensor,
    config: PolicyConfig,
    seed: int,
    progress: Progress,
) -> int:
    """After how many epochs on the earlier moves the later ones are foreseen best: by recall, then by likelihood."""
    learner = Learner(moves, earlier, texts, config, seed)
    later = thin_out(later, moves.n_clusters)
    seen, novel = mark_seen(moves, later), moves.novel[later]
    found, best = 0, (-np.inf, -np.inf)
    for epoch in range(1, config.epochs + 1):
        learner.learn()
        judged = judge_choices(learner.foresee(moves.contexts[later]), novel, seen)
        if judged > best:
            found, best = epoch, judged
        progress(epoch / config.epochs)
        if epoch - found >= config.patience:
            break
    progress(1.0)
    return max(found, 1)


class Learner:
    """A network that learns from some rows of the moves, an epoch at a time."""

    def __init__(self, moves: Moves, rows: np.ndarray, texts: torch.Tensor, config: PolicyConfig, seed: int):
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.moves = moves
        self.step_of = np.zeros(len(moves), np.int64)
        self.step_of[rows], popularity = follow_popularity(moves.take(rows), config.half_life)
        self.popularity = torch.from_numpy(popularity)
        latest = np.argsort(-moves.clock[rows], kind="stable")[: config.most_moves]
        self.rows = np.sort(rows[latest])
        self.network = EncoderNetwork(texts, moves.contexts.shape[1], config.dimensions, config.dropout)
        self.batch = int(np.clip(len(self.rows) // FEWEST_STEPS, SMALLEST_BATCH, config.batch_size))
        self.optimizer = _make_optimizer(self.network, config)

    def learn(self) -> None:
        """One epoch."""
        self.network.train()
        for rows in self._batches():
            contexts = torch.from_numpy(self.moves.contexts[rows].astype(np.int64))
            logits = self.network(contexts, self.popularity[self.step_of[rows]])
            logits = logits.masked_fill(torch.from_numpy(mark_seen(self.moves, rows)), -torch.inf)
            loss = functional.cross_entropy(logits, torch.from_numpy(self.moves.novel[rows].astype(np.int64)))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def foresee(self, contexts: np.ndarray) -> np.ndarray:
        """(n, n_clusters) logits with what is known after all the rows."""
        self.network.eval()
        with torch.inference_mode():
            return self.network(torch.from_numpy(contexts.astype(np.int64)), self.popularity[-1]).numpy()

    def _batches(self) -> Iterator[np.ndarray]:
        order = self.random.permutation(self.rows)
        for lo in range(0, len(order), self.batch):
            yield order[lo : lo + self.batch]


def _make_optimizer(network: EncoderNetwork, config: PolicyConfig) -> torch.optim.Optimizer:
    """AdamW; the few weights that say how much popularity and likeness count are free, and move faster."""
    free = [network.weight_of_popularity, network.weight_of_likeness]
    others = [weight for weight in network.parameters() if all(weight is not one for one in free)]
    return torch.optim.AdamW(
        [
            {"params": others, "weight_decay": config.weight_decay},
            {"params": free, "weight_decay": 0.0, "lr": 5 * config.learning_rate},
        ],
        lr=config.learning_rate,
    )


def _centre(vectors: np.ndarray) -> torch.Tensor:
    """Text vectors without what they all share, of unit length; nothing where nothing is left."""
    vectors = np.asarray(vectors, np.float32)
    vectors = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return torch.from_numpy(vectors / np.where(lengths > 1e-6, lengths, 1))
