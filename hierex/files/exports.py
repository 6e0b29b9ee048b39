"""Everything that a workspace found, as files for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ..config import CONTEXTS_PER_NOVEL
from ..errors import HierexError
from ..kept import stage_tables
from ..transitions import Transitions, pick_examples
from ..transitions.pairs import without_rare
from ..transitions.prompts import fine_tuning_examples
from ..workspace import Workspace

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export_all(work: Workspace, folder: Path) -> list[Path]:
    """Writes every table as Parquet and the fine-tuning examples as JSONL; returns the files.

    Raises HierexError when the folder cannot be written.
    """
    frames: dict[str, Callable[[Workspace], pd.DataFrame]] = {
        "items": items_frame,
        "item_order": item_order_frame,
        "tree": tree_frame,
        "clusters": clusters_frame,
        "transitions": transitions_frame,
        "transition_table": transition_table_frame,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for name, make in frames.items():
            files.append(folder / f"{name}.parquet")
            make(work).to_parquet(files[-1], index=False)
        files.append(folder / "fine_tuning.jsonl")
        files[-1].write_text(fine_tuning_lines(work), encoding="utf-8")
    except OSError as error:
        raise HierexError(f"'{folder}' cannot be written: {error.strerror or error}.") from error
    return files


def items_frame(work: Workspace) -> pd.DataFrame:
    """item_id, title, traffic, cluster_id, x, y."""
    frame = work.items[["item_id", "title", "traffic"]].copy()
    frame["cluster_id"] = work.taxonomy.cluster_ids[work.taxonomy.cluster_of_item]
    frame["x"], frame["y"] = work.item_map.xy.T
    return frame


def item_order_frame(work: Workspace) -> pd.DataFrame:
    """position, item_id: every interest is a slice of this order."""
    item_ids = work.items["item_id"].to_numpy()[work.tree.order]
    return pd.DataFrame({"position": np.arange(len(item_ids), dtype=np.int32), "item_id": item_ids})


def tree_frame(work: Workspace) -> pd.DataFrame:
    """node_id, parent_id (missing for the root), lo, hi, born, dies, n_items, traffic, coherence."""
    tree = work.tree
    nodes = np.arange(len(tree.lo), dtype=np.int32)
    parents = pd.array(tree.parent, dtype="Int32")
    parents[nodes[tree.parent == nodes]] = pd.NA
    columns = {
        "node_id": nodes,
        "parent_id": parents,
        "lo": tree.lo,
        "hi": tree.hi,
        "born": tree.born,
        "dies": tree.dies,
    }
    return pd.DataFrame({**columns, "n_items": tree.hi - tree.lo, "traffic": tree.traffic, "coherence": tree.coherence})


def clusters_frame(work: Workspace) -> pd.DataFrame:
    """cluster_id, node_ids, name, phrases, summary, source, hidden, n_items, traffic, traffic_share, coherence.

    node_ids: the nodes of the tree that the cluster is made of, in item order; several where people merged some.
    """
    taxonomy, descriptions = work.taxonomy, work.cluster_descriptions()
    return pd.DataFrame(
        {
            "cluster_id": taxonomy.cluster_ids,
            "node_ids": [taxonomy.nodes_of(cluster) for cluster in range(taxonomy.n_clusters)],
            "name": [d.name for d in descriptions],
            "phrases": [list(d.phrases) for d in descriptions],
            "summary": [d.summary for d in descriptions],
            "source": [d.source for d in descriptions],
            "hidden": taxonomy.hidden,
            "n_items": taxonomy.hi - taxonomy.lo,
            "traffic": taxonomy.traffic,
            "traffic_share": taxonomy.share,
            "coherence": taxonomy.coherence,
        }
    )


def transitions_frame(work: Workspace) -> pd.DataFrame:
    """context, novel_cluster_id, n_users."""
    return stage_tables.read_transitions(work.store, work.key("transitions"))


def transition_table_frame(work: Workspace) -> pd.DataFrame:
    """context, rank, novel_cluster_id, score; without hidden interests, which leave a gap in the ranks."""
    frame = stage_tables.read_table_frame(work.store, work.key("transition_table"))
    return frame[~frame["novel_cluster_id"].isin(work.taxonomy.cluster_ids[work.taxonomy.hidden])]


def fine_tuning_lines(work: Workspace, *, fewest: int = 1) -> str:
    """One chat example a line: the balanced set of the paper (section 3) in the form of its figure 2."""
    examples = chat_examples(work, balanced_transitions(work, fewest=fewest))
    return "".join(json.dumps(example, ensure_ascii=False) + "\n" for example in examples)


def balanced_transitions(work: Workspace, *, fewest: int = 1) -> Transitions:
    """The balanced set, without what leads to a hidden interest and what fewer than `fewest` people did."""
    picked = pick_examples(work.training_moves, work.taxonomy.hidden, per_novel=CONTEXTS_PER_NOVEL)
    return without_rare(picked, fewest=fewest)


def chat_examples(work: Workspace, transitions: Transitions) -> Iterator[dict]:
    """See `fine_tuning_examples`."""
    return fine_tuning_examples(transitions, work.cluster_descriptions())


def safe_csv(frame: pd.DataFrame) -> bytes:
    """CSV in which no cell is taken for a formula by a spreadsheet; with a byte order mark, which Excel needs."""
    texts = frame.select_dtypes(include=["object", "str"]).columns
    neutral = frame.assign(**{name: frame[name].map(neutralise) for name in texts})
    return neutral.to_csv(index=False).encode("utf-8-sig")


def neutralise(cell: object) -> object:
    """A text that a spreadsheet would run gets an apostrophe before it; `as_typed` takes it off again."""
    if isinstance(cell, str) and cell.lstrip("'").startswith(FORMULA_STARTS):
        return "'" + cell
    return cell


def as_typed(cell: object) -> object:
    """What was in the cell before `neutralise`."""
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and neutralise(cell) != cell else cell
