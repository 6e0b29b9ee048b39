"""The kept examples as people whom predictions are made for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..kept.examples import Example
from ..workspace import Workspace
from .persons import Person, made_up_name, person_of


def place_examples(work: Workspace, examples: Sequence[Example]) -> tuple[dict[int, Person], list[Example]]:
    """By id, the people; and those who are not in these logs any more, or none of whose items is."""
    users = pd.Index(work.user_ids).get_indexer(pd.Index([example.user_id or "" for example in examples]))
    index = pd.Index(work.items["item_id"])
    people, missing = {}, []
    for example, user in zip(examples, users.tolist(), strict=True):
        if example.user_id is not None:
            person = person_of(work, user) if user >= 0 else None
        else:
            items = index.get_indexer(pd.Index(example.item_ids, dtype=object))
            known = items[items >= 0].astype(np.int32)
            name, of = made_up_name(example.name), example.example_id
            person = Person(name, known, example_id=of) if len(known) else None
        if person is None:
            missing.append(example)
        else:
            people[example.example_id] = person
    return people, missing
