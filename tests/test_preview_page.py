"""The Preview page and its neighbours on screen: equal names, old builds, recent moves, and what is worked out anew."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from opened_app import app_over, open_app, open_script, words
from safetensors.numpy import load, save
from small_worlds import OWN_VECTORS, import_with_vectors, quick_builds, read_by_length
from streamlit.testing.v1 import AppTest
from test_pages import multiselect, on_part, on_preview_part

from hierex.config import LayerConfig, PolicyConfig, RunConfig
from hierex.imports import import_logs
from hierex.kept.curation_edits import read_records, save_curation, set_undone
from hierex.kept.description_edits import Statement, read_edits, save_edits
from hierex.kept.description_steps import set_step_undone
from hierex.kept.examples import read_examples, save_example, set_example_deleted
from hierex.kept.feedback import read_batches, save_outcomes, set_batch_undone
from hierex.kept.item_thumbs import read_all_item_thumbs
from hierex.kept.runs import config_of, shown_run
from hierex.logs import LogFile
from hierex.pipeline import run_pipeline
from hierex.preview.persons import person_of, serve_person
from hierex.preview.what_if import Supposed
from hierex.releases import release_run, withdraw
from hierex.result_keys import ENCODER_VERSION
from hierex.store import Store, open_store
from hierex.synthetic import make_world
from hierex.view.preview.one_person import few
from hierex.view.preview.person_choice import left_out_text
from hierex.wording import clock_date, day_text
from hierex.workspace import Workspace

CONFIG = RunConfig(granularity=12, embedding=OWN_VECTORS, policy=PolicyConfig(kind="counts"))
TITLE = "Bread"
OTHER_WORDS = "The predictions were built from other descriptions than there are now"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four workspaces of the same logs, in which all items have one title; counted after EASE has learned."""
    folder = tmp_path_factory.mktemp("preview-page")
    world = make_world(n_items=160, n_users=80, n_interactions=1_600, seed=3)
    world.items["title"] = TITLE
    store = open_store(folder / "One.duckdb")
    import_with_vectors(store, folder, world)
    with quick_builds():
        run_pipeline(store, replace(CONFIG, policy=PolicyConfig(kind="ease")))
        run_pipeline(store, CONFIG)
        store.close()
        for name in ("Left", "Right", "Words"):
            shutil.copy(folder / "One.duckdb", folder / f"{name}.duckdb")
        with app_over(folder):
            yield folder


@pytest.fixture
def store(folder):
    """What a test said of interests, changed or kept is taken back after it."""
    store = open_store(folder / "One.duckdb")
    runs = store.value("SELECT max(run_id) FROM runs")
    yield store
    for edit in read_edits(store):
        set_step_undone(store, edit.step, True)
    set_undone(store, [record.edit_id for record in read_records(store)], True)
    for example in read_examples(store):
        set_example_deleted(store, example.example_id, True)
    if store.value("SELECT max(run_id) FROM runs") != runs:
        run_pipeline(store, CONFIG)


def work_of(store: Store) -> Workspace:
    run = shown_run(store)
    return Workspace(store, config_of(run.config), run.keys)


def name_interests(work: Workspace, names: list[str]) -> None:
    """A person calls the first interests so."""
    described = work.cluster_descriptions()[: len(names)]
    statements = [
        Statement(replace(description, name=name), ["1"], None)
        for description, name in zip(described, names, strict=True)
    ]
    save_edits(work.store, statements, tree_key=work.tree_key, author="Ann")


def hide(work: Workspace, cluster: int) -> None:
    where = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": work.items["item_id"].to_numpy()}
    save_curation(work.store, "hide", work.taxonomy.nodes_of(cluster).tolist(), **where)


def told(app: AppTest) -> dict[str, str]:
    """What the report says of each person."""
    lines = [line.value.split("**: ") for line in app.markdown if line.value.startswith("**")]
    return {name.strip("*"): said for name, said in lines}


# -- equal names -------------------------------------------------------------------------------------------------------


def test_nobody_and_few_people_look_the_same():
    assert few(0, 3) == few(2, 3) == "fewer than 3"
    assert few(3, 3) == "3"
    assert few(0, 1) == "none", "where single people may be shown"


