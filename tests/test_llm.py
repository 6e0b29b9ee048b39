"""The door to language models, over a real socket with the official client: what passes, what does not."""

import copy
import gzip
import json
import logging
import pickle
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_server import KEY, MODEL, LlmServer

from hierex.errors import Cancelled, ConfigError, ModelBusy, ModelError, PromptRefused
from hierex.llm import door
from hierex.llm.answers import Schema, read_answer
from hierex.llm.door import LanguageModel, waiting_time
from hierex.llm.endpoint import OPENAI, Endpoint
from hierex.llm.tokens import Tokens, estimate_tokens

COLOUR = Schema("colour", {"colour": {"type": "string"}})
GREEN = '{"colour": "green"}'
QUESTION = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "What colour is grass?"}]


class Waits:
    """Watches without waiting."""

    def __init__(self):
        self.waits, self.sent, self.ended = [], [], []

    def before(self, read, most_written):
        self.sent.append((read, most_written))

    def after(self, tokens):
        self.ended.append(tokens)

    def wait(self, seconds, reason):
        self.waits.append((seconds, reason))


def ask(server, *, watch=None, model=MODEL, key=KEY, timeout=5.0, **more):
    llm = LanguageModel(Endpoint(server.url, model, key), timeout=timeout)
    return llm.ask(QUESTION, COLOUR, watch=watch or Waits(), **more)


def ask_twice(server):
    """By one that may have learned from the first."""
    llm = LanguageModel(Endpoint(server.url, MODEL, KEY), timeout=5.0)
    return [llm.ask(QUESTION, COLOUR, watch=Waits()) for _ in range(2)]


def green(request):
    return GREEN


def test_an_answer_comes_with_what_it_took():
    with LlmServer(answer=green) as server:
        answer = ask(server)
    assert answer.parsed == {"colour": "green"}
    assert (answer.text, answer.fault, answer.how, answer.tries, answer.model) == (GREEN, "", "schema", 1, MODEL)
    assert answer.tokens == Tokens(server.read, server.written)
    assert answer.seconds > 0
    sent = server.requests[0]["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"]["additionalProperties"] is False
    assert sent["schema"]["required"] == ["colour"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("busy", "busy"),
        ("failing", "failing"),
        ({"status": 503}, "failing"),
        ("hang_up", "broke off"),
        ("html", "not what a language model answers"),
        ("cut_off", "cut short"),
        ({"delay": 0.6}, "in time"),
    ],
)
def test_what_may_pass_is_tried_again_after_a_wait(fault, reason):
    watch = Waits()
    with LlmServer(answer=green, faults=[fault, fault]) as server:
        answer = ask(server, watch=watch, timeout=0.3)
    assert answer.parsed == {"colour": "green"}
    assert answer.tries == len(server.requests) == 3
    assert [seconds > 0 and reason in told for seconds, told in watch.waits] == [True, True]
    assert len(watch.sent) == len(watch.ended) == 3


def test_what_never_passes_ends_with_its_reason_and_not_before_five_tries():
    watch = Waits()
    with LlmServer(faults=lambda number: "failing") as server, pytest.raises(ModelBusy, match="failing"):
        ask(server, watch=watch)
    assert len(server.requests) == 5
    assert len(watch.waits) == 4


def test_an_answer_that_is_always_cut_short_comes_back_as_it_is_with_all_that_it_took():
    with LlmServer(answer=green, faults=lambda number: "cut_off") as server:
        answer = ask(server, most_written=100)
    assert answer.parsed is None
    assert "cut short" in answer.fault
    assert answer.tokens == Tokens(server.read, server.written)
    assert [request["max_tokens"] for request in server.requests] == [100, 200, 400, 400, 400]


@pytest.mark.parametrize("fault", ["not_our_json", "list", "deep", "trickle", "endless"])
def test_replies_that_are_none_are_tried_again(fault, monkeypatch):
    monkeypatch.setattr(door, "LONGEST_REPLY", 0.3)
    began = time.monotonic()
    with LlmServer(answer=green, faults=[fault]) as server:
        answer = ask(server, timeout=1)
    assert answer.parsed == {"colour": "green"}
    assert answer.tries == 2
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("fault", ["free", "boasting"])
def test_counts_of_tokens_that_cannot_be_are_estimated(fault):
    with LlmServer(answer=green, faults=[fault]) as server:
        tokens = ask(server).tokens
    assert tokens.estimated
    assert 10 < tokens.read < 1_000
    assert tokens.written == estimate_tokens(GREEN)


def test_testing_the_connection_does_not_wait_for_minutes():
    began = time.monotonic()
    faults = [{"status": 429, "retry_after": "30"}]
    with LlmServer(answer=green, faults=faults) as server, pytest.raises(ModelBusy, match="in 30 seconds"):
        LanguageModel(Endpoint(server.url, MODEL, KEY)).test_connection()
    assert time.monotonic() - began < 5


