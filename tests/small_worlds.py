"""Small workspaces, made as quickly as may be."""

from pathlib import Path

import numpy as np

from hierex.cli import main
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


def by_popularity(interactions, *_, progress, **__) -> PopularityRecommender:
    """For `hierex.pipeline.train_sequence_part`, where it does not matter which items are found."""
    progress(1.0)
    return PopularityRecommender(interactions.traffic())


def read_by_length(texts: list[str], **_) -> np.ndarray:
    """For `hierex.workspace.embed_texts`, where it does not matter what words mean; (n, 4), unit length."""
    return np.eye(4, dtype=np.float32)[[len(text) % 4 for text in texts]]


def run_until(stage: str, folder: Path, *, n_users: int, n_interactions: int) -> Path:
    """The file of a workspace that the command line built so far."""
    world = make_world(n_items=220, n_users=n_users, n_interactions=n_interactions, seed=5)
    world.items.to_parquet(folder / "items.parquet")
    world.interactions.to_parquet(folder / "interactions.parquet")
    logs = ["--items", str(folder / "items.parquet"), "--interactions", str(folder / "interactions.parquet")]
    assert main(["run", *logs, "--store", str(folder / "w.duckdb"), "--until", stage]) == 0
    return folder / "w.duckdb"
