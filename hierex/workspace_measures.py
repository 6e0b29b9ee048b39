"""What is measured of a workspace beside its run: how good descriptions are, what other numbers of interests bring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .config import Progress, no_progress
from .descriptions import Description
from .descriptions.quality import DescriptionQuality, measure_descriptions
from .granularity_effects import measure_granularities
from .kept import description_edits, model_answers
from .kept.description_edits import Edit
from .taxonomy import Taxonomy
from .workspace import Workspace


def quality_of(
    work: Workspace, taxonomy: Taxonomy, placed: dict[int, Edit], *, progress: Progress = no_progress
) -> DescriptionQuality:
    """Of the words that a language policy reads; see `measure_descriptions`. New words are read and kept."""
    described = work.descriptions(taxonomy, placed)
    chosen = [described[cluster_id] for cluster_id in taxonomy.cluster_ids.tolist()]
    words = work.read_words([description.text() for description in chosen], progress)
    vectors = None if work.config.embedding.from_file else work.vectors
    return measure_descriptions(taxonomy, chosen, words, vectors, shown=shown_items(work, taxonomy, chosen))


def shown_items(work: Workspace, taxonomy: Taxonomy, described: list[Description]) -> dict[int, np.ndarray]:
    """By cluster id, the items that a language model saw when it described the interest or its parts."""
    by_model = [cluster for cluster, description in enumerate(described) if description.source == "model"]
    if not by_model:
        return {}
    shown = model_answers.place_shown(work.store, work.tree_key, work.node_contents)
    index = pd.Index(work.items["item_id"])
    ids = {c: [item for node in taxonomy.nodes_of(c).tolist() for item in shown.get(node, ())] for c in by_model}
    return {int(taxonomy.cluster_ids[c]): index.get_indexer(items) for c, items in ids.items()}


def effects_of(work: Workspace, granularities: Sequence[int] | None = None) -> pd.DataFrame:
    """See `measure_granularities`; what was not built yet is missing, and human words count."""
    descriptions = None
    if "descriptions" in work.keys:
        machine = work.node_descriptions()
        described = description_edits.apply_edits(machine, work.placed_edits())
        descriptions = [described[node] for node in machine]
    return measure_granularities(
        work.tree,
        work.visits if "first_visits" in work.keys else None,
        descriptions,
        granularities=granularities,
        k=work.config.transition.k,
    )
