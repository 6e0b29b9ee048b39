"""What people hide is left out of what is released, at once, however its interests are divided."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from opened_app import app_over, words
from small_worlds import OWN_VECTORS, import_with_vectors, quick_builds
from test_pages import on_preview_part

from hierex.cli import main
from hierex.config import PolicyConfig, RecommenderConfig, RunConfig
from hierex.kept.curation_edits import read_records, save_curation, set_undone
from hierex.kept.releases import released_run
from hierex.kept.runs import shown_run
from hierex.pipeline import run_pipeline
from hierex.preview.persons import person_of, recommend_usual, serve_person
from hierex.preview.what_if import as_it_is, suppose_interests
from hierex.releases import release_run, withdraw
from hierex.releases.released_work import serve_latest, serve_release
from hierex.serving import Served, serve_users
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.view.opened import serve_run
from hierex.view.preview.supposing import OTHER
from hierex.wording import plain_markdown

CONFIG = RunConfig(
    granularity=12,
    embedding=OWN_VECTORS,
    policy=PolicyConfig(kind="counts"),
    recommender=RecommenderConfig(kind="popularity"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hides")
    with open_store(folder / "One.duckdb") as store:
        import_with_vectors(store, folder, make_world(n_items=240, n_users=120, n_interactions=2_400, seed=3))
    with quick_builds():
        yield folder


@pytest.fixture
def released(folder, monkeypatch):
    """What Ann released. It is withdrawn, and what people changed taken back, after the test."""
    monkeypatch.setattr("hierex.releases.gates.TIMES_CHANCE", 0.0)
    with open_store(folder / "One.duckdb") as store:
        work = run_pipeline(store, CONFIG)
        release_run(store, shown_run(store).run_id, author="Ann")
        yield work
    with open_store(folder / "One.duckdb") as store:
        set_undone(store, [record.edit_id for record in read_records(store)], True)
        withdraw(store, author="Ann")


def change(work, kind, nodes, items=()):
    where = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": work.items["item_id"].to_numpy()}
    return save_curation(work.store, kind, nodes, items=items, **where)


def serve(present) -> tuple:
    """The release as it is served now, and what everybody gets."""
    work = serve_release(present, released_run(present.store))
    return work, serve_users(work, np.arange(len(work.user_ids)), top=4, items=5)


def favourite(work) -> int:
    """The cluster that is predicted most."""
    return int(np.bincount(serve_users(work, np.arange(len(work.user_ids)), top=4, items=5).predictions.novel).argmax())


def items_shown(served: Served) -> np.ndarray:
    return np.unique(np.concatenate(served.grounded.items))


def test_what_is_hidden_is_served_no_more_and_again_once_it_is_taken_back(released):
    cluster = favourite(released)
    items = released.taxonomy.items_of(cluster)
    _, before = serve(released)
    hidden = change(released, "hide", released.taxonomy.nodes_of(cluster).tolist())
    for present in (released, run_pipeline(released.store, CONFIG)):
        work, served = serve(present)
        assert not np.isin(served.predictions.novel, cluster).any()
        assert not np.isin(items_shown(served), items).any()
        person = person_of(work, 0)
        assert not np.isin(recommend_usual(work, person, top=50), items).any()
        assert cluster not in serve_person(work, person, top=12, items=1).predictions.novel
    set_undone(released.store, [hidden], True)
    assert np.array_equal(serve(released)[1].predictions.novel, before.predictions.novel)


def test_predict_writes_nothing_of_what_was_hidden(released, tmp_path):
    cluster = favourite(released)
    node = int(released.taxonomy.cluster_ids[cluster])
    path = released.store.path

    def predicted() -> set[int]:
        assert not main(["predict", "--store", str(path), "--all", "--out", str(tmp_path / "p.parquet")])
        return set(pd.read_parquet(tmp_path / "p.parquet")["novel_cluster_id"])

    released.store.close()
    assert node in predicted()
    with open_store(path) as store:
        change(replace(released, store=store), "hide", [node])
    assert node not in predicted()


def test_predict_writes_nothing_of_what_was_hidden_since_the_latest_build(released, tmp_path):
    withdraw(released.store, author="Ann")
    path, node = released.store.path, int(released.taxonomy.cluster_ids[favourite(released)])
    change(released, "hide", [node])
    released.store.close()
    assert not main(["predict", "--store", str(path), "--all", "--latest", "--out", str(tmp_path / "p.parquet")])
    assert node not in set(pd.read_parquet(tmp_path / "p.parquet")["novel_cluster_id"])


def test_a_build_that_was_stopped_is_shown_without_what_was_hidden_since(tmp_path):
    with open_store(tmp_path / "One.duckdb") as store, quick_builds():
        import_with_vectors(store, tmp_path, make_world(n_items=60, n_users=40, n_interactions=600, seed=3))
        work = run_pipeline(store, CONFIG, until="transition_table")
        change(work, "hide", work.taxonomy.cluster_ids[:1].tolist())
        with app_over(tmp_path):
            assert np.flatnonzero(serve_latest(work).taxonomy.hidden).tolist() == [0]


def test_all_parts_of_a_larger_interest_that_is_hidden_are_left_out(released):
    tree, taxonomy = released.tree, released.taxonomy
    parent = int(tree.parent[taxonomy.cluster_ids[favourite(released)]])
    inside = (tree.lo[parent] <= taxonomy.lo) & (taxonomy.hi <= tree.hi[parent])
    assert inside.sum() > 1
    change(released, "hide", [parent])
    _, served = serve(released)
    assert not inside[served.predictions.novel].any()


def test_of_a_part_that_is_hidden_the_items_are_left_out(released):
    tree, cluster = released.tree, favourite(released)
    part = int(tree.children(released.taxonomy.cluster_ids[cluster])[0])
    change(released, "hide", [part])
    _, served = serve(released)
    assert cluster in served.predictions.novel
    assert not np.isin(items_shown(served), tree.items_of(part)).any()


def test_several_that_were_merged_since_and_hidden_are_left_out(released):
    taxonomy = released.taxonomy
    both = [favourite(released), 0 if favourite(released) else 1]
    nodes = taxonomy.cluster_ids[both].tolist()
    change(released, "merge", nodes)
    change(released, "hide", nodes)
    _, served = serve(run_pipeline(released.store, CONFIG))
    assert not np.isin(served.predictions.novel, both).any()


def test_items_that_were_moved_to_what_is_hidden_are_left_out_too(released):
    taxonomy, cluster = released.taxonomy, favourite(released)
    other = (cluster + 1) % taxonomy.n_clusters
    shown = items_shown(serve(released)[1])
    moved = shown[taxonomy.cluster_of_item[shown] == other][:1]
    assert len(moved), "it is shown before"
    node = int(taxonomy.cluster_ids[cluster])
    change(released, "move", [node], items=moved.tolist())
    change(released, "move", [int(taxonomy.cluster_ids[other])], items=taxonomy.items_of(cluster)[:1].tolist())
    change(released, "hide", [node])
    work, served = serve(run_pipeline(released.store, CONFIG))
    assert work.taxonomy.cluster_of_item[moved] == other, "where it was in what is released"
    assert not np.isin(served.predictions.novel, cluster).any()
    assert not np.isin(items_shown(served), moved).any()


def test_items_that_are_moved_to_what_was_hidden_before_the_build_are_left_out_too(released):
    cluster = favourite(released)
    node = int(released.taxonomy.cluster_ids[cluster])
    change(released, "hide", [node])
    present = run_pipeline(released.store, CONFIG)
    run = shown_run(released.store)
    release_run(released.store, run.run_id, author="Ann")
    assert serve_run(present, run) is present
    moved = items_shown(serve(present)[1])[:1]
    change(present, "move", [node], items=moved.tolist())
    assert present.curated(CONFIG.granularity, read_records(present.store)).taxonomy.hidden_items[moved].all()
    assert not np.isin(items_shown(serve(present)[1]), moved).any()
    assert serve_run(present, run).taxonomy.hidden_items[moved].all()


def test_items_of_what_is_hidden_are_left_out_where_the_release_has_nothing_like_it(released):
    """The interests were found anew since; what is hidden in them is spread over several of those released."""
    anew = run_pipeline(released.store, replace(CONFIG, seed=1, regrow=True))
    mixed = {
        node: len(np.unique(released.taxonomy.cluster_of_item[anew.tree.items_of(node)]))
        for node in anew.taxonomy.cluster_ids.tolist()
    }
    node = max(mixed, key=mixed.get)
    change(anew, "hide", [node])
    work, served = serve(anew)
    assert len(served.predictions)
    assert work.tree_key != anew.tree_key
    assert not np.isin(items_shown(served), anew.tree.items_of(node)).any()


def test_what_if_things_were_otherwise_leaves_out_what_is_hidden(released):
    cluster = favourite(released)
    items = released.taxonomy.items_of(cluster)
    change(released, "hide", released.taxonomy.nodes_of(cluster).tolist())
    work, _ = serve(released)
    for supposed in (as_it_is(work), suppose_interests(work, granularity=20)):
        for user in range(20):
            served = supposed.serve(work, person_of(work, user), top=8, items=5)
            novel = supposed.taxonomy.cluster_of_item[items]
            assert not np.isin(served.predictions.novel, novel).any()


def test_the_preview_page_leaves_out_what_is_hidden_as_soon_as_it_is(released):
    cluster = favourite(released)
    name = plain_markdown(released.cluster_descriptions()[cluster].name)
    node = int(released.taxonomy.cluster_ids[cluster])
    with app_over(released.store.path.parent):
        app = on_preview_part("One", "Report")
        assert name in words(app)
        change(released, "hide", [node])
        app.run()
        assert not app.exception
        assert "Predictions that are released." in words(app)
        assert name not in words(app)


def test_the_latest_build_leaves_out_what_was_hidden_since_where_nothing_is_released(released):
    withdraw(released.store, author="Ann")
    cluster = favourite(released)
    name = plain_markdown(released.cluster_descriptions()[cluster].name)
    change(released, "hide", [int(released.taxonomy.cluster_ids[cluster])])
    with app_over(released.store.path.parent):
        app = on_preview_part("One", "Report")
        assert "nothing is released now" in words(app)
        assert name not in words(app)


def test_what_if_another_build_were_used_leaves_out_what_is_hidden(released):
    run_pipeline(released.store, replace(CONFIG, policy=PolicyConfig(kind="ease")))
    cluster = favourite(released)
    name = released.cluster_descriptions()[cluster].name
    with app_over(released.store.path.parent):
        app = on_preview_part("One", "What if")
        app.selectbox(key="what_if").set_value(OTHER).run()

        def after() -> set[str]:
            assert not app.exception
            return set(pd.concat(table.value for table in app.dataframe)["As it would be"])

        assert name in after()
        change(released, "hide", [int(released.taxonomy.cluster_ids[cluster])])
        app.run()
        assert name not in after()
