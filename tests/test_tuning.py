"""Fine-tuning over a real socket: ordered once, followed, taken up again, ended, and every refusal in plain words."""

import argparse
import contextlib
import json
import shutil
from dataclasses import replace

import pytest
from llm_server import KEY, MODEL, LlmServer
from small_worlds import run_until

from hierex.asking.open_tunings import GIVEN_UP_AFTER, GOES_ON, follow_tuning
from hierex.asking.tuning import EPOCHS, plan_tuning, tune_model, tuned_models
from hierex.cli import main
from hierex.cli.models import follow_all
from hierex.config import PolicyConfig, RunConfig, TreeConfig
from hierex.errors import (
    Cancelled,
    CapReached,
    ConfigError,
    LeftRunning,
    ModelBusy,
    ModelError,
    NotThere,
    TooLittleData,
)
from hierex.files.exports import fine_tuning_lines
from hierex.jobs import Jobs
from hierex.jobs.asking import start_tuning
from hierex.kept import model_settings, tunings
from hierex.kept.description_edits import Statement, save_edits
from hierex.llm import door, fine_tuning
from hierex.llm.endpoint import Endpoint
from hierex.llm.prices import Cap, Price, find_price, find_training_price
from hierex.llm.service import Service
from hierex.llm.tokens import estimate_tokens
from hierex.pipeline import run_pipeline
from hierex.store import open_store
from hierex.wording.models import tuning_text

CONFIG = RunConfig(granularity=8, policy=PolicyConfig(kind="counts"), tree=TreeConfig(finest=24))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(door, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(fine_tuning, "POLL", 0.01)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return run_until("transitions", tmp_path_factory.mktemp("tuning"), n_users=80, n_interactions=1_600)


@pytest.fixture
def path(built, tmp_path):
    return shutil.copy(built, tmp_path / "w.duckdb")


@pytest.fixture
def work(path):
    with open_store(path) as store:
        yield run_pipeline(store, CONFIG, until="transitions")


@pytest.fixture
def server():
    with LlmServer() as server:
        yield server


def endpoint_at(server, **changed):
    return Endpoint(**{"url": server.url, "model": MODEL, "key": KEY, **changed})


def tune(work, server, *, cap=Cap(), endpoint=None, epochs=EPOCHS, plan=None, **more):  # noqa: B008  it is frozen
    endpoint = endpoint or endpoint_at(server)
    plan, service = plan or plan_tuning(work, endpoint, epochs=epochs), Service(endpoint)
    try:
        return tune_model(work, plan, service, cap=cap, **more)
    finally:
        service.close()


def test_what_is_uploaded_is_the_balanced_set_and_the_new_model_is_kept(work, server):
    seen = []
    tuning = tune(work, server, see=lambda kept, share: seen.append((kept.state, share)))
    assert tuning.state == "succeeded"
    assert tuning.tuned_model == f"ft:{MODEL}:us::ftjob-0"
    (name,) = server.account.files
    assert server.account.files[name].decode() == fine_tuning_lines(work)
    assert server.account.purposes[name] == "fine-tune"
    order = server.account.jobs["ftjob-0"]
    assert order["method"]["supervised"]["hyperparameters"] == {"n_epochs": 6}
    assert tuning.trained_tokens > 0
    assert tuning.events[-1].startswith("Step")
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert (seen[0][0], shares[-1]) == ("queued", 1.0)
    assert tunings.read_tunings(work.store) == [tuning]


def test_the_cost_goes_by_the_price_that_was_set(work):
    endpoint = Endpoint("https://llm.example/v1", MODEL, KEY)
    assert plan_tuning(work, endpoint).dollars is None
    model_settings.save_prices(work.store, {MODEL: Price(1, 2, 30)}, author="")
    plan = plan_tuning(work, endpoint)
    assert plan.dollars == pytest.approx(30 * plan.tokens / 1e6)


def test_a_model_knows_which_interests_it_was_not_taught(work, server):
    tuning = tune(work, server)
    assert tuned_models(work, server.url) == {tuning.tuned_model: 0}
    before = plan_tuning(work, endpoint_at(server), epochs=2)
    described = replace(work.cluster_descriptions()[0], phrases=("other", "words"))
    save_edits(work.store, [Statement(described, ["1"], None)], tree_key=work.tree_key, author="Ann")
    late = tune(work, server, plan=before)
    new = tune(work, server, epochs=3)
    of_each = {late.tuned_model: 1, new.tuned_model: 0, tuning.tuned_model: 1}
    assert tuned_models(work, server.url) == of_each, "one was planned before the words were changed"
    assert list(tuned_models(work, server.url)) == [new.tuned_model, late.tuned_model, tuning.tuned_model]
    assert tuned_models(work, "http://elsewhere/v1") == {}
    with work.store.transaction() as writer:
        writer.execute("UPDATE tunings SET known = NULL, tuned_model = ?", [new.tuned_model])
    assert tuned_models(work, server.url) == {new.tuned_model: None}, "of an earlier version"


def test_nothing_is_sent_of_what_too_few_people_did(work, server):
    every, shared = (plan_tuning(work, endpoint_at(server), fewest=n) for n in (1, 3))
    assert every.lines.decode() == fine_tuning_lines(work)
    assert shared.lines.decode() == fine_tuning_lines(work, fewest=3)
    assert 0 < shared.n_examples < every.n_examples
    assert shared.key != every.key


def test_what_was_ordered_is_not_ordered_again(work, server):
    first = tune(work, server)
    again = tune(work, server)
    assert again == first
    assert (len(server.account.files), len(server.account.jobs)) == (1, 1)
    assert not plan_tuning(work, endpoint_at(server)).to_pay


def test_what_two_pages_offered_is_ordered_once(work, server):
    one, other = plan_tuning(work, endpoint_at(server)), plan_tuning(work, endpoint_at(server))
    first = tune(work, server, plan=one)
    assert other.to_pay
    assert tune(work, server, plan=other) == first
    assert (len(server.account.files), len(server.account.jobs)) == (1, 1)


def test_examples_that_are_gone_through_once_are_not_said_to_be_so_in_the_plural(work, server):
    once, thrice = (tuning_text(plan_tuning(work, endpoint_at(server), epochs=n), endpoint_at(server)) for n in (1, 3))
    assert ", gone through once, about" in once
    assert ", gone through 3 times, about" in thrice


def test_the_estimate_counts_every_time_the_examples_are_read(work, server):
    once, thrice = (plan_tuning(work, endpoint_at(server), epochs=n) for n in (1, 3))
    texts = sum(
        estimate_tokens(message["content"])
        for line in once.lines.decode().strip().split("\n")
        for message in json.loads(line)["messages"]
    )
    assert thrice.tokens == 3 * once.tokens
    assert texts < once.tokens < texts + 10 * once.n_examples
    known = plan_tuning(work, Endpoint("https://api.example.com/v1", "gpt-4.1-mini-2025-04-14"))
    assert known.dollars == pytest.approx(known.tokens * 5 / 1e6)
    assert plan_tuning(work, Endpoint("https://api.example.com/v1", "our-own")).dollars is None
    assert once.dollars == 0


def test_prices_of_fine_tuned_models_are_their_own():
    assert find_price("ft:gpt-4o-mini-2024-07-18:us::abc", local=False) == Price(0.30, 1.20)
    assert find_price("ft:unheard-of:us::abc", local=False) is None
    assert find_training_price("gpt-4o-mini", local=False) == Price(3.0, 3.0)


def test_nothing_is_sent_over_the_cap_or_without_a_price(work, server):
    with pytest.raises(CapReached, match="Nothing was sent"):
        tune(work, server, cap=Cap(tokens=100))
    away = Endpoint("https://api.example.com/v1", "our-own", KEY)
    with pytest.raises(ConfigError, match="price"):
        tune(work, server, endpoint=away, cap=Cap(5.0))
    assert server.orders == []
    assert tunings.read_tunings(work.store) == []


class Crash(BaseException):
    """What ends a process in the middle."""


@pytest.mark.parametrize("after", ["upload_examples", "start_tuning", "look_at_tuning"])
def test_after_a_crash_it_goes_on_and_pays_nothing_twice(work, server, monkeypatch, after):
    whole = getattr(fine_tuning, after)

    def crash(*arguments, **more):
        whole(*arguments, **more)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning, after, crash)
        with pytest.raises(Crash):
            tune(work, server)
    assert tune(work, server).state == "succeeded"
    assert len(server.account.jobs) == 1
    assert len(server.account.files) == (2 if after == "upload_examples" else 1)  # a file costs nothing


