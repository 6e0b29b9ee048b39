"""The default policy: text vectors of the descriptions, and a small head that learns where people go from them.

The head sees each interest through its text, plus a part of its own that starts at nothing and grows only where moves
ask for it: an interest that nobody has reached yet is judged by its words. It reads the context in order, and the
whole history as one sum in which older interests weigh as it learns. Five things make it learn from few moves:

- popularity is the one *at the time of the move* (`choices.follow_popularity`), over short times and long ones, so
  what is learned is what the context adds to it, and not the fashion of the day; for predictions it is the latest one;
- a move is learned as a choice among the interests that were still open to that person;
- half of the moves are learned without the history before their context, so that one network answers both;
- a move weighs the less the longer ago it was (`HALF_LIFE`): who goes where changes, too;
- it learns from the earlier moves, is judged on the later ones, and then goes on with both, for the latest are the most
  like what comes. Each time these are the latest `config.most_moves` at most; popularity is known from all.

Both times the steps first grow and then die away (Smith & Topin 2018): a few epochs of large steps end where many of
small ones would, and nobody has to search for when to stop.

Counting is hard to beat where the same comes up again and again, so the answer is a weighted product of the network,
the `counts` policy, the `ease` policy and the popularities. The weights, one set for contexts and one for histories,
are those under which the later moves are most likely, every person counting the same, unless that takes them far from
an even share of the three models: the fashion of one time should not set them. For who comes from an interest
that nobody has moved on from yet, counting knows nothing, and the network answers alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from ..config import PolicyConfig, Progress, no_progress
from ..errors import ConfigError, EarlierVersion
from ..threads import one_thread
from ..transitions import Histories, Moves, latest_contexts, repeat_earliest
from ..transitions.pasts import Pasts
from .choices import Belief, follow_popularity, leave_out, part_by_time, thin_out, weigh_parts, weigh_people
from .counts import CountsPolicy, count_moves, load_counts, train_counts
from .ease import EasePolicy, load_ease, train_ease
from .encoder_network import MEMORIES, EncoderNetwork, centre
from .text_changes import TextChanges

FEWEST_STEPS = 64
"""Steps in an epoch, at least; batches are smaller where moves are few."""
SMALLEST_BATCH = 128
MOST_STEPS = 600
"""Of many moves, once they have all been gone through, no more steps than this: they need fewer epochs."""
WITHOUT_HISTORY = 0.5
"""The share of moves that are learned from their context alone."""
HALF_LIFE = 0.5
"""A move that this share of all moves lies behind weighs half of the latest one."""

EXPECTED = np.array([1 / 3] * 3 + [0.0] * len(MEMORIES))
"""Of the weights: an even share for the network, `counts` and `ease`, each of which knows what is popular by itself."""
DOUBT = 1.0
"""In moves per interest, what it costs weights to lie 1 away from that: the more there are, the less each is known."""


@dataclass(frozen=True)
class Parts:
    """What an answer is made of, for moves up to some time.

    origin: (n_clusters,) int64, the interest that each one was while counting went on; itself unless interests were
    split since. log_share: (n_clusters,) float32, how much of that one it is (`share_out`); 0 for all of it.
    """

    network: EncoderNetwork
    counts: CountsPolicy
    ease: EasePolicy
    origin: np.ndarray
    log_share: np.ndarray

    @classmethod
    def unsplit(cls, network: EncoderNetwork, counts: CountsPolicy, ease: EasePolicy) -> Parts:
        n = counts.n_clusters
        return cls(network, counts, ease, np.arange(n), np.zeros(n, np.float32))

    def foresee(self, contexts: np.ndarray, pasts: Pasts, *, whole: bool) -> list[np.ndarray]:
        """Scores of each part, (n, n_clusters) or (n_clusters,); `whole`: the pasts are histories, not contexts."""
        ease = self.ease.by_history if whole else self.ease.by_context
        past = replace(pasts, cluster=self.origin[pasts.cluster])
        counted = [self.counts.foresee(self.origin[contexts]), ease.foresee(past)]
        if len(self.origin) != self.counts.n_clusters:
            counted = [part[:, self.origin] for part in counted]
        return [self.network.foresee(contexts, pasts), *counted, *self.network.log_popularity.numpy()]


@dataclass(frozen=True)
class EncoderPolicy:
    """The parts, and their weights in the answer: (parts,) for contexts, and for histories.

    changes: what the text model learned from the moves, with which new words have to be read; None where nothing.
    """

    parts: Parts
    weights_of_context: np.ndarray
    weights_of_history: np.ndarray
    changes: TextChanges | None = None
    note: str = ""
    name: str = "encoder"

    @property
    def n_clusters(self) -> int:
        return len(self.parts.origin)

    @property
    def counted(self) -> tuple[CountsPolicy, EasePolicy]:
        """What it counts with, each a policy of its own over the interests that were learned from."""
        return self.parts.counts, self.parts.ease

    def with_interests(self, vectors: np.ndarray, origin: np.ndarray, reached: np.ndarray) -> EncoderPolicy:
        """The same policy for interests that were described anew or split since, without learning again.

        vectors: (n, d) float32, the text vectors of the descriptions, read with `changes` where there are any; origin:
        (n,) int, the interest of this policy that each one is, or is a part of; reached: (n,), how many people had
        reached each. Parts share what is known of the whole by that; their words tell them apart.
        Raises ConfigError where an origin is not an interest of this policy, or there is not one vector for each.
        """
        origin = np.asarray(origin, np.int64)
        if len(origin) != len(vectors) or not len(origin) or not 0 <= origin.min() <= origin.max() < self.n_clusters:
            raise ConfigError(
                f"{len(vectors):,} descriptions were given for {len(origin):,} interests, each of which has to be one "
                f"of the {self.n_clusters:,} that the policy knows, or a part of one. Train the policy again."
            )
        network = self.parts.network.with_interests(vectors, origin)
        log_share = self.parts.log_share[origin] + share_out(origin, reached)
        parts = replace(self.parts, network=network, origin=self.parts.origin[origin], log_share=log_share)
        return replace(self, parts=parts)

    def score(self, contexts: np.ndarray) -> np.ndarray:
        """See `LanguagePolicy`."""
        contexts = repeat_earliest(contexts)
        return self._score(contexts, Pasts.of_contexts(contexts), whole=False)

    def score_histories(self, histories: Histories) -> np.ndarray:
        """See `HistoryPolicy`."""
        pasts = Pasts.of_histories(histories)
        contexts = latest_contexts(histories, pasts.ends, pasts.starts, k=self.parts.counts.k)
        return self._score(contexts, pasts, whole=True)

    def _score(self, contexts: np.ndarray, pasts: Pasts, *, whole: bool) -> np.ndarray:
        weights = self.weights_of_history if whole else self.weights_of_context
        network, *others = self.parts.foresee(contexts, pasts, whole=whole)
        answer = np.float32(weights[0]) * network
        for weight, part in zip(weights[1:], others, strict=True):
            answer += np.float32(weight) * part
        is_new = ~self.parts.counts.knows(self.parts.origin[contexts])
        answer[is_new] = network[is_new]
        answer += self.parts.log_share
        return leave_out(answer, pasts)

    def arrays(self) -> dict[str, np.ndarray]:
        """See `LanguagePolicy`."""
        network = {name: value.numpy().copy() for name, value in self.parts.network.state_dict().items()}
        parts = {"network": network, "counts": self.parts.counts.arrays(), "ease": self.parts.ease.arrays()}
        parts |= {"changes": self.changes.weights} if self.changes else {}
        named = {f"{part}/{name}": value for part, arrays in parts.items() for name, value in arrays.items()}
        weights = {"weights_of_context": self.weights_of_context, "weights_of_history": self.weights_of_history}
        note = {"note": np.frombuffer(self.note.encode(), np.uint8).copy()} if self.note else {}
        share = {"log_share": self.parts.log_share} if self.parts.log_share.any() else {}
        return named | weights | note | share | {"origin": self.parts.origin}


def share_out(origin: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(n,) float32 log shares in the whole of parts of it that so many people had reached, each by half a person more.

    origin: (n,) int, which whole each one is a part of; reached: (n,).
    """
    reached = np.asarray(reached) + 0.5
    return np.log(reached / np.bincount(origin, reached)[origin]).astype(np.float32)


