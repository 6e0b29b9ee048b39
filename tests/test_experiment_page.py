"""A simulated trial where people meet it: kept beside a build, on the command line, in figures and on its page."""

import json
import pickle
import re
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from opened_app import app_over, open_app, open_script, words
from small_worlds import OWN_VECTORS, import_with_vectors, quick_builds
from test_jobs import wait_for

from hierex import charts
from hierex.cli import main
from hierex.config import CausalConfig, ExperimentConfig, PolicyConfig, RecommenderConfig, RunConfig
from hierex.experiment.measures import with_assumptions
from hierex.kept.results import record_result
from hierex.kept.runs import config_of, shown_run
from hierex.kept.stage_tables import write_evaluation
from hierex.pipeline import run_pipeline
from hierex.result_keys import result_key
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.trials import STAGE, hold_trial, latest_trial, learned_as, trial_policies
from hierex.view.evaluation.experiment import trial_file
from hierex.view.opened import jobs
from hierex.wording.names import ARM_NAMES, ARMS_EXPLAINED
from hierex.wording.trial import assumptions_text, number_text, trial_lifts, trial_table
from hierex.workspace import Workspace

SMALL = ExperimentConfig(
    n_people=20,
    weeks=1,
    sessions=3,
    resamples=50,
    recommender=RecommenderConfig(dimensions=16, layers=1, heads=1, epochs=1),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    store = open_store(folder / "Busy.duckdb")
    import_with_vectors(store, folder, make_world(n_items=150, n_users=60, n_interactions=1_200, seed=4))
    with quick_builds():
        run_pipeline(store, RunConfig(granularity=12, embedding=OWN_VECTORS, policy=PolicyConfig(kind="counts")))
        with app_over(folder):
            yield folder


def test_trials_that_were_kept_are_found_again():
    """Who adds a choice for policies leaves it out of `learned_as`, unless trials come out otherwise with it."""
    learned = [learned_as(how) for how in trial_policies(PolicyConfig())]
    assert result_key("trial", learned) == "05a348ac8c6cbdbec75320e4"


def work_of(folder) -> Workspace:
    store = open_store(folder / "Busy.duckdb")
    run = shown_run(store)
    return Workspace(store, config_of(run.config), run.keys)


@pytest.fixture(scope="module")
def tables(folder):
    work = work_of(folder)
    assert latest_trial(work) is None
    hold_trial(work.store, work, SMALL)
    return latest_trial(work)[1]


def test_a_trial_is_kept_by_its_key_with_what_it_assumed(folder, tables):
    work = work_of(folder)
    assert latest_trial(work)[0] == SMALL
    states = []
    hold_trial(work.store, work, SMALL, watch=lambda stage, state, value: states.append((stage, state)))
    assert states == [(STAGE, "reused")]
    pd.testing.assert_frame_equal(latest_trial(work)[1]["arms"], tables["arms"])
    at_other = Workspace(work.store, replace(work.config, transition=replace(work.config.transition, k=1)), work.keys)
    assert latest_trial(at_other) is None


@pytest.mark.parametrize("other", [{"patience": 3}, {"recommender": {"gone": 3}}, {"recommender": None}, {"noise": 7}])
def test_a_trial_of_another_version_is_passed_over(folder, tables, other):
    work = work_of(folder)
    said = {name: value for name, value in (asdict(SMALL) | other).items() if value is not None}
    kept = pd.DataFrame({"config": [json.dumps(said)]})
    with work.store.transaction() as writer:
        write_evaluation(writer, "another", tables | {"config": kept})
        record_result(writer, STAGE, "another", 0.0)
    try:
        assert latest_trial(work)[0] == SMALL
    finally:
        with work.store.transaction() as writer:
            writer.execute("DELETE FROM results WHERE key = 'another'")
            writer.execute("DELETE FROM evaluation WHERE key = 'another'")


def of_kind(work: Workspace, kind: str) -> Workspace:
    """The same build, had its policy learned another way."""
    return Workspace(work.store, replace(work.config, policy=PolicyConfig(kind=kind)), work.keys)


def test_hierex_takes_part_with_every_policy_that_can_learn_anew(folder, tables):
    assert {"hierex-counts", "hierex-ease", "hierex-encoder"} < set(tables["arms"]["arm"])
    built = PolicyConfig(kind="causal", causal=CausalConfig(base="some", epochs=2))
    assert trial_policies(built)[-1] == built
    assert {f"hierex-{how.kind}" for how in trial_policies(built)} < set(ARM_NAMES)
    work = work_of(folder)
    assert latest_trial(of_kind(work, "openai")) is not None
    assert latest_trial(of_kind(work, "causal")) is None, "it has another arm"


def trial_of(path, run_id, keys, config):
    from hierex.view.evaluation.experiment import simulated_trial
    from hierex.view.opened import read_work

    simulated_trial(read_work(path, run_id, keys, config))


@pytest.mark.parametrize(
    ("kind", "said"), [("causal", "takes part, too"), ("openai", "do not take part"), ("counts", "")]
)
def test_the_page_says_which_policies_take_part_and_why(folder, tables, kind, said):
    run = shown_run(open_store(folder / "Busy.duckdb"))
    config = run.config | {"policy": kind}
    about = str(folder / "Busy.duckdb"), run.run_id, json.dumps(run.keys), json.dumps(config)
    app = open_script(trial_of, *about)
    shown = " ".join(caption.value for caption in app.caption)
    assert said in shown
    assert bool(re.search("takes? part", shown)) == bool(said)


def test_tables_say_what_was_measured(tables):
    shown = trial_table(tables["arms"])
    assert list(shown["Arm"]) == [ARM_NAMES[arm] for arm in tables["arms"]["arm"].unique()]
    lifts = trial_lifts(tables, "sequence")
    assert set(lifts["Arm"]) == set(shown["Arm"]) - {ARM_NAMES["sequence"]}
    assert set(lifts.iloc[:, -1]) <= {"ahead", "behind", "not told apart"}
    assert number_text("positive_rate", 0.1234, 0.1, 0.2) == "12.34 % [10.00, 20.00]"
    assert number_text("positive_rate", 0.01, -0.01, 0.03, signed=True) == "+1.00 points [-1.00, +3.00]"
    assert number_text("pairs", 2.5, np.nan, np.nan) == "2.50"
    assert number_text("pairs", np.nan, np.nan, np.nan) == ""


def test_figures_have_every_arm_and_do_not_hang_on_colour(tables):
    arms = tables["arms"]
    curves = [trace for trace in charts.uci_curves(arms).data if trace.showlegend is not False]
    assert [trace.name for trace in curves] == [ARM_NAMES[arm] for arm in arms["arm"].unique()]
    assert len({(trace.line.dash, trace.marker.symbol) for trace in curves}) == len(curves)
    figure = charts.trial_trade_off(arms)
    points = figure.data
    assert {label.text for label in figure.layout.annotations} == {trace.name for trace in curves}
    heights = [label.ay for label in figure.layout.annotations]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == len(heights)
    assert all(trace.error_x.array is not None and trace.error_y.array is not None for trace in points)
    assert charts.uci_curves(arms.iloc[:0]).layout.annotations
    assert charts.trial_trade_off(arms.iloc[:0]).layout.annotations


def test_no_two_arms_look_alike():
    given = charts.trial.styles(pd.DataFrame({"arm": list(ARM_NAMES)}))
    assert [len(set(looks)) for looks in zip(*given.values(), strict=True)][:2] == 2 * [len(ARM_NAMES)]
    dashes = [dash for arm, (_, _, dash) in given.items() if not arm.startswith("hierex")]
    assert len(set(dashes)) == len(dashes)
    assert "solid" not in dashes


def compute_as_sent(self, function, *args, progress, **kwargs):
    """What a `Worker` does, without the process, which takes seconds to begin."""
    function, args, kwargs = pickle.loads(pickle.dumps((function, args, kwargs)))
    return function(*args, progress=progress, **kwargs)


def test_the_page_shows_the_trial_and_runs_another(folder, tables, monkeypatch):
    monkeypatch.setattr("hierex.jobs.Worker.compute", compute_as_sent)
    app = open_app("evaluation", "Busy")
    said = words(app)
    assert "This is a simulation, not people" in said
    assert "against the best other way to explore" in said
    app.selectbox(key="trial-control-Busy").set_value("random").run()
    assert not app.exception
    asked = {field.label: field for field in app.number_input}
    assert asked["People"].value == SMALL.n_people
    asked["People"].set_value(50)
    asked["Stray consumption"].set_value(0.1)
    next(button for button in app.button if button.label == "Run the trial").click().run()
    assert not app.exception
    job = jobs().of(folder / "Busy.duckdb")
    wait_for(lambda: not job.active, seconds=120)
    assert (job.status, job.error) == ("done", "")
    config, _ = latest_trial(work_of(folder))
    assert (config.n_people, config.noise, config.weeks) == (50, 0.1, SMALL.weeks)
    said = words(open_app("evaluation", "Busy"))
    assert "Held with 50 people, 1 week, 3 visits a week on average" in said
    assert "10 % of what is outside their interests consumed anyway; seed 0." in said


def test_what_a_trial_assumed_is_beside_its_result_whatever_the_form_says(folder, tables):
    work = work_of(folder)
    about = str(work.store.path), shown_run(work.store).run_id, json.dumps(work.keys)
    app = open_script(trial_of, *about, json.dumps(shown_run(work.store).config))
    config = latest_trial(work)[0]
    said = assumptions_text(config, config.n_people)
    assert said in [caption.value for caption in app.caption]
    asked = {field.label: field for field in app.number_input}
    asked["Weeks"].set_value(9).run()
    assert said in [caption.value for caption in app.caption]
    assert all(f"-Busy-{hash(config)}" in field.key for field in asked.values())
    listed = next(text.value for text in app.markdown if text.value.startswith("- **Recommender alone**"))
    assert listed.count("\n") + 1 == tables["arms"]["arm"].nunique()


def test_the_file_of_a_trial_says_what_was_assumed(tables):
    kept = with_assumptions(tables["arms"], SMALL)
    assert (kept["assumed_n_people"] == SMALL.n_people).all()
    assert (kept["assumed_seed"] == SMALL.seed).all()
    pd.testing.assert_frame_equal(kept[tables["arms"].columns], tables["arms"])


def test_the_download_of_a_trial_says_what_the_page_says(tables):
    told = trial_file(tables["arms"], SMALL)
    assert list(told.columns[:6]) == ["Arm", "Measure", "Value", "Low", "High", "People"]
    assert "Recommender alone" in set(told["Arm"])
    assert {"Items from interests new to the person", "Items of new interests consumed"} <= set(told["Measure"])
    assert (told["Assumed: Visits in a week"] == SMALL.sessions).all()
    assert not any("_" in column for column in told)


def test_every_arm_is_explained():
    assert set(ARMS_EXPLAINED) == set(ARM_NAMES)
    for wording in ARMS_EXPLAINED.values():
        assert "cluster" not in wording
        assert wording.endswith(".")


def test_the_command_line_holds_a_trial_and_writes_it(folder, tables, tmp_path, capsys):
    out = tmp_path / "trial.csv"
    small = ["--people", "20", "--weeks", "1"]
    store = str(folder / "Busy.duckdb")
    assert main(["experiment", "--store", store, *small, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "Hierarchical bandit" in said
    assert "simulated people" in said
    assert set(pd.read_csv(out)["arm"]) == set(tables["arms"]["arm"])
    assert (pd.read_csv(out)["assumed_weeks"] == 1).all()
    assert len(pd.read_csv(tmp_path / "trial-lifts.csv")) == len(tables["lifts"])
    assert main(["experiment", "--store", store, *small, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out.splitlines()[-1])) == {"arms", "lifts"}