def test_interests_of_equal_names_stay_apart(store):
    work = work_of(store)
    n = work.taxonomy.n_clusters
    name_interests(work, ["Same"] * n)
    app = open_app("preview", "One")
    app.session_state["whom-One"] = "Made up"
    app.run()
    options = multiselect(app, "made_up").options
    assert len(set(options)) == n
    assert all(option.startswith("Same") for option in options)
    multiselect(app, "made_up").set_value([4, 7]).run()
    assert not app.exception, app.exception
    starts = [box for box in app.selectbox if str(box.key).startswith("start-")]
    assert [box.value for box in starts] == [4, 7]
    assert [box.options[box.index] for box in starts] == [options[4], options[7]]
    table = next(frame.value for frame in app.dataframe if "New interest" in frame.value.columns)
    assert table["New interest"].is_unique
    assert not set(table["New interest"]) & {options[4], options[7]}
    said = [line.split("; ") for line in told(on_preview_part("One", "Report")).values()]
    assert max(map(len, said)) == 5
    assert all(len(set(line)) == len(line) for line in said)


def test_items_of_equal_titles_stay_apart(store):
    app = open_app("preview", "One")
    mixed = next(frame.value for frame in app.dataframe if "Comes from" in frame.value.columns)
    assert mixed["Item"].tolist() == [TITLE] * 10
    app.session_state["author"] = "Ann"
    app.toggle(key="judging_items").set_value(True).run()
    assert not app.exception, app.exception
    thumbs = [thumb for thumb in app.feedback if str(thumb.key).startswith("item_thumb")]
    assert len(thumbs) > 1
    thumbs[1].set_value(0).run()
    assert not app.exception, app.exception
    (judged,) = read_all_item_thumbs(store).itertuples()
    assert f"-{judged.item_id}-" in thumbs[1].key
    assert [thumb.value for thumb in app.feedback if str(thumb.key).startswith("item_thumb")].count(0) == 1


# -- what is worked out, and when --------------------------------------------------------------------------------------


@pytest.fixture
def looks(monkeypatch):
    """Of whom it was worked out what they would be shown: in the report, and what if (now, and then)."""
    looked = {"report": [], "what if": []}

    def serve(work, person, **how):
        looked["report"].append(person.name)
        return serve_person(work, person, **how)

    def suppose(self, work, person, *, served=Supposed.serve, **how):
        looked["what if"].append(person.name)
        return served(self, work, person, **how)

    monkeypatch.setattr("hierex.preview.report.serve_person", serve)
    monkeypatch.setattr(Supposed, "serve", suppose)
    return looked


def test_the_report_is_worked_out_anew_only_for_what_has_changed(store, looks):
    work = work_of(store)
    save_example(store, "Anna", work.user_ids[3])
    app = on_preview_part("One", "Report")
    first, anna, ben = told(app), work.user_ids[3], work.user_ids[4]
    app.run()
    assert told(on_preview_part("One", "Report")) == first
    assert looks["report"] == [anna]

    names = [f"Other {place}" for place in range(work.taxonomy.n_clusters)]
    name_interests(work, names)
    app.run()
    assert set(told(app)["Anna"].split("; ")) <= set(names)
    save_example(store, "Ben", work.user_ids[4])
    app.run()
    assert list(told(app)) == ["Anna", "Ben"]
    set_example_deleted(store, read_examples(store)[0].example_id, True)
    app.run()
    assert list(told(app)) == ["Ben"]
    assert looks["report"] == [anna, anna, anna, ben, ben]

    hidden = names.index(told(app)["Ben"].split("; ")[0])
    hide(work, hidden)
    run_pipeline(store, CONFIG)
    app.run()
    assert names[hidden] not in told(app)["Ben"].split("; ")


def test_another_workspace_of_the_same_logs_has_a_report_of_its_own(folder):
    """In both the first change is of number one; it hides something else in each."""
    said = []
    for name, hidden in (("Left", 0), ("Right", 1)):
        store = open_store(folder / f"{name}.duckdb")
        work = work_of(store)
        hide(work, hidden)
        run_pipeline(store, CONFIG)
        described = [description.name for description in work.cluster_descriptions()]
        app = on_preview_part(name, "Report")
        assert not [line for line in told(app).values() if described[hidden] in line.split("; ")]
        said.append((shown_run(store).keys["taxonomy"], told(app)))
    assert said[0][0] == said[1][0], "what is kept is told apart by more than that"
    assert said[0][1] != said[1][1]


def test_a_box_keeps_what_was_chosen_where_interests_are_called_otherwise(store):
    """And is another box: the browser knows a choice by what it was called."""
    work = work_of(store)
    app = open_app("preview", "One")
    app.segmented_control(key="whom-One").set_value("Made up").run()
    box = app.multiselect[0].select(3).select(1).run().multiselect[0]
    assert (box.value, app.exception) == ([3, 1], [])
    name_interests(work, [f"Other {place}" for place in range(work.taxonomy.n_clusters)])
    app.run()
    renamed = app.multiselect[0]
    assert (renamed.value, renamed.options[3]) == ([3, 1], "Other 3")
    assert renamed.key != box.key
    assert renamed.unselect(3).run().multiselect[0].value == [1]


