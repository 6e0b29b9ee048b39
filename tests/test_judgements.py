"""Blind comparisons: what is kept and taken back, what it teaches, and that nothing gives a side away."""

import io
import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opened_app import open_script
from small_worlds import OWN_VECTORS, import_with_vectors, quick_builds

from hierex.config import PolicyConfig, RunConfig
from hierex.errors import HierexError
from hierex.files.exports import safe_csv
from hierex.kept.examples import read_examples, save_example, set_example_deleted
from hierex.kept.feedback import Lesson, place_outcomes, read_all_thumbs, read_batches, read_thumbs, save_thumb
from hierex.kept.item_thumbs import read_all_item_thumbs, read_item_thumbs, save_item_thumb
from hierex.kept.judgements import (
    ALIKE,
    FIRST,
    NEITHER,
    SECOND,
    WINNERS,
    has_seen,
    left_is_first,
    read_comparisons,
    read_judgements,
    reveal,
    save_judgement,
    set_judgement_undone,
)
from hierex.kept.reviewers import Subject, Thumb, reviewer_key
from hierex.kept.runs import config_of
from hierex.pipeline import run_pipeline
from hierex.preview import blind_sides, comparisons
from hierex.preview.blind_sides import lessons_of, people_to_judge, show_side
from hierex.preview.comparisons import find_sides, start_comparison
from hierex.preview.examples import place_examples
from hierex.preview.judged import judged_frame
from hierex.preview.persons import make_up
from hierex.releases import list_candidates
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.workspace import Workspace

COARSE, FINE = 13, 37
CONFIG = RunConfig(
    granularity=COARSE,
    embedding=OWN_VECTORS,
    policy=PolicyConfig(kind="counts"),
)
HOSTILE = "=HYPERLINK(1) <script>alert(1)</script> **b** '; DROP TABLE judgements; --"
METHODS = ["ount", "ncoder", "earned", "EASE", "olicy", "chance"]
"""Parts of what methods are called on screen."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A store with two builds, coarse and fine, and the workspace of the later one. No text model is needed."""
    folder = tmp_path_factory.mktemp("judgements")
    world = make_world(n_items=160, n_users=80, n_interactions=1_600, seed=3)
    store = open_store(folder / "w.duckdb")
    import_with_vectors(store, folder, world)
    with quick_builds():
        run_pipeline(store, CONFIG)
        yield store, run_pipeline(store, replace(CONFIG, granularity=FINE))
    store.close()


@pytest.fixture
def work(built):
    store, work = built
    tables = ("feedback", "examples", "comparisons", "reveals", "judgements", "item_thumbs")
    with store.transaction() as writer:
        for table in tables:
            writer.execute(f"DELETE FROM {table}")
    return work


def compare(work, author="Ann"):
    """The comparison of the two builds, and the workspaces of its sides."""
    fine, coarse = list_candidates(work.store)
    start_comparison(work.store, fine, coarse, author=author)
    (comparison,) = read_comparisons(work.store)
    runs = find_sides(work.store, comparison)
    return comparison, [Workspace(work.store, config_of(run.config), dict(run.keys)) for run in runs]


def in_force(store):
    rows = "SELECT * EXCLUDE given_at FROM feedback WHERE NOT undone ORDER BY batch, novel_cluster_id"
    return store.table(rows).to_pylist()


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_the_same_two_builds_are_one_comparison_whoever_asks_and_however_often_they_are_built(work):
    comparison, _ = compare(work)
    run_pipeline(work.store, CONFIG)
    again = list_candidates(work.store)
    assert start_comparison(work.store, again[1], again[0], author="Ben") == comparison.comparison_id
    assert read_comparisons(work.store) == [comparison]
    first, second = find_sides(work.store, comparison)
    assert [side.keys["taxonomy"].split(":")[0] for side in (first, second)] == [str(COARSE), str(FINE)]