def load_encoder(arrays: dict[str, np.ndarray]) -> EncoderPolicy:
    """The policy whose `arrays()` these are. Raises ConfigError for those that an earlier version of hierex kept."""
    if "origin" not in arrays:
        raise EarlierVersion

    def of(part: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(part): value for name, value in arrays.items() if name.startswith(part)}

    state = {name: torch.from_numpy(np.array(value)) for name, value in of("network/").items()}
    learned = EncoderNetwork.of(state), load_counts(of("counts/")), load_ease(of("ease/"))
    log_share = arrays.get("log_share", np.zeros(len(arrays["origin"]), np.float32))
    parts = Parts(*learned, arrays["origin"], log_share)
    changes, note = of("changes/"), arrays["note"].tobytes().decode() if "note" in arrays else ""
    weights = arrays["weights_of_context"], arrays["weights_of_history"]
    return EncoderPolicy(parts, *weights, TextChanges(changes) if changes else None, note)


def train_encoder(
    moves: Moves,
    vectors: np.ndarray,
    *,
    config: PolicyConfig,
    seed: int,
    progress: Progress = no_progress,
) -> EncoderPolicy:
    """Learn from `moves` (rows as `list_moves` gives them) and the text vectors (n_clusters, d) of the descriptions.

    Leaves torch's random state and its threads as they were.
    """
    earlier, later = part_by_time(moves, config.validation_share)
    counts, ease = train_counts(moves, config=config), train_ease(moves, config=config)
    progress(0.1)
    with _alone():
        learner = Learner(moves, vectors, config, seed)
        learner.learn(earlier, lambda done: progress(0.1 + 0.4 * done))
        past = moves.take(earlier)
        then = Parts.unsplit(learner.network, count_moves(past, counts.smoothing), ease.as_of(past))
        weights = _weigh(then, moves, thin_out(later, moves.n_clusters))
        progress(0.55)
        learner.learn(np.arange(len(moves)), lambda done: progress(0.55 + 0.45 * done))
    return EncoderPolicy(Parts.unsplit(learner.network, counts, ease), *weights)


