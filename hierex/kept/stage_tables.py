"""As what rows the result of each stage is kept, and as which data class it comes back."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ..descriptions import Description
from ..grounding import GroundedItems
from ..interest_tree import InterestTree
from ..item_map import ItemMap
from ..store import SQL, Store, Writer
from ..taxonomy import Taxonomy
from ..transition_table import LONGEST, Predictions, TransitionTable
from ..transitions import FirstVisits, Transitions
from .results import result_note

# -- embeddings --------------------------------------------------------------------------------------------------------


def read_known(store: Store, model: str, text_keys: Sequence[str]) -> np.ndarray:
    """(n,) bool: which texts have a vector already."""
    known = set(store.table("SELECT text_key FROM embeddings WHERE model = ?", [model])["text_key"].to_pylist())
    return np.fromiter((key in known for key in text_keys), bool, len(text_keys))


def read_embeddings(store: Store, model: str, text_keys: Sequence[str]) -> tuple[np.ndarray | None, np.ndarray]:
    """((n, dim) float32 vectors, (n,) bool which of them are known). The vectors are None when none is known."""
    wanted = pa.table({"place": np.arange(len(text_keys)), "text_key": pa.array(text_keys, pa.string())})
    found = store.with_keys(
        "SELECT place, vector FROM wanted JOIN embeddings USING (text_key) WHERE model = ?", "wanted", wanted, [model]
    )
    known = np.zeros(len(text_keys), bool)
    if not found.num_rows:
        return None, known
    places = found["place"].to_numpy()
    flat = found["vector"].combine_chunks().flatten().to_numpy()
    vectors = np.zeros((len(text_keys), len(flat) // len(places)), np.float32)
    vectors[places] = flat.reshape(len(places), -1)
    known[places] = True
    return vectors, known


def write_embeddings(store: Store, model: str, text_keys: Sequence[str], vectors: np.ndarray) -> None:
    """Keeps vectors by text; a text that is there already stays as it is."""
    arrays = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    with store.transaction() as writer:
        writer.register("new_vectors", {"text_key": pa.array(text_keys, pa.string()), "vector": arrays})
        writer.execute(
            "INSERT INTO embeddings SELECT DISTINCT ON (text_key) ?, text_key, vector FROM new_vectors "
            "ANTI JOIN (SELECT text_key FROM embeddings WHERE model = ?) USING (text_key)",
            [model, model],
        )


# -- tree, map, descriptions -------------------------------------------------------------------------------------------

TREE_COLUMNS = {"lo": "lo", "hi": "hi", "born": "born", "dies": "dies", "parent": "parent_id"}


def write_tree(
    writer: Writer, key: str, tree: InterestTree, item_keys: np.ndarray, placed: np.ndarray, grown_key: str
) -> None:
    """item_keys, placed: by item index; placed are those that came after the tree was grown, under `grown_key`."""
    n = len(tree.lo)
    nodes = {column: getattr(tree, field) for field, column in TREE_COLUMNS.items()}
    nodes |= {"traffic": tree.traffic, "coherence": tree.coherence}
    writer.insert("tree_nodes", {"node_id": np.arange(n, dtype=np.int32), **nodes}, key=key)
    positions = np.arange(tree.n_items, dtype=np.int32)
    items = {"item_index": tree.order, "item_key": item_keys[tree.order], "placed": placed[tree.order]}
    writer.insert("item_order", {"position": positions, **items}, key=key)
    if grown_key != key:
        writer.execute("INSERT INTO kept_trees VALUES (?, ?)", [key, grown_key])


def read_tree(store: Store, key: str) -> InterestTree:
    nodes = store.columns(
        "SELECT lo, hi, born, dies, parent_id AS parent, traffic, coherence FROM tree_nodes WHERE key = ? "
        "ORDER BY node_id",
        [key],
    )
    order = store.columns("SELECT item_index FROM item_order WHERE key = ? ORDER BY position", [key])["item_index"]
    return InterestTree(order=order, **nodes)


def grown_key(store: Store, key: str) -> str:
    """The key under which this tree was first grown: its own, unless it was kept when the logs changed."""
    return store.value("SELECT grown_key FROM kept_trees WHERE key = ?", [key]) or key


def read_tree_items(store: Store, key: str) -> tuple[list[str] | None, np.ndarray]:
    """Of this tree, by item index: the items' keys (None where an older version kept none), and which came later."""
    table = store.table("SELECT item_key, placed FROM item_order WHERE key = ? ORDER BY item_index", [key])
    known = table["item_key"].null_count == 0
    return table["item_key"].to_pylist() if known else None, table["placed"].to_numpy(zero_copy_only=False)