def test_a_comparison_takes_a_name_and_two_different_builds_that_are_there(work):
    fine, coarse = list_candidates(work.store)
    with pytest.raises(HierexError, match="name"):
        start_comparison(work.store, fine, coarse, author=" ")
    with pytest.raises(HierexError, match="same build"):
        start_comparison(work.store, fine, fine, author="Ann")
    with pytest.raises(HierexError, match="forgotten"):
        start_comparison(work.store, fine, replace(coarse, kept=False), author="Ann")
    assert read_comparisons(work.store) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"author": " "}, "type your name"),
        ({"reason": "x" * 501}, "at most 500"),
        ({"winner": "both"}, "Say which"),
    ],
)
def test_a_judgement_that_cannot_be_kept_says_why(work, said, reason):
    with pytest.raises(HierexError, match=reason):
        save_judgement(work.store, 1, Subject("u", None), **{"winner": FIRST, "author": "Ann"} | said)
    assert read_judgements(work.store, 1) == []


SUBJECTS = [Subject("u1", None), Subject("u2", None), Subject(None, 1), Subject("1", None)]
ACTS = st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(["Ann", "Ben"]), st.sampled_from(WINNERS))


def act(store, subject, author, winner):
    lessons = [] if winner == ALIKE else [Lesson((1, 2), 3, winner == FIRST), Lesson((2, 1), 4, winner == SECOND)]
    said = {"author": author, "reason": winner, "tree_key": "t", "lessons": lessons, "name": "u"}
    return save_judgement(store, 1, subject, winner, **said)


@settings(max_examples=12, deadline=None)
@given(st.lists(ACTS, max_size=5), ACTS)
def test_taking_back_is_identity_and_bringing_back_too(built, earlier, last):
    store, _ = built
    with store.transaction() as writer:
        writer.execute("DELETE FROM judgements")
        writer.execute("DELETE FROM feedback")
    for one in earlier:
        act(store, *one)
    before = read_judgements(store, 1), in_force(store)
    made = act(store, *last)
    after = read_judgements(store, 1), in_force(store)
    said = {(one.subject, one.author): one.winner for one in after[0]}
    assert said == {one[:2]: one[2] for one in [*earlier, last]}
    assert sum(row["shown"] for row in after[1]) == sum(2 * (winner != ALIKE) for winner in said.values())
    set_judgement_undone(store, made, True)
    assert (read_judgements(store, 1), in_force(store)) == before
    set_judgement_undone(store, made, False)
    assert (read_judgements(store, 1), in_force(store)) == after


def test_what_is_judged_after_the_results_were_seen_is_not_blind(work):
    save_judgement(work.store, 1, SUBJECTS[0], FIRST, author="Ann")
    assert not has_seen(work.store, 1, "Ann")
    reveal(work.store, 1, author="Ann")
    reveal(work.store, 1, author="Ann")
    for author in ("Ann", "Ben"):
        save_judgement(work.store, 1, SUBJECTS[1], FIRST, author=author)
    assert [one.blind for one in read_judgements(work.store, 1)] == [True, False, True]
    assert (has_seen(work.store, 1, " Ann "), has_seen(work.store, 1, "Ben"), has_seen(work.store, 2, "Ann")) == (
        True,
        False,
        False,
    )
    with pytest.raises(HierexError, match="name"):
        reveal(work.store, 1, author="")


