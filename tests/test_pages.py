"""Every page on an empty, a tiny and a busy workspace, without a browser."""

import json
import re
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from llm_server import KEY, MODEL, LlmServer
from opened_app import app_over, open_app, open_script, words
from streamlit.testing.v1 import AppTest
from test_answering import know_it_all
from test_jobs import wait_for

from hierex.config import PolicyConfig, RecommenderConfig, RunConfig
from hierex.errors import HierexError
from hierex.files.descriptions import write_descriptions_file
from hierex.files.exports import safe_csv
from hierex.imports import import_logs
from hierex.jobs import Job
from hierex.kept.curation_edits import save_curation, set_undone
from hierex.kept.description_edits import read_edits
from hierex.kept.description_reviews import read_reviews
from hierex.kept.description_steps import set_step_undone
from hierex.kept.examples import read_examples
from hierex.kept.feedback import read_batches
from hierex.kept.item_thumbs import read_all_item_thumbs
from hierex.kept.model_answers import read_answers
from hierex.kept.releases import read_releases
from hierex.kept.results import result_note
from hierex.kept.runs import shown_run
from hierex.kept.tunings import read_tunings
from hierex.logs import LogFile
from hierex.pipeline import run_pipeline
from hierex.releases import list_candidates
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.view.granularity import choice_panel
from hierex.view.next_interest.liked import outcome_form
from hierex.view.opened import jobs, server
from hierex.workspace import Workspace
from hierex.workspace_folder import rename_workspace, throw_away

ROOT = Path(__file__).parents[1]
PAGES = ["logs", "granularity", "descriptions", "next_interest", "preview", "evaluation"]
CHANGED = "Interests were split, merged or given other items since"
CONFIG = RunConfig(
    granularity=12, policy=PolicyConfig(kind="counts"), recommender=RecommenderConfig(epochs=1, dimensions=16)
)
HOSTILE = ["<script>alert(1)</script>", "=1+1", "**bold** [link](x)", "نص عربي", "🍞🍞", "a"]


def build(folder: Path, name: str, *, hostile: bool = False, **sizes) -> None:
    world = make_world(seed=4, **sizes)
    items = world.items.copy()
    if hostile:
        items.loc[: len(HOSTILE) - 1, "title"] = HOSTILE
    files = folder / f"{name}-items.csv", folder / f"{name}-interactions.csv"
    items.to_csv(files[0], index=False)
    world.interactions.to_csv(files[1], index=False)
    store = open_store(folder / f"{name}.duckdb")
    import_logs(store, *(LogFile(file, file.name) for file in files))
    run_pipeline(store, replace(CONFIG, granularity=12 if sizes["n_items"] > 100 else 3))


def build_two_texts(folder: Path) -> None:
    """A catalogue of twelve items and two different texts."""
    items = pd.DataFrame({"item_id": range(12), "title": ["bread", "trains"] * 6})
    log = pd.DataFrame({"user_id": [f"u{i // 4}" for i in range(24)], "item_id": [i % 12 for i in range(24)]})
    log["watched_at"] = pd.date_range("2026-01-01", periods=24).astype(str)
    items.to_csv(folder / "two-items.csv", index=False)
    log.to_csv(folder / "two-log.csv", index=False)
    store = open_store(folder / "Two.duckdb")
    import_logs(store, *(LogFile(folder / name, name) for name in ("two-items.csv", "two-log.csv")))
    run_pipeline(store, replace(CONFIG, granularity=2))


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    """A folder with an empty, a tiny and a busy workspace, in which the app looks."""
    folder = tmp_path_factory.mktemp("workspaces")
    open_store(folder / "Empty.duckdb")
    build_two_texts(folder)
    build(folder, "Tiny", n_items=30, n_users=12, n_interactions=150)
    build(folder, "Busy", n_items=240, n_users=120, n_interactions=2_400, hostile=True)
    with app_over(folder):
        yield folder


def set_number(app: AppTest, number: int) -> None:
    """What the slider does, which lives in the browser."""
    app.session_state["interests"] = number
    app.run()
    assert not app.exception, app.exception


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("workspace", ["Empty", "Two", "Tiny", "Busy"])
def test_every_page_opens_on_every_workspace(workspaces, page, workspace):
    app = open_app(page, workspace)
    assert not app.error
    assert "luster" not in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_without_any_workspace_pages_say_what_to_do(tmp_path, page, monkeypatch):
    monkeypatch.setenv("HIEREX_WORKSPACES", str(tmp_path))
    monkeypatch.setattr("hierex.jobs.Jobs.warm_up", lambda self: None)
    server.clear()
    try:
        assert "Create one" in words(open_app(page))
    finally:
        server.clear()


def test_evaluation_shows_baselines_and_what_is_answered_from_whole_histories(workspaces):
    shown = open_app("evaluation", "Busy").dataframe[0].value["Method"]
    methods = [
        "Counted from the log",
        "What goes together",
        "What goes together, from the whole history",
    ]
    assert list(shown.unique()) == [*methods, "Most popular first", "Pure chance"]


def test_an_empty_workspace_points_to_the_logs_page(workspaces):
    assert "Import" in words(open_app("granularity", "Empty"))


def test_the_slider_changes_the_number_of_interests(workspaces):
    app = open_app("granularity", "Busy")
    assert app.metric[0].value == "12"
    set_number(app, 7)
    assert not app.exception
    assert app.metric[0].value == "7"
    assert any("Build predictions on 7" in button.label for button in app.button)


@pytest.mark.parametrize(("linked", "shown"), [("7", "7"), ("999999", "most"), ("-3", "12"), ("<b>", "12")])
def test_a_link_reopens_the_number_of_interests(workspaces, linked, shown):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["workspace"] = "Busy"
    app.query_params["interests"] = linked
    app.run()
    app.switch_page("app_pages/granularity.py").run()
    assert not app.exception
    found = app.metric[0].value
    assert found == shown or (shown == "most" and int(found) > 20)
    assert app.query_params["interests"] == [found] or app.query_params["interests"] == found


def open_link(**said: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in said.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def test_a_link_chooses_what_it_chose_before(workspaces):
    app = open_app("granularity", "Busy")
    ids = [int(one) for one in interests(app).index[[2, 0]]]
    app = open_link(workspace="Busy", interests="12", chosen=",".join(map(str, ids)))
    assert sorted(interests(app).index[:2]) == sorted(ids), "in sight"
    name = interests(app).loc[ids[0], "Interest"]
    assert any(name in str(heading.value).replace("\\", "") for heading in app.subheader)
    said = app.query_params["chosen"]
    assert sorted((said if isinstance(said, str) else said[0]).split(",")) == sorted(map(str, ids))
    assert app.button(key="curate-merge").disabled is False
    set_number(app, 13)  # one of all interests is split, so at least one of the two is still there
    assert app.query_params.get("chosen")


def test_the_address_of_a_workspace_says_nothing_of_the_one_before(workspaces):
    app = open_link(workspace="Busy", interests="9")
    assert app.query_params["interests"] in ("9", ["9"])
    app.selectbox(key="workspace").select("Empty").run()
    assert app.query_params["workspace"] in ("Empty", ["Empty"])
    assert "interests" not in app.query_params


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"chosen": "1,<b>"}, "cannot be read"),
        ({"chosen": "999999"}, "is not there"),
        ({"interests": "many"}, "can be divided into 2 to"),
        ({"workspace": "<b>Gone"}, "There is no workspace"),
    ],
)
def test_a_link_that_cannot_be_followed_says_so(workspaces, said, answer):
    app = open_link(**{"workspace": "Busy", **said})
    assert answer in words(app)
    assert app.title[0].value == "Granularity"
    assert answer not in words(app.run())


