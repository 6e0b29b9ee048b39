"""How a causal model reads prompts and known answers: each prompt once, and of the answers only what leads to a fork.

All that is wanted of the trie is read side by side in one go. A mask shows every token its prompt and its own way
through the trie, and nothing of its neighbours (as in tree attention; Miao et al. 2024, SpecInfer).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel

from .trie import NOTHING, AnswerTrie

FORKS_AT_ONCE = 4
"""How many forks the search for the best answers asks for at once, per prompt."""
CELLS_AT_ONCE = 64_000_000
"""Logits held at once, and cells of the mask: 256 MB each."""
REMEMBERED_AT_ONCE = 256_000_000
"""Keys and values of the prompts and the trie: 1 GB at most."""
MOST_AT_ONCE = {"cpu": 16, "cuda": 64}
"""Prompts. On a processor what is computed in between should stay near the core."""


class Reading:
    """What a model has read: prompts, all that they have in common only once, and after each of them parts of a trie.

    prompts: token ids, at least one prompt, none empty.
    """

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], trie: AnswerTrie):
        self.model, self.trie = model, trie
        self.last = np.array([prompt[-1] for prompt in prompts])  # it is read as the trie's node 0
        self.lengths = np.array([len(prompt) - 1 for prompt in prompts])
        self.nodes = np.empty((len(prompts), 0), np.int64)
        self.cache = DynamicCache()
        n_shared = count_shared(prompts)
        if n_shared:
            self._run(np.array([prompts[0][:n_shared]]), np.arange(n_shared)[None], None, [0])
            self.cache.batch_repeat_interleave(len(prompts))
        # Shorter prompts are filled up at their end, where nothing that counts can see it.
        rest = np.zeros((len(prompts), self.lengths.max() - n_shared), np.int64)
        for row, prompt in enumerate(prompts):
            rest[row, : len(prompt) - 1 - n_shared] = prompt[n_shared:-1]
        if rest.size:
            self._run(rest, None, None, [0])

    def read(self, nodes: np.ndarray, wanted: Sequence[int]) -> torch.Tensor:
        """Reads these nodes and returns the logits after some of them: (n, len(wanted), vocabulary) float32.

        nodes: (n, m), for each prompt other ones; NOTHING where there are fewer. What leads to a node has to be
        among them or read before. wanted: columns.
        """
        trie = self.trie
        self.nodes = np.concatenate([self.nodes, nodes], axis=1)
        tokens = np.where(nodes == 0, self.last[:, None], trie.token[nodes])
        in_prompt = np.arange(self.lengths.max()) < self.lengths[:, None]
        of_prompt = np.broadcast_to(in_prompt[:, None, :], (*nodes.shape, in_prompt.shape[1]))
        of_trie = trie.leads_here[nodes[:, :, None], self.nodes[:, None, :]]
        visible = np.concatenate([of_prompt, of_trie], axis=2)
        return self._run(tokens, self.lengths[:, None] + trie.depth[nodes], visible, wanted).float()

    def read_forks(self, forks: Sequence[Sequence[int]]) -> list[list[np.ndarray]]:
        """Per prompt and fork asked for, the log-probabilities of its choices. The forks before have to be read."""
        trie = self.trie
        most = max(map(len, forks))
        ways = [[trie.way_to[fork] for fork in of_prompt] for of_prompt in forks]
        widths = [max(len(way[place]) for way in ways if len(way) > place) for place in range(most)]
        ends = np.cumsum(widths)
        nodes = np.full((len(forks), ends[-1]), NOTHING)
        for row, of_prompt in enumerate(ways):
            for way, end in zip(of_prompt, ends, strict=False):
                nodes[row, end - len(way) : end] = way
        logits = self.read(nodes, ends - 1)
        return [
            [self._share_out(logits[row, place], fork) for place, fork in enumerate(of_prompt)]
            for row, of_prompt in enumerate(forks)
        ]

    def _share_out(self, logits: torch.Tensor, fork: int) -> np.ndarray:
        tokens = self.trie.choice_token[self.trie.starts[fork] : self.trie.starts[fork + 1]]
        return logits[tokens].log_softmax(0).cpu().numpy()

    def _run(
        self, tokens: np.ndarray, places: np.ndarray | None, visible: np.ndarray | None, wanted: Sequence[int]
    ) -> torch.Tensor:
        device = self.model.device
        mask = None
        if visible is not None:
            hidden = torch.from_numpy(~visible[:, None]).to(device)
            mask = torch.zeros(hidden.shape, dtype=self.model.dtype, device=device)
            mask.masked_fill_(hidden, torch.finfo(mask.dtype).min)
        with torch.inference_mode():
            return self.model(
                input_ids=torch.from_numpy(tokens).to(device),
                position_ids=None if places is None else torch.from_numpy(places).to(device),
                attention_mask=mask,
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=torch.as_tensor(np.asarray(wanted), device=device),
            ).logits


def understands_trie(model: PreTrainedModel, prompt: Sequence[int], trie: AnswerTrie) -> bool:
    """Whether what the model makes of the deepest fork, read side by side with all else, is what it makes of the same
    tokens read alone. Not so for models that don't look back at every token by a mask."""
    if not len(trie.fork_node):
        return True
    node = trie.fork_node[np.argmax(trie.depth[trie.fork_node])]
    way = trie.token[np.flatnonzero(trie.leads_here[node, :-1])[1:]]
    try:
        beside = Reading(model, [list(prompt)], trie).read(np.arange(trie.n_nodes)[None], [node])[0, 0]
        with torch.inference_mode():
            alone = model(input_ids=torch.tensor([[*prompt, *way.tolist()]], device=model.device)).logits[0, -1]
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):  # it does not even take the mask
        return False
    return torch.allclose(beside.log_softmax(0), alone.float().log_softmax(0), atol=1e-2)


