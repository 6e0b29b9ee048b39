"""From logs to grounded items over a small planted world: laws that must hold at the end, and what a rerun reuses."""

import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hierex import STAGES
from hierex.config import EmbeddingConfig, PolicyConfig, RecommenderConfig, RunConfig, TableConfig
from hierex.descriptions.words import plain_text
from hierex.errors import Cancelled, ConfigError, EditConflict, EmbedderError, NotReady
from hierex.files.exports import clusters_frame, export_all
from hierex.imports import import_logs
from hierex.kept import results, stage_tables, stored_logs
from hierex.kept.curation_edits import read_records, save_curation, set_undone
from hierex.kept.description_edits import Statement, read_edits, save_edits
from hierex.kept.description_steps import set_step_undone
from hierex.kept.runs import past_recalls, read_runs, shown_run
from hierex.kept.trees import number_to_keep, tree_before
from hierex.logs import Interactions, LogFile
from hierex.pipeline import run_pipeline
from hierex.recommenders import train_sequence, train_sequence_part
from hierex.result_keys import policy_is_stale
from hierex.serving import serve_users, served_frame
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.taxonomy import MERGED_FROM, leaf_of_item
from hierex.transitions import Moves
from hierex.workspace import Workspace

CONFIG = RunConfig(
    granularity=12,
    policy=PolicyConfig(epochs=6),
    recommender=RecommenderConfig(epochs=1, dimensions=16),
)


def write_world(folder, **sizes):
    world = make_world(**{"n_items": 240, "n_users": 120, "n_interactions": 2_400, "seed": 3, **sizes})
    folder.mkdir(exist_ok=True)
    world.items.to_csv(folder / "items.csv", index=False)
    world.interactions.to_csv(folder / "interactions.csv", index=False)
    return LogFile(folder / "items.csv", "items.csv"), LogFile(folder / "interactions.csv", "interactions.csv")


