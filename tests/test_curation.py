"""Changes of the taxonomy: whatever people do, the items stay divided into slices, and other interests stay."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_taxonomy import random_tree, trees

from hierex.errors import HierexError
from hierex.interest_tree import InterestTree
from hierex.kept.curation_edits import GONE, place_records, read_records, save_curation, set_undone
from hierex.store import open_store
from hierex.taxonomy import (
    FINEST,
    HIDDEN,
    LATER,
    MERGED_FROM,
    ONLY_ITEMS,
    TOO_FEW,
    WHOLE,
    CurationEdit,
    cluster_of_leaf,
    curate,
    cut_tree,
    leaf_of_item,
)
from hierex.view.granularity.confirming import made_of

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
    assert ids == set(TREE.cut(8).tolist()) - {first, third} | {MERGED_FROM + 1}
    taxonomy, _ = curate(TREE, 8, [CurationEdit(1, "merge", (first, third)), CurationEdit(2, "merge", (third, second))])
    merged = taxonomy.index_of(MERGED_FROM + 1)
    assert set(taxonomy.nodes_of(merged).tolist()) == {first, second, third}
    assert np.isnan(taxonomy.coherence[merged])
    assert taxonomy.traffic[merged] == TREE.traffic[[first, second, third]].sum()
    finer, _ = curate(TREE, 12, [CurationEdit(1, "merge", (first, third))])
    held = set(finer.items_of(finer.index_of(MERGED_FROM + 1)).tolist())
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
    assert reasons == {1: ONLY_ITEMS}
    for taxonomy in (finest, coarse):
        assert set(np.flatnonzero(taxonomy.hidden_items)) == set(TREE.order[TREE.lo[node] : TREE.hi[node]])


def test_hiding_again_what_is_hidden_says_so():
    node = splittable()
    inside = int(TREE.children(node)[0])
    hides = [CurationEdit(1, "hide", (inside,)), CurationEdit(2, "hide", (node,)), CurationEdit(3, "hide", (inside,))]
    assert curate(TREE, TREE.finest, hides)[1] == {3: HIDDEN}
    assert curate(TREE, TREE.finest, hides[2:])[1] == {}


def test_merging_with_a_hidden_interest_says_that_only_items_are_left_out():
    first, second = (int(node) for node in TREE.cut(8)[[0, 3]])
    for kinds in (("hide", "merge"), ("merge", "hide")):
        nodes = {"hide": (first,), "merge": (first, second)}
        edits = [CurationEdit(n, kind, nodes[kind]) for n, kind in enumerate(kinds, 1)]
        taxonomy, reasons = curate(TREE, 8, edits)
        assert not taxonomy.hidden.any()
        assert taxonomy.hidden_items.sum() == TREE.hi[first] - TREE.lo[first]
        assert reasons == {kinds.index("hide") + 1: ONLY_ITEMS}


def test_a_change_that_a_later_one_replaced_says_so():
    node = splittable()
    child = int(TREE.children(node)[0])
    assert ids_of(("lock", (node,)), ("split", (node,)))[1] == {1: LATER}
    assert ids_of(("split", (node,)), ("collapse", (child,)))[1] == {1: LATER}
    assert ids_of(("lock", (node,)), ("lock", (child,)))[1] == {1: LATER}


def test_everything_is_never_one_interest(store):
    """Not even where a lock found nothing alike but the whole."""
    assert ids_of(("lock", (0,)))[1] == {1: WHOLE}


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


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_taking_changes_back_in_any_order_leaves_those_that_stand(store, data):
    """As if the others had never been made; bringing all back is what it was; taking all back is the plain cut."""
    with store.transaction() as writer:
        writer.execute("DELETE FROM curation_edits")
    made = [keep(store, edit.kind, *edit.nodes) for edit in edits_on(TREE, data)]
    granularity = data.draw(st.integers(2, TREE.finest))
    before = shape_of(store, granularity)
    for edit_id in data.draw(st.lists(st.sampled_from(made), max_size=12)) if made else []:
        set_undone(store, [edit_id], data.draw(st.booleans()))
    standing = [record for record in read_records(store) if not record.undone]
    by_hand = [CurationEdit(record.edit_id, record.kind, record.nodes) for record in standing]
    assert shape_of(store, granularity) == values_of(curate(TREE, granularity, by_hand)[0])
    set_undone(store, made, True)
    assert shape_of(store, granularity) == values_of(cut_tree(TREE, granularity))
    set_undone(store, made, False)
    assert shape_of(store, granularity) == before


def shape_of(store, granularity):
    return values_of(curate(TREE, granularity, placed(store, TREE)[0])[0])


def values_of(taxonomy):
    return [getattr(taxonomy, name).tolist() for name in ("cluster_ids", "order", "cluster_of_item", "hidden_items")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees, st.data())
def test_changes_replayed_on_any_other_tree_leave_at_least_two_interests(store, tree, data):
    with store.transaction() as writer:
        writer.execute("DELETE FROM curation_edits")
    for edit in edits_on(TREE, data):
        keep(store, edit.kind, *edit.nodes)
    edits, lost = place_records(read_records(store), "new", tree, ITEM_IDS[: tree.n_items])
    assert all(0 not in edit.nodes for edit in edits)
    assert len(edits) + len(lost) == len(read_records(store))
    taxonomy, _ = curate(tree, data.draw(st.integers(2, tree.finest)), edits)
    assert taxonomy.n_clusters >= 2


def test_two_sessions_change_at_once_and_both_are_kept(store):
    with ThreadPoolExecutor(8) as people:
        made = list(people.map(lambda n: keep(store, "hide", 3 + n % 4, author=f"person {n}"), range(40)))
    assert sorted(made) == sorted(record.edit_id for record in read_records(store))
    assert {record.author for record in read_records(store)} == {f"person {n}" for n in range(40)}


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


def test_what_a_change_makes_is_found_by_its_nodes():
    first, second, third = TREE.cut(8)[:3].tolist()
    inner = next(node for node in TREE.cut(8).tolist() if TREE.dies[node] <= TREE.finest)

    def made(kind, nodes, *earlier):
        before = curate(TREE, 8, earlier)[0]
        return made_of(curate(TREE, 8, [*earlier, CurationEdit(99, kind, nodes)])[0], before, nodes)

    merge = CurationEdit(1, "merge", (first, second))
    assert made("split", (inner,)) == TREE.children(inner).tolist()
    assert made("merge", (first, second)) in ([first], [second]), "it is one interest, so one of its parts names it"
    assert made("merge", (first, second, third), merge) in ([first], [second], [third])
