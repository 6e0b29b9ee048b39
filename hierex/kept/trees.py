"""Keeping the tree of interests when the logs change, so that interests stay what people know them as.

New items, and those whose words changed, are put into it where they fit best (`placement`). It is grown anew where too
many are new, where too many interests would be left empty, where another text model is used, or when a person asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd

from ..config import RunConfig
from ..interest_tree import InterestTree
from ..store import Store
from ..taxonomy import leaf_of_item
from ..taxonomy.placement import find_leaves, put_items
from . import results, stage_tables
from .curation_edits import read_taxonomy_key
from .runs import runs_like

MOST_NEW = 0.3
"""With a larger share of items that the tree does not know, it is grown anew."""
MANY_NEW = 0.1
"""Above this share of items that were put in later, it is time to grow the tree anew."""
MOST_EMPTY = 0.1
"""With a larger share of the finest interests left without an item, it is grown anew."""
AS_MANY = 1.5
"""The number of interests that hierex chose stays while it would choose no more than so many times as many now."""
NEW = -1
"""In place of a leaf, for an item that the tree does not know."""


@dataclass(frozen=True)
class KeptTree:
    """An earlier tree that goes on. leaves: (n_items,) its finest node for every item of now, or NEW.

    placed: (n_items,) bool, which items came after the tree was grown; grown_key: the key under which it was.
    """

    key: str
    grown_key: str
    tree: InterestTree
    leaves: np.ndarray
    placed: np.ndarray

    def with_items(self, vectors: np.ndarray, traffic: np.ndarray) -> InterestTree:
        """The tree with the items of now; (n_items, d) float32 and (n_items,)."""
        leaves, known = self.leaves.copy(), self.leaves != NEW
        if not known.all():
            without_new = put_items(self.tree, leaves[known], vectors[known], traffic[known])
            leaves[~known] = find_leaves(without_new, vectors[known], vectors[~known])
        return put_items(self.tree, leaves, vectors, traffic)


def same_tree(store: Store, config: RunConfig, keys: dict[str, str]) -> str | None:
    """The key of the tree that these logs have already, with these settings. keys: of the run so far."""
    alike = ("logs", "embeddings")
    earlier = (found for found in _earlier(store, config, keys) if all(found.get(key) == keys[key] for key in alike))
    return next((found["interest_tree"] for found in earlier), None)


def tree_to_keep(
    store: Store, config: RunConfig, keys: dict[str, str], item_keys: Sequence[str]
) -> tuple[KeptTree | None, str]:
    """The tree of the latest run with these settings, whatever its logs; or else, where there is one, why not that."""
    latest = next(_earlier(store, config, keys), None)
    if latest is None:
        return None, ""
    key = latest["interest_tree"]
    known_keys, placed = stage_tables.read_tree_items(store, key)
    if known_keys is None:
        return None, "The interests were found anew, because the earlier ones are of an older version."
    tree = stage_tables.read_tree(store, key)
    place = pd.Index(known_keys).get_indexer(pd.Index(item_keys))
    known = place >= 0
    leaves = np.where(known, tree.cut(tree.finest)[leaf_of_item(tree)][place], NEW)
    if known.mean() < 1 - MOST_NEW:
        return None, f"The interests were found anew, because {1 - known.mean():.0%} of the items are new or changed."
    empty = 1 - len(np.unique(leaves[known])) / tree.finest
    sides = np.unique(tree.lo[leaves[known]] < tree.hi[1])
    if empty > MOST_EMPTY or len(sides) < 2:
        return None, f"The interests were found anew, because {empty:.0%} of the finest had lost all their items."
    return KeptTree(key, stage_tables.grown_key(store, key), tree, leaves, np.where(known, placed[place], True)), ""


def tree_before(store: Store, config: RunConfig, keys: dict[str, str]) -> str | None:
    """The key of another tree that these logs have, of the latest run: what there was before it was grown anew."""
    now = keys["interest_tree"]
    earlier = (found for found in _earlier(store, config, keys) if found.get("logs") == keys["logs"])
    return next((found["interest_tree"] for found in earlier if found["interest_tree"] != now), None)


def number_to_keep(store: Store, config: RunConfig, keys: dict[str, str], usual: int) -> int:
    """The number of interests that hierex chose for this tree before; `usual`, what it would choose now, where it never
    did or where that is a very different number."""
    grown = stage_tables.grown_key(store, keys["interest_tree"])
    chosen = (found.keys for found in runs_like(store, config) if found.config["granularity"] is None)
    earlier = (found for found in chosen if "taxonomy" in found)
    on_this_tree = (found for found in earlier if stage_tables.grown_key(store, found["interest_tree"]) == grown)
    before = next((read_taxonomy_key(found["taxonomy"])[0] for found in on_this_tree), usual)
    return before if max(before, usual) <= AS_MANY * min(before, usual) else usual


def item_keys(items: pd.DataFrame, vectors: np.ndarray | None = None) -> np.ndarray:
    """(n_items,) object: what an item is known again by: its id and its words, and its vector where it brought one.

    items: item_id, title, text. vectors: (n_items, d).
    """
    words = zip(items["item_id"], items["title"], items["text"], strict=True)
    contents = ["\0".join(row).encode() for row in words]
    if vectors is not None:
        contents = [words + vector.tobytes() for words, vector in zip(contents, vectors, strict=True)]
    return np.array([blake2b(content, digest_size=8).hexdigest() for content in contents], object)


def _earlier(store: Store, config: RunConfig, keys: dict[str, str]) -> Iterator[dict[str, str]]:
    """The keys of runs whose tree is there and was grown with the same settings, latest first."""
    for run in runs_like(store, config):
        tree_key, settings = (run.keys.get(name) for name in ("interest_tree", "tree_settings"))
        if tree_key and settings == keys["tree_settings"] and results.has_result(store, "interest_tree", tree_key):
            yield run.keys
