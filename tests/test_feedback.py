"""Thumbs and outcomes: what is taken, what is refused with the reason, what is counted, and taking back."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_pipeline import write_world

from hierex.config import LayerConfig, PolicyConfig, RecommenderConfig, RunConfig
from hierex.errors import ConfigError, HierexError
from hierex.files.outcomes import check_outcomes
from hierex.imports import import_logs
from hierex.kept.feedback import (
    Thumb,
    place_outcomes,
    read_batches,
    read_thumbs,
    save_outcomes,
    save_thumb,
    set_batch_undone,
)
from hierex.kept.results import result_note
from hierex.kept.runs import config_of, shown_run
from hierex.layering import NOT_ORDERED, placed_outcomes
from hierex.pipeline import run_pipeline
from hierex.releases import other_policy
from hierex.store import open_store
from hierex.view.next_interest.liked import elsewhere_text, known_interests, outcome_form, read_form
from hierex.workspace import Workspace

CONFIG = RunConfig(
    granularity=10, policy=PolicyConfig(kind="counts"), recommender=RecommenderConfig(epochs=1, dimensions=16)
)
KNOWN = {"1": 1, "2": 2, "3": 3, "bread": 3}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feedback")
    store = open_store(folder / "w.duckdb")
    import_logs(store, *write_world(folder / "logs"))
    yield store, run_pipeline(store, CONFIG)
    store.close()


@pytest.fixture
def work(built):
    store, work = built
    with store.transaction() as writer:
        writer.execute("DELETE FROM feedback")
    return work


def lines(*rows):
    """As a form is read: the first row of a file names the columns."""
    columns = ["before_1", "before_2", "new", "shown", "liked"]
    return pd.DataFrame(rows, range(2, len(rows) + 2), columns)


def placed(work):
    return place_outcomes(work.store, work.tree_key, work.tree, work.taxonomy)


def test_names_and_ids_are_taken_and_lines_that_nobody_filled_in_are_left_out():
    taken = check_outcomes(lines(("1", "2", "bread", "10", "4"), ("1", "2", "3", "", "")), KNOWN)
    assert taken.to_numpy().tolist() == [[1, 2, 3, 10, 4]]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (lines(("1", "2", "cake", 10, 4)), "Row 2 names an interest that is not known"),
        (lines(("1", "2", "3", 1, 1), ("1", "2", "2", 10, 4)), "Row 3 leads to an interest that it starts from"),
        (lines(("1", "2", "3", 10, 11)), "liked from 0 to shown"),
        (lines(("1", "2", "3", -1, 0)), "shown above 0"),
        (lines(("1", "2", "3", "2.5", "1")), "Row 2 needs whole numbers"),
        (lines(("1", "2", "3", "5", "1.2")), "Row 2 needs whole numbers"),
        (lines(*[("1", "2", "3", 5, "x")] * 2), "2 rows cannot be used. Rows 2 and 3 need whole"),
        (lines(*[("1", "2", "cake", 5, 1)] * 3), "Rows 2, 3 and 4 name an interest"),
        (lines(*[("1", "2", "1", 5, 1)] * 4), "4 rows.* Rows 2, 3 and 4, for example, lead to .* they start from"),
        (lines(("1", "2", "3", "many", 0)), "needs whole numbers"),
        (lines(("1", "2", "cake", 5, 1), ("1", "2", "3", 5, 9)), "Row 2 names an interest .* Row 3 needs whole"),
        (lines(("1", "2", "3", "", "")), "No row"),
        (lines().drop(columns="liked"), "no column 'liked'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(frame, reason):
    with pytest.raises(HierexError, match=reason):
        check_outcomes(frame, KNOWN)


def test_outcomes_that_count_nowhere_are_told_in_words_that_hold_for_one():
    assert elsewhere_text(0, 1).startswith("Of 1 in all, no outcome counts here. They speak of")
    assert elsewhere_text(5, 1).startswith("Outcomes that don't count here: 1. They speak of")


def test_outcomes_add_up_and_a_file_can_be_taken_back_and_brought_back(work):
    a, b, c = work.taxonomy.cluster_ids[:3].tolist()
    anns, bens = (lines((a, b, c, 10, liked), (b, a, c, 5, 0)).astype(float) for liked in (5, 4))
    save_outcomes(work.store, work.tree_key, anns, author="Ann")
    save_outcomes(work.store, work.tree_key, bens, author="Ben")
    with pytest.raises(HierexError, match="Just these outcomes were taken in on"):
        save_outcomes(work.store, work.tree_key, bens.iloc[::-1], author="Ann")
    outcomes, elsewhere = placed(work)
    assert outcomes.contexts.tolist() == [[0, 1], [1, 0]]
    assert (outcomes.novel[0], outcomes.n[0], outcomes.positive[0], elsewhere) == (2, 20, 9, 0)
    latest, first = read_batches(work.store)
    assert (latest.author, latest.n, latest.liked) == ("Ben", 15, 4)
    set_batch_undone(work.store, latest.batch, True)
    assert placed(work)[0].n[0] == 10
    assert read_batches(work.store)[0].undone
    set_batch_undone(work.store, latest.batch, False)
    assert placed(work)[0].n[0] == 20
    set_batch_undone(work.store, latest.batch, True)
    save_outcomes(work.store, work.tree_key, bens, author="Ben")
    with pytest.raises(HierexError, match="Just these outcomes were taken in on"):
        set_batch_undone(work.store, latest.batch, False)
    assert placed(work)[0].n[0] == 20
    assert first.author == "Ann"


def test_a_thumb_takes_the_place_of_the_same_persons_earlier_one(work):
    a, b, c = work.taxonomy.cluster_ids[:3].tolist()
    save_thumb(work.store, work.tree_key, [a, b], c, liked=True, author="Ann", user_id="u1", reason="fits")
    save_thumb(work.store, work.tree_key, [a, b], c, liked=False, author="Ann", user_id="u1")
    save_thumb(work.store, work.tree_key, [a, b], c, liked=True, author="Ben", user_id="u1")
    assert read_thumbs(work.store, work.tree_key, [a, b], "Ann", "u1") == {c: Thumb(False, "")}
    save_thumb(work.store, work.tree_key, [a, b], c, liked=False, author="Ann", user_id="u1", reason="no fit")
    assert read_thumbs(work.store, work.tree_key, [a, b], "Ann", "u1") == {c: Thumb(False, "no fit")}
    outcomes, _ = placed(work)
    assert (outcomes.n[0], outcomes.positive[0]) == (2, 1)
    save_thumb(work.store, work.tree_key, [a, b], c, liked=None, author="Ann", user_id="u1")
    assert read_thumbs(work.store, work.tree_key, [a, b], "Ann", "u1") == {}
    assert placed(work)[0].n[0] == 1


def test_what_speaks_of_finer_interests_counts_for_what_holds_them_and_other_trees_for_none(work):
    tree, taxonomy = work.tree, work.taxonomy
    finest = tree.cut(tree.finest)
    cluster_of = taxonomy.cluster_of_item[tree.order[tree.lo[finest]]]
    before = finest[np.flatnonzero(cluster_of == 0)[0]]
    later, new = (finest[np.flatnonzero(cluster_of == place)[-1]] for place in (1, 2))
    save_outcomes(work.store, work.tree_key, lines((before, later, new, 6, 3)).astype(float), author="Ann")
    save_outcomes(work.store, work.tree_key, lines((0, later, new, 5, 3)).astype(float), author="Ann")
    save_outcomes(work.store, "another tree", lines((before, later, new, 7, 3)).astype(float), author="Ann")
    outcomes, elsewhere = placed(work)
    assert outcomes.contexts.tolist() == [[0, 1]]
    assert outcomes.novel.tolist() == [2]
    assert outcomes.n.tolist() == [6]
    assert elsewhere == 12, "the root holds all interests, and another tree has others"


def test_what_speaks_of_finer_starting_points_counts_where_predictions_start_from(work):
    """Two parts of one interest are one starting point, given once in the form in which policies are asked."""
    tree, taxonomy = work.tree, work.taxonomy
    finest = tree.cut(tree.finest)
    cluster_of = taxonomy.cluster_of_item[tree.order[tree.lo[finest]]]
    (a, *_), (b, *_, also_b), (new, *_) = (finest[cluster_of == place].tolist() for place in (0, 1, 2))
    for user, context in enumerate(([a, b, also_b], [b, a, also_b], [a, a, b])):
        save_thumb(work.store, work.tree_key, context, new, liked=True, author="Ann", user_id=f"u{user}")
    outcomes, _ = place_outcomes(work.store, work.tree_key, tree, taxonomy, k=3)
    assert outcomes.contexts.tolist() == [[0, 0, 1]]
    assert outcomes.n.tolist() == [3]


def say_what_is_liked(work) -> np.ndarray:
    """People like the interests of odd ids. Returns all ids."""
    ids = work.taxonomy.cluster_ids
    rng = np.random.default_rng(0)
    rows = [(*ids[rng.permutation(len(ids))[:3]], 10) for _ in range(300)]
    frame = lines(*[(a, b, c, n, n if c % 2 else 0) for a, b, c, n in rows]).astype(float)
    save_outcomes(work.store, work.tree_key, frame, author="Ann")
    return ids


def test_answers_are_put_in_the_order_of_what_people_liked(work):
    ids = say_what_is_liked(work)
    config = replace(CONFIG, layers=LayerConfig(best_of=5))
    aligned = run_pipeline(work.store, config)
    assert aligned.policy.name == "counts+aligned"
    assert shown_run(work.store).config["layers"]["best_of"] == 5
    assert config_of(shown_run(work.store).config).layers == config.layers
    measured = aligned.evaluation["policies"]
    assert {"counts+aligned", "counts"} <= set(measured["policy"]), "what it is laid over stands beside it"
    firsts = [p.score(np.array([[0, 1], [3, 4], [5, 2]])).argmax(axis=1) for p in (work.policy, aligned.policy)]
    assert (ids[firsts[1]] % 2).mean() >= (ids[firsts[0]] % 2).mean()


def test_thumbs_of_one_reviewer_are_one_however_the_name_is_written(work):
    for novel, author in enumerate(("Ann", "ann", "ANN ")):
        save_thumb(work.store, work.tree_key, (7, 8), novel, liked=novel > 0, author=author, user_id="u")
    (batch,) = read_batches(work.store)
    assert (batch.author, batch.n, batch.liked) == ("ANN", 3, 2)


def test_without_feedback_nothing_is_ordered_by_it_and_that_is_said(work):
    config = replace(CONFIG, layers=LayerConfig(best_of=5, novelty=1.0))
    plain = run_pipeline(work.store, config)
    assert plain.policy.name == "counts+novelty"
    assert result_note(work.store, "policies", plain.keys["policies"]) == (
        f"{NOT_ORDERED} It takes 50 outcomes from 5 starting points to learn what people like. "
        "So far there are 0, from 0."
    )
    say_what_is_liked(work)
    ordered = run_pipeline(work.store, config)
    assert ordered.policy.name == "counts+aligned+novelty"
    assert not result_note(work.store, "policies", ordered.keys["policies"])


def test_a_build_with_the_interests_found_anew_goes_on_without_the_order_of_what_was_liked(work):
    say_what_is_liked(work)
    config = replace(CONFIG, layers=LayerConfig(best_of=5))
    assert run_pipeline(work.store, config).policy.name == "counts+aligned"
    anew = run_pipeline(work.store, replace(config, regrow=True, seed=1))
    assert anew.tree_key != work.tree_key
    assert anew.policy.name == "counts"
    assert NOT_ORDERED in result_note(work.store, "policies", anew.keys["policies"])
    assert set(anew.evaluation["policies"]["policy"]) >= {"counts", "ease", "popularity"}
    assert run_pipeline(work.store, replace(config, regrow=True)).policy.name == "counts+aligned", "they count there"


def test_a_refreshed_run_is_measured_on_time_that_it_has_not_seen(work):
    config = replace(CONFIG, layers=LayerConfig(refreshed=True))
    refreshed = run_pipeline(work.store, config)
    assert refreshed.judged_from > refreshed.split
    moves = refreshed.moves
    n_cases = refreshed.evaluation["policies"]["n_cases"].iloc[0]
    assert n_cases == ((moves.clock >= refreshed.judged_from) & ~refreshed.taxonomy.hidden[moves.novel]).sum()
    assert refreshed.keys["learned_policy"] == work.keys["policies"], "nothing is learned anew"


def test_the_dial_is_measured(work):
    dial = run_pipeline(work.store, replace(CONFIG, granularity=40)).evaluation["dial"]
    first, middle, last = dial["distance"].iloc[[0, 4, -1]]
    assert first < middle < last
    assert dial["weight"].iloc[0] == 0
    far = run_pipeline(work.store, replace(CONFIG, layers=LayerConfig(novelty=5.0)))
    assert far.policy.name == "counts+novelty"


def test_the_dial_measures_what_is_served_and_all_that_was_laid_under_it(work):
    layers = LayerConfig(refreshed=True, novelty=2.0)
    measured = run_pipeline(work.store, replace(CONFIG, granularity=40, layers=layers)).evaluation
    found = measured["policies"].query("metric == 'recall@10'").set_index("policy")
    assert set(measured["dial"]["policy"]) == {"counts+refreshed"}
    dial = measured["dial"].set_index("weight")
    assert dial.loc[2.0, "recall"] == pytest.approx(found.loc["counts+refreshed+novelty", "value"])
    assert dial.loc[0.0, "recall"] != pytest.approx(found.loc["counts+refreshed+novelty", "value"])
    assert dial.loc[2.0, "n_cases"] == found.loc["counts+refreshed+novelty", "n_cases"]


@pytest.mark.parametrize("layers", [{"best_of": -1}, {"novelty": -0.1}, {"novelty": 21.0}])
def test_layers_that_cannot_be_are_refused(layers):
    with pytest.raises(ConfigError, match="Give 0 or more"):
        LayerConfig(**layers)


def test_lines_are_named_as_they_stand_in_the_file():
    frame = lines(("1", "2", "3", "", ""), ("1", "2", "3", 5, 1), ("1", "2", "cake", 10, 4))
    with pytest.raises(HierexError, match="Row 4 names an interest"):
        check_outcomes(frame, KNOWN)


@pytest.mark.parametrize("shown", ["inf", "1e300"])
def test_more_people_than_there_can_be_are_refused(shown):
    with pytest.raises(HierexError, match="needs whole numbers"):
        check_outcomes(lines(("1", "2", "3", shown, "1")), KNOWN)


def test_a_column_that_is_there_twice_is_named():
    frame = lines(("1", "2", "3", 5, 1)).assign(Shown=3)
    with pytest.raises(HierexError, match="'shown' more than once"):
        check_outcomes(frame, KNOWN)


@pytest.mark.parametrize("k", [1, 3])
def test_the_form_is_taken_in_and_counts_whatever_number_of_interests_predictions_start_from(work, k):
    other = run_pipeline(work.store, other_policy(CONFIG, CONFIG.policy, k=k))
    form = outcome_form(other).assign(shown="10", liked="4")
    assert len(form)
    taken = check_outcomes(form, known_interests(other), k=k)
    save_outcomes(other.store, other.tree_key, taken, author="Ann")
    outcomes, elsewhere = placed_outcomes(other)
    assert (outcomes.n.sum(), elsewhere) == (10 * len(form), 0)
    assert outcomes.contexts.shape[1] == k


def test_a_form_for_other_predictions_is_refused():
    with pytest.raises(HierexError, match="no column 'before_3'"):
        check_outcomes(lines(("1", "2", "3", 5, 1)), KNOWN, k=3)
    with pytest.raises(HierexError, match="start from 1"):
        check_outcomes(lines(("1", "2", "3", 5, 1)), KNOWN, k=1)


def test_the_form_holds_nothing_hidden_and_no_starting_points_of_few_people(work):
    hidden = work.taxonomy.hidden.copy()
    moves = work.moves
    common = np.unique(moves.novel, return_counts=True)
    hidden[common[0][common[1].argmax()]] = True
    busy = Workspace(work.store, work.config, work.keys)
    left_out = hidden[work.taxonomy.cluster_of_item]
    busy.built = replace(work.built, taxonomy=replace(work.taxonomy, hidden_items=left_out))
    form = outcome_form(busy)
    ids = work.taxonomy.cluster_ids[hidden]
    assert len(form)
    assert not form[["before_1", "before_2", "new"]].isin(ids).any(axis=None)
    contexts, people = np.unique(work.taxonomy.cluster_ids[moves.contexts], axis=0, return_counts=True)
    few = set(map(tuple, contexts[people < 3].tolist()))
    assert few
    assert not few & set(zip(form["before_1"], form["before_2"], strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "before_1,before_2,new,shown,liked\n1,2,3,10,4\n",
        "before_1;before_2;new;shown;liked\n1;2;3;10;4\n",
        "\ufeffbefore_1,before_2,new,shown,liked\n\n1,2,3,10,4\n1,2,3\n",
        "before_1\tbefore_2\tnew\tshown\tliked\n1\t2\t3\t10.0\t4\n",
        "before_1,before_2,new,shown,liked\n1,2,3,10,4,\n1,2,3,,,,\n",
        "before_1,before_2,new,shown,liked,\n1,2,3,10,4,seen in May\n",
        ",before_1,before_2,new,shown,liked\n0,1,2,3,10,4\n",
    ],
)
def test_forms_are_read_as_spreadsheets_write_them(text):
    taken = check_outcomes(read_form(text.encode()), KNOWN)
    assert taken.to_numpy().tolist() == [[1, 2, 3, 10, 4]]


def test_letters_of_another_encoding_do_not_stop_a_form():
    text = "before_1,before_2,new,shown,liked,new (to read)\n1,2,3,10,4,Käse\n"
    assert len(check_outcomes(read_form(text.encode("cp1252")), KNOWN)) == 1


def test_a_form_that_excel_saved_as_unicode_text_is_read():
    text = "before_1\tbefore_2\tnew\tshown\tliked\n1\t2\t3\t10\t4\n"
    taken = check_outcomes(read_form(text.encode("utf-16")), KNOWN)
    assert taken.to_numpy().tolist() == [[1, 2, 3, 10, 4]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("before_1,before_2,new,shown,liked\n1,2,3,10,4\n1,2,3,8,5,2\n", "Row 3 has 6 cells, and .* names 5 columns"),
        ("Liked in May\n\n1,2,3,10,4\n", "Row 3 has 5 cells, and the first row names 1 column: Liked in May"),
        ("", "The file is empty"),
        ("\n\n", "The file is empty"),
        ('before_1,before_2,new,shown,liked\n1,2,"3,10,4\n' + "1,2,3,10,4\n" * 20_000, "Row 2 is not CSV"),
        ('before_1,before_2,new,shown,liked\n1,2,3,10,4\n1,2,"3,7,2\n1,2,3,9,3\n', "Row 3 is not CSV"),
        ("before 1,new\n1,2\n", "no column 'before_1', .*its first row is: before 1, new"),
        ("before_1,before_2,new,shown,liked\n\n1,2,3,10,40\n", "Row 3 needs"),
    ],
)
def test_a_file_that_is_no_form_is_refused_in_plain_words(text, reason):
    with pytest.raises(HierexError, match=reason):
        check_outcomes(read_form(text.encode()), KNOWN)