def ask_number(app: AppTest, number: int) -> pd.DataFrame:
    """What the first person would be shown at that number of interests."""
    app.selectbox(key="what_if").select("there were more or fewer interests").run()
    next(box for box in app.number_input if str(box.key).startswith("other_number")).set_value(number).run()
    assert not app.exception, app.exception
    return next(frame.value for frame in app.dataframe if "As it would be" in frame.value.columns)


def test_suppositions_are_worked_out_anew_only_for_what_has_changed(store, looks):
    work = work_of(store)
    save_example(store, "Anna", work.user_ids[3])
    app = on_preview_part("One", "What if")
    at_nine = ask_number(app, 9)
    assert at_nine["Likely"].dropna().between(0, 100).all()
    assert at_nine["Likely then"].dropna().is_monotonic_decreasing
    app.run()
    at_seven = ask_number(app, 7)
    pd.testing.assert_frame_equal(ask_number(app, 9), at_nine)
    assert not at_seven.equals(at_nine)
    assert len(looks["what if"]) == 2 * 2, "now and then, for nine and for seven"

    name_interests(work, [f"Other {place}" for place in range(work.taxonomy.n_clusters)])
    app.run()
    renamed = next(frame.value for frame in app.dataframe if "As it would be" in frame.value.columns)
    assert renamed["As it is"].str.startswith("Other").all()
    set_example_deleted(store, read_examples(store)[0].example_id, True)
    save_example(store, "Ben", work.user_ids[5])
    app.run()
    assert [part.label for part in app.expander if part.label in ("Anna", "Ben")] == ["Ben"]


# -- other words -------------------------------------------------------------------------------------------------------


def use_other_words(work: Workspace) -> None:
    described = replace(work.cluster_descriptions()[0], phrases=("completely", "other words"))
    save_edits(work.store, [Statement(described, ["1"], None)], tree_key=work.tree_key, author="Ann")


def test_what_was_counted_is_never_said_to_be_from_other_words(store):
    """Unless what is laid over it reads them."""
    use_other_words(work_of(store))
    assert OTHER_WORDS not in words(open_app("preview", "One"))
    work = run_pipeline(store, CONFIG)
    save_outcomes(store, work.tree_key, said_of(work), author="Ann")
    run_pipeline(store, replace(CONFIG, layers=LayerConfig(best_of=5)))
    assert OTHER_WORDS not in words(open_app("preview", "One"))
    for edit in read_edits(store):
        set_step_undone(store, edit.step, True)
    assert OTHER_WORDS in words(open_app("preview", "One"))


def test_the_order_of_what_was_liked_says_how_good_it_is_and_that_it_is_old(store, monkeypatch):
    work = work_of(store)
    for batch in read_batches(store):
        set_batch_undone(store, batch.batch, True)
    save_outcomes(store, work.tree_key, said_of(work), author="Ann")
    ordered = run_pipeline(store, replace(CONFIG, layers=LayerConfig(best_of=5)))
    app = on_part("One", "What people liked")
    told = app.success if ordered.policy.alignment.auc > 0.5 else app.warning
    assert any("put the liked one first" in message.value for message in told)
    assert "has changed since" not in words(app)
    app.button(key=f"batch-{read_batches(store)[0].batch}").click().run()
    assert "All that was said of what people liked was taken back" in words(app)
    assert "has changed since" in words(app)
    monkeypatch.setattr("hierex.view.next_interest.liked.CHANCE", 1.0)
    app.run()
    assert "does not tell what else people would like" in words(app)


@pytest.mark.parametrize(("auc", "kind"), [(0.7, "success"), (0.504, "warning"), (np.nan, "info")])
def test_how_good_the_order_of_what_was_liked_is(auc, kind):
    def script(auc):
        from types import SimpleNamespace

        from hierex.view.next_interest.liked import say_order

        say_order(SimpleNamespace(best_of=5, alignment=SimpleNamespace(auc=auc)))

    app = open_script(script, auc)
    said = {name: getattr(app, name) for name in ("success", "warning", "info")}
    assert [name for name, shown in said.items() if len(shown)] == [kind]
    assert ("does not tell" in said[kind][0].value) == (kind == "warning")


