"""Training the sequence recommender on a log."""

from __future__ import annotations

from copy import deepcopy
from itertools import islice
from math import ceil, cos, pi

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..config import Progress, RecommenderConfig, no_progress
from ..logs import Interactions
from .held_out import HeldOut, hold_out, rank_quality
from .sequence import SequenceRecommender, Transformer
from .simple import PopularityRecommender
from .softmax_loss import SoftmaxLoss, fastest_dtype
from .windows import cut_windows, draw_batches, read_windows

WARM_UP = 0.1
LOWEST_RATE = 0.05
"""Shares: of the steps in which the learning rate rises, and of it that is left at the end of the cosine after them."""
LARGEST_GRADIENT = 1.0
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
    if (np.diff(interactions.starts) < 2).all():
        return PopularityRecommender(interactions.traffic())
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    held_out = hold_out(interactions, config, rng)
    model = TrainedModel(held_out.traffic, item_vectors, config)
    fit(model, interactions.item_index, held_out, config, rng, progress)
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
        """
        n_items, n_drawn, n_seen = len(self.learned), self.config.negatives, len(targets)
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


def fit(
    model: TrainedModel,
    items: np.ndarray,
    held_out: HeldOut,
    config: RecommenderConfig,
    rng: np.random.Generator,
    progress: Progress,
) -> None:
    """Trains in place until an epoch has not helped `config.patience` times; the best weights are left in `model`."""
    optimizer = torch.optim.AdamW(parameter_groups(model, config), lr=config.learning_rate, betas=(0.9, 0.98))
    n_targets = int(np.maximum(held_out.last - held_out.first, 0).sum())
    n_steps = min(config.epochs * ceil(n_targets / config.batch_targets), config.max_steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step / n_steps))
    best, best_weights, step, since_best = -np.inf, model.state_dict(), 0, 0
    while step < n_steps and since_best < config.patience:
        windows = cut_windows(held_out.first, held_out.last, config.max_length, rng)
        for batch in islice(draw_batches(windows, config.batch_targets, rng), n_steps - step):
            optimizer.zero_grad()
            model.loss(*read_windows(items, batch), rng).backward()
            nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            step += 1
            progress(step / n_steps)
        quality = rank_quality(model.recommender(), held_out)
        since_best += 1
        if quality >= best:
            best, best_weights, since_best = quality, deepcopy(model.state_dict()), 0
    model.load_state_dict(best_weights)
    progress(1.0)


def parameter_groups(model: nn.Module, config: RecommenderConfig) -> list[dict]:
    """Weights that are matrices between layers decay; item vectors, places, norms and biases do not."""
    layers = [weight for name, weight in model.named_parameters() if "blocks" in name and weight.dim() == 2]
    layers += [] if model.project is None else [model.project]
    decayed = {id(weight) for weight in layers}
    rest = [weight for weight in model.parameters() if id(weight) not in decayed]
    return [{"params": layers, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]


def rate_at(share: float) -> float:
    """Share of the learning rate after this share of the steps: a linear rise, then a cosine."""
    if share < WARM_UP:
        return share / WARM_UP
    return LOWEST_RATE + (1 - LOWEST_RATE) * (1 + cos(pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
