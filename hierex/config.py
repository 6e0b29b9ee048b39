"""One frozen config per stage, of a run and of a trial. Imports nothing of ours but the errors.

A config is part of the key under which a stage's result is kept, so everything that changes a result is a field
here. What only refuses is one, too: `TableConfig.most_interests`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .errors import ConfigError

Progress = Callable[[float], None]
"""A stage calls it with the share of its work that is done, 0 to 1. It never changes a result."""


def no_progress(share: float) -> None:
    """The progress callback for callers who don't watch."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """The progress of a part of the work: its 0 to 1 is `start` to `end` of the whole."""
    return lambda share: progress(start + share * (end - start))


@dataclass(frozen=True)
class EmbeddingConfig:
    model: str = "all-MiniLM-L6-v2"
    """The installed MiniLM package, the name or folder of any sentence-transformers model, or `VECTORS_IN_FILE`."""
    dtype: str = "auto"
    """`auto`: bfloat16 where the processor computes in it natively, else float32."""
    max_characters: int = 2_000
    """Text beyond this is not read: the model itself stops at 256 word pieces."""

    def __post_init__(self):
        if self.dtype not in DTYPES:
            raise ConfigError(f"There is no number format '{self.dtype}'. Choose one of: {', '.join(DTYPES)}.")
        if self.max_characters < 1:
            raise ConfigError(f"Texts cannot be cut to {self.max_characters} characters. Give 1 or more.")

    @property
    def from_file(self) -> bool:
        """Whether items have the vectors that came with the catalogue, instead of those that a model reads them as."""
        return self.model == VECTORS_IN_FILE

    def for_words(self) -> EmbeddingConfig:
        """For what people or hierex wrote (descriptions), which has no vectors in any file: always a text model."""
        return replace(self, model=EmbeddingConfig.model) if self.from_file else self


VECTORS_IN_FILE = "vectors-in-file"
"""In place of a text model. Item vectors and those of words are then from different models and never compared."""
DTYPES = ("auto", "bfloat16", "float32")


@dataclass(frozen=True)
class BehaviourConfig:
    weight: float = 0.0
    """How much it counts for the tree who consumes an item, beside what its text says: 0 (only texts) to below 1."""
    dimensions: int = 64
    damping: float = 3.0
    """As many people and items are added to those that an item and a person have, against chance in small numbers."""
    trust: float = 10.0
    """What an item's text foretells of its behaviour counts as much as this many people."""

    def __post_init__(self):
        if not 0 <= self.weight < 1:
            raise ConfigError(
                f"Behaviour cannot count {self.weight:g}. Give 0 (only what texts say) or more, but less than 1."
            )
        if self.dimensions < 1 or not 0 < self.damping < math.inf or not 0 < self.trust < math.inf:
            raise ConfigError(
                f"Behaviour with {self.dimensions} dimensions, a damping of {self.damping:g} and a trust of "
                f"{self.trust:g} cannot be computed. Give numbers above 0."
            )


@dataclass(frozen=True)
class TreeConfig:
    finest: int = 4_096
    """The tree stops growing at this many clusters, or when nothing can be split."""
    min_side: float = 0.4
    """Each side of a split keeps at least this share of the node's traffic, where single items allow."""
    min_items: int = 3
    """The finest interests hold at least this many items, where possible."""
    restarts: int = 4
    iterations: int = 8


@dataclass(frozen=True)
class MapConfig:
    n_neighbors: int = 15
    min_dist: float = 0.1

    def __post_init__(self):
        if self.n_neighbors < 2 or not 0 <= self.min_dist <= 1:
            raise ConfigError(
                f"A map with {self.n_neighbors} neighbours and a distance of {self.min_dist} cannot be made. "
                "Give 2 neighbours or more and a distance from 0 to 1."
            )


@dataclass(frozen=True)
class DescriptionConfig:
    n_phrases: int = 10
    max_features: int = 50_000
    max_name_words: int = 4
    read_until: int = 761
    """Of the interests at up to so many, the text model reads phrases, and those near to the interest come first."""


CONTEXTS_PER_NOVEL = 10
"""Fine-tuning examples kept per novel interest: its most frequent contexts (paper, section 3)."""


@dataclass(frozen=True)
class TransitionConfig:
    k: int = 2
    """A prediction starts from so many interests, a person's latest; 1 to 3."""

    def __post_init__(self):
        if not 1 <= self.k <= 3:
            raise ConfigError(f"A prediction cannot start from {self.k} interests. Choose 1, 2 or 3.")