def test_somebody_is_still_there_after_a_look_at_another_page(store):
    app = open_app("preview", "One")
    person = app.selectbox(key="person-One-0")
    person.select(person.options[3]).run()
    chosen = app.session_state["person-One-0"]
    assert chosen != open_app("preview", "One").session_state["person-One-0"]
    app.switch_page("app_pages/evaluation.py").run()
    app.switch_page("app_pages/preview.py").run()
    assert app.session_state["person-One-0"] == chosen


def test_others_that_are_drawn_have_a_box_of_their_own(store):
    """In one that stays, a browser goes on showing the person of before."""
    app = open_app("preview", "One")
    before = app.selectbox(key="person-One-0").options
    next(button for button in app.button if button.label == "Draw others").click().run()
    assert app.selectbox(key="person-One-1").options != before
    assert not [box for box in app.selectbox if box.key == "person-One-0"]


def test_a_browser_is_told_what_somebody_s_latest_interests_are_after_others_were_chosen(store):
    def starts():
        return [box for box in app.selectbox if str(box.key).startswith("start-")]

    app = open_app("preview", "One")
    latest = [box.value for box in starts()]
    starts()[1].select_index(4).run()
    assert [box.value for box in starts()] != latest
    next(button for button in app.button if button.label == "Their latest").click().run()
    assert [box.value for box in starts()] == latest
    assert [box.proto.set_value for box in starts()] == [True, True]


def test_any_interest_is_still_any_after_a_look_at_another_page(store):
    app = open_app("preview", "One")
    assert who_have(app) == "any interest"
    app.switch_page("app_pages/evaluation.py").run()
    app.switch_page("app_pages/preview.py").run()
    assert who_have(app) == "any interest"


def who_have(app: AppTest) -> str:
    """What the box reads."""
    [box] = [box for box in app.selectbox if box.label == "Who have"]
    return box.options[box.index]


def test_somebody_made_up_is_called_so(store):
    app = open_app("preview", "One")
    app.session_state["whom-One"] = "Made up"
    app.run()
    interests = multiselect(app, "made_up-One")
    interests.select(interests.options[0]).run()
    assert not app.exception
    assert "What somebody made up was interested in" in words(app)


def test_who_was_left_out_at_import_is_not_said_to_be_unknown_alone(tmp_path):
    items = pd.DataFrame({"item_id": range(12), "title": [f"bread {number}" for number in range(12)]})
    people = ["once", "single", "often", "often", "regular", "regular"]
    log = pd.DataFrame({"user_id": people, "item_id": [0, 1, 0, 1, 2, 3], "at": range(1_700_000_000, 1_700_000_006)})
    for name, table in (("items.csv", items), ("log.csv", log)):
        table.to_csv(tmp_path / name, index=False)
    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *(LogFile(tmp_path / name, name) for name in ("items.csv", "log.csv")))
        assert "2 people with a single interaction were left out" in left_out_text(SimpleNamespace(store=store))


def test_what_the_dial_and_what_was_liked_leave_is_not_called_a_probability(store):
    assert "Probability" in columns_shown(open_app("preview", "One"))
    run_pipeline(store, replace(CONFIG, layers=LayerConfig(novelty=3.0)))
    shown = columns_shown(open_app("preview", "One"))
    assert "Probability" not in shown
    assert "Weight" in shown


def columns_shown(app) -> set[str]:
    return {column for frame in app.dataframe for column in frame.value.columns}


def said_of(work: Workspace) -> pd.DataFrame:
    """Enough to order answers by."""
    ids, rng = work.taxonomy.cluster_ids, np.random.default_rng(0)
    rows = [(*ids[rng.permutation(len(ids))[:3]], 10, 10 * (place % 2)) for place in range(20)]
    return pd.DataFrame(rows, columns=["before_1", "before_2", "new", "shown", "liked"]).astype(float)


