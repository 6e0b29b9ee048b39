"""Files in, tables out: every form of a file gives the same tables, nothing is lost unsaid, bad input is explained."""

import bz2
import errno
import gzip
import json
import lzma
import os
import resource
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hierex.errors import DiskFull, LogError, TooLittleData
from hierex.logs import (
    InteractionColumns,
    Interactions,
    ItemColumns,
    LogFile,
    LogReport,
    guess_columns,
    preview,
    sniff,
    stage_logs,
)

ITEM_COLUMNS = ItemColumns("item_id", "title", ("text", "tags"))
LOG_COLUMNS = InteractionColumns("user_id", "item_id", "timestamp")
DATABASE = duckdb.connect(config={"threads": 1})
START = 1_600_000_000
TEXTS = [
    "日本語の題",
    "عنوان عربي",
    "שלום עולם",
    "🎬🍿",
    "<script>alert(1)</script>",
    "=1+2",
    "é|ü",
    'say "hi", ok',
    "ab",
]


def catalogue(n: int = 30) -> pd.DataFrame:
    titles = [f"Title {k}" if k >= len(TEXTS) else TEXTS[k] for k in range(n)]
    return pd.DataFrame(
        {
            "item_id": [f"{k:03}" for k in range(n)],
            "title": titles,
            "text": [f"words about {k}" for k in range(n)],
            "tags": ["a|b c"] * n,
        }
    )


def log(n_users: int = 6, length: int = 5, n_items: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "user_id": [f"u{user}" for user in range(n_users) for _ in range(length)],
            "item_id": [f"{k:03}" for k in rng.integers(0, n_items, n_users * length)],
            "timestamp": START + rng.permutation(n_users * length) * 1000,
        }
    )
    return frame.sample(frac=1, random_state=1, ignore_index=True)


def write(frame: pd.DataFrame, path: Path, kind: str = "csv", compression: str = "none") -> LogFile:
    if kind == "parquet":
        frame.to_parquet(path, compression=None if compression == "none" else compression)
        return LogFile(path, path.name)
    delimiters = {"csv": ",", "tsv": "\t", "semicolon": ";", "pipe": "|"}
    if kind == "jsonl":
        text = frame.to_json(orient="records", lines=True, force_ascii=False)
    elif kind == "json":
        text = frame.to_json(orient="records", force_ascii=False, indent=1)
    else:
        text = frame.to_csv(index=False, sep=delimiters[kind])
    return write_bytes(path, text.encode(), compression)


