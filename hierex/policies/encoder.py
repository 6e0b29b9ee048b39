"""The default policy: networks over the text vectors of the descriptions answer together with what counts.

A network sees each interest through its text, plus a part of its own that starts at nothing and grows only where moves
ask for it: an interest that nobody has reached yet is judged by its words. It reads the context in order, and the
whole history as one sum in which older interests weigh as it learns. Several answer by the mean of their logits.

Counting is hard to beat where the same comes up again and again, so the answer is a weighted product of the networks,
the `counts` policy, the `ease` policy and the popularities, with one set of weights for contexts and one for histories.
For who comes from an interest that nobody has moved on from yet, counting knows nothing, and the networks answer alone.

How all this is learned: `encoder_training`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count, takewhile

import numpy as np

from ..errors import ConfigError, EarlierVersion
from ..transitions import Histories, latest_contexts, repeat_earliest
from ..transitions.pasts import Pasts
from .choices import leave_out
from .counts import CountsPolicy, load_counts
from .ease import EasePolicy, load_ease
from .encoder_network import EncoderNetwork
from .text_changes import TextChanges


@dataclass(frozen=True)
class Parts:
    """What an answer is made of, for moves up to some time.

    origin: (n_clusters,) int64, the interest that each one was while counting went on; itself unless interests were
    split since. log_share: (n_clusters,) float32, how much of that one it is (`share_out`); 0 for all of it.
    """

    networks: tuple[EncoderNetwork, ...]
    counts: CountsPolicy
    ease: EasePolicy
    origin: np.ndarray
    log_share: np.ndarray

    @classmethod
    def unsplit(cls, networks: Iterable[EncoderNetwork], counts: CountsPolicy, ease: EasePolicy) -> Parts:
        n = counts.n_clusters
        return cls(tuple(networks), counts, ease, np.arange(n), np.zeros(n, np.float32))

    def foresee(self, contexts: np.ndarray, pasts: Pasts, *, whole: bool) -> list[np.ndarray]:
        """Scores of each part, (n, n_clusters) or (n_clusters,); `whole`: the pasts are histories, not contexts."""
        ease = self.ease.by_history if whole else self.ease.by_context
        past = replace(pasts, cluster=self.origin[pasts.cluster])
        counted = [self.counts.foresee(self.origin[contexts]), ease.foresee(past)]
        if len(self.origin) != self.counts.n_clusters:
            counted = [part[:, self.origin] for part in counted]
        network = sum(network.foresee(contexts, pasts) for network in self.networks) / len(self.networks)
        return [network, *counted, *self.networks[0].log_popularity.numpy()]


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
        networks = tuple(network.with_interests(vectors, origin) for network in self.parts.networks)
        log_share = self.parts.log_share[origin] + share_out(origin, reached)
        parts = replace(self.parts, networks=networks, origin=self.parts.origin[origin], log_share=log_share)
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
        parts = {"counts": self.parts.counts.arrays(), "ease": self.parts.ease.arrays()}
        parts |= {name_of_network(place): network.arrays() for place, network in enumerate(self.parts.networks)}
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


def name_of_network(place: int) -> str:
    """Under which its weights are kept; the first as when there was only one."""
    return f"network{place or ''}"


def load_encoder(arrays: dict[str, np.ndarray]) -> EncoderPolicy:
    """The policy whose `arrays()` these are. Raises ConfigError for those that an earlier version of hierex kept."""
    if "origin" not in arrays:
        raise EarlierVersion

    def of(part: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(part): value for name, value in arrays.items() if name.startswith(part)}

    states = takewhile(bool, (of(f"{name_of_network(place)}/") for place in count()))
    networks = tuple(EncoderNetwork.of_arrays(state) for state in states)
    log_share = arrays.get("log_share", np.zeros(len(arrays["origin"]), np.float32))
    parts = Parts(networks, load_counts(of("counts/")), load_ease(of("ease/")), arrays["origin"], log_share)
    changes, note = of("changes/"), arrays["note"].tobytes().decode() if "note" in arrays else ""
    weights = arrays["weights_of_context"], arrays["weights_of_history"]
    return EncoderPolicy(parts, *weights, TextChanges(changes) if changes else None, note)
