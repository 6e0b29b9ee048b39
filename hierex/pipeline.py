"""Runs the stages in order, using again what is there: a run that was cut off goes on where it stopped.

The key of a result is made of all that it depends on, so a changed setting redoes what it touches and nothing else:
another granularity keeps embeddings, tree, map and recommender; an edited description keeps all but the policy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from time import perf_counter

import numpy as np
import pandas as pd

from .asking.collected import collect_answers, make_policy, with_answers
from .behaviour import embed_behaviour
from .config import Progress, RunConfig, no_progress, part_of
from .descriptions import Description
from .descriptions.keywords import describe_nodes
from .embeddings import embed_texts, text_keys
from .errors import Cancelled, ConfigError, NotReady
from .evaluation.of_run import Built, evaluate_run
from .interest_tree import InterestTree, grow_tree
from .item_map import map_items
from .kept import curation_edits, results, runs, stage_tables, stored_logs
from .kept.trees import item_keys, number_to_keep, same_tree, tree_to_keep
from .layering import laid_depends, lay_over
from .maker import Compute, Maker, Watch, compute_here, watch_nothing
from .policies import COUNTING, train_policy
from .recommenders import Recommender, Unfinished, train_recommender, train_sequence_part
from .releases.gates import refuse_unknown_answers
from .result_keys import (
    behaviour_depends,
    digest,
    interests_digest,
    policy_depends,
    result_key,
    transition_settings,
    weights_depends,
)
from .serving import serve_users
from .store import Store, Writer
from .taxonomy import leaf_of_item
from .text_models import fetch_model, model_name
from .transition_table import tabulate
from .transitions import count_transitions
from .weights import compare_weights
from .workspace import Workspace

EMBEDDED_AT_ONCE = 2_000
MEASURED = ["dial over layers", "ease", "histories", "lists of every policy"]
"""What came to the evaluation since its first version. Whoever has it measure more, or otherwise, adds a word: results
that were kept before are then made anew."""


def run_pipeline(
    store: Store,
    config: RunConfig,
    *,
    until: str = "evaluation",
    chosen: bool = True,
    compute: Compute = compute_here,
    watch: Watch = watch_nothing,
) -> Workspace:
    """Runs every stage up to `until` over the workspace's logs and returns what they made.

    chosen: by a person, so that the app shows it and builds again like it; not where only an answer needs it.
    Raises NotReady when no logs were imported, Cancelled when `compute` was told to stop; what was finished is kept.
    """
    config = replace(config, policy=with_answers(store, config.policy))
    run = Run(store, config, compute, watch)
    run_id = runs.start_run(store, config, chosen=chosen)
    try:
        for stage, step in run.steps().items():
            step()
            runs.update_run(store, run_id, "running", run.work.keys)
            if stage == until:
                break
    except BaseException as error:
        status = "stopped" if isinstance(error, Cancelled | KeyboardInterrupt) else "failed"
        runs.update_run(store, run_id, status, run.work.keys, str(error))
        raise
    runs.update_run(store, run_id, "done" if until == "evaluation" else "partial", run.work.keys)
    return run.work


def compare_weights_of(store: Store, work: Workspace, *, compute: Compute = compute_here, watch: Watch = watch_nothing):
    """Beside a finished run: what other weights of behaviour would do at its granularity. Keeps the result by its key.

    Raises NotReady when nothing was built, Cancelled when `compute` was told to stop.
    """
    run = Run(store, work.config, compute, watch)
    run.keys.update(work.keys, taxonomy=work.key("taxonomy"))
    run.behaviour()
    run.weights()


class Run:
    """One pass through the stages; each method is a stage: its key, how to make it, how to keep it."""

    def __init__(self, store: Store, config: RunConfig, compute: Compute, watch: Watch):
        self.store, self.config, self.compute, self.watch = store, config, compute, watch
        self.work = Workspace(store, config)
        self.keys = self.work.keys
        self.maker = Maker(store, self.keys, watch)

    def steps(self) -> dict[str, Callable[[], None]]:
        """Stage -> what does it, in the order of `hierex.STAGES`; behaviour only where it counts."""
        return {
            "logs": self.logs,
            "embeddings": self.embeddings,
            **({"behaviour": self.behaviour} if self.config.behaviour.weight else {}),
            "interest_tree": self.interest_tree,
            "taxonomy": self.taxonomy,
            "item_map": self.item_map,
            "descriptions": self.descriptions,
            "transitions": self.transitions,
            "policies": self.policies,
            "transition_table": self.transition_table,
            "recommenders": self.recommenders,
            "grounding": self.grounding,
            "evaluation": self.evaluation,
        }

    def logs(self) -> None:
        report = stored_logs.log_report(self.store)
        if report is None:
            raise NotReady("There is no log in this workspace yet. Import a catalogue and a log first.")
        self.keys["logs"] = report.content_key
        self.watch("logs", "reused", 0.0)

    def embeddings(self) -> None:
        started, config = perf_counter(), self.config.embedding
        self.compute(fetch_model, config.for_words(), progress=no_progress)
        if config.from_file:
            stored_logs.check_vectors(self.store)
            self.keys["embeddings"] = result_key("embeddings", config.model, self.keys["logs"])
            self.watch("embeddings", "reused", perf_counter() - started)
            return
        n_made = self.embed(pd.Series(self.work.texts).drop_duplicates().tolist(), self.maker.progress("embeddings"))
        every_text = "".join(text_keys(self.work.texts, config))  # which item has which text counts
        texts_key = hashlib.blake2b(every_text.encode()).hexdigest()
        key = self.keys["embeddings"] = result_key("embeddings", model_name(config), texts_key)
        seconds = perf_counter() - started
        if n_made:
            with self.store.transaction() as writer:
                results.record_result(writer, "embeddings", key, seconds)
        self.watch("embeddings", "made" if n_made else "reused", seconds)

    def embed(self, texts: list[str], progress: Progress) -> int:
        """Sees to it that every text has a vector, kept portion by portion; returns how many had none."""
        config = self.config.embedding.for_words()
        model, keys = model_name(config), text_keys(texts, config)
        known = stage_tables.read_known(self.store, model, keys)
        todo = sorted(np.flatnonzero(~known), key=lambda i: len(texts[i]))
        for start in range(0, len(todo), EMBEDDED_AT_ONCE):
            portion = todo[start : start + EMBEDDED_AT_ONCE]
            watched = part_of(progress, start / len(todo), (start + len(portion)) / len(todo))
            vectors = self.compute(embed_texts, [texts[i] for i in portion], config=config, progress=watched)
            stage_tables.write_embeddings(self.store, model, [keys[i] for i in portion], vectors)
        return len(todo)

    def behaviour(self) -> None:
        self.maker.make(
            "behaviour",
            behaviour_depends(self.work),
            lambda progress: self.compute(
                embed_behaviour,
                self.work.interactions.before(self.work.split),
                self.work.vectors,
                config=self.config.behaviour,
                seed=self.config.seed,
                progress=progress,
            ),
            stage_tables.write_behaviour,
        )

    def grown_from_depends(self) -> list:
        """What `Workspace.grown_from` depends on."""
        weight = self.config.behaviour.weight
        return [self.keys["embeddings"], *([self.keys["behaviour"], weight] if weight else [])]

    def interest_tree(self) -> None:
        """What these logs have, or what the logs before had with the new items put into it, or a new one."""
        self.keys["tree_settings"] = result_key("tree_settings", asdict(self.config.tree))
        same = None if self.config.regrow else same_tree(self.store, self.config, self.keys)
        if self.config.tree_key and results.has_result(self.store, "interest_tree", self.config.tree_key):
            same = self.config.tree_key
        if same:
            self.maker.reuse("interest_tree", same)
            return
        traffic = self.work.items["traffic"].to_numpy()
        items = item_keys(self.work.items, self.work.vectors if self.config.embedding.from_file else None)
        kept, why_not = None, ""
        if not self.config.regrow:
            kept, why_not = tree_to_keep(self.store, self.config, self.keys, items)
        depends = [*self.grown_from_depends(), digest(traffic), asdict(self.config.tree), self.config.seed]

        def make(progress: Progress) -> InterestTree:
            vectors = self.work.grown_from()
            if kept:
                return kept.with_items(vectors, traffic)
            return self.compute(
                grow_tree, vectors, traffic, config=self.config.tree, seed=self.config.seed, progress=progress
            )

        def write(writer: Writer, key: str, tree: InterestTree) -> None:
            placed = kept.placed if kept else np.zeros(tree.n_items, bool)
            stage_tables.write_tree(writer, key, tree, items, placed, kept.grown_key if kept else key)

        self.maker.make("interest_tree", [*depends, kept.key] if kept else depends, make, write, note=lambda _: why_not)

    def taxonomy(self) -> None:
        """A cut is a filter: nothing to keep, but the granularity and what people changed by now are fixed here."""
        started = perf_counter()
        records = curation_edits.read_records(self.store)
        usual = self.work.usual_granularity
        number = self.config.granularity or number_to_keep(self.store, self.config, self.keys, usual)
        self.keys["taxonomy"] = curation_edits.taxonomy_key(number, records)
        _ = self.work.taxonomy  # a granularity that cannot be is refused here
        self.watch("taxonomy", "made", perf_counter() - started)

    def item_map(self) -> None:
        self.maker.make(
            "item_map",
            [*self.grown_from_depends(), asdict(self.config.item_map), self.config.seed],
            lambda progress: self.compute(
                map_items, self.work.grown_from(), config=self.config.item_map, seed=self.config.seed, progress=progress
            ),
            stage_tables.write_map,
            note=lambda item_map: item_map.method,
        )

    def descriptions(self) -> None:
        self.maker.make(
            "descriptions",
            [
                self.keys["interest_tree"],
                asdict(self.config.description),
                "summaries count no items",
                *([] if self.work.tree is self.work.grown_tree else [digest(leaf_of_item(self.work.tree))]),
            ],
            lambda progress: self.compute(
                describe_nodes,
                self.work.tree,
                self.work.items["title"].tolist(),
                self.work.texts,
                self.work.vectors,
                config=self.config.description,
                reader=None if self.config.embedding.from_file else self.config.embedding,
                progress=progress,
            ),
            stage_tables.write_descriptions,
        )

    def transitions(self) -> None:
        self.maker.make(
            "first_visits",
            [self.keys["logs"], self.keys["interest_tree"], digest(leaf_of_item(self.work.tree))],
            lambda progress: leaf_of_item(self.work.tree),
            stage_tables.write_first_visits,
        )
        self.maker.make(
            "transitions",
            [self.keys["first_visits"], interests_digest(self.work), transition_settings(self.work), self.work.split],
            lambda progress: count_transitions(self.work.training_moves),
            lambda writer, key, transitions: stage_tables.write_transitions(
                writer, key, transitions, self.work.taxonomy
            ),
        )

    def policies(self) -> None:
        """Keyed by the words of the interests: an edited description trains anew."""
        self.refuse_too_many_contexts()
        descriptions = self.work.cluster_descriptions()
        words = [description.text() for description in descriptions]
        self.maker.make(
            "policies",
            policy_depends(self.work, words),
            lambda progress: self.train_policy(descriptions, words, progress),
            lambda writer, key, policy: stage_tables.write_model(writer, "policies", key, policy.name, policy.arrays()),
            note=lambda policy: policy.note,
        )
        self.keys["learned_policy"] = self.keys["policies"]
        depends = laid_depends(self.work)
        if not depends:
            return
        note = results.result_note(self.store, "policies", self.keys["learned_policy"])
        self.maker.make(
            "policies",
            depends,
            lambda progress: lay_over(self.work, replace(self.work.learned_policy, note=note), words),
            lambda writer, key, policy: stage_tables.write_model(writer, "policies", key, policy.name, policy.arrays()),
            note=lambda policy: policy.note,
        )

    def refuse_too_many_contexts(self) -> None:
        most, wanted = self.config.table.most_interests, self.work.taxonomy.n_clusters
        if wanted > most:
            raise ConfigError(
                f"Predictions were asked for on {wanted:,} interests, which makes {wanted**2:,} pairs to answer. "
                f"Choose {most:,} interests or fewer."
            )

    def train_policy(self, descriptions: list[Description], words: list[str], progress: Progress):
        """Reads the interests' words with a text model, also where items have vectors of their own, for all policies
        that do more than count.

        What a model answered is only read: a build asks nothing, so it spends nothing.
        """
        if self.config.policy.kind == "openai":
            return make_policy(self.work, collect_answers(self.work))
        vectors = np.zeros((len(words), 0), np.float32)
        if self.config.policy.kind not in COUNTING:
            self.embed(words, part_of(progress, 0, 0.2))
            config = self.config.embedding.for_words()
            vectors, _ = stage_tables.read_embeddings(self.store, model_name(config), text_keys(words, config))
        return self.compute(
            train_policy,
            self.work.training_moves,
            descriptions,
            vectors,
            config=self.config.policy,
            reader=self.config.embedding.for_words(),
            hidden=self.work.taxonomy.hidden,
            seed=self.config.seed,
            progress=part_of(progress, 0.2, 1),
        )

    def transition_table(self) -> None:
        refuse_unknown_answers(self.work.policy)
        self.maker.make(
            "transition_table",
            [self.keys["policies"], asdict(self.config.table)],
            lambda progress: self.compute(
                tabulate, self.work.policy, k=self.config.transition.k, config=self.config.table, progress=progress
            ),
            lambda writer, key, table: stage_tables.write_table(writer, key, table, self.work.taxonomy),
        )

    def recommenders(self) -> None:
        config = self.config.recommender
        depends = [self.keys["logs"], self.keys["embeddings"], asdict(config), self.config.seed, self.work.split]

        def write(writer: Writer, key: str, model: Recommender) -> None:
            stage_tables.forget_unfinished(writer, "recommenders")
            stage_tables.write_model(writer, "recommenders", key, model.name, model.arrays())

        key = result_key("recommenders", *depends)
        self.maker.make("recommenders", depends, lambda progress: self._train_recommender(key, progress), write)

    def _train_recommender(self, key: str, progress: Progress) -> Recommender:
        """Goes on from what an earlier run has kept, and keeps from time to time how far it has come."""
        seen = self.work.interactions.before(self.work.split)
        options = {"config": self.config.recommender, "seed": self.config.seed, "progress": progress}
        if self.config.recommender.kind != "sequence":
            return self.compute(train_recommender, seen, **options)
        reached = stage_tables.read_unfinished(self.store, "recommenders", key)
        while True:
            made = self.compute(train_sequence_part, seen, self.work.vectors, reached, **options)
            if not isinstance(made, Unfinished):
                return made
            reached = made.arrays
            with self.store.transaction() as writer:
                self.maker.refuse_other_logs()
                stage_tables.write_unfinished(writer, "recommenders", key, reached)

    def grounding(self) -> None:
        """Goes the whole way for some users, so that a finished run is known to work from log to items."""
        config = self.config.grounding
        self.maker.make(
            "grounding",
            [
                self.keys["transition_table"],
                self.keys["recommenders"],
                digest(self.work.taxonomy.hidden_items),
                asdict(config),
                self.config.seed,
            ],
            lambda progress: self.ground_sample(),
            lambda writer, key, found: stage_tables.write_grounded(writer, key, *found, self.work.taxonomy),
        )

    def ground_sample(self):
        work, config = self.work, self.config.grounding
        n_users = work.histories.n_users
        rng = np.random.default_rng(self.config.seed)
        users = np.sort(rng.choice(n_users, min(config.check_users, n_users), replace=False))
        found = serve_users(work, users, top=3, items=config.items)
        return found.predictions, found.grounded

    def evaluation(self) -> None:
        hidden = self.work.taxonomy.hidden_items
        depends = [
            self.keys["transition_table"],
            self.keys["recommenders"],
            digest(hidden),
            asdict(self.config.evaluation),
            [*MEASURED, "nothing hidden in lists"] if hidden.any() else MEASURED,
        ]
        self.maker.make(
            "evaluation",
            depends,
            lambda progress: self.compute(evaluate_run, self.built(), config=self.config, progress=progress),
            stage_tables.write_evaluation,
        )

    def weights(self) -> None:
        """What other weights of behaviour would do at this granularity."""
        work = self.work
        self.maker.make(
            "weights",
            weights_depends(work),
            lambda progress: self.compute(
                compare_weights,
                work.vectors,
                work.behaviour,
                work.interactions,
                work.split,
                work.granularity,
                config=self.config,
                progress=progress,
            ),
            lambda writer, key, table: stage_tables.write_evaluation(writer, key, {"weights": table}),
        )

    def built(self) -> Built:
        work = self.work
        return Built(
            work.policy,
            work.learned_policy,
            work.training_moves,
            work.recommender,
            work.histories,
            work.interactions,
            work.taxonomy,
            work.distances,
            work.vectors,
            work.judged_from,
        )
