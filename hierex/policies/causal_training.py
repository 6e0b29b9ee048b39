"""Training a causal language model on how people's interests move (paper, section 3).

It is trained on the balanced examples: the question shows the interests of a context, the answer is the description
of a novel one, word for word, and only the answer counts. Training sees the earlier moves and is judged on the later
ones after every epoch; what foresaw them best is kept. A model that was trained for too long knows its examples and
forgets what else may follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedModel

from ..config import CausalConfig, PolicyConfig, Progress, no_progress
from ..descriptions import Description
from ..errors import ConfigError, TooLittleData
from ..transitions import Moves, pick_examples
from ..transitions.prompts import phrases_on_one_line
from .base_model import Phrasebook, load_base
from .causal import WRITTEN, CausalPolicy, Weights, adapt, fill_up, generate_answers, load_causal
from .choices import judge_choices, mark_seen, part_by_time, spread_out
from .match_rate import measure_matches
from .trie_reading import understands_trie

SPELLS = 0.9
"""The share of the answers written freely that has to match before training may end (the paper's gate)."""
WARM_UP = 0.1
IGNORED = -100
FREELY = 128
"""Answers are written freely about so many of the later moves, to measure how often they match."""

Examples = list[tuple[list[int], list[int]]]
"""Token ids of questions and answers."""


def train_causal(
    moves: Moves,
    descriptions: Sequence[Description],
    *,
    config: PolicyConfig,
    hidden: np.ndarray,
    seed: int,
    progress: Progress = no_progress,
) -> CausalPolicy:
    """Learn from `moves` (rows as `list_moves` gives them) and the descriptions (one per cluster).

    hidden: (n_clusters,) bool, the interests that it is neither taught to answer nor judged by.
    Leaves torch's random state as it was. Raises ConfigError where the base model cannot be used, two interests have
    the same words or the prompts are too long for it, TooLittleData where nobody moved on from K interests.
    """
    options = config.causal
    earlier, later = part_by_time(moves, config.validation_share)
    later = later[~hidden[moves.novel[later]]]
    examples = pick_examples(moves.take(earlier), hidden, per_novel=options.contexts_per_novel)
    if not len(examples) or not len(later):
        raise TooLittleData(
            f"Nobody moved on to a novel interest from {moves.contexts.shape[1]} interests, or to hidden ones only, so "
            "that a language model has no example to learn from. Choose another method, or a log with longer histories."
        )
    judged = spread_out(later, options.judged)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        base = load_base(options.base)
        book = Phrasebook(base.tokenizer, [phrases_on_one_line(description) for description in descriptions])
        _check_length(base.network, book, moves.contexts.shape[1])
        if not understands_trie(base.network, book.prompts(examples.contexts[:1])[0], book.trie):
            raise ConfigError(
                f"The language model '{base.name}' is of a kind that cannot be followed along known answers. Choose "
                "one with plain attention, such as a Llama, Qwen or GPT-2."
            )
        questions = book.prompts(examples.contexts)
        pairs = [(question, book.answers[novel]) for question, novel in zip(questions, examples.novel, strict=True)]
        network = adapt(base.network, options.rank) if options.rank else base.network
        learner = CausalPolicy(base.name, base.digest, options.rank, book, network, {})
        weights = _learn(learner, pairs, lambda: _judge(learner, moves, judged), options, seed, progress)
    trained = load_causal(CausalPolicy(base.name, base.digest, options.rank, book, network, weights).arrays())
    written = generate_answers(trained, moves.contexts[spread_out(later, FREELY)])
    progress(1.0)
    return replace(trained, matches=measure_matches(written, book.shown))


def _learn(learner: CausalPolicy, pairs: Examples, judge, options: CausalConfig, seed: int, progress: Progress):
    """Trains the learner's network; returns the weights of the epoch that was judged best."""
    network, random = learner.network, np.random.default_rng(seed)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    steps = -(-len(pairs) // options.batch_size)
    total = steps * options.epochs
    optimizer = torch.optim.AdamW(trained, options.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.learning_rate, total_steps=total, pct_start=WARM_UP
    )
    best, kept, waited = (False, -np.inf, -np.inf), {}, 0
    for epoch in range(options.epochs):
        network.train()
        for step, rows in enumerate(np.array_split(random.permutation(len(pairs)), steps)):
            optimizer.zero_grad()
            _loss(network, [pairs[row] for row in rows]).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            progress((epoch * steps + step + 1) / total)
        network.eval()
        found = judge()
        waited = 0 if found > best else waited + 1
        if found > best:
            best, kept = found, _weights(network, options.rank)
        if best[0] and waited >= options.patience:
            break
    return kept


def _judge(learner: CausalPolicy, moves: Moves, rows: np.ndarray) -> tuple[bool, float, float]:
    """Whether the model spells known interests, its recall in the ten best, and the mean log-likelihood of the moves.

    In that order of importance: a model that cannot spell yet has not been trained for too long.
    """
    contexts = moves.contexts[rows]
    matches = measure_matches(generate_answers(learner, spread_out(contexts, WRITTEN)), learner.book.shown)
    return matches.rate >= SPELLS, *judge_choices(learner.score(contexts), moves.novel[rows], mark_seen(moves, rows))


def _loss(network: PreTrainedModel, pairs: Examples) -> torch.Tensor:
    """Mean over the tokens of the answers, of which each follows its question and what comes before it."""
    longest = max(len(answer) for _, answer in pairs)
    tokens, is_text = fill_up([[*question, *answer] for question, answer in pairs], 0)
    labels = torch.full((len(pairs), longest), IGNORED)
    for row, (_, answer) in enumerate(pairs):
        labels[row, longest - len(answer) :] = torch.tensor(answer)
    device = network.device
    logits = network(
        input_ids=tokens.to(device),
        attention_mask=is_text.to(device),
        position_ids=(is_text.cumsum(1) - 1).clamp(min=0).to(device),
        use_cache=False,
        logits_to_keep=longest + 1,
    ).logits[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten().to(device), ignore_index=IGNORED)


def _weights(network: PreTrainedModel, rank: int) -> Weights:
    """A copy of what was trained."""
    state = network.state_dict()
    if rank:
        from peft import get_peft_model_state_dict

        state = get_peft_model_state_dict(network)
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}


def _check_length(network: PreTrainedModel, book: Phrasebook, k: int) -> None:
    """Raises ConfigError where the longest question and answer are more than the model can read."""
    room = getattr(network.config, "max_position_embeddings", None)
    needed = book.longest_prompt(k) + book.longest_answer
    if room is not None and needed > room:
        raise ConfigError(
            f"A question about {k} interests and its answer take up to {needed:,} tokens, and this language model "
            f"reads {room:,}. Shorten the longest descriptions, or choose another model."
        )
