"""The network inside the `encoder` policy: which interest is next, from the texts of those before."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..transitions.pasts import Pasts

MEMORIES = (0.02, 0.05, 0.2, np.inf)
"""Shares of all moves after which a move counts half: what is popular now, lately, for some time, and ever."""
AGES = 32
"""From this place back in the history on, all interests weigh the same."""


class EncoderNetwork(nn.Module):
    """Logits for every interest from a context of K and all that came before.

    vectors: (n_clusters, d), texts as `centre` makes them of vectors less their `middle` (d,). The interests
    of the context, side by side, become a query: a sum of what each of them says and what they say only together; the
    history adds what its weighted sum says. Every interest has an answer; a logit is query times answer, plus how alike
    the texts are, plus popularity. At first nothing but popularity counts.
    """

    def __init__(self, vectors: torch.Tensor, middle: torch.Tensor, k: int, dimensions: int, dropout: float):
        super().__init__()
        n_clusters, text_dimensions = vectors.shape
        self.register_buffer("vectors", vectors)
        self.register_buffer("middle", middle)
        self.register_buffer("likeness", vectors @ vectors.T, persistent=False)
        self.register_buffer("log_popularity", torch.zeros(len(MEMORIES), n_clusters))
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
        self.before = nn.Linear(dimensions, dimensions, bias=False)
        for layer in (self.alone, self.together[-1], self.before):
            nn.init.zeros_(layer.weight)
        for layer in (self.alone, self.together[-1]):
            nn.init.zeros_(layer.bias)
        self.log_weight_of_age = nn.Parameter(torch.zeros(AGES))
        self.attraction = nn.Parameter(torch.zeros(n_clusters))
        self.weight_of_popularity = nn.Parameter(torch.full((len(MEMORIES),), 1 / len(MEMORIES)))
        self.weight_of_likeness = nn.Parameter(torch.zeros(k))

    @classmethod
    def of(cls, state: dict[str, torch.Tensor]) -> EncoderNetwork:
        """The trained network whose `state_dict()` this is."""
        k, dimensions = len(state["weight_of_likeness"]), state["own_to"].shape[1]
        with torch.random.fork_rng(devices=[]):
            network = cls(state["vectors"], state["middle"], k, dimensions, dropout=0.0)
        network.load_state_dict(state)
        return network.eval()

    @classmethod
    def of_arrays(cls, arrays: dict[str, np.ndarray]) -> EncoderNetwork:
        """The trained network whose `arrays()` these are."""
        return cls.of({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Its weights and what it was told, copied, by name."""
        return {name: value.numpy().copy() for name, value in self.state_dict().items()}

    def with_interests(self, vectors: np.ndarray, origin: np.ndarray) -> EncoderNetwork:
        """See `EncoderPolicy.with_interests`."""
        state = self.state_dict()
        state["vectors"] = centre(vectors, self.middle)
        for name in ("own_from", "own_to", "attraction"):
            state[name] = state[name][origin]
        state["log_popularity"] = state["log_popularity"][:, origin]
        return EncoderNetwork.of(state)

    def forward(self, contexts: torch.Tensor, pasts: Pasts, popularity: torch.Tensor) -> torch.Tensor:
        """contexts (n, K) int64, pasts (n), popularity (1 or n, n_clusters) -> (n, n_clusters)."""
        interests = self.from_text(self.vectors) + self.own_from
        features = self.dropout(interests[contexts].flatten(1))
        answers = self.to_text(self.vectors) + self.own_to
        query = self.alone(features) + self.together(features)
        query = query + self.before(self.dropout(self._sum_up(interests, pasts)))
        weights = self.weight_of_likeness.expand(len(contexts), -1)
        likeness = functional.embedding_bag(contexts, self.likeness, mode="sum", per_sample_weights=weights)
        return torch.addmm(popularity + likeness, query, answers.T / answers.shape[1] ** 0.5)

    def weigh_popularity(self, log_popularity: torch.Tensor) -> torch.Tensor:
        """(n, half-lives, n_clusters) -> (n, n_clusters), with what draws to an interest at all times."""
        return torch.einsum("h,nhc->nc", self.weight_of_popularity, log_popularity) + self.attraction

    def foresee(self, contexts: np.ndarray, pasts: Pasts) -> np.ndarray:
        """The same for arrays, with the latest popularity and without learning -> (n, n_clusters) float32."""
        with torch.inference_mode():
            popularity = self.weigh_popularity(self.log_popularity[None])
            return self(torch.from_numpy(contexts.astype(np.int64)), pasts, popularity).numpy()

    def _sum_up(self, interests: torch.Tensor, pasts: Pasts) -> torch.Tensor:
        """(n, dimensions): the interests of each past, weighted by age, as long as one alone would be on average."""
        row, cluster, age = map(torch.from_numpy, pasts.flat())
        weight = self.log_weight_of_age.exp()[age.clamp(max=AGES - 1)]
        size = torch.zeros(len(pasts)).index_add(0, row, weight.square()).sqrt()
        starts = torch.from_numpy(np.cumsum(pasts.ends - pasts.starts) - (pasts.ends - pasts.starts))
        sums = functional.embedding_bag(cluster.long(), interests, starts, mode="sum", per_sample_weights=weight)
        return sums / size[:, None]


def centre(vectors: np.ndarray, middle: torch.Tensor) -> torch.Tensor:
    """Text vectors without what they all share, of unit length; nothing where nothing is left."""
    centred = torch.from_numpy(np.array(vectors, np.float32)) - middle
    lengths = centred.norm(dim=1, keepdim=True)
    return centred / torch.where(lengths > 1e-6, lengths, 1)
