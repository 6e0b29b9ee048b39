"""Answers along the trie of known ones, against `generate` with a `prefix_allowed_tokens_fn`, on the same model.

    python -m benchmarks.bench_trie [--store FILE] [--interests 761] [--batch 64] [--layers 6] [--width 384]

The model is a Llama of that shape with random weights: no published one is fetched, and its answers mean nothing, but
reading and choosing take as long as with any other weights. The tokenizer is learned from the texts of a planted
world. Descriptions are made of that world's words, ten phrases each, or are those of a workspace FILE.

Both ways get the same contexts and take the likeliest token that a known answer allows, to the end. Of two kinds of
batches: a row of the table (pairs that begin with the same interest, as `tabulate` asks for them) and random pairs.
Seconds are of the processor, on one thread: what else the machine does then counts for little. What `best` and
`score` take, which `generate` has nothing like, stands beside it.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from hierex.kept.runs import config_of, shown_run
from hierex.policies.base_model import Phrasebook, load_base
from hierex.policies.causal import CausalPolicy, fill_up
from hierex.policies.trie import NOTHING
from hierex.policies.trie_reading import Reading
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.synthetic.interests import read_vocabulary
from hierex.transitions.prompts import PROMPT, TARGET_PREFIX, phrases_on_one_line
from hierex.workspace import Workspace

from .bench_run import markdown

SPECIAL = ["<s>", "</s>"]


def make_up(n: int, seed: int) -> list[str]:
    """Ten phrases for each of n interests: of two of the vocabulary's interests, mostly of the first."""
    rng = np.random.default_rng(seed)
    vocabulary = [tuple(dict.fromkeys((*i.things, *i.moments, *i.hashtags))) for i in read_vocabulary()[0]]
    found: dict[str, None] = {}
    while len(found) < n:
        main, other = rng.choice(len(vocabulary), 2, replace=False)
        phrases = [*rng.permutation(vocabulary[main])[:7], *rng.permutation(vocabulary[other])[:3]]
        found[", ".join(dict.fromkeys(phrases))] = None
    return list(found)


def read_descriptions(file: Path, n: int) -> list[str]:
    """Of a workspace at n interests, without what people changed."""
    with open_store(file, create=False) as store:
        run = shown_run(store)
        work = Workspace(store, config_of(run.config), run.keys)
        taxonomy = work.curated(n, []).taxonomy
        described = work.descriptions(taxonomy, {})
        return [phrases_on_one_line(described[cluster_id]) for cluster_id in taxonomy.cluster_ids.tolist()]


