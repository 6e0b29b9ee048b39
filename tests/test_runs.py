"""What a person chose for a run is kept with it, all of it."""

import json
from dataclasses import fields, is_dataclass, replace

import pytest
from opened_app import app_over, open_app, words
from small_worlds import import_with_vectors

from hierex.cli import build_parser
from hierex.cli.run import config_from
from hierex.config import AskedAs, BehaviourConfig, PolicyConfig, RunConfig, TreeConfig
from hierex.kept.runs import (
    SAID_ONCE,
    choices_of,
    config_of,
    find_run,
    grown_alike,
    latest_choices,
    read_runs,
    shown_run,
    start_run,
    update_run,
)
from hierex.kept.stored_logs import log_report
from hierex.pipeline import run_pipeline
from hierex.store import open_store
from hierex.synthetic import make_world

CHOSEN = {
    "granularity": 7,
    "seed": 3,
    "embedding.model": "other/model",
    "behaviour.weight": 0.3,
    "transition.k": 3,
    "policy.kind": "ease",
    "policy.tune_text": True,
    "policy.causal.base": "small",
    "policy.answers": AskedAs("m", "text", 0.0, "p"),
    "layers.refreshed": True,
    "layers.best_of": 5,
    "layers.novelty": 2.0,
    "recommender.kind": "ease",
}
"""Every choice that a page or an option offers, as it is not by default."""
ONCE = set(SAID_ONCE)
"""Said of a single build, and not of those after it."""
SETTLED = {
    "embedding": "dtype max_characters",
    "behaviour": "dimensions damping trust",
    "tree": "finest min_side min_items restarts iterations",
    "item_map": "n_neighbors min_dist",
    "description": "n_phrases max_features max_name_words read_until",
    "policy": "epochs batch_size learning_rate weight_decay dropout dimensions validation_share most_moves",
    "policy.causal": "rank learning_rate epochs batch_size contexts_per_novel judged patience",
    "table": "top most_interests",
    "recommender": "dimensions layers heads max_length dropout epochs max_steps patience batch_targets learning_rate "
    "weight_decay sample_above negatives validation_share validation_users item_item_strengths item_item_items",
    "grounding": "items check_users",
    "evaluation": "holdout_share tops resamples people_for_items people_for_lists",
}
"""What nobody is asked for."""
SAID_OF_LOGS = {"items", "interactions", "liked_from", "store", "until", "json", "command", "regrow"}


def settings(config: object, before: str = "") -> set[str]:
    """The names of all that can be set, with dots."""
    found = set()
    for field in fields(config):
        value, name = getattr(config, field.name), before + field.name
        found |= settings(value, f"{name}.") if is_dataclass(value) else {name}
    return found


def choose(config: object, name: str, value: object) -> object:
    first, _, rest = name.partition(".")
    return replace(config, **{first: choose(getattr(config, first), rest, value) if rest else value})


def test_every_setting_is_either_chosen_by_people_or_settled():
    """Who adds a setting says here which it is; what people choose has to be kept, see below."""
    settled = {f"{stage}.{name}" for stage, names in SETTLED.items() for name in names.split()}
    assert settings(RunConfig()) == set(CHOSEN) | ONCE | settled


@pytest.mark.parametrize("name", CHOSEN)
def test_a_choice_is_read_back_as_it_was_made(name):
    chosen = choose(RunConfig(), name, CHOSEN[name])
    assert chosen != RunConfig()
    assert config_of(choices_of(chosen)) == chosen


@pytest.mark.parametrize("stage", SETTLED)
def test_what_a_script_set_is_read_back_too(stage):
    config = RunConfig()
    for name in SETTLED[stage].split():
        value = config
        for part in (*stage.split("."), name):
            value = getattr(value, part)
        if isinstance(value, tuple):
            other = value[:-1]
        elif isinstance(value, str):
            other = "float32"
        else:
            other = value / 2 if isinstance(value, float) else value + 1
        config = choose(config, f"{stage}.{name}", other)
    assert config != RunConfig()
    assert config_of(json.loads(json.dumps(choices_of(config)))) == config


@pytest.mark.parametrize(
    "other",
    [
        {"transition": {"contexts_per_novel": 5}},
        {"gone": 3, "tree": {"gone": {"too": 1}, "finest": 50}},
        {"tree": 5},
        {"policy": {"epochs": {"a": 1}, "causal": 7}},
        {"policy": {"causal": {"rank": -1}}},
        {"embedding": {"max_characters": None}},
        None,
    ],
)
def test_what_this_version_does_not_know_or_allow_is_as_by_default(other):
    kept = config_of(choices_of(RunConfig(seed=5)) | {"other": other})
    assert kept.seed == 5
    assert kept.tree.finest in (TreeConfig.finest, 50)
    assert replace(kept, seed=0, tree=TreeConfig()) == RunConfig()


def test_a_tree_of_other_settings_is_another_tree(tmp_path):
    with open_store(tmp_path / "One.duckdb") as store:
        run_id = start_run(store, replace(RunConfig(), behaviour=BehaviourConfig(damping=7.0)))
        run = find_run(store, run_id)
        assert not grown_alike(run, RunConfig())
        assert grown_alike(run, config_of(run.config))


