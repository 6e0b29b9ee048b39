"""The sequence recommender: a causal transformer over a user's items (SASRec, Kang and McAuley, ICDM 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..threads import one_thread

USERS_AT_ONCE = 64
FEW_USERS = 8
"""So few are encoded faster on one thread."""


class Block(nn.Module):
    """One pre-norm transformer layer with causal attention; (b, length, d) -> (b, length, d)."""

    def __init__(self, dimensions: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(dimensions)
        self.query_key_value = nn.Linear(dimensions, 3 * dimensions)
        self.attended = nn.Linear(dimensions, dimensions)
        self.before_feed = nn.LayerNorm(dimensions)
        self.widen = nn.Linear(dimensions, 4 * dimensions)
        self.narrow = nn.Linear(4 * dimensions, dimensions)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._feed(x + self.dropout(self.attended(self._attend(self.before_attention(x)))))

    def at_end(self, x: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        """(b, d): what `forward` gives at place `ends` (b,) of every row, without computing the others."""
        rows, (b, length, d) = torch.arange(len(x)), x.shape
        seen = self.before_attention(x)
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        query = F.linear(seen[rows, ends], weight[:d], bias[:d]).view(b, self.heads, 1, d // self.heads)
        both = F.linear(seen, weight[d:], bias[d:]).view(b, length, 2, self.heads, d // self.heads)
        key, value = both.permute(2, 0, 3, 1, 4)
        past = (torch.arange(length) <= ends[:, None])[:, None, None]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=past).reshape(b, d)
        return self._feed(x[rows, ends] + self.dropout(self.attended(attended)))

    def _feed(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.dropout(self.narrow(F.gelu(self.widen(self.before_feed(x)))))

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        b, length, d = x.shape
        parts = self.query_key_value(x).view(b, length, 3, self.heads, d // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).reshape(b, length, d)


class Transformer(nn.Module):
    """Item vectors in order -> at every place, the vector of a user who has just had the items so far.

    Sequences start at place 0 and are padded at their end: attention is causal, so padding changes nothing before it.
    """

    def __init__(self, dimensions: int, layers: int, heads: int, max_length: int, dropout: float = 0.0):
        super().__init__()
        self.places = nn.Parameter(torch.empty(max_length, dimensions))
        self.blocks = nn.ModuleList(Block(dimensions, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dimensions)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.places, std=0.02)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        x = self._enter(vectors)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def at_end(self, vectors: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        """(b, d): what `forward` gives at place `ends` (b,) of every row, at little more than half the cost."""
        x = self._enter(vectors)
        for block in self.blocks[:-1]:
            x = block(x)
        return self.norm(self.blocks[-1].at_end(x, ends))

    def _enter(self, vectors: torch.Tensor) -> torch.Tensor:
        length, dimensions = vectors.shape[1:]
        return self.dropout(vectors * dimensions**0.5 + self.places[:length])


class SequenceRecommender:
    """score = user vector . item vector + item bias; the user vector comes from the latest items of the history.

    item_matrix: (n_items, d) float32, learned part and text part already joined. item_bias: (n_items,) float32,
    learned, and the log of popularity to begin with. A user without a history has the zero vector, so that the bias
    alone, which is popularity, orders their items; `paths` says so.
    """

    name = "sequence"

    def __init__(self, transformer: Transformer, item_matrix: np.ndarray, item_bias: np.ndarray):
        self.transformer = transformer.eval()
        self.item_matrix = item_matrix
        self.item_bias = item_bias

    @property
    def max_length(self) -> int:
        return len(self.transformer.places)

    @torch.inference_mode()
    def encode(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """(n_users, d) float32."""
        latest = [np.asarray(history)[-self.max_length :] for history in histories]
        lengths = np.array([len(items) for items in latest], np.int64)
        users = np.zeros((len(latest), self.item_matrix.shape[1]), np.float32)
        by_length = np.argsort(lengths, kind="stable")[(lengths == 0).sum() :]
        for start in range(0, len(by_length), USERS_AT_ONCE):
            rows = by_length[start : start + USERS_AT_ONCE]
            padded = np.zeros((len(rows), lengths[rows[-1]]), np.int64)
            padded[np.arange(padded.shape[1]) < lengths[rows, None]] = np.concatenate([latest[row] for row in rows])
            ends = torch.from_numpy(lengths[rows] - 1)
            with one_thread() if len(rows) <= FEW_USERS else nullcontext():
                users[rows] = self.transformer.at_end(torch.from_numpy(self.item_matrix[padded]), ends).numpy()
        return users

    def score_encoded(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return users @ self.item_matrix[items].T + self.item_bias[items]

    def score(self, histories: Sequence[np.ndarray], items: np.ndarray) -> np.ndarray:
        return self.score_encoded(self.encode(histories), items)

    def paths(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        return np.where([len(history) > 0 for history in histories], "recommender", "popularity")

    def arrays(self) -> dict[str, np.ndarray]:
        weights = {f"transformer.{name}": weight.numpy() for name, weight in self.transformer.state_dict().items()}
        first = self.transformer.blocks[0]
        shape = np.array([len(self.transformer.blocks), first.heads], np.int64)
        return {"item_matrix": self.item_matrix, "item_bias": self.item_bias, "layers_heads": shape, **weights}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> SequenceRecommender:
        layers, heads = arrays["layers_heads"].tolist()
        max_length, dimensions = arrays["transformer.places"].shape
        transformer = Transformer(dimensions, layers, heads, max_length)
        prefix = "transformer."
        weights = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
        transformer.load_state_dict({name: torch.from_numpy(np.array(weight)) for name, weight in weights.items()})
        return cls(transformer, arrays["item_matrix"], arrays["item_bias"])
