"""What it does to the interests how much behaviour counts beside text: the same measures for several weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from .behaviour import blend
from .config import Progress, RunConfig, no_progress, part_of
from .evaluation import POPULARITY, evaluate_policies
from .interest_tree import grow_tree
from .logs import Interactions
from .policies.counts import train_counts
from .taxonomy import cut_tree
from .transitions import histories_of_items, list_moves

WEIGHTS = (0.0, 0.25, 0.5, 0.75)
COLUMNS = ["weight", "coherence", "largest_over_mean", "recall", "low", "high", "popularity", "n_cases"]
RECALL = "recall@10"


def compare_weights(
    vectors: np.ndarray,
    behaviour: np.ndarray,
    interactions: Interactions,
    split: int,
    granularity: int,
    *,
    weights: tuple[float, ...] = WEIGHTS,
    config: RunConfig,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """One row per weight: the tree is grown anew with it and cut at `granularity`, without what people changed.

    vectors, behaviour: (n_items, _) float32 as `behaviour.blend` takes them; interactions: the whole log. Columns:
    weight; coherence (of the texts, whatever the tree is made of: traffic-weighted mean cosine to the interests'
    centroids); largest_over_mean (of traffic); recall (share of the moves from the clock `split` on whose novel
    interest is among the ten that the `counts` policy, learned from the moves before, names), its 95 % interval low
    and high, and the recall of the ten most popular interests; n_cases. Recalls are missing where nobody moved.
    A tree that cannot be cut so fine is cut at its finest.
    """
    traffic = interactions.traffic()
    rows = []
    for place, weight in enumerate(weights):
        blended = blend(vectors, behaviour, weight)
        watched = part_of(progress, place / len(weights), (place + 0.8) / len(weights))
        tree = grow_tree(blended, traffic, config=config.tree, seed=config.seed, progress=watched)
        taxonomy = cut_tree(tree, min(granularity, tree.finest))
        largest = taxonomy.traffic.max() * taxonomy.n_clusters / taxonomy.traffic.sum()
        rows.append(
            {"weight": weight}
            | {"coherence": text_coherence(taxonomy.cluster_of_item, vectors, traffic), "largest_over_mean": largest}
            | measure_recall(taxonomy.cluster_of_item, interactions, split, config)
        )
        progress((place + 1) / len(weights))
    return pd.DataFrame(rows, columns=COLUMNS)


def text_coherence(cluster_of_item: np.ndarray, vectors: np.ndarray, traffic: np.ndarray) -> float:
    """Mean cosine of every interaction's item to the centroid of its interest, weighted by traffic as well."""
    items = np.arange(len(cluster_of_item))
    sums = sparse.csr_array((traffic.astype(np.float32), (cluster_of_item, items))) @ vectors
    return float(np.linalg.norm(sums, axis=1).sum() / traffic.sum())


def measure_recall(cluster_of_item: np.ndarray, interactions: Interactions, split: int, config: RunConfig) -> dict:
    n_clusters, k = int(cluster_of_item.max()) + 1, config.transition.k
    histories = histories_of_items(interactions, cluster_of_item, n_clusters)
    moves = list_moves(histories.before(split), k=k)
    table = evaluate_policies(
        {"counts": train_counts(moves, config=config.policy)},
        histories,
        split=split,
        k=k,
        config=config.evaluation,
        seed=config.seed,
    )
    found = table[table["metric"] == RECALL].set_index("policy")
    if found.empty:
        return {"n_cases": 0}
    ours = found.loc["counts"]
    return {
        "recall": ours["value"],
        "low": ours["low"],
        "high": ours["high"],
        "popularity": found.loc[POPULARITY, "value"],
        "n_cases": int(ours["n_cases"]),
    }
