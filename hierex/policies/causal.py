"""A causal language model that was told how people's interests move, and names the next one (paper, section 3).

To predict, it does not write freely: it is followed along the trie of known answers (`trie`), so that every answer is
a known interest and all of them have a probability. `generate_answers` lets it write freely, to measure how often it
would have named a known interest by itself. How it is trained: `causal_training`.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field

import numpy as np
import torch
from transformers import PreTrainedModel

from ..errors import EarlierVersion
from ..transitions import repeat_earliest
from ..transitions.prompts import TASK_FIRST
from .base_model import Phrasebook, load_base
from .choices import leave_out_context
from .match_rate import MatchReport
from .trie_reading import find_best, prompts_at_once, score_answers

WRITTEN = 64
"""How many answers are written freely at once, and to see whether the model has learned to spell."""
SORTED_AT_ONCE = 1_024
"""Prompts among which those are found that are read together."""
ROOM = 8
"""Tokens that a freely written answer may be longer than any known one."""
WEIGHTS, ABOUT = "weights.", "about"
UNASKED = MatchReport(0, 0, ())

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class CausalPolicy:
    """network: the model with what it learned in it; weights: what it learned, by name; rank: see `CausalConfig`.

    base, digest: the model it started from. matches: how many answers that it wrote freely were known interests.
    """

    base: str
    digest: str
    rank: int
    book: Phrasebook
    network: PreTrainedModel = field(repr=False)
    weights: Weights = field(repr=False)
    matches: MatchReport = UNASKED
    note: str = ""
    name: str = "causal"

    @property
    def n_clusters(self) -> int:
        return len(self.book.shown)

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`. Exact: every answer is looked at."""
        contexts = repeat_earliest(contexts)
        found = np.empty((len(contexts), self.n_clusters), np.float32)
        for rows, prompts in self.portions(contexts, len(self.book.trie.fork_node)):
            found[rows] = score_answers(self.network, prompts, self.book.trie)
        return leave_out_context(found, contexts)

    def best(self, contexts: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
        """The `top` best of `score` without looking at the rest: clusters (n, top) int32, probabilities float32.

        Narrower where fewer are left besides a context of K different interests.
        """
        contexts = repeat_earliest(contexts)
        width = max(min(top, self.n_clusters - contexts.shape[1]), 0)
        novel, share = np.empty((len(contexts), width), np.int32), np.empty((len(contexts), width), np.float32)
        for rows, prompts in self.portions(contexts, 1):
            out = [set(context) for context in contexts[rows].tolist()]
            found = find_best(self.network, prompts, self.book.trie, top=width, left_out=out)
            novel[rows] = [[answer for _, answer in ranked] for ranked in found]
            share[rows] = [[np.exp(log_prob) for log_prob, _ in ranked] for ranked in found]
        return novel, share

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`. Without the base model, unless all its weights were trained."""
        about = {
            "asked": TASK_FIRST,
            "base": self.base,
            "digest": self.digest,
            "rank": self.rank,
            "shown": self.book.shown,
        }
        about |= {"note": self.note, "matches": astuple(self.matches)}
        text = np.frombuffer(json.dumps(about).encode(), np.uint8)
        return {ABOUT: text.copy()} | {WEIGHTS + name: value.numpy() for name, value in self.weights.items()}

    def __reduce__(self):
        return load_causal, (self.arrays(),)

    def portions(self, contexts: np.ndarray, n_forks: int) -> Iterator[tuple[np.ndarray, list[list[int]]]]:
        """Rows and prompts to be read together: as many as memory allows, with much in common or of like length."""
        longest = self.book.longest_prompt(contexts.shape[1])
        size = prompts_at_once(self.network, longest, self.book.trie.n_nodes, n_forks)
        for start in range(0, len(contexts), SORTED_AT_ONCE):
            prompts = self.book.prompts(contexts[start : start + SORTED_AT_ONCE])
            firsts, begins_like = np.unique(contexts[start : start + SORTED_AT_ONCE, 0], return_inverse=True)
            alike = begins_like if len(firsts) * size <= len(prompts) else np.zeros(len(prompts))
            order = np.lexsort(([len(prompt) for prompt in prompts], alike))
            for rows in np.split(order, range(size, len(order), size)):
                yield start + rows, [prompts[row] for row in rows]


def generate_answers(policy: CausalPolicy, contexts: np.ndarray) -> list[str]:
    """What the model writes about each context (n, K) by itself, always taking the likeliest token: raw text."""
    book, answers = policy.book, []
    for start in range(0, len(contexts), WRITTEN):
        prompts = book.prompts(np.asarray(contexts)[start : start + WRITTEN])
        tokens, is_text = fill_up(prompts, book.tokenizer.eos_token_id)
        with torch.inference_mode():
            written = policy.network.generate(
                input_ids=tokens.to(policy.network.device),
                attention_mask=is_text.to(policy.network.device),
                do_sample=False,
                max_new_tokens=book.longest_answer + ROOM,
                eos_token_id=book.tokenizer.eos_token_id,
                pad_token_id=book.tokenizer.eos_token_id,
            )
        answers += [book.text(ids) for ids in written[:, tokens.shape[1] :].tolist()]
    return answers


def load_causal(arrays: dict[str, np.ndarray]) -> CausalPolicy:
    """The policy whose `arrays()` these are.

    Raises ConfigError where its base model is not there as it was, and where an earlier version asked otherwise.
    """
    about = json.loads(arrays[ABOUT].tobytes())
    if about.get("asked") != TASK_FIRST:
        raise EarlierVersion
    base = load_base(about["base"], digest=about["digest"])
    weights = {
        name.removeprefix(WEIGHTS): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(WEIGHTS)
    }
    network, book = base.network, Phrasebook(base.tokenizer, about["shown"])
    if about["rank"]:
        from peft import set_peft_model_state_dict

        with torch.random.fork_rng(devices=[]):
            network = adapt(network, about["rank"])
        set_peft_model_state_dict(network, weights)
        network = network.merge_and_unload()
    else:
        network.load_state_dict(weights)
    n, matched, misses = about["matches"]
    matches = MatchReport(n, matched, tuple(map(tuple, misses)))
    return CausalPolicy(base.name, base.digest, about["rank"], book, network.eval(), weights, matches, about["note"])


def adapt(network: PreTrainedModel, rank: int):
    """The network with small matrices beside its own, which alone are trained (LoRA; Hu et al. 2021)."""
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        # peft asks transformers for something by a name that will go; only peft can change that.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return get_peft_model(network, lora)


def fill_up(texts: Sequence[Sequence[int]], filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, longest) int64 of the token ids, filled up in front, and (n, longest) int64, 1 where there is text."""
    longest = max(map(len, texts))
    tokens = torch.tensor([[filler] * (longest - len(text)) + list(text) for text in texts])
    return tokens, torch.tensor([[0] * (longest - len(text)) + [1] * len(text) for text in texts])