def test_nobody_there():
    with LlmServer() as server:
        url = server.url
    watch = Waits()
    with pytest.raises(ModelBusy, match="cannot be reached"):
        LanguageModel(Endpoint(url, MODEL, KEY), timeout=1).ask(QUESTION, COLOUR, watch=watch)
    assert set(watch.ended) == {Tokens()}, "what was not sent costs nothing"


def test_a_question_that_was_sent_counts_though_the_answer_was_lost():
    watch = Waits()
    with LlmServer(answer=green, faults=["hang_up"]) as server:
        answer = ask(server, watch=watch)
    lost, came = watch.ended
    assert lost.read > 0
    assert lost.estimated
    assert answer.tokens == lost + came


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("no_credit", ModelError, "no credit"),
        ("forbidden", ModelError, "does not accept the key"),
        ("too_long", PromptRefused, "longer than"),
        ("refused_question", PromptRefused, "The prompt was filtered"),
        ({"status": 402}, ModelError, "no credit"),
    ],
)
def test_what_will_not_pass_ends_at_once(fault, kind, reason):
    watch = Waits()
    with LlmServer(faults=lambda number: fault) as server, pytest.raises(kind, match=reason):
        ask(server, watch=watch)
    assert not watch.waits
    assert len(server.requests) <= 2, "at most once more without the schema"


def test_a_wrong_key_and_an_unknown_model_are_said_in_plain_words():
    with LlmServer() as server:
        with pytest.raises(ModelError, match="does not accept the key"):
            ask(server, key="sk-wrong-000")
        with pytest.raises(ModelError, match="knows no model 'gpt-nine'"):
            ask(server, model="gpt-nine")
        assert len(server.requests) == 2


def test_the_key_is_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    endpoint = Endpoint("http://127.0.0.1:1/v1", MODEL, KEY)
    told = [repr(endpoint), str(endpoint), repr(LanguageModel(endpoint).__dict__["endpoint"])]
    for fault in ("echo_key", "forbidden", "failing", "hang_up"):
        with LlmServer(faults=lambda number, fault=fault: fault) as server:
            try:
                ask(server)
            except ModelError as error:
                told += [str(error), "".join(traceback.format_exception(error))]
    with LlmServer() as server:
        try:
            ask(server, key="sk-wrong-000")
        except ModelError as error:
            told += [str(error), "".join(traceback.format_exception(error))]
    told += [record.getMessage() for record in caplog.records]
    assert len(told) > 8
    assert not [text for text in told if KEY in text or "sk-wrong-000" in text.replace('key="sk-wrong-000"', "")]


@pytest.mark.parametrize("store", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nobody_stores_a_key_by_accident(store):
    with pytest.raises(TypeError, match="holds a key"):
        store(Endpoint("http://127.0.0.1:1/v1", MODEL, KEY))


def test_a_wait_of_minutes_is_told_and_ends_when_the_work_is_stopped():
    began = time.monotonic()
    stop = threading.Event()

    class Told(Waits):
        def wait(self, seconds, reason):
            super().wait(seconds, reason)
            threading.Timer(0.05, stop.set).start()
            if stop.wait(seconds):
                raise Cancelled("stopped")

    watch = Told()
    with LlmServer(faults=[{"status": 429, "retry_after": "240"}]) as server, pytest.raises(Cancelled):
        ask(server, watch=watch)
    assert watch.waits[0][0] == 240
    assert time.monotonic() - began < 5


def test_the_endpoint_says_how_long_to_wait():
    watch = Waits()
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    faults = [{"status": 429, "retry_after": after} for after in ("7", "0.25", date, "Mon, 01 Jan 99999 00:00:00 GMT")]
    with LlmServer(answer=green, faults=faults) as server:
        assert ask(server, watch=watch).parsed
    asked = [seconds for seconds, _ in watch.waits]
    assert asked[:2] == [7, 0.25]
    assert 55 < asked[2] <= 60
    assert 0 < asked[3] <= door.LONGEST_WAIT


def test_waits_grow_and_have_an_end():
    longest = [max(waiting_time(failed, None) for _ in range(50)) for failed in range(1, 12)]
    assert longest == sorted(longest) or longest[-1] <= door.LONGEST_WAIT
    assert longest[0] <= door.FIRST_WAIT < longest[2]
    assert max(longest) <= door.LONGEST_WAIT


def test_a_schema_that_is_refused_is_asked_for_in_words_and_that_is_remembered():
    with LlmServer(answer=green, schema="rejected") as server:
        first, second = ask_twice(server)
    assert first.parsed == second.parsed == {"colour": "green"}
    assert (first.how, second.how) == ("words", "words")
    assert [("response_format" in request) for request in server.requests] == [True, False, False]
    assert '"colour"' in server.requests[1]["messages"][0]["content"]


def test_a_schema_that_is_ignored_is_found_out_by_the_answer_and_that_is_remembered():
    with LlmServer(answer=green, schema="ignored") as server:
        first, second = ask_twice(server)
    assert first.parsed == second.parsed == {"colour": "green"}
    assert first.tokens.read > second.tokens.read, "both requests of the first count"
    assert [("response_format" in request) for request in server.requests] == [True, False, False]


def test_one_bad_answer_does_not_make_a_good_endpoint_a_bad_one():
    with LlmServer(answer=green, faults=[None, None, "prose"]) as server:
        answers = [ask(server) for _ in range(4)]
    assert [answer.how for answer in answers] == ["schema", "schema", "words", "schema"]
    assert all(answer.parsed for answer in answers)


def test_a_fenced_answer_is_taken_and_the_schema_not_asked_for_again():
    with LlmServer(answer=lambda request: f"```json\n{GREEN}\n```") as server:
        first, second = ask_twice(server)
    assert first.parsed == second.parsed == {"colour": "green"}
    assert len(server.requests) == 2
    assert second.how == "words"


def test_the_newer_name_of_the_limit_is_found():
    with LlmServer(answer=green, limit_name="max_completion_tokens") as server:
        first, second = ask_twice(server)
        assert first.parsed
        assert second.how == "schema"
    assert len(server.requests) == 3


def test_many_at_once_all_learn_of_the_newer_name():
    with LlmServer(answer=green, limit_name="max_completion_tokens", seconds=0.05) as server:
        model = LanguageModel(Endpoint(server.url, MODEL, KEY))
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _: model.ask(QUESTION, COLOUR), range(6)))
        model.close()
    assert [answer.parsed for answer in answers] == [{"colour": "green"}] * 6