def test_what_was_judged_blind_stays_once_its_author_has_seen_the_results(work):
    """Neither another answer nor taking it back changes the results then."""
    said = [act(work.store, subject, "Ann", winner) for subject, winner in zip(SUBJECTS, WINNERS, strict=True)]
    act(work.store, SUBJECTS[0], "Ann", SECOND)
    blind = [one for one in read_judgements(work.store, 1) if one.blind]
    assert [one.winner for one in blind] == [*WINNERS[1:], SECOND]
    reveal(work.store, 1, author=" ann")
    for subject in SUBJECTS:
        again = act(work.store, subject, "ANN", FIRST)
    assert [one for one in read_judgements(work.store, 1) if one.blind] == blind
    assert [one.winner for one in read_judgements(work.store, 1) if not one.blind] == [FIRST] * len(SUBJECTS)
    for undone in (True, False):
        with pytest.raises(HierexError, match="seen the results"):
            set_judgement_undone(work.store, said[1], undone)
    set_judgement_undone(work.store, again, True)
    assert [one for one in read_judgements(work.store, 1) if one.blind] == blind
    assert len(read_judgements(work.store, 1)) == 2 * len(SUBJECTS) - 1


@pytest.mark.parametrize(
    ("first", "second"), [("Ann", "  ann "), ("Zo\u00e9", "ZOE\u0301"), ("Weiß", "WEISS"), ("Νίκος", "ΝΊΚΟΣ")]
)
def test_a_reviewer_is_the_same_however_they_write_their_name(work, first, second):
    act(work.store, SUBJECTS[0], first, FIRST)
    act(work.store, SUBJECTS[0], second, SECOND)
    (said,) = read_judgements(work.store, 1)
    assert (said.winner, said.reviewer) == (SECOND, reviewer_key(first))
    assert {row["reason"] for row in in_force(work.store)} == {SECOND}, "what it teaches"
    assert [left_is_first(1, one, first) for one in SUBJECTS] == [left_is_first(1, one, second) for one in SUBJECTS]
    reveal(work.store, 1, author=first)
    assert has_seen(work.store, 1, second)
    assert not has_seen(work.store, 1, f"{first} Smith")
    act(work.store, SUBJECTS[1], second, FIRST)
    assert not read_judgements(work.store, 1)[-1].blind
    for author, liked in ((first, True), (second, False)):
        save_item_thumb(work.store, "i1", Subject("u1", None), liked=liked, author=author)
        save_thumb(work.store, "t", [1, 2], 3, liked=liked, author=author, user_id="u1")
        for reader in (first, second):
            assert read_item_thumbs(work.store, reader, Subject("u1", None))["i1"].liked == liked
            assert read_thumbs(work.store, "t", [1, 2], reader, "u1")[3].liked == liked
    assert len(read_all_item_thumbs(work.store)) == len(read_all_thumbs(work.store)) == 1


# -- whom, and left or right -------------------------------------------------------------------------------------------


def test_left_and_right_are_tossed_evenly_and_stay():
    subjects = [Subject(f"u{place}", None) for place in range(1_000)]
    tossed = np.array([[left_is_first(1, one, author) for one in subjects] for author in ("Ann", "Ben")])
    assert tossed.tolist() == [[left_is_first(1, one, author) for one in subjects] for author in ("Ann", " Ben ")]
    assert np.abs(tossed.mean(axis=1) - 0.5).max() < 0.05, "three standard errors of 1,000 tosses"
    assert abs((tossed[0] == tossed[1]).mean() - 0.5) < 0.05, "of each reviewer apart"
    other = [left_is_first(2, one, "Ann") for one in subjects]
    assert abs((tossed[0] == other).mean() - 0.5) < 0.05, "of each comparison too"
    alike = zip(subjects, [Subject(None, place) for place in range(1_000)], strict=True)
    assert any(left_is_first(1, one, "Ann") != left_is_first(1, made_up, "Ann") for one, made_up in alike)


