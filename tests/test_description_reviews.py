"""Verdicts on descriptions: of the words and the items that were seen, never overwritten, undone in steps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_description_edits import ITEM_IDS, MACHINE, TREE, tree_of

from hierex.descriptions import Description
from hierex.errors import EditConflict, HierexError
from hierex.kept import description_edits as edits_of
from hierex.kept import description_reviews as reviews_of
from hierex.kept.description_edits import Statement
from hierex.kept.description_reviews import APPROVED, DRAFT, NEEDS_WORK, standing_text
from hierex.kept.description_steps import leave_step, set_step_undone
from hierex.store import open_store
from hierex.taxonomy import cut_tree


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        yield store


def standings(store, *, tree_key="t", tree=TREE, item_ids=ITEM_IDS):
    """Of the two halves, and what is said of every node."""
    edits, _ = edits_of.place_edits(edits_of.read_edits(store), tree_key, tree, item_ids)
    reviews, _ = edits_of.place_edits(reviews_of.read_reviews(store), tree_key, tree, item_ids)
    described = edits_of.apply_edits(dict(enumerate(MACHINE)), edits)
    return reviews_of.find_standings(cut_tree(tree, 2), described, reviews, edits, item_ids), described


def statement(node, description=None, seen=None):
    items = [ITEM_IDS[i] for i in TREE.order[TREE.lo[node] : TREE.hi[node]]]
    return Statement(description or MACHINE[node], items, seen)


def review(store, *statements, state=APPROVED, note="", author="Ada"):
    return reviews_of.save_reviews(store, statements, state, note=note, tree_key="t", author=author)


def test_nobody_has_reviewed_a_new_description(store):
    found, _ = standings(store)
    assert {standing.state for standing in found.values()} == {DRAFT}
    assert all(standing.to_do for standing in found.values())


def test_a_verdict_stands_with_its_note_and_name(store):
    review(store, statement(1), state=NEEDS_WORK, note="too broad")
    standing = standings(store)[0][1]
    assert (standing.state, standing.to_do, standing.stale) == (NEEDS_WORK, False, False)
    assert standing_text(standing) == "Marked as “needs work” by Ada. Note: too broad."


def test_other_words_are_a_draft_again_until_they_go_back(store):
    review(store, statement(1))
    edit = edits_of.save_edits(store, [statement(1, replace(MACHINE[1], name="Bread"))], tree_key="t", author="Bob")[0]
    standing = standings(store)[0][1]
    assert standing.state == DRAFT
    assert standing_text(standing).startswith("Draft: words changed since it was approved by Ada")
    set_step_undone(store, edit, True)
    assert standings(store)[0][1].settled


def test_a_verdict_stays_where_a_number_comes_to_a_name(store):
    review(store, statement(1))
    edits_of.save_edits(store, [statement(2, replace(MACHINE[2], name="interest 1"))], tree_key="t", author="Bob")
    found, described = standings(store)
    assert [d.name for d in described.values()] == ["Interest 0", "Interest 1 (2)", "interest 1"]
    assert found[1].settled
    review(store, statement(1, replace(MACHINE[1], name="Interest 1 (1976)"), seen=found[1].review.review_id))
    assert standings(store)[0][1].state == DRAFT, "a year is a word"


@pytest.mark.parametrize(
    ("source", "summary", "state"),
    [
        ("keywords", "About bread; for example “Rye” and “Spelt”.", APPROVED),
        ("keywords", "About bread; for example “Hans “Hänschen” Klein”.", APPROVED),
        ("keywords", "For example “Rye”.", DRAFT),
        ("keywords", "About bread and cake; for example “Rye”.", DRAFT),
        ("model", "About bread; for example “Rye” and “Spelt”.", DRAFT),
    ],
)
def test_a_verdict_stays_where_keywords_quote_other_titles(store, source, summary, state):
    seen = Description(1, "Bread", ("bread",), "About bread; for example “Oats” and “Wheat”.", source)
    review(store, statement(1, seen))
    reviews = {1: reviews_of.read_reviews(store)[0]}
    now = {1: replace(seen, summary=summary), 2: MACHINE[2]}
    found = reviews_of.find_standings(cut_tree(TREE, 2), now, reviews, {}, ITEM_IDS)
    assert found[1].state == state


def test_words_that_changed_before_the_verdict_came_are_not_approved(store):
    """The reviewer approves what is on an old screen."""
    edits_of.save_edits(store, [statement(1, replace(MACHINE[1], name="Bread"))], tree_key="t", author="Bob")
    review(store, statement(1, MACHINE[1]))
    assert standings(store)[0][1].state == DRAFT


@pytest.mark.parametrize(("came", "stale"), [(2, False), (3, True)])
def test_items_that_come_and_go_make_a_verdict_stale_and_leave_it(store, came, stale):
    """The first of two halves of 20 items has 12 of them, then 13: two or three in 12 or 13 came."""
    item_ids = [f"item{i}" for i in range(20)]
    before, after = tree_of(range(20), 10), tree_of(range(20), 10 + came)
    inside = [item_ids[i] for i in before.order[:10]]
    reviews_of.save_reviews(store, [Statement(MACHINE[1], inside, None)], APPROVED, tree_key="t", author="Ada")
    standing = standings(store, tree=after, item_ids=item_ids)[0][1]
    assert standing.state == APPROVED
    assert (standing.came, standing.went) == (came, 0)
    assert standing.stale == stale
    assert standing.settled != stale
    assert ("items came" in standing_text(standing)) == stale


def test_the_items_that_came_and_went_are_named(store):
    review(store, statement(1))
    mixed = tree_of([0, 1, 4, 5, 6, 2, 3, 7, 8, 9], 5)
    standing = standings(store, tree=mixed)[0][1]
    came, went = reviews_of.changed_items(standing.basis, cut_tree(mixed, 2), 0, ITEM_IDS)
    assert (came.tolist(), went.tolist()) == ([4, 5, 6], [2, 3])
    assert (standing.came, standing.went, standing.changed) == (3, 2, pytest.approx(5 / 7))


def test_what_a_person_wrote_is_stale_when_its_items_changed_and_a_verdict_settles_it(store):
    edits_of.save_edits(store, [statement(1, replace(MACHINE[1], name="Bread"))], tree_key="t", author="Ada")
    wider = tree_of(range(10), 6)
    found, described = standings(store, tree=wider)
    assert found[1].stale
    assert "a person wrote it" in standing_text(found[1])
    review(store, Statement(described[1], ITEM_IDS[:6], None))
    assert standings(store, tree=wider)[0][1].settled


def test_a_verdict_follows_to_the_most_alike_interest_of_a_new_tree(store):
    review(store, statement(1))
    turned = tree_of([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 6)
    found, described = standings(store, tree_key="new", tree=turned)
    assert found[1].review is None
    assert found[2].review is not None
    assert found[2].state == DRAFT, "its words are others in the new tree"
    assert described[2] == MACHINE[2]


@pytest.mark.parametrize(("n_items", "stale"), [(6, False), (5, False), (4, True)])
def test_approved_words_of_a_person_stay_approved_in_a_new_tree_and_are_stale_where_items_differ(store, n_items, stale):
    edits_of.save_edits(store, [statement(2, replace(MACHINE[2], name="Tea"))], tree_key="t", author="Ada")
    review(store, statement(2, standings(store)[1][2]))
    turned = tree_of([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], n_items)
    found, described = standings(store, tree_key="new", tree=turned)
    assert (described[1].name, found[1].state, found[1].stale) == ("Tea", APPROVED, stale)


def test_two_reviewers_at_once_one_is_told(store):
    review(store, statement(1), author="Ada")
    with pytest.raises(EditConflict, match="Ada reviewed"):
        review(store, statement(2), statement(1), state=NEEDS_WORK, author="Bob")
    found, _ = standings(store)
    assert (found[1].state, found[2].state) == (APPROVED, DRAFT), "all or nothing"
    review(store, statement(1, seen=found[1].review.review_id), state=NEEDS_WORK, author="Bob")
    assert standings(store)[0][1].state == NEEDS_WORK


def test_a_note_that_is_too_long_says_so(store):
    with pytest.raises(HierexError, match="at most 500"):
        review(store, statement(1), note="x" * 501)
    assert reviews_of.read_reviews(store) == []


def test_several_edits_are_all_kept_or_none(store):
    edits_of.save_edits(store, [statement(1, replace(MACHINE[1], name="Bread"))], tree_key="t", author="Ada")
    both = [statement(2, replace(MACHINE[2], name="Tea")), statement(1, replace(MACHINE[1], name="Cake"))]
    with pytest.raises(EditConflict):
        edits_of.save_edits(store, both, tree_key="t", author="Bob")
    assert [d.name for d in standings(store)[1].values()] == ["Interest 0", "Bread", "Interest 2"]


def test_one_of_several_leaves_its_step_and_is_taken_back_alone(store):
    both = [statement(node, replace(MACHINE[node], name=f"Mine {node}")) for node in (1, 2)]
    step, (first, _) = edits_of.save_edits(store, both, tree_key="t", author="Ada")
    alone = leave_step(store, "description_edits", first)
    set_step_undone(store, alone, True)
    assert [d.name for d in standings(store)[1].values()] == ["Interest 0", "Interest 1", "Mine 2"]
    for undone in (True, False):
        set_step_undone(store, step, undone)
    assert [d.name for d in standings(store)[1].values()] == ["Interest 0", "Interest 1", "Mine 2"]


def test_a_model_s_words_are_stale_when_many_items_came_or_went_since(store):
    described = {1: replace(MACHINE[1], source="model"), 2: MACHINE[2]}
    changes = {1: (3, 1, 0.5), 2: (3, 1, 0.5)}
    found = reviews_of.find_standings(cut_tree(TREE, 2), described, {}, {}, ITEM_IDS, changes)
    assert (found[1].stale, found[2].stale) == (True, False)
    assert "since a language model described it, 3 items came and 1 went" in standing_text(found[1])


def test_progress_counts_traffic(store):
    review(store, statement(1))
    share, settled = reviews_of.review_progress(cut_tree(TREE, 2), standings(store)[0])
    assert (share, settled) == (pytest.approx(0.4), 1)


WORDS = st.text(st.characters(categories=["L"]), min_size=1, max_size=6)
NODES = st.lists(st.sampled_from([1, 2]), min_size=1, max_size=2, unique=True)
ACTIONS = st.tuples(st.sampled_from(["write", APPROVED, NEEDS_WORK]), NODES, WORDS)


@settings(max_examples=25, deadline=None)
@given(st.lists(ACTIONS, max_size=7), st.randoms(use_true_random=False))
def test_undoing_all_steps_is_the_original_and_redoing_them_the_end(tmp_path_factory, actions, random):
    with open_store(tmp_path_factory.mktemp("steps") / "w.duckdb") as store:
        start, steps = standings(store), []
        for kind, nodes, text in actions:
            found, described = standings(store)
            if kind == "write":
                rows = edits_of.read_edits(store)
                seen = {edit.node_id: edit.edit_id for edit in rows}
                wanted = [statement(n, replace(described[n], name=text), seen.get(n)) for n in nodes]
                steps.append(edits_of.save_edits(store, wanted, tree_key="t", author="")[0])
            else:
                seen = {n: found[n].review.review_id if found[n].review else None for n in nodes}
                steps.append(
                    review(store, *(statement(n, described[n], seen[n]) for n in nodes), state=kind, note=text)
                )
        end, shuffled = standings(store), random.sample(steps, len(steps))
        for step in shuffled:
            set_step_undone(store, step, True)
        assert standings(store) == start
        for step in shuffled:
            set_step_undone(store, step, False)
        again = standings(store)
        assert again[1] == end[1]
        assert {n: s.state for n, s in again[0].items()} == {n: s.state for n, s in end[0].items()}


def test_edits_of_before_there_were_steps_are_steps_of_their_own(tmp_path, monkeypatch):
    from hierex import store as stores

    old = tmp_path / "sql" / "migrations"
    old.mkdir(parents=True)
    for file in sorted((stores.SQL / "migrations").glob("*.sql"))[:7]:
        (old / file.name).write_text(file.read_text())
    with monkeypatch.context() as patch:
        patch.setattr(stores, "SQL", tmp_path / "sql")
        with open_store(tmp_path / "w.duckdb") as store, store.transaction() as writer:
            for name in ("Bread", "Tea"):
                writer.execute(
                    "INSERT INTO description_edits (tree_key, node_id, name, phrases, summary, author, edited_at, "
                    "item_ids, n_items) VALUES ('t', 1, ?, ['a'], '', '', now()::TIMESTAMP, ['item0'], 1)",
                    [name],
                )
    with open_store(tmp_path / "w.duckdb") as store:
        steps = [edit.step for edit in edits_of.read_edits(store)]
        assert len(set(steps)) == 2
        edits_of.save_edits(store, [statement(2)], tree_key="t", author="")
    with open_store(tmp_path / "w.duckdb") as store:
        assert len({edit.step for edit in edits_of.read_edits(store)}) == 3
        set_step_undone(store, steps[1], True)
        assert [edit.undone for edit in edits_of.read_edits(store)] == [False, True, False]


def test_large_interests_are_compared_by_what_is_remembered(store):
    item_ids = [f"item{i}" for i in range(2_000)]
    reviews_of.save_reviews(store, [Statement(MACHINE[1], item_ids[:1_000], None)], APPROVED, tree_key="t", author="")
    standing = standings(store, tree=tree_of(range(2_000), 700), item_ids=item_ids)[0][1]
    assert standing.went == pytest.approx(300, abs=5)
    assert standing.came == pytest.approx(0, abs=5)
    assert np.isclose(standing.changed, 0.3, atol=0.01)
    tree = cut_tree(tree_of(range(2_000), 700), 2)
    came, went = reviews_of.changed_items(standing.basis, tree, 0, item_ids)
    assert len(came) == 0
    assert 0 < len(went) <= edits_of.REMEMBERED_ITEMS
    assert set(went.tolist()) <= set(range(700, 1_000))