def test_the_newer_name_of_the_limit_is_found_by_several_at_once():
    with LlmServer(answer=green, limit_name="max_completion_tokens", seconds=0.1) as server:
        llm = LanguageModel(Endpoint(server.url, MODEL, KEY), timeout=5)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: llm.ask(QUESTION, COLOUR), range(4)))
    assert {answer.how for answer in answers} == {"schema"}, "a name that is not known says nothing of the schema"
    assert llm._habits.takes_schema


@pytest.mark.parametrize("fault", ["empty", "refused", "half_json", "prose", {"answer": '{"colour": 3}'}])
def test_an_answer_that_cannot_be_used_comes_back_with_the_reason(fault):
    with LlmServer(faults=lambda number: fault) as server:
        answer = ask(server)
    assert answer.parsed is None
    assert answer.fault.endswith(".")
    assert len(server.requests) == 2, "with the schema and in words"


def test_without_usage_tokens_are_estimated():
    with LlmServer(answer=green, faults=["no_usage"]) as server:
        tokens = ask(server).tokens
    assert tokens.estimated
    assert tokens.read > 0
    assert tokens.written == estimate_tokens(GREEN)


def test_a_watch_that_objects_stops_before_anything_is_sent():
    class Objects(Waits):
        def before(self, read, most_written):
            raise Cancelled("stopped")

    with LlmServer(answer=green) as server, pytest.raises(Cancelled):
        ask(server, watch=Objects())
    assert not server.requests


@pytest.mark.parametrize(("schema", "keeps"), [("honoured", True), ("ignored", False), ("rejected", False)])
@pytest.mark.parametrize("lists_models", [True, False])
def test_testing_the_connection(schema, keeps, lists_models):
    with LlmServer(answer=green, schema=schema, lists_models=lists_models) as server:
        found = LanguageModel(Endpoint(server.url, MODEL, KEY)).test_connection()
    assert (found.listed, found.answered, found.keeps_schema) == (True if lists_models else None, True, keeps)
    assert found.seconds > 0
    assert found.tokens.read > 0


def test_testing_the_connection_with_a_wrong_key_or_model():
    with LlmServer(answer=green) as server:
        with pytest.raises(ModelError, match="key"):
            LanguageModel(Endpoint(server.url, MODEL, "sk-wrong")).test_connection()
        with pytest.raises(ModelError, match="knows no model"):
            LanguageModel(Endpoint(server.url, "other", KEY)).test_connection()