def test_examples_come_first_and_everybody_judges_the_same_people_once(work, monkeypatch):
    monkeypatch.setattr(blind_sides, "MOST_DRAWN", 20)
    drawn = people_to_judge(work, 1)
    made_up = make_up(work, [0, 3], "Cy")
    items = work.items["item_id"].to_numpy()[made_up.items].tolist()
    kept = save_example(work.store, "Cy", None, items)
    save_example(work.store, "known", drawn[5].subject.user_id)
    gone = save_example(work.store, "gone", work.user_ids[0])
    set_example_deleted(work.store, gone, True)
    save_example(work.store, "elsewhere", "nobody of these logs")
    people = people_to_judge(work, 1)
    assert [judged.name for judged in people[:2]] == ["Cy", "known"]
    assert people[0].subject == Subject(None, kept)
    assert len(people) == len({judged.subject for judged in people}) == 22
    assert [one.subject for one in people[2:21]] == [one.subject for i, one in enumerate(drawn) if i != 5]
    assert [one.subject for one in people_to_judge(work, 2)[2:]] != [one.subject for one in people[2:]]
    assert all(len(judged.person.items) for judged in people)


# -- what it teaches ---------------------------------------------------------------------------------------------------


def first_that_differs(work, sides):
    for judged in people_to_judge(work, 1):
        shown = tuple(show_side(side, judged.person) for side in sides)
        if lessons_of(shown, (sides[0].taxonomy, sides[1].taxonomy), FIRST):
            return judged, shown
    raise AssertionError("both builds show everybody the same")


def test_interests_that_only_one_side_shows_are_liked_where_it_won(work):
    _, sides = compare(work)
    taxonomies = sides[0].taxonomy, sides[1].taxonomy
    _, shown = first_that_differs(work, sides)
    lessons = lessons_of(shown, taxonomies, FIRST)
    of_coarse = {lesson.novel for lesson in lessons if lesson.context == shown[0].context and lesson.liked}
    of_fine = {lesson.novel for lesson in lessons if not lesson.liked}
    assert of_coarse <= set(shown[0].novel)
    assert of_fine <= set(shown[1].novel)
    held = [
        {item for place in np.flatnonzero(np.isin(t.cluster_ids, side.novel)) for item in t.items_of(place).tolist()}
        for t, side in zip(taxonomies, shown, strict=True)
    ]
    for taxonomy, side, alone, others in zip(taxonomies, shown, (of_coarse, of_fine), held[::-1], strict=True):
        for novel in side.novel:
            items = taxonomy.items_of(np.flatnonzero(taxonomy.cluster_ids == novel)[0])
            assert (novel in alone) == (not others & set(items.tolist()))
    turned = lessons_of(shown, taxonomies, SECOND)
    assert [lesson.liked for lesson in turned] == [not lesson.liked for lesson in lessons]
    assert not any(lesson.liked for lesson in lessons_of(shown, taxonomies, NEITHER))
    assert lessons_of(shown, taxonomies, ALIKE) == []
    assert lessons_of(shown[:1] * 2, taxonomies[:1] * 2, FIRST) == [], "what both show"


def test_a_judgement_counts_in_what_people_liked_until_it_is_taken_back(work):
    comparison, sides = compare(work)
    judged, shown = first_that_differs(work, sides)
    lessons = lessons_of(shown, (sides[0].taxonomy, sides[1].taxonomy), SECOND)
    said = {"author": "Ann", "tree_key": work.tree_key, "lessons": lessons, "name": judged.person.name}
    made = save_judgement(work.store, comparison.comparison_id, judged.subject, SECOND, **said)
    (batch,) = read_batches(work.store)
    liked = sum(lesson.liked for lesson in lessons)
    assert (batch.source, batch.author, batch.n, batch.liked) == ("blind", "Ann", len(lessons), liked)
    outcomes, elsewhere = place_outcomes(work.store, work.tree_key, work.tree, work.taxonomy)
    assert outcomes.positive.sum() == liked > 0
    assert outcomes.n.sum() + elsewhere == len(lessons), "the coarse side's interests may hold several of these"
    set_judgement_undone(work.store, made, True)
    assert read_batches(work.store) == []
    assert not len(place_outcomes(work.store, work.tree_key, work.tree, work.taxonomy)[0])


# -- thumbs on items, and the file -------------------------------------------------------------------------------------


