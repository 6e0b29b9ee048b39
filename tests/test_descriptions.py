"""Descriptions from keywords: their laws for any text, and what they say of texts whose interests are planted."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierex.config import DescriptionConfig, EmbeddingConfig, TreeConfig
from hierex.descriptions.keywords import describe_nodes
from hierex.descriptions.phrases import find_phrases
from hierex.descriptions.words import plain_text, stop_words
from hierex.embeddings import embed_texts
from hierex.interest_tree import grow_tree

INTERESTS = {
    "bread": ["sourdough starter", "open crumb", "dutch oven", "bread flour", "proofing basket"],
    "guitar": ["blues solo", "guitar pedals", "acoustic strings", "chord shapes", "tube amp"],
    "garden": ["tomato seedlings", "compost heap", "raised beds", "garden soil", "pruning roses"],
    "chess": ["queen gambit", "endgame study", "chess puzzle", "bishop pair", "opening trap"],
}


def planted(n_each=30, seed=0, interests=INTERESTS):
    """Titles of three phrases of their own interest each, and vectors that know the interests."""
    rng = np.random.default_rng(seed)
    titles = [
        f"How to get the {', '.join(rng.choice(phrases, 3, replace=False))} right in {2000 + k}"
        for phrases in interests.values()
        for k in range(n_each)
    ]
    return titles, interest_vectors(len(interests), n_each, rng)


def interest_vectors(n_interests, n_each, rng):
    vectors = np.repeat(np.eye(n_interests, n_interests + 6), n_each, axis=0)
    vectors[:, n_interests:] = 0.15 * rng.normal(size=(len(vectors), 6))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def describe(titles, vectors=None, texts=None, **config):
    if vectors is None:
        vectors = interest_vectors(2, len(titles) // 2, np.random.default_rng(0))
    tree = grow_tree(vectors, np.ones(len(titles)), config=TreeConfig())
    texts = titles if texts is None else texts
    return tree, describe_nodes(tree, titles, texts, vectors, config=DescriptionConfig(**config))


@pytest.fixture(scope="module")
def world():
    titles, vectors = planted()
    return titles, *describe(titles, vectors)


def test_each_planted_interest_is_told_by_its_own_words(world):
    titles, tree, descriptions = world
    told = set()
    for node in tree.cut(4):
        interest = next(
            name for name, phrases in INTERESTS.items() if any(p in titles[tree.order[tree.lo[node]]] for p in phrases)
        )
        words = set(" ".join(INTERESTS[interest]).split())
        assert set(descriptions[node].text().replace(",", "").split()) <= words
        assert set(descriptions[node].name.lower().replace(" &", "").split()) <= words
        assert len(descriptions[node].phrases) == 5
        told.add(interest)
    assert told == set(INTERESTS)


def test_one_description_per_node_in_order_from_keywords(world):
    _, tree, descriptions = world
    assert [d.cluster_id for d in descriptions] == list(range(len(tree.lo)))
    assert {d.source for d in descriptions} == {"keywords"}


def test_names_and_texts_are_unique_over_all_nodes(world):
    _, _, descriptions = world
    assert len({d.name.casefold() for d in descriptions}) == len(descriptions)
    assert len({d.text() for d in descriptions}) == len(descriptions)


def test_a_child_does_not_have_its_parents_name_in_another_order(world):
    _, tree, descriptions = world
    words = [frozenset(re.findall(r"\w+", d.name.lower())) for d in descriptions]
    for node in range(1, len(words)):
        assert not words[node] <= words[tree.parent[node]]


def test_names_are_short_and_in_title_case(world):
    _, _, descriptions = world
    for description in descriptions:
        assert 1 <= len(description.name.replace("& ", "").split()) <= 4
        assert description.name[0].isupper()


def test_stop_words_are_no_phrases_and_years_no_names(world):
    _, _, descriptions = world
    for description in descriptions:
        assert not re.search(r"\b20\d\d\b", description.name)
        for phrase in description.phrases:
            words = phrase.split()
            assert not stop_words() & {words[0], words[-1]}


def test_a_year_is_a_phrase_where_it_sets_an_interest_apart_and_other_numbers_are_none():
    titles = [f"Film {4200 + k % 3} of the sea ({1964 if k < 20 else 2011})" for k in range(40)]
    tree, descriptions = describe(titles)
    told = {node: [phrase for phrase in descriptions[node].phrases if phrase.isdigit()] for node in tree.cut(2)}
    assert sorted(told.values()) == [["1964"], ["2011"]]


def test_phrases_near_to_the_meaning_come_first():
    """Both words are in the same items; the text model knows which of them the items are like."""
    texts = ["bread, zebra", "oven, zebra"] * 20 + ["guitar, violin"] * 40
    vectors = embed_texts(["baking bread"] * 40 + ["playing music"] * 40, config=EmbeddingConfig())
    tree = grow_tree(vectors, np.ones(80), config=TreeConfig())
    alone, read, few = (
        describe_nodes(tree, [""] * 80, texts, vectors, config=DescriptionConfig(read_until=until), reader=reader)
        for until, reader in ((761, None), (761, EmbeddingConfig()), (1, EmbeddingConfig()))
    )
    baking = next(int(node) for node in tree.cut(2) if 0 in tree.order[tree.lo[node] : tree.hi[node]])
    assert alone[baking].phrases[0] == "zebra"
    assert read[baking].phrases[-1] == "zebra"
    assert sorted(read[baking].phrases) == sorted(alone[baking].phrases)
    assert few == alone


def test_no_phrase_is_said_twice(world):
    _, _, descriptions = world
    for description in descriptions:
        held = [set(phrase.split()) for phrase in description.phrases]
        assert not any(a <= b for k, a in enumerate(held) for b in held[:k] + held[k + 1 :])


def test_the_summary_quotes_two_titles_of_the_items(world):
    titles, tree, descriptions = world
    node = tree.cut(4)[0]
    summary = descriptions[node].summary
    assert summary.startswith("About ")
    assert "; for example “" in summary
    quoted = [q.removesuffix("…") for q in re.findall("“(.*?)”", summary)]
    assert len(quoted) == 2
    inside = [titles[item] for item in tree.order[tree.lo[node] : tree.hi[node]]]
    assert all(any(title.startswith(q) for title in inside) for q in quoted)


def test_the_same_input_gives_the_same_words_and_the_progress_grows(world):
    titles, tree, descriptions = world
    _, vectors = planted()
    shares = []
    again = describe_nodes(tree, titles, titles, vectors, config=DescriptionConfig(), progress=shares.append)
    assert again == descriptions
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_the_longer_phrase_stands_for_its_words_and_plurals_are_one():
    titles = [*["sourdough bread"] * 9, *["sourdough breads"] * 4, *["bread of sourdough"] * 5]
    titles += [*["trail running"] * 9, *["mountain trails"] * 9]
    _, descriptions = describe(titles)
    bread, trail = sorted(descriptions[1:3], key=lambda d: d.name)
    assert bread.phrases == ("sourdough bread",)
    assert not {"trail", "trails"} <= set(trail.phrases)


def test_hashtags_are_words_taken_apart_where_the_words_are_known():
    titles = ["my starter #sourdough #fyp #viral", "starter day #sourdoughstarter #fyp"] * 8
    _, descriptions = describe(titles + ["surf #surfing #fyp"] * 16)
    starter, surf = sorted(descriptions[1:3], key=lambda d: d.text())
    assert set(surf.phrases) == {"surf", "surfing"}
    assert "sourdough starter" in starter.phrases or {"sourdough", "starter"} <= set(starter.phrases)
    assert not {"fyp", "viral", "sourdoughstarter"} & set(" ".join(starter.phrases).split())
    assert find_phrases(["#SourdoughBread", "#BakeIt now"], most=50).texts[:2] == ["sourdough", "bread"]


def test_capitals_stay_where_they_mean_something():
    texts = find_phrases(["UFO over NASA", "an iPhone and a UFO", "CYBERMONKEY"], most=50).texts
    assert {"UFO", "NASA", "iPhone", "cybermonkey"} <= set(texts)


def test_a_vague_word_that_many_hold_is_no_phrase_alone():
    titles, vectors = planted()
    _, descriptions = describe(titles, vectors, texts=[f"{title} . video" for title in titles])
    assert not any("video" in d.phrases for d in descriptions)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["红烧牛肉面", "牛肉面条"], ["足球比赛", "足球冠军"]),
        (["ラーメン屋", "味噌ラーメン"], ["サッカー大会", "サッカー"]),
        (["ข้าวผัดกุ้ง", "ข้าวผัดปู"], ["ฟุตบอลไทย", "ดูฟุตบอล"]),
        (["рецепт борща", "рецепт супа"], ["футбол сегодня", "лига и футбол"]),
        (["وصفة دجاج", "وصفة أرز"], ["كرة القدم", "مباراة كرة"]),
        (["מתכון לחם", "מתכון עוגה"], ["כדורגל היום", "ליגת כדורגל"]),
        (["दाल रेसिपी", "आसान रेसिपी"], ["क्रिकेट मैच", "लाइव क्रिकेट"]),
        (["김치 요리", "김치 찌개"], ["축구 경기", "축구 하이라이트"]),
    ],
    ids=["zh", "ja", "th", "ru", "ar", "he", "hi", "ko"],
)
def test_any_script_is_put_into_its_own_words(one, other):
    _, descriptions = describe(one * 6 + other * 6)
    for description in descriptions[1:3]:
        own = one if any(title in description.summary for title in one) else other
        assert description.phrases[0].split()[0].strip() in " ".join(own)
        assert len(description.phrases[0]) > 1


def test_markup_is_no_word_and_nothing_hidden_comes_out():
    titles = [
        "<b>Cake</b> &amp; frosting",
        "<script>alert(1)</script> cake tin",
        "frosting <img src=x onerror=alert(1)",
    ] * 4
    titles += ["\u202eboots\x00\x07\x1b[31m laces", "<i class='shoes'>laces</i>", "boots http://x.example/a?b=<u>"] * 4
    _, descriptions = describe(titles)
    for description in descriptions:
        shown = description.name + description.text() + description.summary
        assert not re.search(r"<|>|script|alert|onerror|img|http|class", shown)
        assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in shown)
    assert {"cake", "frosting", "boots", "laces"} <= set(" ".join(d.text() for d in descriptions).split(", "))


@pytest.mark.parametrize(
    ("titles", "name"),
    [
        (["ab"] * 8 + ["cd"] * 8, r"Ab|Cd"),
        (["🍞"] * 8 + ["⚽"] * 8, r"🍞|⚽"),
        (["sourdough bread"] * 16, r"(?i)sourdough bread"),
        ([""] * 16, r"Interest \d+"),
        (["the"] * 16, r"(?i)the"),
        (["<br>"] * 16, r"Interest \d+"),
        (["2024"] * 16, r"2024"),
    ],
    ids=["two characters", "emoji", "identical", "empty", "stop word", "markup", "number"],
)
def test_texts_that_say_little_still_get_unique_names(titles, name):
    _, descriptions = describe(titles)
    assert len({d.name for d in descriptions}) == len({d.text() for d in descriptions}) == len(descriptions) > 2
    assert all(d.phrases for d in descriptions)
    assert all(re.match(name, d.name) for d in descriptions[1:])


def test_a_name_does_not_repeat_itself():
    """Where words run out, another title or a number tells interests apart."""
    said_twice = []
    few_words = ["Jazz kit"] * 16 + ["Hills lesson"] * 16
    for titles in (few_words, ["Jazz kit", "Jazz lesson", "Hills kit", "Hills day"] * 8):
        _, descriptions = describe(titles)
        assert len({description.name for description in descriptions}) == len(descriptions)
        parts = [description.name.casefold().partition(": ") for description in descriptions]
        said_twice += [after for before, _, after in parts if after and set(after.split()) <= set(before.split())]
    assert said_twice == []


def test_a_title_of_100_kb_is_neither_slow_nor_shown_whole():
    titles = ["x" * 100_000, "<script" * 15_000, "a@" * 50_000, "word " * 20_000] * 4
    _, descriptions = describe(titles)
    assert max(len(d.name + d.text() + d.summary) for d in descriptions) < 500


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=40), min_size=16, max_size=16), st.lists(st.text(max_size=60), min_size=16, max_size=16)
)
def test_any_text_gives_unique_printable_descriptions(titles, texts):
    tree, descriptions = describe(titles, texts=texts)
    assert len({d.name for d in descriptions}) == len({d.text() for d in descriptions}) == len(tree.lo)
    for description in descriptions:
        assert description.name.strip()
        assert 1 <= len(description.phrases) <= 10
        assert all(description.phrases)
        assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in description.name + description.summary)


@given(
    st.lists(st.sampled_from(["<", "b", ">", "script", "&lt;", "/", "\u200b", "\uff1c", "\uff1e", " ", "<!--", "ok"]))
)
def test_plain_text_is_one_line_without_a_tag(parts):
    plain = plain_text("".join(parts) + "\n\u202e")
    assert not re.search(r"</?[a-zA-Z]", plain)
    assert plain == " ".join(plain.split())


def test_ten_phrases_where_the_texts_hold_them_and_fewer_by_choice():
    rich = {name: [f"{name}{letter}" for letter in "abcdefghijkl"] for name in INTERESTS}
    titles, vectors = planted(interests=rich)
    tree, descriptions = describe(titles, vectors)
    assert all(len(descriptions[node].phrases) == 10 for node in tree.cut(4))
    _, fewer = describe(titles, vectors, n_phrases=3)
    assert all(len(description.phrases) == 3 for description in fewer)
