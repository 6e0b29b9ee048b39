"""What is served: the gates, a person's approval, going back, and what happens when the logs change."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from opened_app import app_over, open_script, words
from test_pages import on_part
from test_pipeline import write_world

from hierex import releases
from hierex.cli import main
from hierex.config import AskedAs, LayerConfig, PolicyConfig, RecommenderConfig, RunConfig, TransitionConfig
from hierex.errors import EarlierVersion, HierexError
from hierex.imports import import_logs
from hierex.kept import description_edits, results, stage_tables
from hierex.kept.curation_edits import save_curation
from hierex.kept.description_edits import save_edits
from hierex.kept.judgements import NEITHER, save_judgement
from hierex.kept.releases import current_release, latest_decision, read_releases, released_run
from hierex.kept.reviewers import Subject
from hierex.kept.runs import read_runs, shown_run
from hierex.logs import LogFile
from hierex.pipeline import run_pipeline
from hierex.preview.comparisons import start_comparison
from hierex.releases import list_candidates, other_policy, release_run
from hierex.releases.gates import GateFailed, judge_policy
from hierex.releases.released_work import is_kept, serve_release
from hierex.result_keys import policy_is_stale
from hierex.serving import serve_users
from hierex.store import open_store
from hierex.view.builds import candidate_name, known_share, predictions_of
from hierex.workspace import Workspace

CONFIG = RunConfig(
    granularity=10, policy=PolicyConfig(kind="counts"), recommender=RecommenderConfig(epochs=1, dimensions=16)
)


def measured(recall=0.2, chance=0.01, match=1.0, note="by construction"):
    rows = [
        ("mine", "recall@1", recall, ""),
        ("chance", "recall@1", chance, ""),
        ("mine", "match_rate", match, note),
    ]
    return pd.DataFrame(rows, columns=["policy", "metric", "value", "note"]).assign(n_cases=50)


def test_gates_ask_for_known_answers_and_ten_times_chance():
    report = judge_policy(measured(), "mine")
    assert report.passed
    assert report.recall.value == pytest.approx(20)
    assert report.match_rate.by_construction
    assert not judge_policy(measured(recall=0.09), "mine").passed
    assert not judge_policy(measured(match=0.89, note=""), "mine").passed
    assert judge_policy(measured(match=0.9, note=""), "mine").passed


def test_a_gate_that_no_policy_could_pass_is_said_to_be_one_and_no_other_is():
    report = judge_policy(measured(recall=0.4, chance=0.125), "mine")
    assert report.recall.out_of_reach
    assert "only 8.0 times as often as chance. Build with more interests" in releases.why_not(report)
    for recall, chance in ((0.4, 0.1), (0.4, 0.05), (1.0, 0.1)):
        assert "No method" not in releases.why_not(judge_policy(measured(recall=recall, chance=chance), "mine"))
    assert "No method" not in releases.why_not(judge_policy(measured().iloc[:0].assign(n_cases=[]), "mine"))


def test_a_rate_that_misses_its_gate_does_not_read_as_if_it_reached_it():
    report = judge_policy(measured(match=0.8996, note=""), "mine")
    assert "only 89.9% of the raw answers are known interests, and it takes 90%." in releases.why_not(report)
    assert known_share(report.match_rate) == "89.9%"


def test_what_could_not_be_measured_passes_no_gate():
    report = judge_policy(measured().iloc[:0].assign(n_cases=[]), "mine")
    assert not report.passed
    assert "nothing shows that they are right" in releases.why_not(report)


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "w.duckdb")
    import_logs(store, *write_world(tmp_path / "logs"))
    yield store
    store.close()


@pytest.fixture
def easy(monkeypatch):
    """A tiny world has too few interests for ten times chance."""
    monkeypatch.setattr("hierex.releases.gates.TIMES_CHANCE", 0.0)


def test_what_does_not_pass_cannot_be_released_and_nothing_is_by_itself(store):
    run_pipeline(store, CONFIG)
    run = shown_run(store)
    assert current_release(store) is None
    assert not list_candidates(store)[0].report.passed, "ten interests leave no room for ten times chance"
    with pytest.raises(GateFailed, match="No method can get there"):
        release_run(store, run.run_id, author="Ann")
    assert not read_releases(store)


def test_a_release_needs_a_name_and_stays_when_something_is_built_after_it(store, easy):
    first = run_pipeline(store, CONFIG)
    run_id = shown_run(store).run_id
    with pytest.raises(HierexError, match="name"):
        release_run(store, run_id, author="  ")
    release_run(store, run_id, author="Ann", note="looks right")
    second = run_pipeline(store, replace(CONFIG, granularity=14))
    assert current_release(store).run_id == run_id
    served = serve_release(second, released_run(store))
    assert served.taxonomy.n_clusters == 10
    users = np.arange(20)
    expected = serve_users(first, users, top=3, items=3)
    found = serve_users(served, users, top=3, items=3)
    assert np.array_equal(found.predictions.novel, expected.predictions.novel)
    assert np.array_equal(np.concatenate(found.grounded.items), np.concatenate(expected.grounded.items))


def test_going_back_is_another_decision_and_none_is_lost(store, easy):
    run_pipeline(store, CONFIG)
    run_pipeline(store, replace(CONFIG, granularity=14))
    latest, first = (candidate.run.run_id for candidate in list_candidates(store))
    release_run(store, first, author="Ann")
    release_run(store, latest, author="Ben")
    release_run(store, first, author="Cem", note="back")
    with pytest.raises(HierexError, match="name"):
        releases.withdraw(store, author=" ")
    releases.withdraw(store, author="Ann")
    assert current_release(store) is None
    assert [decision.run_id for decision in read_releases(store)] == [None, first, latest, first]
    assert [decision.author for decision in read_releases(store)] == ["Ann", "Cem", "Ben", "Ann"]


def test_of_two_who_decide_at_once_the_second_is_told(store, easy):
    run_pipeline(store, CONFIG)
    run_id, seen = shown_run(store).run_id, latest_decision(store)
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(release_run, store, run_id, author=name, seen=seen) for name in ("Ann", "Ben", "Cem")]
        tries.append(pool.submit(releases.withdraw, store, author="Dan", seen=seen))
    failed = [error for error in (one.exception() for one in tries) if error]
    assert len(read_releases(store)) == 1
    assert len(failed) == 3
    assert all(isinstance(error, HierexError) and "has decided in the meantime" in str(error) for error in failed)
    releases.withdraw(store, author="Ben", seen=latest_decision(store))
    assert current_release(store) is None


def test_builds_under_comparison_are_kept_however_much_is_built_after_them(store, monkeypatch):
    monkeypatch.setattr(results, "KEPT", 1)
    run_pipeline(store, CONFIG)
    run_pipeline(store, replace(CONFIG, granularity=12))
    monkeypatch.setattr("hierex.kept.results.SHOWN_KEYS", results.SHOWN_KEYS.replace("LIMIT 3", "LIMIT 1"))
    first = start_comparison(store, *list_candidates(store), author="Ann")
    run_pipeline(store, replace(CONFIG, granularity=14))
    start_comparison(store, *list_candidates(store)[:2], author="Ann")
    save_judgement(store, first, Subject("u1", None), NEITHER, author="Ann")
    for granularity in (16, 18, 20):
        run_pipeline(store, replace(CONFIG, granularity=granularity))
    kept = {candidate.n_interests for candidate in list_candidates(store) if candidate.kept}
    assert kept == {10, 12, 18, 20}, "the one at which somebody judged last"


def test_builds_that_differ_in_how_far_they_lean_have_different_names(store):
    for novelty in (0.5, 1.0):
        run_pipeline(store, replace(CONFIG, layers=LayerConfig(refreshed=True, novelty=novelty)))
    run_pipeline(store, replace(CONFIG, transition=TransitionConfig(k=1)))
    names = [candidate_name(candidate).partition(", built")[0] for candidate in list_candidates(store)]
    assert names == [
        "Counted from the log, from the latest alone, 10 interests",
        "Counted from the log, with recent moves, leaning to novel (1), 10 interests",
        "Counted from the log, with recent moves, leaning to novel (0.5), 10 interests",
    ]


def test_the_latest_build_is_named_by_what_it_starts_from_and_how_far_it_leans(store):
    def show(work):
        from hierex.view.builds import say_latest_build

        say_latest_build(work)

    work = run_pipeline(store, replace(CONFIG, transition=TransitionConfig(k=1), layers=LayerConfig(novelty=0.5)))
    said = words(open_script(show, work)).replace("\\", "")
    assert "**Counted from the log, leaning to novel (0.5), from the latest alone, 10 interests**" in said


def test_what_was_released_is_kept_however_much_is_built_after_it(store, easy, monkeypatch):
    monkeypatch.setattr(results, "KEPT", 1)
    run_pipeline(store, CONFIG)
    run_id = shown_run(store).run_id
    release_run(store, run_id, author="Ann")
    for granularity in (12, 14, 16):
        work = run_pipeline(store, replace(CONFIG, granularity=granularity))
    serve_release(work, released_run(store)).table  # noqa: B018 - reading it is the point
    forgotten = next(run for run in read_runs(store) if run.keys["taxonomy"].startswith("12:"))
    with pytest.raises(HierexError, match="forgotten"):
        release_run(store, forgotten.run_id, author="Ann")
    assert {candidate.n_interests for candidate in list_candidates(store)} == {10, 12, 14, 16}, "reports stay"


def add_items(tmp_path, n=4):
    """The same logs with a few more items, and somebody who had each of them."""
    items = pd.read_csv(tmp_path / "logs" / "items.csv")
    log = pd.read_csv(tmp_path / "logs" / "interactions.csv")
    ids = [f"n{place}" for place in range(n)]
    new = items.head(n).assign(item_id=ids)
    visits = log.head(3 * n).assign(item_id=ids * 3)
    pd.concat([items, new]).to_csv(tmp_path / "items.csv", index=False)
    pd.concat([log, visits]).to_csv(tmp_path / "interactions.csv", index=False)
    return LogFile(tmp_path / "items.csv", "items.csv"), LogFile(tmp_path / "interactions.csv", "interactions.csv")


def test_a_release_goes_on_over_new_logs_where_the_tree_was_kept(store, easy, tmp_path):
    run_pipeline(store, CONFIG)
    release_run(store, shown_run(store).run_id, author="Ann")
    import_logs(store, *add_items(tmp_path))
    present = run_pipeline(store, replace(CONFIG, granularity=14))
    served = serve_release(present, released_run(store))
    assert served.taxonomy.n_clusters == 10
    assert served.taxonomy.cluster_of_item.shape == (244,)
    assert len(serve_users(served, np.arange(10), top=2, items=2).predictions)


def test_a_release_over_new_logs_is_stale_only_where_other_words_are_shown(store, easy, tmp_path):
    reading = replace(CONFIG, policy=PolicyConfig())
    run_pipeline(store, reading)
    release_run(store, shown_run(store).run_id, author="Ann")
    log = pd.read_csv(tmp_path / "logs" / "interactions.csv")
    pd.concat([log, log.head(1)]).to_csv(tmp_path / "interactions.csv", index=False)
    files = tmp_path / "logs" / "items.csv", tmp_path / "interactions.csv"
    import_logs(store, *(LogFile(file, file.name) for file in files))
    served = serve_release(run_pipeline(store, reading), released_run(store))
    assert served.key("logs") != released_run(store).keys["logs"]
    assert not policy_is_stale(served)
    described = replace(served.cluster_descriptions()[0], phrases=("completely", "other words"))
    save_edits(store, [description_edits.Statement(described, ["a"], None)], tree_key=served.tree_key, author="")
    assert policy_is_stale(served)


def test_a_release_keeps_its_number_of_interests_where_hierex_chooses_another_now(store, easy, tmp_path, monkeypatch):
    chosen_by_hierex = replace(CONFIG, granularity=None)
    first = run_pipeline(store, chosen_by_hierex)
    release_run(store, shown_run(store).run_id, author="Ann")
    import_logs(store, *add_items(tmp_path, 45))
    monkeypatch.setattr("hierex.pipeline.number_to_keep", lambda store, config, keys, usual: usual)
    present = run_pipeline(store, chosen_by_hierex)
    assert present.taxonomy.n_clusters != first.taxonomy.n_clusters
    served = serve_release(present, released_run(store))
    assert served.granularity == served.taxonomy.n_clusters == first.taxonomy.n_clusters
    assert len(serve_users(served, np.arange(10), top=2, items=2).predictions)


def test_one_can_go_back_to_what_was_released_over_earlier_logs(store, easy, tmp_path):
    run_pipeline(store, replace(CONFIG, granularity=12))
    never, _ = shown_run(store), run_pipeline(store, CONFIG)
    before = shown_run(store)
    release_run(store, before.run_id, author="Ann")
    import_logs(store, *add_items(tmp_path))
    present = run_pipeline(store, CONFIG)
    assert [candidate.run.run_id for candidate in releases.list_earlier(present)] == [before.run_id]
    release_run(store, shown_run(store).run_id, author="Ann")
    going_back = {"author": "Ben", "note": "the new ones looked worse", "present": present}
    release_run(store, before.run_id, **going_back)
    assert current_release(store).run_id == before.run_id
    served = serve_release(present, released_run(store))
    assert served.keys["policies"] == before.keys["policies"] != present.keys["policies"]
    with pytest.raises(HierexError, match="logs that were replaced"):
        release_run(store, never.run_id, **going_back)
    nodes, items = (int(present.taxonomy.cluster_ids[5]),), present.taxonomy.items_of(0)[:2].tolist()
    where = {"tree_key": present.tree_key, "tree": present.grown_tree, "item_ids": present.items["item_id"]}
    save_curation(store, "move", nodes, items=items, **where)
    for other in (CONFIG, replace(CONFIG, regrow=True)):
        present = run_pipeline(store, other)
        assert not releases.list_earlier(present)
        with pytest.raises(HierexError, match="logs that were replaced"):
            release_run(store, before.run_id, author="Ben", present=present)


def test_one_click_goes_back_to_what_was_served_before(store, easy, tmp_path, monkeypatch):
    monkeypatch.setattr("hierex.view.next_interest.releasing.LATEST", 1)
    run_pipeline(store, CONFIG)
    run_pipeline(store, replace(CONFIG, granularity=14))
    latest, first = (candidate.run.run_id for candidate in list_candidates(store))
    release_run(store, first, author="Ann")
    with app_over(tmp_path):
        app = on_part("w", "Releases")
        app.text_input(key="author").input("Ben").run()
        assert app.button(key="back_button").disabled, "there is none before"
        release_run(store, latest, author="Ann")
        app = on_part("w", "Releases")
        assert app.button(key="back_button").disabled, "without a name"
        app.text_input(key="author").input("Ben").run()
        for expected, n_interests in ((first, 10), (latest, 14)):
            app.button(key="back_button").click().run()
            assert not app.exception, app.exception
            assert current_release(open_store(tmp_path / "w.duckdb")).run_id == expected
            assert f"{n_interests} interests" in app.success[0].value


@pytest.mark.parametrize("k", [2, 3])
def test_a_build_is_named_by_how_many_interests_it_has(store, k):
    config = replace(CONFIG, transition=TransitionConfig(k=k))
    work = run_pipeline(store, config)
    split = next(node for node in work.taxonomy.cluster_ids.tolist() if len(work.grown_tree.children(node)))
    where = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": work.items["item_id"].to_numpy()}
    save_curation(store, "split", [split], **where)
    changed = run_pipeline(store, config)
    assert changed.taxonomy.n_clusters > 10
    assert [candidate.n_interests for candidate in list_candidates(store)] == [changed.taxonomy.n_clusters, 10]


def test_the_page_goes_back_to_what_was_released_over_earlier_logs(store, easy, tmp_path):
    run_pipeline(store, CONFIG)
    before = shown_run(store).run_id
    release_run(store, before, author="Ann")
    import_logs(store, *add_items(tmp_path))
    run_pipeline(store, CONFIG)
    release_run(store, shown_run(store).run_id, author="Ann")
    with app_over(tmp_path):
        app = on_part("w", "Releases")
        (box,) = (box for box in app.selectbox if (box.key or "").startswith("candidate-"))
        assert ["from earlier logs" in option for option in box.options] == [False, True]
        box.select(box.options[1]).run()
        app.text_input(key="author").input("Ben").run()
        assert app.button(key="release_button").label == "Go back to this one"
        app.button(key="release_button").click().run()
        assert not app.exception, app.exception
        assert "from earlier logs" in app.success[0].value
        decision = current_release(open_store(tmp_path / "w.duckdb"))
        assert (decision.run_id, decision.author) == (before, "Ben")
        run_pipeline(open_store(tmp_path / "w.duckdb"), replace(CONFIG, regrow=True))
        app.run()
        assert not app.success
        assert "cannot be served over these logs" in words(app)


def test_a_release_is_refused_where_the_interests_are_others(store, easy, tmp_path):
    run_pipeline(store, CONFIG)
    release_run(store, shown_run(store).run_id, author="Ann")
    import_logs(store, *add_items(tmp_path))
    present = run_pipeline(store, replace(CONFIG, regrow=True))
    with pytest.raises(HierexError, match="build again and release anew"):
        serve_release(present, released_run(store))


def test_the_same_build_twice_is_one_candidate_and_another_policy_another(store):
    work = run_pipeline(store, CONFIG)
    run_pipeline(store, CONFIG)
    run_pipeline(store, other_policy(work.config, PolicyConfig(), k=2))
    assert [candidate.policy for candidate in list_candidates(store)] == ["encoder", "counts"]


def test_predict_serves_the_release_unless_told_otherwise(store, easy, tmp_path, capsys):
    run_pipeline(store, CONFIG)
    release_run(store, shown_run(store).run_id, author="Ann")
    latest = run_pipeline(store, replace(CONFIG, granularity=14))
    user, path = latest.user_ids[0], store.path
    store.close()

    def predicted(*more):
        assert not main(["predict", "--store", str(path), "--user", user, "--out", str(tmp_path / "p.parquet"), *more])
        return set(pd.read_parquet(tmp_path / "p.parquet")["novel_cluster_id"])

    released, newest = predicted(), predicted("--latest")
    assert released <= set(range(2 * 10))
    assert newest != released


@pytest.mark.parametrize("k", [1, 3])
def test_predictions_may_start_from_one_interest_or_three(store, easy, k):
    first = run_pipeline(store, CONFIG)
    work = run_pipeline(store, other_policy(first.config, CONFIG.policy, k=k))
    assert len(stage_tables.read_table_frame(store, work.keys["transition_table"])) == (10 * 9 if k == 1 else 0)
    again = serve_release(first, shown_run(store))
    served = serve_users(again, np.arange(20), top=3, items=2)
    assert len(served.predictions)
    assert served.predictions.context.shape[1] == k
    paths = set(served.predictions.path)
    assert "table" in paths if k == 1 else paths == {"computed"}


def test_a_release_is_still_known_when_the_same_was_built_again(store, easy):
    run_pipeline(store, CONFIG)
    released = shown_run(store).run_id
    release_run(store, released, author="Ann")
    run_pipeline(store, CONFIG)
    (candidate,) = list_candidates(store)
    assert shown_run(store).run_id > released
    assert candidate.same[released] < candidate.run.started_at, "each keeps the time at which it was built"
    assert set(candidate.same) == {released, shown_run(store).run_id}


def test_what_was_forgotten_says_so_and_keeps_its_own_numbers(store, easy, monkeypatch):
    monkeypatch.setattr(results, "KEPT", 2)
    layered = replace(CONFIG, layers=LayerConfig(novelty=8.0))
    run_pipeline(store, layered)
    before = list_candidates(store)[0]
    for granularity in (12, 14, 16):
        run_pipeline(store, replace(CONFIG, granularity=granularity))
    after = next(candidate for candidate in list_candidates(store) if candidate.n_interests == 10)
    assert before.kept
    assert not after.kept
    assert after.policy == before.policy == "counts+novelty", "not those of the policy that it was laid over"
    assert after.report == before.report


def test_a_build_whose_learned_policy_was_forgotten_is_not_kept(store, easy, monkeypatch):
    """It is the first to go: older than what was laid over it."""
    monkeypatch.setattr(results, "KEPT", 2)
    run_pipeline(store, replace(CONFIG, layers=LayerConfig(novelty=8.0)))
    layered = shown_run(store)
    for k in (1, 3):
        run_pipeline(store, other_policy(CONFIG, CONFIG.policy, k=k))
    assert results.has_result(store, "policies", layered.keys["policies"])
    assert not results.has_result(store, "policies", layered.keys["learned_policy"])
    assert not is_kept(store, layered)
    with pytest.raises(HierexError, match="forgotten"):
        release_run(store, layered.run_id, author="Ann")


def test_a_measure_that_was_never_taken_is_not_called_a_bad_one():
    report = judge_policy(measured().query("metric != 'match_rate'"), "mine")
    assert not report.passed
    assert "did not measure" in releases.why_not(report)
    assert "0%" not in releases.why_not(report)


def test_a_policy_of_an_earlier_version_is_refused_when_what_is_released_is_opened(store, easy, monkeypatch):
    work = run_pipeline(store, CONFIG)
    release_run(store, shown_run(store).run_id, author="Ann")

    def refuse(*_):
        raise EarlierVersion

    monkeypatch.setattr("hierex.workspace.load_policy", refuse)
    opened = Workspace(store, CONFIG, dict(work.keys))
    with pytest.raises(EarlierVersion, match="release the new one"):
        serve_release(opened, released_run(store))


def test_a_build_of_answers_is_named_by_who_answered():
    asked = AskedAs("gpt-4o", "schema", 0.0, "1")
    config = RunConfig(policy=PolicyConfig(kind="openai", answers=asked))
    assert predictions_of("openai", config, 1_999) == "Answered by gpt-4o, 1,999 interests"
    assert predictions_of("counts", config, 75).startswith("Counted from the log"), "where there was too little"