def score_answers(model: PreTrainedModel, prompts: Sequence[Sequence[int]], trie: AnswerTrie) -> np.ndarray:
    """(n, n_answers) float64: log-probabilities of all answers after each prompt, exact."""
    if not len(trie.fork_node):
        return np.zeros((len(prompts), trie.n_answers))
    reading = Reading(model, prompts, trie)
    nodes = np.tile(np.arange(trie.n_nodes), (len(prompts), 1))
    logits = reading.read(nodes, trie.fork_node)
    return trie.spread(logits[:, trie.choice_fork, trie.choice_token].cpu().numpy())


@dataclass
class Search:
    """The search for the best answers after one prompt: forks that are still to be read, and what was found."""

    required: frozenset[int]
    """Forks to be read in any case."""
    open_forks: list[tuple[bool, float, int]] = field(default_factory=list)
    found: list[tuple[float, int]] = field(default_factory=list)

    def push(self, cost: float, fork: int) -> None:
        heapq.heappush(self.open_forks, (fork not in self.required, cost, fork))

    def is_over(self, top: int) -> bool:
        """Whether nothing that is still open can be among the best: along a way, probability only falls."""
        if not self.open_forks:
            return True
        is_optional, cost, _ = self.open_forks[0]
        return is_optional and len(self.found) >= top and cost >= sorted(self.found)[top - 1][0]


def find_best(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    trie: AnswerTrie,
    *,
    top: int,
    left_out: Sequence[set[int]],
) -> list[list[tuple[float, int]]]:
    """Per prompt the `top` best answers as (log-probability, answer), best first; fewer where there are fewer.

    left_out: per prompt the answers that don't count; what is left adds up to one. Exact: the best fork comes first,
    and the search ends when none that is open is as good as what was found.
    """
    searches = [Search(frozenset().union(*map(trie.forks_to, out))) for out in left_out]
    if len(trie.fork_node):
        reading = Reading(model, prompts, trie)
        for search in searches:
            search.push(0.0, 0)
        most = top + max(map(len, left_out))
        while not all(search.is_over(most) for search in searches):
            _go_on(reading, searches, most)
    return [_rank(search.found, top, out) for search, out in zip(searches, left_out, strict=True)]


def _go_on(reading: Reading, searches: list[Search], top: int) -> None:
    """Reads the best open forks of every search that is not over."""
    trie = reading.trie
    picked: list[list[tuple[float, int]]] = []
    for search in searches:
        n = 0 if search.is_over(top) else min(FORKS_AT_ONCE, len(search.open_forks))
        picked.append([heapq.heappop(search.open_forks)[1:] for _ in range(n)])
    shares = reading.read_forks([[fork for _, fork in forks] for forks in picked])
    for search, forks, of_forks in zip(searches, picked, shares, strict=True):
        for (cost, fork), log_probs in zip(forks, of_forks, strict=True):
            for choice, log_prob in zip(range(trie.starts[fork], trie.starts[fork + 1]), log_probs, strict=True):
                reached = cost - float(log_prob)
                if trie.choice_next[choice] == NOTHING:
                    search.found.append((reached, int(trie.choice_answer[choice])))
                else:
                    search.push(reached, int(trie.choice_next[choice]))


def _rank(found: list[tuple[float, int]], top: int, left_out: set[int]) -> list[tuple[float, int]]:
    lost = sum(np.exp(-cost) for cost, answer in found if answer in left_out)
    kept = sorted((cost, answer) for cost, answer in found if answer not in left_out)[:top]
    return [(min(-cost - float(np.log1p(-min(lost, 1 - 1e-12))), 0.0), answer) for cost, answer in kept]


def prompts_at_once(model: PreTrainedModel, longest_prompt: int, n_nodes: int, n_forks: int) -> int:
    """How many prompts may be read together, so that logits, mask and what the model remembers stay within bounds."""
    config, length = model.config, longest_prompt + n_nodes
    cells = max(max(n_forks, FORKS_AT_ONCE) * config.vocab_size, n_nodes * length)
    remembered = 2 * config.num_hidden_layers * config.hidden_size * length
    most = MOST_AT_ONCE.get(model.device.type, MOST_AT_ONCE["cpu"])
    return int(np.clip(min(CELLS_AT_ONCE // cells, REMEMBERED_AT_ONCE // remembered), 1, most))


def count_shared(prompts: Sequence[Sequence[int]]) -> int:
    """With how many tokens all of them begin, the last of each not counted."""
    first, last = min(prompts), max(prompts)  # what these two share, all between them share as well
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    return min(shared, min(map(len, prompts)) - 1)
