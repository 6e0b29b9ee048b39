"""How a question of a batch is named, so that its answer finds it, in this run and any later one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .plans import MOST_SAMPLES

NAME = re.compile(r"((?:[0-9a-f]{16}-){1,3})(\d{1,9})")


def question_name(digests: Sequence[str], sample: int) -> str:
    """digests: of the context, see `plans.digest_words`."""
    return "-".join([*digests, str(sample)])


def read_question_name(name: str) -> tuple[tuple[str, ...], int] | None:
    """The digests of the context and the sample that an answer is for; None for a name that no question has."""
    found = NAME.fullmatch(name)
    if not found or int(found[2]) >= MOST_SAMPLES:
        return None
    return tuple(found[1].rstrip("-").split("-")), int(found[2])