def write_bytes(path: Path, content: bytes, compression: str = "none") -> LogFile:
    pack = {"none": bytes, "gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    if compression == "zstd":
        with pa.output_stream(str(path), compression="zstd") as stream:
            stream.write(content)
    else:
        path.write_bytes(pack[compression](content))
    return LogFile(path, path.name)


def stage(items: LogFile, interactions: LogFile, columns=ITEM_COLUMNS, log_columns=LOG_COLUMNS):
    report = stage_logs(DATABASE, items, columns, interactions, log_columns)
    check_report(report)
    names = {name for (name,) in DATABASE.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert names == {"items", "users", "interactions", "disliked"}, "nothing temporary is left"
    return {name: DATABASE.execute(f"FROM {name}").df() for name in names}, report


def check_report(report: LogReport) -> None:
    """Nothing goes unsaid: what came in is what was kept and what was dropped."""
    for table in ("items", "users", "interactions"):
        lost = sum(found.count for found in report.drops if found.table == table and not found.kept)
        assert getattr(report, f"{table}_in") == getattr(report, f"{table}_kept") + lost, table
    assert LogReport.from_json(report.to_json()) == report
    assert all(found.count > 0 and len(found.examples) <= 5 for found in report.drops)


def dropped(report: LogReport) -> dict[str, int]:
    return {found.reason: found.count for found in report.drops}


def staged(folder: Path, items: pd.DataFrame, interactions: pd.DataFrame, **more):
    return stage(write(items, folder / "items.csv"), write(interactions, folder / "log.csv"), **more)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return staged(tmp_path_factory.mktemp("reference"), catalogue(), log())[0]


# -- every form of a file gives the same tables -----------------------------------------------------------------------


FORMS = [
    *[("csv", compression) for compression in ("none", "gzip", "zstd", "bz2", "xz")],
    *[("jsonl", compression) for compression in ("none", "gzip", "zstd", "xz")],
    *[("parquet", compression) for compression in ("none", "snappy", "zstd")],
    *[(kind, "none") for kind in ("tsv", "semicolon", "pipe", "json")],
]


@pytest.mark.parametrize(("kind", "compression"), FORMS)
def test_any_form_gives_the_same_tables(tmp_path, reference, kind, compression):
    files = [write(frame, tmp_path / name, kind, compression) for frame, name in ((catalogue(), "i"), (log(), "l"))]
    tables, report = stage(*files)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, reference[name])
    assert report.items_kept == 30
    assert report.has_dates


def test_the_tables_are_what_they_should_be(reference):
    wanted = log().sort_values(["user_id", "timestamp"], ignore_index=True)
    found = reference["interactions"]
    assert found["user_index"].map(reference["users"]["user_id"]).tolist() == wanted["user_id"].tolist()
    assert found["item_index"].map(reference["items"]["item_id"]).tolist() == wanted["item_id"].tolist()
    assert found["clock"].tolist() == (wanted["timestamp"] * 1_000_000).tolist()
    assert found["position"].tolist() == list(range(5)) * 6
    assert reference["items"]["item_index"].tolist() == list(range(30))
    assert reference["items"]["title"].tolist() == catalogue()["title"].tolist()
    assert reference["items"]["text"][0] == "words about 0\na, b c"
    assert [str(kind) for kind in found.dtypes] == ["int32", "int32", "int32", "int64"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-8"])
def test_any_unicode_encoding_gives_the_same_tables(tmp_path, reference, encoding):
    items = write_bytes(tmp_path / "i.csv", catalogue().to_csv(index=False).encode(encoding))
    interactions = write_bytes(tmp_path / "l.csv", log().to_csv(index=False).encode(encoding))
    pd.testing.assert_frame_equal(stage(items, interactions)[0]["items"], reference["items"])


def test_a_mark_in_front_of_json_hides_no_row(tmp_path):
    content = log().to_json(orient="records", lines=True).encode("utf-8-sig")
    file = write_bytes(tmp_path / "l.jsonl", content)
    assert stage(write(catalogue(), tmp_path / "i.csv"), file)[1].interactions_kept == 30


def test_a_stray_byte_costs_one_row(tmp_path):
    lines = catalogue().assign(title="é").to_csv(index=False).encode().splitlines()
    lines[7] = lines[7].replace("é".encode(), b"\xff")
    tables, report = stage(write_bytes(tmp_path / "i.csv", b"\n".join(lines)), write(log(), tmp_path / "l.csv"))
    assert dropped(report)["broken_item_row"] == 1
    assert set(tables["items"]["title"]) == {"é"}


@pytest.mark.parametrize("plain_rows", [0, 4_000])
def test_western_text_is_read_as_such_however_late_its_first_accent_comes(tmp_path, plain_rows):
    items = catalogue(30 + plain_rows).assign(title="a plain title", tags="")
    items.loc[items.index[-1], "title"] = "Café “Größe” für €5"
    file = write_bytes(tmp_path / "i.csv", items.to_csv(index=False).encode("cp1252"))
    tables, report = stage(file, write(log(), tmp_path / "l.csv"))
    assert tables["items"]["title"].iloc[-1] == "Café “Größe” für €5"
    assert "read_as_western" in dropped(report)


def test_other_old_encodings_are_refused(tmp_path):
    file = write_bytes(tmp_path / "i.csv", "ид;название\n1;Война и мир\n2;Анна Каренина\n".encode("cp1251"))
    with pytest.raises(LogError, match="Save the file as UTF-8"):
        sniff(file.path)
    polish = "kod;nazwa\n1;Chleb żytni i mąka\n2;Łańcuch, dętka i przełęcz\n3;Kąpiel w źródle\n"
    file = write_bytes(tmp_path / "p.csv", polish.encode("cp1250"))
    with pytest.raises(LogError, match="Save the file as UTF-8"):
        sniff(file.path)


def test_ids_of_parquet_become_text_as_a_person_would_write_them(tmp_path):
    items = catalogue().assign(item_id=[float(k) for k in range(30)], tags=[["x", "y"]] * 30)
    interactions = log().assign(
        item_id=log()["item_id"].astype(int), timestamp=pd.to_datetime(log()["timestamp"], unit="s")
    )
    tables, report = stage(
        write(items, tmp_path / "i.parquet", "parquet"), write(interactions, tmp_path / "l.parquet", "parquet")
    )
    assert tables["items"]["item_id"].tolist() == [str(k) for k in range(30)]
    assert tables["items"]["text"][3] == "words about 3\nx, y"
    assert report.interactions_kept == 30
    assert tables["interactions"]["clock"].min() >= START * 1_000_000


def test_nested_json_becomes_text(tmp_path):
    rows = [{"item_id": k, "title": f"t{k}", "text": {"en": "hello"}, "tags": ["x", "y"]} for k in range(12)]
    file = write_bytes(tmp_path / "i.jsonl", "\n".join(map(json.dumps, rows)).encode())
    tables, _ = stage(
        file, write(log(n_items=12).assign(item_id=lambda f: f["item_id"].astype(int)), tmp_path / "l.csv")
    )
    assert tables["items"]["text"][0] == '{"en":"hello"}\nx, y'
    assert tables["items"]["item_id"][11] == "11"


@pytest.mark.parametrize(
    "name", ["a*.csv", "a?.csv", "[ab].csv", "a,b.csv", "it's.csv", "-- x.csv", "ü 😀.csv", "{a,b}"]
)
def test_a_file_name_is_only_a_name(tmp_path, name, reference):
    for other in ("ab.csv", "a.csv", "b.csv"):
        (tmp_path / other).write_text("item_id,title\nsecret,other file\n")
    file = write(catalogue(), tmp_path / name)
    pd.testing.assert_frame_equal(stage(file, write(log(), tmp_path / "log.csv"))[0]["items"], reference["items"])


HOSTILE = ['"; DROP TABLE items; --', "it's", "a/b~c", "$.x[*]", "название 😀", " select "]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_column_names_are_only_names(tmp_path, kind):
    for name in HOSTILE:
        shown = name.strip() if kind == "csv" else name
        items = write(catalogue().rename(columns={"title": name}), tmp_path / "i", kind)
        interactions = write(log().rename(columns={"timestamp": name}), tmp_path / "l", kind)
        columns = ItemColumns("item_id", shown, ("text",)), InteractionColumns("user_id", "item_id", shown)
        tables, _ = stage(items, interactions, *columns)
        assert tables["items"]["title"][0] == TEXTS[0]


def test_parquet_may_have_a_column_called_as_the_row_number_is(tmp_path):
    interactions = write(log().assign(file_row_number=0), tmp_path / "l.parquet", "parquet")
    assert stage(write(catalogue(), tmp_path / "i.csv"), interactions)[1].interactions_kept == 30


def test_preview_shows_the_file_as_it_is(tmp_path):
    with duckdb.connect() as database:
        for kind in ("csv", "jsonl", "parquet"):
            frame = preview(database, write(catalogue(), tmp_path / "i", kind), rows=7)
            assert frame["item_id"].tolist() == catalogue()["item_id"][:7].tolist()
            assert list(frame.columns) == list(catalogue().columns)
        zoned = pd.DataFrame({"when": pd.to_datetime([START], unit="s", utc=True), "tags": [["a", "b"]]})
        frame = preview(database, write(zoned, tmp_path / "z", "parquet"))
        assert frame["tags"][0] == "a, b"
        assert str(frame["when"][0]).startswith("2020-09-13")


def test_odd_but_honest_csv(tmp_path):
    text = '\n\n"item_id";"title";;"title"\n"1";"a; b";;"x"\n"2";"line\nbreak";;"y"\n"3"; "z";;\n'
    with duckdb.connect() as database:
        frame = preview(database, write_bytes(tmp_path / "x.csv", text.encode()))
    assert list(frame.columns) == ["item_id", "title", "column 3", "title (2)"]
    assert frame["title"][:2].tolist() == ["a; b", "line\nbreak"]


def test_backslash_quotes_are_understood(tmp_path):
    text = 'item_id,title,text\n1,"say \\"hi\\", ok",x\n2,"b",y\n'
    with duckdb.connect() as database:
        assert preview(database, write_bytes(tmp_path / "x.csv", text.encode()))["title"][0] == 'say "hi", ok'


# -- times ------------------------------------------------------------------------------------------------------------


MOMENT = datetime(2021, 3, 14, 15, 9, 26, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())
WRITTEN = {
    "seconds": str(SECONDS),
    "seconds as a fraction": f"{SECONDS}.0",
    "milliseconds": str(SECONDS * 10**3),
    "microseconds": str(SECONDS * 10**6),
    "nanoseconds": str(SECONDS * 10**9),
    "scientific": f"{SECONDS / 1e9}e9",
    "iso": "2021-03-14 15:09:26",
    "iso with T and Z": "2021-03-14T15:09:26Z",
    "iso with an offset": "2021-03-14T20:39:26+05:30",
    "compact": "20210314150926",
    "german": "14.03.2021 15:09:26",
    "american": "03/14/2021 3:09:26 PM",
    "british": "14/03/2021 15:09:26",
    "twitter": "Sun Mar 14 15:09:26 +0000 2021",
    "http": "Sun, 14 Mar 2021 15:09:26 GMT",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_times_in_any_usual_form(tmp_path, form):
    tables, report = staged(tmp_path, catalogue(), log().assign(timestamp=WRITTEN[form]))
    assert set(tables["interactions"]["clock"]) == {SECONDS * 10**6}
    assert report.first_date == report.last_date == MOMENT


@pytest.mark.parametrize("form", ["2021-03-14", "20210314", "14.03.2021", "14 Mar 2021", "March 14, 2021"])
def test_dates_alone(tmp_path, form):
    _, report = staged(tmp_path, catalogue(), log().assign(timestamp=form))
    assert report.first_date == datetime(2021, 3, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([SECONDS] * 30, pa.int64()),
        pa.array([SECONDS * 1000] * 30, pa.uint64()),
        pa.array([float(SECONDS)] * 30, pa.float64()),
        pa.array([MOMENT] * 30, pa.timestamp("ns", tz="Europe/Berlin")),
        pa.array([MOMENT.replace(tzinfo=None)] * 30, pa.timestamp("ms")),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_typed_times_of_parquet_do_not_depend_on_the_zone_of_the_session(tmp_path, values, zone):
    table = pa.table({"user_id": log()["user_id"], "item_id": log()["item_id"], "timestamp": values})
    pq.write_table(table, tmp_path / "l.parquet")
    with duckdb.connect() as database:
        database.execute(f"SET TimeZone = '{zone}'")
        files = write(catalogue(), tmp_path / "i.csv"), LogFile(tmp_path / "l.parquet", "l")
        report = stage_logs(database, files[0], ITEM_COLUMNS, files[1], LOG_COLUMNS)
        assert database.execute("SELECT current_setting('TimeZone')").fetchone() == (zone,)
    assert report.first_date == MOMENT


def test_units_are_never_mixed(tmp_path):
    interactions = log()
    interactions["timestamp"] *= 1000
    interactions.loc[:9, "timestamp"] //= 1000
    tables, report = staged(tmp_path, catalogue(), interactions)
    assert dropped(report)["impossible_time"] == 10
    assert tables["interactions"]["clock"].min() >= START * 10**6
    assert "milliseconds" in report.time_form


def test_a_date_that_can_be_read_in_two_ways_is_asked_for(tmp_path):
    with pytest.raises(LogError, match="day or the month first"):
        staged(tmp_path, catalogue(), log().assign(timestamp="03/04/2021"))


@pytest.mark.parametrize("bad", ["", "soon", "0", "1969-12-31", "2021-02-30", "2999-01-01", "-5", "nan", "infinity"])
def test_impossible_times_are_dropped_and_told(tmp_path, bad):
    interactions = log().assign(timestamp=[bad] + ["2021-03-14 10:00:00"] * 29)
    report = staged(tmp_path, catalogue(), interactions)[1]
    assert dropped(report)["impossible_time"] == 1
    found = next(found for found in report.drops if found.reason == "impossible_time")
    assert found.examples == ((bad,) if bad else ())


def test_a_column_without_times_is_refused(tmp_path):
    with pytest.raises(LogError, match=r"'title' does not hold times.*ISO"):
        staged(
            tmp_path,
            catalogue(),
            log().assign(title="abc"),
            log_columns=InteractionColumns("user_id", "item_id", "title"),
        )


def test_ties_follow_the_order_column_then_the_file(tmp_path):
    interactions = pd.DataFrame(
        {"user_id": "u1", "item_id": ["003", "001", "002", "000"], "timestamp": START, "seq": ["10", "9", "9", "x"]}
    )
    interactions = pd.concat([interactions, interactions.assign(user_id="u2")])
    columns = InteractionColumns("user_id", "item_id", "timestamp", "seq")
    tables, _ = staged(tmp_path, catalogue(), interactions, log_columns=columns)
    assert tables["interactions"]["item_index"][:4].tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize("order", [None, "seq"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_without_dates_the_clock_is_the_share_of_the_own_history(tmp_path, order, kind):
    interactions = log(n_users=3, length=4).drop(columns="timestamp").sort_values("user_id", ignore_index=True)
    interactions["seq"] = -np.arange(len(interactions))
    file = write(interactions, tmp_path / "l", kind)
    columns = InteractionColumns("user_id", "item_id", None, order)
    tables, report = stage(write(catalogue(), tmp_path / "i.csv"), file, log_columns=columns)
    found = tables["interactions"]
    assert found["clock"].tolist() == [0, 250_000, 500_000, 750_000] * 3
    wanted = interactions if order is None else interactions[::-1].sort_values("user_id", kind="stable")
    assert found["item_index"].tolist() == wanted["item_id"].astype(int).tolist()
    assert (report.has_dates, report.first_date) == (False, None)


def test_an_order_column_of_words_is_refused(tmp_path):
    with pytest.raises(LogError, match="does not hold numbers"):
        staged(
            tmp_path,
            catalogue(),
            log().assign(seq="x"),
            log_columns=InteractionColumns("user_id", "item_id", None, "seq"),
        )


# -- what is dropped, and why ------------------------------------------------------------------------------------------


def test_every_reason_is_counted_with_examples(tmp_path):
    items = pd.concat(
        [
            catalogue(),
            pd.DataFrame(
                {"item_id": ["005", " 006 ", None, "blank", "late"], "title": ["again", "again", "x", " ", ""]}
            ),
            pd.DataFrame({"item_id": ["late"], "title": ["has words"]}),
            pd.DataFrame({"item_id": ["only text"], "text": ["words\x07of a text"]}),
            pd.DataFrame({"item_id": ["long"], "title": ["x" * 100_000], "text": ["y" * 100_000]}),
        ]
    )
    base = log()
    more = pd.DataFrame(
        [
            ("u0", "nowhere", START),
            ("u0", "blank", START),
            ("", "001", START),
            ("u1", None, START),
            ("u2", "001", "never"),
            ("alone", "001", START),
            ("nobody", "nowhere", START),
            ("u3", "004", START + 1),
            ("u3", " 004", START + 1),
            ("u3", "004", START + 2),
        ],
        columns=base.columns,
    )
    tables, report = staged(tmp_path, items, pd.concat([base, more]))
    found = dropped(report)
    wanted = {
        "item_without_id": 1,
        "duplicate_item": 3,
        "item_without_text": 1,
        "title_from_text": 1,
        "title_shortened": 1,
        "text_shortened": 1,
        "unknown_item": 2,
        "left_out_item": 1,
        "no_user": 1,
        "no_item": 1,
        "impossible_time": 1,
        "single": 1,
        "single_user": 1,
        "unusable_user": 1,
        "duplicate": 1,
    }
    assert {reason: found[reason] for reason in wanted} == wanted
    examples = {drop.reason: drop.examples for drop in report.drops}
    assert examples["unknown_item"] == ("nowhere",)
    assert examples["impossible_time"] == ("never",)
    assert examples["duplicate"] == ("person u3, item 004",)
    assert examples["single_user"] == ("alone",)
    kept = tables["items"].set_index("item_id")
    assert kept.loc["late", "title"] == "has words"
    assert kept.loc["only text", "title"] == "words of a text"
    assert kept.loc["005", "title"] == catalogue()["title"][5]
    assert len(kept.loc["long", "title"]) == 10_000


def test_repeats_stay_and_items_without_traffic_stay(tmp_path):
    interactions = pd.DataFrame({"user_id": list("aabbb"), "item_id": ["001"] * 5, "timestamp": START + np.arange(5)})
    tables, report = staged(tmp_path, catalogue(), interactions)
    assert len(tables["interactions"]) == 5
    assert dropped(report) == {"repeat": 3, "item_without_traffic": 29}
    assert all(found.kept for found in report.drops)


def test_broken_rows_are_told(tmp_path):
    lines = log().to_csv(index=False).splitlines()
    lines[5:5] = ["too,many,fields,here", "few"]
    file = write_bytes(tmp_path / "l.csv", "\n".join(lines).encode())
    _, report = stage(write(catalogue(), tmp_path / "i.csv"), file)
    assert dropped(report)["broken_row"] == 2
    assert report.interactions_in == 32


def test_broken_json_lines_are_told(tmp_path):
    lines = log().to_json(orient="records", lines=True).splitlines()
    file = write_bytes(tmp_path / "l.jsonl", "\n".join([*lines, "{broken", "[1, 2]"]).encode())
    assert dropped(stage(write(catalogue(), tmp_path / "i.csv"), file)[1])["no_user"] == 2


def test_words_are_kept_as_they_are(tmp_path):
    titles = [
        "=HYPERLINK(1)",
        "<b>x</b>",
        "ab",
        "👩‍👩‍👧 🏳️‍🌈",
        "מבחן ‏RTL",
        "a\x00\x1b[31mb",
        "tab\tin",
        "@cmd",
        "-1+1",
        "é" * 20,
    ]
    tables, _ = stage(
        write(catalogue(10).assign(title=titles), tmp_path / "i.jsonl", "jsonl"),
        write(log(n_items=10), tmp_path / "l.csv"),
    )
    wanted = [*titles[:5], "a [31mb", "tab in", *titles[7:]]
    assert tables["items"]["title"].tolist() == wanted


def test_items_that_all_read_alike_are_fine(tmp_path):
    _, report = staged(tmp_path, catalogue().assign(title="same", text="same", tags=""), log())
    assert report.items_kept == 30


# -- bad input ---------------------------------------------------------------------------------------------------------


BAD = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n ", "is empty"),
    "zeros": (bytes(100_000), "binary"),
    "random": (np.random.default_rng(0).bytes(100_000), "binary"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "binary"),
    "workbook": (b"PK\x03\x04" + bytes(500), "Excel"),
    "wrong delimiter": (b"user_id^item_id^timestamp\n1^2^3\n", "only one column.*commas, tabs"),
    "one column": (b"item_id\n1\n2\n", "only one column"),
    "other fields": (b"user_id,item_id,timestamp\n1,2,3,\n1,2,4,\n", "Most rows.*3 fields of its first line"),
    "no names": (b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "no column names"),
    "torn json": (b'{"item_id": 1,\n "title": "x"}\n', "one object per line"),
    "torn list": (b'[{"item_id": 1}, {"item', "damaged or cut short"),
    "torn parquet": (b"PAR1" + bytes(range(256)) * 20, "damaged or cut short"),
    "packed noise": (gzip.compress(bytes(1000)), "binary"),
    "list of nothing": (b"[]", "no columns"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_explained_and_change_nothing(tmp_path, name):
    content, message = BAD[name]
    bad = LogFile(write_bytes(tmp_path / "bad", content).path, "<b>bad</b>.csv")
    good = write(catalogue(), tmp_path / "i.csv"), write(log(), tmp_path / "l.csv")
    with duckdb.connect() as database:
        database.execute("CREATE TABLE items AS SELECT 'old' AS item_id")
        for files in ((bad, good[1]), (good[0], bad)):
            with pytest.raises(LogError, match=message) as raised:
                stage_logs(database, files[0], ITEM_COLUMNS, files[1], LOG_COLUMNS)
            assert "bad</b>.csv" in str(raised.value)
            assert str(tmp_path) not in str(raised.value)
        with pytest.raises(LogError):
            preview(database, bad)
        assert database.execute("FROM items").fetchall() == [("old",)]
        assert database.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "bz2", "xz"])
def test_a_packed_file_that_is_cut_short_is_not_taken_for_a_whole_one(tmp_path, compression):
    content = pd.concat([log()] * 2_000).to_csv(index=False).encode()
    file = write_bytes(tmp_path / "l.csv", content, compression)
    os.truncate(file.path, file.path.stat().st_size * 9 // 10)
    with pytest.raises(LogError, match="cannot be read"):
        stage(write(catalogue(), tmp_path / "i.csv"), file)


def test_a_huge_file_of_nothing_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.csv"
    path.touch()
    os.truncate(path, 3 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with duckdb.connect() as database, pytest.raises(LogError, match="binary"):
        stage_logs(database, LogFile(path, "huge.csv"), ITEM_COLUMNS, LogFile(path, "huge.csv"), LOG_COLUMNS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_missing_files_and_folders_are_explained(tmp_path):
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(LogError, match="cannot be read"):
            sniff(path)


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    with pytest.raises(LogError, match=r"no column 'movie'.*'item_id', 'title'"):
        staged(tmp_path, catalogue(), log(), columns=ItemColumns("movie", "title"))
    with pytest.raises(LogError, match="person's id was not recognised"):
        staged(tmp_path, catalogue(), log(), log_columns=InteractionColumns(None, "item_id"))
    with pytest.raises(LogError, match="cannot be the column of"):
        staged(tmp_path, catalogue(), log(), log_columns=InteractionColumns("item_id", "item_id"))
    with pytest.raises(LogError, match="titles or other words"):
        staged(tmp_path, catalogue(), log(), columns=ItemColumns("item_id", None))


def test_names_without_rows(tmp_path):
    for files in ((catalogue()[:0], log()), (catalogue(), log()[:0])):
        with pytest.raises(LogError, match="no rows"):
            staged(tmp_path, *files)


def test_a_million_unknown_items(tmp_path):
    path = tmp_path / "l.parquet"
    rows = "SELECT i % 1000 AS user_id, 'x' || i AS item_id, 1600000000 + i AS timestamp FROM range(1000000) t(i)"
    DATABASE.execute(f"COPY ({rows}) TO '{path}'")
    with pytest.raises(LogError, match=r"None of the 1,000,000 .*such as x0, x1.*catalogue has 000, 001"):
        stage(write(catalogue(), tmp_path / "i.csv"), LogFile(path, "l.parquet"))


def test_too_little_is_said_with_the_reason(tmp_path):
    with pytest.raises(TooLittleData, match=r"Only 1 of the 1 rows.*at least 10"):
        staged(tmp_path, catalogue(1), log())
    with pytest.raises(TooLittleData, match=r"Only 1 of the 1 people"):
        staged(tmp_path, catalogue(), log(n_users=1))
    with pytest.raises(TooLittleData, match=r"Only 0 of the 6 people"):
        staged(tmp_path, catalogue(), log(length=1))
    with pytest.raises(TooLittleData, match="neither a title nor other words"):
        staged(tmp_path, catalogue().assign(title="", text="", tags=""), log())


def test_mostly_broken_rows_are_refused(tmp_path):
    text = "user_id,item_id,timestamp\n" * 700 + "u,1,2,3,4\n" * 10_000
    with pytest.raises(LogError, match=r"10,000 of the 10,699 rows.*separated by commas"):
        stage(write(catalogue(), tmp_path / "i.csv"), write_bytes(tmp_path / "l.csv", text.encode()))


def test_a_stop_is_not_taken_for_a_bad_file(tmp_path):
    class Stopped(Exception):
        pass

    def stop(share):
        raise Stopped

    with duckdb.connect() as database:
        files = write(catalogue(), tmp_path / "i.csv"), write(log(), tmp_path / "l.csv")
        with pytest.raises(Stopped):
            stage_logs(database, files[0], ITEM_COLUMNS, files[1], LOG_COLUMNS, progress=stop)
        assert database.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)
        assert stage_logs(database, files[0], ITEM_COLUMNS, files[1], LOG_COLUMNS).items_kept == 30


@pytest.mark.parametrize("step", ["staged_items", "staged_lines", "staged_users", "staged_order", "TABLE interactions"])
@pytest.mark.parametrize("fault", ["IOException", "InterruptException"])
def test_a_full_disk_or_a_stop_is_not_taken_for_a_bad_file(tmp_path, step, fault):
    class Failing:
        def execute(self, sql, parameters=None):
            if f"CREATE OR REPLACE TEMP TABLE {step}" in sql or f"CREATE OR REPLACE {step}" in sql:
                raise getattr(duckdb, fault)("No space left on device")
            return database.execute(sql, parameters)

    files = write(catalogue(), tmp_path / "i.csv"), write(log(), tmp_path / "l.csv")
    with duckdb.connect() as database:
        with pytest.raises(getattr(duckdb, fault)):
            stage_logs(Failing(), files[0], ITEM_COLUMNS, files[1], LOG_COLUMNS)
        left = database.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'staged%'").fetchone()
        assert left == (0,)


def test_a_copy_that_does_not_fit_is_a_full_disk(tmp_path, monkeypatch):
    file = write_bytes(tmp_path / "l.csv.gz", log().to_csv(index=False).encode(), "gzip")
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("hierex.logs.files._copy", lambda *_: (_ for _ in ()).throw(full))
    with pytest.raises(DiskFull, match="no room left"):
        stage(write(catalogue(), tmp_path / "i.csv"), file)


# -- laws --------------------------------------------------------------------------------------------------------------


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u3", "u 4", "", "lonely"]),
        st.sampled_from(["000", "001", " 001", "002", "nowhere", ""]),
        st.sampled_from(["1600000000", "1600000001", "1600000002", "x", "0"]),
    ),
    min_size=4,
    max_size=40,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, kind=st.sampled_from(["csv", "jsonl", "parquet"]))
def test_what_is_staged_is_sorted_without_duplicates_and_nothing_is_lost_unsaid(tmp_path, rows, kind):
    always = [(user, item, "1600000009") for user in ("u1", "u2") for item in ("005", "006")]
    frame = pd.DataFrame([*rows, *always], columns=["user_id", "item_id", "timestamp"])
    file = write(frame, tmp_path / f"l.{kind}", kind)
    found = stage(write(catalogue(), tmp_path / "i.csv"), file)[0]["interactions"]
    order = found[["user_index", "clock"]].apply(tuple, axis=1).tolist()
    assert order == sorted(order)
    assert not found.duplicated(["user_index", "item_index", "clock"]).any()
    assert (found["position"] == found.groupby("user_index").cumcount()).all()
    assert (found.groupby("user_index").size() >= 2).all()
    assert found["user_index"].unique().tolist() == list(range(found["user_index"].nunique()))


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_nothing(tmp_path, threads):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user_id": rng.integers(0, 5_000, 200_000),
            "item_id": rng.integers(0, 30, 200_000),
            "timestamp": START + rng.integers(0, 50, 200_000),
        }
    )
    items = write(catalogue().assign(item_id=[str(k) for k in range(30)]), tmp_path / "i.csv")
    file = write(frame, tmp_path / "l.parquet", "parquet")
    with duckdb.connect(config={"threads": threads}) as database:
        stage_logs(database, items, ITEM_COLUMNS, file, LOG_COLUMNS)
        found = database.execute("FROM interactions").df()
    frame = frame.drop_duplicates()
    frame["user_id"] = frame["user_id"].astype(str)
    wanted = frame.sort_values(["user_id", "timestamp"], kind="stable")
    assert found["item_index"].tolist() == wanted["item_id"].tolist()
    assert found["clock"].tolist() == (wanted["timestamp"] * 10**6).tolist()


def test_the_content_key_names_files_and_columns(tmp_path):
    items, interactions = write(catalogue(), tmp_path / "i.csv"), write(log(), tmp_path / "l.csv")
    key = stage(items, interactions)[1].content_key
    assert stage(LogFile(items.path, "renamed"), interactions)[1].content_key == key
    assert stage(items, interactions, columns=ItemColumns("item_id", "title", ("text",)))[1].content_key != key
    guessed = guess_columns(catalogue(), log())
    assert stage(items, interactions, *guessed)[1].content_key == key
    assert stage(write(catalogue(31), tmp_path / "i.csv"), interactions)[1].content_key != key


@given(st.integers(1, 60), st.floats(0.05, 0.6), st.booleans())
def test_the_split_leaves_the_asked_share_for_later(n, share, has_dates):
    clock = np.random.default_rng(n).permutation(n).astype(np.int64) * 10
    found = Interactions(np.zeros(n, np.int32), np.zeros(n, np.int32), clock, np.array([0, n]), 1, has_dates)
    split = found.split_clock(share)
    if has_dates:
        assert (clock < split).sum() == int((1 - share) * n)
    else:
        assert split == round((1 - share) * 1_000_000)