def test_a_job_whose_start_nobody_heard_of_is_found_and_not_started_again(work, server):
    server.account.lost.add("jobs")
    assert tune(work, server).state == "succeeded"
    assert len(server.account.jobs) == 1


def test_a_job_that_the_endpoint_forgot_can_be_ordered_anew_after_two_weeks(work, server):
    server.account.job_states = ["running"]
    seen = []
    with pytest.raises(Crash):
        tune(work, server, see=lambda *of: seen.append(of), cancelled=lambda: crash_when(seen))
    server.account.jobs.clear()
    for _ in range(2):
        assert not plan_tuning(work, endpoint_at(server)).to_pay
        with work.store.transaction() as writer:
            writer.execute("UPDATE tunings SET started_at = started_at - INTERVAL 15 DAYS")
        with pytest.raises(ModelError, match="no longer knows"):
            tune(work, server)
    assert plan_tuning(work, endpoint_at(server)).to_pay


def crash_when(seen):
    if seen:
        raise Crash
    return False


def test_what_may_pass_is_tried_again(work, server):
    server.order_faults = {("POST", "/files"): {"status": 500}, ("GET", "/fine_tuning/jobs/ftjob-0"): {"status": 429}}
    assert tune(work, server).state == "succeeded"
    assert len(server.account.jobs) == 1


def test_stopping_ends_the_job_at_the_endpoint(work, server):
    server.account.job_states = ["running"]
    seen = []
    with pytest.raises(Cancelled):
        tune(work, server, see=lambda kept, share: seen.append(kept.state), cancelled=lambda: len(seen) > 2)
    assert server.account.jobs["ftjob-0"]["states"] == ["cancelled"]
    assert tunings.read_tunings(work.store)[0].state == "cancelled"
    server.account.job_states = ["succeeded"]
    assert tune(work, server).job_id == "ftjob-1"  # whoever wants it after all has to pay again, and is told
    assert plan_tuning(work, endpoint_at(server)).kept.state == "succeeded"


