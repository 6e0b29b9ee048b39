"""Training the sequence recommender on a log."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from time import monotonic

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..config import Progress, RecommenderConfig, no_progress
from ..logs import Interactions
from .epochs import Training
from .held_out import hold_out
from .sequence import SequenceRecommender, Transformer
from .simple import PopularityRecommender
from .softmax_loss import SoftmaxLoss, fastest_dtype

PART_SECONDS = 30.0
"""Of training, after which it is kept how far it has come."""
PRIOR = 0.1
"""Interactions that an item is given beside its own, for the logarithm of its popularity."""


def train_sequence(
    interactions: Interactions,
    item_vectors: np.ndarray | None = None,
    *,
    config: RecommenderConfig,
    seed: int = 0,
    progress: Progress = no_progress,
) -> SequenceRecommender | PopularityRecommender:
    """A transformer that has learned from `interactions` what people have next.

    item_vectors: (n_items, d) float32, the items' texts; they stay as they are and are projected, so that an item
    with little data starts from what is known of it. Every item of a history but the first is a target. The loss is
    the cross-entropy over all items, which makes this architecture a strong one (Klenitskiy and Vasilev, "Turning
    Dross Into Gold Loss", RecSys 2023); above `config.sample_above` items it is over a corrected sample. The last item
    of some users is held out, and the weights of the epoch that ranked these best are kept.

    Where nobody has two items there is nothing to learn from: a PopularityRecommender comes back.
    """
    return train_sequence_part(
        interactions, item_vectors, None, seconds=np.inf, config=config, seed=seed, progress=progress
    )


@dataclass(frozen=True)
class Unfinished:
    """Training that has come as far as `arrays` says; `train_sequence_part` goes on from there."""

    arrays: dict[str, np.ndarray]


def train_sequence_part(
    interactions: Interactions,
    item_vectors: np.ndarray | None,
    reached: dict[str, np.ndarray] | None,
    *,
    seconds: float = PART_SECONDS,
    config: RecommenderConfig,
    seed: int = 0,
    progress: Progress = no_progress,
) -> SequenceRecommender | PopularityRecommender | Unfinished:
    """As `train_sequence`, but after the epoch in which `seconds` have passed it stops, to be continued.

    reached: None to begin with, then the `arrays` of the part before, whose other arguments were the same. In one part
    or in many, what comes out is the same.
    """
    if (np.diff(interactions.starts) < 2).all():
        return PopularityRecommender(interactions.traffic())
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    held_out = hold_out(interactions, config, rng)
    model = TrainedModel(held_out.traffic, item_vectors, config)
    training = Training(model, interactions.item_index, held_out, config, rng)
    if reached is not None:
        training.restore(reached)
    began = monotonic()
    while not training.done:
        training.learn_epoch(progress)
        if monotonic() - began >= seconds and not training.done:
            return Unfinished(training.arrays())
    training.use_best()
    progress(1.0)
    return model.recommender()


class TrainedModel(nn.Module):
    """The transformer and the item table that is trained with it: learned vectors, projected texts, a bias."""

    def __init__(self, traffic: np.ndarray, texts: np.ndarray | None, config: RecommenderConfig):
        super().__init__()
        n_items, d = len(traffic), config.dimensions
        self.config, self.dtype = config, fastest_dtype()
        self.transformer = Transformer(d, config.layers, config.heads, config.max_length, config.dropout)
        self.learned = nn.Parameter(torch.randn(n_items, d) * 0.02)
        self.register_buffer("texts", None if texts is None else torch.from_numpy(np.asarray(texts, np.float32)))
        self.project = None if texts is None else nn.Parameter(torch.randn(texts.shape[1], d) * 0.02)
        share = (traffic + PRIOR) / (traffic.sum() + PRIOR * n_items)
        self.bias = nn.Parameter(torch.from_numpy(np.log(share * n_items)).float())
        self.traffic_share = share

    def item_vectors(self, items: slice | torch.Tensor = slice(None)) -> torch.Tensor:
        if self.project is None:
            return self.learned[items]
        return self.learned[items] + self.texts[items] @ self.project

    def loss(self, inputs: np.ndarray, real: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        if len(self.learned) > self.config.sample_above:
            return self._sampled_loss(inputs, real, targets, rng)
        vectors = self.item_vectors()
        return self._loss_among(vectors, self.bias, inputs, real, targets)

    def _sampled_loss(self, inputs, real, targets, rng):
        """Among the items of the batch and some drawn evenly, each score lowered by the log of how likely it is that
        its item is there (Jean et al. 2015, section 3), which makes the gradient that of the full softmax on average.

        Every row brings its targets and, before them, the first of its inputs.
        """
        n_items, n_drawn, n_seen = len(self.learned), self.config.negatives, len(targets) + len(inputs)
        drawn = rng.integers(0, n_items, n_drawn)
        items = np.unique(np.concatenate([inputs[real], targets, drawn]))
        absent = n_seen * np.log1p(-self.traffic_share[items]) + n_drawn * np.log1p(-1 / n_items)
        log_present = torch.from_numpy(np.log(-np.expm1(absent))).float()
        chosen = torch.from_numpy(items)
        places = np.where(real, np.searchsorted(items, inputs), 0)
        bias = self.bias[chosen] - log_present
        return self._loss_among(self.item_vectors(chosen), bias, places, real, np.searchsorted(items, targets))

    def _loss_among(self, vectors, bias, inputs, real, targets):
        states = self.transformer(F.embedding(torch.from_numpy(inputs), vectors))[torch.from_numpy(real)]
        return SoftmaxLoss.apply(states, vectors, bias, torch.from_numpy(targets), self.dtype)

    @torch.no_grad()
    def recommender(self) -> SequenceRecommender:
        """Fit for use, with the text part joined to the learned part."""
        matrix = self.item_vectors().clone().numpy()
        return SequenceRecommender(deepcopy(self.transformer), matrix, self.bias.detach().clone().numpy())
