"""Win rates with their uncertainty, and agreement between reviewers against worked examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierex.kept.judgements import ALIKE, FIRST, NEITHER, SECOND, WINNERS
from hierex.preview.agreement import (
    krippendorff_alpha,
    measure_agreement,
    measure_preference,
)
from hierex.view.preview.blind_results import agreement_text, preference_text

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): two observers and two values (A), two observers and
# five values (B), four observers who left out some units (C).
EXAMPLES = [
    (["0100000010", "1110010000"], 0.095),
    (["aabbdcccedda", "babbbccceddd"], 0.692),
    (["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743),
]


@pytest.mark.parametrize(("rows", "alpha"), EXAMPLES)
def test_agreement_beyond_chance_is_that_of_the_worked_examples(rows, alpha):
    said = [(unit, value) for row in rows for unit, value in enumerate(row) if value != "."]
    assert krippendorff_alpha(*zip(*said, strict=True)) == pytest.approx(alpha, abs=0.0005)


def test_agreement_that_cannot_be_computed_is_missing():
    assert np.isnan(krippendorff_alpha([], []))
    assert np.isnan(krippendorff_alpha([1, 2], ["a", "b"])), "one reviewer each"
    assert np.isnan(krippendorff_alpha([1, 1], ["a", "a"])), "only one value"
    found = measure_agreement(["u", "v"], [FIRST, SECOND])
    assert (found.n_pairs, found.n_people) == (0, 0)
    assert np.isnan(found.share)
    assert "cannot be said" in agreement_text(found)


def test_pairs_of_reviewers_are_counted_person_by_person():
    found = measure_agreement(["u", "u", "u", "v", "v", "w"], [FIRST, FIRST, ALIKE, SECOND, SECOND, FIRST])
    assert (found.n_people, found.n_pairs) == (2, 4)
    assert found.share == 0.5
    assert "2 people" in agreement_text(found)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(WINNERS)), min_size=1, max_size=30))
def test_the_order_in_which_things_were_said_and_the_names_of_people_change_nothing(said):
    people, winners = zip(*said, strict=True)
    renamed, turned = [f"p{9 - person}" for person in people[::-1]], winners[::-1]
    assert np.isclose(krippendorff_alpha(people, winners), krippendorff_alpha(renamed, turned), equal_nan=True)
    assert measure_agreement(people, winners).share <= 1 or np.isnan(measure_agreement(people, winners).share)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(WINNERS)), min_size=1, max_size=30))
def test_a_win_rate_and_that_of_the_other_side_are_one(said):
    people, winners = zip(*said, strict=True)
    other = {FIRST: SECOND, SECOND: FIRST}
    found = measure_preference(people, people, winners)
    turned = measure_preference(people, people, [other.get(winner, winner) for winner in winners])
    assert found.share + turned.share == pytest.approx(1)
    assert 0 <= found.low <= found.high <= 1
    assert found.n == len(said)


@pytest.mark.parametrize("truth", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("n_people", [10, 40])
def test_intervals_cover_the_truth_at_the_stated_rate(truth, n_people):
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(200):
        winners = np.where(rng.random(n_people) < truth, FIRST, SECOND).tolist()
        found = measure_preference(range(n_people), ["Ann"] * n_people, winners, seed=seed)
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) >= 0.92, "three standard errors of 200 draws below 0.95 at most"


@pytest.mark.parametrize(
    ("n_reviewers", "truth", "least"), [(3, 0.5, 0.85), (5, 0.5, 0.9), (5, 0.65, 0.9), (8, 0.6, 0.9)]
)
def test_intervals_hold_what_other_reviewers_of_differing_taste_would_say(n_reviewers, truth, least):
    """Three standard errors of 200 draws below 0.95; three reviewers are too few for that, which is said beside it."""
    rng, n_people, held, held_of_these = np.random.default_rng(0), 30, [], []
    for seed in range(200):
        taste = np.clip(truth + 0.2 * rng.standard_normal(n_reviewers), 0, 1)
        said = rng.random((n_people, n_reviewers)) < taste
        people = np.repeat(np.arange(n_people), n_reviewers)
        reviewers = np.tile(np.arange(n_reviewers), n_people)
        found = measure_preference(people, reviewers, np.where(said, FIRST, SECOND).ravel().tolist(), seed=seed)
        held.append(found.low <= truth <= found.high)
        held_of_these.append(found.low <= taste.mean() <= found.high)
    assert np.mean(held) >= least
    assert np.mean(held_of_these) >= 0.95
    assert found.few_reviewers == (n_reviewers < 5)


def test_reviewers_who_judged_nobody_in_common_have_an_interval():
    people = ["a", "b", "c", "d"]
    found = measure_preference(people, ["Ann", "Ann", "Ben", "Ben"], [FIRST, FIRST, SECOND, SECOND])
    assert found.low < 0.2
    assert found.high > 0.8
    assert (found.n_people, found.n_reviewers) == (4, 2)


@pytest.mark.parametrize(("n", "said"), [(5, "Too few to say"), (1_000, "No difference was found")])
def test_a_narrow_interval_around_one_half_is_told_from_a_wide_one(n, said):
    text = preference_text(measure_preference(range(2 * n), ["a"] * 2 * n, [FIRST, SECOND] * n))
    assert text.startswith(f"**{said}")
    assert f"Each won 50% of {2 * n:,} judgements" in text
    ahead = preference_text(measure_preference(range(2 * n + 1), ["a"] * (2 * n + 1), [SECOND, *[FIRST, SECOND] * n]))
    assert ahead.startswith(f"**{said}")
    assert "B is ahead. It won" in ahead


@pytest.mark.parametrize(("n", "whom"), [(1, "for this reviewer alone)"), (4, "among these reviewers)"), (5, "%)")])
def test_whom_an_interval_speaks_of_is_said(n, whom):
    people, reviewers = np.repeat(np.arange(20), n), np.tile(np.arange(n), 20)
    text = preference_text(measure_preference(people, reviewers, [FIRST] * len(people)))
    assert whom in text
    assert (n >= 5) == ("reviewer alone" not in text and "these reviewers" not in text)


def test_several_judgements_of_the_same_people_are_not_taken_for_more_people():
    people = [f"p{place}" for place in range(20)]
    winners = [FIRST] * 14 + [SECOND] * 6
    once = measure_preference(people, ["a"] * 20, winners)
    often = measure_preference(people * 5, np.repeat(list("abcde"), 20), winners * 5)
    assert often.share == once.share
    assert often.high - often.low == pytest.approx(once.high - once.low, abs=0.05)
    assert (often.n, often.n_people, often.n_reviewers) == (100, 20, 5)


def test_few_unanimous_people_do_not_decide_it_and_many_do():
    def unanimous(n, winner=SECOND):
        return measure_preference(range(n), ["a"] * n, [winner] * n)

    few, many = unanimous(2), unanimous(20)
    assert few.winner is None
    assert "Too few to say" in preference_text(few)
    assert many.winner == SECOND
    assert preference_text(many).startswith("**B is preferred.** It won 100%")
    assert unanimous(20, FIRST).winner == FIRST


def test_judgements_for_neither_side_count_half_and_are_named():
    found = measure_preference(list("abcd"), ["Ann"] * 4, [FIRST, ALIKE, NEITHER, FIRST])
    assert found.share == 0.75
    assert "for neither side: 2, counted half (1 alike, 1 no good)" in preference_text(found)


def test_without_judgements_nothing_is_preferred():
    found = measure_preference([], [], [])
    assert np.isnan(found.share)
    assert found.winner is None
    assert (found.n, found.n_people) == (0, 0)