class Watched:
    def __init__(self):
        self.states = {}

    def __call__(self, stage, state, value):
        self.states[stage] = state

    def made(self):
        return {stage for stage, state in self.states.items() if state == "made"} - {"taxonomy"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    store = open_store(folder / "w.duckdb")
    import_logs(store, *write_world(folder / "logs"))
    watched = Watched()
    work = run_pipeline(store, CONFIG, watch=watched)
    yield store, work, watched
    store.close()


def test_every_stage_is_made_and_the_run_is_done(built):
    store, work, watched = built
    assert set(STAGES) <= set(watched.states)
    assert set(STAGES) <= set(work.keys)
    assert shown_run(store).status == "done"


def test_nothing_that_the_user_had_is_predicted_or_recommended(built):
    _, work, _ = built
    users = np.arange(len(work.user_ids))
    served = serve_users(work, users, top=5, items=5)
    assert len(served.predictions.user)
    for user, novel, items in zip(
        served.predictions.user, served.predictions.novel, served.grounded.items, strict=True
    ):
        assert novel not in work.histories.of(user)
        assert not set(items) & set(work.interactions.items_of(user))
        assert (work.taxonomy.cluster_of_item[items] == novel).all()


def test_training_sees_nothing_from_the_split_on(built):
    """Looks at all that the trained stages are handed."""
    store, work, _ = built
    handed = {}

    def spy(function, *args, progress, **kwargs):
        handed[function.__name__] = args
        return function(*args, progress=progress, **kwargs)

    run_pipeline(store, replace(CONFIG, seed=1), until="recommenders", compute=spy)
    for trained, kind in (("train_policy", Moves), ("train_sequence_part", Interactions)):
        logs = [part for part in handed[trained] if isinstance(part, kind)]
        assert logs
        assert all((log.clock < work.split).all() for log in logs)
        assert all(len(log.clock) for log in logs)
    assert (work.interactions.clock >= work.split).any()


def test_more_interests_than_pairs_can_be_answered_for_are_refused_before_training(built):
    store, *_ = built
    watched = Watched()
    config = replace(CONFIG, granularity=9, table=TableConfig(most_interests=8))
    with pytest.raises(ConfigError, match="Choose 8 interests or fewer"):
        run_pipeline(store, config, watch=watched)
    assert "policies" not in watched.states


def test_the_same_run_again_makes_nothing(built):
    store, work, _ = built
    watched = Watched()
    again = run_pipeline(store, CONFIG, watch=watched)
    assert watched.made() == set()
    assert again.keys == work.keys


def test_another_granularity_keeps_embeddings_tree_map_and_recommender(built):
    store, *_ = built
    watched = Watched()
    run_pipeline(store, replace(CONFIG, granularity=7), watch=watched)
    kept = {"embeddings", "interest_tree", "item_map", "descriptions", "recommenders"}
    assert watched.made() == {"transitions", "policies", "transition_table", "grounding", "evaluation"}
    assert all(watched.states[stage] == "reused" for stage in kept)
    run_pipeline(store, CONFIG)
    recalls = past_recalls(store, CONFIG)
    assert recalls["granularity"].tolist() == [7, 12]
    assert (recalls["low"] <= recalls["value"]).all()
    assert (recalls["chance"] > 0).all()


def test_the_same_seed_gives_the_same_result(built, tmp_path):
    _, work, _ = built
    with open_store(tmp_path / "w.duckdb") as other:
        import_logs(other, *write_world(tmp_path / "logs"))
        again = run_pipeline(other, CONFIG)
        users = np.arange(0, len(work.user_ids), 7)
        first = served_frame(work, serve_users(work, users, top=3, items=3))
        second = served_frame(again, serve_users(again, users, top=3, items=3))
        assert np.array_equal(work.item_map.xy, again.item_map.xy)
    pd.testing.assert_frame_equal(first, second)


def test_what_is_read_back_is_what_was_made(built):
    _, work, _ = built
    table = stage_tables.read_table(work.store, work.key("transition_table"), work.taxonomy)
    contexts = np.array([[0, 1], [3, 3], [11, 2]])
    best = np.argsort(-work.policy.score(contexts), axis=1, kind="stable")[:, 0]
    assert np.array_equal(table.novel[contexts[:, 0] * 12 + contexts[:, 1], 0], best)


def test_an_edited_description_makes_the_policy_stale(built):
    store, work, _ = built
    assert not policy_is_stale(work)
    node = int(work.taxonomy.cluster_ids[0])
    wanted = replace(work.machine_descriptions[node], phrases=("completely", "other words"))
    save_edits(store, [Statement(wanted, ["a"], None)], tree_key=work.key("interest_tree"), author="")
    assert policy_is_stale(work)
    set_step_undone(store, read_edits(store)[-1].step, True)
    assert not policy_is_stale(work)


def test_what_people_changed_counts_from_the_next_build_on(built, tmp_path):
    """Merged interests are predicted as one, hidden ones never; later changes don't touch what is built."""
    store, work, _ = built
    first, second, hidden = (int(node) for node in work.taxonomy.cluster_ids[[0, 3, 6]])
    tree, item_ids = work.tree, work.items["item_id"].to_numpy()
    common = {"tree_key": work.key("interest_tree"), "tree": tree, "item_ids": item_ids}
    made = [save_curation(store, "merge", (first, second), **common), save_curation(store, "hide", (hidden,), **common)]
    told = {}

    def compute(function, *args, progress, **settings):
        told[function.__name__] = settings
        return function(*args, progress=progress, **settings)

    try:
        watched = Watched()
        changed = run_pipeline(store, CONFIG, compute=compute, watch=watched)
        assert {"transitions", "policies"} <= watched.made()
        assert "recommenders" not in watched.made()
        assert changed.taxonomy.cluster_ids[told["train_policy"]["hidden"]].tolist() == [hidden]
        merged = MERGED_FROM + made[0]
        assert changed.taxonomy.n_clusters == work.taxonomy.n_clusters - 1
        served = serve_users(changed, np.arange(len(work.user_ids)), top=11, items=5)
        ids = changed.taxonomy.cluster_ids[served.predictions.novel]
        assert merged in ids
        assert hidden not in ids
        for novel, items in zip(served.predictions.novel, served.grounded.items, strict=True):
            assert (changed.taxonomy.cluster_of_item[items] == novel).all()
        exported = export_all(changed, tmp_path)
        frames = {file.stem: pd.read_parquet(file) for file in exported if file.suffix == ".parquet"}
        assert frames["clusters"].set_index("cluster_id")["hidden"].to_dict() == {
            int(cluster): cluster == hidden for cluster in changed.taxonomy.cluster_ids
        }
        assert hidden not in set(frames["transition_table"]["novel_cluster_id"])
        assert changed.key("evaluation") != work.key("evaluation")
        assert changed.cluster_descriptions()[changed.taxonomy.index_of(merged)].summary.startswith("Merged from")
        nodes = clusters_frame(changed).set_index("cluster_id")["node_ids"]
        assert sorted(nodes[merged]) == sorted((first, second))
        assert all(list(of) == [cluster_id] for cluster_id, of in nodes.items() if cluster_id != merged)
    finally:
        set_undone(store, made, True)
    again = Workspace(store, CONFIG, changed.keys)
    assert np.array_equal(again.taxonomy.cluster_ids, changed.taxonomy.cluster_ids)
    assert run_pipeline(store, CONFIG).keys == work.keys | {"taxonomy": "12:"}


def test_export_holds_every_table(built, tmp_path):
    _, work, _ = built
    files = export_all(work, tmp_path / "out")
    frames = {file.stem: pd.read_parquet(file) for file in files if file.suffix == ".parquet"}
    assert list(frames["items"].columns) == ["item_id", "title", "traffic", "cluster_id", "x", "y"]
    assert list(frames["transition_table"].columns) == ["context", "rank", "novel_cluster_id", "score"]
    assert frames["clusters"]["traffic_share"].sum() == pytest.approx(1.0)
    assert set(frames["items"]["cluster_id"]) == set(frames["clusters"]["cluster_id"])
    order, tree = frames["item_order"], frames["tree"].set_index("node_id")
    members = frames["items"].groupby("cluster_id")["item_id"].agg(set)
    for cluster, item_ids in members.items():
        lo, hi = tree.loc[cluster, ["lo", "hi"]]
        assert set(order["item_id"].iloc[int(lo) : int(hi)]) == item_ids
    assert tree.loc[0].isna()["parent_id"]


def test_a_granularity_that_the_tree_does_not_reach_is_refused_and_the_rest_is_kept(built):
    store, *_ = built
    with pytest.raises(ConfigError, match="can be divided into 2 to"):
        run_pipeline(store, replace(CONFIG, granularity=100_000))
    assert read_runs(store)[0].status == "failed"
    assert shown_run(store).status == "done"


def test_an_empty_workspace_says_what_to_do(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store, pytest.raises(NotReady, match="Import"):
        run_pipeline(store, CONFIG)


def test_a_text_model_that_is_not_there_is_explained(built):
    store, *_ = built
    with pytest.raises(EmbedderError):
        run_pipeline(store, replace(CONFIG, embedding=EmbeddingConfig(model="no-such/model")))


def test_an_item_that_repeats_a_text_gets_a_place_on_the_map(tmp_path):
    """The catalogue grew by an item whose text was there: no text is new, but tree and map are."""
    items, interactions = write_world(tmp_path / "logs")
    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, items, interactions)
        run_pipeline(store, CONFIG, until="item_map")
        frame = pd.read_csv(items.path)
        pd.concat([frame, frame.head(1).assign(item_id="twin")]).to_csv(items.path, index=False)
        import_logs(store, items, interactions)
        work = run_pipeline(store, CONFIG, until="item_map")
        assert len(work.item_map.xy) == len(work.items) == len(frame) + 1
        assert work.tree.n_items == len(frame) + 1


def test_logs_replaced_in_the_middle_of_a_run_stop_it(tmp_path):
    items, interactions = write_world(tmp_path / "logs")
    other = write_world(tmp_path / "other", seed=9)
    with open_store(tmp_path / "w.duckdb") as store:
        first = import_logs(store, items, interactions)

        def replace_logs(stage, state, value) -> None:
            if stage == "interest_tree" and state == "running" and stored_logs.log_report(store) == first:
                import_logs(store, *other)

        with pytest.raises(EditConflict, match="logs were replaced"):
            run_pipeline(store, CONFIG, watch=replace_logs)
        assert store.value("SELECT count(*) FROM tree_nodes") == 0


def test_the_run_that_is_shown_keeps_its_results(tmp_path):
    """Many unfinished runs at other granularities push out the oldest results, but never those of the shown run."""
    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *write_world(tmp_path / "logs"))
        config = replace(CONFIG, policy=PolicyConfig(kind="counts"))
        run_pipeline(store, config)
        for granularity in range(3, 5 + results.KEPT):
            run_pipeline(store, replace(config, granularity=granularity), until="transition_table")
        shown = shown_run(store)
        for stage in ("transitions", "policies", "transition_table"):
            assert results.has_result(store, stage, shown.keys[stage])
        assert store.value("SELECT count(*) FROM results WHERE stage = 'policies'") <= results.KEPT + 1