def test_stopping_before_the_job_began_orders_none(work, server):
    with pytest.raises(Cancelled):
        tune(work, server, cancelled=lambda: bool(server.account.files))
    assert server.account.jobs == {}


def test_who_waits_no_longer_leaves_the_job_to_go_on(work, server):
    server.account.job_states = ["running"]
    with pytest.raises(LeftRunning, match="It goes on at the endpoint"):
        tune(work, server, left=lambda: True)
    (left,) = tunings.open_tunings(work.store, server.url)
    assert (left.job_id, left.state) == ("ftjob-0", "running")
    assert server.account.jobs["ftjob-0"]["states"] == ["running"]
    server.account.jobs["ftjob-0"]["states"] = ["succeeded"]
    assert follow(work, server, left, left=lambda: True).state == "succeeded"


def test_anybody_can_end_a_job_that_is_under_way(work, server):
    left = leave_running(work, server)
    with pytest.raises(Cancelled):
        follow(work, server, left, stop=True)
    assert server.account.jobs["ftjob-0"]["states"] == ["cancelled"]
    assert tunings.read_tuning(work.store, left.tuning_id).state == "cancelled"
    assert tunings.open_tunings(work.store, server.url) == []


def leave_running(work, server, **more):
    """A job that goes on at the endpoint while nobody follows it."""
    server.account.job_states = ["running"]

    def leave(kept, share):
        raise Crash

    with pytest.raises(Crash):
        tune(work, server, see=leave, **more)
    return tunings.open_tunings(work.store, server.url)[-1]


def follow(work, server, tuning, **more):
    service = Service(endpoint_at(server))
    try:
        return follow_tuning(work.store, tuning, service, **more)
    finally:
        service.close()


def test_a_job_is_followed_to_its_end_whatever_would_be_ordered_now(work, server):
    left = leave_running(work, server)
    other = plan_tuning(work, endpoint_at(server), epochs=1)
    assert other.to_pay
    assert "would be paid on top" in tuning_text(other, endpoint_at(server), [left])
    assert "on top" not in tuning_text(other, endpoint_at(server), [replace(left, key=other.key)])
    server.account.jobs["ftjob-0"]["states"] = ["running", "succeeded"]
    assert follow(work, server, left).tuned_model == f"ft:{MODEL}:us::ftjob-0"
    assert len(server.account.jobs) == 1


def test_a_job_that_succeeded_before_it_could_be_ended_is_no_stopped_one(work, server):
    left = leave_running(work, server)
    server.account.jobs["ftjob-0"]["states"] = ["succeeded"]
    assert follow(work, server, left, stop=True).tuned_model


def test_a_job_that_cannot_be_followed_for_now_is_said_to_go_on(work, server, monkeypatch):
    left = leave_running(work, server)
    monkeypatch.setattr(door, "LONGEST_WAIT", 0.02)
    server.account.handle = lambda *request: (503, {"error": {"message": "busy"}})
    with pytest.raises(ModelBusy) as busy:
        follow(work, server, left)
    assert str(busy.value).endswith(GOES_ON)


def test_an_order_whose_start_nobody_heard_of_is_found_when_it_is_followed(work, server, monkeypatch):
    start = fine_tuning.start_tuning

    def start_unheard(*arguments, **more):
        start(*arguments, **more)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning, "start_tuning", start_unheard)
        with pytest.raises(Crash):
            tune(work, server)
    (left,) = tunings.open_tunings(work.store, server.url)
    assert left.job_id == ""
    assert follow(work, server, left).job_id == "ftjob-0"
    assert len(server.account.jobs) == 1


def test_an_order_that_never_began_says_why_and_is_at_its_end(work, server):
    with pytest.raises(ModelError):
        tune(work, server, endpoint=endpoint_at(server, model="other-model"))
    server.account.offers = {"files"}
    with pytest.raises(ModelError, match="offers no fine-tuning"):
        tune(work, server)
    none_offered, refused = tunings.read_tunings(work.store)
    assert (none_offered.state, refused.state) == ("failed", "failed")
    assert "offers no fine-tuning" in none_offered.reason
    assert "other-model is not available" in refused.reason


def order_unheard(work, server, monkeypatch, *, begins):
    """An order that timed out, whether or not its job began."""
    start = fine_tuning.start_tuning

    def time_out(*arguments, **more):
        if begins:
            start(*arguments, **more)
        else:
            more["ordering"]()
        raise ModelBusy("It did not answer in time.")

    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning, "start_tuning", time_out)
        with pytest.raises(ModelBusy):
            tune(work, server)
    return tunings.open_tunings(work.store, server.url)[-1]


def make_older(work, hours):
    with work.store.transaction() as writer:
        writer.execute(f"UPDATE tunings SET started_at = started_at - INTERVAL {hours} HOURS")
    return tunings.read_tunings(work.store)[0]


