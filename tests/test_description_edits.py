"""Human words: never overwritten, always taken back, carried to the tree that comes next."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierex.descriptions import Description
from hierex.errors import EditConflict, HierexError
from hierex.interest_tree import InterestTree
from hierex.kept import description_edits as edits_of
from hierex.kept.description_edits import Statement
from hierex.kept.description_steps import set_step_undone
from hierex.store import open_store
from hierex.taxonomy import MERGED_FROM
from hierex.view.descriptions.table import new_changes

MACHINE = [Description(node, f"Interest {node}", (f"word {node}",), "", "keywords") for node in range(3)]


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        yield store


def tree_of(order, middle):
    """A root over all items and its two halves."""
    n = len(order)
    ints = {"lo": [0, 0, middle], "hi": [n, middle, n], "born": [1, 2, 2], "dies": [2, 3, 3], "parent": [0, 0, 0]}
    arrays = {name: np.array(values, np.int32) for name, values in ints.items()}
    traffic = np.array([n, middle, n - middle], float)
    return InterestTree(order=np.array(order, np.int32), **arrays, traffic=traffic, coherence=np.ones(3))


ITEM_IDS = [f"item{i}" for i in range(10)]
TREE = tree_of(range(10), 4)


def shown(store, *, tree_key="t", tree=TREE, item_ids=ITEM_IDS):
    placed, _ = edits_of.place_edits(edits_of.read_edits(store), tree_key, tree, item_ids)
    return list(edits_of.apply_edits(dict(enumerate(MACHINE)), placed).values())


def save(store, node, name, *, seen=None, tree_key="t", author="Ada"):
    tree = TREE
    items = [ITEM_IDS[i] for i in tree.order[tree.lo[node] : tree.hi[node]]]
    wanted = replace(MACHINE[node], name=name)
    statement = Statement(wanted, items, seen)
    return edits_of.save_edits(store, [statement], tree_key=tree_key, author=author)[1][0]


def set_undone(store, edit_id, undone):
    step = next(edit.step for edit in edits_of.read_edits(store) if edit.edit_id == edit_id)
    set_step_undone(store, step, undone)


def test_an_edit_shows_and_the_others_stay(store):
    save(store, 1, "Bread")
    found = shown(store)
    assert [d.name for d in found] == ["Interest 0", "Bread", "Interest 2"]
    assert [d.source for d in found] == ["keywords", "human", "keywords"]


def test_undoing_goes_back_step_by_step_and_redo_returns(store):
    first = save(store, 1, "Bread")
    second = save(store, 1, "Sourdough", seen=first)
    set_undone(store, second, True)
    assert shown(store)[1].name == "Bread"
    set_undone(store, first, True)
    assert shown(store) == MACHINE
    set_undone(store, first, False)
    assert shown(store)[1].name == "Bread"
    set_undone(store, second, False)
    assert shown(store)[1].name == "Sourdough"


def test_an_earlier_edit_can_be_taken_back_and_brought_back_beneath_a_later_one(store):
    first = save(store, 1, "Bread")
    second = save(store, 1, "Sourdough", seen=first)
    set_undone(store, first, True)
    assert shown(store)[1].name == "Sourdough"
    set_undone(store, second, True)
    assert shown(store) == MACHINE
    set_undone(store, first, False)
    assert shown(store)[1].name == "Bread"


def test_names_stay_different_whatever_is_typed_undone_and_brought_back(store):
    first = save(store, 1, "Bread")
    set_undone(store, first, True)
    save(store, 2, "bread")
    set_undone(store, first, False)
    assert [d.name for d in shown(store)] == ["Interest 0", "Bread", "bread (2)"]
    save(store, 1, "Interest 0", seen=first)
    assert [d.name for d in shown(store)] == ["Interest 0 (2)", "Interest 0", "bread"], "a person's name stays"


def test_an_interest_edited_on_two_trees_can_be_edited_on_either(store):
    first = save(store, 1, "Bread")
    second = save(store, 1, "Sourdough", seen=first, tree_key="other")
    assert shown(store)[1].name == "Sourdough", "the later one, on the tree where it was not made as well"
    third = save(store, 1, "Rye", seen=second)
    assert shown(store)[1].name == "Rye"
    with pytest.raises(EditConflict):
        save(store, 1, "Stale", seen=second)
    save(store, 1, "Wheat", seen=third)


NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), NAMES), max_size=8))
def test_undoing_everything_is_the_original(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("edits") / "w.duckdb"
    with open_store(path) as store:
        seen = {}
        for node, name in changes:
            seen[node] = save(store, node, name, seen=seen.get(node))
        for edit in reversed(edits_of.read_edits(store)):
            set_step_undone(store, edit.step, True)
        assert shown(store) == MACHINE


def test_a_change_in_the_table_is_new_until_it_was_handled():
    handled = {}
    assert new_changes({3: {"Name": "Mine"}}, handled) == {3: {"Name": "Mine"}}
    assert handled == {}
    handled[3] = {"Name": "Mine"}
    more = {3: {"Name": "Mine", "Summary": None}, 5: {"Name": "Next"}, 7: {}}
    assert new_changes(more, handled) == {3: {"Summary": None}, 5: {"Name": "Next"}}
    assert new_changes({3: {"Name": "Mine"}}, handled) == {}


def test_two_people_at_once_one_is_told(store):
    save(store, 1, "Bread", author="Ada")
    with pytest.raises(EditConflict, match="Ada changed this interest"):
        save(store, 1, "Cake", seen=None, author="Bob")
    assert shown(store)[1].name == "Bread"
    save(store, 2, "Tea", seen=None, author="Bob")
    assert [d.name for d in shown(store)[1:]] == ["Bread", "Tea"]


def test_an_edit_moves_to_the_most_alike_interest_of_a_new_tree(store):
    save(store, 1, "Bread")
    turned = tree_of([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 6)
    found = shown(store, tree_key="new", tree=turned)
    assert [d.name for d in found] == ["Interest 0", "Interest 1", "Bread"]


@pytest.mark.parametrize("n_items", [2, 499, 500, 501, 980, 1_499])
def test_the_remembered_items_are_spread_over_the_interest(store, n_items):
    item_ids = [f"item{i}" for i in range(2 * n_items)]
    edits_of.save_edits(store, [Statement(MACHINE[2], item_ids[:n_items], None)], tree_key="t", author="")
    same, third = (tree_of(range(2 * n_items), size) for size in (n_items, n_items // 3 or 1))
    found = shown(store, tree_key="new", tree=same, item_ids=item_ids)
    assert [d.source for d in found] == ["keywords", "human", "keywords"]
    if n_items > 2:
        assert shown(store, tree_key="new", tree=third, item_ids=item_ids)[1].source == "keywords"


def test_what_was_said_of_most_items_is_not_put_on_all_of_them(store):
    save(store, 2, "Tea")
    turned = tree_of([0, 1, 4, 5, 6, 2, 3, 7, 8, 9], 5)
    assert "human" not in {d.source for d in shown(store, tree_key="new", tree=turned)}


def test_what_was_said_of_a_merged_interest_stays_with_it_in_another_tree(store):
    merged = replace(MACHINE[0], cluster_id=MERGED_FROM + 4, name="Both")
    edits_of.save_edits(store, [Statement(merged, ITEM_IDS[:4], None)], tree_key="t", author="")
    placed, unplaced = edits_of.place_edits(edits_of.read_edits(store), "new", TREE, ITEM_IDS)
    assert list(placed) == [MERGED_FROM + 4]
    assert unplaced == []


def test_an_edit_without_a_like_interest_is_kept_but_not_shown(store):
    save(store, 1, "Bread")
    strangers = [f"other{i}" for i in range(10)]
    assert shown(store, tree_key="new", item_ids=strangers) == MACHINE
    assert [edit.name for edit in edits_of.read_edits(store)] == ["Bread"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "  "}, "needs a name"),
        ({"phrases": (" ", "")}, "at least one phrase"),
        ({"name": "x" * 81}, "at most 80"),
        ({"summary": "x" * 501}, "more than 500"),
    ],
)
def test_text_that_cannot_be_used_says_why_and_changes_nothing(store, change, reason):
    wanted = replace(MACHINE[1], **change)
    with pytest.raises(HierexError, match=reason):
        edits_of.save_edits(store, [Statement(wanted, ["a"], None)], tree_key="t", author="")
    assert shown(store) == MACHINE


def test_hostile_text_is_one_plain_line(store):
    wanted = replace(MACHINE[1], name="a\nb\x00c \u202edef", phrases=("<script>", "<script>", "=1+1"))
    edits_of.save_edits(store, [Statement(wanted, ["a"], None)], tree_key="t", author="")
    found = shown(store)[1]
    assert found.name == "a b c def"
    assert found.phrases == ("<script>", "=1+1")
