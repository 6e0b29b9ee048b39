"""What a workspace holds, read when it is asked for and then kept in memory.

The pipeline fills `keys` stage by stage; the app and the command line read a finished run through the same object.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from .behaviour import blend
from .config import Progress, RunConfig, no_progress
from .descriptions import Description, join_descriptions
from .descriptions.exemplars import count_changed, item_digests, node_contents
from .embeddings import embed_texts, text_keys
from .errors import NotReady
from .interest_tree import InterestTree, item_weights
from .item_map import ItemMap
from .kept import curation_edits, description_edits, model_answers, stage_tables, stored_logs
from .kept.curation_edits import CurationRecord
from .kept.description_edits import Edit
from .logs import Disliked, Interactions
from .policies import LanguagePolicy, load_policy
from .recommenders import PopularityRecommender, Recommender, load_recommender
from .store import Store
from .taxonomy import MERGED_FROM, CurationEdit, Taxonomy, cluster_of_leaf, curate, default_granularity, measure_merged
from .taxonomy.distance import measure_distances
from .taxonomy.placement import idle_moves, move_items
from .text_models import model_name
from .transition_table import TransitionTable
from .transitions import FirstVisits, Histories, Moves, collect_histories, list_moves


@dataclass(frozen=True)
class Curated:
    """A tree with the items that people moved, a cut of it with what they changed, and why a change has no effect."""

    tree: InterestTree
    taxonomy: Taxonomy
    reasons: dict[int, str]


@dataclass
class Workspace:
    """The results that `keys` name. Raises NotReady for what has not been made yet."""

    store: Store
    config: RunConfig
    keys: dict[str, str] = field(default_factory=dict)
    hides: tuple[CurationEdit, ...] = ()
    """Of interests that people hid after the run began, where its predictions are served."""
    _moved: dict[tuple[CurationEdit, ...], tuple[InterestTree, dict[int, str]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def key(self, stage: str) -> str:
        if stage not in self.keys:
            raise NotReady(
                "This was not built yet. Press 'Build' on the Logs page, or wait until what is being built is done."
            )
        return self.keys[stage]

    @cached_property
    def items(self) -> pd.DataFrame:
        return stored_logs.read_items(self.store)

    @cached_property
    def texts(self) -> list[str]:
        """What is embedded and described: the title, then the other words of the item."""
        return (self.items["title"] + ". " + self.items["text"]).str.strip(". ").tolist()

    @cached_property
    def user_ids(self) -> list[str]:
        return stored_logs.read_users(self.store)

    @cached_property
    def interactions(self) -> Interactions:
        return stored_logs.read_interactions(self.store)

    @cached_property
    def disliked(self) -> Disliked:
        return stored_logs.read_disliked(self.store)

    @cached_property
    def split(self) -> int:
        """Training sees what happened before this clock value; evaluation what happened from then on."""
        return self.interactions.split_clock(self.config.evaluation.holdout_share)

    @cached_property
    def vectors(self) -> np.ndarray:
        """Of the items' texts, or those that came with the catalogue; (n_items, d) float32, unit length."""
        config = self.config.embedding
        if config.from_file:
            return stored_logs.read_vectors(self.store)
        vectors, known = stage_tables.read_embeddings(self.store, model_name(config), text_keys(self.texts, config))
        if vectors is None or not known.all():
            raise NotReady("Not all items have been read by the text model yet. Press 'Build' on the Logs page.")
        return vectors

    @cached_property
    def behaviour(self) -> np.ndarray:
        return stage_tables.read_behaviour(self.store, self.key("behaviour"))

    def grown_from(self) -> np.ndarray:
        """What the tree and the map are made of: `vectors`, blended with behaviour where that counts."""
        weight = self.config.behaviour.weight
        return blend(self.vectors, self.behaviour, weight) if weight else self.vectors

    @cached_property
    def tree_key(self) -> str:
        """Of the tree as it was first grown: what people wrote and changed speaks of its nodes."""
        key = self.key("interest_tree")
        return stage_tables.grown_key(self.store, key)

    @cached_property
    def grown_tree(self) -> InterestTree:
        """Before people moved items."""
        return stage_tables.read_tree(self.store, self.key("interest_tree"))

    @cached_property
    def granularity(self) -> int:
        """That of the run, once it has one: what hierex chooses by itself depends on logs and on earlier runs."""
        if "taxonomy" in self.keys:
            return curation_edits.read_taxonomy_key(self.keys["taxonomy"])[0]
        return self.config.granularity or self.usual_granularity

    @property
    def usual_granularity(self) -> int:
        """What hierex would choose for these logs if it had chosen none before."""
        return default_granularity(self.grown_tree, len(self.interactions.item_index))

    @cached_property
    def built_edits(self) -> list[CurationEdit]:
        """The changes that people had made when the run began, and `hides`."""
        _, made = curation_edits.read_taxonomy_key(self.key("taxonomy"))
        records = [record for record in curation_edits.read_records(self.store) if record.edit_id in made]
        return [*self.place_curation(records)[0], *self.hides]

    @cached_property
    def built(self) -> Curated:
        """As it was when the run began: at its granularity, with the changes that people had made by then."""
        return self.shape(self.granularity, self.built_edits)

    @property
    def tree(self) -> InterestTree:
        """With the items that people had moved when the run began."""
        return self.built.tree

    @property
    def taxonomy(self) -> Taxonomy:
        """What the run's predictions are about."""
        return self.built.taxonomy

    def curated(self, granularity: int, records: list[CurationRecord]) -> Curated:
        """At any granularity, with those of the changes that were not taken back."""
        edits, unplaced = self.place_curation([record for record in records if not record.undone])
        curated = self.shape(granularity, edits)
        return replace(curated, reasons=unplaced | curated.reasons)

    def shape(self, granularity: int, edits: list[CurationEdit]) -> Curated:
        """The grown tree with these edits: first the moves of items, then the changes of interests."""
        moves = tuple(edit for edit in edits if edit.kind == "move")
        tree, refused = self.moved(moves)
        taxonomy, idle = curate(tree, granularity, edits)
        if np.isnan(taxonomy.coherence).any():
            taxonomy = measure_merged(taxonomy, self.grown_from(), item_weights(self.items["traffic"].to_numpy()))
        return Curated(tree, taxonomy, idle | idle_moves(self.grown_tree, taxonomy, moves) | refused)

    def moved(self, moves: tuple[CurationEdit, ...]) -> tuple[InterestTree, dict[int, str]]:
        """See `placement.move_items`; what was asked for last is at hand."""
        if not moves:
            return self.grown_tree, {}
        found = self._moved.get(moves)
        if found is None:
            found = move_items(self.grown_tree, moves, self.grown_from(), self.items["traffic"].to_numpy())
            self._moved = {moves: found}
        return found

    def place_curation(self, records: list[CurationRecord]) -> tuple[list[CurationEdit], dict[int, str]]:
        """See `curation_edits.place_records`."""
        return curation_edits.place_records(records, self.tree_key, self.grown_tree, self.items["item_id"])

    @cached_property
    def item_map(self) -> ItemMap:
        return stage_tables.read_map(self.store, self.key("item_map"))

    @cached_property
    def machine_descriptions(self) -> list[Description]:
        """One per node, from keywords."""
        return stage_tables.read_descriptions(self.store, self.key("descriptions"))

    @cached_property
    def node_contents(self) -> list[str]:
        """Of each node a digest of its items, by which what a language model said finds it."""
        return node_contents(self.grown_tree, self._ids_and_words())

    @cached_property
    def item_digests(self) -> np.ndarray:
        """(n_items,) of each item's id and words."""
        return item_digests(self._ids_and_words())

    def _ids_and_words(self) -> pd.Series:
        items = self.items
        return items["item_id"] + "\n" + items["title"] + "\n" + items["text"]

    def members(self, node: int) -> np.ndarray:
        """Digests of the items of a node of the tree as it was grown."""
        tree = self.grown_tree
        return self.item_digests[tree.items_of(node)]

    def changed_since_described(self) -> dict[int, tuple[str, tuple[int, int, float]]]:
        """By node that a language model described when it had other items: what it had (a digest), and what changed.

        That is how many items came and went, and their share.
        """
        changed = model_answers.read_changed(self.store, self.tree_key, self.node_contents)
        return {
            node: (content, count_changed(self.members(node), members, n_members))
            for node, (content, members, n_members) in changed.items()
        }

    def model_descriptions(self) -> dict[int, Description]:
        """What a language model says, by node; read anew each time, since it may be answering at this moment."""
        if not model_answers.count_answers(self.store):
            return {}
        return model_answers.place_answers(self.store, self.tree_key, self.node_contents)

    def node_descriptions(self) -> dict[int, Description]:
        """By node, without what people wrote: a language model's words, else those from keywords."""
        return model_answers.lay_over(self.machine_descriptions, self.model_descriptions())

    def placed_edits(self) -> dict[int, Edit]:
        """What people wrote, by node; read anew each time, since anybody may edit at any moment."""
        return self.place_edits(description_edits.read_edits(self.store))[0]

    def place_edits(self, edits: list[Edit]) -> tuple[dict[int, Edit], list[Edit]]:
        """See `description_edits.place_edits`."""
        return description_edits.place_edits(edits, self.tree_key, self.grown_tree, self.items["item_id"])

    def descriptions(self, taxonomy: Taxonomy, placed: dict[int, Edit]) -> dict[int, Description]:
        """By id, of every node of the tree and every merged interest of this taxonomy.

        Human words first, then a language model's, then those from keywords.
        """
        machine = self.node_descriptions()
        described = description_edits.apply_edits(machine, placed)
        joined = {}
        for cluster in np.flatnonzero(taxonomy.cluster_ids >= MERGED_FROM):
            nodes = taxonomy.nodes_of(cluster)
            parts = [described[node] for node in nodes[np.argsort(-self.grown_tree.traffic[nodes], kind="stable")]]
            joined[int(taxonomy.cluster_ids[cluster])] = join_descriptions(taxonomy.cluster_ids[cluster], parts)
        return description_edits.apply_edits(machine | joined, placed) if joined else described

    def cluster_descriptions(self) -> list[Description]:
        """One per interest of the taxonomy, in its order."""
        described = self.descriptions(self.taxonomy, self.placed_edits())
        return [described[cluster_id] for cluster_id in self.taxonomy.cluster_ids]

    def words(self) -> list[str]:
        """What a language policy reads of each interest."""
        return [description.text() for description in self.cluster_descriptions()]

    def read_words(
        self, texts: list[str], progress: Progress = no_progress, *, policy: LanguagePolicy | None = None
    ) -> np.ndarray:
        """(n, d) of texts by the text model, unit length; what was not read before is read here and kept.

        policy: the one that reads them, with what the text model learned for it.
        """
        config, changes = self.config.embedding.for_words(), getattr(policy, "changes", None)
        model, keys = model_name(config), text_keys(texts, config)
        read = partial(embed_texts, config=config)
        if changes:
            model, read = f"{model} {changes.digest}", partial(changes.read, reader=config)
        new = np.flatnonzero(~stage_tables.read_known(self.store, model, keys))
        if len(new):
            vectors = read([texts[place] for place in new], progress=progress)
            stage_tables.write_embeddings(self.store, model, [keys[place] for place in new], vectors)
        return stage_tables.read_embeddings(self.store, model, keys)[0]

    @cached_property
    def visits(self) -> FirstVisits:
        return stage_tables.read_first_visits(self.store, self.key("first_visits"))

    @cached_property
    def histories(self) -> Histories:
        """Everybody's interests, all of the log."""
        leaves = cluster_of_leaf(self.tree, self.taxonomy)
        return collect_histories(self.visits, leaves, self.taxonomy.n_clusters)

    @cached_property
    def training_moves(self) -> Moves:
        """Moves before the split."""
        return self.moves_before(self.split)

    def moves_before(self, clock: int) -> Moves:
        return list_moves(self.histories.before(clock), k=self.config.transition.k)

    @cached_property
    def judged_from(self) -> int:
        """Predictions are measured from this clock value on: the split, or later where what came after it was used."""
        share = self.config.evaluation.holdout_share
        return self.interactions.split_clock(share / 2) if self.config.layers.refreshed else self.split

    @cached_property
    def distances(self) -> np.ndarray:
        """See `measure_distances`."""
        return measure_distances(self.tree, self.taxonomy)

    @cached_property
    def moves(self) -> Moves:
        """All moves of the log, those after the split too: to look at, never to learn from."""
        return list_moves(self.histories, k=self.config.transition.k)

    @cached_property
    def policy(self) -> LanguagePolicy:
        return load_policy(*stage_tables.read_model(self.store, "policies", self.key("policies")))

    @cached_property
    def learned_policy(self) -> LanguagePolicy:
        """Without what was laid over it."""
        key = self.keys.get("learned_policy", self.key("policies"))
        return load_policy(*stage_tables.read_model(self.store, "policies", key))

    @cached_property
    def table(self) -> TransitionTable:
        return stage_tables.read_table(
            self.store, self.key("transition_table"), self.taxonomy, k=self.config.transition.k
        )

    @cached_property
    def recommender(self) -> Recommender:
        return load_recommender(*stage_tables.read_model(self.store, "recommenders", self.key("recommenders")))

    @cached_property
    def popularity(self) -> PopularityRecommender:
        """By traffic before the split."""
        return PopularityRecommender(self.interactions.before(self.split).traffic())

    @cached_property
    def evaluation(self) -> dict[str, pd.DataFrame]:
        return stage_tables.read_evaluation(self.store, self.key("evaluation"))
