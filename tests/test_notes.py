"""What has to be said about how predictions came about is said wherever they are made, and with all laid over them."""

import json
from dataclasses import replace

import pytest
from small_worlds import OWN_VECTORS, import_with_vectors, quick_builds, read_by_length

from hierex.cli import main
from hierex.config import LayerConfig, PolicyConfig, RecommenderConfig, RunConfig
from hierex.kept.results import result_note, stage_seconds
from hierex.pipeline import run_pipeline
from hierex.policies.refreshed import NO_USE
from hierex.store import open_store
from hierex.synthetic import make_world

SAID = "Smoothed counts answer instead."
CONFIG = RunConfig(
    granularity=8,
    embedding=OWN_VECTORS,
    policy=PolicyConfig(kind="encoder"),
    recommender=RecommenderConfig(kind="popularity"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Logs of too few moves for anything but counts."""
    folder = tmp_path_factory.mktemp("notes")
    with open_store(folder / "w.duckdb") as store:
        import_with_vectors(store, folder, make_world(n_items=120, n_users=25, n_interactions=250, seed=3))
    with quick_builds(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("hierex.pipeline.embed_texts", lambda texts, **_: read_by_length(texts))
        yield folder


@pytest.mark.parametrize(
    "layers",
    [LayerConfig(novelty=2.0), LayerConfig(refreshed=True), LayerConfig(refreshed=True, novelty=2.0)],
    ids=["novelty", "refreshed", "both"],
)
def test_what_is_said_of_a_policy_is_said_of_what_is_laid_over_it(folder, layers):
    with open_store(folder / "w.duckdb") as store:
        below = run_pipeline(store, CONFIG, until="policies")
        said = result_note(store, "policies", below.keys["policies"])
        assert said.endswith(SAID)
        work = run_pipeline(store, replace(CONFIG, layers=layers), until="policies")
        assert work.keys["policies"] != below.keys["policies"]
        own = [NO_USE] if layers.refreshed else []
        assert result_note(store, "policies", work.keys["policies"]) == " ".join([said, *own])


def test_what_is_expected_of_a_policy_is_the_time_to_learn_it(folder):
    with open_store(folder / "w.duckdb") as store:
        learned = run_pipeline(store, CONFIG, until="policies").keys["policies"]
        with store.transaction() as writer:
            writer.execute("UPDATE results SET seconds = 77 WHERE stage = 'policies' AND key = ?", [learned])
        run_pipeline(store, replace(CONFIG, layers=LayerConfig(novelty=3.0)), until="policies")
        assert stage_seconds(store)["policies"] == 77


def test_what_was_laid_over_before_its_note_was_kept_is_laid_over_anew(folder):
    layered = replace(CONFIG, layers=LayerConfig(novelty=1.0))
    with open_store(folder / "w.duckdb") as store:
        below = run_pipeline(store, CONFIG, until="policies").keys["policies"]
        said = result_note(store, "policies", below)
        note_down(store, below, "")
        assert not result_note(store, "policies", run_pipeline(store, layered, until="policies").keys["policies"])
        note_down(store, below, said)
        assert result_note(store, "policies", run_pipeline(store, layered, until="policies").keys["policies"]) == said


def note_down(store, key, note):
    with store.transaction() as writer:
        writer.execute("UPDATE results SET note = ? WHERE stage = 'policies' AND key = ?", [note, key])


def run(folder, *more):
    logs = ["--items", str(folder / "items.parquet"), "--interactions", str(folder / "interactions.parquet")]
    return [
        "run",
        *logs,
        "--store",
        str(folder / "w.duckdb"),
        "--granularity",
        "8",
        "--model",
        OWN_VECTORS.model,
        *more,
    ]


def test_the_command_line_says_that_counts_answer(folder, capsys):
    for _ in range(2):  # made, and used again
        assert main(run(folder, "--until", "policies", "--json")) == 0
        *lines, last = capsys.readouterr().out.strip().splitlines()
        assert lines[-1].startswith("policies ")
        assert lines[-1].endswith(SAID)
        assert json.loads(last)["notes"]["policies"].endswith(SAID)
    assert main(run(folder, "--until", "policies", "--policy", "counts", "--json")) == 0
    said = capsys.readouterr().out.strip().splitlines()
    assert json.loads(said[-1])["notes"] == {}
    assert not any(SAID in line for line in said)


def test_what_is_made_for_another_command_says_so_too(folder, capsys):
    with open_store(folder / "w.duckdb") as store:
        run_pipeline(store, CONFIG, until="policies")
    store = ["--store", str(folder / "w.duckdb"), "--granularity", "7"]
    assert main(["export", *store, "--out", str(folder / "out")]) == 0
    assert SAID in capsys.readouterr().err