def test_a_tree_of_an_earlier_version_that_kept_less_is_the_same_for_the_same_choices(tmp_path):
    config = replace(RunConfig(seed=3), tree=TreeConfig(finest=24))
    with open_store(tmp_path / "One.duckdb") as store:
        run = find_run(store, start_run(store, config))
    earlier = replace(run, config={name: value for name, value in run.config.items() if name != "other"})
    assert grown_alike(earlier, config)
    assert not grown_alike(earlier, replace(config, seed=4))


def test_all_choices_together_are_read_back():
    chosen = RunConfig()
    for name, value in CHOSEN.items():
        chosen = choose(chosen, name, value)
    assert config_of(choices_of(chosen)) == chosen


def test_every_option_of_the_command_line_is_read_back():
    options = build_parser().parse_args(["run", "--items", "a", "--interactions", "b", "--store", "c"])
    values = {"granularity": 9, "seed": 4, "tune_text": True, "policy": "counts", "recommender": "random"}
    values |= {"base_model": "small", "model": "other/model", "behaviour": 0.4}
    assert set(values) | SAID_OF_LOGS == set(vars(options))
    for name, value in values.items():
        setattr(options, name, value)
        chosen = config_from(options)
        assert config_of(choices_of(chosen)) == chosen, name


@pytest.mark.parametrize("own", [{"policy.answers": None}, {"policy.kind": "openai"}], ids=["ease", "openai"])
def test_build_again_keeps_every_choice_and_says_what_it_shows_no_widget_for(tmp_path, monkeypatch, own):
    """own: whose answers is a choice for one policy alone."""
    chosen, asked = RunConfig(), []
    for name, value in (CHOSEN | own).items():
        chosen = choose(chosen, name, value)
    with open_store(tmp_path / "One.duckdb") as store:
        import_with_vectors(store, tmp_path, make_world(n_items=30, n_users=12, n_interactions=150, seed=4))
        run_pipeline(store, chosen, until="logs")
    monkeypatch.setattr("hierex.jobs.Jobs.start", lambda self, store, config: asked.append(config))
    with app_over(tmp_path):
        app = open_app("logs", "One")
        assert "starting from the latest 3 interests, with recent moves, ordered by what was liked" in words(app)
        next(button for button in app.button if button.label == "Build again").click().run()
        assert not app.exception
    assert asked == [chosen]


def test_answers_about_the_interests_of_other_logs_are_not_chosen_for_new_ones(tmp_path):
    chosen = replace(RunConfig(granularity=5), policy=PolicyConfig(kind="openai"))
    with open_store(tmp_path / "One.duckdb") as store:
        for seed, kind in ((4, "openai"), (5, "encoder")):
            import_with_vectors(store, tmp_path, make_world(n_items=30, n_users=12, n_interactions=150, seed=seed))
            if seed == 4:
                run_pipeline(store, chosen, until="logs")
            assert latest_choices(store) == replace(chosen, policy=PolicyConfig(kind=kind))


def test_other_logs_are_built_in_the_same_way(tmp_path):
    chosen = RunConfig()
    for name, value in CHOSEN.items():
        chosen = choose(chosen, name, value)
    with open_store(tmp_path / "One.duckdb") as store:
        assert latest_choices(store) == RunConfig()
        for seed in (4, 5):
            import_with_vectors(store, tmp_path, make_world(n_items=30, n_users=12, n_interactions=150, seed=seed))
            if seed == 4:
                run_pipeline(store, chosen, until="logs")
            assert latest_choices(store) == chosen


def test_a_look_at_another_number_is_no_choice(tmp_path):
    with open_store(tmp_path / "One.duckdb") as store:
        import_with_vectors(store, tmp_path, make_world(n_items=30, n_users=12, n_interactions=150, seed=0))
        chosen = RunConfig(granularity=4)
        update_run(store, start_run(store, chosen), "done", {"logs": log_report(store).content_key})
        run_pipeline(store, replace(chosen, granularity=6), until="taxonomy", chosen=False)
        look = start_run(store, replace(chosen, granularity=7), chosen=False)
        for status in ("running", "stopped", "done"):
            update_run(store, look, status, {"logs": log_report(store).content_key})
            assert [run.status for run in read_runs(store)] == [status, "partial", "done"]
            assert latest_choices(store) == chosen == config_of(shown_run(store).config)
        run_pipeline(store, replace(chosen, granularity=5), until="taxonomy")
        assert latest_choices(store) == replace(chosen, granularity=5)
        update_run(store, start_run(store, replace(chosen, seed=1)), "stopped", {"logs": log_report(store).content_key})
        assert latest_choices(store) == replace(chosen, seed=1)


def test_what_earlier_versions_did_not_keep_is_as_it_is_by_default():
    assert config_of({"granularity": None, "seed": 0, "policy": "encoder", "model": RunConfig().embedding.model}) == (
        RunConfig()
    )
