"""Drift is seen where people's moves change, and not where only chance makes lists differ."""

from dataclasses import replace

import numpy as np
import pytest
from opened_app import app_over, words
from small_worlds import OWN_VECTORS, import_with_vectors, quick_builds
from test_pages import on_part

from hierex.config import PolicyConfig, RecommenderConfig, RunConfig
from hierex.pipeline import run_pipeline
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.transitions import Moves
from hierex.transitions.drift import DriftVerdict, follow_drift, judge_drift, label_parts
from hierex.wording import NO_DATES, drift_text

N = 20
DAY = 86_400_000_000


def law(seed: int) -> np.ndarray:
    """(N, N): where people go on from each interest; mostly to five of them."""
    return np.random.default_rng(seed).dirichlet(np.full(N, 0.15), N)


def moves_of(laws: list[np.ndarray], people_a_month: int = 1_500, seed: int = 0):
    """One month of moves for each law."""
    rng = np.random.default_rng(seed)
    before = rng.integers(N, size=(len(laws), people_a_month))
    novel = np.array(
        [[rng.choice(N, p=month[start]) for start in row] for month, row in zip(laws, before, strict=True)]
    )
    keep = (before != novel).ravel()
    month = np.repeat(np.arange(len(laws)), people_a_month)[keep]
    contexts = np.repeat(before.reshape(-1, 1), 2, axis=1)[keep].astype(np.int32)
    user = np.arange(keep.sum(), dtype=np.int32)
    return Moves(contexts, novel.ravel()[keep].astype(np.int32), user, month * 31 * DAY + 1, N)


def drift_of(moves):
    return follow_drift(moves)


def test_the_same_law_every_month_is_no_drift():
    drift = drift_of(moves_of([law(1)] * 5))
    assert len(drift) == 4
    assert (drift["of_all"] > drift["jaccard"]).all(), "more people, less chance"
    verdict = judge_drift(drift)
    assert not verdict.changed
    assert verdict.ratio == pytest.approx(1, abs=0.1)


def test_a_new_law_is_seen_in_the_month_in_which_it_comes():
    drift = drift_of(moves_of([law(1)] * 3 + [law(2)] * 2))
    ratios = (drift["jaccard"] / drift["within"]).tolist()
    assert np.argmin(ratios) == 2
    assert ratios[2] < 0.5 < min(ratios[:2] + ratios[3:])
    assert judge_drift(drift.head(3)).changed


def test_with_too_few_people_nothing_is_said():
    drift = drift_of(moves_of([law(1)] * 4, people_a_month=20))
    assert not len(drift)
    assert judge_drift(drift).ratio is None


def test_where_months_hold_too_few_moves_parts_of_the_log_are_compared():
    """Four years of one law and four of another, sixty people a month."""
    laws = [law(1)] * 48 + [law(2)] * 48
    moves = moves_of(laws, people_a_month=60)
    drift = follow_drift(moves)
    assert drift["period"].str.startswith("from ").all()
    assert len(drift) == 7
    ratios = (drift["jaccard"] / drift["within"]).tolist()
    assert np.argmin(ratios) == 3


def test_parts_hold_as_many_moves_and_are_told_apart_in_order():
    days = label_parts(np.arange(16) * DAY)
    assert days[:3].tolist() == ["from 1970-01-01", "from 1970-01-01", "from 1970-01-03"]
    assert days.tolist() == sorted(days)
    assert np.unique(days, return_counts=True)[1].tolist() == [2] * 8
    in_an_hour = label_parts(np.arange(8) * 60_000_000)
    assert in_an_hour[1] == "from 1970-01-01 00:01"
    assert len(label_parts(np.array([], np.int64))) == 0


@pytest.mark.parametrize(
    ("changed", "refreshed", "said"),
    [(True, False, "A refresh is worth it"), (True, True, "refreshed already"), (False, True, "not needed")],
)
def test_what_to_do_is_said_and_not_again_once_it_was_done(changed, refreshed, said):
    assert said in drift_text(DriftVerdict(changed, 0.5 if changed else 1.0), refreshed=refreshed)


def test_of_a_log_without_dates_no_change_is_told(tmp_path):
    """Its clock is a place in everybody's own history: early and late in that are no times of the log."""
    world = make_world(n_items=120, n_users=60, n_interactions=900, seed=3)
    undated = replace(world, interactions=world.interactions.drop(columns="watched_at"))
    policy, recommender = PolicyConfig(kind="counts"), RecommenderConfig(kind="popularity")
    config = RunConfig(granularity=8, embedding=OWN_VECTORS, policy=policy, recommender=recommender)
    with open_store(tmp_path / "One.duckdb") as store, quick_builds():
        import_with_vectors(store, tmp_path, undated)
        assert not run_pipeline(store, config).interactions.has_dates
    with app_over(tmp_path):
        said = words(on_part("One", "Staying fresh"))
    assert NO_DATES in said
    assert "People's moves have" not in said
