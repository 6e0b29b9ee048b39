"""Columns are recognised by name, in several languages, and by content; where they are not, nothing is made up."""

import numpy as np
import pandas as pd
import pytest

from hierex.logs import guess_columns, guess_interaction_columns, guess_item_columns

N = 60
ROWS = range(N)
IDS = [f"a{k}" for k in ROWS]
TITLES = [f"A nice title {k}" for k in ROWS]
WORDS = [f"A longer description of the thing number {k}" for k in ROWS]
GENRES = ["Drama", "Comedy"] * (N // 2)
USERS = [f"u{k % 7}" for k in ROWS]
SEEN = [f"a{k % 50}" for k in ROWS]
EPOCH = [1_500_000_000 + k * 1000 for k in ROWS]
DATES = [f"2024-01-{1 + k % 28:02} 10:00" for k in ROWS]
LINKS = [f"https://example.org/{k}" for k in ROWS]

CASES = {
    "english": (
        {"item_id": IDS, "title": TITLES, "description": WORDS, "tags": GENRES, "url": LINKS, "year": [1999] * N},
        {"user_id": USERS, "item_id": SEEN, "timestamp": EPOCH, "seq": list(ROWS), "rating": [4.5] * N},
        ("item_id", "title", ("description", "tags")),
        ("user_id", "item_id", "timestamp", "seq"),
    ),
    "camel case": (
        {"movieId": list(ROWS), "title": TITLES, "genres": GENRES},
        {"userId": [k % 7 for k in ROWS], "movieId": [k % 50 for k in ROWS], "rating": [4.5] * N, "timestamp": EPOCH},
        ("movieId", "title", ("genres",)),
        ("userId", "movieId", "timestamp", None),
    ),
    "german": (
        {"Artikelnummer": IDS, "Bezeichnung": TITLES, "Warengruppe": GENRES, "Beschreibung": WORDS, "Preis": [1.5] * N},
        {"Kundennr": USERS, "Artikelnr": SEEN, "Zeitpunkt": DATES, "Menge": [1] * N},
        ("Artikelnummer", "Bezeichnung", ("Warengruppe", "Beschreibung")),
        ("Kundennr", "Artikelnr", "Zeitpunkt", None),
    ),
    "french": (
        {"id_produit": IDS, "titre": TITLES, "résumé": WORDS, "catégorie": GENRES},
        {"utilisateur": USERS, "id_produit": SEEN, "horodatage": DATES},
        ("id_produit", "titre", ("résumé", "catégorie")),
        ("utilisateur", "id_produit", "horodatage", None),
    ),
    "spanish": (
        {"código": IDS, "nombre": TITLES, "categoría": GENRES},
        {"fecha": DATES, "cliente": USERS, "código": SEEN},
        ("código", "nombre", ("categoría",)),
        ("cliente", "código", "fecha", None),
    ),
    "polish": (
        {"Identyfikator": IDS, "Tytuł": TITLES, "Gatunek": GENRES},
        {"Użytkownik": USERS, "Identyfikator": SEEN, "Kiedy": DATES},
        ("Identyfikator", "Tytuł", ("Gatunek",)),
        ("Użytkownik", "Identyfikator", "Kiedy", None),
    ),
    "russian": (
        {"артикул": IDS, "название": TITLES, "описание": WORDS},
        {"покупатель": USERS, "артикул": SEEN, "дата": DATES},
        ("артикул", "название", ("описание",)),
        ("покупатель", "артикул", "дата", None),
    ),
    "chinese": (
        {"物品id": IDS, "标题": [f"中文标题{k}" for k in ROWS], "分类": ["电影", "音乐"] * (N // 2)},
        {"用户id": USERS, "物品id": SEEN, "时间戳": EPOCH},
        ("物品id", "标题", ("分类",)),
        ("用户id", "物品id", "时间戳", None),
    ),
    "japanese": (
        {"商品番号": IDS, "商品名": [f"商品{k}" for k in ROWS], "説明": WORDS},
        {"会員番号": USERS, "商品番号": SEEN, "日時": DATES},
        ("商品番号", "商品名", ("説明",)),
        ("会員番号", "商品番号", "日時", None),
    ),
    "names that say nothing": (
        {"x": IDS, "y": TITLES, "z": WORDS},
        {"p": USERS, "q": SEEN, "r": EPOCH, "s": [k % 5 for k in ROWS]},
        ("x", "y", ("z",)),
        ("p", "q", "r", None),
    ),
    "other ids beside": (
        {"video_id": list(ROWS), "caption": TITLES, "author_id": [k % 9 for k in ROWS], "upload_dt": DATES},
        {
            "session_id": SEEN,
            "user_id": USERS,
            "video_id": [k % 50 for k in ROWS],
            "date": [20220408] * N,
            "time_ms": EPOCH,
        },
        ("video_id", "caption", ()),
        ("user_id", "video_id", "time_ms", None),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_columns_are_recognised(name):
    items, interactions, item_columns, log_columns = CASES[name]
    found_items, found_log = guess_columns(pd.DataFrame(items), pd.DataFrame(interactions))
    assert (found_items.item_id, found_items.title, found_items.text) == item_columns
    assert (found_log.user_id, found_log.item_id, found_log.timestamp, found_log.order) == log_columns


@pytest.mark.parametrize("name", ["__index_level_0__", "column 1", "Unnamed: 0"])
def test_saved_row_numbers_are_no_ids_though_both_files_have_them(name):
    items, interactions, item_columns, log_columns = CASES["english"]
    found_items, found_log = guess_columns(
        pd.DataFrame({name: [str(k) for k in ROWS]} | items), pd.DataFrame({name: list(ROWS)} | interactions)
    )
    assert (found_items.item_id, found_items.title) == item_columns[:2]
    assert (found_log.user_id, found_log.item_id) == log_columns[:2]


def test_what_is_not_there_is_not_made_up():
    numbers = pd.DataFrame({"a": np.arange(20.0) / 7, "b": [1] * 20})
    found = guess_item_columns(numbers)
    assert (found.item_id, found.title, found.text) == (None, None, ())
    found = guess_interaction_columns(numbers)
    assert (found.user_id, found.item_id, found.timestamp, found.order) == (None, None, None, None)


def test_alone_each_file_is_read_by_its_names():
    items, interactions, *_ = CASES["german"]
    assert guess_item_columns(pd.DataFrame(items)).item_id == "Artikelnummer"
    assert guess_interaction_columns(pd.DataFrame(interactions)).user_id == "Kundennr"


@pytest.mark.parametrize(
    "frame", [pd.DataFrame(), pd.DataFrame({"item_id": []}), pd.DataFrame({"item_id": [None] * 5})]
)
def test_frames_of_nothing(frame):
    guess_columns(frame, frame)


def test_odd_values_do_not_stop_the_guess():
    frame = pd.DataFrame({"item_id": [1, "x", None, b"\xff", ["list"], {"a": 1}], 5: ["<b>"] * 6, "": [np.inf] * 6})
    guess_columns(frame, frame)


def test_dates_as_timestamps_are_times():
    interactions = pd.DataFrame({"who": USERS, "item": SEEN, "at": pd.to_datetime(EPOCH, unit="s")})
    assert guess_interaction_columns(interactions).timestamp == "at"
