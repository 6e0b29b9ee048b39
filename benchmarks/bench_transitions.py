"""From a large log to counted transitions: first visits in the database, then moves at three granularities.

    python -m benchmarks.bench_transitions [--interactions N]

The log is made up: every person likes a dozen places in the tree, some much more than others, and visits items around
them. The baseline counts the same moves from the raw log with pandas,
at one granularity.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from hierex.config import TreeConfig
from hierex.interest_tree import grow_tree
from hierex.kept import stage_tables
from hierex.store import open_store
from hierex.taxonomy import cluster_of_leaf, curate, leaf_of_item
from hierex.transitions import balance_examples, collect_histories, count_transitions, list_moves

N_ITEMS, PER_USER, LIKES = 20_000, 100, 12
GRANULARITIES = (100, 300, 761)


def make_log(n: int, order: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """order: items along the tree, so that near ones are alike."""
    n_users = n // PER_USER
    likes = rng.integers(N_ITEMS, size=(n_users, LIKES))
    user = np.sort(rng.integers(n_users, size=n)).astype(np.int32)
    liked = likes[user, (LIKES * rng.random(n) ** 2).astype(np.int64)]
    item = order[np.clip(liked + rng.normal(scale=10, size=n).astype(np.int64), 0, N_ITEMS - 1)]
    position = np.arange(n) - np.searchsorted(user, user)
    clock = np.arange(n, dtype=np.int64)
    return pd.DataFrame({"user_index": user, "item_index": item, "position": position.astype(np.int32), "clock": clock})


def count_with_pandas(log: pd.DataFrame, cluster_of_item: np.ndarray) -> int:
    """The plain way: first visits by a group-by over the whole log, then pairs of shifted rows."""
    log = log.assign(cluster=cluster_of_item[log["item_index"]])
    first = log.drop_duplicates(["user_index", "cluster"])
    by_user = first.groupby("user_index")["cluster"]
    moves = pd.DataFrame({"a": by_user.shift(2), "b": by_user.shift(1), "novel": first["cluster"]}).dropna()
    return len(moves.value_counts())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=20_000_000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(N_ITEMS, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tree = grow_tree(vectors, np.ones(N_ITEMS), config=TreeConfig(), seed=0)
    log = make_log(options.interactions, tree.order, rng)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "w.duckdb")
        n_users = int(log["user_index"].max()) + 1
        with store.transaction() as writer:
            writer.insert("interactions", {name: log[name].to_numpy() for name in log})
            writer.insert("users", {"user_index": np.arange(n_users, dtype=np.int32)}, user_id="")
        started = perf_counter()
        with store.transaction() as writer:
            stage_tables.write_first_visits(writer, "key", leaf_of_item(tree))
        written = perf_counter() - started
        visits = stage_tables.read_first_visits(store, "key")
        read = perf_counter() - started - written
        print(f"{len(log):,} interactions: first visits {written:.1f} s ({len(visits.leaf):,} rows), read {read:.1f} s")
        for granularity in GRANULARITIES:
            taxonomy, _ = curate(tree, granularity, [])
            begun = perf_counter()
            leaves = cluster_of_leaf(tree, taxonomy)
            moves = list_moves(collect_histories(visits, leaves, taxonomy.n_clusters), k=2)
            transitions = count_transitions(moves)
            balance_examples(transitions, per_novel=10)
            ours = perf_counter() - begun
            begun = perf_counter()
            count_with_pandas(log, taxonomy.cluster_of_item)
            theirs = perf_counter() - begun
            print(
                f"{granularity} interests: {len(moves):,} moves, {len(transitions):,} transitions in {ours:.1f} s "
                f"(with first visits {ours + written + read:.1f} s); pandas over the log {theirs:.1f} s"
            )
        store.close()


if __name__ == "__main__":
    main()
