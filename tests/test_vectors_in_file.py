"""Vectors that come with the catalogue: checked, kept, given back, and never mixed with those of a text model."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_pipeline import CONFIG, write_world

from hierex.cli import main
from hierex.config import VECTORS_IN_FILE, EmbeddingConfig
from hierex.errors import LogError, NotReady
from hierex.imports import import_logs
from hierex.kept import stored_logs
from hierex.logs import LogFile, guess_columns, preview
from hierex.pipeline import run_pipeline
from hierex.store import Scratch, open_store
from hierex.synthetic import make_world

N_ITEMS, SIZE = 240, 24
OWN = replace(CONFIG, embedding=EmbeddingConfig(model=VECTORS_IN_FILE))


@pytest.fixture(scope="module")
def world():
    return make_world(n_items=N_ITEMS, n_users=120, n_interactions=2_400, seed=3)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write(world, folder, vectors, kind="parquet", column="embedding"):
    """vectors: a list of lists, or None for a catalogue without."""
    folder.mkdir(exist_ok=True)
    items = world.items.copy()
    if vectors is not None:
        items[column] = vectors
    path = folder / f"items.{kind.split('-')[0]}"
    if kind == "parquet":
        items.to_parquet(path)
    elif kind == "parquet-fixed":
        flat = pa.array(np.array(vectors, np.float32).ravel())
        table = pa.Table.from_pandas(world.items).append_column(column, pa.FixedSizeListArray.from_arrays(flat, SIZE))
        pq.write_table(table, path)
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in items.to_dict("records")))
    else:
        items[column] = [(str if kind == "csv" else lambda v: str(np.array(v)))(v) for v in vectors]
        items.to_csv(path, index=False)
    world.interactions.to_csv(folder / "interactions.csv", index=False)
    return LogFile(path, path.name), LogFile(folder / "interactions.csv", "interactions.csv")


@pytest.fixture(scope="module")
def vectors(world):
    return (3 * world.vectors(dimensions=SIZE)).astype(float).tolist()


@pytest.mark.parametrize("kind", ["parquet", "parquet-fixed", "jsonl", "csv", "csv-numpy"])
def test_vectors_come_back_as_they_came_but_of_unit_length(world, vectors, tmp_path, kind):
    with open_store(tmp_path / "w.duckdb") as store:
        report = import_logs(store, *write(world, tmp_path, vectors, kind))
        assert report.vector_size == SIZE
        kept = stored_logs.read_vectors(store)
        assert stored_logs.log_report(store) == report
        assert list(stored_logs.read_items(store)["item_id"]) == list(world.items["item_id"])
    assert kept.dtype == np.float32
    assert np.allclose(kept, unit(np.array(vectors)), atol=1e-6 if kind != "csv-numpy" else 1e-4)


def test_the_vectors_go_with_their_item_where_rows_are_left_out(world, vectors, tmp_path):
    items = world.items.assign(embedding=vectors)
    items.loc[3, ["title", "description", "hashtags"]] = ""
    shuffled = pd.concat([items, items[5:9]]).sample(frac=1, random_state=0)
    files = write(world, tmp_path, vectors)
    shuffled.to_parquet(files[0].path)
    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *files)
        kept, ids = stored_logs.read_vectors(store), stored_logs.read_items(store)["item_id"]
    assert len(ids) == N_ITEMS - 1
    by_id = dict(zip(items["item_id"], unit(np.array(vectors)), strict=True))
    assert np.allclose(kept, [by_id[item_id] for item_id in ids], atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([0.5] * (SIZE - 1) + [float("nan")], "NaN"),
        ([0.5] * (SIZE - 1) + [float("inf")], "infinite"),
        ([0.5] * (SIZE - 1) + [None], "missing"),
        ([0.5] * (SIZE - 1), f"it has {SIZE - 1} numbers, where most have {SIZE}"),
        ([0.0] * SIZE, "all of its numbers are 0"),
        ([], "it has none"),
        (None, "it has none"),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_vector_that_cannot_be_used_is_named_and_nothing_comes_in(world, vectors, tmp_path, kind, wrong, said):
    files = write(world, tmp_path, [*vectors[:7], wrong, *vectors[8:]], kind)
    with open_store(tmp_path / "w.duckdb") as store:
        with pytest.raises(LogError, match=said) as error:
            import_logs(store, *files)
        assert f"The vector of item '{world.items['item_id'][7]}' in the column 'embedding'" in str(error.value)
        assert "So it is" not in str(error.value)
        assert stored_logs.log_report(store) is None


def test_large_and_tiny_numbers_are_no_reason_to_refuse(world, vectors, tmp_path):
    odd = [[1e30] * SIZE, [1e-30] * SIZE, *vectors[2:]]
    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *write(world, tmp_path, odd))
        assert np.allclose(stored_logs.read_vectors(store)[:2], SIZE**-0.5)


def test_a_column_of_vectors_is_recognised_and_is_no_text(world, vectors, tmp_path):
    scratch = Scratch(tmp_path)
    try:
        items, log = (preview(scratch.database, file) for file in write(world, tmp_path, vectors, column="x"))
        plain = preview(scratch.database, write(world, tmp_path / "plain", None)[0])
    finally:
        scratch.discard()
    found = guess_columns(items, log)[0]
    assert found.vector == "x"
    assert "x" not in found.text
    assert guess_columns(plain, log)[0].vector is None
    short = plain.assign(tags=["1,2,3"] * len(plain), emb=["[1, 2, 3]"] * len(plain))
    assert guess_columns(short, log)[0].vector == "emb"
    assert guess_columns(short.drop(columns="emb"), log)[0].vector is None


def test_going_back_to_the_logs_before_brings_their_vectors_back(world, vectors, tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        first = import_logs(store, *write(world, tmp_path / "a", vectors))
        before = stored_logs.read_vectors(store)
        second = import_logs(store, *write(world, tmp_path / "b", None))
        assert second.content_key != first.content_key
        with pytest.raises(NotReady, match="no column of vectors"):
            stored_logs.read_vectors(store)
        stored_logs.exchange_logs(store)
        assert np.array_equal(stored_logs.read_vectors(store), before)
        stored_logs.exchange_logs(store)
        with pytest.raises(NotReady):
            stored_logs.read_vectors(store)


def test_other_vectors_are_other_logs(world, vectors, tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        first = import_logs(store, *write(world, tmp_path / "a", vectors))
        second = import_logs(store, *write(world, tmp_path / "b", vectors[::-1]))
    assert first.content_key != second.content_key


def test_the_tree_is_of_these_vectors_and_the_policy_of_words(world, vectors, tmp_path):
    handed = {}

    def spy(function, *args, progress, **kwargs):
        handed[function.__name__] = args
        return function(*args, progress=progress, **kwargs)

    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *write(world, tmp_path, vectors))
        work = run_pipeline(store, OWN, until="recommenders", compute=spy)
        own = unit(np.array(vectors, np.float32))
        for stage in ("grow_tree", "map_items"):
            assert np.allclose(handed[stage][0], own, atol=1e-6)
        assert np.allclose(handed["train_sequence_part"][1], own, atol=1e-6)
        assert handed["embed_texts"][0] == sorted(dict.fromkeys(work.words()), key=len), "only words of interests"
        assert handed["train_policy"][2].shape == (12, 384)
        by_text = run_pipeline(store, CONFIG, until="interest_tree")
        assert by_text.keys["interest_tree"] != work.keys["interest_tree"]


def test_asking_for_vectors_that_are_not_there_says_what_to_do(tmp_path, capsys):
    items, log = write_world(tmp_path / "logs")
    arguments = ["run", "--items", str(items.path), "--interactions", str(log.path), "--store", str(tmp_path / "w")]
    assert main([*arguments, "--model", VECTORS_IN_FILE]) == 2
    assert "no column of vectors" in capsys.readouterr().err
