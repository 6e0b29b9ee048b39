"""The panel where a model is fine-tuned and asked: what is open is seen, collected and stopped whatever is chosen."""

import shutil
from dataclasses import replace

import pytest
from llm_server import KEY, MODEL, LlmServer
from opened_app import app_over, open_script, words
from small_worlds import run_until
from test_answering import CONFIG, ask, know_it_all, leave_open
from test_jobs import wait_for
from test_tuning import follow, leave_running, tune

from hierex.asking.collected import collect_answers
from hierex.asking.plans import plan_answers
from hierex.jobs import ANSWERS, TUNING, Job
from hierex.kept import answer_batches, tunings
from hierex.kept.description_edits import Statement, save_edits
from hierex.llm import door
from hierex.llm.endpoint import Endpoint
from hierex.pipeline import run_pipeline
from hierex.store import open_store
from hierex.transitions.prompts import TARGET_PREFIX
from hierex.view.opened import jobs
from hierex.view.sidebar import POLL_SECONDS


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(door, "FIRST_WAIT", 0.01)
    monkeypatch.setattr("hierex.asking.open_batches.POLL", 0.01)
    monkeypatch.setattr("hierex.llm.fine_tuning.POLL", 0.01)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return run_until("transitions", tmp_path_factory.mktemp("panel"), n_users=80, n_interactions=1_600)


@pytest.fixture
def work(built, tmp_path):
    with app_over(tmp_path):
        yield run_pipeline(open_store(shutil.copy(built, tmp_path / "w.duckdb")), CONFIG, until="transitions")


@pytest.fixture
def server(work, monkeypatch):
    with LlmServer(answer=know_it_all(work)) as server:
        for name, value in (("URL", server.url), ("MODEL", MODEL), ("KEY", KEY)):
            monkeypatch.setenv(f"HIEREX_LLM_{name}", value)
        yield server


def script():
    import streamlit as st

    from hierex.view.next_interest.asked_model import ask_panel
    from hierex.view.next_interest.at_endpoint import open_orders
    from hierex.view.opened import show_messages
    from hierex.view.sidebar import show_job

    with st.sidebar:
        show_job(st.session_state["work"].store)
    open_orders(st.session_state["work"])
    ask_panel(st.session_state["work"])
    show_messages()


def open_panel(work):
    return open_script(script, work=work, tuning_open=True, answers_open=True)


def script_of_releases():
    import streamlit as st

    from hierex.view.next_interest.releasing import releasing

    releasing(st.session_state["work"])


def test_what_was_ordered_is_shown_whatever_way_to_learn_is_chosen(work, server):
    assert "Ordered at the endpoint" not in words(open_script(script_of_releases, work=work))
    leave_open(work, server)
    assert "Ordered at the endpoint" in words(open_script(script_of_releases, work=work))


def test_a_model_that_was_fine_tuned_on_other_interests_does_not_come_first_and_says_so(work, server):
    tuned = tune(work, server).tuned_model
    app = open_panel(work)
    assert (app.selectbox(key="answers_model").value, "was not taught" in words(app)) == (tuned, False)
    described = replace(work.cluster_descriptions()[0], phrases=("other", "words"))
    save_edits(work.store, [Statement(described, ["1"], None)], tree_key=work.tree_key, author="Ann")
    app = open_panel(work)
    assert app.selectbox(key="answers_model").value == MODEL
    app.selectbox(key="answers_model").set_value(tuned).run()
    assert "it was not taught 1 of these 8" in words(app)


def press(app, label):
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception, app.exception
    job = jobs().of(app.session_state["work"].store.path)
    if job:
        wait_for(lambda: not job.active)
        app.run()
        assert not app.exception, app.exception
    return app


def labels(app):
    return [button.label for button in app.button]