@dataclass(frozen=True)
class CausalConfig:
    """How a causal language model is trained, for the policy of that kind."""

    base: str = ""
    """The model to start from: the name of its folder in the server's folder of models."""
    rank: int = 16
    """Of the low-rank changes to the weights (LoRA). 0 trains all weights, as a model that knows nothing yet needs."""
    learning_rate: float = 2e-4
    epochs: int = 6
    """The paper's 3,000 batches are about six times through its examples. Training ends earlier, see `patience`."""
    batch_size: int = 16
    contexts_per_novel: int = CONTEXTS_PER_NOVEL
    judged: int = 200
    """How many of the later moves each epoch is judged by."""
    patience: int = 1
    """So many epochs may go by in which the later moves are not foreseen better."""

    def __post_init__(self):
        if self.rank < 0 or min(self.epochs, self.batch_size, self.contexts_per_novel, self.judged) < 1:
            raise ConfigError(
                f"A language model cannot be trained with rank {self.rank}, {self.epochs} epochs, batches of "
                f"{self.batch_size}, {self.contexts_per_novel} contexts for each interest and {self.judged} moves to "
                "judge by. Give a rank of 0 or more, and 1 or more of the others."
            )


@dataclass(frozen=True)
class AskedAs:
    """How a model was asked what comes next. Answers that came in the same way belong together.

    form: text, or schema (a list to choose from); prompt: a digest of the form of the question.
    """

    model: str
    form: str
    temperature: float
    prompt: str


@dataclass(frozen=True)
class PolicyConfig:
    kind: str = "encoder"
    epochs: int = 5
    """How often the earlier moves are gone through, and then the earlier and later ones; less often where they are
    many."""
    batch_size: int = 1_024
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    dropout: float = 0.6
    dimensions: int = 32
    validation_share: float = 0.2
    """The latest share of the moves, by which settings are chosen; then they are learned from too (not by `causal`).

    As much as evaluation holds out, so that what is chosen holds for as long as predictions have to.
    """
    most_moves: int = 300_000
    """Each time the network of `encoder` goes through the latest so many of its moves at most, to bound the time; what
    is counted beside it is of all."""
    tune_text: bool = False
    """For the policy `encoder`: the text model learns from the moves too (`policies.text_tuning`)."""
    causal: CausalConfig = field(default_factory=CausalConfig)
    answers: AskedAs | None = None
    """For the policy `openai`: whose answers it is made of; None: those of who answered last."""

    def __post_init__(self):
        if self.kind not in POLICIES:
            raise ConfigError(f"There is no policy '{self.kind}'. Choose one of: {', '.join(POLICIES)}.")


POLICIES = ("encoder", "ease", "counts", "causal", "openai")


@dataclass(frozen=True)
class LayerConfig:
    """What is laid over the learned policy, in this order; nothing is learned anew for it."""

    refreshed: bool = False
    """Blends in the moves of the first half of the held-out time; what is measured is then measured on the second."""
    best_of: int = 0
    """As many of the best answers are put in the order of what people liked; 0: none."""
    novelty: float = 0.0
    """How much more welcome an interest is that is as far as can be (`policies.novelty`); 0: no more."""

    def __post_init__(self):
        if self.best_of < 0 or not 0 <= self.novelty <= MOST_NOVELTY:
            raise ConfigError(
                f"The best of {self.best_of} with a novelty of {self.novelty:g} cannot be had. Give 0 or more, and a "
                f"novelty of at most {MOST_NOVELTY:g}."
            )


MOST_NOVELTY = 20.0


@dataclass(frozen=True)
class TableConfig:
    top: int = 10
    most_interests: int = 1_500
    """All pairs of interests are answered; with more than this they take too much memory and time."""


@dataclass(frozen=True)
class RecommenderConfig:
    kind: str = "sequence"
    dimensions: int = 64
    layers: int = 2
    heads: int = 2
    max_length: int = 50
    """How many of a person's latest items are read; longer histories are trained on in several pieces."""
    dropout: float = 0.2
    epochs: int = 8
    max_steps: int = 20_000
    """An end to training on large logs, in batches; the learning rate runs out with it."""
    patience: int = 2
    batch_targets: int = 1_024
    """How many items are predicted in a batch."""
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    sample_above: int = 20_000
    """With more items than this, the loss is over a sample of them: those of the batch and `negatives` others."""
    negatives: int = 2_048
    validation_share: float = 0.2
    validation_users: int = 1_000
    """The last item of this share of people, and of at most so many, decides when training stops."""
    item_item_strengths: tuple[float, ...] = (100.0, 300.0, 1_000.0)
    """Of the item-item recommender (`likeness.liken`); the held-out items decide which."""
    item_item_items: int = 20_000
    """How many items, the most consumed ones, take part in it: it makes tables of their square."""

    def __post_init__(self):
        if self.kind not in RECOMMENDERS:
            raise ConfigError(f"There is no recommender '{self.kind}'. Choose one of: {', '.join(RECOMMENDERS)}.")