def test_interests_are_found_by_words_and_by_meaning(workspaces):
    app = open_app("granularity", "Busy")
    name = interests(app)["Interest"].iloc[3]
    app.text_input(key="find").set_value(name).run()
    assert "By words" in words(app)
    assert "By meaning" in words(app)
    found = next(table.value for table in app.dataframe if "Why" in table.value)
    assert found["Interest"].iloc[0] == name
    assert found["Why"].iloc[0] == "its name"
    for _ in range(100):
        if "Likeness" in "".join(map(str, (list(table.value) for table in app.dataframe))):
            break
        time.sleep(0.2)  # the text model is being loaded meanwhile, by another thread
        app.run()
    alike = next(table.value for table in app.dataframe if "Likeness" in table.value)
    assert alike["Likeness"].is_monotonic_decreasing
    app.text_input(key="find").set_value("<script>zzzz").run()
    assert "no name, phrase or title" in words(app)


def interests(app: AppTest) -> pd.DataFrame:
    """The table of interests."""
    return next(table.value for table in app.dataframe if "Traffic" in table.value)


def test_the_slider_keeps_its_place_on_other_pages(workspaces):
    app = open_app("granularity", "Busy")
    set_number(app, 7)
    app.switch_page("app_pages/descriptions.py").run()
    assert "7 interests" in words(app)


def test_the_slider_of_one_workspace_does_not_move_that_of_another(workspaces):
    app = open_app("granularity", "Tiny")
    assert app.metric[0].value == "3"
    app.selectbox(key="workspace").set_value("Busy").run()
    assert app.metric[0].value == "12"


def test_the_choices_for_a_build_are_those_of_each_workspace(workspaces):
    app = open_app("logs", "Tiny")
    app.number_input(key="number_to_build-Tiny").set_value(5).run()
    app.selectbox(key="workspace").set_value("Busy").run()
    assert app.number_input(key="number_to_build-Busy").value == 12


def test_a_language_model_is_offered_where_the_server_has_one(workspaces, tmp_path, monkeypatch):
    app = open_app("logs", "Tiny")
    assert "Learned by a language model" not in app.radio(key="policy-Tiny").options
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (tmp_path / "small" / "model.safetensors").touch()
    monkeypatch.setattr("hierex.view.policy_choice.server", lambda: replace(server(), models=tmp_path))
    app = open_app("logs", "Tiny")
    app.radio(key="policy-Tiny").set_value("causal").run()
    assert app.selectbox(key="language_model-Tiny").options == ["small"]


def test_the_text_model_may_learn_only_where_the_policy_reads_words(workspaces, monkeypatch):
    asked = []
    monkeypatch.setattr("hierex.view.opened.start_run", asked.append)
    app = open_app("logs", "Tiny")
    app.radio(key="policy-Tiny").set_value("ease").run()
    assert not [box for box in app.checkbox if box.key == "tune_text-Tiny"]
    app.radio(key="policy-Tiny").set_value("encoder").run()
    assert app.checkbox(key="tune_text-Tiny").value is False
    app.checkbox(key="tune_text-Tiny").check().run()
    next(button for button in app.button if button.label.startswith(("Build", "Continue"))).click().run()
    assert [config.policy for config in asked] == [PolicyConfig(tune_text=True)]


def test_models_with_the_same_last_part_of_their_name_are_told_apart(workspaces, tmp_path, monkeypatch):
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    (tmp_path / "all-MiniLM-L6-v2" / "modules.json").write_text("[]")
    monkeypatch.setattr("hierex.view.logs.files.server", lambda: replace(server(), models=tmp_path))
    app = open_app("logs", "Busy")
    assert app.selectbox(key="model-Busy").options == ["all-MiniLM-L6-v2", str(tmp_path / "all-MiniLM-L6-v2")]


def test_what_went_wrong_is_said_although_something_went_well_after_it(workspaces):
    def script():
        from hierex.errors import HierexError
        from hierex.view import opened
        from hierex.view.opened import doing

        def fail():
            raise HierexError("the first was refused")

        doing(fail)
        doing(lambda: None, "the second was saved")
        opened.show_messages()

    app = AppTest.from_function(script).run()
    assert [error.value for error in app.error] == ["the first was refused"]
    assert [toast.value for toast in app.toast] == ["the first was refused", "the second was saved"]


def test_a_picked_user_gets_predictions_that_are_new_to_them(workspaces):
    app = open_app("preview", "Busy")
    assert not app.error
    assert any("Which new interest comes next" in str(part.value) for part in app.subheader)
    app.selectbox(key="person-Busy-0").select_index(3).run()
    assert not app.exception


def test_an_unknown_person_is_said_to_be_unknown(workspaces):
    app = choose_whom("Busy", "By id")
    app.text_input(key="person_id-Busy").set_value("<b>nobody</b>").run()
    assert not app.exception
    assert "There is no person" in words(app)


def choose_whom(workspace: str, how: str) -> AppTest:
    app = open_app("preview", workspace)
    app.session_state[f"whom-{workspace}"] = how
    app.run()
    assert not app.exception, app.exception
    return app


def multiselect(app: AppTest, start: str):
    return next(box for box in app.multiselect if str(box.key).startswith(start))


def test_people_are_drawn_by_interest_and_length_of_history(workspaces):
    app = open_app("preview", "Busy")
    everybody = app.selectbox(key="person-Busy-0").label
    who_have = next(box for box in app.selectbox if str(box.key).startswith("who_have"))
    who_have.select_index(3).run()
    assert not app.exception, app.exception
    assert app.selectbox(key="person-Busy-0").label != everybody
    assert all(option.split(": ")[0].startswith("u") for option in app.selectbox(key="person-Busy-0").options)


def test_somebody_made_up_gets_predictions_and_is_kept_as_an_example(workspaces):
    app = choose_whom("Busy", "Made up")
    assert "Choose the interests of somebody who might be" in words(app)
    multiselect(app, "made_up").set_value([2, 4]).run()
    assert not app.exception, app.exception
    assert any("Which new interest comes next" in str(part.value) for part in app.subheader)
    app.text_input(key="example_name").set_value("<b>Gardener</b>")
    press(app, "Keep")
    assert [example.name for example in read_examples(open_store(workspaces / "Busy.duckdb"))] == ["<b>Gardener</b>"]
    app = choose_whom("Busy", "An example")
    assert any("somebody" in str(part.value) or "Gardener" in str(part.value) for part in app.subheader)
    press(app, "Delete")
    assert "No example is kept yet" in words(app)
    app.button(key="example_back").click().run()
    assert not app.exception, app.exception
    assert "No example is kept yet" not in words(app)


def test_places_for_new_interests_are_given_by_a_dial(workspaces):
    app = open_app("preview", "Busy")
    for places in (0, 4):
        app.slider(key="novel_places").set_value(places).run()
        assert not app.exception, app.exception
        mixed = next(frame.value for frame in app.dataframe if "Comes from" in frame.value.columns)
        assert (mixed["Comes from"] == "a predicted interest").sum() == places
        assert len(mixed) == 10


def test_other_ways_to_predict_stand_beside(workspaces):
    app = open_app("preview", "Busy")
    app.checkbox(key="other_ways").check().run()
    assert not app.exception, app.exception
    assert any("What goes together" in frame.value.columns for frame in app.dataframe)


def on_preview_part(workspace: str, part: str) -> AppTest:
    app = open_app("preview", workspace)
    app.session_state["preview_part"] = part
    app.run()
    assert not app.exception, app.exception
    return app


@pytest.mark.parametrize("workspace", ["Two", "Tiny", "Busy"])
def test_every_supposition_is_worked_out(workspaces, workspace):
    app = on_preview_part(workspace, "What if")
    for option in app.selectbox(key="what_if").options:
        app.selectbox(key="what_if").select(option).run()
        assert not app.exception, (option, app.exception)
        assert not app.error