KILLED = """
    import contextlib, os, signal, sys
    import sentence_transformers
    sys.path.insert(0, sys.argv[2])
    from test_pipeline import CONFIG
    from hierex.pipeline import run_pipeline
    from hierex.store import Store, open_store

    def run_until_killed(stage):
        running, transaction = set(), Store.transaction

        @contextlib.contextmanager
        def killed_before_it_is_kept(store):
            with transaction(store) as writer:
                yield writer
                if stage in running:
                    os.kill(os.getpid(), signal.SIGKILL)

        Store.transaction = killed_before_it_is_kept
        run_pipeline(open_store(sys.argv[1]), CONFIG, watch=lambda stage, state, value: running.add(stage))

    for line in sys.stdin:  # a process of its own for each, with all that it takes loaded already
        pid = os.fork()
        if not pid:
            run_until_killed(line.strip())
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_killed_in_the_middle_of_any_stage_it_goes_on_from_there(tmp_path):
    """One workspace, killed once in every stage, its rows written and not yet kept: it opens again and goes on."""
    path, here = tmp_path / "w.duckdb", str(Path(__file__).parent)
    with open_store(path) as store:
        import_logs(store, *write_world(tmp_path / "logs"))
    long_ones = [stage for stage in STAGES if stage not in ("logs", "taxonomy")]
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path), here]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        for number, stage in enumerate(long_ones):
            print(stage, file=process.stdin, flush=True)
            assert process.stdout.readline().split() == [str(-signal.SIGKILL)]
            with open_store(path) as store:
                record = read_runs(store)[0]
                assert record.status == "running"
                assert set(long_ones[:number]) <= set(record.keys)
                assert stage not in record.keys
        process.stdin.close()
    with open_store(path) as store:
        watched = Watched()
        run_pipeline(store, CONFIG, watch=watched)
        assert watched.made() == {"evaluation"}


def test_training_that_was_stopped_goes_on_from_its_last_epoch(tmp_path, monkeypatch):
    """Stopped twice, after the first and the second of three epochs, it comes to what it would have come to at once."""
    config = replace(CONFIG, recommender=RecommenderConfig(epochs=3, dimensions=16, patience=9))
    reached = []

    def compute(function, *args, progress, **kwargs):
        if function is not train_sequence_part:
            return function(*args, progress=progress, **kwargs)
        reached.append(args[2])
        if len(reached) in (2, 4):
            raise Cancelled("The work was stopped.")
        return function(*args, seconds=0, progress=progress, **kwargs)

    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *write_world(tmp_path / "logs"))
        for _ in range(2):
            with pytest.raises(Cancelled):
                run_pipeline(store, config, until="recommenders", compute=compute)
        made = run_pipeline(store, config, until="recommenders", compute=compute).recommender.arrays()
        assert [None if arrays is None else int(arrays["counts"][0]) for arrays in reached] == [
            None,
            *np.repeat(np.cumsum([reached[1]["counts"][0]] * 2), 2).tolist(),
        ]
        assert not store.value("SELECT count(*) FROM models WHERE stage LIKE '%unfinished'")
        work = Workspace(store, config)
        whole = train_sequence(work.interactions.before(work.split), work.vectors, config=config.recommender)
        assert all((array == made[name]).all() for name, array in whole.arrays().items())


def test_the_tree_is_kept_when_items_come_and_found_anew_when_asked(tmp_path):
    """New items are put into it; names and changes stay; interests keep their ids."""
    world = make_world(n_items=240, n_users=120, n_interactions=2_400, seed=3)
    store = open_store(tmp_path / "w.duckdb")
    few = world.items.iloc[:225]
    first = keep_tree(store, tmp_path, few, world.interactions, CONFIG)
    node = int(first.taxonomy.cluster_ids[2])
    common = {"tree_key": first.tree_key, "item_ids": first.items["item_id"].to_numpy()}
    wanted = replace(first.machine_descriptions[node], name="Ours")
    save_edits(store, [Statement(wanted, ["a"], None)], tree_key=first.tree_key, author="")
    hidden = save_curation(store, "hide", (node,), tree=first.grown_tree, **common)

    second = keep_tree(store, tmp_path, world.items, world.interactions, CONFIG)
    assert second.key("interest_tree") != first.key("interest_tree")
    assert second.tree_key == first.tree_key
    assert stage_tables.placed_share(store, second.key("interest_tree")) == pytest.approx(15 / 240)
    assert np.array_equal(second.tree.born, first.tree.born)
    leaves = {}
    for work in (first, second):
        cut = work.tree.cut(work.tree.finest)
        leaves[work is second] = dict(zip(work.items["item_id"], cut[leaf_of_item(work.tree)], strict=True))
    assert all(leaves[True][item] == leaf for item, leaf in leaves[False].items())
    assert second.cluster_descriptions()[second.taxonomy.index_of(node)].name == "Ours"
    assert second.taxonomy.hidden[second.taxonomy.index_of(node)]
    assert run_pipeline(store, CONFIG, until="descriptions").keys == second.keys
    anew = run_pipeline(store, replace(CONFIG, regrow=True), until="descriptions")
    assert anew.tree_key == anew.key("interest_tree") != second.key("interest_tree")
    assert stage_tables.placed_share(store, anew.key("interest_tree")) == 0
    assert hidden in {edit.edit_id for edit in anew.place_curation(read_records(store))[0]}
    before = tree_before(store, CONFIG, anew.keys)
    assert before == second.key("interest_tree")
    back = run_pipeline(store, replace(CONFIG, tree_key=before), until="descriptions")
    assert back.key("interest_tree") == before
    assert run_pipeline(store, CONFIG, until="descriptions").key("interest_tree") == before
    store.close()


def test_the_number_that_hierex_chose_stays_with_its_tree_unless_it_would_choose_a_very_different_one(tmp_path):
    world = make_world(n_items=440, n_users=120, n_interactions=4_400, seed=3)
    store, auto = open_store(tmp_path / "w.duckdb"), replace(CONFIG, granularity=None)
    numbers, usual = [], []
    for items, config in (
        (360, auto),
        (360, replace(auto, granularity=5)),
        (440, auto),
        (440, replace(auto, regrow=True)),
    ):
        work = keep_tree(store, tmp_path, world.items.iloc[:items], world.interactions, config)
        numbers.append(work.granularity)
        usual.append(work.usual_granularity)
    assert usual[0] != usual[2]
    assert numbers == [usual[0], 5, usual[0], usual[3]]
    keys = read_runs(store)[0].keys
    assert number_to_keep(store, auto, keys, 2 * numbers[-1]) == 2 * numbers[-1]
    assert number_to_keep(store, auto, keys, numbers[-1] + 1) == numbers[-1]
    store.close()


def test_the_tree_is_kept_when_an_interest_loses_all_its_items_and_not_when_most_are_new(tmp_path):
    world = make_world(n_items=240, n_users=120, n_interactions=2_400, seed=3)
    store = open_store(tmp_path / "w.duckdb")
    first = keep_tree(store, tmp_path, world.items, world.interactions, CONFIG)
    leaf = int(first.tree.cut(first.tree.finest)[0])
    gone = first.items["item_id"].iloc[first.tree.order[first.tree.lo[leaf] : first.tree.hi[leaf]]]
    fewer = world.items[~world.items["item_id"].isin(gone)]
    log = world.interactions[~world.interactions["item_id"].isin(gone)]
    second = keep_tree(store, tmp_path, fewer, log, CONFIG)
    assert second.tree_key == first.tree_key
    assert leaf not in second.tree.cut(second.tree.finest)
    third = keep_tree(store, tmp_path, world.items, world.interactions, CONFIG)  # those gone are new to the tree of now
    assert third.tree_key == first.tree_key
    assert sorted(third.tree.order.tolist()) == list(range(240))
    other = fewer.assign(title="another " + fewer["title"])
    fourth = keep_tree(store, tmp_path, other, log, CONFIG)
    assert fourth.tree_key != first.tree_key
    assert "100% of the items are new or changed" in results.result_note(
        store, "interest_tree", fourth.key("interest_tree")
    )
    store.close()


def test_a_catalogue_of_other_items_gets_its_own_tree_although_ids_are_the_same(tmp_path):
    world = make_world(n_items=240, n_users=120, n_interactions=2_400, seed=3)
    store = open_store(tmp_path / "w.duckdb")
    first = keep_tree(store, tmp_path, world.items, world.interactions, CONFIG)
    other = world.items.assign(item_id=world.items["item_id"].to_numpy()[::-1])
    second = keep_tree(store, tmp_path, other, world.interactions, CONFIG)
    assert second.tree_key != first.tree_key
    store.close()


def keep_tree(store, folder, items, interactions, config):
    items.to_csv(folder / "items.csv", index=False)
    interactions.to_csv(folder / "log.csv", index=False)
    import_logs(store, LogFile(folder / "items.csv", "items.csv"), LogFile(folder / "log.csv", "log.csv"))
    run_pipeline(store, config, until="descriptions")
    return Workspace(store, config, read_runs(store)[0].keys)


def test_moved_items_count_where_they_were_moved_to(built):
    store, work, _ = built
    source, target = work.taxonomy.cluster_ids[[1, 8]]
    items = work.taxonomy.items_of(work.taxonomy.index_of(source))[:5]
    ids = work.items["item_id"].to_numpy()
    common = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": ids}
    made = save_curation(store, "move", (int(target),), items=items, **common)
    try:
        watched = Watched()
        moved = run_pipeline(store, CONFIG, watch=watched)
        assert {"descriptions", "transitions", "policies"} <= watched.made()
        assert not {"interest_tree", "item_map", "recommenders"} & watched.made()
        inside = moved.taxonomy.cluster_of_item == moved.taxonomy.index_of(source)
        assert not inside[items].any()
        quoted = re.findall("“(.*?)…?”", moved.machine_descriptions[int(source)].summary)
        held = moved.items["title"][inside].map(plain_text)
        assert quoted
        assert all(held.str.startswith(title).any() for title in quoted)
        assert (moved.taxonomy.cluster_of_item[items] == moved.taxonomy.index_of(target)).all()
        assert moved.taxonomy.traffic.sum() == work.taxonomy.traffic.sum()
        histories = moved.histories
        user = int(work.interactions.user_index[np.flatnonzero(work.interactions.item_index == items[0])[0]])
        assert moved.taxonomy.index_of(target) in histories.of(user)
        assert [record.items for record in read_records(store) if record.edit_id == made] == [tuple(ids[items])]
    finally:
        set_undone(store, [made], True)
    assert run_pipeline(store, CONFIG).keys == work.keys | {"taxonomy": "12:"}