@pytest.mark.parametrize("always", [False, True])
def test_a_reply_is_asked_for_and_taken_as_it_is_only(monkeypatch, always):
    """A few bytes may be gigabytes once they are unpacked."""
    with LlmServer(answer=green) as server:
        handler = server._server.RequestHandlerClass
        send_text = handler.send_text

        def compress(self, status, text, kind, retry_after=None):
            if not always and "gzip" not in self.headers.get("accept-encoding", ""):
                return send_text(self, status, text, kind, retry_after)
            sent = gzip.compress(text.encode())
            self.send_response(status)
            for name, value in {"content-type": kind, "content-encoding": "gzip", "content-length": len(sent)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(sent)

        monkeypatch.setattr(handler, "send_text", compress)
        if not always:
            assert ask(server).parsed
            return
        with pytest.raises(ModelBusy, match="compresses its replies"):
            ask(server, watch=Waits())


# -- settings ----------------------------------------------------------------------------------------------------------


def test_nothing_is_set_up_until_a_model_is_named():
    assert Endpoint.from_environment({"OPENAI_API_KEY": "sk-1", "HIEREX_LLM_URL": "http://x/v1"}) is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"OPENAI_API_KEY": "sk-1"}, Endpoint(OPENAI, "m", "sk-1")),
        ({"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://y/v1"}, Endpoint("http://y/v1", "m", "sk-1")),
        ({"OPENAI_API_KEY": "sk-1", "HIEREX_LLM_URL": "http://x/v1"}, Endpoint("http://x/v1", "m", "")),
        ({"HIEREX_LLM_KEY": " k\n", "HIEREX_LLM_URL": "http://x/v1"}, Endpoint("http://x/v1", "m", "k")),
    ],
)
def test_settings(found, expected):
    endpoint = Endpoint.from_environment({"HIEREX_LLM_MODEL": "m", **found})
    assert endpoint == expected
    assert endpoint.key == expected.key


@pytest.mark.parametrize("url", ["x/v1", "ftp://x", "http://", "http://me:pw@x/v1", "http://x/v1?key=1", "http://[x"])
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigError, match="HIEREX_LLM_URL") as refused:
        Endpoint(url, "m", "")
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("key", ["a\nb", "ключ"])
def test_a_key_that_cannot_be_one_is_refused_without_repeating_it(key):
    with pytest.raises(ConfigError, match="key") as refused:
        Endpoint("http://x/v1", "m", key)
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "local"), [("http://localhost:1/v1", True), (OPENAI, False), ("http://[::1]/v1", True)]
)
def test_whether_anything_leaves_the_machine(url, local):
    assert Endpoint(url, "m").is_local is local


# -- reading answers ---------------------------------------------------------------------------------------------------

PAIR = Schema("pair", {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "string"}}})
GOOD = {"a": 'x, } "y"', "b": ["1", "<2>"]}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"```json\n{json.dumps(GOOD)}\n```",
        f"Sure! Here it is:\n{json.dumps(GOOD, indent=2)}\nAnything else?",
        '{"a": "x, } \\"y\\"", "b": ["1", "<2>",],}',
        f'<think>maybe {{"a": 1}}</think>{json.dumps(GOOD)}',
        f"{{not json}} {json.dumps({'a': 1})} {json.dumps(GOOD)}",
    ],
)
def test_the_object_is_found_whatever_is_around_it(text):
    assert read_answer(text, PAIR, "stop")[0] == GOOD


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a": "x"}', "lacks b"),
        ('{"a": "x", "b": [], "c": 1}', "not asked for"),
        ('{"a": "x", "b": "1"}', "b breaks the rule"),
        ('{"a": "x", "b": [1]}', "b.0 breaks the rule"),
        ("[1, 2]", "no JSON object"),
        ('{"a": NaN, "b": []}', "no JSON object"),
        ("{" * 5_000, "no JSON object"),
        ('{"a":' * 20_000, "characters"),
        ("[" * 40_000, "no JSON object"),
        ("", "empty"),
    ],
)
def test_what_does_not_fit_is_a_fault_with_a_reason(text, fault):
    parsed, told, _ = read_answer(text, PAIR, "stop")
    assert parsed is None
    assert fault in told
    assert len(told) < 200


@pytest.mark.parametrize(
    "text",
    ['x"' + '\\"' * 20_000, "<think>" * 7_000, "{," + " " * 40_000, '"' + ", }" * 15_000],
    ids=lambda text: text[:9],
)
def test_no_answer_takes_long_to_read(text):
    began = time.process_time()
    assert read_answer(text, PAIR, "stop")[0] is None
    assert time.process_time() - began < 0.5


@given(st.text(), st.sampled_from(["stop", "length", "content_filter"]))
def test_any_text_is_read_or_has_a_fault(text, ended):
    parsed, fault, _ = read_answer(text, PAIR, ended)
    assert (parsed is None) == bool(fault)


@given(st.text(), st.text(max_size=40))
def test_tokens_are_estimated_for_any_text(text, more):
    assert estimate_tokens(text + " " + more) >= estimate_tokens(text) - 1
