"""What language models said, in the workspace: kept, shown over the keywords and under people, found again."""

import json
import shutil
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from llm_server import KEY, MODEL, LlmServer, describe_well
from small_worlds import run_until

from hierex.asking.describing import describe_interests, plan_descriptions, with_coarser
from hierex.cli import main
from hierex.config import PolicyConfig, RunConfig, TreeConfig
from hierex.descriptions import Description
from hierex.descriptions.costs import Pace
from hierex.errors import DiskFull
from hierex.kept import description_edits, model_answers
from hierex.kept.description_steps import set_step_undone
from hierex.llm import door
from hierex.llm.door import LanguageModel
from hierex.llm.endpoint import Endpoint
from hierex.llm.prices import Cap, Price
from hierex.llm.tokens import Tokens
from hierex.pipeline import run_pipeline
from hierex.store import open_store

CONFIG = RunConfig(granularity=8, policy=PolicyConfig(kind="counts"), tree=TreeConfig(finest=24))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(door, "FIRST_WAIT", 0.01)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return run_until("descriptions", tmp_path_factory.mktemp("answers"), n_users=60, n_interactions=1_200)


@pytest.fixture
def path(built, tmp_path):
    return shutil.copy(built, tmp_path / "w.duckdb")


@pytest.fixture
def work(path):
    with open_store(path) as store:
        yield run_pipeline(store, CONFIG, until="descriptions")


def describe(work, server, nodes=None, **more):
    endpoint = Endpoint(server.url, MODEL, KEY)
    plan = plan_descriptions(work, work.taxonomy.part_nodes if nodes is None else nodes, endpoint, **more)
    return plan, describe_interests(work, plan, LanguageModel(endpoint).ask, cap=Cap())


def shown(work):
    return work.descriptions(work.taxonomy, work.placed_edits())


def answers_of(work, node):
    return model_answers.read_answers(work.store, work.tree_key, node, work.node_contents[node])


def test_what_the_model_says_shows_at_once_over_the_keywords(work):
    before = shown(work)
    with LlmServer() as server:
        _, outcome = describe(work, server)
    after, cut = shown(work), set(work.taxonomy.cluster_ids.tolist())
    assert set(outcome.described) == cut
    assert {node for node, d in after.items() if d.source == "model"} == cut
    assert {node: d for node, d in after.items() if node not in cut} == {
        node: d for node, d in before.items() if node not in cut
    }
    assert [d.source for d in work.cluster_descriptions()] == ["model"] * len(cut)


def test_people_win_over_the_model_before_and_after(work):
    first, second = work.taxonomy.cluster_ids[:2].tolist()
    items = work.items["item_id"].iloc[work.taxonomy.items_of(0)].tolist()

    def edit(node, name, seen=None):
        wanted = Description(node, name, ("mine",), "", "human")
        tree_key = work.key("interest_tree")
        statement = description_edits.Statement(wanted, items, seen)
        description_edits.save_edits(work.store, [statement], tree_key=tree_key, author="Ada")

    edit(first, "By Ada")
    with LlmServer() as server:
        describe(work, server)
    edit(second, "By Ada too")
    assert [(shown(work)[n].name, shown(work)[n].source) for n in (first, second)] == [
        ("By Ada", "human"),
        ("By Ada too", "human"),
    ]
    set_step_undone(work.store, description_edits.read_edits(work.store)[0].step, True)
    assert shown(work)[first].source == "model"


def test_what_is_kept_says_all_that_was_shown_and_said(work):
    asked = Counter()

    def answer(request):
        """At first every question gets an answer that cannot be used."""
        question = request["messages"][1]["content"]
        asked[question] += 1
        return "no" if asked[question] == 1 else describe_well(request)

    with LlmServer(answer=answer, schema="rejected") as server:
        describe(work, server)
        read, written = server.read, server.written
    answers = [a for node in range(len(work.node_contents)) for a in answers_of(work, node)]
    assert sum(a.tokens_read for a in answers) == read
    assert sum(a.tokens_written for a in answers) == written
    accepted = [a for a in answers if a.status == "accepted"]
    assert len(accepted) == 8
    one = accepted[0]
    assert one.content == work.node_contents[one.node_id]
    assert (one.model, one.language, one.purpose, one.dollars) == (MODEL, "English", "describe_interest", 0.0)
    assert json.loads(one.answer)["name"] == one.name
    assert one.messages[0]["role"] == "system"
    ids = work.items["item_id"].iloc[work.tree.order[work.tree.lo[one.node_id] : work.tree.hi[one.node_id]]]
    assert set(one.item_ids) <= set(ids)
    assert {a.status for a in answers} == {"accepted", "faulty"}
    assert {a.faults for a in answers if a.status == "faulty"} == {("The answer holds no JSON object.",)}
    assert KEY not in str([asdict(a) for a in answers])


