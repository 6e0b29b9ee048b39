"""What reviewers said of descriptions. Rows are only added or marked as undone.

A review speaks of the words and the items that the reviewer saw. When the words change, the interest is a draft again;
when the items change, it is marked as stale and stays what it was said to be. When the tree is grown anew, reviews move
to the interests that are most alike, as edits do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pandas as pd

from ..descriptions import Description
from ..descriptions.keywords import QUOTES
from ..descriptions.words import tidy
from ..errors import EditConflict, HierexError
from ..store import Store, Writer, now
from ..taxonomy import Taxonomy
from ..typed import LONGEST_TEXT
from .description_edits import Edit, Statement, remembered, say_the_same
from .description_steps import new_step

DRAFT, APPROVED, NEEDS_WORK = "draft", "approved", "needs work"
STALE_FROM = 0.2
"""Share of the items that an interest had or has which came or went: with more, what was said of it is stale."""


@dataclass(frozen=True)
class Review:
    """What a person said of a description. name, phrases, summary, item_ids, n_items: what they saw."""

    review_id: int
    step: int
    tree_key: str
    node_id: int
    state: str
    note: str
    name: str
    phrases: tuple[str, ...]
    summary: str
    author: str
    reviewed_at: datetime
    item_ids: tuple[str, ...]
    n_items: int
    undone: bool

    def saw(self, description: Description) -> bool:
        """Whether these are the words that were reviewed. Titles that keywords quote are items, and no words."""
        if description.source != "keywords":
            return say_the_same(self, description)
        seen, now = (replace(words, summary=_without_titles(words.summary)) for words in (self, description))
        return say_the_same(seen, now)


def _without_titles(summary: str) -> str:
    """A summary from keywords without the titles that it quotes, with which it ends."""
    return summary[: summary.casefold().find(QUOTES)] if QUOTES in summary.casefold() else summary


@dataclass(frozen=True)
class Standing:
    """Where the review of an interest stands.

    review: the latest, also where the words were changed after it. basis: the review of these words, else the edit that
    wrote them, which items are counted from; None where they are counted from a language model's words. came, went:
    items since then, estimated where only some of many are remembered. changed: their share (0 to 1).
    """

    state: str = DRAFT
    review: Review | None = None
    basis: Review | Edit | None = None
    came: int = 0
    went: int = 0
    changed: float = 0.0

    @property
    def stale(self) -> bool:
        return self.changed > STALE_FROM

    @property
    def to_do(self) -> bool:
        """A draft, or stale: somebody has to look."""
        return self.state == DRAFT or self.stale

    @property
    def settled(self) -> bool:
        """Approved, and not stale."""
        return self.state == APPROVED and not self.stale


def read_reviews(store: Store) -> list[Review]:
    """All reviews, earliest first, those that were taken back as well."""
    names = ", ".join(Review.__dataclass_fields__)
    rows = store.table(f"SELECT {names} FROM description_reviews ORDER BY review_id").to_pylist()
    return [Review(**{**row, "phrases": tuple(row["phrases"]), "item_ids": tuple(row["item_ids"])}) for row in rows]


def save_reviews(
    store: Store, statements: Sequence[Statement], state: str, *, note: str = "", tree_key: str, author: str
) -> int:
    """Keeps a verdict on the words that the reviewer saw of one or more interests, all or nothing; returns its step.

    Raises EditConflict when somebody else reviewed one of them since, and HierexError for a note that is too long.
    """
    if state not in (APPROVED, NEEDS_WORK):
        raise ValueError(f"state is {state!r}")
    note = tidy(note)
    if len(note) > LONGEST_TEXT:
        raise HierexError(f"The note has {len(note)} characters; at most {LONGEST_TEXT} are allowed.")
    with store.transaction() as writer:
        step = new_step(writer)
        for statement in statements:
            _refuse_if_reviewed(writer, statement, tree_key)
            words = statement.description
            row = {
                "step": step,
                "tree_key": tree_key,
                "node_id": words.cluster_id,
                "state": state,
                "note": note,
                "name": words.name,
                "phrases": list(words.phrases),
                "summary": words.summary,
                "author": author,
                "reviewed_at": now(),
                "item_ids": remembered(statement.item_ids),
                "n_items": len(statement.item_ids),
            }
            places = ", ".join("?" * len(row))
            writer.execute(f"INSERT INTO description_reviews ({', '.join(row)}) VALUES ({places})", list(row.values()))
        return step


def _refuse_if_reviewed(writer: Writer, statement: Statement, tree_key: str) -> None:
    latest = writer.execute(
        "SELECT review_id, author, state FROM description_reviews WHERE tree_key = ? AND node_id = ? AND NOT undone "
        "ORDER BY review_id DESC LIMIT 1",
        [tree_key, statement.description.cluster_id],
    )
    if latest and latest[0] > (statement.seen_id or 0):
        raise EditConflict(
            f"{latest[1] or 'Somebody'} reviewed '{statement.description.name}' in the meantime: {latest[2]}. "
            "Yours was not saved over it. Look at it again."
        )


def find_standings(
    taxonomy: Taxonomy,
    descriptions: Mapping[int, Description],
    reviews: Mapping[int, Review],
    edits: Mapping[int, Edit],
    item_ids: Sequence[str],
    described: Mapping[int, tuple[int, int, float]] = MappingProxyType({}),
) -> dict[int, Standing]:
    """Of each interest of the taxonomy, by id. reviews, edits: the latest, by id. item_ids: by item index.

    described: by id, what changed since a language model described it: came, went, share.
    """
    index = pd.Index(item_ids)
    standings = {}
    for place, node in enumerate(taxonomy.cluster_ids.tolist()):
        review = reviews.get(node)
        holds = review is not None and review.saw(descriptions[node])
        basis = review if holds else edits.get(node)
        by_model = described.get(node) if descriptions[node].source == "model" else None
        change = count_changes(basis, taxonomy, place, index) if basis else by_model or (0, 0, 0.0)
        standings[node] = Standing(review.state if holds else DRAFT, review, basis, *change)
    return standings


def count_changes(basis: Review | Edit, taxonomy: Taxonomy, place: int, item_index: pd.Index) -> tuple[int, int, float]:
    """Items that came into the interest at this place of the taxonomy and that went since, and their share.

    Estimated from what is remembered where those are not all.
    """
    found = item_index.get_indexer(pd.Index(basis.item_ids, dtype=item_index.dtype))
    still = np.count_nonzero(taxonomy.cluster_of_item[found[found >= 0]] == place)
    stayed = round(still / len(basis.item_ids) * basis.n_items)
    n_items = int(taxonomy.hi[place] - taxonomy.lo[place])
    came, went = max(n_items - stayed, 0), basis.n_items - stayed
    return came, went, (came + went) / (came + went + stayed)


def changed_items(
    basis: Review | Edit, taxonomy: Taxonomy, place: int, item_ids: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of items that came into the interest at this place of the taxonomy since, and of those that went.

    Of what is remembered: of a large interest only some that went, and none that came. Items that are not in the
    catalogue any more are not among them.
    """
    found = pd.Index(item_ids).get_indexer(pd.Index(basis.item_ids))
    found, inside = found[found >= 0], taxonomy.items_of(place)
    went = found[taxonomy.cluster_of_item[found] != place]
    all_known = basis.n_items == len(basis.item_ids)
    return np.setdiff1d(inside, found) if all_known else inside[:0], went


