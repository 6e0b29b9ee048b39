"""Has a language model describe the interests of a workspace: what it would ask and cost, and the run itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..descriptions.costs import estimate_cost
from ..descriptions.model import Kept, Outcome, Said, describe_with_model, missing_questions
from ..descriptions.prompts import Material, Questions
from ..embeddings import embed_texts
from ..kept import model_answers, model_settings
from ..kept.description_edits import apply_edits
from ..kept.description_reviews import STALE_FROM
from ..llm.asking import AT_ONCE, Ask
from ..llm.endpoint import Endpoint
from ..llm.meter import Reading
from ..llm.prices import Cap, Estimate, Price, find_price
from ..workspace import Workspace

AGAIN = ("no", "failed", "all")


@dataclass(frozen=True)
class Plan:
    """What a run would ask. already: what needs no asking; estimate: with a few that are asked again."""

    questions: Questions
    already: dict[str, Kept]
    price: Price | None
    estimate: Estimate


def plan_descriptions(
    work: Workspace,
    nodes: Sequence[int],
    endpoint: Endpoint,
    *,
    language: str | None = None,
    again: str = "no",
    hints: Mapping[int, str] = MappingProxyType({}),
) -> Plan:
    """Of these nodes of the tree; of merged interests their parts are described (`Taxonomy.part_nodes`).

    language: None for the workspace's. Asked is what this model was not asked in this language yet, and what is stale;
    again: also what it failed at (`failed`), or everything (`all`). hints: by node, what an editor asks for. Raises
    ConfigError for a language that is none and for a table of prices that cannot be read.
    """
    language = model_settings.read_language(work.store) if language is None else language
    contents = work.node_contents if again == "all" else steady_contents(work)
    questions = Questions(gather_material(work, contents), nodes, model=endpoint.model, language=language, hints=hints)
    already = {} if again == "all" else model_answers.read_kept(work.store)
    if again == "failed":
        already = {key: kept for key, kept in already.items() if kept.status != "failed"}
    price = find_price(endpoint.model, local=endpoint.is_local, own=model_settings.read_prices(work.store))
    pace = model_answers.learn_pace(work.store, endpoint.model)
    estimate = estimate_cost(missing_questions(questions, already), price, pace)
    return Plan(questions, already, price, estimate)


def failed_nodes(plan: Plan) -> list[int]:
    """Of the plan's nodes those of which the model gave nothing that can be used, and that are not asked again."""
    kept = ((node, plan.already.get(plan.questions.key(node))) for node in plan.questions.nodes)
    return [node for node, what in kept if what is not None and what.status == "failed"]


def describe_interests(
    work: Workspace,
    plan: Plan,
    ask: Ask,
    *,
    cap: Cap,
    concurrency: int = AT_ONCE,
    progress: Callable[[Reading], None] = lambda reading: None,
    cancelled: Callable[[], bool] = lambda: False,
    step: int | None = None,
) -> Outcome:
    """Runs the plan. Every answer is in the workspace as soon as it came, and shows where no person wrote.

    step: of the person who asked (`description_steps`), by which all of it is taken back.
    """
    item_ids = work.items["item_id"].to_numpy()

    def save(said: Said) -> None:
        members = work.members(said.question.node).tolist()
        model_answers.save_answer(
            work.store, said, tree_key=work.tree_key, item_ids=item_ids, members=members, step=step
        )

    return describe_with_model(
        plan.questions,
        ask,
        already=plan.already,
        described=work.model_descriptions(),
        save=save,
        taken=[edit.name for edit in work.placed_edits().values()],
        cap=cap,
        price=plan.price,
        concurrency=concurrency,
        progress=progress,
        cancelled=cancelled,
        embed=lambda texts: embed_texts(list(texts), config=work.config.embedding.for_words()),
    )


def steady_contents(work: Workspace) -> list[str]:
    """Of each node a digest of its items, or of those that a model described it by where few came or went since.

    So what is not stale is not asked again.
    """
    contents = list(work.node_contents)
    for node, (before, (_, _, share)) in work.changed_since_described().items():
        if share <= STALE_FROM:
            contents[node] = before
    return contents


def gather_material(work: Workspace, contents: Sequence[str]) -> Material:
    """contents: of each node, what its answers are found by."""
    items, shown = work.items, apply_edits(work.node_descriptions(), work.placed_edits())
    return Material(
        tree=work.grown_tree,
        titles=items["title"].tolist(),
        texts=items["text"].tolist(),
        traffic=items["traffic"].to_numpy(np.float64),
        vectors=work.vectors,
        contents=contents,
        described=work.machine_descriptions,
        spoken={node: said for node, said in shown.items() if said.source != "keywords"},
    )


def with_coarser(parent: np.ndarray, nodes: Sequence[int]) -> list[int]:
    """The nodes and all that they are parts of, but the root."""
    found = {int(node) for node in nodes}
    for node in list(found):
        while (node := int(parent[node])) and node not in found:
            found.add(node)
    return sorted(found)