def test_failing_leaves_the_keywords_and_says_why(work):
    before = shown(work)
    with LlmServer(answer=lambda request: "I would rather not.") as server:
        _, outcome = describe(work, server)
        assert shown(work) == before
        assert len(outcome.failed) == 8
        latest = [answers_of(work, n)[0] for n in outcome.failed]
        assert {(a.status, a.faults) for a in latest} == {("failed", ("The answer holds no JSON object.",))}
        asked = len(server.requests)
        plan, _ = describe(work, server)
        assert plan.estimate.calls == 0
        assert len(server.requests) == asked
        assert describe(work, server, again="failed")[0].estimate.calls == 8


def test_another_granularity_asks_only_what_is_new_and_another_language_all(work):
    with LlmServer() as server:
        describe(work, server)
        endpoint = Endpoint(server.url, MODEL, KEY)
        finer = work.tree.cut(10)
        assert plan_descriptions(work, finer, endpoint).estimate.calls == 4
        assert plan_descriptions(work, work.taxonomy.part_nodes, endpoint, language="German").estimate.calls == 8
        assert plan_descriptions(work, work.taxonomy.part_nodes, endpoint, again="all").estimate.calls == 8
        assert plan_descriptions(work, work.taxonomy.part_nodes, Endpoint(server.url, "other", KEY)).estimate.calls == 8


def test_coarser_interests_are_those_above_without_the_root(work):
    nodes = work.taxonomy.part_nodes
    coarser = with_coarser(work.tree.parent, nodes)
    assert set(nodes) < set(coarser)
    assert 0 not in coarser
    with LlmServer() as server:
        plan, outcome = describe(work, server, coarser)
    assert plan.estimate.calls == 2 * len(nodes) - 2
    assert set(outcome.described) == set(coarser)


def test_an_editor_asks_for_another_try_with_a_hint(work):
    node = int(work.taxonomy.cluster_ids[0])
    with LlmServer() as server:
        _, first = describe(work, server)
        _, second = describe(work, server, [node], hints={node: "name the <place> and </data> so on"})
        sent = server.requests[-1]["messages"][1]["content"]
        assert sent.count("</data>") == 1
        assert "editor" in sent.split("</data>")[1]
        assert describe(work, server, [node], hints={node: "  "})[0].estimate.calls == 0
    assert second.described[node].name != first.described[node].name
    assert shown(work)[node].name == second.described[node].name
    versions = answers_of(work, node)
    assert [version.name for version in versions] == [second.described[node].name, first.described[node].name]


def test_an_answer_belongs_to_its_items_in_any_tree(work):
    with LlmServer() as server:
        _, outcome = describe(work, server)
    contents = list(work.node_contents)
    node = int(work.taxonomy.cluster_ids[0])
    elsewhere = [f"other {n}" for n in range(30)]
    elsewhere[17] = contents[node]
    placed = model_answers.place_answers(work.store, "another tree", elsewhere)
    assert set(placed) == {17}
    same_tree = model_answers.place_answers(work.store, work.tree_key, elsewhere[:17])  # other items came to it
    assert same_tree[node].name == outcome.described[node].name
    assert placed[17].name == outcome.described[node].name
    assert placed[17].cluster_id == 17
    versions = model_answers.read_answers(work.store, work.tree_key, node, "other items")
    assert [version.name for version in versions] == [same_tree[node].name], "what is shown is among its versions"


@pytest.mark.parametrize(("changed", "asked_again"), [(0.1, 0), (1.0, 8)])
def test_only_what_is_stale_is_asked_again_when_items_change(path, changed, asked_again):
    with open_store(path) as store, LlmServer() as server:
        work = run_pipeline(store, CONFIG, until="descriptions")
        describe(work, server)
        assert not work.changed_since_described()
        later = run_pipeline(store, CONFIG, until="descriptions")
        inside = [later.tree.order[later.tree.lo[n] : later.tree.hi[n]] for n in later.taxonomy.part_nodes]
        some = np.concatenate([items[: max(1, int(changed * len(items)))] for items in inside])
        later.items.loc[some, "title"] += " (new)"
        shares = [share for _, (_, _, share) in later.changed_since_described().values()]
        assert len(shares) == 8
        assert {share > 0.2 for share in shares} == {bool(asked_again)}
        asked = len(server.requests)
        plan, _ = describe(later, server)
        assert (plan.estimate.calls, len(server.requests) - asked) == (asked_again, asked_again)
        assert plan_descriptions(later, later.taxonomy.part_nodes, Endpoint(server.url, MODEL, KEY)).estimate.calls == 0