def standing_text(standing: Standing) -> str:
    """Where it stands in a few plain sentences: who said what, and what changed since."""
    review, parts = standing.review, ["Draft: nobody has reviewed it"]
    if review is not None:
        verdict = "approved" if review.state == APPROVED else "marked as “needs work”"
        said = f"{verdict} by {review.author or 'somebody'}"
        held = standing.state != DRAFT
        parts = [said[0].upper() + said[1:] if held else f"Draft: words changed since it was {said}"]
        if review.note:
            parts.append(f"Note: {review.note}")
    if standing.stale:
        since = "a person wrote it" if standing.basis else "a language model described it"
        since = "it was reviewed" if standing.state != DRAFT else since
        parts.append(f"Stale: since {since}, {standing.came:,} items came and {standing.went:,} went")
    return ". ".join(part.rstrip(".") for part in parts) + "."


def review_progress(taxonomy: Taxonomy, standings: Mapping[int, Standing]) -> tuple[float, int]:
    """Share of the traffic (0 to 1), and number of interests, that are approved and not stale."""
    settled = np.array([standings[node].settled for node in taxonomy.cluster_ids.tolist()], bool)
    return float(taxonomy.share[settled].sum()), int(settled.sum())


def reviewed_names(standings: Iterable[Standing]) -> list[str]:
    """How each stands in a table: its state, and whether that is stale."""
    return [standing.state.capitalize() + ", stale" * standing.stale for standing in standings]