@pytest.mark.parametrize("stop", [False, True])
def test_an_order_of_which_nobody_can_tell_whether_it_began_stays_open(work, server, monkeypatch, stop):
    left = order_unheard(work, server, monkeypatch, begins=True)
    assert left.reason == "It did not answer in time."
    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning, "find_tuning", lambda *of, **more: None)
        with pytest.raises(ModelBusy, match=r"may have begun all the same\. .* it never began\.$"):
            follow(work, server, left, stop=stop)
    assert tunings.open_tunings(work.store, server.url) == [left]
    assert follow(work, server, left).job_id == "ftjob-0"
    assert len(server.account.jobs) == 1


def test_an_order_that_is_not_listed_in_time_never_began(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=False)
    with pytest.raises(ModelError, match="did not answer in time"):
        follow(work, server, make_older(work, 2))
    assert tunings.open_tunings(work.store, server.url) == []


def test_an_order_that_is_made_again_has_its_time_anew(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=False)
    make_older(work, 2)
    left = order_unheard(work, server, monkeypatch, begins=False)
    with pytest.raises(ModelBusy, match="may have begun all the same"):
        follow(work, server, left)


def test_what_never_began_as_far_as_was_known_is_found_when_it_is_ordered_again(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=True)
    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning, "find_tuning", lambda *of, **more: None)
        with pytest.raises(ModelError, match="did not answer in time"):
            follow(work, server, make_older(work, 2))
    assert plan_tuning(work, endpoint_at(server)).to_pay
    assert tune(work, server).job_id == "ftjob-0"
    assert (len(server.account.files), len(server.account.jobs)) == (1, 1)


def test_what_never_began_and_is_gone_from_the_endpoint_is_uploaded_again(work, server):
    server.account.offers = {"files"}
    with pytest.raises(ModelError, match="offers no fine-tuning"):
        tune(work, server)
    server.account.offers, files = {"files", "fine_tuning"}, server.account.files
    files["file-9"] = files.pop("file-0")
    assert tune(work, server).state == "succeeded"
    assert server.account.jobs["ftjob-0"]["training_file"] in files.keys() - {"file-9"}


def test_a_job_is_found_behind_many_later_ones(work, server, monkeypatch):
    left = order_unheard(work, server, monkeypatch, begins=True)
    look, pages = server.account._look, iter([[{"id": f"ftjob-{n}", "training_file": "file-9"} for n in range(9, 109)]])

    def look_in_pages(what, method, name):
        page = None if name else next(pages, None)
        return (200, {"object": "list", "data": page, "has_more": True}) if page else look(what, method, name)

    monkeypatch.setattr(server.account, "_look", look_in_pages)
    assert follow(work, server, left).job_id == "ftjob-0"


@pytest.mark.parametrize("begins", [True, False])
def test_a_list_of_jobs_that_starts_over_is_read_once(work, server, monkeypatch, begins):
    left, look = order_unheard(work, server, monkeypatch, begins=begins), server.account._look
    later = [{"id": f"ftjob-{n}", "training_file": "file-9"} for n in range(9, 19)]

    def look_at_first_page(what, method, name):
        status, page = look(what, method, name)
        return (status, page) if name else (status, {"object": "list", "data": page["data"] + later})

    monkeypatch.setattr(server.account, "_look", look_at_first_page)
    server.orders.clear()
    if begins:
        assert follow(work, server, left).job_id == "ftjob-0"
    else:
        with pytest.raises(ModelBusy):
            follow(work, server, left)
    assert server.orders.count(("GET", "/fine_tuning/jobs")) == (1 if begins else 2)


def unlisted(patched):
    patched.setattr(fine_tuning, "find_tuning", lambda *of, **more: None)


def test_what_timed_out_and_is_not_listed_yet_is_not_ordered_again(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=True)
    with monkeypatch.context() as patched:
        unlisted(patched)
        with pytest.raises(ModelBusy, match=r"may have begun all the same\. .* again after .* UTC"):
            tune(work, server)
    assert len(server.account.jobs) == 1
    assert tune(work, server).job_id == "ftjob-0"
    assert (len(server.account.files), len(server.account.jobs)) == (1, 1)


def test_what_was_not_listed_for_an_hour_is_ordered_again(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=False)
    make_older(work, 2)
    assert tune(work, server).job_id == "ftjob-0"


@pytest.mark.parametrize(("status", "n_jobs"), [(429, 1), (504, 0)])
def test_an_order_that_was_put_off_can_be_made_again_at_once(work, server, monkeypatch, status, n_jobs):
    """A gateway's time that is over is no such answer: it may have passed the order on."""
    monkeypatch.setattr("hierex.llm.service.TRIES", 1)
    server.order_faults = {("POST", "/fine_tuning/jobs"): {"status": status}}
    with pytest.raises(ModelBusy):
        tune(work, server)
    with contextlib.nullcontext() if n_jobs else pytest.raises(ModelBusy, match="may have begun"):
        tune(work, server)
    assert len(server.account.jobs) == n_jobs


def put_off(work, server, monkeypatch):
    monkeypatch.setattr(door, "LONGEST_WAIT", 0.01)
    with monkeypatch.context() as patched:
        patched.setattr(server.account, "_order_job", lambda of: (429, {"error": {"message": "at most 3 at a time"}}))
        with pytest.raises(ModelBusy):
            tune(work, server)
    return tunings.read_tunings(work.store)[0]