def test_an_open_batch_is_listed_whatever_is_chosen_and_collected_without_ordering_more(work, server):
    asked = plan_answers(work, Endpoint(server.url, MODEL, KEY), form="text", most=4)
    leave_open(work, server, plan=asked)
    app = open_panel(work)
    assert app.radio(key=f"answers_form-{MODEL}").value == "schema", "another way than that of the batch"
    assert f"4 questions to {MODEL}, in free text, since" in words(app).replace("\\", "")
    app.radio(key=f"answers_form-{MODEL}").set_value("text").run()
    assert not [label for label in labels(app) if label.startswith("Ask ")]
    assert " tokens to write" not in words(app).split("2. Have")[-1]
    server.account.batches["batch-0"]["states"] = ["completed"]
    press(app, "Collect")
    assert len(server.account.batches) == 1
    assert server.requests == []
    assert "Collect" not in labels(app)
    n = len(plan_answers(work, Endpoint(server.url, MODEL, KEY)).contexts)
    assert f"Ask {n - 4}" in labels(app)
    assert "100% of what people start from has an answer" in words(app)


def test_a_batch_at_another_address_is_named_and_cannot_be_collected_from_here(work, server, monkeypatch):
    leave_open(work, server, plan=plan_answers(work, Endpoint(server.url, MODEL, KEY), most=4))
    with LlmServer() as other:
        monkeypatch.setenv("HIEREX_LLM_URL", other.url)
        app = open_panel(work)
    told = words(app).replace("\\", "")
    assert f"4 questions to {MODEL}, in free text, since" in told
    assert f"It is at {server.url}, and can be collected or stopped where HIEREX_LLM_URL says that." in told
    assert not {"Collect", "Stop"} & set(labels(app))


@pytest.mark.parametrize("how", ["Stop waiting", "Stop it there"])
def test_who_waits_for_a_batch_can_leave_it_or_end_it(work, server, how):
    leave_open(work, server)
    app = open_panel(work)
    next(button for button in app.button if button.label == "Collect").click().run()
    assert {"Stop waiting", "Stop it there"} <= set(labels(app))
    app = press(app, how)
    told = words(app).replace("\\", "")
    if how == "Stop waiting":
        assert "It goes on at the endpoint." in told
        assert server.account.batches["batch-0"]["states"] == ["in_progress"]
        assert not next(button for button in app.button if button.label == "Collect").disabled
    else:
        assert "What was answered until then is kept" in told
        assert server.account.batches["batch-0"]["states"] == ["cancelled"]


def test_a_batch_that_was_stopped_is_open_no_more_once_the_endpoint_says_so(work, server):
    leave_open(work, server)
    app = press(open_panel(work), "Stop")
    assert server.account.batches["batch-0"]["states"] == ["cancelled"]
    assert answer_batches.open_batches(work.store, server.url) == []
    assert not {"Collect", "Stop"} & set(labels(app))


def test_a_fine_tuning_is_followed_or_stopped_whatever_would_be_ordered(work, server):
    leave_running(work, server)
    app = open_panel(work)
    app.number_input(key="tuning_epochs").set_value(2).run()
    assert "this one would be paid on top" in words(app)
    server.account.jobs["ftjob-0"]["states"] = ["running", "succeeded"]
    press(app, "Follow")
    assert tunings.read_tunings(work.store)[0].state == "succeeded"
    done = "The fine-tuning is done. The new model can be asked under “Releases” of “What comes next”."
    assert [told.value.replace("\\", "") for told in app.sidebar.success] == [done]
    leave_running(work, server, epochs=3)
    app = press(open_panel(work), "Stop")
    assert server.account.jobs["ftjob-1"]["states"] == ["cancelled"]
    assert "No new model comes of it" in words(app)


def test_what_is_said_of_open_jobs_is_drawn_anew_while_something_goes_on(work, server, monkeypatch):
    left = leave_running(work, server)
    tunings.note_reason(work.store, left, "", state="uploaded")
    assert open_panel(work).dataframe[0].value["State"].tolist() == ["not begun as far as is known"]
    drawn = []

    def fragment(show=None, *, run_every=None):
        drawn.append(run_every)
        return show or (lambda show: show)

    job = Job(work.store.path, work.config, {}, goal=TUNING)
    jobs().begin(job, lambda **_: job.stopping.wait(60), beside=True)
    with monkeypatch.context() as patched:
        patched.setattr("streamlit.fragment", fragment)
        app = open_panel(work)
    job.stopping.set()
    wait_for(lambda: not job.active)
    assert drawn == [POLL_SECONDS] * 3, "the side bar, what is open, and the table"
    assert app.button(key=f"go-tuning-{left.tuning_id}").disabled