def test_another_number_is_compared_for_the_people_looked_at(workspaces):
    app = on_preview_part("Busy", "What if")
    app.selectbox(key="what_if").select("there were more or fewer interests").run()
    number = next(box for box in app.number_input if str(box.key).startswith("other_number"))
    number.set_value(9).run()
    assert not app.exception, app.exception
    assert re.search(r"Of \d+ suggestions to \d+ (person|people), ", words(app))
    assert any("As it would be" in frame.value.columns for frame in app.dataframe)


@pytest.mark.parametrize("workspace", ["Two", "Tiny", "Busy"])
def test_judging_blind_says_what_it_takes_and_starts_from_there(workspaces, workspace):
    app = on_preview_part(workspace, "Judge blind")
    assert not app.error
    assert "It takes two builds" in words(app) or "Which two to compare" in words(app)


def test_a_thumb_on_an_item_is_kept_with_the_reviewers_name(workspaces):
    app = choose_whom("Busy", "Drawn at random")
    app.session_state["author"] = "Ann"
    app.toggle(key="judging_items").set_value(True).run()
    assert not app.exception, app.exception
    thumb = next(thumb for thumb in app.feedback if str(thumb.key).startswith("item_thumb"))
    thumb.set_value(1).run()
    assert not app.exception, app.exception
    kept = read_all_item_thumbs(open_store(workspaces / "Busy.duckdb"))
    assert kept[["author", "liked"]].to_numpy().tolist() == [["Ann", True]]
    assert kept["item_id"][0] in str(thumb.key)


def test_the_report_lists_the_people(workspaces):
    app = on_preview_part("Busy", "Report")
    assert not app.error
    assert len([line for line in app.markdown if line.value.startswith("**")]) >= 1


def test_a_workspace_is_created_renamed_deleted_and_brought_back(workspaces):
    app = open_app("logs", "Empty")
    app.text_input(key="new_workspace").set_value("Autumn 2026")
    press(app, "Create")
    assert app.session_state["workspace"] == "Autumn 2026"
    app.text_input(key="rename-Autumn 2026").set_value("Winter")
    press(app, "Rename")
    assert app.session_state["workspace"] == "Winter"
    app.text_input(key="rename-Winter").set_value("typed and left")
    press(app, "Delete")
    assert app.session_state["workspace"] != "Winter"
    assert "There is no workspace" not in words(app)
    assert not any("typed and left" in str(box.value) for box in app.text_input)
    press(app, "Bring back")
    assert app.session_state["workspace"] == "Winter"
    press(app, "Delete")
    assert (workspaces / ".trash" / "Winter.duckdb").exists()


@pytest.mark.parametrize(("seconds", "told"), [(600.0, False), (0.0, True)])
def test_a_double_click_creates_one_workspace_and_opens_it(workspaces, monkeypatch, seconds, told):
    monkeypatch.setattr("hierex.view.sidebar.A_DOUBLE_CLICK", seconds)
    name = f"Twice {seconds:.0f}"
    app = open_app("logs", "Empty")
    for _ in range(2):
        app.session_state["workspace"] = "Empty"
        app.text_input(key="new_workspace").set_value(name)
        press(app, "Create")
    assert bool(app.error) == told
    assert app.session_state["workspace"] == ("Empty" if told else name)
    throw_away(workspaces, name)


def test_who_has_a_workspace_open_that_somebody_renamed_is_told(workspaces):
    shutil.copy(workspaces / "Empty.duckdb", workspaces / "Spring.duckdb")
    app = open_app("logs", "Spring")
    rename_workspace(workspaces, "Spring", "Summer")
    app.query_params.clear()
    app.switch_page("app_pages/descriptions.py").run()
    assert "There is no workspace 'Spring' here" in words(app)


def test_numbers_of_interests_are_measured_anew_for_another_k(monkeypatch):
    """The trees, visits and words of two workspaces may be the same. Here a k stands for a workspace."""
    monkeypatch.setattr(choice_panel, "effects_of", lambda k, numbers: pd.DataFrame({"n_contexts": [10**k]}))
    measured = [choice_panel.measure(k, k, ["the same"], (), None)["n_contexts"].item() for k in (2, 3)]
    assert measured == [100, 1_000]


def test_a_bad_workspace_name_is_explained(workspaces):
    app = open_app("logs", "Empty")
    app.text_input(key="new_workspace").set_value("../evil")
    press(app, "Create")
    assert "letters, digits" in app.error[0].value


