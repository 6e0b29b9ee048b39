"""A language model behind a server that others wrote: `transformers serve` with a tiny model made here.

Its words are noise. What is tested is that hierex understands the server: its protocol, its count of tokens, that it
does not keep to a schema, and that noise is called what it is.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import pytest
import torch
from test_model_descriptions import CUT, Memory, questions_about
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from hierex.descriptions.model import describe_with_model
from hierex.llm import door
from hierex.llm.door import LanguageModel
from hierex.llm.endpoint import Endpoint

COMMAND = shutil.which("transformers", path=str(Path(sys.executable).parent))
TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant: "


def make_model(folder: Path) -> None:
    """A Llama of one layer that was taught nothing, with a token for every byte."""
    torch.manual_seed(0)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: place for place, token in enumerate([*letters, "<s>", "</s>"])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.chat_template = TEMPLATE
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 32_768}
    ids = {"vocab_size": len(fast), "bos_token_id": fast.bos_token_id, "eos_token_id": fast.eos_token_id}
    LlamaForCausalLM(LlamaConfig(**sizes, **heads, **ids)).save_pretrained(folder)
    fast.save_pretrained(folder)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    make_model(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [COMMAND, "serve", str(folder), "--port", str(port), "--device", "cpu"]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "cache")}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(480):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
            break
        except OSError:
            assert process.poll() is None, "the server ended before it answered"
            time.sleep(0.25)  # it is starting
    yield Endpoint(f"http://127.0.0.1:{port}/v1", str(folder))
    process.terminate()
    process.wait(20)


@pytest.fixture(autouse=True)
def short_answers(monkeypatch):
    monkeypatch.setattr(door, "FIRST_WAIT", 0.01)


@pytest.mark.timeout(240)
def test_a_server_that_others_wrote_is_understood(served):
    model = LanguageModel(served)
    found = model.test_connection(most_written=20)
    assert found.answered is False
    assert found.keeps_schema is False
    assert found.tokens.read > 0
    assert found.tokens.written > 0
    kept = Memory()
    outcome = describe_with_model(
        questions_about(CUT[:1]), partial(model.ask, most_written=20), already={}, described={}, save=kept
    )
    model.close()
    assert outcome.ended == "done"
    assert set(outcome.failed) == set(CUT[:1])
    assert all(said.answer.text and said.faults for said in kept.said)
