"""The workspace whose predictions are served: those of a run, over the present logs, without what is hidden today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import HierexError
from ..kept import results, stage_tables
from ..kept.curation_edits import CurationRecord, read_records, read_taxonomy_key
from ..kept.runs import RunRecord, config_of, shown_run
from ..store import Store
from ..taxonomy import CurationEdit, leaf_of_item
from ..workspace import Workspace


def serve_release(present: Workspace, run: RunRecord) -> Workspace:
    """The workspace whose predictions are those of `run`, over the present logs.

    What is hidden today is left out. Where logs were added and the tree of interests was kept, its interests hold the
    new items too. Raises HierexError with the reason where the tree does not allow that.
    """
    served = present if run.keys == present.keys else as_made(present, run)
    standing = hiding_changes(present.store)
    if standing:
        served = replace(served, hides=place_hides(present, served, standing))
    _ = served.policy  # now, so that what is wrong with it is said here
    return served


def serve_latest(present: Workspace) -> Workspace:
    """The present build, without what was hidden since it was made."""
    run = shown_run(present.store)
    built_so = run is None or run.keys != present.keys or hides_as_built(present.store, run)
    return present if built_so else serve_release(present, run)


def as_made(present: Workspace, run: RunRecord) -> Workspace:
    """See `serve_release`, without regard to what is hidden today."""
    config = config_of(run.config)
    if not is_kept(present.store, run):
        raise HierexError("What is released was forgotten to save room. Build it again, then release it.")
    if run.keys["logs"] == present.keys["logs"]:
        return Workspace(present.store, config, dict(run.keys))
    made = ("taxonomy", "transitions", "policies", "transition_table", "evaluation")
    own = {stage: run.keys[stage] for stage in made}
    own["learned_policy"] = run.keys.get("learned_policy", run.keys["policies"])
    served = Workspace(present.store, config, present.keys | own)
    other = "The interests have changed since: build again and release anew."
    if stage_tables.grown_key(present.store, run.keys["interest_tree"]) != present.tree_key:
        raise HierexError(other)
    known = stage_tables.table_clusters(present.store, own["transition_table"])
    same_items = np.array_equal(leaf_of_item(served.tree), leaf_of_item(present.tree))
    ids = np.sort(served.taxonomy.cluster_ids)
    same_interests = np.array_equal(known, ids) if len(known) else served.policy.n_clusters == len(ids)
    if not same_items or not same_interests:
        raise HierexError(other)
    return served


def is_kept(store: Store, run: RunRecord) -> bool:
    """Whether all that the run's predictions are made of is still there: the oldest are forgotten."""
    made = ["interest_tree", "descriptions", "first_visits", "policies", "transition_table", "recommenders"]
    made += ["behaviour"] if "behaviour" in run.keys else []
    kept = [(stage, run.keys.get(stage, "")) for stage in made]
    kept += [("policies", run.keys["learned_policy"])] if "learned_policy" in run.keys else []
    return all(results.has_result(store, stage, key) for stage, key in kept)


def hiding_changes(store: Store) -> list[CurationRecord]:
    """What today's hidden items follow from: the hides and moves that stand; none where nothing is hidden."""
    standing = [record for record in read_records(store) if record.kind in ("hide", "move") and not record.undone]
    return standing if any(record.kind == "hide" for record in standing) else []


def hides_as_built(store: Store, run: RunRecord) -> bool:
    """Whether the hides and moves that stand are those that the run began with, or nothing is hidden."""
    standing = hiding_changes(store)
    _, made = read_taxonomy_key(run.keys["taxonomy"])
    began = [r.edit_id for r in read_records(store) if r.kind in ("hide", "move") and r.edit_id in made]
    return not standing or [record.edit_id for record in standing] == began


def place_hides(present: Workspace, served: Workspace, standing: Sequence[CurationRecord]) -> tuple[CurationEdit, ...]:
    """The hides in terms of what is served: the nodes of its tree, and the items hidden by now wherever they are in it.

    An interest all of whose items are hidden is never predicted.
    """
    now, _ = present.place_curation(list(standing))
    tree, _ = present.moved(tuple(edit for edit in now if edit.kind == "move"))
    items = {
        edit.edit_id: tuple(item for node in edit.nodes for item in tree.items_of(node).tolist())
        for edit in now
        if edit.kind == "hide"
    }
    hides = [record for record in standing if record.kind == "hide"]
    nodes = {edit.edit_id: edit.nodes for edit in served.place_curation(hides)[0]}
    return tuple(CurationEdit(i, "hide", nodes.get(i, ()), items.get(i, ())) for i in (hide.edit_id for hide in hides))
