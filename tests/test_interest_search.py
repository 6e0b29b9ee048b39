"""What is found by words and by meaning, in which order, and why."""

import math
from dataclasses import replace

import numpy as np
import pytest
from test_taxonomy import random_tree

from hierex.descriptions import Description
from hierex.descriptions.search import find_by_meaning, find_by_words, searchable, sum_leaves
from hierex.taxonomy import MERGED_FROM, CurationEdit, curate, cut_tree

TREE = random_tree(60, 3)
TAXONOMY = cut_tree(TREE, 4)
IDS = TAXONOMY.cluster_ids.tolist()


def described(**words: tuple[str, ...]) -> dict[int, Description]:
    """Four interests that say nothing, but for those given as a=(name, phrase ...), b=... ."""
    nothing = {i: Description(i, f"nothing {i}", (f"nil {i}",), "", "keywords") for i in IDS}
    said = {IDS["abcd".index(letter)]: text for letter, text in words.items()}
    return nothing | {i: replace(nothing[i], name=text[0], phrases=text[1:]) for i, text in said.items()}


def find(query, descriptions, titles=None, traffic=None, taxonomy=TAXONOMY, **more):
    titles = titles or ["x"] * 60
    traffic = np.ones(60) if traffic is None else traffic
    return find_by_words(query, taxonomy, descriptions, titles, searchable(titles), traffic, **more)


def titled(**titles: list[str]) -> list[str]:
    """Titles of the first items of the interests a, b, c, d; the others are called x."""
    all_titles = ["x"] * 60
    for letter, some in titles.items():
        for item, title in zip(TAXONOMY.items_of("abcd".index(letter)), some, strict=False):
            all_titles[item] = title
    return all_titles


def test_names_come_before_phrases_and_those_before_titles():
    titles = titled(a=["Rye bread"], b=["bread one", "bread two"], d=["bread three"])
    found = find("BREAD", described(c=("Cakes", "white bread"), d=("Bread & Butter",)), titles)
    assert [(one.cluster_id, one.place) for one in found] == [
        (IDS[3], "name"),
        (IDS[2], "phrases"),
        (IDS[1], "titles"),
        (IDS[0], "titles"),
    ]
    assert [one.n_items for one in found] == [1, 0, 2, 1]
    assert [one.text for one in found][1:] == ["white bread", "bread one", "Rye bread"]


def test_the_title_with_most_traffic_is_the_reason():
    titles = titled(a=["bread one", "bread two", "bread three"])
    traffic = np.ones(60)
    traffic[titles.index("bread two")] = 9
    assert find("bread", described(), titles, traffic)[0].text == "bread two"


@pytest.mark.parametrize(
    ("query", "title", "is_found"),
    [
        ("trai", "Model trains", True),
        ("rain", "Model trains", False),  # a word that begins so, not one that holds it
        ("trains model", "Model trains", True),
        ("trains tracks", "Model trains", False),
        ("creme brulee", "Crème brûlée", True),
        ("ZOLTY", "zółty", False),  # the stroke of an ł is no accent
        ("żółty", "ŻÓŁTY SER", True),
        ("京", "東京タワー", True),  # no spaces between words
        ("हिन्दी", "हिन्दी गीत", True),
        ("rock'n", "rock n roll", True),
        ("</script>", "<script>x</script>", True),
        ("...", "...", False),
        ("", "x", False),
    ],
)
def test_what_counts_as_holding_the_words(query, title, is_found):
    assert bool(find(query, described(), titled(b=[title]))) == is_found


def test_no_more_than_asked_for_and_nothing_of_nothing():
    titles = titled(a=["bread"], b=["bread"], c=["bread"])
    assert len(find("bread", described(), titles, most=2)) == 2
    assert find("wine", described(), titles) == []


def test_a_merged_interest_is_found_by_its_own_id():
    taxonomy = curate(TREE, 4, [CurationEdit(7, "merge", (IDS[0], IDS[2]))])[0]
    merged = MERGED_FROM + 7
    descriptions = described() | {merged: Description(merged, "both", ("x",), "", "keywords")}
    titles = titled(a=["bread"], c=["bread"])
    assert [(one.cluster_id, one.n_items) for one in find("bread", descriptions, titles, taxonomy=taxonomy)] == [
        (merged, 2)
    ]


def test_by_meaning_the_nearest_centre_comes_first_with_its_nearest_item():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    traffic = rng.poisson(3, 60).astype(float)
    query = vectors[0]
    sums = sum_leaves(TREE, vectors, traffic)
    found = find_by_meaning(query, TREE, TAXONOMY, sums, vectors, [str(item) for item in range(60)], most=3)
    expected = {}
    for cluster, cluster_id in enumerate(IDS):
        items = TAXONOMY.items_of(cluster)
        centre = np.average(vectors[items], axis=0, weights=np.maximum(traffic[items], 1))
        expected[cluster_id] = float(centre @ query / np.linalg.norm(centre))
    assert [one.cluster_id for one in found] == sorted(IDS, key=lambda i: -expected[i])[:3]
    for one in found:
        assert one.likeness == pytest.approx(expected[one.cluster_id], abs=1e-5)
        inside = TAXONOMY.items_of(IDS.index(one.cluster_id))
        assert int(one.text) == inside[np.argmax(vectors[inside] @ query)]
        assert one.place == "meaning"
    assert math.isnan(find("nothing", described())[0].likeness)