def test_what_is_hidden_is_offered_to_be_shown_again(workspaces):
    app = open_app("granularity", "Busy")
    node = int(interests(app).index[1])
    store = open_store(workspaces / "Busy.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    common = {"tree_key": work.key("interest_tree"), "tree": work.tree, "item_ids": work.items["item_id"].to_numpy()}
    made = save_curation(store, "hide", [node], **common)
    try:
        app = open_link(workspace="Busy", interests="12", chosen=str(node))
        assert app.button(key="curate-hide").disabled
        assert app.button(key="curation-end").label == "Show again"
    finally:
        set_undone(store, [made], True)


def test_pages_show_interests_that_were_merged_and_hidden(workspaces):
    app = open_app("granularity", "Busy")
    store = open_store(workspaces / "Busy.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    nodes = [int(node) for node in work.taxonomy.cluster_ids[:4]]
    common = {"tree_key": work.key("interest_tree"), "tree": work.tree, "item_ids": work.items["item_id"].to_numpy()}
    made = [save_curation(store, "merge", nodes[:2], **common), save_curation(store, "hide", nodes[3:], **common)]
    try:
        for page in PAGES:
            app = open_app(page, "Busy")
            assert not app.error
        assert CHANGED in words(open_app("preview", "Busy"))
        app = open_app("granularity", "Busy")
        assert app.metric[0].value == "11"
        assert "The slider is at 12" in app.metric[0].help
        assert "before the latest changes" in words(app)
        table = next(table.value for table in app.dataframe if "Changed" in table.value)
        assert sorted(filter(None, table["Changed"])) == ["hidden", "merged"]
        set_undone(store, made[:1], True)
        assert CHANGED not in words(open_app("preview", "Busy")), "what is hidden is left out at once"
        app = open_app("granularity", "Busy")
        press(app, "Take all back")
        assert app.metric[0].value == "12"
        assert not app.metric[0].help
    finally:
        set_undone(store, made, True)


def test_what_was_split_joined_and_moved_is_marked_too(workspaces):
    store = open_store(workspaces / "Busy.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    nodes = [int(node) for node in work.taxonomy.cluster_ids if work.tree.dies[node] <= work.tree.finest]
    split, given, taken = nodes[0], nodes[1], nodes[2]
    siblings = [node for node in work.taxonomy.cluster_ids.tolist() if node not in (split, given, taken)]
    joined = next(node for node in siblings if work.tree.parent[node] in work.tree.parent[siblings] and node)
    common = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": work.items["item_id"].to_numpy()}
    moved = [int(work.grown_tree.items_of(given)[0])]
    made = [save_curation(store, "split", [split], **common)]
    made += [save_curation(store, "move", [taken], items=moved, **common)]
    try:
        marks = interests(open_app("granularity", "Busy"))["Changed"]
        assert {int(node): mark for node, mark in marks.items() if mark} == {
            **dict.fromkeys(work.tree.children(split).tolist(), "split"),
            given: "items moved",
            taken: "items moved",
        }
        set_undone(store, made, True)
        made.append(save_curation(store, "collapse", [joined], **common))
        marks = interests(open_app("granularity", "Busy"))["Changed"]
        assert {int(node): mark for node, mark in marks.items() if mark} == {int(work.tree.parent[joined]): "joined"}
    finally:
        set_undone(store, made, True)


def test_what_was_changed_in_another_window_is_not_changed_once_more(workspaces):
    store = open_store(workspaces / "Busy.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    nodes = [int(node) for node in work.taxonomy.cluster_ids[:3]]

    def script(work, clusters):
        import streamlit as st

        from hierex.view.granularity.confirming import still_so

        st.markdown(f"as chosen: {still_so(work, 12, work.taxonomy, clusters)}")

    common = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": work.items["item_id"].to_numpy()}
    made = save_curation(store, "merge", nodes[:2], **common)
    try:
        assert "as chosen: True" in words(open_script(script, work, [2]))
        app = open_script(script, work, [2, 1])
        assert "as chosen: False" in words(app)
        assert "was changed in the meantime" in words(app)
    finally:
        set_undone(store, [made], True)
    assert "as chosen: True" in words(open_script(script, work, [2, 1]))


def test_merging_all_interests_into_two_can_be_taken_back(workspaces):
    store = open_store(workspaces / "Busy.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    nodes = [int(node) for node in work.taxonomy.cluster_ids]
    common = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": work.items["item_id"].to_numpy()}
    made = [save_curation(store, "merge", part, **common) for part in (nodes[:5], nodes[5:])]
    try:
        app = open_app("granularity", "Busy")
        assert (app.metric[0].value, app.metric[3].value > "0.0") == ("2", True)
        press(app, "Take all back")
        assert app.metric[0].value == "12"
    finally:
        set_undone(store, made, True)


def test_a_change_without_effect_here_does_not_ask_for_a_build(workspaces):
    store = open_store(workspaces / "Busy.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    node = int(work.taxonomy.cluster_ids[0])
    common = {"tree_key": work.tree_key, "tree": work.grown_tree, "item_ids": work.items["item_id"].to_numpy()}
    made = save_curation(store, "lock", (node,), **common)
    try:
        assert "before the latest changes" not in words(open_app("granularity", "Busy"))
    finally:
        set_undone(store, [made], True)


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label.startswith(label)).click()
    app.run()
    assert not app.exception, app.exception
    return app


def test_no_edit_is_made_by_looking(workspaces):
    open_app("descriptions", "Busy")
    store = open_store(workspaces / "Busy.duckdb")
    assert (read_edits(store), read_reviews(store)) == ([], [])


@pytest.fixture
def words_as_they_were(workspaces):
    """What a test did to descriptions of the busy workspace is taken back after it."""
    store = open_store(workspaces / "Busy.duckdb")
    yield store
    for change in [*read_edits(store), *read_reviews(store)]:
        set_step_undone(store, change.step, True)


def drawn_rows(app: AppTest) -> pd.DataFrame:
    """Of the table of descriptions that is shown."""
    return list(app.session_state["drawn_tables"].values())[-1].rows


def approve(app: AppTest) -> None:
    """What is looked at closer."""
    app.button(key="review-approved").click().run()
    assert not app.exception, app.exception


def upload(app: AppTest, data: bytes) -> None:
    """Into the place for a changed file."""
    app.file_uploader[-1].set_value(("interests.csv", data, "text/csv")).run()
    assert not app.exception, app.exception


def test_reviewing_goes_on_to_the_next_and_is_undone(words_as_they_were):
    app = open_app("descriptions", "Busy")
    app.text_input(key="author").set_value("**Ada**").run()
    first = app.selectbox(key="closer").value
    next(box for box in app.text_input if box.label == "Note").set_value("<script>x</script>")
    press(app, "Needs work")
    second = app.selectbox(key="closer").value
    assert second != first
    press(app, "Previous")
    assert r"Marked as “needs work” by \*\*Ada\*\*" in words(app)
    assert r"\<script\>" in words(app)
    press(app, "Next")
    approve(app)
    assert "1 of 12 interests" in app.get("progress")[0].proto.text
    app.segmented_control(key="review_filter").set_value("Needs work").run()
    assert app.selectbox(key="closer").value == first
    press(app, "Undo")
    assert "0 of 12 interests" in app.get("progress")[0].proto.text
    assert app.selectbox(key="closer").value == first
    press(app, "Undo")
    assert "No interest is listed" in words(app)
    press(app, "Redo")
    assert [review.undone for review in read_reviews(words_as_they_were)] == [False, True]


def test_only_those_to_do_are_next(words_as_they_were):
    app = open_app("descriptions", "Busy")
    start = app.selectbox(key="closer").value
    press(app, "Next")
    approve(app)
    press(app, "Previous")
    press(app, "Previous")
    assert app.selectbox(key="closer").value == start
    app.checkbox(key="only_to_do").check().run()
    press(app, "Next")
    third = app.selectbox(key="closer").value
    app.checkbox(key="only_to_do").uncheck().run()
    press(app, "Previous")
    press(app, "Previous")
    assert app.selectbox(key="closer").value == start != third


def test_the_selected_are_approved_as_one_step(words_as_they_were):
    app = open_app("descriptions", "Busy")
    assert next(button for button in app.button if button.label.startswith("Approve the selected")).disabled
    press(app, "Select all 12 shown")
    press(app, "Approve the selected (12)")
    assert "100% of traffic approved, 12 of 12" in app.get("progress")[0].proto.text
    assert "12 interests, approved" in words(app)
    press(app, "Undo")
    assert "0% of traffic approved, 0 of 12" in app.get("progress")[0].proto.text


def test_what_needs_work_is_not_approved_with_many(words_as_they_were):
    app = open_app("descriptions", "Busy")
    press(app, "Needs work")
    press(app, "Select all 12 shown")
    assert "1 of the selected needs work, as somebody said, and would stay so" in words(app)
    press(app, "Approve the selected (11)")
    assert sorted(review.state for review in read_reviews(words_as_they_were) if not review.undone) == (
        ["approved"] * 11 + ["needs work"]
    )


def test_found_words_are_replaced_after_a_look_and_undone_as_one_step(words_as_they_were):
    app = open_app("descriptions", "Busy")
    app.text_input(key="replace_find").set_value("about").run()
    app.text_input(key="replace_with").set_value("<b>=1</b>").run()
    preview = next(table.value for table in app.dataframe if "After" in table.value)
    assert preview["After"].str.contains("<b>=1</b>", regex=False).all()
    assert not [edit for edit in read_edits(words_as_they_were) if not edit.undone]
    press(app, "Replace in 12 interests")
    assert "12 by a person" in words(app)
    press(app, "Undo")
    assert "described: 12 from keywords" in words(app)
    press(app, "Redo")
    assert "12 by a person" in words(app)


def test_one_of_many_is_taken_back_alone(words_as_they_were):
    app = open_app("descriptions", "Busy")
    app.text_input(key="replace_find").set_value("about").run()
    press(app, "Replace in 12 interests")
    press(app, "Take this change back")
    assert "11 by a person" in words(app)
    press(app, "Undo")
    assert "described: 12 from keywords" in words(app)
    press(app, "Redo")
    assert "11 by a person" in words(app)
    press(app, "Redo")
    assert "12 by a person" in words(app)


def test_what_is_typed_while_the_page_is_ended_in_the_middle_is_kept(words_as_they_were):
    def script(work):
        import pandas as pd
        import streamlit as st

        from hierex.view.descriptions import described, table

        class Ended(BaseException):
            """As Streamlit ends a callback where the session's state is read, when the next thing is typed."""

        def end():
            raise Ended

        shown, author_name = described.read_described(work), described.author_name
        drawn = table.Drawn(pd.DataFrame(index=shown.nodes), {}, {})
        st.session_state["typed"] = {"edited_rows": {0: {"Name": "Mine"}}}
        described.author_name = end
        try:
            table.save_changes(shown, "typed", drawn)
        except Ended:
            st.markdown("ended")
        finally:
            described.author_name = author_name
        table.save_changes(shown, "typed", drawn)
        st.session_state["typed"] = {"edited_rows": {0: {"Name": "Mine", "Summary": "This as well"}}}
        table.save_changes(shown, "typed", drawn)

    work = Workspace(words_as_they_were, CONFIG, shown_run(words_as_they_were).keys)
    app = open_script(script, work)
    assert "ended" in words(app)
    edits = [edit for edit in read_edits(words_as_they_were) if not edit.undone]
    assert [(edit.name, edit.summary == "This as well") for edit in edits] == [("Mine", False), ("Mine", True)]


def test_two_sessions_replace_at_once_and_one_is_told(words_as_they_were):
    one, other = open_app("descriptions", "Busy"), open_app("descriptions", "Busy")
    for app, text in ((one, "First"), (other, "Second")):
        app.text_input(key="replace_find").set_value("about").run()
        app.text_input(key="replace_with").set_value(text).run()
    press(one, "Replace in 12 interests")
    press(other, "Replace in 12 interests")
    assert "None of the 12 was changed" in words(other)
    assert "in the meantime" in words(other)
    standing = [edit.summary for edit in read_edits(words_as_they_were) if not edit.undone]
    assert len(standing) == 12
    assert not [summary for summary in standing if "Second" in summary]


def test_a_changed_file_comes_back_with_conflicts_shown(words_as_they_were):
    app = open_app("descriptions", "Busy")
    run = shown_run(words_as_they_were)
    work = Workspace(words_as_they_were, CONFIG, run.keys)
    described = work.descriptions(work.taxonomy, {})
    shown = [described[node] for node in work.taxonomy.cluster_ids.tolist()]
    data = write_descriptions_file(work.tree_key, shown, pd.DataFrame()).decode("utf-8-sig")
    changed = data.replace(f",{shown[0].name},", ",'=HYPERLINK(1),").replace(f",{shown[1].name},", ",Mine,")
    upload(app, changed.encode())
    assert "2 interests would change, 10 stay" in words(app)
    press(app, "Change 2 interests")
    assert {edit.name for edit in read_edits(words_as_they_were) if not edit.undone} == {"=HYPERLINK(1)", "Mine"}
    upload(app, changed.replace(",Mine,", ",Yours,").encode())
    assert "1 of the changed rows were changed here as well" in words(app)
    assert next(button for button in app.button if button.label == "Change 0 interests").disabled
    app.checkbox[-1].check().run()
    press(app, "Undo")
    assert "2 interests would change" in words(app)
    upload(app, b"PK\x03\x04")
    assert "Excel workbook" in words(app)


def test_descriptions_are_checked_when_asked_for_and_the_weak_ones_are_shown_alone(workspaces):
    app = open_app("descriptions", "Busy")
    press(app, "Check the descriptions")
    for _ in range(100):
        if any(toggle.key == "only_weak" for toggle in app.toggle):
            break
        time.sleep(0.2)  # the text model is being loaded meanwhile, by another thread
        app.run()
    table = drawn_rows(app)
    assert table["Found by its words"].between(0, 100).all()
    assert table["Found by its words"].max() > 1
    assert (table["Nearest other"] != table["Name"]).all()
    assert set(table["Nearest other"]) <= set(table["Name"])
    assert f"{(table['Look at this'] != '').sum()} of 12 may need a look" in words(app)
    assert not [button for button in app.button if button.label.startswith("Check")]
    if (table["Look at this"] != "").any():
        app.toggle(key="only_weak").set_value(True).run()
        assert (drawn_rows(app)["Look at this"] != "").all()
    set_number(app, 7)
    assert "Look at this" not in drawn_rows(app)
    assert [button for button in app.button if button.label.startswith("Check")]


def test_a_number_of_interests_is_saved_and_gone_back_to(workspaces):
    app = open_app("granularity", "Busy")
    set_number(app, 7)
    app.text_input(key="preset_name").set_value("**Coarse**")
    app.button(key="preset_save").click().run()
    set_number(app, 15)
    assert app.metric[0].value == "15"
    app.button(key="preset-**Coarse**").click().run()
    assert app.metric[0].value == "7"
    app.button(key="forget-**Coarse**").click().run()
    assert not [button for button in app.button if button.key == "preset-**Coarse**"]
    app.button(key="preset_restore").click().run()
    assert app.button(key="preset-**Coarse**")
    app.button(key="forget-**Coarse**").click().run()
    assert not app.exception


def test_weights_of_behaviour_are_compared_beside_their_slider(workspaces):
    app = open_app("logs", "Busy")
    assert app.slider(key="behaviour-Busy").value == 0
    press(app, "Compare what it changes")
    job = jobs().of(open_store(workspaces / "Busy.duckdb").path)
    wait_for(lambda: not job.active)
    assert (job.goal, job.status) == ("comparison", "done")
    app = open_app("logs", "Busy")
    table = next(table.value for table in app.dataframe if "Busiest ÷ average interest" in table.value)
    assert list(table["Who consumes what counts"]) == ["0%", "25%", "50%", "75%"]
    assert not [button for button in app.button if button.label.startswith("Compare what")]
    assert "12 interests, formed anew" in words(app)


def test_the_weight_goes_into_the_build(workspaces, monkeypatch):
    asked = []
    monkeypatch.setattr("hierex.jobs.Jobs.start", lambda self, store, config: asked.append(config))
    app = open_app("logs", "Busy")
    app.slider(key="behaviour-Busy").set_value(30).run()
    press(app, "Build again")
    assert asked[0].behaviour.weight == 0.3


def test_vectors_of_the_catalogue_are_offered_where_there_are_any(workspaces):
    world = make_world(n_items=30, n_users=12, n_interactions=150, seed=4)
    world.items.assign(vector=world.vectors(dimensions=8).tolist()).to_parquet(workspaces / "own.parquet")
    world.interactions.to_csv(workspaces / "own.csv", index=False)
    store = open_store(workspaces / "Own.duckdb")
    import_logs(store, *(LogFile(workspaces / name, name) for name in ("own.parquet", "own.csv")))
    app = open_app("logs", "Own")
    assert app.selectbox(key="model-Own").options == ["all-MiniLM-L6-v2", "The vectors in your file"]
    assert "vector of 8 numbers" in words(app)
    assert "After the first build" in words(app)


def test_the_range_is_suggested_in_words_and_every_number_is_in_the_table(workspaces):
    app = open_app("granularity", "Busy")
    assert any(part.value == "How many interests?" for part in app.subheader)
    assert "No number of interests suits" in words(app) or "Suggested" in words(app)
    app.session_state["choice_open"] = True
    app.run()
    assert "12, shown now" in words(app)
    set_number(app, 7)
    assert "Dashed line: 12" in words(app)
    table = next(table.value for table in app.dataframe if "Marked" in table.value)
    assert dict(zip(table["Marked"], table["Interests"], strict=True)) | {"": 0} == {"shown now": 7, "built": 12, "": 0}
    assert table.set_index("Interests")["Right among first 10"].notna().tolist().count(True) == 1


def test_the_price_that_is_typed_is_what_the_cost_is_made_of(workspaces):
    app = open_app("granularity", "Busy")
    app.session_state["choice_open"] = True
    app.run()
    app.number_input(key="price_in").set_value(0.0)
    app.number_input(key="price_out").set_value(0.0).run()
    assert not app.exception
    assert "156 calls" in words(app)
    assert "about **0.00**" in words(app)


@pytest.mark.parametrize("page", ["granularity", "descriptions", "preview"])
def test_shares_in_tables_have_as_many_decimals_in_every_row(workspaces, page):
    """A column of numbers cuts off what its step does not hold; a bar is rounded to it."""
    kinds = [
        column.get("type_config") or {}
        for table in open_app(page, "Busy").dataframe
        for column in json.loads(table.proto.columns or "{}").values()
    ]
    shares = {(kind["type"], kind["format"], kind.get("step")) for kind in kinds if is_share(kind.get("format"))}
    assert shares
    fixed = {("number", f"%.{decimals}f%%", None) for decimals in range(3)}
    assert shares <= fixed | {("progress", "percent", 0.001)}


def is_share(form):
    return form is not None and (form == "percent" or form.endswith("%%"))


def test_two_numbers_stand_side_by_side_and_are_searched(workspaces):
    app = open_app("granularity", "Busy")
    assert "the same on both sides. Choose another" in words(app)
    app.selectbox(key="compare_right-Busy").set_value("other").run()
    assert app.number_input(key="compare_right-Busy-number").value == 24
    app.number_input(key="compare_right-Busy-number").set_value(5).run()
    assert not app.exception
    facts = next(table.value for table in app.dataframe if "5 interests" in table.value)
    assert facts.iloc[0].tolist() == ["Interests", "12", "5"]  # each on the side where it was chosen
    assert "of “5 interests”" in words(app)
    parts = next(table.value for table in app.dataframe if "Turns into" in table.value)
    sums = parts.groupby("Interest")["Share of it"].sum()
    assert sums.to_numpy() == pytest.approx([1.0] * len(sums))
    one = parts["Turns into"].iloc[0]
    app.text_input(key="compare_search-Busy").set_value(one.upper()).run()
    found = next(table.value for table in app.dataframe if "Turns into" in table.value)
    assert one in set(found["Turns into"])
    app.text_input(key="compare_search-Busy").set_value("no such word").run()
    assert "No interest that differs" in words(app)


def test_the_page_opens_at_the_active_number_and_a_build_would_use_it(workspaces):
    app = open_app("granularity", "Busy")
    set_number(app, 9)
    app.text_input(key="preset_name").set_value("Nine")
    app.button(key="preset_save").click().run()
    app.button(key="activate-Nine").click().run()
    try:
        assert open_app("granularity", "Busy").metric[0].value == "9"
        assert open_app("logs", "Busy").number_input(key="number_to_build-Busy").value == 9
        other = open_app("granularity", "Busy")
        other.selectbox(key="compare_right-Busy").set_value("saved Nine").run()
        assert not other.exception
        app.button(key="activate-Nine").click().run()
        assert open_app("granularity", "Busy").metric[0].value == "12"
    finally:
        app.button(key="forget-Nine").click().run()
    assert not app.exception


@pytest.mark.parametrize("workspace", ["Two", "Tiny"])
def test_small_data_has_a_panel_too(workspaces, workspace):
    app = open_app("granularity", workspace)
    app.session_state["choice_open"] = True
    app.run()
    assert not app.exception
    assert "No number of interests suits" in words(app)


@pytest.fixture
def model(monkeypatch):
    """A language model that is set up, and answers."""
    with LlmServer() as server:
        for name, value in (("URL", server.url), ("MODEL", MODEL), ("KEY", KEY)):
            monkeypatch.setenv(f"HIEREX_LLM_{name}", value)
        yield server


def open_model_panel(workspace: str) -> AppTest:
    app = open_app("descriptions", workspace)
    app.session_state["model_panel"] = True
    app.run()
    assert not app.exception, app.exception
    return app


def finished_job(workspaces, name):
    job = jobs().of(open_store(workspaces / f"{name}.duckdb").path)
    wait_for(lambda: not job.active)
    return job


def test_a_workspace_that_is_built_for_the_first_time_says_so(workspaces):
    store = open_store(workspaces / "First.duckdb")
    files = [LogFile(workspaces / f"Tiny-{name}.csv", name) for name in ("items", "interactions")]
    import_logs(store, *files)
    assert "Press 'Build' on the Logs page" in words(open_app("granularity", "First"))
    goes_on = threading.Event()
    job = jobs().begin(Job(store.path, CONFIG, {}), lambda **_: goes_on.wait(60), beside=True)
    try:
        assert "built for the first time" in words(open_app("granularity", "First"))
        app = open_app("logs", "First")
        assert next(button for button in app.button if button.label == "Build").disabled
    finally:
        goes_on.set()
    wait_for(lambda: not job.active)
    app = open_app("logs", "First")
    assert any("The build is done" in str(one.value) for one in app.success)
    press(app, "Close")
    assert not app.success


def test_the_slider_stands_at_what_was_built_of_other_logs(workspaces):
    build(workspaces, "Changing", n_items=30, n_users=12, n_interactions=150)
    app = open_app("granularity", "Changing")
    set_number(app, 5)
    assert app.metric[0].value == "5"
    build(workspaces, "Changing", n_items=31, n_users=12, n_interactions=150)
    assert app.run().metric[0].value == "3"


def test_without_a_language_model_the_page_says_so(workspaces, monkeypatch):
    monkeypatch.delenv("HIEREX_LLM_MODEL", raising=False)
    app = open_model_panel("Tiny")
    assert "No language model is set up" in words(app)
    assert not [button for button in app.button if button.label == "Try again"]


def test_a_language_model_describes_and_every_version_stays(workspaces, model):
    app = open_model_panel("Tiny")
    assert "Nothing leaves this machine" in words(app)
    press(app, "Test the connection")
    assert "It answers" in app.success[0].value
    press(app, "Describe 3")
    assert finished_job(workspaces, "Tiny").status == "done"
    app = open_model_panel("Tiny")
    assert "Nothing to ask" in words(app)
    assert "The language model described 3 interests" in app.success[0].value
    assert "Written by a language model" in words(app)
    versions = next(table.value for table in app.dataframe if "Written" in table.value and "Now" in table.value)
    assert versions["Now"].tolist() == ["shown", "replaced"]
    assert versions["Written"].tolist() == [f"by a language model ({MODEL})", "from keywords"]


def test_another_try_takes_a_hint_and_gives_one_more_version(workspaces, model):
    app = open_app("descriptions", "Tiny")
    node = app.selectbox(key="closer").value
    app.text_input(key=f"hint-{node}").set_value("shorter, and about the bread").run()
    press(app, "Try again")
    assert finished_job(workspaces, "Tiny").status == "done"
    assert "shorter, and about the bread" in str(model.requests[-1]["messages"])
    store = open_store(workspaces / "Tiny.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    assert (
        work.node_descriptions()[node].name
        == read_answers(work.store, work.tree_key, node, work.node_contents[node])[0].name
    )


def test_a_model_that_is_refused_says_why_in_the_side_bar(workspaces, model, monkeypatch):
    monkeypatch.setenv("HIEREX_LLM_KEY", "wrong")
    app = open_model_panel("Busy")
    press(app, "Describe 12")
    job = finished_job(workspaces, "Busy")
    assert job.status == "failed"
    assert "key" in job.error
    assert job.error in words(open_app("descriptions", "Busy")).replace("\\", "")


def test_a_run_is_stopped_and_keeps_what_came(workspaces, model):
    model.seconds = 1.0
    app = open_model_panel("Busy")
    app.session_state["model_coarser"] = True
    start = next(b.label for b in app.run().button if b.label.startswith("Describe "))
    total = int(start.split()[1])
    press(app, start)
    job = jobs().of(open_store(workspaces / "Busy.duckdb").path)
    wait_for(lambda: job.reading is not None and job.reading.described > 0)
    jobs().cancel(job)
    wait_for(lambda: not job.active)
    assert job.status == "stopped"
    assert 0 < job.reading.described < total
    app = open_model_panel("Busy")
    app.session_state["model_coarser"] = True
    assert f"Describe {total - job.reading.described}" in [button.label for button in app.run().button]


def on_part(workspace: str, part: str) -> AppTest:
    app = open_app("next_interest", workspace)
    app.session_state["next_part"] = part
    app.run()
    assert not app.exception, app.exception
    return app


@pytest.mark.parametrize(("linked", "shown"), [("Releases", "Builds to choose from"), ("<b>", "The strongest moves")])
def test_a_link_opens_a_part_of_what_comes_next(workspaces, linked, shown):
    app = open_link(workspace="Busy", next_part=linked)
    app.switch_page("app_pages/next_interest.py").run()
    assert not app.exception, app.exception
    assert shown in words(app)


NEXT_PARTS = [
    "How people move",
    "What is taught",
    "Staying fresh",
    "What people liked",
    "Likely or novel",
    "Releases",
]


@pytest.mark.parametrize("part", NEXT_PARTS)
@pytest.mark.parametrize("workspace", ["Empty", "Two", "Tiny", "Busy"])
def test_every_part_of_what_comes_next_opens(workspaces, workspace, part):
    app = on_part(workspace, part)
    assert not app.error
    assert "luster" not in words(app)


def test_moves_of_too_few_people_are_not_shown(workspaces):
    app = on_part("Busy", "How people move")
    table = app.dataframe[0].value
    assert table["People"].min() >= 3
    app.number_input(key="fewest_people-Busy").set_value(5).run()
    fewer = app.dataframe[0].value
    assert 0 < len(fewer) < len(table)
    assert fewer["People"].min() >= 5


def test_whose_learning_the_examples_are_is_said(workspaces):
    app = on_part("Busy", "What is taught")
    said = words(app)
    assert "Only a language model learns from these" in said
    assert re.search(r"from those that 3 people or more have gone \(\d+ of them\)", said)
    assert "All other ways to predict, the usual one too, learn from all moves" in said


@pytest.mark.parametrize("measured", [True, False])
def test_a_dial_without_later_moves_says_so_and_not_to_build_again(measured):
    def script(measured):
        from types import SimpleNamespace

        import pandas as pd

        from hierex.view.next_interest.dial import novelty_dial

        table = pd.DataFrame({"policy": [], "weight": []} if measured else {})
        novelty_dial(SimpleNamespace(evaluation={"dial": table}))

    said = words(open_script(script, measured))
    assert ("Nobody reached a new interest" in said, "Build again" in said) == (measured, not measured)


@pytest.mark.parametrize("part", ["Staying fresh", "Likely or novel"])
def test_the_latest_build_is_named_also_where_its_method_cannot_be_loaded(workspaces, monkeypatch, part):
    def not_there(self):
        raise HierexError("No folder of models is set up.")

    monkeypatch.setattr("hierex.workspace.Workspace.policy", property(not_there))
    app = on_part("Busy", part)
    assert not app.error
    assert "About the latest build: **Counted from the log, 12 interests**" in words(app)


def test_the_dial_shows_what_each_place_of_it_does(workspaces):
    app = on_part("Busy", "Likely or novel")
    assert "was not measured" not in words(app)
    found, far = app.metric[0].value, app.metric[1].value
    app.select_slider[0].set_value(20.0).run()
    assert not app.exception, app.exception
    assert app.metric[1].value > far
    assert app.metric[0].value != found


def test_what_is_learned_is_searched_by_a_word(workspaces):
    app = on_part("Busy", "What is taught")
    names = app.dataframe[0].value["New interest"]
    app.text_input(key="learned_search").set_value(names.iloc[0].upper()).run()
    assert not app.exception, app.exception
    found = app.dataframe[0].value
    assert 0 < len(found) < len(names)
    assert (found["Interests before"] + found["New interest"]).str.contains(names.iloc[0], regex=False).all()
    app.text_input(key="learned_search").set_value("no such word").run()
    assert not app.exception, app.exception
    assert "No interest has this word in its name." in words(app)


def test_what_passes_the_gates_is_released_by_a_named_person(workspaces, monkeypatch):
    monkeypatch.setattr("hierex.releases.gates.TIMES_CHANCE", 0.0)
    app = on_part("Busy", "Releases")
    assert "Nothing is released yet" in words(app)
    assert app.button(key="release_button").disabled, "without a name"
    app.text_input(key="author").input("Ann").run()
    app.button(key="release_button").click().run()
    assert not app.exception, app.exception
    store = open_store(workspaces / "Busy.duckdb")
    decision = read_releases(store)[0]
    assert (decision.author, decision.run_id) == ("Ann", shown_run(store).run_id)
    assert "Predictions that are released" in words(open_app("preview", "Busy"))
    assert "It is not what is served" not in words(on_part("Busy", "Likely or novel"))
    run_pipeline(store, CONFIG)
    app.run()
    assert "cannot be served" not in words(app), "the same was only built again"
    run_pipeline(store, replace(CONFIG, granularity=9))
    assert "9 interests**. It is not what is served" in words(on_part("Busy", "Likely or novel"))
    app.button(key="serve_none_button").click().run()
    assert read_releases(store)[0].run_id is None
    assert "nothing is released now" in words(open_app("preview", "Busy"))
    assert "Nothing is served, decided by Ann on" in words(on_part("Busy", "Releases"))


def test_nothing_is_built_on_the_logs_page_either_of_answers_that_nobody_has_given(workspaces):
    app = open_app("logs", "Busy")
    app.radio(key="policy-Busy").set_value("openai").run()
    assert "No language model has answered in this workspace yet" in words(app)
    assert next(button for button in app.button if button.label.startswith("Build")).disabled
    app.radio(key="policy-Busy").set_value("counts").run()
    assert not next(button for button in app.button if button.label.startswith("Build")).disabled


def test_nothing_is_built_of_answers_that_nobody_has_given(workspaces):
    app = on_part("Busy", "Releases")
    learn = next(button for button in app.button if button.label == "Learn and measure")
    assert not learn.disabled
    app.session_state["policy-other-Busy"] = "openai"
    app.run()
    assert not app.exception, app.exception
    assert "Nothing that counts was answered about these interests" in words(app)
    assert next(button for button in app.button if button.label == "Learn and measure").disabled


def test_a_prediction_from_the_only_interest_that_is_new_says_so(workspaces):
    app = open_app("preview", "Tiny")
    for person in app.selectbox(key="person-Tiny-0").options:
        app.selectbox(key="person-Tiny-0").select(person).run()
        latest = next(box for box in app.selectbox if (box.key or "").startswith("start-1-"))
        foreign = [option for option in latest.options if option.endswith("(not theirs)")]
        if len(foreign) == 1:
            break
    assert len(foreign) == 1, "somebody has all interests but one"
    latest.select(foreign[0]).run()
    assert not app.exception
    assert "starts from all that is new to this person" in words(app)


def test_who_decides_on_what_has_changed_since_is_told_who_did(workspaces, monkeypatch):
    monkeypatch.setattr("hierex.releases.gates.TIMES_CHANCE", 0.0)
    anns, bens = on_part("Busy", "Releases"), on_part("Busy", "Releases")
    for app, name in ((anns, "Ann"), (bens, "Ben")):
        app.text_input(key="author").set_value(name).run()
    anns.button(key="release_button").click().run()
    bens.button(key="release_button").click().run()
    assert "Ann has decided in the meantime" in words(bens)
    assert "Served now" in "".join(one.value for one in bens.success)
    bens.button(key="serve_none_button").click().run()
    assert not bens.error
    store = open_store(workspaces / "Busy.duckdb", create=False)
    assert [decision.author for decision in read_releases(store)[:2]] == ["Ben", "Ann"]


def test_what_does_not_pass_cannot_be_released(workspaces):
    app = on_part("Busy", "Releases")
    app.text_input(key="author").input("Ann").run()
    assert app.button(key="release_button").disabled
    assert "times as often as chance" in words(app)


def test_a_thumb_is_kept_with_the_reviewers_name_and_can_be_taken_back(workspaces):
    store = open_store(workspaces / "Busy.duckdb")
    app = open_app("preview", "Busy")
    app.session_state["author"] = "Ann"
    app.run()
    thumb = app.feedback[0]
    thumb.set_value(1).run()
    assert not app.exception, app.exception
    assert [(batch.author, batch.n, batch.liked) for batch in read_batches(store)] == [("Ann", 1, 1)]
    app.feedback[0].set_value(0).run()
    assert [(batch.author, batch.n, batch.liked) for batch in read_batches(store)] == [("Ann", 1, 0)]


def test_outcomes_are_taken_in_from_the_form_and_taken_back(workspaces):
    store = open_store(workspaces / "Busy.duckdb")
    work = Workspace(store, CONFIG, shown_run(store).keys)
    form = outcome_form(work).assign(shown="10", liked="4")
    app = on_part("Busy", "What people liked")
    app.file_uploader[0].set_value(("outcomes.csv", safe_csv(form), "text/csv")).run()
    app.button(key="take_outcomes").click().run()
    assert not app.exception, app.exception
    assert not app.error
    batch = read_batches(store)[0]
    assert (batch.n, batch.liked) == (10 * len(form), 4 * len(form))
    assert f"{10 * len(form):,} outcomes" in words(app)
    app.button(key=f"batch-{batch.batch}").click().run()
    assert next(found for found in read_batches(store) if found.batch == batch.batch).undone
    assert "taken back" in words(app)


def test_a_file_that_is_no_form_says_why(workspaces):
    app = on_part("Busy", "What people liked")
    app.file_uploader[0].set_value(("x.csv", b"a,b\n1,2\n", "text/csv")).run()
    app.button(key="take_outcomes").click().run()
    assert "no column" in "".join(error.value for error in app.error)


def test_language_bound_and_undo_of_a_run(workspaces, model):
    build(workspaces, "Model", n_items=30, n_users=12, n_interactions=150)
    store = open_store(workspaces / "Model.duckdb")
    app = open_model_panel("Model")
    app.text_input(key="model_language-Model-English").set_value("a\nb: c").run()
    assert "no name of a language" in words(app)
    app.text_input(key="model_language-Model-English").set_value("Swedish").run()
    press(app, "Describe 3")
    assert finished_job(workspaces, "Model").status == "done"
    assert "Write in Swedish" in model.requests[-1]["messages"][0]["content"]
    node = app.selectbox(key="closer").value
    app.text_input(key=f"hint-{node}").set_value("shorter").run()
    press(app, "Try again")
    assert finished_job(workspaces, "Model").status == "done"
    assert "Write in Swedish" in model.requests[-1]["messages"][0]["content"], "another try keeps to the language"
    work = Workspace(store, CONFIG, shown_run(store).keys)
    tried = work.model_descriptions()
    app.run()
    press(app, "Undo")
    assert {node: d.name for node, d in tried.items() if d != work.model_descriptions()[node]} == {
        node: tried[node].name
    }
    press(app, "Undo")
    assert work.model_descriptions() == {}
    press(app, "Redo")
    press(app, "Redo")
    assert work.model_descriptions() == tried


def test_what_people_wrote_or_approved_is_left_out_unless_it_is_selected(workspaces, model):
    build(workspaces, "Spoken", n_items=30, n_users=12, n_interactions=150)
    app = open_app("descriptions", "Spoken")
    app.button(key="review-approved").click().run()
    app.session_state["model_panel"] = True
    app.run()
    assert "1 that people wrote or approved are left out" in words(app)
    assert "Describe 2" in [button.label for button in app.button]
    app.selectbox(key="model_again").set_value("all").run()
    assert "Describe 2" in [button.label for button in app.button]
    press(app, "Select all 3 shown")
    assert "Describe 3" in [button.label for button in app.button]


def test_the_interests_that_a_model_failed_at_are_named(workspaces, model):
    build(workspaces, "Failed", n_items=30, n_users=12, n_interactions=150)
    model.answer = lambda request: "no"
    app = open_model_panel("Failed")
    press(app, "Describe 3")
    assert finished_job(workspaces, "Failed").status == "done"
    app = open_model_panel("Failed")
    assert "no description that can be used of “" in words(app)
    app.button(key="select_failed").click().run()
    assert "The 3 selected" in words(app)


def test_the_bound_goes_with_the_plan_and_prices_are_shown(workspaces, monkeypatch):
    monkeypatch.setenv("HIEREX_LLM_URL", "https://llm.example/v1")
    monkeypatch.setenv("HIEREX_LLM_MODEL", "gpt-4o")
    app = open_model_panel("Busy")
    one = app.selectbox(key="closer").value
    store = open_store(workspaces / "Busy.duckdb")
    tree_key = Workspace(store, CONFIG, shown_run(store).keys).tree_key
    bound = next(box.value for box in app.number_input if "costs more" in box.label)
    app.session_state[f"selected-Busy-{tree_key}"].add(one)
    app.run()
    smaller = next(box.value for box in app.number_input if "costs more" in box.label)
    assert 0 < smaller < bound
    assert "US dollars per million tokens" in words(app)


def test_a_language_model_is_fine_tuned_and_asked_and_a_build_made_of_its_answers(workspaces, model, monkeypatch):
    monkeypatch.setattr("hierex.llm.fine_tuning.POLL", 0.01)
    build(workspaces, "Asked", n_items=240, n_users=120, n_interactions=2_400)
    store = open_store(workspaces / "Asked.duckdb")
    model.answer = know_it_all(Workspace(store, CONFIG, shown_run(store).keys))
    app = on_part("Asked", "Releases")
    app.radio(key="policy-other-Asked").set_value("openai").run()
    assert "Nothing that counts was answered about these interests" in words(app)
    app.session_state["tuning_open"] = True
    press(app.run(), "Fine-tune")
    assert finished_job(workspaces, "Asked").status == "done"
    app.run()
    tuned = read_tunings(store)[0].tuned_model
    app.session_state["answers_open"] = True
    app.run()
    assert app.selectbox(key="answers_model").value == tuned
    press(app, "Ask ")
    assert finished_job(workspaces, "Asked").status == "done"
    app.run()
    assert "(100.0%)** are known interests" in words(app)
    app.radio(key="other_k-Asked").set_value(1).run()
    assert "Nothing that counts was answered about these interests" in words(app), (
        "what it is asked starts from one interest"
    )
    app.radio(key="other_k-Asked").set_value(2).run()
    assert "(100.0%)** are known interests" in words(app)
    app.selectbox(key="answers_model").set_value(MODEL).run()
    app.number_input(key="answers_most").set_value(3).run()
    press(app, "Ask 3")
    assert finished_job(workspaces, "Asked").status == "done"
    app.run()
    assert "**3 of 3 answers (100.0%)**" in words(app)
    whose = next(box for box in app.selectbox if box.label == "Whose answers")
    assert whose.options == [f"{MODEL}, chosen from a list", f"{tuned}, in free text"]
    whose.select_index(1).run()
    assert "**3 of 3 answers (100.0%)**" not in words(app)
    press(app, "Learn and measure")
    assert finished_job(workspaces, "Asked").status == "done"
    assert list_candidates(store)[0].policy == "openai"
    assert not list_candidates(store)[0].report.match_rate.by_construction
    assert result_note(store, "policies", shown_run(store).keys["policies"]).startswith(f"{tuned} answered for")
    told = words(app.run())
    assert "answered for" in told
    assert "for the others" not in told, "it answered for all"
