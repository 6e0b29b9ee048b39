"""A causal language model from the server's folder of models, and how it writes contexts and known answers.

Weights are read from safetensors alone, and no code that comes with a model is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from ..errors import ConfigError
from ..text_models import quiet
from ..transitions.prompts import TARGET_PREFIX, context_prompt
from .model_folder import digest_of, find_model
from .trie import AnswerTrie, find_same, fold_answers

PLAIN_CHAT = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
"""How a model that knows no chat is asked: the question, and the answer on the next line."""


@dataclass(frozen=True)
class BaseModel:
    """name: of the folder; digest: of its content."""

    name: str
    digest: str
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


def load_base(name: str, *, digest: str | None = None) -> BaseModel:
    """The model of that name, as float32, on a graphics card where there is one.

    Raises ConfigError where there is none, where it cannot be used, and where its content has another digest.
    """
    folder = find_model(name)
    found = digest_of(folder)
    if digest not in (None, found):
        raise ConfigError(
            f"The model '{name}' in the server's folder is not the one that the predictions were trained on "
            f"(its content is {found}, that was {digest}). Put that model back, or train again."
        )
    try:
        with quiet():
            network = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever is wrong with the files, the person has to hear which model it is
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        said = first_line.replace(str(folder), "its folder")[:200].rstrip(". ")  # where that is, is nobody's business
        raise _unusable(name, said) from error
    if tokenizer.eos_token_id is None:
        raise _unusable(name, "its tokenizer has no token that ends a text")
    if len(tokenizer) > network.get_input_embeddings().num_embeddings:
        raise _unusable(name, "its tokenizer knows more tokens than its weights")
    tokenizer.chat_template = tokenizer.chat_template or PLAIN_CHAT
    network.generation_config = GenerationConfig()  # its own may sample, or forbid to repeat what was in the prompt
    return BaseModel(name, found, network.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer)


def _unusable(name: str, reason: str) -> ConfigError:
    return ConfigError(f"The language model '{name}' cannot be used: {reason}. Choose another one.")


class Phrasebook:
    """The known interests in a model's own tokens.

    shown: what prompts show of each interest. It is plain text to the model, also where it spells one of the model's
    special tokens.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, shown: Sequence[str]):
        self.tokenizer, self.shown = tokenizer, tuple(shown)

    def prompts(self, contexts: np.ndarray) -> list[list[int]]:
        """Token ids of the question about each context (n, K), up to where the answer begins.

        They begin with the task, and pairs with the same first interest have that in common too: read once for all.
        """
        if not len(contexts):
            return []
        chats = [
            [{"role": "user", "content": context_prompt(context, self.shown, task_first=True)}]
            for context in np.asarray(contexts).tolist()
        ]
        return self.tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, sanitize_control_tokens=True, return_dict=False
        )

    @cached_property
    def answers(self) -> list[list[int]]:
        """Token ids of each interest's answer, and the token that ends it."""
        return [[*self._plain(TARGET_PREFIX + text), self.tokenizer.eos_token_id] for text in self.shown]

    @cached_property
    def trie(self) -> AnswerTrie:
        """Raises ConfigError where two interests have the same answer."""
        same = find_same(self.answers)
        if same:
            first, second = (self.shown[place][:80] for place in same)
            raise ConfigError(
                f"Interests {same[0]} and {same[1]} have the same words for the language model ('{first}' and "
                f"'{second}'), so that its answers cannot tell them apart. Edit the description of one of them."
            )
        return fold_answers(self.answers)

    @property
    def longest_answer(self) -> int:
        return max(map(len, self.answers), default=0)

    def longest_prompt(self, k: int) -> int:
        """Tokens of the question about the k interests with the longest descriptions."""
        longest = np.argsort([len(answer) for answer in self.answers])[-k:]
        return len(self.prompts(longest[None])[0])

    def text(self, ids: Sequence[int]) -> str:
        """What a model wrote, up to the token that ends it. Nothing is tidied up."""
        ids = list(ids)
        end = self.tokenizer.eos_token_id
        written = ids[: ids.index(end)] if end in ids else ids
        return self.tokenizer.decode(written, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _plain(self, text: str) -> list[int]:
        ids = self._encode(text)
        control = set(self.tokenizer.added_tokens_decoder) - {self.tokenizer.unk_token_id}
        if control.isdisjoint(ids):
            return ids
        return [token for character in text for token in self._encode(character)]

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