def test_what_was_put_off_is_not_under_way_and_a_stop_puts_it_away_at_once(work, server, monkeypatch):
    kept = put_off(work, server, monkeypatch)
    others = plan_tuning(work, endpoint_at(server), epochs=1)
    assert "Another fine-tuning" not in tuning_text(others, endpoint_at(server), [kept])
    with monkeypatch.context() as patched:
        patched.setattr(server.account, "handle", lambda *request: (503, {"error": {"message": "busy"}}))
        with pytest.raises(ModelBusy) as told:
            follow(work, server, kept)
    assert GOES_ON not in str(told.value)
    with pytest.raises(Cancelled):
        follow(work, server, kept, stop=True)
    assert not tunings.open_tunings(work.store, server.url)


def test_who_stops_the_second_try_of_what_was_put_off_is_told_that_it_was_stopped(work, server, monkeypatch):
    put_off(work, server, monkeypatch)
    order = ("POST", "/fine_tuning/jobs")
    server.order_faults = {order: {"status": 429}}
    n_before = server.orders.count(order)
    with pytest.raises(Cancelled):
        tune(work, server, cancelled=lambda: server.orders.count(order) > n_before)
    assert [kept.state for kept in tunings.open_tunings(work.store, server.url)] == ["uploaded"]


def test_what_was_put_off_after_an_order_that_never_began_can_be_made_again_at_once(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=False)
    make_older(work, 2)
    assert put_off(work, server, monkeypatch).state == "uploaded"
    tune(work, server)
    assert len(server.account.jobs) == 1


def test_an_order_that_nobody_could_look_for_is_still_one_that_may_have_begun(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=True)
    make_older(work, 2)
    with monkeypatch.context() as patched:
        patched.setattr(server.account, "handle", lambda *request: (503, {"error": {"message": "busy"}}))
        with pytest.raises(ModelBusy):
            tune(work, server)
    assert [kept.state for kept in tunings.open_tunings(work.store, server.url)] == ["ordered"]
    tune(work, server)
    assert len(server.account.jobs) == 1


def test_what_was_refused_after_an_order_that_never_began_can_be_made_again_at_once(work, server, monkeypatch):
    order_unheard(work, server, monkeypatch, begins=False)
    make_older(work, 2)
    server.order_faults = {("POST", "/fine_tuning/jobs"): {"status": 402}}
    with pytest.raises(ModelError):
        tune(work, server)
    tune(work, server)
    assert len(server.account.jobs) == 1


def test_what_was_put_off_and_whose_file_is_gone_can_be_put_away(work, server, monkeypatch):
    kept = put_off(work, server, monkeypatch)
    server.account.files.clear()
    with pytest.raises(NotThere):
        follow(work, server, kept, stop=True)
    assert not tunings.open_tunings(work.store, server.url)
    tune(work, server)
    assert len(server.account.jobs) == 1


@pytest.mark.parametrize(
    "reply", [(400, {"error": {"message": "Job has already completed."}}), (409, {"error": {}}), (200, {})]
)
def test_a_job_that_ends_while_it_is_being_ended_is_no_trouble(work, server, monkeypatch, reply):
    left, look = leave_running(work, server), server.account._look

    def race(what, how, name):
        if name[1:] != ["cancel"]:
            return look(what, how, name)
        server.account.jobs[name[0]]["states"] = ["succeeded"]
        return reply

    monkeypatch.setattr(server.account, "_look", race)
    assert follow(work, server, left, stop=True).state == "succeeded"


@pytest.mark.parametrize("status", ["canceled", "CANCELLED"])
def test_states_may_be_spelled_otherwise(work, server, monkeypatch, status):
    left, job = leave_running(work, server), server.account._job
    monkeypatch.setattr(server.account, "_job", lambda name: job(name) | {"status": status})
    with pytest.raises(Cancelled):
        follow(work, server, left, stop=True)
    assert not tunings.open_tunings(work.store, server.url)


def test_an_order_that_was_stopped_while_it_was_put_off_can_be_made_again_at_once(work, server):
    order = ("POST", "/fine_tuning/jobs")
    server.order_faults = {order: {"status": 429}}
    with pytest.raises(Cancelled):
        tune(work, server, cancelled=lambda: order in server.orders)
    assert tunings.read_tunings(work.store)[0].state == "uploaded"
    assert tune(work, server).state == "succeeded"
    assert len(server.account.jobs) == 1


@pytest.mark.parametrize("reply", [None, (504, {"error": {}}), (200, {"title": "Welcome"})])
def test_a_job_whose_reply_was_lost_is_not_ordered_again_before_it_is_listed(work, server, monkeypatch, reply):
    order = server.account._order_job
    with monkeypatch.context() as patched:
        unlisted(patched)
        patched.setattr(server.account, "_order_job", lambda of: order(of) and reply)
        with pytest.raises(ModelBusy):
            tune(work, server)
        with pytest.raises(ModelBusy, match="it may have begun all the same"):
            tune(work, server)
    (left,) = tunings.open_tunings(work.store, server.url)
    assert follow(work, server, left).job_id == "ftjob-0"
    assert len(server.account.jobs) == 1


