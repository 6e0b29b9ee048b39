"""The final list: its length, no item twice, and places for novel interests as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierex.mixing import USUAL, mix_lists, novel_places

RANKED = st.lists(st.integers(0, 15), max_size=12, unique=True)


@st.composite
def wishes(draw):
    length = draw(st.integers(0, 12))
    return draw(RANKED), draw(st.lists(RANKED, max_size=4)), draw(st.integers(0, length)), length


@given(wishes())
def test_a_list_holds_what_there_is_and_nothing_twice(wish):
    usual, novel, slots, length = wish
    as_arrays = [np.array(items, np.int32) for items in novel]
    mixed = mix_lists(np.array(usual, np.int32), as_arrays, slots=slots, length=length)
    items, origin = mixed.items.tolist(), mixed.origin.tolist()
    assert len(items) == len(origin) == min(length, len(set(usual).union(*novel)))
    assert len(set(items)) == len(items)
    for item, interest in zip(items, origin, strict=True):
        assert item in (usual if interest == USUAL else novel[interest])


@given(wishes())
def test_novel_interests_get_their_slots_and_more_only_where_usual_items_run_out(wish):
    usual, novel, slots, length = wish
    mixed = mix_lists(usual, novel, slots=slots, length=length)
    n_novel = (mixed.origin != USUAL).sum()
    available = len(set().union(*novel)) if novel else 0
    assert n_novel >= min(slots, available, len(mixed.items))
    if n_novel > slots:
        assert set(usual) <= set(mixed.items.tolist())
    assert np.flatnonzero(mixed.origin != USUAL).tolist() == novel_places(n_novel, len(mixed.items)).tolist()


@given(wishes())
def test_each_lists_own_order_is_kept(wish):
    usual, novel, slots, length = wish
    mixed = mix_lists(usual, novel, slots=slots, length=length)
    for interest, ranked in [(USUAL, usual), *enumerate(novel)]:
        shown = mixed.items[mixed.origin == interest].tolist()
        assert shown == [item for item in ranked if item in shown]


@given(wishes())
def test_without_slots_and_with_enough_usual_items_nothing_changes(wish):
    usual, novel, _, length = wish
    mixed = mix_lists(usual, novel, slots=0, length=min(length, len(usual)))
    assert mixed.items.tolist() == usual[: min(length, len(usual))]


@given(st.integers(0, 20), st.integers(0, 20))
def test_slots_are_spread_evenly(slots, more):
    places = novel_places(slots, slots + more)
    assert len(np.unique(places)) == slots
    assert (places >= 0).all()
    assert (places < slots + more).all()
    if slots > 1:
        assert np.ptp(np.diff(places)) <= 1


def test_interests_take_turns():
    mixed = mix_lists([9, 1, 8, 7, 6, 5], [[1, 2], [3], [4, 1]], slots=4, length=8)
    assert mixed.items[mixed.origin != USUAL].tolist() == [1, 3, 4, 2]
    assert mixed.items.tolist() == [9, 1, 8, 3, 7, 4, 6, 2]
    assert mixed.origin.tolist() == [-1, 0, -1, 1, -1, 2, -1, 0]


def test_more_slots_than_places_are_refused():
    with pytest.raises(ValueError, match="11 of 10 places"):
        mix_lists([1], [[2]], slots=11, length=10)
