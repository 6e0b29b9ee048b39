"""How a result comes about: used again where it is kept, else made and kept under a key of all that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from .config import Progress
from .errors import EditConflict
from .kept import results, stored_logs
from .result_keys import result_key
from .store import Store, Writer

Compute = Callable[..., object]
"""Runs `function(*args, progress=progress, **kwargs)`, here or in another process."""

Watch = Callable[[str, str, float], None]
"""Told (stage, state, value): running with the share done, then made or reused with the seconds taken."""


def compute_here(function: Callable, *args, progress: Progress, **kwargs):
    """The plain way: in this process."""
    return function(*args, progress=progress, **kwargs)


def watch_nothing(stage: str, state: str, value: float) -> None:
    """For callers who don't watch."""


@dataclass
class Maker:
    """keys: of the results that were made or used, by stage; those of what they depend on are there before."""

    store: Store
    keys: dict[str, str]
    watch: Watch

    def progress(self, stage: str) -> Progress:
        return lambda share: self.watch(stage, "running", share)

    def make(
        self,
        stage: str,
        depends_on: list,
        make: Callable[[Progress], object],
        write: Callable[[Writer, str, object], None],
        note: Callable[[object], str] = lambda _: "",
    ) -> None:
        """Uses the kept result, or makes it and keeps it in one transaction."""
        key = result_key(stage, *depends_on)
        if results.has_result(self.store, stage, key):
            self.reuse(stage, key)
            return
        self.watch(stage, "running", 0.0)
        started = perf_counter()
        result = make(self.progress(stage))
        with self.store.transaction() as writer:
            self.refuse_other_logs()
            write(writer, key, result)
            results.record_result(writer, stage, key, perf_counter() - started, note(result))
        self.keys[stage] = key
        self.watch(stage, "made", perf_counter() - started)

    def reuse(self, stage: str, key: str) -> None:
        self.keys[stage] = key
        results.touch_result(self.store, stage, key)
        self.watch(stage, "reused", 0.0)

    def refuse_other_logs(self) -> None:
        """A result is never kept under the key of logs that it was not made from."""
        report = stored_logs.log_report(self.store)
        if report is None or report.content_key != self.keys["logs"]:
            raise EditConflict("The logs were replaced while this was being built. Build again.")
