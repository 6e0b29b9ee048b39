"""What the Logs page says of two files before they are checked."""

import pytest
from opened_app import app_over, open_script, words

from hierex.logs import LogFile

ITEMS = "item_id,title,genre\n" + "".join(f"i{n},Title {n},genre {n % 3}\n" for n in range(30))
LOG = "user_id,item_id,timestamp\n" + "".join(f"u{n % 7},i{n},{1_700_000_000 + n}\n" for n in range(30))


def show(items, interactions):
    import streamlit as st

    from hierex.view.logs.column_mapping import map_columns

    st.caption("ready" if map_columns(items, interactions) else "not ready")


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


def test_files_in_each_other_s_place_are_told(tmp_path):
    assert "look exchanged" in said(tmp_path, LOG, ITEMS)
    assert "look exchanged" not in said(tmp_path, ITEMS, "when,what\n1700000000,i1\n1700000001,i2\n")