def test_a_thumb_on_an_item_is_kept_replaced_and_taken_back(work):
    save_item_thumb(work.store, "i1", Subject("u1", None), liked=True, author="Ann", reason=HOSTILE)
    save_item_thumb(work.store, "i1", Subject("u1", None), liked=False, author="Ben")
    assert read_item_thumbs(work.store, "Ann", Subject("u1", None)) == {"i1": Thumb(True, HOSTILE)}
    save_item_thumb(work.store, "i1", Subject("u1", None), liked=False, author=" Ann")
    assert read_item_thumbs(work.store, "Ann", Subject("u1", None)) == {"i1": Thumb(False, "")}
    save_item_thumb(work.store, "i1", Subject("u1", None), liked=None, author="Ann")
    assert read_item_thumbs(work.store, "Ann", Subject("u1", None)) == {}
    assert read_item_thumbs(work.store, "Ben", Subject("u1", None)) == {"i1": Thumb(False, "")}
    with pytest.raises(HierexError, match="at most 500"):
        save_item_thumb(work.store, "i1", Subject("u1", None), liked=True, author="Ann", reason="x" * 501)


def test_a_thumb_on_an_item_does_not_pass_to_another_made_up_person_of_the_same_name(work):
    item = work.items["item_id"].iloc[0]
    first = save_example(work.store, "Cy", None, [item])
    before = place_examples(work, read_examples(work.store))[0][first]
    save_item_thumb(work.store, item, before.subject, liked=True, author="Ann")
    set_example_deleted(work.store, first, True)
    second = save_example(work.store, "Cy", None, [item])
    after = place_examples(work, read_examples(work.store))[0][second]
    assert before.name == after.name == "Cy (made up)"
    assert read_item_thumbs(work.store, "Ann", before.subject) == {item: Thumb(True, "")}
    assert read_item_thumbs(work.store, "Ann", after.subject) == {}
    assert read_item_thumbs(work.store, "Ann", Subject("Cy (made up)", None)) == {}, "one of the log"
    assert judged_frame(work, str)["person"].tolist() == ["Cy (made up)"]


def test_all_that_was_judged_is_one_table_that_no_spreadsheet_runs(work):
    comparison, _ = compare(work)
    ids, item = work.taxonomy.cluster_ids.tolist(), work.items["item_id"].iloc[0]
    save_thumb(work.store, work.tree_key, ids[:2], ids[2], liked=True, author="Ann", user_id="u1", reason=HOSTILE)
    save_thumb(work.store, "another tree", ids[:2], ids[2], liked=False, author="Ann", user_id="u1")
    save_item_thumb(work.store, item, Subject("u1", None), liked=False, author=HOSTILE)
    save_item_thumb(work.store, "gone", Subject("u1", None), liked=False, author="Ben")
    kept = save_example(work.store, "=Cy", None, [item])
    save_judgement(work.store, comparison.comparison_id, Subject(None, kept), SECOND, author="Ben", reason="=1+1")
    save_judgement(work.store, comparison.comparison_id, Subject("u1", None), NEITHER, author="Ben")
    names = {comparison.first_run: "the coarse one", comparison.second_run: "the fine one"}
    reveal(work.store, comparison.comparison_id, author="Ann")
    frame = judged_frame(work, names.__getitem__, reader="Ann")
    described = [description.name for description in work.cluster_descriptions()]
    assert frame["judged"].tolist() == ["prediction"] * 2 + ["item"] * 2 + ["comparison"] * 2
    assert frame["what"].tolist()[:3] == [
        described[2],
        "not in this tree of interests any more",
        work.items["title"][0],
    ]
    assert frame["starts_from"][0] == f"{described[0]} → {described[1]}"
    assert frame["said"].tolist() == [
        "liked",
        "not liked",
        "not liked",
        "not liked",
        "the fine one",
        "neither is any good",
    ]
    assert frame["person"].tolist()[-2:] == ["=Cy (made up)", "u1"]
    left = left_is_first(comparison.comparison_id, Subject(None, kept), "Ben")
    assert frame["on_the_left"].iloc[-2] == ("the coarse one" if left else "the fine one")
    for cell in pd.read_csv(io.BytesIO(safe_csv(frame)), dtype=str).to_numpy().ravel():
        assert not str(cell).startswith(("=", "+", "@"))