def placed_share(store: Store, key: str) -> float:
    """Which share of the items came after the tree was grown."""
    return store.value("SELECT avg(placed::INTEGER) FROM item_order WHERE key = ?", [key]) or 0.0


def write_map(writer: Writer, key: str, item_map: ItemMap) -> None:
    n = len(item_map.xy)
    columns = {"item_index": np.arange(n, dtype=np.int32), "x": item_map.xy[:, 0], "y": item_map.xy[:, 1]}
    writer.insert("item_map", columns, key=key)


def read_map(store: Store, key: str) -> ItemMap:
    columns = store.columns("SELECT x, y FROM item_map WHERE key = ? ORDER BY item_index", [key])
    return ItemMap(np.column_stack([columns["x"], columns["y"]]), result_note(store, "item_map", key))


def write_descriptions(writer: Writer, key: str, descriptions: Sequence[Description]) -> None:
    columns = {
        "node_id": np.array([d.cluster_id for d in descriptions], np.int32),
        "name": [d.name for d in descriptions],
        "phrases": pa.array([list(d.phrases) for d in descriptions], pa.list_(pa.string())),
        "summary": [d.summary for d in descriptions],
        "source": [d.source for d in descriptions],
    }
    writer.insert("descriptions", columns, key=key)


def read_descriptions(store: Store, key: str) -> list[Description]:
    """One per node, in node order."""
    rows = store.table(
        "SELECT node_id AS cluster_id, name, phrases, summary, source FROM descriptions WHERE key = ? ORDER BY node_id",
        [key],
    ).to_pylist()
    return [Description(**{**row, "phrases": tuple(row["phrases"])}) for row in rows]


# -- transitions, policies, tables -------------------------------------------------------------------------------------


def write_first_visits(writer: Writer, key: str, leaf_of_item: np.ndarray) -> None:
    items = np.arange(len(leaf_of_item), dtype=np.int32)
    writer.register("leaf_of_item", {"item_index": items, "leaf": leaf_of_item})
    writer.execute((SQL / "first_visits.sql").read_text(), {"key": key})


def read_first_visits(store: Store, key: str) -> FirstVisits:
    columns = store.columns(
        "SELECT user_index AS user, leaf, clock FROM first_visits WHERE key = ? ORDER BY user_index, position", [key]
    )
    return FirstVisits(**columns, n_users=store.value("SELECT count(*) FROM users"))


def write_transitions(writer: Writer, key: str, transitions: Transitions, taxonomy: Taxonomy) -> None:
    columns = {
        "context": lists_of(taxonomy.cluster_ids[transitions.contexts]),
        "novel_cluster_id": taxonomy.cluster_ids[transitions.novel],
        "n_users": transitions.n_users,
    }
    writer.insert("transitions", columns, key=key)


def read_transitions(store: Store, key: str) -> pd.DataFrame:
    """context (list of cluster ids), novel_cluster_id, n_users; the most frequent first."""
    return store.frame(
        "SELECT context, novel_cluster_id, n_users FROM transitions WHERE key = ? "
        "ORDER BY n_users DESC, context, novel_cluster_id",
        [key],
    )


def write_model(writer: Writer, stage: str, key: str, name: str, arrays: dict[str, np.ndarray]) -> None:
    tensors = save_tensors({part: np.ascontiguousarray(array) for part, array in arrays.items()})
    writer.execute("INSERT INTO models VALUES (?, ?, ?, ?)", [stage, key, name, tensors])


def read_model(store: Store, stage: str, key: str) -> tuple[str, dict[str, np.ndarray]]:
    """The model's name and its arrays."""
    row = store.table("SELECT name, tensors FROM models WHERE stage = ? AND key = ?", [stage, key]).to_pylist()[0]
    return row["name"], load_tensors(row["tensors"])


UNFINISHED = "unfinished"
"""In the place of a model's name: training that goes on later."""


def write_unfinished(writer: Writer, stage: str, key: str, arrays: dict[str, np.ndarray]) -> None:
    """Keeps how far training has come. Only the latest of a stage is kept."""
    forget_unfinished(writer, stage)
    write_model(writer, f"{stage}, {UNFINISHED}", key, UNFINISHED, arrays)


def forget_unfinished(writer: Writer, stage: str) -> None:
    writer.execute("DELETE FROM models WHERE stage = ?", [f"{stage}, {UNFINISHED}"])