@pytest.mark.parametrize("page", ["descriptions", "preview", "next_interest"])
def test_what_was_learned_from_other_words_is_said_wherever_it_is_shown(folder, page, monkeypatch):
    store = open_store(folder / "Words.duckdb")
    monkeypatch.setattr("hierex.pipeline.embed_texts", lambda texts, **_: read_by_length(texts))
    run_pipeline(store, replace(CONFIG, policy=PolicyConfig(kind="encoder")))
    assert OTHER_WORDS not in words(open_app(page, "Words"))
    with monkeypatch.context() as patched:
        patched.setattr("hierex.result_keys.ENCODER_VERSION", ENCODER_VERSION + 1)
        updated = words(open_app(page, "Words"))
    assert OTHER_WORDS not in updated
    assert updated.count("An earlier version of hierex learned these predictions, and this one learns otherwise.") == 1
    use_other_words(work_of(store))
    app = open_app(page, "Words")
    assert words(app).count(OTHER_WORDS) == 1
    assert [button.label for button in app.button].count("Build again") == 1
    assert "once they are built again." in words(app)
    monkeypatch.setattr("hierex.releases.gates.TIMES_CHANCE", 0.0)
    release_run(store, shown_run(store).run_id, author="Ann")
    assert "once they are built again and released." in words(app.run())
    withdraw(store, author="Ann")
    for edit in read_edits(store):
        set_step_undone(store, edit.step, True)


def test_the_page_says_that_with_so_few_interests_nothing_can_be_released(folder):
    said = words(on_part("One", "Releases"))
    assert "No method can get there" in said
    assert "Build with more interests" in said


# -- other builds ------------------------------------------------------------------------------------------------------


def test_builds_of_an_earlier_version_are_left_out_of_a_comparison_and_that_is_said(store):
    app = open_app("preview", "One")
    app.checkbox(key="other_ways").check().run()
    beside = next(frame.value for frame in app.dataframe if "What goes together" in frame.value.columns)
    assert "earlier version" not in words(app)
    row = "stage = 'policies' AND name = 'ease'"
    kept = store.value(f"SELECT tensors FROM models WHERE {row}")
    arrays = load(bytes(kept))
    arrays["of old"] = arrays.pop("history.likeness")
    try:
        with store.transaction() as writer:
            writer.execute(f"UPDATE models SET tensors = ? WHERE {row}", [save(arrays)])
        run_pipeline(store, CONFIG)
        app.run()
        assert not app.exception, app.exception
        assert "Left out, because an earlier version built them: What goes together" in words(app)
        shown = next(frame.value for frame in app.dataframe if "What goes together" in frame.value.columns)
        assert set(shown.columns) == set(beside.columns), "counted anew in its place"
    finally:
        with store.transaction() as writer:
            writer.execute(f"UPDATE models SET tensors = ? WHERE {row}", [kept])


def test_until_when_recent_moves_are_in_the_answers_is_shown(store):
    assert "Recent moves are those" not in words(on_part("One", "Staying fresh"))
    work = run_pipeline(store, replace(CONFIG, layers=LayerConfig(refreshed=True)))
    clock = np.sort(work.interactions.clock)
    half = clock[np.searchsorted(clock, work.split) :]
    until = half[len(half) // 2]
    said = words(on_part("One", "Staying fresh"))
    assert "Recent moves are those" in said
    day = clock_date(work.judged_from)
    assert f" {day_text(day)}" in said
    assert abs(clock_date(until) - clock_date(work.judged_from)).days <= 1, "the middle of what was held out"


# -- what a prediction reads -------------------------------------------------------------------------------------------


def test_a_prediction_reads_everything_where_it_can_and_that_is_asked_for(store):
    counted = open_app("preview", "One")
    assert "reads-2" not in counted.session_state, "counts read no histories"
    work = run_pipeline(store, replace(CONFIG, policy=PolicyConfig(kind="ease")))
    app = open_app("preview", "One")
    assert "looked up in the table" in words(app)
    person = person_of(work, app.session_state["person-One-0"])
    assert sum(box.label.startswith(("The prediction starts", "and from")) for box in app.selectbox) == 2
    app.session_state["reads-2"] = "Everything they had"
    app.run()
    assert not app.exception, app.exception
    assert "computed from everything that this person had" in words(app)
    assert not any(box.label.startswith("The prediction starts") for box in app.selectbox)
    expected = serve_person(work, person, top=5, items=10, whole=True).predictions
    shown = next(frame.value for frame in app.dataframe if "New interest" in frame.value.columns)
    np.testing.assert_allclose(shown["Probability"], 100 * expected.score)
    latest = serve_person(work, person, top=5, items=10).predictions
    assert not np.array_equal(latest.score, expected.score)
    assert "People from the same start" not in shown.columns
    app.checkbox(key="other_ways").check().run()
    said = next(text for text in words(app).splitlines() if "Others: from their latest interests." in text)
    assert "What goes together" in said.partition(": from everything they had.")[0], "other builds may be among these"
    beside = next(frame.value for frame in app.dataframe if "Counted from the log" in frame.value.columns)
    assert beside["What goes together"].tolist() == shown["New interest"].tolist()