@pytest.mark.parametrize("reader", ["", "Ben", HOSTILE])
def test_who_has_not_seen_the_results_is_not_told_the_sides(work, reader):
    comparison, _ = compare(work)
    of, every = comparison.comparison_id, [Subject(f"u{n}", None) for n in range(8)]
    for subject in every:
        save_judgement(work.store, of, subject, FIRST, author="Ben")
    reveal(work.store, of, author="Ann")
    frame = judged_frame(work, lambda run_id: f"build {run_id}", reader=reader)
    assert "build" not in frame.drop(columns="what").to_csv()
    assert len(set(frame["what"])) == 1
    assert not frame["on_the_left"].any()
    seen = ["the left one" if left_is_first(of, subject, "Ben") else "the right one" for subject in every]
    assert frame["said"].tolist() == seen
    told = judged_frame(work, lambda run_id: f"build {run_id}", reader="Ann")
    assert set(told["said"]) == {f"build {comparison.first_run}"}


def test_where_nothing_was_judged_the_table_is_empty(work):
    assert not len(judged_frame(work, str))


# -- the screen --------------------------------------------------------------------------------------------------------


def script():
    import streamlit as st

    from hierex.view.opened import show_messages
    from hierex.view.preview.blind import blind_comparison

    blind_comparison(st.session_state["work"])
    show_messages()


def open_screen(work, author=""):
    return open_script(script, work=work, author=author)


def on_screen(app):
    """All text, the labels of buttons and what can be chosen."""
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.success, *app.error, *app.subheader]
    buttons = [button.label for button in [*app.button, *app.text_input]]
    options = [option for box in app.selectbox for option in box.options]
    tables = [table.value.to_string() for table in app.dataframe]
    return "\n".join([*(str(part.value) for part in parts), *buttons, *options, *tables])


def press(app, key):
    app.button(key=key).click().run()
    assert not app.exception, app.exception


def start(work, author="Ann"):
    app = open_screen(work, author)
    press(app, "start_comparison")
    return app


def test_two_reviewers_judge_the_same_people_blind_and_the_results_name_the_sides(work):
    app = open_screen(work)
    assert app.button(key="start_comparison").disabled, "without a name"
    app.text_input(key="author").set_value("Ann").run()
    assert f"{COARSE} interests" in on_screen(app), "whoever sets it up chooses by name"
    press(app, "start_comparison")
    (comparison,) = read_comparisons(work.store)
    for author, sides in (("Ann", ["say-the left one"] * 3), ("Ben", ["say-the right one", "say-both alike"])):
        app = open_screen(work, author)
        for side in sides:
            press(app, side)
    said = read_judgements(work.store, comparison.comparison_id)
    of_ann = [one for one in said if one.author == "Ann"]
    of_ben = [one for one in said if one.author == "Ben"]
    assert [one.subject for one in of_ben] == [one.subject for one in of_ann[:2]], "the same people in the same order"
    assert all(one.winner == (FIRST if one.left_is_first else SECOND) for one in of_ann)
    assert of_ben[0].winner == (SECOND if of_ben[0].left_is_first else FIRST)
    assert of_ben[1].winner == ALIKE
    assert all(one.blind for one in said)
    press(app, "show_results")
    text = on_screen(app)
    assert f"{COARSE} interests" in text
    assert f"{FINE} interests" in text
    assert "Too few to say" in text
    assert "2 people judged by several reviewers" in text
    assert "5 judgements of 3 people by 2 reviewers" in text
    assert "not blind" in text
    press(app, "say-both alike")
    assert not read_judgements(work.store, comparison.comparison_id)[-1].blind
    assert "1 of 6 judgements left out" in on_screen(app)
    assert "Show results" in on_screen(open_screen(work, "Ann")), "another reviewer has not seen them"


