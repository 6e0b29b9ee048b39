"""Causal language models small enough to be made and taught in a test."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHAT = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|> {{ message['content'] }} </s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)


def make_tokenizer(texts: list[str], n_tokens: int = 600) -> PreTrainedTokenizerFast:
    """Byte pairs as they come up in these texts; any other text can be written too, byte by byte."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=n_tokens,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")


def make_model(folder: Path, texts: list[str], *, kind: str = "llama", width: int = 64, seed: int = 0) -> None:
    """A model of two layers that was taught nothing, with its tokenizer. `llama` knows chats, `gpt2` does not."""
    tokenizer = make_tokenizer(texts)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "gpt2":
            sizes = {"n_embd": width, "n_layer": 2, "n_head": 2, "n_positions": 1_024}
            network = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **sizes, **ids))
        else:
            tokenizer.chat_template = CHAT
            tokenizer.add_tokens(["<|user|>", "<|assistant|>"])
            sizes = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2}
            heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 2_048}
            network = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes, **heads, **ids))
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
