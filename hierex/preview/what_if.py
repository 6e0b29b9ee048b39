"""What would be predicted if something were otherwise: other words, other interests, another policy. Nothing is kept.

The learned policy is not taught anew where its kind allows that: its interests are cut into the parts that both the
present interests and the supposed ones are made of. The parts share what is known of the whole by how many people had
reached each, and are told apart by their words (`EncoderPolicy.with_interests`); a supposed interest is as likely as
its parts together. Policies that only count are counted again, which takes a moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..descriptions import Description
from ..errors import HierexError
from ..policies import LanguagePolicy
from ..policies.counts import train_counts
from ..policies.ease import train_ease
from ..policies.encoder import EncoderPolicy
from ..serving import Served
from ..taxonomy import CurationEdit, Taxonomy, cluster_of_leaf, leaf_of_item
from ..transition_table import Predictions, rank_best
from ..transitions import collect_histories, list_moves
from ..workspace import Workspace
from .persons import Person, ground_for, in_order

COUNTED = {"counts": train_counts, "ease": train_ease}
SAME, NEW, PART, WHOLE = "as before", "new here", "part of one before", "holds one before"


@dataclass(frozen=True)
class Supposed:
    """Interests as they might be, and a policy that answers for them.

    descriptions: one per interest of the taxonomy; part_of_item: (n_items,) the policy's interest that holds each
    item; cluster_of_part: of each interest of the policy, the taxonomy's interest that it lies in.
    """

    taxonomy: Taxonomy
    descriptions: list[Description]
    policy: LanguagePolicy
    part_of_item: np.ndarray
    cluster_of_part: np.ndarray
    k: int

    def predict(self, person: Person, *, top: int, context: Sequence[int] | None = None) -> Predictions:
        """As `predict_novel` does for one person; always computed. context: interests of the policy to start from.

        From their latest interests unless told otherwise. One that holds several of the policy's is entered through
        the one that the person reached first.
        """
        parts = in_order(self.part_of_item[person.items])
        clusters = self.cluster_of_part[parts]
        history = in_order(clusters)
        entered = [int(parts[clusters == cluster][0]) for cluster in history[-self.k :]]
        open_ones = ~self.taxonomy.hidden
        open_ones[history] = False
        open_ones[self.cluster_of_part[list(context or [])]] = False
        wanted = min(top, int(open_ones.sum())) if entered else 0
        context = list(context or entered[:1] * (self.k - len(entered)) + entered)
        if not wanted:
            return _no_predictions(self.k)
        likely = np.exp(self.policy.score(np.array([context]))[0])
        summed = np.bincount(self.cluster_of_part, likely, self.taxonomy.n_clusters)
        with np.errstate(divide="ignore"):
            log_probs = np.minimum(np.log(np.where(open_ones, summed, 0)), 0)
        novel, score = rank_best(log_probs[None], wanted)
        return Predictions(
            np.zeros(wanted, np.int32),
            np.tile(self.cluster_of_part[context].astype(np.int32), (wanted, 1)),
            np.arange(1, wanted + 1, dtype=np.int32),
            novel[0],
            score[0],
            np.full(wanted, "computed"),
        )

    def serve(self, work: Workspace, person: Person, *, top: int, items: int) -> Served:
        predictions = self.predict(person, top=top)
        return Served(predictions, ground_for(work.recommender, self.taxonomy, person, predictions, top=items))


def as_it_is(work: Workspace, policy: LanguagePolicy | None = None) -> Supposed:
    """The present interests, answered for by what was learned, without what is laid over it, or by another policy."""
    n = work.taxonomy.n_clusters
    descriptions, k = work.cluster_descriptions(), work.config.transition.k
    of_item = work.taxonomy.cluster_of_item
    return Supposed(work.taxonomy, descriptions, policy or work.learned_policy, of_item, np.arange(n), k)


def count_anew(work: Workspace, kind: str) -> LanguagePolicy:
    """A policy of one of the kinds `COUNTED` for the present interests."""
    return COUNTED[kind](work.training_moves, config=replace(work.config.policy, kind=kind))


def suppose_interests(
    work: Workspace,
    *,
    granularity: int | None = None,
    edits: Sequence[CurationEdit] = (),
    words: Mapping[int, Description] | None = None,
) -> Supposed:
    """Another number of interests, further changes of them (but for items moved), or other words of some (by id).

    Raises ConfigError for a granularity that cannot be, HierexError with the reason where a change has no effect, and
    for a policy that would have to be asked or trained anew.
    """
    curated = work.shape(granularity or work.granularity, [*work.built_edits, *edits])
    for edit in edits:
        if edit.edit_id in curated.reasons:
            raise HierexError(curated.reasons[edit.edit_id])
    taxonomy = curated.taxonomy
    described = work.descriptions(taxonomy, work.placed_edits()) | dict(words or {})
    descriptions = [described[cluster_id] for cluster_id in taxonomy.cluster_ids.tolist()]
    learned = work.learned_policy
    if learned.name in COUNTED:
        itself = taxonomy.cluster_of_item, np.arange(taxonomy.n_clusters)
        return Supposed(taxonomy, descriptions, _count_for(work, taxonomy), *itself, work.config.transition.k)
    if not isinstance(learned, EncoderPolicy):
        raise HierexError(
            "What this language model would answer for other interests is not known before it is trained or asked "
            "again. Learn another way under “What comes next”, “Releases”, to try this out."
        )
    return _tell_apart(work, learned, taxonomy, descriptions)


def _count_for(work: Workspace, taxonomy: Taxonomy) -> LanguagePolicy:
    leaves = cluster_of_leaf(work.tree, taxonomy)
    histories = collect_histories(work.visits, leaves, taxonomy.n_clusters)
    moves = list_moves(histories.before(work.split), k=work.config.transition.k)
    return COUNTED[work.learned_policy.name](moves, config=work.config.policy)


def _tell_apart(work: Workspace, learned: EncoderPolicy, taxonomy: Taxonomy, descriptions: list) -> Supposed:
    """Parts that lie in one present interest and one supposed one each."""
    both = np.stack([cluster_of_leaf(work.tree, side) for side in (work.taxonomy, taxonomy)])
    (origin, target), part_of_leaf = np.unique(both, axis=1, return_inverse=True)
    part_of_leaf = part_of_leaf.ravel()
    now = work.words()
    alone = np.bincount(target)[target] == 1
    words = [descriptions[t].text() if whole else now[o] for o, t, whole in zip(origin, target, alone, strict=True)]
    before = collect_histories(work.visits, part_of_leaf, len(origin)).before(work.split)
    reached = np.bincount(before.cluster, minlength=len(origin))
    policy = learned.with_interests(work.read_words(words, policy=learned), origin, reached)
    part_of_item = part_of_leaf[leaf_of_item(work.tree)]
    return Supposed(taxonomy, descriptions, policy, part_of_item, target, work.config.transition.k)


@dataclass(frozen=True)
class Foreseen:
    """What one person would be shown, with the interests that it speaks of. tree_key: of the tree that their ids are of
    (`Workspace.tree_key`); policy: the name of the one that answers, with its layers."""

    served: Served
    taxonomy: Taxonomy
    names: list[str]
    tree_key: str
    policy: str = ""

    @property
    def novel(self) -> np.ndarray:
        return self.served.predictions.novel

    @property
    def items(self) -> set[int]:
        """All that is shown of them."""
        return {item for items in self.served.grounded.items for item in items.tolist()}


def compare_foreseen(before: Foreseen, after: Foreseen) -> pd.DataFrame:
    """One row per rank: rank, before, after (names; empty where there are fewer), likely_before, likely_after (0-1; nan
    where there are fewer), change of what is after at that rank.

    change: `SAME` for an interest that was among those before, by its id in the same tree or by its items; `PART` for
    one that lies in one of them, `WHOLE` for one that holds items of one or several; `NEW` for any other; empty where
    there is none.
    """
    changes = [_change(before, after, cluster) for cluster in after.novel.tolist()]
    n = max(len(before.novel), len(after.novel))
    return pd.DataFrame(
        {
            "rank": np.arange(1, n + 1),
            "before": _padded([before.names[c] for c in before.novel], n, ""),
            "likely_before": _padded(before.served.predictions.score.tolist(), n, np.nan),
            "after": _padded([after.names[c] for c in after.novel], n, ""),
            "likely_after": _padded(after.served.predictions.score.tolist(), n, np.nan),
            "change": _padded(changes, n, ""),
        }
    )


def count_gone(before: Foreseen, after: Foreseen) -> int:
    """How many interests of before are not among those after, hold none of them and lie in none."""
    return sum(_change(after, before, cluster) == NEW for cluster in before.novel.tolist())


def keeps_first(before: Foreseen, after: Foreseen) -> bool:
    """Whether the first interest of before is the first after, too. Where there was none, there is none to keep."""
    first = before.novel[:1]
    if not len(first):
        return True
    return len(after.novel) > 0 and _change(before, after, int(after.novel[0]), novel=first) == SAME


def _change(before: Foreseen, after: Foreseen, cluster: int, *, novel: np.ndarray | None = None) -> str:
    """What one of after is to those of before, or to `novel`, some of them."""
    novel = before.novel if novel is None else novel
    known = before.taxonomy.cluster_ids[novel] if before.tree_key == after.tree_key else ()
    items = after.taxonomy.items_of(cluster)
    inside = np.isin(before.taxonomy.cluster_of_item[items], novel)
    origins = np.unique(before.taxonomy.cluster_of_item[items])
    within = len(origins) == 1 and inside.all()
    equal = within and len(before.taxonomy.items_of(origins[0])) == len(items)
    if equal or after.taxonomy.cluster_ids[cluster] in known:
        return SAME
    return PART if within else WHOLE if inside.any() else NEW


def _padded(values: list, n: int, missing: object) -> list:
    return values + [missing] * (n - len(values))


def _no_predictions(k: int) -> Predictions:
    empty = np.zeros(0, np.int32)
    return Predictions(empty, np.zeros((0, k), np.int32), empty, empty, np.zeros(0, np.float32), np.zeros(0, str))
