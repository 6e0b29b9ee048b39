"""Builds in the background: one at a time, stopped at once, told in plain words, forgotten when they are old news."""

import threading
import time
from dataclasses import replace

import pytest
from test_pipeline import CONFIG, write_world

from hierex.config import PolicyConfig
from hierex.errors import HierexError
from hierex.imports import import_logs
from hierex.jobs import ANSWERS, Job, Jobs, StageState
from hierex.kept.runs import shown_run
from hierex.store import open_store

QUICK = replace(CONFIG, policy=PolicyConfig(kind="counts"))


@pytest.fixture(scope="module")
def jobs():
    return Jobs()


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *write_world(tmp_path / "logs"))
        yield store


def wait_for(condition, seconds=120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)  # between two looks; the condition ends the wait


def test_what_a_model_is_asked_is_never_taken_for_what_it_is_being_asked(jobs, store):
    """The config does not say which questions, nor of which model."""
    goes_on = threading.Event()
    first = jobs.begin(Job(store.path, QUICK, {}, goal=ANSWERS), lambda **_: goes_on.wait(60), beside=True)
    try:
        with pytest.raises(HierexError, match="see the side bar"):
            jobs.begin(Job(store.path, QUICK, {}, goal=ANSWERS), lambda **_: None, beside=True)
    finally:
        goes_on.set()
    wait_for(lambda: not first.active)


def test_what_waits_says_for_which_workspace(jobs, tmp_path):
    goes_on = threading.Event()
    first = jobs.begin(Job(tmp_path / "one.duckdb", QUICK, {}), lambda **_: goes_on.wait(60))
    try:
        wait_for(lambda: first.status == "running")
        second = jobs.begin(Job(tmp_path / "two.duckdb", QUICK, {}), lambda **_: None)
        assert jobs.ahead_of(second) is first
        assert jobs.ahead_of(first) is None
    finally:
        goes_on.set()
    wait_for(lambda: not second.active)
    assert jobs.ahead_of(second) is None


def test_a_job_runs_to_its_end_and_is_then_forgotten(jobs, store):
    job = jobs.start(store, QUICK)
    assert jobs.start(store, QUICK) is job, "the same, asked for twice"
    with pytest.raises(HierexError, match="see the side bar"):
        jobs.start(store, replace(QUICK, granularity=5))
    jobs.forget(store.path)
    assert jobs.of(store.path) is job, "what is going on is not forgotten"
    wait_for(lambda: not job.active)
    assert (job.status, job.share()) == ("done", 1.0)
    assert shown_run(store).status == "done"
    jobs.forget(store.path)
    assert jobs.of(store.path) is None


def test_a_job_is_stopped_and_goes_on_later(jobs, store):
    job = jobs.start(store, QUICK)
    wait_for(lambda: job.stages["interest_tree"].state == "made")
    jobs.cancel(job)
    wait_for(lambda: not job.active)
    assert job.status == "stopped"
    again = jobs.start(store, QUICK)
    wait_for(lambda: not again.active)
    assert again.status == "done"
    assert again.stages["interest_tree"].state == "reused"


def test_a_job_that_fails_says_why(jobs, tmp_path):
    with open_store(tmp_path / "empty.duckdb") as store:
        job = jobs.start(store, QUICK)
        wait_for(lambda: not job.active)
        assert job.status == "failed"
        assert "Import a catalogue" in job.error


def test_how_long_a_trial_takes_is_not_told_from_another_one(tmp_path):
    job = Job(tmp_path, QUICK, {"experiment": StageState(seconds=3.0)})
    job.watch("experiment", "running", 0.01)
    assert job.seconds_left() is None
    job.watch("experiment", "running", 0.5)
    assert job.seconds_left() is not None


def test_share_and_time_left_go_by_expected_seconds(tmp_path):
    job = Job(tmp_path, QUICK, {"embeddings": StageState(seconds=30.0), "item_map": StageState(seconds=10.0)})
    assert (job.share(), job.seconds_left()) == (0.0, 40.0)
    job.watch("embeddings", "made", 30.0)
    assert job.share() == pytest.approx(0.75)
    job.watch("item_map", "running", 0.5)
    assert job.share() == pytest.approx(0.875)
    job.watch("item_map", "reused", 0.0)
    assert job.seconds_left() == 0.0
