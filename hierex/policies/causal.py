"""A causal language model that was told how people's interests move, and names the next one (paper, section 3).

It is trained on the balanced examples: the question shows the interests of a context, the answer is the description
of a novel one, word for word, and only the answer counts. To predict, it does not write freely: it is followed along
the trie of known answers (`trie`), so that every answer is a known interest and all of them have a probability.
`generate_answers` lets it write freely, to measure how often it would have named a known interest by itself.

Training sees the earlier moves and is judged on the later ones after every epoch; what foresaw them best is kept.
A model that was trained for too long knows its examples and forgets what else may follow (paper notes, section 5).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedModel

from ..config import CausalConfig, PolicyConfig, Progress, no_progress
from ..descriptions import Description
from ..errors import ConfigError, EarlierVersion, TooLittleData
from ..transitions import TASK_FIRST, Moves, phrases_on_one_line, pick_examples, repeat_earliest
from .base_model import Phrasebook, load_base
from .choices import judge_choices, leave_out_context, mark_seen, part_by_time, spread_out
from .match_rate import MatchReport, measure_matches
from .trie_reading import find_best, prompts_at_once, score_answers, understands_trie

WRITTEN = 64
"""How many answers are written freely to see whether the model has learned to spell."""
SPELLS = 0.9
"""The share of them that has to match before training may end (the paper's gate)."""
WARM_UP = 0.1
SORTED_AT_ONCE = 1_024
"""Prompts among which those are found that are read together."""
ROOM = 8
"""Tokens that a freely written answer may be longer than any known one."""
WEIGHTS, ABOUT = "weights.", "about"
IGNORED = -100

UNASKED = MatchReport(0, 0, ())
FREELY = 128
"""Answers are written freely about so many of the later moves, to measure how often they match."""

Weights = dict[str, torch.Tensor]
Examples = list[tuple[list[int], list[int]]]
"""Token ids of questions and answers."""


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
            network = _adapt(network, about["rank"])
        set_peft_model_state_dict(network, weights)
        network = network.merge_and_unload()
    else:
        network.load_state_dict(weights)
    n, matched, misses = about["matches"]
    matches = MatchReport(n, matched, tuple(map(tuple, misses)))
    return CausalPolicy(base.name, base.digest, about["rank"], book, network.eval(), weights, matches, about["note"])


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
        network = _adapt(base.network, options.rank) if options.rank else base.network
        learner = CausalPolicy(base.name, base.digest, options.rank, book, network, {})
        weights = _learn(learner, pairs, lambda: _judge(learner, moves, judged), options, seed, progress)
    trained = load_causal(CausalPolicy(base.name, base.digest, options.rank, book, network, weights).arrays())
    written = generate_answers(trained, moves.contexts[spread_out(later, FREELY)])
    progress(1.0)
    return replace(trained, matches=measure_matches(written, book.shown))


def _adapt(network: PreTrainedModel, rank: int):
    """The network with small matrices beside its own, which alone are trained (LoRA; Hu et al. 2021)."""
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        # peft asks transformers for something by a name that will go; only peft can change that.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return get_peft_model(network, lora)


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


def fill_up(texts: Sequence[Sequence[int]], filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, longest) int64 of the token ids, filled up in front, and (n, longest) int64, 1 where there is text."""
    longest = max(map(len, texts))
    tokens = torch.tensor([[filler] * (longest - len(text)) + list(text) for text in texts])
    return tokens, torch.tensor([[0] * (longest - len(text)) + [1] * len(text) for text in texts])


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