def make_model(folder: Path, texts: list[str], options: argparse.Namespace) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    settings = {"special_tokens": SPECIAL, "initial_alphabet": alphabet, "show_progress": False}
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=options.vocabulary, **settings))
    names = dict(zip(("bos_token", "eos_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(options.seed)
    shape = {"hidden_size": options.width, "intermediate_size": 4 * options.width, "num_hidden_layers": options.layers}
    heads = {"num_attention_heads": options.width // 64, "max_position_embeddings": 4_096, "initializer_range": 0.05}
    ids = {"vocab_size": options.vocabulary, "bos_token_id": 0, "eos_token_id": 1}
    LlamaForCausalLM(LlamaConfig(**shape, **heads, **ids)).save_pretrained(folder)


def walk(policy: CausalPolicy, contexts: np.ndarray) -> list[int]:
    """The answers that are reached by taking the likeliest choice at every fork."""
    answers = np.empty(len(contexts), np.int64)
    for rows, prompts in policy.portions(contexts, 1):
        answers[rows] = walk_together(policy, prompts)
    return answers.tolist()


def walk_together(policy: CausalPolicy, prompts: list[list[int]]) -> list[int]:
    trie = policy.book.trie
    reading = Reading(policy.network, prompts, trie)
    forks, answers = [0] * len(prompts), [NOTHING] * len(prompts)
    while any(fork != NOTHING for fork in forks):
        shares = reading.read_forks([[fork] if fork != NOTHING else [] for fork in forks])
        for row, of_row in enumerate(shares):
            if of_row:
                choice = trie.starts[forks[row]] + int(of_row[0].argmax())
                forks[row], answers[row] = int(trie.choice_next[choice]), int(trie.choice_answer[choice])
    return answers


def generate(policy: CausalPolicy, contexts: np.ndarray, most_tokens: int | None = None) -> list[int] | None:
    """The same with transformers alone; with `most_tokens`, only so far, to see what reading the prompts takes."""
    book = policy.book
    tokens, is_text = fill_up(book.prompts(contexts), book.tokenizer.eos_token_id)
    place = {tuple(answer): number for number, answer in enumerate(book.answers)}
    allowed: dict[tuple[int, ...], set[int]] = {}
    for answer in place:
        for end, token in enumerate(answer):
            allowed.setdefault(answer[:end], set()).add(token)
    ways = {way: sorted(following) for way, following in allowed.items()}
    end = [book.tokenizer.eos_token_id]
    written = policy.network.generate(
        input_ids=tokens,
        attention_mask=is_text,
        do_sample=False,
        max_new_tokens=most_tokens or book.longest_answer,
        eos_token_id=end[0],
        pad_token_id=end[0],
        prefix_allowed_tokens_fn=lambda _, ids: ways.get(tuple(ids[tokens.shape[1] :].tolist()), end),
    )[:, tokens.shape[1] :].tolist()
    if most_tokens:
        return None
    return [place[tuple(ids[: ids.index(end[0]) + 1])] for ids in written]


def read_prompts(policy: CausalPolicy, contexts: np.ndarray) -> None:
    for _, prompts in policy.portions(contexts, 1):
        Reading(policy.network, prompts, policy.book.trie)


def fastest(function: Callable, rounds: int) -> tuple[float, object]:
    best = np.inf
    for _ in range(rounds):
        start = time.process_time()
        found = function()
        best = min(best, time.process_time() - start)
    return best, found


def compare(policy: CausalPolicy, contexts: np.ndarray, rounds: int) -> dict[str, str]:
    ours, answers = fastest(lambda: walk(policy, contexts), rounds)
    theirs, generated = fastest(lambda: generate(policy, contexts), rounds)
    reading, _ = fastest(lambda: read_prompts(policy, contexts), rounds)
    their_reading, _ = fastest(lambda: generate(policy, contexts, 1), rounds)
    best, _ = fastest(lambda: policy.best(contexts, 10), rounds)
    score, _ = fastest(lambda: policy.score(contexts), 1)
    return {
        "along the trie, s": f"{ours:.2f}",
        "of it reading prompts, s": f"{reading:.2f}",
        "generate, s": f"{theirs:.2f}",
        "of it reading prompts, s ": f"{their_reading:.2f}",
        "times as fast": f"{theirs / ours:.1f}",
        "without reading prompts": f"{(theirs - their_reading) / (ours - reading):.1f}",
        "same answers": f"{sum(map(int.__eq__, answers, generated))} of {len(answers)}",
        "best 10, s": f"{best:.2f}",
        "score of all, s": f"{score:.2f}",
    }


def batches(n: int, size: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    row = np.stack([np.full(size, rng.integers(n)), rng.choice(n, size, replace=False)], axis=1)
    pairs = np.array([rng.choice(n, 2, replace=False) for _ in range(size)])
    return {"a row of the table": row, "random pairs": pairs}


def mean_length(texts: Sequence[Sequence[int]]) -> float:
    return float(np.mean([len(text) for text in texts]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, help="a workspace file whose descriptions are used")
    for name, value in (("interests", 761), ("batch", 64), ("layers", 6), ("width", 384), ("vocabulary", 32_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shown = (
        read_descriptions(options.store, options.interests)
        if options.store
        else make_up(options.interests, options.seed)
    )
    world = make_world(n_items=20_000, n_users=100, n_interactions=1_000, seed=options.seed).items
    texts = [*world["title"], *world["description"], *shown, PROMPT, TARGET_PREFIX]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HIEREX_MODELS"] = folder
        make_model(Path(folder) / "random", texts, options)
        base = load_base("random")
    policy = CausalPolicy(base.name, base.digest, 0, Phrasebook(base.tokenizer, shown), base.network, {})
    found = batches(len(shown), options.batch, options.seed)
    prompts, trie = policy.book.prompts(found["random pairs"]), policy.book.trie
    print(
        f"{len(shown)} interests, answers of {mean_length(policy.book.answers):.0f} tokens on average, "
        f"{len(trie.fork_node)} forks, {trie.n_nodes} tokens to read before them; prompts of "
        f"{mean_length(prompts):.0f} tokens.\nRandom weights: {options.layers} layers of {options.width}, "
        f"{options.vocabulary:,} tokens, {base.network.num_parameters() / 1e6:.0f} million; "
        f"load {os.getloadavg()[0]:.1f}; {options.batch} contexts, fastest of {options.rounds} rounds.\n"
    )
    rows = {name: compare(policy, contexts, options.rounds) for name, contexts in found.items()}
    print(markdown(pd.DataFrame.from_dict(rows, orient="index")))
    print(f"\nPeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB.")


if __name__ == "__main__":
    main()