def test_too_few_examples_hide_neither_the_jobs_nor_what_can_be_asked(work, server, monkeypatch):
    leave_running(work, server)
    monkeypatch.setattr("hierex.asking.tuning.FEWEST_EXAMPLES", 10**6)
    app = open_panel(work)
    assert "At least 1000000 are needed" in words(app)
    assert any("New model" in table.value for table in app.dataframe)
    assert any(label.startswith("Ask ") for label in labels(app))


def test_a_cap_below_the_estimate_is_refused_at_once(work, server, monkeypatch):
    monkeypatch.setattr("hierex.asking.tuning.find_training_price", lambda *of, **more: None)
    app = open_panel(work)
    app.number_input(key="tuning_cap_tokens").set_value(10).run()
    press(app, "Fine-tune")
    assert "Nothing was sent" in words(app)
    assert [toast.icon for toast in app.toast] == [":material/error:"], "seen from wherever one is on the page"
    assert jobs().of(work.store.path) is None


def test_what_names_an_interest_otherwise_is_said_not_to_count_and_why(work, server):
    truth, n = server.answer, iter(range(10**6))
    server.answer = lambda request: "no" if next(n) == 0 else truth(request).removeprefix(TARGET_PREFIX)
    app = open_panel(work)
    app.radio(key=f"answers_form-{MODEL}").set_value("text").run()
    app.number_input(key="answers_most").set_value(4).run()
    press(app, "Ask 4")
    assert "**0 of 4 answers (0.0%)**" in words(app)
    assert "3 more name an interest, but without the words that answers are taught to begin with" in words(app)
    server.answer = truth
    press(app, "Leave these answers out")
    press(app, "Ask 4")
    assert "more name an interest" not in words(app)


def test_answers_are_left_out_asked_anew_and_brought_back(work, server):
    truth = server.answer
    server.answer = lambda request: ""
    app = open_panel(work)
    app.number_input(key="answers_most").set_value(3).run()
    press(app, "Ask 3")
    assert "0 of 3 answers (0.0%) are known interests" in words(app).replace("\\", "")
    assert next(table.value for table in app.dataframe if "Answer" in table.value)["Answer"].tolist() == ["(empty)"]
    assert "Ask 3" not in labels(app)
    server.answer = truth
    press(app, "Leave these answers out")
    press(app, "Ask 3")
    assert "**3 of 3 answers (100.0%)**" in words(app)
    press(app, "Bring back the 3 that were left out")
    assert "**0 of 3 answers (0.0%)**" in words(app)


def test_answers_are_not_left_out_while_more_of_them_are_asked_for(work, server):
    ask(work, server, most=2)
    app = open_panel(work)  # as another page drew it before the asking began
    job = Job(work.store.path, work.config, {}, goal=ANSWERS)
    jobs().begin(job, lambda **_: job.stopping.wait(60), beside=True)
    app.button(key="answers_away").click().run()
    assert "Something was begun in this workspace already" in words(app)
    job.stopping.set()
    wait_for(lambda: not job.active)
    assert len(collect_answers(work).answers) == 2


def test_a_model_that_was_tuned_elsewhere_is_not_offered_here(work, server, monkeypatch):
    left = leave_running(work, server)
    tuned = follow_to_its_end(work, server, left)
    assert tuned in open_panel(work).selectbox(key="answers_model").options
    with LlmServer() as other:
        monkeypatch.setenv("HIEREX_LLM_URL", other.url)
        assert open_panel(work).selectbox(key="answers_model").options == [MODEL]


def follow_to_its_end(work, server, left):
    server.account.jobs[left.job_id]["states"] = ["succeeded"]
    return follow(work, server, left).tuned_model


def test_batches_that_are_still_being_ended_are_not_told_as_ended(work, server, monkeypatch):
    monkeypatch.setattr("hierex.asking.open_batches.ENDING", 0.03)
    leave_open(work, server)
    look = server.account._look
    monkeypatch.setattr(
        server.account, "_look", lambda what, how, name: look(what, "HEAD" if how == "GET" else how, name)
    )
    app = press(open_panel(work), "Stop")
    assert "has not done so yet" in words(app)
