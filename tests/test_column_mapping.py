"""What the Logs page says of two files before they are checked."""

from datetime import datetime

import pytest
from opened_app import app_over, open_script, words

from hierex.logs import LogFile, LogReport
from hierex.logs.report import drop

ITEMS = "item_id,title,genre\n" + "".join(f"i{n},Title {n},genre {n % 3}\n" for n in range(30))
LOG = "user_id,item_id,timestamp\n" + "".join(f"u{n % 7},i{n},{1_700_000_000 + n}\n" for n in range(30))


def show(items, interactions):
    import streamlit as st

    from hierex.view.logs.column_mapping import map_columns

    st.caption("ready" if map_columns(items, interactions) else "not ready")


def show_facts(report):
    from hierex.view.logs.log_import import log_facts

    log_facts(report)


def said(folder, items: str, log: str) -> str:
    files = []
    for name, text in (("items.csv", items), ("log.csv", log)):
        (folder / name).write_text(text)
        files.append(LogFile(folder / name, name))
    with app_over(folder):
        return words(open_script(show, *files))


def test_recognised_columns_need_no_words(tmp_path):
    text = said(tmp_path, ITEMS, LOG)
    assert text.splitlines()[-1] == "ready"
    assert "Choose" not in text


@pytest.mark.parametrize("log", ["user_id,item_id,timestamp\n", "a,b,c\n"])
def test_a_log_without_rows_is_said_to_have_none(tmp_path, log):
    text = said(tmp_path, ITEMS, log)
    assert r"no rows that can be read in 'log\.csv'" in text
    assert "not recognised" not in text
    assert "not ready" in text


def test_only_columns_that_are_missing_are_named(tmp_path):
    text = said(tmp_path, ITEMS, "when,what\n" + "".join(f"{1_700_000_000 + n},i{n}\n" for n in range(30)))
    assert "Choose the columns that were not recognised: the log's person id." in text


@pytest.mark.parametrize(
    ("reason", "lost", "warned"), [("unknown_item", 30, True), ("unknown_item", 5, False), ("not_liked", 30, False)]
)
def test_what_an_import_loses_against_expectation_is_said_loudly(reason, lost, warned):
    day, drops = datetime(2026, 1, 1), (drop(reason, lost, ["a"]), drop("single_user", 3))
    report = LogReport(9, 9, 20, 17, 100, 100 - lost, True, "seconds", day, day, drops, "key")
    app = open_script(show_facts, report)
    assert f"{100 - lost} of 100 rows of the log are used, of 17 of its 20 people." in words(app)
    assert [warning.value[:29] for warning in app.warning] == ["30% of the log cannot be used"] * warned
    assert app.table[0].value["How many"].tolist() == [f"{lost} interactions", "3 people"]


def test_what_stays_as_it_is_is_not_counted_among_what_was_left_out(tmp_path):
    day = datetime(2026, 1, 1)
    drops = (drop("title_from_text", 2), drop("repeat", 1_234), drop("no_user", 1))
    app = open_script(show_facts, LogReport(9, 9, 20, 20, 2_000, 1_999, True, "seconds", day, day, drops, "key"))
    assert [one.label for one in app.expander] == [
        "What was left out or changed, and why (2)",
        "What was noticed and stays as it is (1)",
    ]
    assert app.table[1].value["How many"].tolist() == ["1,234 interactions"]
    app = open_script(show_facts, LogReport(9, 9, 20, 20, 2_000, 2_000, True, "seconds", day, day, drops[1:2], "key"))
    assert "Nothing was left out or changed." in words(app)


def test_it_is_shown_that_time_was_taken_from_the_order_of_the_rows():
    report = LogReport(9, 9, 20, 20, 100, 100, False, "order of the rows", None, None, (), "key")
    assert "taken from the order of the rows" in words(open_script(show_facts, report))


def test_files_in_each_other_s_place_are_told(tmp_path):
    assert "look exchanged" in said(tmp_path, LOG, ITEMS)
    assert "look exchanged" not in said(tmp_path, ITEMS, "when,what\n1700000000,i1\n1700000001,i2\n")
