"""What the screen says of few numbers, and of numbers that are not there."""

import numpy as np
import pandas as pd
import pytest

from hierex.logs import Interactions
from hierex.wording import evaluation_sentence, recent_text
from hierex.wording.lists import lists_conclusion


def recalls(*, n_cases: int, chance: float, low: float = np.nan, high: float = np.nan) -> pd.DataFrame:
    rows = {"counts": 0.5, "popularity": 0.5, "chance": chance}
    return pd.DataFrame({"value": rows, "low": low, "high": high, "n_cases": n_cases})


def test_an_interval_that_is_missing_is_not_spoken_of():
    said = evaluation_sentence(recalls(n_cases=1, chance=0.4))
    assert said.startswith("Of 1 move to a new interest, **50.0%** was among the ten interests that were predicted: ")
    assert "nan" not in said
    said = evaluation_sentence(recalls(n_cases=2, chance=0.4, low=0.1, high=0.9))
    assert "Of 2 moves" in said
    assert "(95 % interval 10.0% to 90.0%)" in said


def test_ten_of_ten_interests_say_nothing():
    said = evaluation_sentence(recalls(n_cases=300, chance=1.0, low=1.0, high=1.0))
    assert "says nothing" in said
    assert "interval" not in said


@pytest.mark.parametrize(("n_users", "few"), [(4, True), (400, False)])
def test_lists_that_are_as_good_for_everybody_do_not_differ(n_users, few):
    metrics = ["novelty", "hits", "novel_hits"]
    lists = pd.DataFrame(
        [
            {"arm": arm, "metric": metric, "value": 0.5, "lift": 0.0, "lift_low": 0.0, "lift_high": 0.0}
            for arm in ("sequence", "mixed")
            for metric in metrics
        ]
    ).assign(n_users=n_users)
    said = lists_conclusion(lists)
    assert said.count("no difference") == 3
    assert "clearly" not in said
    assert ("So few people say little." in said) == few


def test_recent_moves_of_a_log_without_dates_are_a_part_of_everybody_s_history():
    nothing = np.empty(0, np.int64)
    log = Interactions(nothing, nothing, nothing, np.zeros(1, np.int64), n_items=0, has_dates=False)
    said = recent_text(log, 800_000, 900_000)
    assert said == "in the last 20% of each person's history, without its last 10%"