def test_nothing_on_the_screen_gives_a_side_away_before_the_results(work):
    """Not what builds are called, not how many interests they have, not the probabilities of their answers."""
    app = start(work)
    numbers = rf"\b({COARSE}|{FINE})\b|%|\d\.\d|\d interests"
    titles = sorted(map(re.escape, work.items["title"]), key=len, reverse=True)
    for place in range(4):
        words = on_screen(app).replace("\\", "")
        words = re.sub("|".join(titles), "", words)
        words = re.sub(r"on \d{4}-\d\d-\d\d \d\d:\d\d UTC", "", words)
        assert not re.search(numbers, words), re.search(numbers, words)
        assert not [method for method in METHODS if method in words.replace("count as liked", "")]
        assert "luster" not in words
        press(app, ["say-the left one", "say-the right one", "say-both alike"][place % 3])


def test_the_order_is_the_same_on_reload_and_an_answer_can_be_changed_and_undone(work):
    app = start(work)
    (comparison,) = read_comparisons(work.store)
    shown = on_screen(app)
    assert on_screen(open_screen(work, "Ann")) == shown
    why = next(box for box in app.text_input if box.label.startswith("Why"))
    why.set_value(HOSTILE).run()
    press(app, "say-the left one")
    (first,) = read_judgements(work.store, comparison.comparison_id)
    assert first.reason == HOSTILE
    press(app, "judge-arrow_back")
    assert app.subheader[0].value in shown
    assert "You said: **the left one**" in on_screen(app)
    press(app, "say-the right one")
    press(app, "judge-arrow_back")
    assert "You said: **the right one**" in on_screen(app)
    press(app, "undo_judgement")
    assert read_judgements(work.store, comparison.comparison_id) == [first]
    press(app, "undo_judgement")
    assert read_judgements(work.store, comparison.comparison_id) == []
    assert in_force(work.store) == []
    press(app, "judge-arrow_forward")
    assert app.subheader[0].value not in shown


def test_with_one_build_only_it_says_what_to_do(work, monkeypatch):
    every = list_candidates(work.store)
    for candidates in (every[:1], [every[0], replace(every[1], kept=False)], []):
        monkeypatch.setattr("hierex.releases.list_candidates", lambda store, found=candidates: found)
        app = open_screen(work, "Ann")
        assert "It takes two builds to compare" in on_screen(app)
        assert not app.button


def test_somebody_made_up_is_judged_first_and_teaches_too(work):
    _, sides = compare(work)
    taxonomies = sides[0].taxonomy, sides[1].taxonomy
    for first, second in itertools.combinations(range(COARSE), 2):
        person = make_up(sides[0], [first, second], "Cy")
        shown = show_side(sides[0], person), show_side(sides[1], person)
        lessons = lessons_of(shown, taxonomies, FIRST)
        if lessons:
            break
    kept = save_example(work.store, "Cy", None, work.items["item_id"].to_numpy()[person.items].tolist())
    app = open_screen(work, "Ann")
    assert app.subheader[0].value == "Cy"
    press(app, "say-the left one")
    (judgement,) = read_judgements(work.store, read_comparisons(work.store)[0].comparison_id)
    assert judgement.subject == Subject(None, kept)
    taught = in_force(work.store)
    assert {row["user_id"] for row in taught} == {"Cy (made up)"}
    assert len(taught) == len(lessons)
    expected = lessons_of(shown, taxonomies, judgement.winner)
    assert [(tuple(row["context"]), row["novel_cluster_id"], row["liked"] > 0) for row in taught] == sorted(
        [(one.context, one.novel, one.liked) for one in expected], key=lambda row: row[1]
    )
    press(app, "judge-arrow_back")
    press(app, "undo_judgement")
    assert in_force(work.store) == []