def read_unfinished(store: Store, stage: str, key: str) -> dict[str, np.ndarray] | None:
    """How far training under this key has come, None where it has not begun."""
    stage = f"{stage}, {UNFINISHED}"
    return read_model(store, stage, key)[1] if read_model_name(store, stage, key) else None


def write_table(writer: Writer, key: str, table: TransitionTable, taxonomy: Taxonomy) -> None:
    top = table.novel.shape[1]
    ids = taxonomy.cluster_ids
    n_rows = len(table.novel)
    contexts = np.stack(np.unravel_index(np.arange(n_rows), (table.n_clusters,) * table.k), axis=1)
    columns = {
        "context": lists_of(ids[np.repeat(contexts, top, axis=0)]),
        "rank": np.tile(np.arange(1, top + 1, dtype=np.int32), n_rows),
        "novel_cluster_id": ids[table.novel.ravel()],
        "score": table.score.ravel(),
    }
    writer.insert("transition_table", columns, key=key)


def read_table(store: Store, key: str, taxonomy: Taxonomy, *, k: int = 2) -> TransitionTable:
    columns = store.columns("SELECT novel_cluster_id, score FROM transition_table WHERE key = ? ORDER BY rowid", [key])
    by_id = np.argsort(taxonomy.cluster_ids)
    novel = by_id[np.searchsorted(taxonomy.cluster_ids[by_id], columns["novel_cluster_id"])].astype(np.int32)
    if k > LONGEST:
        return TransitionTable(np.empty((0, 0), np.int32), np.empty((0, 0), np.float32), taxonomy.n_clusters, k)
    shape = (taxonomy.n_clusters**k, -1)
    return TransitionTable(novel.reshape(shape), columns["score"].reshape(shape), taxonomy.n_clusters, k)


def read_model_name(store: Store, stage: str, key: str) -> str | None:
    return store.value("SELECT name FROM models WHERE stage = ? AND key = ?", [stage, key])


def read_table_frame(store: Store, key: str) -> pd.DataFrame:
    """context (list of cluster ids), rank, novel_cluster_id, score."""
    return store.frame(
        "SELECT context, rank, novel_cluster_id, score FROM transition_table WHERE key = ? ORDER BY rowid", [key]
    )


def table_clusters(store: Store, key: str) -> np.ndarray:
    """(n_clusters,) the ids of the interests that a table answers for, ascending."""
    return store.columns(
        "SELECT DISTINCT context[1] AS cluster_id FROM transition_table WHERE key = ? ORDER BY cluster_id", [key]
    )["cluster_id"]


def write_grounded(
    writer: Writer, key: str, predictions: Predictions, grounded: GroundedItems, taxonomy: Taxonomy
) -> None:
    columns = {
        "user_index": predictions.user,
        "context": lists_of(taxonomy.cluster_ids[predictions.context]),
        "rank": predictions.rank,
        "novel_cluster_id": taxonomy.cluster_ids[predictions.novel],
        "score": predictions.score,
        "path": pa.array(predictions.path.tolist(), pa.string()),
        "items": pa.array([items.tolist() for items in grounded.items], pa.list_(pa.int32())),
        "item_scores": pa.array([scores.tolist() for scores in grounded.scores], pa.list_(pa.float32())),
    }
    writer.insert("grounded", columns, key=key)


def write_behaviour(writer: Writer, key: str, behaviour: np.ndarray) -> None:
    write_model(writer, "behaviour", key, "behaviour", {"vectors": behaviour})


def read_behaviour(store: Store, key: str) -> np.ndarray:
    """(n_items, d) float32, unit length."""
    return read_model(store, "behaviour", key)[1]["vectors"]


def write_evaluation(writer: Writer, key: str, parts: dict[str, pd.DataFrame]) -> None:
    for part, frame in parts.items():
        text = json.dumps(frame.to_dict("list"), default=float)
        writer.execute("INSERT INTO evaluation VALUES (?, ?, ?)", [key, part, text])


def read_evaluation(store: Store, key: str) -> dict[str, pd.DataFrame]:
    rows = store.table("SELECT part, frame FROM evaluation WHERE key = ?", [key]).to_pylist()
    return {row["part"]: pd.DataFrame(json.loads(row["frame"])) for row in rows}


def lists_of(rows: np.ndarray) -> pa.Array:
    """(n, k) as a column of lists of k."""
    flat = pa.array(np.ascontiguousarray(rows, np.int32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