@pytest.mark.parametrize("listed", [True, False])
def test_a_stop_ends_the_job_of_an_order_that_nobody_heard_of(work, server, monkeypatch, listed):
    server.account.job_states = ["running"]
    order = server.account._order_job
    with monkeypatch.context() as patched:
        unlisted(patched)
        patched.setattr(server.account, "_order_job", lambda of: order(of) and None)

        def stop() -> bool:
            if server.account.jobs and listed:
                patched.undo()
            return bool(server.account.jobs)

        with pytest.raises(Cancelled if listed else ModelBusy, match=None if listed else "may have begun all the same"):
            tune(work, server, cancelled=stop)
    (kept,) = tunings.read_tunings(work.store)
    assert (kept.state, server.account.jobs["ftjob-0"]["states"][0]) == (
        ("cancelled", "cancelled") if listed else ("ordered", "running")
    )


def test_a_stop_while_the_endpoint_is_gone_says_that_the_job_may_go_on(work, server, monkeypatch):
    monkeypatch.setattr("hierex.asking.open_tunings.ENDING", 0.05)
    server.account.job_states = ["running"]
    order, look = server.account._order_job, server.account._look
    monkeypatch.setattr(server.account, "_order_job", lambda of: order(of) and None)
    monkeypatch.setattr(server.account, "_look", lambda *of: (500, {"error": {}}) if server.account.jobs else look(*of))
    with pytest.raises(ModelError, match="did not take the order to end"):
        tune(work, server, cancelled=lambda: bool(server.account.jobs))
    assert tunings.read_tunings(work.store)[0].state == "ordered"
    assert [job["states"] for job in server.account.jobs.values()] == [["running"]]


def test_a_stop_before_the_job_was_found_ends_it(work, server, monkeypatch):
    left = order_unheard(work, server, monkeypatch, begins=True)
    server.account.jobs["ftjob-0"]["states"] = ["running"]
    server.order_faults = {("GET", "/fine_tuning/jobs"): {"status": 429}}
    with pytest.raises(Cancelled):
        follow(work, server, left, cancelled=lambda: not server.order_faults)
    assert server.account.jobs["ftjob-0"]["states"] == ["cancelled"]


@pytest.mark.parametrize("hours", [0, 2])
def test_a_stop_while_an_earlier_order_is_looked_for_ends_it(work, server, monkeypatch, hours):
    order_unheard(work, server, monkeypatch, begins=True)
    make_older(work, hours)
    server.account.jobs["ftjob-0"]["states"] = ["running"]
    server.order_faults = {("GET", "/fine_tuning/jobs"): {"status": 429}}
    with pytest.raises(Cancelled):
        tune(work, server, cancelled=lambda: not server.order_faults)
    assert server.account.jobs["ftjob-0"]["states"] == ["cancelled"]
    assert len(server.account.jobs) == 1


def test_a_job_that_was_done_before_it_could_be_ended_is_no_stop(work, server, monkeypatch):
    server.account.job_states = ["succeeded"]
    order = server.account._order_job
    with monkeypatch.context() as patched:
        unlisted(patched)
        patched.setattr(server.account, "_order_job", lambda of: order(of) and None)

        def stop() -> bool:
            if server.account.jobs:
                patched.undo()
            return bool(server.account.jobs)

        assert tune(work, server, cancelled=stop).state == "succeeded"


def test_the_command_ends_every_job_also_where_one_takes_its_time(work, server, monkeypatch):
    for epochs in (2, 3):
        leave_running(work, server, epochs=epochs)
    look = server.account._look
    monkeypatch.setattr(
        server.account,
        "_look",
        lambda what, how, name: (
            look(what, "HEAD", name[:1]) if name == ["ftjob-0", "cancel"] else look(what, how, name)
        ),
    )
    told = argparse.Namespace(cancel=True, json=False)
    with pytest.raises(LeftRunning):
        follow_all(work.store, endpoint_at(server), told)
    assert [server.account.jobs[name]["states"] for name in ("ftjob-0", "ftjob-1")] == [["running"], ["cancelled"]]


def test_a_job_that_is_still_being_ended_is_not_told_as_ended(work, server, monkeypatch):
    left = leave_running(work, server)
    look = server.account._look
    monkeypatch.setattr(
        server.account,
        "_look",
        lambda what, how, name: look(what, *(("HEAD", name[:1]) if name[1:] == ["cancel"] else (how, name))),
    )
    with pytest.raises(LeftRunning, match="has not done so yet"):
        follow(work, server, left, stop=True)


@pytest.mark.parametrize(
    "hostile",
    [
        {"trained_tokens": 10**30},
        {"trained_tokens": "many"},
        {"fine_tuned_model": "ft:\x1b[31m\n" + "x" * 300},
        {"error": "none"},
    ],
)
def test_a_job_that_says_strange_things_is_followed(work, server, monkeypatch, hostile):
    show = server.account._job
    monkeypatch.setattr(server.account, "_job", lambda name: show(name) | hostile)
    kept = tune(work, server)
    assert kept.state == "succeeded"
    assert kept.tuned_model.isprintable()


def test_events_that_say_strange_things_are_read(work, server, monkeypatch):
    strange = [{"created_at": "noon", "message": 5, "data": {"step": 10**400, "total_steps": -1}}, {"created_at": None}]
    look = server.account._look

    def look_strangely(what, how, name):
        return (200, {"data": strange}) if name[1:] == ["events"] else look(what, how, name)

    monkeypatch.setattr(server.account, "_look", look_strangely)
    assert tune(work, server).state == "succeeded"


