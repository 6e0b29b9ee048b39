"""All that people judged on the Preview page, as one table to read elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from ..kept.examples import example_names
from ..kept.feedback import read_all_thumbs
from ..kept.item_thumbs import read_all_item_thumbs
from ..kept.judgements import ALIKE, FIRST, NEITHER, SECOND, has_seen, read_comparisons, read_judgements
from ..kept.reviewers import Subject
from ..workspace import Workspace
from .persons import made_up_name

LIKED = {True: "liked", False: "not liked"}
GONE = "not in this tree of interests any more"
PLACES = ("the left one", "the right one")
UNTOLD = "two builds, named to who has seen the results"
COLUMNS = [
    *("judged", "person", "starts_from", "what", "id", "said", "reason", "reviewer", "when", "on_the_left", "blind")
]


def judged_frame(work: Workspace, side_name: Callable[[int], str], *, reader: str = "") -> pd.DataFrame:
    """judged (prediction, item, comparison), person, starts_from, what, id (of the interest or item), said, reason,
    reviewer, when (UTC), and of comparisons on_the_left and blind; empty where it does not apply.

    What was taken back is left out. side_name: of a build, by the id of its first run. reader: whom it is for; of a
    comparison whose results they have not seen, what was said is left or right, and not which build.
    """
    parts = [prediction_rows(work), item_rows(work), comparison_rows(work, side_name, reader)]
    rows = [dict.fromkeys(COLUMNS, "") | row for part in parts for row in part]
    return pd.DataFrame(rows, columns=COLUMNS)


def prediction_rows(work: Workspace) -> list[dict]:
    thumbs = read_all_thumbs(work.store)
    described = work.descriptions(work.taxonomy, work.placed_edits()) if len(thumbs) else {}
    rows = []
    for thumb in thumbs.itertuples():
        known = described if thumb.tree_key == work.tree_key else {}
        names = [known[c].name if c in known else GONE for c in (*dict.fromkeys(thumb.context), thumb.novel)]
        about = {"starts_from": " → ".join(names[:-1]), "what": names[-1], "id": thumb.novel}
        rows.append(_said("prediction", thumb.user_id, thumb, LIKED[thumb.liked]) | about)
    return rows


def item_rows(work: Workspace) -> list[dict]:
    titles = dict(zip(work.items["item_id"], work.items["title"], strict=True))
    examples = example_names(work.store)
    return [
        _said("item", called(thumb.subject, examples), thumb, LIKED[thumb.liked])
        | {"what": titles.get(thumb.item_id, "not in these logs any more"), "id": thumb.item_id}
        for thumb in read_all_item_thumbs(work.store).itertuples()
    ]


def comparison_rows(work: Workspace, side_name: Callable[[int], str], reader: str) -> list[dict]:
    examples = example_names(work.store)
    rows = []
    for comparison in reversed(read_comparisons(work.store)):
        sides = side_name(comparison.first_run), side_name(comparison.second_run)
        told = has_seen(work.store, comparison.comparison_id, reader)
        for one in read_judgements(work.store, comparison.comparison_id):
            first, second = sides if told else PLACES if one.left_is_first else PLACES[::-1]
            said = {FIRST: first, SECOND: second, ALIKE: "both alike", NEITHER: "neither is any good"}[one.winner]
            about = {"what": UNTOLD, "on_the_left": ""}
            if told:
                about = {"what": f"{first} / {second}", "on_the_left": first if one.left_is_first else second}
            rows.append(_said("comparison", called(one.subject, examples), one, said) | about | {"blind": one.blind})
    return rows


def called(subject: Subject, examples: Mapping[int, str]) -> str:
    """What somebody is called in the table. examples: names of the kept ones by id."""
    return made_up_name(examples.get(subject.example_id, "")) if subject.user_id is None else subject.user_id


def _said(judged: str, person: str, row, said: str) -> dict:
    who = {"judged": judged, "person": person, "said": said, "reason": row.reason, "reviewer": row.author}
    return who | {"when": f"{row.given_at:%Y-%m-%d %H:%M}"}