def test_who_has_seen_the_results_cannot_change_what_they_said_blind(work):
    app = start(work)
    press(app, "say-the left one")
    press(app, "show_results")
    (first,) = read_judgements(work.store, read_comparisons(work.store)[0].comparison_id)
    app = open_screen(work, "ann ")
    assert "You have judged 1" in on_screen(app)
    assert "Show results" not in on_screen(app)
    press(app, "judge-arrow_back")
    assert "You said it blind and have seen the results since, so it stays" in on_screen(app)
    assert not [button for button in app.button if button.key == "undo_judgement"]
    press(app, "say-the right one")
    press(app, "judge-arrow_back")
    assert "You said: **the right one**" in on_screen(app)
    assert "1 judgement of 1 person by 1 reviewer" in on_screen(app)
    assert "1 of 2 judgements left out" in on_screen(app)
    press(app, "undo_judgement")
    assert read_judgements(work.store, first.comparison_id) == [first]


def test_hostile_names_stay_words(work):
    save_example(work.store, HOSTILE[:40], work.user_ids[3])
    app = start(work, HOSTILE[:50] + "  Ann ")
    assert app.subheader[0].value.startswith("=HYPERLINK\\(1\\) \\<script")
    press(app, "say-the left one")
    press(app, "show_results")
    (judgement,) = read_judgements(work.store, read_comparisons(work.store)[0].comparison_id)
    assert judgement.author == HOSTILE[:50] + " Ann"
    press(app, "judge-arrow_back")
    assert "You said" in on_screen(app)


def test_a_build_that_was_forgotten_is_said_to_be_and_results_stay(work, monkeypatch):
    app = start(work)
    press(app, "say-the left one")
    monkeypatch.setattr(comparisons, "is_kept", lambda store, run: False)
    app = open_screen(work, "Ann")
    assert "forgotten to save room" in on_screen(app)
    press(app, "show_results")
    assert "1 judgement of 1 person by 1 reviewer" in on_screen(app)


def test_when_everybody_is_judged_it_says_so_and_one_can_go_back(work, monkeypatch):
    monkeypatch.setattr("hierex.view.preview.blind.people_to_judge", lambda *of: people_to_judge(*of)[:6])
    app = start(work)
    while "judged everybody" not in on_screen(app):
        press(app, "say-neither is any good")
    said = read_judgements(work.store, read_comparisons(work.store)[0].comparison_id)
    assert 0 < len(said) <= 6
    press(app, "judge-arrow_back")
    assert "You said: **neither is any good**" in on_screen(app)


def thumb_script():
    import streamlit as st

    from hierex.kept.reviewers import Subject
    from hierex.view.opened import show_messages
    from hierex.view.preview.item_thumbs import judged_items, judging_items

    judging = judging_items()
    judged_items(st.session_state["work"], Subject("u1", None), [0, 1, 2], judging=judging)
    show_messages()


def test_thumbs_on_items_are_shown_again_and_can_be_taken_back(work):
    app = open_script(thumb_script, work=work, author="Ann")
    assert not app.feedback
    app.toggle(key="judging_items").set_value(True).run()
    app.feedback[1].set_value(0).run()
    app.text_input[0].set_value("not for them").run()
    assert not app.exception, app.exception
    item = work.items["item_id"].iloc[1]
    assert read_item_thumbs(work.store, "Ann", Subject("u1", None)) == {item: Thumb(False, "not for them")}
    app = open_script(thumb_script, work=work, author="Ann")
    assert app.dataframe[0].value["You said"].tolist() == ["", "👎", ""]
    app.toggle(key="judging_items").set_value(True).run()
    assert app.feedback[1].value == 0
    assert app.text_input[0].value == "not for them"
    app.feedback[1].set_value(None).run()
    assert read_item_thumbs(work.store, "Ann", Subject("u1", None)) == {}