@pytest.mark.parametrize("reply", [(404, {"error": {}}), (503, {}), (200, "<html>"), (200, {"data": 7}), (200, None)])
def test_a_job_whose_events_cannot_be_read_is_followed_and_ended(work, server, monkeypatch, reply):
    look = server.account._look
    events = lambda what, how, name: reply if name[1:] == ["events"] else look(what, how, name)  # noqa: E731
    monkeypatch.setattr(server.account, "_look", events)
    assert tune(work, server).state == "succeeded"
    server.account.job_states = ["running"]
    left = leave_running(work, server, epochs=2)
    with pytest.raises(Cancelled):
        follow(work, server, left, stop=True)
    assert server.account.jobs["ftjob-1"]["states"] == ["cancelled"]


def test_a_job_keeps_its_id_whatever_a_reply_calls_it(work, server, monkeypatch):
    server.account.job_states = ["running"]
    left = leave_running(work, server)
    show = server.account._job
    monkeypatch.setattr(server.account, "_job", lambda name: show(name) | {"id": "other-1"})
    with pytest.raises(Cancelled):
        follow(work, server, left, stop=True)
    assert tunings.read_tuning(work.store, left.tuning_id).job_id == "ftjob-0"
    assert server.account.jobs["ftjob-0"]["states"] == ["cancelled"]


@pytest.mark.parametrize("status", [404, 405])
def test_an_endpoint_that_takes_no_order_to_end_a_job_still_knows_it(work, server, monkeypatch, status):
    server.account.job_states = ["running"]
    left = leave_running(work, server)
    look = server.account._look
    refuse = lambda what, how, name: (status, {}) if name[1:] == ["cancel"] else look(what, how, name)  # noqa: E731
    monkeypatch.setattr(server.account, "_look", refuse)
    make_older(work, 24 * 15)
    for _ in range(2):
        with pytest.raises(ModelError, match=f"takes no order to end a fine-tuning. {GOES_ON[:30]}"):
            follow(work, server, left, stop=True)
    assert tunings.read_tuning(work.store, left.tuning_id).state == "running"


@pytest.mark.parametrize("status", [404, 400, 402])
def test_a_second_order_that_is_refused_does_not_close_the_first(work, server, monkeypatch, status):
    order_unheard(work, server, monkeypatch, begins=True)
    make_older(work, 2)
    with monkeypatch.context() as patched:
        unlisted(patched)
        server.order_faults = {("POST", "/fine_tuning/jobs"): {"status": status}}
        with pytest.raises(ModelError):
            tune(work, server)
    (left,) = tunings.open_tunings(work.store, server.url)
    assert follow(work, server, left).job_id == "ftjob-0"
    assert len(server.account.jobs) == 1


def test_a_page_that_has_a_job_as_it_was_changes_nothing_of_what_became_of_it(work, server, monkeypatch):
    stale = order_unheard(work, server, monkeypatch, begins=True)
    done = follow(work, server, stale)
    server.account.jobs.clear()
    server.account.files.clear()
    assert follow(work, server, replace(stale, started_at=stale.started_at - GIVEN_UP_AFTER)) == done
    assert tunings.note_reason(work.store, stale, "It was never begun.", state="failed") == done
    assert tunings.read_tunings(work.store) == [done]


def test_what_ended_for_another_page_while_it_was_followed_stays_as_it_is(work, server, monkeypatch):
    left = leave_running(work, server)

    def lose(*arguments, **more):
        job = fine_tuning.TuningJob(left.job_id, "succeeded", tuned_model="ft:new")
        tunings.update_tuning(work.store, left.tuning_id, job)
        raise NotThere("It no longer knows the job.")

    monkeypatch.setattr(fine_tuning, "follow_tuning", lose)
    with pytest.raises(NotThere):
        follow(work, server, left)
    kept = tunings.read_tuning(work.store, left.tuning_id)
    assert (kept.state, kept.tuned_model, kept.reason) == ("succeeded", "ft:new", "")


def test_a_cap_below_the_estimate_is_refused_before_anything_is_begun(work, server):
    registry = Jobs()
    with pytest.raises(CapReached, match="Nothing was sent"):
        start_tuning(registry, work, plan_tuning(work, endpoint_at(server)), endpoint_at(server), Cap(tokens=100))
    assert registry.of(work.store.path) is None


def test_a_job_that_failed_says_why_and_can_be_ordered_again(work, server):
    server.account.job_states = ["validating_files", "failed"]
    with pytest.raises(ModelError, match=r"failed: .*Line 3 has no assistant message\.$"):
        tune(work, server)
    assert "Line 3" in tunings.read_tunings(work.store)[0].reason
    server.account.job_states = ["succeeded"]
    assert tune(work, server).job_id == "ftjob-1"


def test_refusals_are_said_in_plain_words(work, server):
    with pytest.raises(ModelError, match="does not accept the key") as refused:
        tune(work, server, endpoint=endpoint_at(server, key="sk-wrong-one"))
    assert "sk-wrong-one" not in str(refused.value)
    with pytest.raises(ModelError, match="fine-tune 'other-model': Model other-model is not available"):
        tune(work, server, endpoint=endpoint_at(server, model="other-model"))
    server.account.refused_file = f"This file is no JSONL, said {KEY}"
    with pytest.raises(ModelError, match=r"did not take the file 'examples\.jsonl': This file is no JSONL") as refused:
        tune(work, server, endpoint=endpoint_at(server, model="third"))
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("offered", [{"batches"}, {"files"}])
def test_an_endpoint_without_fine_tuning_is_told_as_such(work, server, offered):
    server.account.offers = offered
    with pytest.raises(ModelError, match="fine-tuning"):
        tune(work, server)
    assert server.account.jobs == {}


