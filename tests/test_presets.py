"""Saved numbers: a name each, never lost by mistake."""

import pytest

from hierex.errors import HierexError
from hierex.kept.presets import activate_preset, active_preset, delete_preset, read_presets, restore_preset, save_preset
from hierex.store import open_store


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "w.duckdb") as store:
        yield store


def saved(store):
    return [(preset.name, preset.granularity) for preset in read_presets(store)]


def test_they_are_saved_deleted_and_brought_back(store):
    save_preset(store, "Fine", 300, author="Ada")
    save_preset(store, " Coarse\n", 40)
    assert saved(store) == [("Coarse", 40), ("Fine", 300)]
    delete_preset(store, "Fine")
    assert saved(store) == [("Coarse", 40)]
    restore_preset(store, "Fine")
    assert saved(store) == [("Coarse", 40), ("Fine", 300)]


@pytest.mark.parametrize(("name", "reason"), [(" ", "1 to 80"), ("x" * 81, "1 to 80"), ("fine", "already, for 300")])
def test_names_that_cannot_be_used(store, name, reason):
    save_preset(store, "Fine", 300)
    with pytest.raises(HierexError, match=reason):
        save_preset(store, name, 5)
    assert saved(store) == [("Fine", 300)]


def test_what_was_deleted_does_not_push_out_its_successor(store):
    for granularity in (300, 200):
        save_preset(store, "Fine", granularity)
        delete_preset(store, "Fine")
    restore_preset(store, "Fine")
    assert saved(store) == [("Fine", 200)]
    with pytest.raises(HierexError, match="another 'Fine'"):
        restore_preset(store, "Fine")


def test_one_is_active_or_none(store):
    assert active_preset(store) is None
    for name, granularity in (("Fine", 300), ("Coarse", 40)):
        save_preset(store, name, granularity)
        activate_preset(store, name)
        assert [preset.name for preset in read_presets(store) if preset.active] == [name]
    assert active_preset(store).granularity == 40
    activate_preset(store, None)
    assert active_preset(store) is None


def test_what_is_deleted_is_not_active_and_cannot_be_made_so(store):
    save_preset(store, "Fine", 300)
    activate_preset(store, "Fine")
    delete_preset(store, "Fine")
    assert active_preset(store) is None
    with pytest.raises(HierexError, match="Bring it back"):
        activate_preset(store, "Fine")
    save_preset(store, "Fine", 200)
    activate_preset(store, "Fine")
    assert active_preset(store).granularity == 200
