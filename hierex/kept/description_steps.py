"""What a person did to descriptions in one go is a step, taken back and brought back as one.

Edits, reviews, and what they had a language model say.
"""

from __future__ import annotations

from ..store import Store, Writer

IDS = {"description_edits": "edit_id", "description_reviews": "review_id", "model_answers": "answer_id"}
"""The tables that hold what was done, and what names a row there."""


def new_step(writer: Writer) -> int:
    """The number of a step that begins."""
    return writer.execute("SELECT nextval('description_steps')")[0]


def begin_step(store: Store) -> int:
    """The number of a step that goes on for a while."""
    with store.transaction() as writer:
        return new_step(writer)


def set_step_undone(store: Store, step: int, undone: bool) -> None:
    """Takes all of a step back, or brings it back; what was there before it shows again."""
    with store.transaction() as writer:
        for table in IDS:
            writer.execute(f"UPDATE {table} SET undone = ? WHERE step = ?", [undone, step])


def leave_step(store: Store, table: str, row_id: int) -> int:
    """Makes one row a step of its own, so that it can be taken back without the others; returns that step."""
    with store.transaction() as writer:
        step = new_step(writer)
        writer.execute(f"UPDATE {table} SET step = ? WHERE {IDS[table]} = ?", [step, row_id])
        return step
