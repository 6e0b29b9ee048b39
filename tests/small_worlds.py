"""Small workspaces, made as quickly as may be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hierex.config import VECTORS_IN_FILE, EmbeddingConfig
from hierex.imports import import_logs
from hierex.logs import LogFile
from hierex.recommenders import PopularityRecommender
from hierex.store import Store
from hierex.synthetic import World, make_world

OWN_VECTORS = EmbeddingConfig(model=VECTORS_IN_FILE)


def import_with_vectors(store: Store, folder: Path, world: World) -> None:
    """Takes in the world as logs whose items bring vectors of their own."""
    files = folder / "items.parquet", folder / "interactions.parquet"
    world.items.assign(embedding=world.vectors(dimensions=8).astype(float).tolist()).to_parquet(files[0])
    world.interactions.to_parquet(files[1])
    import_logs(store, *(LogFile(file, file.name) for file in files))


@contextmanager
def quick_builds() -> Iterator[None]:
    """Items are placed by principal components, found by popularity, and words read by their length: for where it does
    not matter on what map, which items, and what words mean."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hierex.item_map._try_umap", lambda *_: None)
        patch.setattr("hierex.pipeline.train_sequence_part", by_popularity)
        patch.setattr("hierex.workspace.embed_texts", read_by_length)
        yield


def by_popularity(interactions, *_, progress, **__) -> PopularityRecommender:
    progress(1.0)
    return PopularityRecommender(interactions.traffic())


def read_by_length(texts: list[str], **_) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[[len(text) % 4 for text in texts]]


def run_until(stage: str, folder: Path, *, n_users: int, n_interactions: int) -> Path:
    """The file of a workspace that the command line built so far."""
    from hierex.cli import main

    world = make_world(n_items=220, n_users=n_users, n_interactions=n_interactions, seed=5)
    world.items.to_parquet(folder / "items.parquet")
    world.interactions.to_parquet(folder / "interactions.parquet")
    logs = ["--items", str(folder / "items.parquet"), "--interactions", str(folder / "interactions.parquet")]
    assert main(["run", *logs, "--store", str(folder / "w.duckdb"), "--until", stage]) == 0
    return folder / "w.duckdb"
