"""Changes of the taxonomy: whatever people do, the items stay divided into slices, and other interests stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_taxonomy import random_tree, trees

from hierex.curation_edits import GONE, place_records, read_records, save_curation, set_undone
from hierex.errors import HierexError
from hierex.interest_tree import InterestTree
from hierex.store import open_store
from hierex.taxonomy import (
    FINEST,
    LARGER,
    TOO_FEW,
    WHOLE,
    CurationEdit,
    cluster_of_leaf,
    curate,
    cut_tree,
    leaf_of_item,
)

TREE = random_tree(60, 3)
ITEM_IDS = [f"item{i}" for i in range(60)]
N_NODES = len(TREE.lo)
KINDS = ("split", "collapse", "merge", "hide", "lock")


def edits_on(tree, data) -> list[CurationEdit]:
    """Any changes of any nodes."""
    nodes = st.integers(1, len(tree.lo) - 1)
    many = st.lists(st.tuples(st.sampled_from(KINDS), st.lists(nodes, min_size=1, max_size=4)), max_size=8)
    return [CurationEdit(number, kind, tuple(chosen)) for number, (kind, chosen) in enumerate(data.draw(many), 1)]


def ids_of(*edits, granularity=8):
    taxonomy, reasons = curate(TREE, granularity, [CurationEdit(n, *edit) for n, edit in enumerate(edits, 1)])
    return set(taxonomy.cluster_ids.tolist()), reasons


def splittable(granularity=8):
    return next(int(node) for node in TREE.cut(granularity) if TREE.dies[node] <= TREE.finest)


@settings(max_examples=60, deadline=None)
@given(trees, st.data())
def test_whatever_is_changed_every_item_is_in_one_slice(tree, data):
    granularity, edits = data.draw(st.integers(2, tree.finest)), edits_on(tree, data)
    taxonomy, reasons = curate(tree, granularity, edits)
    assert sorted(taxonomy.order.tolist()) == list(range(tree.n_items))
    assert (taxonomy.lo[1:] == taxonomy.hi[:-1]).all()
    assert (taxonomy.lo[0], taxonomy.hi[-1]) == (0, tree.n_items)
    for cluster in range(taxonomy.n_clusters):
        assert (taxonomy.cluster_of_item[taxonomy.items_of(cluster)] == cluster).all()
        assert len(taxonomy.items_of(cluster))
    assert len(set(taxonomy.cluster_ids.tolist())) == taxonomy.n_clusters >= 2
    assert taxonomy.traffic.sum() == pytest.approx(tree.traffic[0])
    assert set(reasons) <= {edit.edit_id for edit in edits}
    assert (cluster_of_leaf(tree, taxonomy)[leaf_of_item(tree)] == taxonomy.cluster_of_item).all()


@settings(max_examples=60, deadline=None)
@given(trees, st.data())
def test_taking_back_all_changes_is_the_cut_and_bringing_them_back_the_same_again(tree, data):
    granularity, edits = data.draw(st.integers(2, tree.finest)), edits_on(tree, data)
    changed, _ = curate(tree, granularity, edits)
    plain, again = cut_tree(tree, granularity), curate(tree, granularity, edits)[0]
    for name in ("cluster_ids", "lo", "hi", "order", "cluster_of_item", "hidden"):
        assert np.array_equal(getattr(curate(tree, granularity, ())[0], name), getattr(plain, name))
        assert np.array_equal(getattr(again, name), getattr(changed, name))


@settings(max_examples=60, deadline=None)
@given(trees, st.data())
def test_a_change_of_one_interest_leaves_the_others(tree, data):
    granularity = data.draw(st.integers(2, tree.finest))
    before = set(tree.cut(granularity).tolist())
    node = data.draw(st.sampled_from(sorted(before)))
    kind = data.draw(st.sampled_from(("split", "hide", "lock")))
    after = set(curate(tree, granularity, [CurationEdit(1, kind, (node,))])[0].cluster_ids.tolist())
    assert before - {node} <= after


def test_a_split_puts_the_children_in_its_place():
    node = splittable()
    ids, reasons = ids_of(("split", (node,)))
    children = set(np.flatnonzero((TREE.parent == node) & (np.arange(N_NODES) > 0)).tolist())
    assert ids == set(TREE.cut(8).tolist()) - {node} | children
    assert reasons == {}
    assert ids_of(("split", (int(TREE.cut(TREE.finest)[0]),)), granularity=TREE.finest)[1] == {1: FINEST}


def test_collapsing_undoes_a_split_and_stops_before_the_root():
    node = splittable()
    child = 2 * int(TREE.dies[node]) - 3
    assert ids_of(("split", (node,)), ("collapse", (child,)))[0] == set(TREE.cut(8).tolist())
    assert ids_of(("collapse", (1,)))[1] == {1: WHOLE}


def test_merged_interests_have_a_lasting_id_and_may_be_merged_on():
    first, second, third = (int(node) for node in TREE.cut(8)[[0, 3, 6]])
    ids, _ = ids_of(("merge", (first, third)))
    assert ids == set(TREE.cut(8).tolist()) - {first, third} | {N_NODES + 1}
    taxonomy, _ = curate(TREE, 8, [CurationEdit(1, "merge", (first, third)), CurationEdit(2, "merge", (third, second))])
    merged = taxonomy.index_of(N_NODES + 2)
    assert set(taxonomy.nodes_of(merged).tolist()) == {first, second, third}
    assert np.isnan(taxonomy.coherence[merged])
    assert taxonomy.traffic[merged] == TREE.traffic[[first, second, third]].sum()
    finer, _ = curate(TREE, 12, [CurationEdit(1, "merge", (first, third))])
    held = set(finer.items_of(finer.index_of(N_NODES + 1)).tolist())
    assert held == set(np.concatenate([TREE.order[TREE.lo[n] : TREE.hi[n]] for n in (first, third)]).tolist())
    assert ids_of(("merge", (first, third)), granularity=2)[1] == {1: TOO_FEW}
    assert ids_of(("merge", (1, 2)))[1] == {1: WHOLE}


def test_hidden_interests_stay_hidden_when_they_are_finer_and_not_when_they_are_part_of_a_larger_one():
    node = splittable()
    edit = CurationEdit(1, "hide", (node,))
    inside = (TREE.lo >= TREE.lo[node]) & (TREE.hi <= TREE.hi[node])
    finest, _ = curate(TREE, TREE.finest, [edit])
    assert set(finest.cluster_ids[finest.hidden].tolist()) == set(np.flatnonzero(inside & (TREE.dies > TREE.finest)))
    coarse, reasons = curate(TREE, 2, [edit])
    assert not coarse.hidden.any()
    assert reasons == {1: LARGER}


def test_a_locked_interest_stays_at_every_granularity():
    node = splittable()
    for granularity in range(2, TREE.finest + 1):
        taxonomy, reasons = curate(TREE, granularity, [CurationEdit(1, "lock", (node,))])
        assert node in taxonomy.cluster_ids
        assert reasons == {}


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        yield store


def keep(store, kind, *nodes, tree_key="t", **more):
    return save_curation(store, kind, nodes, tree_key=tree_key, tree=TREE, item_ids=ITEM_IDS, **more)


def placed(store, tree, tree_key="t"):
    standing = [record for record in read_records(store) if not record.undone]
    return place_records(standing, tree_key, tree, ITEM_IDS)


def test_changes_are_kept_with_who_and_why_and_can_be_taken_back(store):
    first, second = keep(store, "split", 3, reason=" too\nwide ", author="Ada"), keep(store, "hide", 4, 5)
    edits, reasons = placed(store, TREE)
    assert edits == [CurationEdit(first, "split", (3,)), CurationEdit(second, "hide", (4, 5))]
    assert reasons == {}
    record = read_records(store)[0]
    assert (record.author, record.reason) == ("Ada", "too wide")
    set_undone(store, [first, second], True)
    assert placed(store, TREE) == ([], {})
    set_undone(store, [first], False)
    assert placed(store, TREE)[0] == [CurationEdit(first, "split", (3,))]
    with pytest.raises(HierexError, match="at most"):
        keep(store, "split", 3, reason="x" * 501)


def test_changes_move_to_the_like_interests_of_a_tree_that_is_grown_anew(store):
    node = splittable()
    made = keep(store, "hide", node)
    mirrored = InterestTree(
        **{name: getattr(TREE, name) for name in ("born", "dies", "parent", "traffic", "coherence")},
        order=TREE.order[::-1].copy(),
        lo=TREE.n_items - TREE.hi,
        hi=TREE.n_items - TREE.lo,
    )
    edits, _ = placed(store, mirrored, tree_key="new")
    assert edits == [CurationEdit(made, "hide", (node,))]
    strangers = [f"other{i}" for i in range(60)]
    assert place_records(read_records(store), "new", TREE, strangers) == ([], {made: GONE})
