"""What people would be shown: their ranked novel interests, and real items for each. The look-up that serves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import HierexError
from .evaluation import FROM_HISTORY
from .grounding import GroundedItems, ground
from .logs import Disliked, Interactions
from .transition_table import Predictions, predict_novel
from .workspace import Workspace

SHOWN_IDS = 3


@dataclass(frozen=True)
class Served:
    """Predictions and, row by row, the items grounded in each."""

    predictions: Predictions
    grounded: GroundedItems


def serve_users(
    work: Workspace,
    users: np.ndarray,
    *,
    top: int,
    items: int,
    whole: bool = False,
) -> Served:
    """The `top` novel interests of each user (m,) and `items` items in each.

    whole: see `predict_novel`. A user without a history, or who has all interests already, gets no rows.
    """
    hidden = work.taxonomy.hidden
    predictions = predict_novel(work.policy, work.table, work.histories, users, top=top, hidden=hidden, whole=whole)
    had, disliked = (items_by_row(log, predictions.user) for log in (work.interactions, work.disliked))
    return Served(predictions, ground(predictions, work.recommender, work.taxonomy, had, top=items, disliked=disliked))


def items_by_row(log: Interactions | Disliked, user: np.ndarray) -> list[np.ndarray]:
    """For each row its user's items: one array for all rows of a user."""
    of_user = {index: log.items_of(index) for index in np.unique(user)}
    return [of_user[index] for index in user]


def served_frame(work: Workspace, served: Served) -> pd.DataFrame:
    """user_id, context, rank, novel_cluster_id, score, policy, items: what `predict` writes."""
    predictions, grounded = served.predictions, served.grounded
    ids = work.taxonomy.cluster_ids
    item_ids = work.items["item_id"].to_numpy()
    items = [
        [{"item_id": item_ids[i], "score": float(s)} for i, s in zip(row, scores, strict=True)]
        for row, scores in zip(grounded.items, grounded.scores, strict=True)
    ]
    return pd.DataFrame(
        {
            "user_id": np.array(work.user_ids, dtype=object)[predictions.user],
            "context": [distinct(ids[context]) for context in predictions.context],
            "rank": predictions.rank,
            "novel_cluster_id": ids[predictions.novel],
            "score": predictions.score,
            "policy": np.where(predictions.path == "history", work.policy.name + FROM_HISTORY, work.policy.name),
            "items": items,
        }
    )


def distinct(context: np.ndarray) -> list[int]:
    """A context as it is shown: the padding of a person with one interest is left out."""
    return list(dict.fromkeys(context.tolist()))


def find_users(work: Workspace, user_ids: list[str]) -> np.ndarray:
    """(m,) user indices, each once. Raises HierexError that names the ids that are not in the log."""
    user_ids = list(dict.fromkeys(user_ids))
    places = pd.Index(work.user_ids).get_indexer(pd.Index(user_ids))
    unknown = [user for user, place in zip(user_ids, places, strict=True) if place < 0]
    if unknown:
        raise HierexError(
            f"{len(unknown)} of {len(user_ids)} user ids are not in the log, for example "
            f"{', '.join(repr(user[:40]) for user in unknown[:SHOWN_IDS])}. Ids in the log look like "
            f"{', '.join(repr(user[:40]) for user in work.user_ids[:SHOWN_IDS])}."
        )
    return places.astype(np.int64)
