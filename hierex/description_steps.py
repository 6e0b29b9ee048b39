"""What a person did to descriptions in one go, edits and reviews: a step, taken back and brought back as one."""

from __future__ import annotations

from .store import Store, Writer


def new_step(writer: Writer) -> int:
    """The number of a step that begins."""
    return writer.execute("SELECT nextval('description_steps')")[0]


def set_step_undone(store: Store, step: int, undone: bool) -> None:
    """Takes all of a step back, or brings it back; what was there before it shows again."""
    with store.transaction() as writer:
        for table in ("description_edits", "description_reviews"):
            writer.execute(f"UPDATE {table} SET undone = ? WHERE step = ?", [undone, step])
