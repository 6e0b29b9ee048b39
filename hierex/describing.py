"""Has a language model describe the interests of a workspace: what it would ask and cost, and the run itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import model_answers
from .descriptions.costs import Cap, Estimate, Price, estimate_cost, find_price
from .descriptions.meter import Reading
from .descriptions.model import AT_ONCE, Ask, Kept, Outcome, describe_with_model, missing_questions
from .descriptions.prompts import Material, Questions
from .embeddings import embed_texts
from .llm.endpoint import Endpoint
from .taxonomy import Taxonomy
from .workspace import Workspace

LANGUAGE = "English"
AGAIN = ("no", "failed", "all")


@dataclass(frozen=True)
class Plan:
    """What a run would ask. already: what needs no asking; estimate: of the first pass, each question asked once."""

    questions: Questions
    already: dict[str, Kept]
    price: Price | None
    estimate: Estimate


def plan_descriptions(
    work: Workspace,
    taxonomy: Taxonomy,
    endpoint: Endpoint,
    *,
    language: str = LANGUAGE,
    coarser: bool = False,
    again: str = "no",
) -> Plan:
    """Of the interests of the taxonomy and, with `coarser`, of all that they are parts of.

    Asked is what this model was not asked in this language yet; again: also what it failed at (`failed`), or everything
    (`all`). Raises ConfigError for a language that is none and for a table of prices that cannot be read.
    """
    material = gather_material(work)
    nodes = taxonomy.part_nodes.tolist() + (above(work.tree.parent, taxonomy.part_nodes) if coarser else [])
    questions = Questions(material, nodes, model=endpoint.model, language=language)
    already = {} if again == "all" else model_answers.read_kept(work.store)
    if again == "failed":
        already = {key: kept for key, kept in already.items() if kept.status != "failed"}
    price = find_price(endpoint.model, local=endpoint.is_local)
    pace = model_answers.learn_pace(work.store, endpoint.model)
    estimate = estimate_cost(missing_questions(questions, already), price, pace)
    return Plan(questions, already, price, estimate)


def describe_interests(
    work: Workspace,
    plan: Plan,
    ask: Ask,
    *,
    cap: Cap,
    concurrency: int = AT_ONCE,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Runs the plan. Every answer is in the workspace as soon as it came, and shows where no person wrote."""
    item_ids = work.items["item_id"].to_numpy()
    return describe_with_model(
        plan.questions,
        ask,
        already=plan.already,
        described=model_answers.place_answers(work.store, work.node_contents),
        save=lambda said: model_answers.save_answer(work.store, said, item_ids=item_ids),
        taken=[edit.name for edit in work.placed_edits().values()],
        cap=cap,
        price=plan.price,
        concurrency=concurrency,
        progress=progress,
        cancelled=cancelled,
        embed=lambda texts: embed_texts(list(texts), config=work.config.embedding),
    )


def gather_material(work: Workspace) -> Material:
    items = work.items
    return Material(
        tree=work.tree,
        titles=items["title"].tolist(),
        texts=items["text"].tolist(),
        traffic=items["traffic"].to_numpy(np.float64),
        vectors=work.vectors,
        contents=work.node_contents,
        described=work.machine_descriptions,
    )


def above(parent: np.ndarray, nodes: np.ndarray) -> list[int]:
    """All that the nodes are parts of, without the root and the nodes themselves."""
    found: set[int] = set()
    for node in nodes.tolist():
        while (node := int(parent[node])) and node not in found:
            found.add(node)
    return sorted(found - set(nodes.tolist()))