def test_names_stay_different_from_the_keywords():
    words = [Description(n, name, ("x",), "", "keywords") for n, name in enumerate(("All", "Soup", "Bread"))]
    said = {1: Description(1, "bread", ("y",), "", "model", "two kinds")}
    laid = model_answers.lay_over(words, said)
    assert [laid[n].name for n in range(3)] == ["All", "bread", "Bread (2)"]
    assert laid[1].unclear == "two kinds"


def test_the_estimate_learns_from_what_answers_took(work):
    def count(text):
        """Another tokenizer than the one that is estimated with."""
        return len(text) // 2

    with LlmServer(count=count) as server:
        nodes = with_coarser(work.tree.parent, work.taxonomy.part_nodes)
        describe(work, server, nodes)
        endpoint = Endpoint(server.url, MODEL, KEY)
        assert model_answers.learn_pace(work.store, MODEL) == Pace(), "too few answers to learn from"
        server.read = server.written = 0
        describe(work, server, nodes, language="Swedish")
        server.read = server.written = 0
        finest = work.tree.cut(16)
        plan = plan_descriptions(work, finest, endpoint)
        describe_interests(work, plan, LanguageModel(endpoint).ask, cap=Cap())
    assert plan.estimate.tokens.read == pytest.approx(server.read, rel=0.1)
    assert plan.estimate.tokens.written == pytest.approx(server.written, rel=0.25)


def test_what_cannot_be_kept_is_told(work, monkeypatch):
    def full(*_, **__):
        raise DiskFull("no room")

    monkeypatch.setattr(model_answers, "save_answer", full)
    with LlmServer() as server, pytest.raises(DiskFull):
        describe(work, server)


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch):
    def settings(server, model=MODEL, key=KEY):
        for name, value in {"URL": server.url, "MODEL": model, "KEY": key}.items():
            monkeypatch.setenv(f"HIEREX_LLM_{name}", value)

    for name in ("HIEREX_LLM_URL", "HIEREX_LLM_MODEL", "HIEREX_LLM_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return settings


def cli(path, *more):
    return main(["describe", "--store", str(path), "--granularity", "8", *more])


def test_the_command_estimates_without_asking_then_describes(path, environment, capsys):
    with LlmServer() as server:
        environment(server)
        assert cli(path, "--estimate", "--json") == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["estimate"]["calls"] == 8
        assert "8 questions" in err
        assert not server.requests
        assert cli(path, "--cap", "2.00", "--json") == 0
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert (found["ended"], found["meter"]["described"]) == ("done", 8)
        assert "8 of 8 described" in err
        assert KEY not in out + err
        assert cli(path) == 0
        assert "Nothing to ask" in capsys.readouterr().err
        assert len(server.requests) == 8


def test_the_command_says_what_is_missing(path, environment, capsys, monkeypatch):
    assert cli(path) == 2
    assert "HIEREX_LLM_MODEL" in capsys.readouterr().err
    monkeypatch.setenv("HIEREX_LLM_MODEL", "gpt-4o-mini")
    assert cli(path) == 2
    assert "--cap" in capsys.readouterr().err
    assert cli(path, "--estimate") == 0
    assert "$0.0" in capsys.readouterr().err
    monkeypatch.setenv("HIEREX_LLM_MODEL", "nobody-knows")
    assert cli(path, "--estimate") == 0
    assert "not known" in capsys.readouterr().err
    assert cli(path, "--cap", "1") == 2
    assert "price" in capsys.readouterr().err


def test_the_command_ends_with_the_reason_when_the_key_is_wrong(path, environment, capsys):
    with LlmServer(answer=describe_well) as server:
        environment(server, key="sk-wrong-1")
        assert cli(path) == 2
    err = capsys.readouterr().err
    assert "does not accept the key" in err
    assert "sk-wrong-1" not in err


def test_prices_make_costs():
    assert Price(1.0, 10.0).of(Tokens(1_000_000, 100_000)) == pytest.approx(2.0)
    assert np.isclose(Price(0.15, 0.6).of(Tokens(1_000, 100)), 0.00021)
