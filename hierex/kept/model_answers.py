"""What language models said about interests: every call is kept, so nothing is paid twice and anybody can look.

An answer stays with the node that it was about while the tree lives, and is shown for the node that holds just the same
items in any other tree. Elsewhere the description from keywords shows until somebody asks anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from ..descriptions import Description
from ..descriptions.costs import SCHEMA_TOKENS, Pace
from ..descriptions.equal_names import free_name
from ..descriptions.model import Kept, Said
from ..descriptions.prompts import prompt_version
from ..llm.answers import LONGEST_KEPT
from ..llm.tokens import count_messages
from ..store import Store, now
from .description_edits import remembered

ENOUGH = 20
"""Answers from which the pace of a model is learned."""


@dataclass(frozen=True)
class ModelAnswer:
    """One call, as it is kept: what the model was shown (`messages`, `item_ids`) and what it said (`answer`).

    tokens, dollars, seconds, tries: of all requests that were sent for it. dollars: None where the price was not known.
    """

    key: str
    content: str
    node_id: int
    purpose: str
    model: str
    language: str
    prompt_version: str
    status: str
    faults: tuple[str, ...]
    name: str
    phrases: tuple[str, ...]
    summary: str
    unclear: str
    item_ids: tuple[str, ...]
    messages: tuple[dict, ...]
    answer: str
    how: str
    tries: int
    tokens_read: int
    tokens_written: int
    tokens_estimated: bool
    dollars: float | None
    seconds: float
    answered_at: datetime
    undone: bool


def save_answer(
    store: Store,
    said: Said,
    *,
    tree_key: str,
    item_ids: Sequence[str],
    members: Sequence[int] = (),
    step: int | None = None,
) -> None:
    """tree_key: of the tree as it was first grown. item_ids: by item index. step: see `description_steps`.

    members: digests of all items of the node (`exemplars.item_digests`).
    """
    question, answer = said.question, said.answer
    description = said.description or Description(question.node, "", (), "", "model")
    row = {
        "key": question.key,
        "content": question.content,
        "tree_key": tree_key,
        "node_id": question.node,
        "purpose": question.purpose,
        "model": answer.model,
        "language": question.language,
        "prompt_version": prompt_version(),
        "status": said.status,
        "faults": list(said.faults),
        "name": description.name,
        "phrases": list(description.phrases),
        "summary": description.summary,
        "unclear": description.unclear,
        "item_ids": [item_ids[item] for item in question.shown],
        "messages": json.dumps(said.messages, ensure_ascii=False),
        "answer": answer.text[:LONGEST_KEPT],
        "how": answer.how,
        "tries": answer.tries,
        "tokens_expected": count_messages(said.messages) + SCHEMA_TOKENS,
        "tokens_read": answer.tokens.read,
        "tokens_written": answer.tokens.written,
        "tokens_estimated": answer.tokens.estimated,
        "dollars": said.dollars,
        "seconds": answer.seconds,
        "answered_at": now(),
        "step": step,
        "members": remembered(members),
        "n_members": len(members),
    }
    with store.transaction() as writer:
        places = ", ".join("?" * len(row))
        writer.execute(f"INSERT INTO model_answers ({', '.join(row)}) VALUES ({places})", list(row.values()))


def read_answers(store: Store, tree_key: str, node: int, content: str) -> list[ModelAnswer]:
    """All calls about this node, and about any with these items, latest first."""
    names = ", ".join(ModelAnswer.__dataclass_fields__)
    rows = store.table(
        f"SELECT {names} FROM model_answers WHERE content = ? OR (tree_key = ? AND node_id = ?) "
        "ORDER BY answer_id DESC",
        [content, tree_key, node],
    ).to_pylist()
    lists = ("faults", "phrases", "item_ids")
    return [
        ModelAnswer(
            **{**row, **{name: tuple(row[name]) for name in lists}, "messages": tuple(json.loads(row["messages"]))}
        )
        for row in rows
    ]


def read_kept(store: Store) -> dict[str, Kept]:
    """By key, what came of it: a run asks only what is not here."""
    rows = store.table(
        "SELECT key, status, answer AS text, faults FROM model_answers "
        "QUALIFY row_number() OVER (PARTITION BY key ORDER BY answer_id DESC) = 1"
    ).to_pylist()
    return {row.pop("key"): Kept(**{**row, "faults": tuple(row["faults"])}) for row in rows}


def count_answers(store: Store) -> int:
    """How many descriptions models gave that can be used."""
    return store.value("SELECT count(*) FROM model_answers WHERE status = 'accepted' AND NOT undone")


def place_answers(store: Store, tree_key: str, contents: Sequence[str]) -> dict[int, Description]:
    """By node of this tree, the latest description that a model gave of it, or of just its items, and nobody took back.

    contents: of each node, see `Material`.
    """
    rows = store.table(
        "SELECT content, tree_key, node_id, name, phrases, summary, unclear FROM model_answers "
        "WHERE status = 'accepted' AND NOT undone ORDER BY answer_id"
    ).to_pylist()
    node_of = {content: node for node, content in enumerate(contents)}
    placed = {}
    for row in rows:
        node = row["node_id"] if row["tree_key"] == tree_key else node_of.get(row["content"])
        if node is not None:
            placed[node] = Description(
                node, row["name"], tuple(row["phrases"]), row["summary"], "model", row["unclear"]
            )
    return placed


def read_changed(store: Store, tree_key: str, contents: Sequence[str]) -> dict[int, tuple[str, np.ndarray, int]]:
    """By node of this tree, what it was described by where its items are others by now: see `save_answer`.

    Digest of all items then, digests of those that are remembered, and how many there were.
    """
    latest = store.table(
        "SELECT answer_id, node_id, content FROM model_answers WHERE tree_key = ? AND status = 'accepted' "
        "AND NOT undone AND n_members > 0 QUALIFY row_number() OVER (PARTITION BY node_id ORDER BY answer_id DESC) = 1",
        [tree_key],
    ).to_pylist()
    changed = [row["answer_id"] for row in latest if contents[row["node_id"]] != row["content"]]
    if not changed:
        return {}
    rows = store.table(
        "SELECT node_id, content, members, n_members FROM model_answers WHERE list_contains(?, answer_id)", [changed]
    ).to_pylist()
    return {row["node_id"]: (row["content"], np.array(row["members"], np.int64), row["n_members"]) for row in rows}


def place_shown(store: Store, tree_key: str, contents: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """By node, the ids of the items that the model saw for what `place_answers` gives."""
    rows = store.table(
        "SELECT content, tree_key, node_id, item_ids FROM model_answers WHERE status = 'accepted' AND NOT undone "
        "ORDER BY answer_id"
    ).to_pylist()
    node_of = {content: node for node, content in enumerate(contents)}
    nodes = (row["node_id"] if row["tree_key"] == tree_key else node_of.get(row["content"]) for row in rows)
    return {node: tuple(row["item_ids"]) for node, row in zip(nodes, rows, strict=True) if node is not None}


def lay_over(described: Sequence[Description], said: Mapping[int, Description]) -> dict[int, Description]:
    """By node: what a model said, where it said something, else the description from keywords.

    Names stay different: where both gave the same one, the keywords' gets a number.
    """
    laid = {node: said.get(node, description) for node, description in enumerate(described)}
    taken: set[str] = set()
    for node in [*said, *(node for node in laid if node not in said)]:
        name = free_name(laid[node].name, taken)
        taken.add(name.casefold())
        if name != laid[node].name:
            laid[node] = replace(laid[node], name=name)
    return laid


def learn_pace(store: Store, model: str) -> Pace:
    """What a question to this model took in the end, with all its tries; the usual where there are too few to tell."""
    found = store.table(
        "WITH asked AS (SELECT *, lag(status) OVER (PARTITION BY key ORDER BY answer_id) IS DISTINCT FROM 'faulty' AS "
        "first FROM model_answers WHERE model = ?) "
        "SELECT count(*) FILTER (first) AS n, sum(tokens_written) AS written, "
        "sum(tokens_read) / nullif(sum(tokens_expected) FILTER (first), 0) AS read FROM asked",
        [model],
    ).to_pylist()[0]
    return Pace(found["read"], found["written"] / found["n"]) if found["n"] >= ENOUGH and found["read"] else Pace()
