"""What is rated low shows no interest: it is learned from nowhere, stays told of, and is not suggested again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_logs import ITEM_COLUMNS, LOG_COLUMNS, catalogue, log, stage, write

from hierex import cli
from hierex.errors import LogError, TooLittleData
from hierex.imports import import_logs
from hierex.kept import stored_logs
from hierex.logs import guess_interaction_columns, middle_rating
from hierex.preview.persons import Person
from hierex.store import open_store

RATED = replace(LOG_COLUMNS, rating="rating", liked_from=3.0)


def rated_log() -> pd.DataFrame:
    """Six people with five items each; every third row is rated 1 or 2, one is not rated."""
    frame = log()
    frame["rating"] = np.where(np.arange(len(frame)) % 3 == 0, np.where(frame.index % 2, 2, 1), 4)
    frame.loc[1, "rating"] = np.nan
    return frame


def pairs(frame: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["user_id"], frame["item_id"], strict=True))


def named(tables: dict[str, pd.DataFrame], table: str) -> set[tuple[str, str]]:
    joined = tables[table].merge(tables["users"], on="user_index").merge(tables["items"], on="item_index")
    return pairs(joined)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_low_ratings_are_kept_apart(tmp_path, kind):
    frame = rated_log()
    low = frame["rating"] < 3
    files = write(catalogue(), tmp_path / "i"), write(frame, tmp_path / f"l.{kind}", kind)
    tables, report = stage(*files, ITEM_COLUMNS, RATED)
    assert named(tables, "interactions") == pairs(frame[~low]), "what is not rated counts as liked"
    assert named(tables, "disliked") == pairs(frame[low])
    (found,) = [drop for drop in report.drops if drop.reason == "not_liked"]
    assert (found.count, found.kept) == (low.sum(), False)
    everything, other = stage(*files)
    assert named(everything, "interactions") == pairs(frame)
    assert everything["disliked"].empty
    assert other.content_key != report.content_key
    assert stage(*files, ITEM_COLUMNS, replace(RATED, liked_from=4.0))[1].content_key != report.content_key


def test_low_ratings_of_people_with_nothing_else_are_left_out_with_them(tmp_path):
    frame = rated_log()
    frame.loc[frame["user_id"] == "u0", "rating"] = 1
    tables, report = stage(write(catalogue(), tmp_path / "i"), write(frame, tmp_path / "l"), ITEM_COLUMNS, RATED)
    assert "u0" not in set(tables["users"]["user_id"])
    assert "u0" not in {user for user, _ in named(tables, "disliked")}
    assert [drop.examples for drop in report.drops if drop.reason == "unusable_user"] == [("u0",)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (replace(RATED, rating="user_id"), "does not hold numbers"),
        (replace(RATED, rating="stars"), "has no column 'stars'"),
        (replace(RATED, rating=None), "is the rating was not recognised"),
        (replace(RATED, liked_from=float("nan")), "has to be a number"),
        (replace(RATED, liked_from=9.0), "Interactions rated too low"),
    ],
)
def test_ratings_that_cannot_be_used_are_explained(tmp_path, columns, said):
    with pytest.raises((LogError, TooLittleData), match=said):
        stage(write(catalogue(), tmp_path / "i"), write(rated_log(), tmp_path / "l"), ITEM_COLUMNS, columns)


def test_ratings_are_recognised_by_name_and_scale():
    frame = rated_log()
    found = guess_interaction_columns(frame)
    assert (found.rating, found.liked_from) == ("rating", 4.0)
    for name in ("Bewertung", "user_rating", "overall", "stars"):
        assert guess_interaction_columns(frame.rename(columns={"rating": name})).rating == name
    for name in ("minutes", "avg_rating", "rating_count", "age_rating", "bit_rate", "helpful_votes"):
        assert guess_interaction_columns(frame.rename(columns={"rating": name})).rating is None
        both = frame.assign(**{name: 5 * frame["rating"]})[[name, *frame.columns]]
        assert guess_interaction_columns(both).rating == "rating", "the better one, not the first"


def test_ratings_with_a_comma_before_their_decimals_are_recognised():
    found = guess_interaction_columns(log().assign(rating=np.resize(["0,5", "3,5", "4", "5,0"], 30)))
    assert (found.rating, found.liked_from) == ("rating", 3.5)
    odd = log().drop(columns="timestamp").assign(position=[f"{place},5" for place in range(30)])
    assert guess_interaction_columns(odd).order is None, "an order is read with points only"


@pytest.mark.parametrize("values", [[1, 1, 2, 1, 5], [5, 5, 5], [-1, 7, 8, 10]])
def test_ratings_of_an_odd_scale_are_known_by_name_but_not_where_liked_begins(values):
    found = guess_interaction_columns(log().assign(rating=np.resize(values, 30)))
    assert (found.rating, found.liked_from) == ("rating", None)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_ratings_are_read_as_people_write_them(tmp_path, kind):
    frame = log().assign(rating=np.resize(["2,5", "3.5", "", "true", "false", "awful?"], 30))
    files = write(catalogue(), tmp_path / "i"), write(frame, tmp_path / f"l.{kind}", kind)
    tables, report = stage(*files, ITEM_COLUMNS, replace(RATED, liked_from=1.0))
    assert named(tables, "disliked") == pairs(frame[frame["rating"] == "false"])
    (unread,) = [drop for drop in report.drops if drop.reason == "unread_rating"]
    assert (unread.count, unread.examples, unread.kept) == (5, ("awful?",), True)
    assert report.liked == "rated 1 or more in 'rating'"
    strict, _ = stage(*files, ITEM_COLUMNS, replace(RATED, liked_from=3.0))
    low = frame["rating"].isin(["2,5", "true", "false"]) & frame["user_id"].isin(strict["users"]["user_id"])
    assert named(strict, "disliked") == pairs(frame[low])


def test_too_few_people_are_not_blamed_on_what_cost_little(tmp_path):
    frame = pd.DataFrame(
        {"user_id": [f"u{k}" for k in range(20)] + [None], "item_id": "001", "timestamp": 1_600_000_000}
    )
    files = write(catalogue(), tmp_path / "i"), write(frame, tmp_path / "l")
    with pytest.raises(TooLittleData) as raised:
        stage(*files)
    assert "Most were left out" not in str(raised.value)


@pytest.mark.parametrize(
    ("values", "middle"),
    [([1, 2, 3, 4, 5], 3), ([0.5, 3, 4.5, 5], 3), ([0, 1, 1], 1), ([-1, 1], 1), (range(11), 5), ([5, 5], None)],
)
def test_liked_is_the_upper_half_of_the_scale(values, middle):
    assert middle_rating(pd.Series(list(values))) == middle


def test_people_with_other_dislikes_are_not_taken_for_each_other():
    items, others = np.array([1, 2], np.int32), np.array([3], np.int32)
    keys = {
        Person("a", items).had,
        Person("a", items, disliked=others).had,
        Person("a", np.array([1, 2, 3], np.int32)).had,
    }
    assert len(keys) == 3


def test_logs_before_come_back_with_what_was_not_liked(tmp_path):
    files = write(catalogue(), tmp_path / "items.csv"), write(rated_log(), tmp_path / "log.csv")
    with open_store(tmp_path / "w.duckdb") as store:
        import_logs(store, *files, liked_from=3)
        rated = stored_logs.read_disliked(store)
        assert sum(len(rated.items_of(user)) for user in range(6)) == 10
        import_logs(store, *files)
        assert not len(stored_logs.read_disliked(store).item_index)
        stored_logs.exchange_logs(store)
        assert np.array_equal(stored_logs.read_disliked(store).item_index, rated.item_index)


def test_the_command_line_counts_every_rating_unless_told(tmp_path: Path, capsys):
    write(catalogue(), tmp_path / "items.csv"), write(rated_log(), tmp_path / "log.csv")
    call = ["run", "--items", str(tmp_path / "items.csv"), "--interactions", str(tmp_path / "log.csv")]
    call += ["--store", str(tmp_path / "w.duckdb"), "--until", "logs"]
    for extra, kept in ((["--liked-from", "3"], 20), ([], 30)):
        assert cli.main([*call, *extra]) == 0
        with open_store(tmp_path / "w.duckdb") as store:
            assert stored_logs.log_report(store).interactions_kept == kept
    capsys.readouterr()
