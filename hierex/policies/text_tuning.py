"""The text model learns from the moves: words of interests that follow each other come to be read as alike.

Pairs are drawn as people moved: an interest of the context, and the novel one. Of the pairs in a batch each reading has
to be more like the one that it led to than like those of the others (`MultipleNegativesRankingLoss`; van den Oord et
al. 2018), which is how much likelier the move is than that interest by itself: popularity is left to those who count.
Only small matrices beside the model's own are learned (LoRA; Hu et al. 2021).

The earlier moves are learned from. After every round the later ones are foreseen by likeness and popularity; the
changes that made them likeliest are kept, and none where they are not clearly likelier than with the model as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import log_softmax
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.util import batch_to_device

from ..config import EmbeddingConfig, PolicyConfig, Progress, no_progress, part_of
from ..embeddings import embed_texts
from ..transitions import Moves
from .choices import follow_popularity, mark_seen, part_by_time, thin_out, weigh_parts
from .encoder import EncoderPolicy
from .encoder_network import MEMORIES, centre
from .encoder_training import train_encoder
from .text_changes import TextChanges, changes_of, open_to_changes

NO_HELP = (
    "The text model was to learn from the moves too, but the later ones were foreseen no better for it. So it stays as "
    "it was."
)
READ = 64
"""Interests whose words are read in a step; the moves among them are what it learns from."""
BATCHES = 8
"""Of such moves in a step: readings are dear, pairs of them cost nothing."""
DRAWN = 4
"""So many moves are drawn for each interest in a batch, most of which are left out for being there twice."""
NOWHERE = -1
STEPS = 10
"""In a round, after which the later moves are foreseen."""
MOST_ROUNDS = 8
PATIENCE = 3
"""So many rounds may go by in which they are not foreseen better."""
LEARNING_RATE = 1e-3
SCALE = 5.0
"""Of likeness, which goes from -1 to 1, in the loss. The library's 20 is for answers that are right or wrong; here
several interests may follow, one a few times as likely as another."""
CLEAR = 2.0
"""Standard errors, by which the later moves have to be likelier for the changes to be used."""


def train_tuned(
    moves: Moves,
    words: Sequence[str],
    vectors: np.ndarray,
    *,
    reader: EmbeddingConfig,
    config: PolicyConfig,
    seed: int,
    progress: Progress = no_progress,
) -> EncoderPolicy:
    """The `encoder` policy, over the words (one text per interest) as a text model reads them that learned from the
    moves; over `vectors` (n_clusters, d), as `reader` reads them, with a note that says so, where that did not help."""
    changes = tune_text(
        moves, words, vectors, reader=reader, config=config, seed=seed, progress=part_of(progress, 0, 0.7)
    )
    if changes:
        vectors = changes.read(words, reader=reader)
    policy = train_encoder(moves, vectors, config=config, seed=seed, progress=part_of(progress, 0.7, 1))
    return replace(policy, changes=changes) if changes else replace(policy, note=NO_HELP)


def tune_text(
    moves: Moves,
    words: Sequence[str],
    vectors: np.ndarray,
    *,
    reader: EmbeddingConfig,
    config: PolicyConfig,
    seed: int,
    progress: Progress = no_progress,
) -> TextChanges | None:
    """None where no changes made the later moves clearly likelier. For the arguments see `train_tuned`.

    Leaves torch's random state as it was. Raises ConfigError for a text model that cannot be changed so.
    """
    earlier, later = part_by_time(moves, config.validation_share)
    judge = Judge.of(moves, earlier, thin_out(later, moves.n_clusters))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        learner = TextLearner(open_to_changes(reader), words, np.random.default_rng(seed))
        before = best = judge.foresee(vectors)
        kept, waited = None, 0
        for rounds in range(MOST_ROUNDS):
            learner.learn(moves.take(earlier), part_of(progress, rounds / MOST_ROUNDS, (rounds + 1) / MOST_ROUNDS))
            found = judge.foresee(embed_texts(words, config=reader, model=learner.model.eval()))
            waited += 1
            if found.mean() > best.mean():
                best, kept, waited = found, changes_of(learner.model), 0
            if waited >= PATIENCE:
                break
    progress(1.0)
    return kept if is_clear(best - before) else None


def is_clear(gain: np.ndarray) -> bool:
    """Whether what was gained in each move is more, on average, than chance would make of nothing."""
    return bool(gain.mean() > CLEAR * gain.std() / len(gain) ** 0.5)


@dataclass(frozen=True)
class Judge:
    """The later moves, to be foreseen: contexts (n, K), novel (n,), seen (n, n_clusters) bool; log_popularity
    (half-lives, n_clusters), as it was before them."""

    contexts: np.ndarray
    novel: np.ndarray
    seen: np.ndarray
    log_popularity: np.ndarray

    @classmethod
    def of(cls, moves: Moves, earlier: np.ndarray, later: np.ndarray) -> Judge:
        past = moves.take(earlier)
        popularity = np.stack([follow_popularity(past, half_life)[1][-1] for half_life in MEMORIES])
        return cls(moves.contexts[later], moves.novel[later], mark_seen(moves, later), popularity)

    def foresee(self, vectors: np.ndarray) -> np.ndarray:
        """(n,) log-likelihood of each move, by how alike texts are and by popularity, weighed as suits best."""
        texts = centre(vectors, torch.from_numpy(vectors.mean(axis=0))).numpy()
        likeness = texts @ texts.T
        parts = [*(likeness[place] for place in self.contexts.T), *self.log_popularity]
        weights = weigh_parts(parts, self.novel, self.seen)
        scores = sum(np.float32(weight) * part for weight, part in zip(weights, parts, strict=True))
        return log_softmax(np.where(self.seen, -np.inf, scores), axis=1)[np.arange(len(self.novel)), self.novel]


class TextLearner:
    """A text model that learns to read words of interests as alike where people moved from one to the other."""

    def __init__(self, model: SentenceTransformer, words: Sequence[str], random: np.random.Generator):
        self.model, self.words, self.random = model, list(words), random
        self.loss = MultipleNegativesRankingLoss(model, scale=SCALE)
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(learned, LEARNING_RATE)

    def learn(self, moves: Moves, progress: Progress) -> None:
        """One round."""
        self.model.train()
        for step in range(STEPS):
            shown = self.random.choice(moves.n_clusters, min(READ, moves.n_clusters), replace=False)
            drawn = draw_pairs(moves, shown, BATCHES, self.random)
            if drawn:
                self.optimizer.zero_grad()
                readings = self._read([self.words[interest] for interest in shown])
                losses = [self.loss.compute_loss_from_embeddings([readings[p] for p in pair], None) for pair in drawn]
                torch.stack(losses).mean().backward()
                self.optimizer.step()
            progress((step + 1) / STEPS)

    def _read(self, texts: list[str]) -> torch.Tensor:
        features = self.model.preprocess(texts, prompt=self.model.prompts.get(self.model.default_prompt_name))
        return self.model(batch_to_device(features, self.model.device))["sentence_embedding"]


def draw_pairs(
    moves: Moves, shown: np.ndarray, batches: int, random: np.random.Generator
) -> list[tuple[list[int], list[int]]]:
    """Moves among the interests `shown`, in batches: places in it of those that people moved on from, and on to.

    In a batch nothing is moved on to twice, nor moved on from as well: it would be told from itself. No batches where
    nobody moved among these interests.
    """
    k = moves.contexts.shape[1]
    place = np.full(moves.n_clusters, NOWHERE)
    place[shown] = np.arange(len(shown))
    starts, ends = place[moves.contexts.ravel()], place[np.repeat(moves.novel, k)]
    among = np.flatnonzero((starts != NOWHERE) & (ends != NOWHERE))
    if not len(among):
        return []
    rows = among[random.integers(0, len(among), (batches, DRAWN * len(shown)))]
    return [pair_off(starts[batch].tolist(), ends[batch].tolist()) for batch in rows]


def pair_off(starts: list[int], ends: list[int]) -> tuple[list[int], list[int]]:
    """Those of the pairs that may be in a batch together, the first to come first."""
    left, reached = [], []
    for start, end in zip(starts, ends, strict=True):
        if end not in reached and end not in left and start not in reached:
            left.append(start)
            reached.append(end)
    return left, reached
