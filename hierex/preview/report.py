"""What chosen people would be shown, as one HTML file that can be sent to anybody, and as a table.

The file is whole in itself: nothing is loaded from elsewhere, nothing runs in it, and titles are text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

import pandas as pd

from ..serving import distinct
from ..workspace import Workspace
from .persons import Person, recommend_usual, serve_person

TOP, ITEMS = 5, 5
LATEST = 12
"""Interests of a history that are shown, the latest."""
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #16181d; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-top: 1px solid #ccd; padding-top: 1rem; font-size: 1.25rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .35rem .6rem;
border-bottom: 1px solid #dde; overflow-wrap: anywhere; }
.quiet { color: #5a606b; } .bar { background: #1f83c6; height: .6rem; min-width: 1px; }
th, td.number { white-space: nowrap; } td:has(ol) { width: 45%; } ol { margin: 0; padding-left: 1.2rem; }
"""
SAID_HEAD = "<tr><th>Person</th><th>Of</th><th>Said</th><th>Why</th><th>Who</th></tr>"
FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


@dataclass(frozen=True)
class Shown:
    """What one person would be shown. novel: name, summary, score and item titles, best first; usual: titles."""

    name: str
    history: list[str]
    start: list[str]
    novel: list[tuple[str, str, float, list[str]]]
    usual: list[str]


def show_people(work: Workspace, people: Mapping[str, Person], names: Sequence[str]) -> list[Shown]:
    """people: by the name that the report gives them; names: of the interests, in their order."""
    descriptions, titles = work.cluster_descriptions(), work.items["title"].to_numpy()
    shown = []
    for name, person in people.items():
        served = serve_person(work, person, top=TOP, items=ITEMS)
        predictions, grounded = served.predictions, served.grounded
        usual = recommend_usual(work, person, top=ITEMS)
        novel = [
            (names[cluster], descriptions[cluster].summary, float(score), titles[items].tolist())
            for cluster, score, items in zip(predictions.novel, predictions.score, grounded.items, strict=True)
        ]
        start = distinct(predictions.context[0]) if len(predictions) else []
        history = [names[cluster] for cluster in person.history(work.taxonomy)]
        shown.append(Shown(name, history, [names[cluster] for cluster in start], novel, titles[usual].tolist()))
    return shown


def report_frame(shown: Sequence[Shown], *, scored: str = "probability") -> pd.DataFrame:
    """person, starts_from, rank, interest, probability (or what `scored` calls it), item_rank, item.

    One row per item that would be shown. An interest with no item left has one row, and so has a person with nothing
    new: what there is not is empty in it.
    """
    rows = []
    for person in shown:
        who = person.name, " → ".join(person.start)
        for rank, (name, _, score, items) in enumerate(person.novel, 1):
            placed = [(place, item) for place, item in enumerate(items, 1)] or [(None, "")]
            rows += [(*who, rank, name, score, *one) for one in placed]
        if not person.novel:
            rows.append((*who, None, "", None, None, ""))
    columns = ["person", "starts_from", "rank", "interest", scored, "item_rank", "item"]
    return pd.DataFrame(rows, columns=columns).astype({"rank": "Int64", scored: float, "item_rank": "Int64"})


def write_report(
    title: str,
    facts: Sequence[str],
    shown: Sequence[Shown],
    made_at: datetime,
    *,
    said: Sequence[Sequence[str]] = (),
    scored: str = "Probability",
) -> str:
    """The HTML file. facts: sentences on what these predictions are; said: of each thumb the person, what it is on,
    what was said, why, and by whom; scored: what the number beside a new interest is called."""
    facts = [*facts, f"Made on {made_at.day} {made_at:%b %Y, %H:%M} UTC."]
    parts = [f'<p class="quiet">{"<br>".join(map(escape, facts))}</p>', *(_person(person, scored) for person in shown)]
    if not shown:
        parts.append("<p>Nobody was chosen.</p>")
    if said:
        cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in said]
        rows = "\n".join(f"<tr>{row}</tr>" for row in cells)
        parts.append(f"<h2>What reviewers said</h2>\n<table>{SAID_HEAD}\n{rows}</table>")
    return FRAME.format(title=escape(title), style=STYLE, body="\n".join(parts))


def _person(person: Shown, scored: str) -> str:
    earlier = len(person.history) - LATEST
    before = f"{earlier:,} earlier ones, then " if earlier > 0 else ""
    history = " → ".join(escape(name) for name in person.history[-LATEST:]) or "nothing yet"
    rows = "\n".join(_row(rank, *novel) for rank, novel in enumerate(person.novel, 1))
    predicted = (
        f"<p>Starting from: {escape(' → '.join(person.start))}</p>"
        f"<table><tr><th></th><th>New interest</th><th>{scored}</th><th>Items in it</th></tr>\n"
        f"{rows}</table>"
        if rows
        else "<p>There is nothing new to suggest.</p>"
    )
    usual = f'<p class="quiet">Usual recommendations beside it: {escape("; ".join(person.usual))}</p>'
    return f"<h2>{escape(person.name)}</h2>\n<p>Interests so far: {before}{history}</p>\n{predicted}\n{usual}"


def _row(rank: int, name: str, summary: str, score: float, items: Sequence[str]) -> str:
    found = "".join(f"<li>{escape(item)}</li>" for item in items) or "<li>Nothing that they have not had</li>"
    width = f"{max(0.0, min(1.0, score)):.4f}"
    return (
        f'<tr><td>{rank}</td><td><b>{escape(name)}</b><br><span class="quiet">{escape(summary)}</span></td>'
        f'<td class="number">{score:.1%}<div class="bar" style="width: calc(6rem * {width})"></div></td>'
        f"<td><ol>{found}</ol></td></tr>"
    )
