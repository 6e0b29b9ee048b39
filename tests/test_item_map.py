import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hierex import item_map
from hierex.config import MapConfig
from hierex.errors import Cancelled, ConfigError
from hierex.item_map import APART, HALF_RANGE, map_items

N_GROUPS, PER_GROUP = 4, 40
GROUPS = np.repeat(np.arange(N_GROUPS), PER_GROUP)


def planted_groups(seed=0):
    """Four groups of unit vectors, well apart: two kinds of interest, each with two sides."""
    rng = np.random.default_rng(seed)
    centres = np.zeros((N_GROUPS, 16))
    centres[:, :3] = [[-2, -1, 1], [-2, 1, 1], [2, -1, 1], [2, 1, 1]]
    vectors = centres[GROUPS] + rng.normal(scale=0.2, size=(len(GROUPS), 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def share_beside_their_own(xy, groups=GROUPS):
    """The share of items whose nearest other item on the map is of the same group."""
    distances = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return (groups[distances.argmin(axis=1)] == groups).mean()


def half_ranges(xy):
    return np.ptp(xy, axis=0) / 2


@pytest.fixture(scope="module")
def planted():
    return map_items(planted_groups())


# --- what the map shows ---


def test_groups_stay_together(planted):
    assert planted.method == "umap"
    assert planted.xy.shape == (len(GROUPS), 2)
    assert planted.xy.dtype == np.float32
    assert share_beside_their_own(planted.xy) > 0.97


def test_the_map_is_centred_and_fills_its_frame(planted):
    assert half_ranges(planted.xy).max() == pytest.approx(HALF_RANGE, rel=1e-4)
    np.testing.assert_allclose(planted.xy.min(axis=0) + planted.xy.max(axis=0), 0, atol=1e-3)


def test_same_seed_same_map(planted):
    np.testing.assert_array_equal(map_items(planted_groups()).xy, planted.xy)
    assert (map_items(planted_groups(), seed=1).xy != planted.xy).any()


def test_a_map_with_a_few_more_items_looks_alike(planted):
    more = np.vstack([planted_groups(), planted_groups(seed=5)[::20]])
    again = map_items(more).xy[: len(GROUPS)]
    middles = [np.array([xy[group == GROUPS].mean(axis=0) for group in range(N_GROUPS)]) for xy in (planted.xy, again)]
    one, other = (middle - middle.mean(axis=0) for middle in middles)
    assert (one * other).sum() > 0.5 * np.linalg.norm(one) * np.linalg.norm(other)  # 0 where turned by chance


@given(st.floats(-np.pi, np.pi), st.booleans(), st.integers(0, 100))
def test_how_umap_happened_to_turn_the_map_does_not_matter(angle, mirrored, seed):
    xy, target = np.random.default_rng(seed).normal(size=(2, 30, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [1, -1 if mirrored else 1]
    expected = item_map._turn_towards(xy, target)
    np.testing.assert_allclose(item_map._turn_towards(xy @ turn, target), expected, atol=1e-6)


def test_beyond_the_limit_the_others_are_placed_among_their_neighbours(monkeypatch):
    monkeypatch.setattr(item_map, "MOST_FOR_UMAP", 80)
    found = map_items(planted_groups())
    assert found.method == "umap"
    assert share_beside_their_own(found.xy) > 0.97
    assert len(np.unique(found.xy, axis=0)) == len(GROUPS)


# --- identical items ---


def test_identical_items_lie_in_a_tiny_spiral(planted):
    copies = 100
    vectors = np.vstack([planted_groups(), np.repeat(planted_groups()[:1], copies, axis=0)])
    xy = map_items(vectors).xy
    same = np.concatenate([xy[:1], xy[len(GROUPS) :]])
    assert np.linalg.norm(same - xy[0], axis=1).max() <= APART * np.sqrt(copies) + 1e-4
    assert len(np.unique(same, axis=0)) == copies + 1
    np.testing.assert_allclose(xy[: len(GROUPS)], planted.xy, atol=1e-5)  # copies do not push the others about


def test_all_identical_items():
    found = map_items(np.ones((500, 8), dtype=np.float32))
    assert found.method == "pca"
    assert len(np.unique(found.xy, axis=0)) == 500
    assert half_ranges(found.xy).max() < 1


# --- where UMAP cannot be ---


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, item_map.FEWEST_FOR_UMAP - 1), st.integers(1, 4)),
        elements=st.floats(-1, 1, width=32),
    )
)
def test_few_items_are_placed_by_pca(vectors):
    found = map_items(vectors)
    assert found.method == "pca"
    assert found.xy.shape == (len(vectors), 2)
    assert np.isfinite(found.xy).all()
    assert (np.abs(found.xy) <= HALF_RANGE + 1).all()


@pytest.mark.parametrize("n", [15, 16, 17])
def test_umap_with_hardly_enough_items(n):
    found = map_items(planted_groups()[::8][:n])
    assert found.method == "umap"
    assert np.isfinite(found.xy).all()


def test_items_along_one_line():
    angles = np.linspace(0, 1, 200)
    found = map_items(np.column_stack([np.cos(angles), np.sin(angles)]))
    assert np.isfinite(found.xy).all()
    assert found.method == "umap"


@pytest.mark.parametrize("failure", [ValueError, RuntimeError, np.linalg.LinAlgError])
def test_where_umap_fails_the_map_says_pca(monkeypatch, failure):
    def fail(*args):
        raise failure

    monkeypatch.setattr(item_map, "_umap", fail)
    found = map_items(planted_groups())
    assert found.method == "pca"
    assert half_ranges(found.xy).max() == pytest.approx(HALF_RANGE, rel=1e-4)


def test_places_that_are_not_numbers_are_no_map(monkeypatch):
    monkeypatch.setattr(item_map, "_umap", lambda vectors, *rest: np.full((len(vectors), 2), np.nan))
    assert map_items(planted_groups()).method == "pca"


@pytest.mark.parametrize("wrong", [{"n_neighbors": 1}, {"min_dist": -0.1}, {"min_dist": 1.5}])
def test_settings_that_are_not_allowed(wrong):
    with pytest.raises(ConfigError):
        MapConfig(**wrong)


# --- running it ---


def test_progress_rises_to_one_and_changes_nothing(planted):
    shares = []
    watched = map_items(planted_groups(), progress=shares.append)
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert shares[-1] == 1
    np.testing.assert_array_equal(watched.xy, planted.xy)


def test_cancelling_is_not_taken_for_a_failure():
    def cancel(share):
        if share > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        map_items(planted_groups(), progress=cancel)
    assert map_items(planted_groups()).method == "umap"


def test_nothing_is_printed_and_nobody_is_warned(capfd, recwarn):
    map_items(planted_groups())
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_what_is_compiled_is_kept_on_disk_and_the_rest_is_not_compiled():
    from pynndescent import rp_trees
    from umap import layouts, umap_

    item_map.warm_up()
    kept = (umap_.smooth_knn_dist, umap_.compute_membership_strengths)
    for function in (*kept, layouts._nb_optimize_layout_euclidean_single_epoch):
        assert type(function._cache).__name__ == "FunctionCache"
    assert not hasattr(rp_trees.make_dense_tree, "py_func")
