"""Descriptions that leave as a file and come back: nothing changes by itself, and nothing changes unseen."""

import csv
import io
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierex.descriptions import Description
from hierex.descriptions.changes import change_table, names_twice, plan_replacement
from hierex.errors import HierexError
from hierex.files.descriptions import MOST_ROWS, plan_import, write_descriptions_file
from hierex.files.exports import as_typed, neutralise
from hierex.files.returned import LONGEST_CELL
from hierex.taxonomy import MERGED_FROM
from hierex.view.descriptions.checks import CHECK_COLUMNS

TREE = "1234567890abcdef"
BREAD = Description(1, "Bread", ("sourdough", "rye, dark"), "About bread.", "keywords")
TEA = Description(2, "=Tea", ("-green", "'=odd", "black"), "@home", "model")
BOTH = Description(MERGED_FROM + 3, "007", ("1e5", "NA"), "", "human")
SHOWN = {d.cluster_id: d for d in (BREAD, TEA, BOTH)}


def file_of(shown=SHOWN, tree_key=TREE) -> bytes:
    more = pd.DataFrame({"Note": ["=1+1"] * len(shown)})
    return write_descriptions_file(tree_key, list(shown.values()), more)


def edited(data: bytes, changes: dict[int, dict[str, str]], *, delimiter=",", encoding="utf-8-sig") -> bytes:
    """What a spreadsheet saves after somebody typed into cells, by row and column."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    for row, cells in changes.items():
        for name, text in cells.items():
            rows[row + 1][rows[0].index(name)] = text
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode(encoding, "replace")


TEXTS = st.one_of(
    st.text(max_size=20), st.sampled_from(["=1+1", "'=x", "''", "\t=x", "NA", "a,b;c", '"', "-", "\ufeff"])
)
DESCRIPTIONS = st.lists(
    st.builds(Description, st.just(0), TEXTS, st.lists(TEXTS, max_size=12).map(tuple), TEXTS, st.just("model")),
    min_size=1,
    max_size=4,
).map(lambda found: {node: replace(d, cluster_id=node) for node, d in enumerate(found, start=5)})


@given(DESCRIPTIONS)
def test_what_comes_back_as_it_left_changes_nothing(shown):
    plan = plan_import(file_of(shown), TREE, shown)
    assert (plan.wanted, plan.conflicts, plan.refusals) == ((), (), ())
    assert plan.unchanged == len(shown)


@given(DESCRIPTIONS)
def test_no_cell_of_the_file_is_a_formula(shown):
    rows = list(csv.reader(io.StringIO(file_of(shown).decode("utf-8-sig"), newline="")))
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


@given(TEXTS)
def test_the_apostrophe_against_formulas_comes_off_again(text):
    assert as_typed(neutralise(text)) == text


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "cp1252"), ("\t", "utf-16"), (",", "utf-8"), (";", "utf-8-sig")]
)
def test_files_as_spreadsheets_save_them(delimiter, encoding):
    data = edited(file_of(), {0: {"Name": "Café"}}, delimiter=delimiter, encoding=encoding)
    plan = plan_import(data, TREE, SHOWN)
    assert plan.wanted == (replace(BREAD, name="Café", source="human"),)
    assert plan.unchanged == 2


def test_every_field_can_be_changed_and_phrases_added_and_removed():
    data = edited(file_of(), {0: {"Phrase 1": "", "Phrase 3": "toast", "Summary": "'=sum"}})
    (wanted,) = plan_import(data, TREE, SHOWN).wanted
    assert wanted.phrases == ("rye, dark", "toast")
    assert wanted.summary == "=sum"
    assert wanted.name == "Bread"


def test_what_was_changed_here_as_well_is_a_conflict_and_what_nobody_changed_in_the_file_is_none():
    data = edited(file_of(), {0: {"Name": "Loaves"}})
    now = SHOWN | {1: replace(BREAD, name="Rolls"), 2: replace(TEA, name="Brews")}
    plan = plan_import(data, TREE, now)
    assert plan.wanted == ()
    assert [d.name for d in plan.conflicts] == ["Loaves"]
    assert plan.unchanged == 2
    assert change_table(now, plan.conflicts).to_numpy().tolist() == [["Rolls", "Name", "Rolls", "Loaves"]]


def test_the_same_change_here_and_there_is_no_conflict():
    data = edited(file_of(), {0: {"Name": "Rolls"}})
    plan = plan_import(data, TREE, SHOWN | {1: replace(BREAD, name="Rolls")})
    assert (plan.wanted, plan.conflicts) == ((), ())


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Key": "interest-12345678-99"}, "not among the 3"),
        ({"Key": "interest-ffffffff-1"}, "found anew"),
        ({"Key": "merged-88"}, "not among the 3"),
        ({"Key": "Jan-17"}, "key was changed"),
        ({"Key": " "}, "no key"),
        ({"Key": "merged-3"}, None),
        ({"Name": " "}, "needs a name"),
        ({"Name": "x" * 81}, "at most 80"),
        ({"Phrase 1": "", "Phrase 2": ""}, "at least one phrase"),
        ({"Summary": "x" * 501}, "more than 500"),
    ],
)
def test_rows_that_fit_nothing_or_cannot_be_are_listed_with_the_reason(cells, reason):
    plan = plan_import(edited(file_of(), {0: cells}), TREE, SHOWN)
    assert (plan.wanted, plan.conflicts) == ((), ())
    said = [(refusal.where.split(":")[0], refusal.reason) for refusal in plan.refusals]
    if reason:
        assert said[0][0] == "Row 2"
        assert reason in said[0][1]
    else:
        assert said == [("Row 4", "The interest is in an earlier row as well.")]


def test_a_file_of_other_interests_changes_nothing():
    plan = plan_import(file_of(tree_key="ffffffff00"), TREE, SHOWN)
    assert len(plan.refusals) == 2, "merged interests are the same in every tree"
    assert plan.wanted == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\n\n ,\n", "empty"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"Name,Summary\nBread,x\n", "no column 'Key'"),
        (b"Key,Name\ninterest-12345678-1,x\n", "no column 'Started from'"),
        (b"\x00\xff\xfe\x9d binary", "no column"),
        (b"x" * 20_000_001, "at most 20 MB"),
        (b"Key,Name,Started from\n" + b"a,b,c\n" * (MOST_ROWS + 1), "more than 20,000 rows"),
        (b"Key,Name,Started from\na," + b"b" * (LONGEST_CELL + 1) + b",c\n", "Row 2 has a cell"),
        (b"Key,Name,Started from\na," + b"b" * 200_000 + b",c\n", "Row 2 is not CSV"),
        (b"Key,Name,Started from\na,b,c\na,b, and more,c\n", "Row 3 has 4 cells, and the first row names 3 columns"),
    ],
)
def test_files_that_cannot_be_used_say_why(data, reason):
    with pytest.raises(HierexError, match=reason):
        plan_import(data, TREE, SHOWN)


def test_a_short_row_and_an_unknown_column_do_no_harm():
    lines = file_of().decode("utf-8-sig").splitlines()
    data = "\n".join([lines[0] + ",Mine", lines[1] + ",x", "interest-12345678-2"]).encode()
    plan = plan_import(data, TREE, SHOWN)
    assert plan.wanted == ()
    assert plan.unchanged == 1
    assert "needs a name" in plan.refusals[0].reason


@pytest.mark.parametrize(
    ("find", "options", "name"),
    [
        ("bread", {}, "Rye and RYES"),
        ("bread", {"match_case": True}, "Bread and BREADS"),
        ("bread", {"whole_words": True}, "Rye and BREADS"),
        (".*", {}, "Bread and BREADS"),
        ("Bread", {"fields": ["summary"]}, "Bread and BREADS"),
        ("  ", {}, "Bread and BREADS"),
    ],
)
def test_found_words_are_replaced_as_asked(find, options, name):
    before = Description(1, "Bread and BREADS", ("toast",), "", "keywords")
    plan = plan_replacement([before], find, "RYE" if find == "x" else "Rye", **options)
    found = plan.wanted[0].name if plan.wanted else before.name
    assert found.casefold() == name.casefold()
    assert plan.unchanged == (not plan.wanted)


def test_names_that_would_be_there_twice_are_told():
    shown = {1: BREAD, 2: replace(BREAD, cluster_id=2, name="Rye Bread"), 3: replace(TEA, cluster_id=3, name="bread")}
    assert names_twice(shown, []) == []
    plan = plan_replacement([shown[2]], "Rye ", "", fields=["name"], whole_words=True)
    assert [d.name for d in plan.wanted] == ["Bread"]
    assert names_twice(shown, plan.wanted) == ["Bread"]
    assert names_twice({2: shown[2]}, plan.wanted) == []


def test_columns_of_the_check_are_looked_at_and_not_read_back():
    more = pd.DataFrame({name: ["=1", "0.5", "Bread"] for name in [*CHECK_COLUMNS, "Found", "Phrase", "Phrases"]})
    data = write_descriptions_file(TREE, list(SHOWN.values()), more)
    assert plan_import(data, TREE, SHOWN).unchanged == 3
    changed = edited(data, {0: {"Name": "Loaves", "Look at this": "nothing", "Likeness": "9"}})
    assert plan_import(changed, TREE, SHOWN).wanted == (replace(BREAD, name="Loaves", source="human"),)


def test_a_replacement_is_text_and_what_it_leaves_empty_is_refused():
    plan = plan_replacement([BREAD], "Bread", r"\1 <b>")
    assert plan.wanted[0].name == r"\1 <b>"
    plan = plan_replacement([BREAD, TEA], "Bread", "", fields=["name"])
    assert [refusal.where for refusal in plan.refusals] == ["Bread"]
    assert (plan.wanted, plan.unchanged) == ((), 1)


NAMES = st.text(st.characters(categories=["L", "P", "N"]), min_size=1, max_size=10)


@given(NAMES, NAMES, NAMES)
def test_what_is_planned_is_what_stands_in_the_preview(name, find, replacement):
    before = Description(1, name, (name, "rest"), name, "keywords")
    plan = plan_replacement([before], find, replacement, match_case=True)
    table = change_table({1: before}, plan.wanted)
    fields = {"Name": "name", "Summary": "summary"}
    for _, row in table[table["What"].isin(fields)].iterrows():
        assert row["Before"] == name
        assert row["After"] == getattr(plan.wanted[0], fields[row["What"]]) == name.replace(find, replacement)
    assert (find != replacement and (find in name or find in "rest")) == bool(len(table))