def test_an_endpoint_that_stays_busy_is_given_up_and_gone_on_with_later(work, server, monkeypatch):
    monkeypatch.setattr(door, "LONGEST_WAIT", 0.02)
    handle = server.account.handle
    server.account.handle = lambda *request: (503, {"error": {"message": "busy"}})
    with pytest.raises(ModelBusy):
        tune(work, server)
    server.account.handle = handle
    assert tune(work, server).state == "succeeded"


def test_what_an_endpoint_says_may_be_anything(server):
    service = Service(endpoint_at(server))

    class Odd:
        id, status, error, trained_tokens, fine_tuned_model = "j", "dancing", None, "many", 7

    class Event:
        message, data = f"a\nb {KEY} \x1b[31m" + "x" * 5_000, {"step": -1, "total_steps": "ten"}

    job = fine_tuning.read_job(service, Odd(), [Event()])
    assert (job.state, job.tuned_model, job.trained_tokens, job.share) == ("running", "", None, 0.0)
    assert KEY not in job.events[0]
    assert len(job.events[0]) <= 200
    assert job.events[0].isprintable()
    with pytest.raises(ModelError, match="not what a language model's endpoint answers"):
        fine_tuning.read_job(service, object(), [])
    service.close()


def test_too_few_examples_are_told_before_anything_is_sent(work, server, monkeypatch):
    monkeypatch.setattr(
        "hierex.asking.tuning.fine_tuning_lines", lambda work, fewest: fine_tuning_lines(work)[:900].rsplit("\n", 1)[0]
    )
    with pytest.raises(TooLittleData, match="At least 10"):
        plan_tuning(work, endpoint_at(server))


def test_examples_of_too_few_people_are_told_apart_from_too_few(work, server):
    n = plan_tuning(work, endpoint_at(server)).n_examples
    with pytest.raises(TooLittleData, match=rf"model on: 0, {n} more are of fewer than 1000 people each and are not"):
        plan_tuning(work, endpoint_at(server), fewest=1_000)


def test_the_command_tells_the_estimate_the_progress_and_the_name(path, server, monkeypatch, capsys):
    for name, value in {"MODEL": MODEL, "URL": server.url, "KEY": KEY}.items():
        monkeypatch.setenv(f"HIEREX_LLM_{name}", value)
    command = ["fine-tune", "--store", str(path), "--granularity", "8", "--json"]
    assert main([*command, "--estimate"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out.strip().split("\n")[-1])["estimate"]["examples"] > 10
    assert "gone through 6 times" in told.err
    assert server.orders == []
    assert main(command) == 0
    told = capsys.readouterr()
    assert '"state": "succeeded"' in told.out
    assert f"--model ft:{MODEL}:us::ftjob-0" in told.out
    assert "% done: Step" in told.err
    assert main([*command, "--suffix", "new", "--cancel"]) == 2
    assert "nothing to end" in capsys.readouterr().err


def test_the_command_follows_and_ends_what_is_under_way_whatever_it_would_order(path, server, monkeypatch, capsys):
    with open_store(path) as store:
        leave_running(run_pipeline(store, CONFIG, until="transitions"), server)
    for name, value in {"MODEL": MODEL, "URL": server.url, "KEY": KEY}.items():
        monkeypatch.setenv(f"HIEREX_LLM_{name}", value)
    command = ["fine-tune", "--store", str(path), "--granularity", "8", "--epochs", "2", "--json"]
    assert main([*command, "--estimate"]) == 0
    assert "would be paid on top" in capsys.readouterr().err
    assert main([*command, "--cancel"]) == 0
    assert '"state": "cancelled"' in capsys.readouterr().out
    assert server.account.jobs["ftjob-0"]["states"] == ["cancelled"]
    assert main([*command, "--follow"]) == 2
    assert "nothing to follow" in capsys.readouterr().err
    assert len(server.account.jobs) == 1


@pytest.mark.parametrize("following", [False, True], ids=["ordered", "followed"])
def test_ctrl_c_says_that_the_fine_tuning_goes_on(path, server, monkeypatch, capsys, following):
    if following:
        with open_store(path) as store:
            leave_running(run_pipeline(store, CONFIG, until="transitions"), server)
    for name, value in {"MODEL": MODEL, "URL": server.url, "KEY": KEY}.items():
        monkeypatch.setenv(f"HIEREX_LLM_{name}", value)

    def interrupt(*of, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(fine_tuning, "follow_tuning", interrupt)
    command = ["fine-tune", "--store", str(path), "--granularity", "8"]
    assert main([*command, "--follow"] if following else command) == 130
    assert capsys.readouterr().err.endswith(f"hierex: stopped; what was finished is kept. {GOES_ON}\n")
    assert server.account.jobs["ftjob-0"]["states"] != ["cancelled"]