def _weigh(then: Parts, moves: Moves, later: np.ndarray) -> list[np.ndarray]:
    """The weights for contexts and for histories with which the later moves are most likely."""
    contexts, novel, weight = moves.contexts[later], moves.novel[later], weigh_people(moves.user[later])
    pasts = Pasts.before_moves(moves).take(later)
    seen = pasts.mark(moves.n_clusters)
    belief = Belief(EXPECTED, DOUBT * moves.n_clusters)
    given = ((Pasts.of_contexts(contexts), False), (pasts, True))
    parts = (then.foresee(contexts, past, whole=whole) for past, whole in given)
    return [weigh_parts(scores, novel, seen, weight, belief) for scores in parts]


class Learner:
    """A network that learns from the moves, some rows at a time."""

    def __init__(self, moves: Moves, vectors: np.ndarray, config: PolicyConfig, seed: int):
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.moves, self.config = moves, config
        self.pasts = Pasts.before_moves(moves)
        middle = torch.from_numpy(np.asarray(vectors, np.float32).mean(axis=0))
        k, texts = moves.contexts.shape[1], centre(vectors, middle)
        self.network = EncoderNetwork(texts, middle, k, config.dimensions, config.dropout)

    def learn(self, rows: np.ndarray, progress: Progress) -> None:
        """Go through the latest of these rows a few times; the network then also knows what is popular after them."""
        config = self.config
        weight = weigh_by_age(self.moves.clock, rows)
        step_of = np.zeros(len(self.moves), np.int64)
        followed = [follow_popularity(self.moves.take(rows), half_life) for half_life in MEMORIES]
        step_of[rows] = followed[0][0]
        popularity = torch.from_numpy(np.stack([popularity for _, popularity in followed], axis=1))
        rows = rows[np.argsort(-self.moves.clock[rows], kind="stable")[: config.most_moves]]
        self.weight = weight / weight[rows].mean()
        size = int(np.clip(len(rows) // FEWEST_STEPS, SMALLEST_BATCH, config.batch_size))
        epochs = min(config.epochs, math.ceil(MOST_STEPS * size / len(rows)))
        steps = epochs * math.ceil(len(rows) / size)
        optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=config.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
        self.network.train()
        for epoch in range(epochs):
            order = self.random.permutation(rows)
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                optimizer.zero_grad()
                self._loss(batch, self.network.weigh_popularity(popularity)[step_of[batch]]).backward()
                optimizer.step()
                schedule.step()
            progress((epoch + 1) / epochs)
        self.network.eval()
        self.network.log_popularity.copy_(popularity[-1])

    def _loss(self, rows: np.ndarray, popularity: torch.Tensor) -> torch.Tensor:
        """How unlikely the network finds what was chosen in these moves, among what was open; the latest weigh most."""
        contexts = torch.from_numpy(self.moves.contexts[rows].astype(np.int64))
        novel = torch.from_numpy(self.moves.novel[rows].astype(np.int64))
        pasts = self.pasts.take(rows)
        hidden = self.random.random(len(rows)) < WITHOUT_HISTORY
        shown = np.where(hidden, np.maximum(pasts.starts, pasts.ends - contexts.shape[1]), pasts.starts)
        logits = self.network(contexts, replace(pasts, starts=shown), popularity)
        seen = torch.from_numpy(pasts.mark(self.moves.n_clusters))
        surprise = functional.cross_entropy(logits.masked_fill(seen, -torch.inf), novel, reduction="none")
        return (surprise * torch.from_numpy(self.weight[rows])).mean()


def weigh_by_age(clock: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n,) float32: of the moves `rows` of those made at `clock`, by the share of them that came at the same time or
    later; 0 of all others."""
    weight = np.zeros(len(clock), np.float32)
    later = 1 - np.searchsorted(np.sort(clock[rows]), clock[rows]) / len(rows)
    weight[rows] = 0.5 ** (later / HALF_LIFE)
    return weight


@contextmanager
def _alone() -> Iterator[None]:
    """On one thread, leaving torch's threads and random state as they were."""
    with torch.random.fork_rng(devices=[]), one_thread():
        yield
