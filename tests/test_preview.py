"""The Preview page's work without its screen: people, kept examples, what would be otherwise, and the report."""

import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pipeline import write_world
from test_text_tuning import take_whatever_is_learned

from hierex.config import PolicyConfig, RecommenderConfig, RunConfig, TransitionConfig
from hierex.errors import ConfigError, HierexError
from hierex.files.exports import safe_csv
from hierex.imports import import_logs
from hierex.kept import examples
from hierex.pipeline import run_pipeline
from hierex.preview.examples import place_examples
from hierex.preview.persons import (
    ITEMS_PER_INTEREST,
    Person,
    in_order,
    made_up_name,
    make_up,
    person_of,
    recommend_usual,
    serve_person,
)
from hierex.preview.report import Shown, report_frame, show_people, write_report
from hierex.preview.what_if import (
    NEW,
    PART,
    SAME,
    WHOLE,
    Foreseen,
    as_it_is,
    compare_foreseen,
    count_anew,
    count_gone,
    keeps_first,
    suppose_interests,
)
from hierex.result_keys import policy_depends
from hierex.serving import Served, serve_users
from hierex.store import open_store
from hierex.taxonomy import CurationEdit, cut_tree
from hierex.text_models import load_own, load_shared
from hierex.transition_table import predict_novel
from hierex.transitions import histories_of_items
from hierex.view.preview.before_after import Answer, answer, in_short
from hierex.view.preview.supposing import by_learned
from hierex.workspace import Workspace

