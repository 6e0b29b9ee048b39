"""The default policy: text vectors of the descriptions, and a small head that learns where people go from them.

What a context says about an interest is added to how popular that interest is. The head sees each interest through
its text, plus a part of its own that starts at nothing and grows only where moves ask for it: an interest that
nobody has reached yet is judged by its words. Three things make it learn from few moves:

- popularity is the one *at the time of the move* (`choices.follow_popularity`), so what is learned is what the
  context adds to it, and not the fashion of the day; for predictions it is the latest one;
- a move is learned as a choice among the interests that were still open to that person;
- it learns from the earlier moves, is judged on the later ones, and then goes on with all of them, for the latest are
  the most like what comes.

Both times the steps first grow and then die away (Smith & Topin 2018): a few epochs of large steps end where many of
small ones would, and nobody has to search for when to stop.

Where the same contexts come up again and again, counting them is hard to beat, so the answer is a weighted geometric
mean with the `counts` policy. The weight is the one that gives the later moves the highest likelihood; it may be 0,
and it is 0 for an interest that nobody has moved on from yet: counting knows nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..config import PolicyConfig, Progress, no_progress
from ..transitions import Moves
from .choices import follow_popularity, judge_choices, leave_out_context, mark_seen, part_by_time, thin_out
from .counts import CountsPolicy, count_moves, load_counts, train_counts

FEWEST_STEPS = 64
"""Steps in an epoch, at least; batches are smaller where moves are few."""
SMALLEST_BATCH = 128
SHARES_OF_COUNTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
KEPT_WITH_COUNTS = "counts."
SHARE_OF_COUNTS = "share_of_counts"


class EncoderNetwork(nn.Module):
    """Logits for every interest from a context of K.

    vectors: (n_clusters, d) float32 text vectors. The interests of the context, side by side, become a query: a sum
    of what each of them says, and what they say only together. Every interest has an answer; a logit is query times
    answer, plus how alike the texts are, plus popularity. At first nothing but popularity counts.
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
        self.dropout = nn.Dropout(dropout)
        self.alone = nn.Linear(k * dimensions, dimensions)
        self.together = nn.Sequential(
            nn.Linear(k * dimensions, 2 * dimensions),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * dimensions, dimensions),
        )
        for layer in (self.alone, self.together[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.attraction = nn.Parameter(torch.zeros(n_clusters))
        self.weight_of_popularity = nn.Parameter(torch.ones(()))
        self.weight_of_likeness = nn.Parameter(torch.zeros(k))

    def forward(self, contexts: torch.Tensor, log_popularity: torch.Tensor) -> torch.Tensor:
        """contexts (n, K) int64, log_popularity (n_clusters,) or (n, n_clusters) -> (n, n_clusters)."""
        interests = self.from_text(self.vectors) + self.own_from
        features = self.dropout(interests[contexts].flatten(1))
        answers = self.to_text(self.vectors) + self.own_to
        query = self.alone(features) + self.together(features)
        logits = query @ (answers.T / answers.shape[1] ** 0.5)
        for place, weight in enumerate(self.weight_of_likeness):
            logits = logits + weight * self.likeness[contexts[:, place]]
        return logits + self.attraction + self.weight_of_popularity * log_popularity

    def foresee(self, contexts: np.ndarray, log_popularity: torch.Tensor) -> np.ndarray:
        """The same for arrays, without learning: contexts (n, K) int -> (n, n_clusters) float32."""
        with torch.inference_mode():
            return self(torch.from_numpy(contexts.astype(np.int64)), log_popularity).numpy()


@dataclass(frozen=True)
class EncoderPolicy:
    """A trained network with the latest popularity in it, the counts beside it, and their share of the answer, 0-1."""

    network: EncoderNetwork
    counts: CountsPolicy
    share_of_counts: float
    note: str = ""
    name: str = "encoder"

    @property
    def n_clusters(self) -> int:
        return len(self.network.vectors)

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        contexts = np.asarray(contexts, np.int64)
        logits = self.network.foresee(contexts, self.network.log_popularity)
        if self.share_of_counts:
            logits = _mix(logits, self.counts, contexts, self.share_of_counts)
        return leave_out_context(logits, contexts)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        network = {name: value.numpy().copy() for name, value in self.network.state_dict().items()}
        counts = {KEPT_WITH_COUNTS + name: value for name, value in self.counts.arrays().items()}
        return network | counts | {SHARE_OF_COUNTS: np.array([self.share_of_counts])}


def load_encoder(arrays: dict[str, np.ndarray]) -> EncoderPolicy:
    """The policy whose `arrays()` these are."""
    counts = {name.removeprefix(KEPT_WITH_COUNTS): arrays[name] for name in arrays if name.startswith(KEPT_WITH_COUNTS)}
    state = {
        name: torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if not name.startswith(KEPT_WITH_COUNTS) and name != SHARE_OF_COUNTS
    }
    k, dimensions = len(state["weight_of_likeness"]), state["own_to"].shape[1]
    with torch.random.fork_rng(devices=[]):
        network = EncoderNetwork(state["vectors"], k, dimensions, dropout=0.0)
    network.load_state_dict(state)
    return EncoderPolicy(network.eval(), load_counts(counts), float(arrays[SHARE_OF_COUNTS][0]))


def train_encoder(
    moves: Moves,
    vectors: np.ndarray,
    *,
    config: PolicyConfig,
    seed: int,
    progress: Progress = no_progress,
) -> EncoderPolicy:
    """Learn from `moves` (rows as `list_moves` gives them) and the text vectors (n_clusters, d) of the descriptions.

    Leaves torch's random state and its threads as they were.
    """
    counts = train_counts(moves, config=config)
    earlier, later = part_by_time(moves, config.validation_share)
    with _alone():
        learner = Learner(moves, _centre(vectors), config, seed)
        learner.learn(earlier, lambda done: progress(0.5 * done))
        share = _choose_share(learner, earlier, later, counts)
        learner.learn(np.arange(len(moves)), lambda done: progress(0.5 + 0.5 * done))
    return EncoderPolicy(learner.network, counts, share)


def _choose_share(learner: Learner, earlier: np.ndarray, later: np.ndarray, counts: CountsPolicy) -> float:
    """The share of counts with which the later moves are most likely, foreseen from the earlier ones."""
    moves = learner.moves
    later = thin_out(later, moves.n_clusters)
    contexts, novel, seen = moves.contexts[later], moves.novel[later], mark_seen(moves, later)
    foreseen = learner.network.foresee(contexts, learner.network.log_popularity)
    past = count_moves(moves.take(earlier), counts.smoothing)
    likelihoods = [judge_choices(_mix(foreseen, past, contexts, share), novel, seen)[1] for share in SHARES_OF_COUNTS]
    return SHARES_OF_COUNTS[int(np.argmax(likelihoods))]


def _mix(logits: np.ndarray, counts: CountsPolicy, contexts: np.ndarray, share: float) -> np.ndarray:
    """The weighted geometric mean of the two, up to a constant per row."""
    shares = np.where(counts.knows(contexts), share, 0)[:, None].astype(np.float32)
    return (1 - shares) * logits + shares * counts.foresee(contexts)


class Learner:
    """A network that learns from the moves, some rows at a time."""

    def __init__(self, moves: Moves, texts: torch.Tensor, config: PolicyConfig, seed: int):
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.moves, self.config = moves, config
        self.network = EncoderNetwork(texts, moves.contexts.shape[1], config.dimensions, config.dropout)

    def learn(self, rows: np.ndarray, progress: Progress) -> None:
        """Go through these rows a few times; the network then also knows what is popular after them."""
        config = self.config
        step_of = np.zeros(len(self.moves), np.int64)
        step_of[rows], popularity = follow_popularity(self.moves.take(rows), config.half_life)
        popularity = torch.from_numpy(popularity)
        rows = rows[np.argsort(-self.moves.clock[rows], kind="stable")[: config.most_moves]]
        size = int(np.clip(len(rows) // FEWEST_STEPS, SMALLEST_BATCH, config.batch_size))
        steps = config.epochs * math.ceil(len(rows) / size)
        optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=config.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
        self.network.train()
        for epoch in range(config.epochs):
            order = self.random.permutation(rows)
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                optimizer.zero_grad()
                self._loss(batch, popularity[step_of[batch]]).backward()
                optimizer.step()
                schedule.step()
            progress((epoch + 1) / config.epochs)
        self.network.eval()
        self.network.log_popularity.copy_(popularity[-1])

    def _loss(self, rows: np.ndarray, log_popularity: torch.Tensor) -> torch.Tensor:
        """How unlikely the network finds what was chosen in these moves, among what was open."""
        contexts = torch.from_numpy(self.moves.contexts[rows].astype(np.int64))
        novel = torch.from_numpy(self.moves.novel[rows].astype(np.int64))
        seen = torch.from_numpy(mark_seen(self.moves, rows))
        return functional.cross_entropy(self.network(contexts, log_popularity).masked_fill(seen, -torch.inf), novel)


@contextmanager
def _alone() -> Iterator[None]:
    """On one thread, leaving torch's threads and random state as they were.

    The matrices are small: two threads would mostly wait for each other, and long where others use the cores.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _centre(vectors: np.ndarray) -> torch.Tensor:
    """Text vectors without what they all share, of unit length; nothing where nothing is left."""
    vectors = np.asarray(vectors, np.float32)
    vectors = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return torch.from_numpy(vectors / np.where(lengths > 1e-6, lengths, 1))
