"""The epochs of training: steps, the check after each, early stopping, and all that going on later takes."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import islice
from math import ceil, cos, pi

import numpy as np
import torch
from torch import nn

from ..config import Progress, RecommenderConfig
from .held_out import HeldOut, rank_quality
from .windows import cut_windows, draw_batches, read_windows

WARM_UP = 0.1
LOWEST_RATE = 0.05
"""Shares: of the steps in which the learning rate rises, and of it that is left at the end of the cosine after them."""
LARGEST_GRADIENT = 1.0


class Training:
    """Trains `model` (a `TrainedModel`) in place until an epoch has not helped `config.patience` times."""

    def __init__(
        self,
        model: nn.Module,
        items: np.ndarray,
        held_out: HeldOut,
        config: RecommenderConfig,
        rng: np.random.Generator,
    ):
        self.model, self.items, self.held_out, self.config, self.rng = model, items, held_out, config, rng
        self.optimizer = torch.optim.AdamW(parameter_groups(model, config), lr=0.0, betas=(0.9, 0.98))
        n_targets = int(np.maximum(held_out.last - held_out.first, 0).sum())
        self.n_steps = min(config.epochs * ceil(n_targets / config.batch_targets), config.max_steps)
        self.step, self.since_best, self.best = 0, 0, -np.inf
        self.best_weights = deepcopy(model.state_dict())

    @property
    def done(self) -> bool:
        return self.step >= self.n_steps or self.since_best >= self.config.patience

    def learn_epoch(self, progress: Progress) -> None:
        config, held_out = self.config, self.held_out
        windows = cut_windows(held_out.first, held_out.last, config.max_length, self.rng)
        batches = draw_batches(windows, config.batch_targets, self.rng)
        for batch in islice(batches, self.n_steps - self.step):
            self._learn_batch(*read_windows(self.items, batch))
            progress(self.step / self.n_steps)
        quality = rank_quality(self.model.recommender(), held_out)
        self.since_best += 1
        if quality >= self.best:
            self.best, self.best_weights, self.since_best = quality, deepcopy(self.model.state_dict()), 0

    def _learn_batch(self, inputs: np.ndarray, real: np.ndarray, targets: np.ndarray) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * rate_at(self.step / self.n_steps)
        self.optimizer.zero_grad()
        self.model.loss(inputs, real, targets, self.rng).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self.step += 1

    def use_best(self) -> None:
        """Leaves the weights of the best epoch in the model."""
        self.model.load_state_dict(self.best_weights)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that `restore` needs, as plain numbers by name; the texts' vectors are not among it."""
        arrays = {f"weights.{name}": weight.numpy() for name, weight in learned(self.model.state_dict()).items()}
        arrays |= {f"best.{name}": weight.numpy() for name, weight in learned(self.best_weights).items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            arrays |= {f"moments.{number}.{name}": value.numpy() for name, value in moments.items()}
        return arrays | {
            "counts": np.array([self.step, self.since_best], np.int64),
            "quality": np.array([self.best], np.float64),
            "torch_lots": torch.get_rng_state().numpy(),
            "numpy_lots": np.frombuffer(json.dumps(self.rng.bit_generator.state).encode(), np.uint8),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to where `arrays` were taken."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        self.model.load_state_dict(under_prefix(tensors, "weights."), strict=False)
        self.best_weights = self.model.state_dict() | under_prefix(tensors, "best.")
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in under_prefix(tensors, "moments.").items():
            number, moment = name.split(".")
            moments.setdefault(int(number), {})[moment] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.step, self.since_best = arrays["counts"].tolist()
        self.best = float(arrays["quality"][0])
        torch.set_rng_state(tensors["torch_lots"])
        self.rng.bit_generator.state = json.loads(arrays["numpy_lots"].tobytes())


def learned(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in weights.items() if name != "texts"}


def under_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


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