CONFIG = RunConfig(granularity=10, recommender=RecommenderConfig(epochs=1, dimensions=16))
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preview")
    store = open_store(folder / "w.duckdb")
    import_logs(store, *write_world(folder / "logs"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def work(store):
    """With the encoder, which interests can be supposed for."""
    return run_pipeline(store, CONFIG)


@pytest.fixture(scope="module")
def counted(store, work):
    return run_pipeline(store, replace(CONFIG, policy=PolicyConfig(kind="counts")))


# -- people ------------------------------------------------------------------------------------------------------------


def test_a_person_has_the_history_that_the_log_gives(work):
    for user in range(20):
        person = person_of(work, user)
        assert person.history(work.taxonomy).tolist() == work.histories.of(user).tolist()


def test_one_person_is_served_as_among_many(work):
    users = np.arange(15)
    together = serve_users(work, users, top=4, items=3)
    for user in users:
        rows = np.flatnonzero(together.predictions.user == user)
        alone = serve_person(work, person_of(work, int(user)), top=4, items=3)
        assert alone.predictions.novel.tolist() == together.predictions.novel[rows].tolist()
        assert [i.tolist() for i in alone.grounded.items] == [together.grounded.items[r].tolist() for r in rows]


def test_a_made_up_person_has_the_most_consumed_items_of_the_chosen_interests(work):
    person = make_up(work, [3, 1], "somebody")
    assert person.history(work.taxonomy).tolist() == [3, 1]
    traffic = work.items["traffic"].to_numpy()
    for cluster in (3, 1):
        had = person.items[work.taxonomy.cluster_of_item[person.items] == cluster]
        assert len(had) == ITEMS_PER_INTEREST
        assert traffic[had].min() >= np.sort(traffic[work.taxonomy.items_of(cluster)])[-ITEMS_PER_INTEREST]
    served = serve_person(work, person, top=3, items=5)
    assert not set(served.predictions.novel) & {1, 3}
    assert not set(np.concatenate(served.grounded.items)) & set(person.items)


def test_who_has_nothing_or_everything_gets_nothing(work):
    nobody = Person("nobody", np.zeros(0, np.int32))
    everything = make_up(work, range(work.taxonomy.n_clusters), "everything")
    for person in (nobody, everything):
        assert not len(serve_person(work, person, top=3, items=3).predictions)
        assert not len(as_it_is(work).predict(person, top=3))


@given(st.lists(st.integers(0, 5)))
def test_distinct_labels_keep_their_order(labels):
    assert in_order(np.array(labels, int)).tolist() == list(dict.fromkeys(labels))


@pytest.mark.parametrize("k", [1, 3])
def test_predictions_start_from_one_interest_or_three_as_for_many(store, counted, k):
    work = run_pipeline(store, replace(counted.config, transition=TransitionConfig(k=k)))
    users = np.flatnonzero(np.diff(work.histories.starts) > 0)[:15]
    together = serve_users(work, users, top=3, items=2).predictions
    for user in users:
        person, rows = person_of(work, int(user)), together.user == user
        found = serve_person(work, person, top=3, items=2).predictions
        assert found.novel.tolist() == together.novel[rows].tolist()
        assert as_it_is(work).predict(person, top=3).novel.tolist() == found.novel.tolist()
        assert not len(found) or person.latest(work.taxonomy, k) == tuple(together.context[rows][0])


def with_hidden(work, clusters):
    """The workspace as if these interests had been hidden."""
    other = Workspace(work.store, work.config, work.keys)
    nodes = [int(node) for cluster in clusters for node in work.taxonomy.nodes_of(cluster)]
    edits = [CurationEdit(900_000_000 + place, "hide", (node,)) for place, node in enumerate(nodes)]
    other.built = work.shape(work.granularity, edits)
    return other


def test_who_has_only_hidden_items_starts_from_them_and_is_shown_none(work):
    hidden = with_hidden(work, [0, 1, 2])
    person = make_up(hidden, [0, 1], "somebody")
    assert person.history(hidden.taxonomy).tolist() == [0, 1]
    served = serve_person(hidden, person, top=10, items=5)
    assert set(served.predictions.novel.tolist()) == set(range(3, 10))
    shown = np.concatenate([*served.grounded.items, recommend_usual(hidden, person, top=len(work.items))])
    assert not hidden.taxonomy.hidden_items[shown].any()
    assert recommend_usual(work, person, top=len(work.items)).size > recommend_usual(hidden, person, top=500).size
    assert not len(serve_person(with_hidden(work, range(2, 10)), person, top=3, items=3).predictions)


@pytest.mark.parametrize("kind", ["ease", "popularity", "random"])
def test_items_are_found_in_the_chosen_way(store, work, kind):
    config = replace(CONFIG, policy=PolicyConfig(kind="counts"), recommender=replace(CONFIG.recommender, kind=kind))
    other = run_pipeline(store, config, until="recommenders")
    assert other.recommender.name == kind
    with pytest.raises(ConfigError, match="no recommender 'magic'"):
        RecommenderConfig(kind="magic")


# -- examples ----------------------------------------------------------------------------------------------------------


def test_examples_are_kept_deleted_and_brought_back(work):
    store, items = work.store, work.items["item_id"].to_numpy()
    made = make_up(work, [2, 5], "made")
    first = examples.save_example(store, " Anna ", work.user_ids[3], author="Ann")
    second = examples.save_example(store, HOSTILE, None, items[made.items].tolist())
    kept = examples.read_examples(store)
    people, missing = place_examples(work, kept)
    assert [example.name for example in kept] == ["Anna", HOSTILE]
    assert people[first].user == 3
    assert people[second].items.tolist() == made.items.tolist()
    assert people[second].name == made_up_name(HOSTILE), "nobody of the log has that id"
    assert not missing
    with pytest.raises(HierexError, match="already"):
        examples.save_example(store, "ANNA", work.user_ids[4])
    examples.set_example_deleted(store, first, True)
    other = examples.save_example(store, "anna", work.user_ids[4])
    with pytest.raises(HierexError, match="another 'anna'"):
        examples.set_example_deleted(store, first, False)
    examples.set_example_deleted(store, other, True)
    examples.set_example_deleted(store, first, False)
    assert [example.name for example in examples.read_examples(store)] == ["Anna", HOSTILE]
    gone = examples.save_example(store, "gone", "not in this log")
    assert [example.example_id for example in place_examples(work, examples.read_examples(store))[1]] == [gone]
    with pytest.raises(HierexError, match="characters"):
        examples.save_example(store, "  ", None)


# -- what if -----------------------------------------------------------------------------------------------------------


def test_as_it_is_answers_as_the_served_ones(work):
    now = as_it_is(work)
    for user in range(20):
        person = person_of(work, user)
        served = predict_novel(work.policy, work.table, work.histories, np.array([user]), top=4)
        found = now.predict(person, top=4)
        assert found.novel.tolist() == served.novel.tolist()
        np.testing.assert_allclose(found.score, served.score, rtol=1e-4)
        assert found.context.tolist() == served.context.tolist()


def test_the_same_interests_supposed_change_nothing(work):
    now, same = as_it_is(work), suppose_interests(work)
    for user in range(20):
        one, other = (side.predict(person_of(work, user), top=4) for side in (now, same))
        assert one.novel.tolist() == other.novel.tolist()
        np.testing.assert_allclose(one.score, other.score, rtol=1e-4)


def test_other_words_change_answers_and_nothing_is_kept(work):
    description = work.cluster_descriptions()[0]
    other = work.cluster_descriptions()[5]
    edited = replace(description, phrases=other.phrases[:3])
    supposed = suppose_interests(work, words={description.cluster_id: edited})
    people = [person_of(work, user) for user in range(40)]
    scores = [
        {int(c): float(s) for c, s in zip(found.novel, found.score, strict=True)}
        for side in (as_it_is(work), supposed)
        for found in [side.predict(people[0], top=9)]
    ]
    assert scores[0] != scores[1]
    assert work.cluster_descriptions()[0] == description


@pytest.mark.parametrize("number", [4, 9, 11, 20])
def test_another_number_gives_its_own_interests_and_nobody_gets_what_they_have(work, number):
    supposed = suppose_interests(work, granularity=number)
    assert supposed.taxonomy.n_clusters == number
    for user in range(20):
        person = person_of(work, user)
        found = supposed.predict(person, top=5)
        assert not set(found.novel) & set(person.history(supposed.taxonomy))
        assert (np.diff(found.score) <= 1e-6).all()
        assert found.score.sum() <= 1 + 1e-5


def test_a_merged_interest_is_as_likely_as_its_parts_together(work):
    parts = [3, 7]
    nodes = tuple(int(work.taxonomy.nodes_of(cluster)[0]) for cluster in parts)
    merged = suppose_interests(work, edits=[CurationEdit(900_000_000, "merge", nodes)])
    (target,) = set(merged.taxonomy.cluster_of_item[np.concatenate([work.taxonomy.items_of(c) for c in parts])])
    user = next(u for u in range(100) if len(work.histories.of(u)) and not set(parts) & set(work.histories.of(u)))
    apart = as_it_is(work).predict(person_of(work, user), top=10)
    together = merged.predict(person_of(work, user), top=10)
    score = dict(zip(apart.novel.tolist(), apart.score.tolist(), strict=True))
    found = dict(zip(together.novel.tolist(), together.score.tolist(), strict=True))
    assert found[target] == pytest.approx(score[3] + score[7], rel=1e-3)


def test_halves_of_a_split_share_what_the_whole_had(work):
    history = work.histories.of(0)
    whole = next(c for c in range(10) if c not in history and work.tree.dies[work.taxonomy.cluster_ids[c]] <= 60)
    node = int(work.taxonomy.cluster_ids[whole])
    split = suppose_interests(work, edits=[CurationEdit(900_000_000, "split", (node,))])
    halves = set(split.taxonomy.cluster_of_item[work.taxonomy.items_of(whole)])
    assert len(halves) == 2
    found = split.predict(person_of(work, 0), top=11)
    assert halves <= set(found.novel.tolist())
    of_part = split.cluster_of_part
    people = histories_of_items(work.interactions, split.part_of_item, len(of_part)).before(work.split).cluster
    reached = np.bincount(people, minlength=len(of_part))[np.isin(of_part, [*halves])] + 0.5
    assert reached[0] != reached[1]
    shares = np.exp(split.policy.parts.log_share[np.isin(of_part, [*halves])])
    np.testing.assert_allclose(shares, reached / reached.sum(), rtol=1e-5)


@pytest.fixture(scope="module")
def tuned(store, work):
    """The same with a text model that learned a little."""
    with pytest.MonkeyPatch.context() as patch:
        take_whatever_is_learned(patch)
        policy = replace(CONFIG.policy, tune_text=True)
        return run_pipeline(store, replace(CONFIG, policy=policy), until="policies")


def test_supposed_words_are_read_by_the_text_model_that_learned(work, tuned):
    description = tuned.cluster_descriptions()[0]
    edited = replace(description, phrases=("trumpets", "brass bands"))
    supposed = suppose_interests(tuned, words={description.cluster_id: edited})
    words, contexts = [edited.text(), *tuned.words()[1:]], np.array([[0, 1], [2, 3]])
    itself = np.arange(10), np.ones(10)
    learned = tuned.learned_policy
    expected = learned.with_interests(learned.changes.read(words, reader=CONFIG.embedding), *itself).score(contexts)
    np.testing.assert_allclose(supposed.policy.score(contexts), expected, atol=1e-4)
    unchanged = learned.with_interests(work.read_words(words), *itself).score(contexts)
    assert np.abs(np.exp(unchanged) - np.exp(expected)).max() > 1e-4


def test_a_text_model_that_learned_leaves_items_and_other_readings_as_they_are(work, tuned):
    assert {stage for stage in work.keys if work.keys[stage] != tuned.keys.get(stage)} == {
        *("policies", "learned_policy", "transition_table", "recommenders", "grounding", "evaluation")
    }
    words = work.words()
    plain, learned = work.read_words(words), tuned.read_words(words, policy=tuned.learned_policy)
    assert np.abs(plain - learned).max() > 1e-3
    np.testing.assert_array_equal(tuned.read_words(words), plain)
    np.testing.assert_array_equal(tuned.read_words(words, policy=tuned.learned_policy), learned)
    shared = load_shared(CONFIG.embedding)
    untouched = load_own(CONFIG.embedding).to(shared.dtype).state_dict()
    assert all(torch.equal(weights, untouched[name]) for name, weights in shared.state_dict().items())


def test_only_a_text_model_that_learns_makes_another_policy(store, work):
    def key(**choices) -> list:
        config = replace(CONFIG, policy=replace(CONFIG.policy, **choices))
        return policy_depends(Workspace(store, config, work.keys), work.words())

    assert key(tune_text=True) != key()
    assert key(kind="counts", tune_text=True) == key(kind="counts")
    assert "tune_text" not in key()[2]


def test_a_language_model_is_another_one_when_something_else_is_hidden(store, work):
    def key(kind: str, hidden: list[int]) -> list:
        there = Workspace(store, replace(CONFIG, policy=PolicyConfig(kind=kind)), work.keys)
        hidden_items = np.isin(work.taxonomy.cluster_of_item, hidden)
        there.built = replace(work.built, taxonomy=replace(work.taxonomy, hidden_items=hidden_items))
        return policy_depends(there, work.words())

    assert key("causal", []) == key("causal", [])
    assert key("causal", []) != key("causal", [1]) != key("causal", [2])
    assert key("encoder", [1]) == key("encoder", [])


def test_counts_are_counted_anew(counted):
    supposed = suppose_interests(counted, granularity=14)
    assert supposed.policy.name == "counts"
    assert supposed.policy.n_clusters == 14
    assert count_anew(counted, "ease").n_clusters == 10
    with pytest.raises(ConfigError):
        suppose_interests(counted, granularity=1)
    with pytest.raises(HierexError):
        suppose_interests(counted, edits=[CurationEdit(900_000_000, "merge", (int(counted.taxonomy.cluster_ids[0]),))])


def foreseen(work, taxonomy, novel, tree_key="t"):
    predictions = as_it_is(work).predict(person_of(work, 0), top=len(novel))
    chosen = replace(predictions, novel=np.array(novel, np.int32))
    return Foreseen(Served(chosen, None), taxonomy, [f"n{c}" for c in range(taxonomy.n_clusters)], tree_key)


def test_changes_are_told_by_what_interests_hold(work):
    before = foreseen(work, work.taxonomy, [2, 3])
    finer = suppose_interests(work, granularity=30).taxonomy
    inside = int(finer.cluster_of_item[work.taxonomy.items_of(2)[0]])
    outside = int(finer.cluster_of_item[work.taxonomy.items_of(5)[0]])
    same_id = finer.cluster_ids[inside] == work.taxonomy.cluster_ids[2]
    changes = compare_foreseen(before, foreseen(work, finer, [inside, outside]))["change"].tolist()
    assert changes == [SAME if same_id else PART, NEW]
    nodes = tuple(int(work.taxonomy.nodes_of(cluster)[0]) for cluster in (2, 5))
    merged = suppose_interests(work, edits=[CurationEdit(900_000_000, "merge", nodes)]).taxonomy
    holds = int(merged.cluster_of_item[work.taxonomy.items_of(2)[0]])
    assert compare_foreseen(before, foreseen(work, merged, [holds]))["change"].tolist() == [WHOLE, ""]
    both = compare_foreseen(foreseen(work, work.taxonomy, [2, 5]), foreseen(work, merged, [holds]))
    assert both["change"].tolist() == [WHOLE, ""], "of two that were suggested"


def test_the_same_order_with_other_likelihoods_is_not_said_to_change_nothing(work):
    before = foreseen(work, work.taxonomy, [2, 3])
    same, likelier = (foreseen(work, work.taxonomy, [2, 3]) for _ in range(2))
    moved = likelier.served.predictions.score + np.float32([0.12, 0])
    likelier = replace(
        likelier, served=replace(likelier.served, predictions=replace(likelier.served.predictions, score=moved))
    )
    answers = [Answer(compare_foreseen(before, after), 0, True, 4, 0, ("", "")) for after in (same, likelier)]
    assert [(one.alike, one.nothing_changes) for one in answers] == [(True, True), (True, False)]
    assert answers[1].shift == pytest.approx(0.12)
    assert in_short(answers[:1]).startswith("Nothing would change for 1 person")
    assert "by **12.0 points** at most" in in_short(answers)


def test_ids_of_another_tree_say_nothing_and_equal_items_are_the_same(work):
    one, other = cut_tree(work.grown_tree, 10), cut_tree(work.grown_tree, 11)
    kept = [c for c in range(10) if one.cluster_ids[c] in other.cluster_ids]
    same = [int(other.cluster_of_item[one.items_of(cluster)[0]]) for cluster in kept[:2]]
    before = foreseen(work, one, kept[:1])
    assert compare_foreseen(before, foreseen(work, other, same, "another tree"))["change"].tolist() == [SAME, NEW]
    moved = replace(one, cluster_ids=np.roll(one.cluster_ids, 1))
    place = int(np.flatnonzero(moved.cluster_ids == one.cluster_ids[kept[0]])[0])
    change = [compare_foreseen(before, foreseen(work, moved, [place], key))["change"][0] for key in ("t", "another")]
    assert change == [SAME, NEW]


def test_what_is_gone_and_whether_the_first_stays_is_told(work):
    before = foreseen(work, work.taxonomy, [2, 3, 4])
    for novel, gone, first in (([2, 3, 4], 0, True), ([3, 2], 1, False), ([7, 8, 9], 3, False), ([2, 9], 2, True)):
        after = foreseen(work, work.taxonomy, novel)
        assert (count_gone(before, after), keeps_first(before, after)) == (gone, first)
    nodes = tuple(int(work.taxonomy.nodes_of(cluster)[0]) for cluster in (2, 5))
    merged = suppose_interests(work, edits=[CurationEdit(900_000_000, "merge", nodes)]).taxonomy
    after = foreseen(work, merged, [int(merged.cluster_of_item[work.taxonomy.items_of(2)[0]])])
    assert (count_gone(before, after), keeps_first(before, after)) == (2, False), "one is held by what is merged"
    nothing = replace(after, served=Served(as_it_is(work).predict(Person("", np.zeros(0, np.int32)), top=3), None))
    assert (count_gone(before, nothing), keeps_first(before, nothing)) == (3, False)
    assert (count_gone(nothing, before), keeps_first(nothing, before)) == (0, True)


def test_weights_are_not_told_as_likelihoods(work):
    before = by_learned(work, as_it_is(work))(person_of(work, 0))
    ordered = replace(before, policy=f"{before.policy}+aligned")
    titles = work.items["title"].to_numpy()
    assert "likely_after" in answer(before, before, titles).table
    for pair in ((before, ordered), (ordered, before), (ordered, ordered)):
        found = answer(*pair, titles)
        assert "likely_after" not in found.table
        assert found.nothing_changes


@pytest.mark.parametrize("granularity", [2, 6, 20])
def test_the_summary_accounts_for_every_suggestion(work, granularity):
    now, then = as_it_is(work), suppose_interests(work, granularity=granularity)
    sides = [by_learned(work, side) for side in (now, then)]
    titles = work.items["title"].to_numpy()
    pairs = [[side(person_of(work, user)) for side in sides] for user in range(6)]
    text = in_short([answer(*pair, titles) for pair in pairs])
    n_now, n_then = (sum(len(pair[side].novel) for pair in pairs) for side in (0, 1))
    assert n_now > 0
    if not n_then:
        assert f"all **{n_now}** suggestions of now would be gone" in text
        return
    first, second, third = text.split(". ")[:3]
    assert first.startswith(f"Of {n_then} suggestions to 6 people")
    assert sum(map(int, re.findall(r"\*\*(\d+)\*\*", first))) == n_then
    gone = sum(count_gone(*pair) for pair in pairs)
    assert second == f"Of the {n_now} of now, **{gone}** would be gone"
    assert f"**{sum(not keeps_first(*pair) for pair in pairs)}** of them" in third


# -- the report --------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(name=st.text(min_size=1, max_size=30))
def test_the_report_holds_names_as_text_and_loads_nothing(name):
    shown = [Shown(name, ["a", name], [name], [(name, HOSTILE, 0.5, [HOSTILE, name])], [name])]
    said = [[name, HOSTILE, "liked", HOSTILE, name]]
    text = write_report(name, [HOSTILE, name], shown, datetime(2026, 1, 2), said=said)
    assert "What reviewers said" in text
    assert HOSTILE not in text
    assert "<script" not in text.replace("&lt;script", "")
    assert "http://" not in text.replace(name, "")
    assert "https://" not in text.replace(name, "")


def test_the_report_says_what_is_served(work):
    people = {"Anna": person_of(work, 1), "Nobody": Person("nobody", np.zeros(0, np.int32))}
    names = [f"interest {place}" for place in range(work.taxonomy.n_clusters)]
    shown = show_people(work, people, names)
    served = serve_person(work, people["Anna"], top=5, items=5)
    assert [name for name, *_ in shown[0].novel] == [names[c] for c in served.predictions.novel]
    frame = report_frame(shown)
    assert frame["person"].tolist() == ["Anna"] * sum(map(len, served.grounded.items)) + ["Nobody"]
    text = write_report("Report", [], shown, datetime(2026, 1, 2))
    assert "There is nothing new to suggest." in text
    assert "Anna" in text


def test_the_table_has_who_gets_nothing_new_and_interests_without_an_item():
    shown = [
        Shown("Anna", ["a"], ["a"], [("b", "", 0.5, ["one", "two"]), ("c", "", 0.25, [])], []),
        Shown("Ben", ["a"], [], [], []),
    ]
    lines = safe_csv(report_frame(shown)).decode("utf-8-sig").splitlines()[1:]
    assert lines == ["Anna,a,1,b,0.5,1,one", "Anna,a,1,b,0.5,2,two", "Anna,a,2,c,0.25,,", "Ben,,,,,,"]
    assert not len(report_frame([]))


def test_the_report_has_what_reviewers_said_and_nothing_where_they_said_nothing():
    facts, when = ["13 interests.", "Items that fit."], datetime(2026, 1, 2)
    assert "What reviewers said" not in write_report("Report", facts, [], when)
    said = [["Anna", "Bread", "liked", "she bakes", "Ben"], ["Cy", "Trains", "not liked", "", "Ann"]]
    text = write_report("Report", facts, [], when, said=said)
    rows = re.findall("<tr>(.*?)</tr>", text.partition("What reviewers said")[2])[1:]
    assert [re.findall("<td>(.*?)</td>", row) for row in rows] == said
    assert "<br>".join([*facts, "Made on 2 Jan 2026, 00:00 UTC."]) in text