RECOMMENDERS = ("sequence", "ease", "popularity", "random")


@dataclass(frozen=True)
class GroundingConfig:
    items: int = 10
    check_users: int = 100
    """How many users a run grounds to check that the chain holds from log to items."""


@dataclass(frozen=True)
class EvaluationConfig:
    holdout_share: float = 0.2
    """The latest share of the interactions, by time, that training never sees."""
    tops: tuple[int, ...] = (1, 5, 10)
    """The list lengths at which recall is measured."""
    resamples: int = 1_000
    """How often people are drawn again for the 95 % intervals."""
    people_for_items: int = 2_000
    """How many people are asked for their next item at most; each needs a score for every item."""
    people_for_lists: int = 1_000
    """For how many people whole lists of items are made and judged at most."""


@dataclass(frozen=True)
class ExperimentConfig:
    """What a simulated trial assumes of people, and how it is held. Where the numbers come from: decision 0018."""

    n_people: int = 600
    """People simulated, drawn from the log; the same in every arm."""
    weeks: int = 4
    """How long it lasts. Before each week an arm learns anew from what it showed."""
    sessions: float = 6.0
    """Visits of a person in a week, on average; who was more active in the log comes more often."""
    slots: int = 10
    """Items shown at a visit."""
    novel_share: float = 0.2
    """Share of the slots that is given to interests new to the person, in the arms that explore."""
    undiscovered: int = 10
    """Interests that a person would like but has not met yet, in a planted world; of a log they are what it says."""
    later_share: float = 0.3
    """The latest share of everybody's log: interests that begin there are what is not discovered yet."""
    readiness: float = 0.7
    """How readily people try what is new to them: their liking of a new interest, as a share of what it will be."""
    satiation: float = 0.15
    """How much one item takes off the appeal of its interest, for a while."""
    recovery_days: float = 2.0
    """After so many days about two thirds of that have come back."""
    noise: float = 0.03
    """How often an item outside a person's interests is consumed all the same."""
    resamples: int = 1_000
    """How often people are drawn again for the 95 % intervals."""
    seed: int = 0
    recommender: RecommenderConfig = field(default_factory=lambda: RecommenderConfig(dimensions=32, layers=1, heads=1))
    """Of every arm that has one: small, since each learns anew every week."""

    def __post_init__(self):
        if min(self.n_people, self.weeks, self.slots, self.resamples) < 1 or self.undiscovered < 0:
            raise ConfigError("A trial needs at least one person, one week, one slot and one resample.")
        if not 0 < self.sessions <= MOST_SESSIONS:
            raise ConfigError(f"{self.sessions:g} visits a week cannot be simulated. Give at most {MOST_SESSIONS}.")
        shares = (self.novel_share, self.readiness, self.satiation, self.noise, self.later_share)
        if not all(0 <= share <= 1 for share in shares):
            raise ConfigError("Shares of a trial go from 0 to 1.")
        if not 0 < self.recovery_days < math.inf:
            raise ConfigError(f"Appetite cannot come back in {self.recovery_days:g} days. Give a number above 0.")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ConfigError(f"The seed {self.seed} cannot be used. Choose one from 0 to {LARGEST_SEED:,}.")

    @property
    def novel_slots(self) -> int:
        return round(self.novel_share * self.slots)


MOST_SESSIONS = 14
"""Visits in a week, two a day."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that one run of the pipeline is told."""

    granularity: int | None = None
    """None: what hierex chose for this tree before (`kept.trees.number_to_keep`), at first what suits the size of the
    data (`taxonomy.default_granularity`)."""
    seed: int = 0
    regrow: bool = False
    """Grows the tree anew where an earlier one could be kept (`kept.trees`)."""
    tree_key: str = ""
    """Goes back to this tree, which these logs had before."""
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    behaviour: BehaviourConfig = field(default_factory=BehaviourConfig)
    tree: TreeConfig = field(default_factory=TreeConfig)
    item_map: MapConfig = field(default_factory=MapConfig)
    description: DescriptionConfig = field(default_factory=DescriptionConfig)
    transition: TransitionConfig = field(default_factory=TransitionConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    layers: LayerConfig = field(default_factory=LayerConfig)
    table: TableConfig = field(default_factory=TableConfig)
    recommender: RecommenderConfig = field(default_factory=RecommenderConfig)
    grounding: GroundingConfig = field(default_factory=GroundingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self):
        if self.granularity is not None and self.granularity < 2:
            raise ConfigError(f"{self.granularity} interests were asked for. Choose 2 or more.")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ConfigError(f"The seed {self.seed} cannot be used. Choose one from 0 to {LARGEST_SEED:,}.")


LARGEST_SEED = 2**31 - 1
