"""What a workspace holds, read when it is asked for and then kept in memory.

The pipeline fills `keys` stage by stage; the app and the command line read a finished run through the same object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from . import curation_edits, description_edits, model_answers, results, stored_logs
from .config import RunConfig
from .curation_edits import CurationRecord
from .description_edits import Edit
from .descriptions import Description, join_descriptions
from .descriptions.exemplars import node_contents
from .embeddings import model_name, text_keys
from .errors import NotReady
from .interest_tree import InterestTree
from .item_map import ItemMap
from .logs import Interactions
from .policies import LanguagePolicy, load_policy
from .recommenders import Recommender, load_recommender
from .store import Store
from .taxonomy import CurationEdit, Taxonomy, cluster_of_leaf, curate, default_granularity
from .transition_table import TransitionTable
from .transitions import FirstVisits, Histories, Moves, collect_histories, list_moves


@dataclass
class Workspace:
    """The results that `keys` name. Raises NotReady for what has not been made yet."""

    store: Store
    config: RunConfig
    keys: dict[str, str] = field(default_factory=dict)

    def key(self, stage: str) -> str:
        if stage not in self.keys:
            raise NotReady(
                "This was not built yet: the last build did not come so far. Press 'Build' on the Logs page."
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
    def split(self) -> int:
        """Training sees what happened before this clock value; evaluation what happened from then on."""
        return self.interactions.split_clock(self.config.evaluation.holdout_share)

    @cached_property
    def vectors(self) -> np.ndarray:
        config = self.config.embedding
        vectors, known = results.read_embeddings(self.store, model_name(config), text_keys(self.texts, config))
        if vectors is None or not known.all():
            raise NotReady("Not all items have been read by the text model yet. Press 'Build' on the Logs page.")
        return vectors

    @cached_property
    def tree(self) -> InterestTree:
        return results.read_tree(self.store, self.key("interest_tree"))

    @cached_property
    def granularity(self) -> int:
        return self.config.granularity or default_granularity(self.tree, len(self.interactions.item_index))

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """As it was when the run began: at its granularity, with the changes that people had made by then."""
        made = {int(edit_id) for edit_id in self.key("taxonomy").partition(":")[2].split(",") if edit_id}
        records = [record for record in curation_edits.read_records(self.store) if record.edit_id in made]
        return curate(self.tree, self.granularity, self.place_curation(records)[0])[0]

    def curated(self, granularity: int, records: list[CurationRecord]) -> tuple[Taxonomy, dict[int, str]]:
        """The taxonomy at any granularity, with those of the changes that were not taken back.

        Also, by edit id, why a change has no effect.
        """
        edits, unplaced = self.place_curation([record for record in records if not record.undone])
        taxonomy, idle = curate(self.tree, granularity, edits)
        return taxonomy, unplaced | idle

    def place_curation(self, records: list[CurationRecord]) -> tuple[list[CurationEdit], dict[int, str]]:
        """See `curation_edits.place_records`."""
        return curation_edits.place_records(records, self.key("interest_tree"), self.tree, self.items["item_id"])

    @cached_property
    def item_map(self) -> ItemMap:
        return results.read_map(self.store, self.key("item_map"))

    @cached_property
    def machine_descriptions(self) -> list[Description]:
        """One per node, from keywords."""
        return results.read_descriptions(self.store, self.key("descriptions"))

    @cached_property
    def node_contents(self) -> list[str]:
        """Of each node a digest of its items, by which what a language model said finds it."""
        items = self.items
        return node_contents(self.tree, items["item_id"] + "\n" + items["title"] + "\n" + items["text"])

    def model_descriptions(self) -> dict[int, Description]:
        """What a language model says, by node; read anew each time, since it may be answering at this moment."""
        if not model_answers.has_answers(self.store):
            return {}
        return model_answers.place_answers(self.store, self.node_contents)

    def placed_edits(self) -> dict[int, Edit]:
        """What people wrote, by node; read anew each time, since anybody may edit at any moment."""
        return self.place_edits(description_edits.read_edits(self.store))[0]

    def place_edits(self, edits: list[Edit]) -> tuple[dict[int, Edit], list[Edit]]:
        """See `description_edits.place_edits`."""
        return description_edits.place_edits(edits, self.key("interest_tree"), self.tree, self.items["item_id"])

    def descriptions(self, taxonomy: Taxonomy, placed: dict[int, Edit]) -> dict[int, Description]:
        """By id, of every node of the tree and every merged interest of this taxonomy.

        Human words first, then a language model's, then those from keywords.
        """
        described = model_answers.lay_over(self.machine_descriptions, self.model_descriptions())
        for cluster in np.flatnonzero(taxonomy.cluster_ids >= len(described)):
            nodes = taxonomy.nodes_of(cluster)
            parts = [described[node] for node in nodes[np.argsort(-self.tree.traffic[nodes], kind="stable")]]
            described[int(taxonomy.cluster_ids[cluster])] = join_descriptions(taxonomy.cluster_ids[cluster], parts)
        return description_edits.apply_edits(described, placed)

    def cluster_descriptions(self) -> list[Description]:
        """One per interest of the taxonomy, in its order."""
        described = self.descriptions(self.taxonomy, self.placed_edits())
        return [described[cluster_id] for cluster_id in self.taxonomy.cluster_ids]

    def words(self) -> list[str]:
        """What a language policy reads of each interest."""
        return [description.text() for description in self.cluster_descriptions()]

    @cached_property
    def visits(self) -> FirstVisits:
        return results.read_first_visits(self.store, self.key("first_visits"), self.tree.finest)

    @cached_property
    def histories(self) -> Histories:
        """Everybody's interests, all of the log."""
        leaves = cluster_of_leaf(self.tree, self.taxonomy)
        return collect_histories(self.visits, leaves, self.taxonomy.n_clusters)

    @cached_property
    def training_moves(self) -> Moves:
        """Moves before the split."""
        leaves = cluster_of_leaf(self.tree, self.taxonomy)
        histories = collect_histories(self.visits, leaves, self.taxonomy.n_clusters, before=self.split)
        return list_moves(histories, k=self.config.transition.k)

    @cached_property
    def policy(self) -> LanguagePolicy:
        return load_policy(*results.read_model(self.store, "policies", self.key("policies")))

    @cached_property
    def table(self) -> TransitionTable:
        return results.read_table(self.store, self.key("transition_table"), self.taxonomy)

    @cached_property
    def recommender(self) -> Recommender:
        return load_recommender(*results.read_model(self.store, "recommenders", self.key("recommenders")))

    @cached_property
    def evaluation(self) -> dict[str, pd.DataFrame]:
        return results.read_evaluation(self.store, self.key("evaluation"))
