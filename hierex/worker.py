"""A process that computes for the app, so that pages stay quick and any work can be stopped at once.

Stages are pure functions, so they can run anywhere: the app sends a function with its arguments over the pipe and
hears of progress until the result or the error comes back. The database stays with the app.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from .config import Progress
from .errors import Cancelled, HierexError
from .threads import SETTINGS

LOWER_PRIORITY = 10


class Worker:
    """One computing process, started on first use and kept warm between calls."""

    def __init__(self):
        self._process: subprocess.Popen | None = None
        self._starting = threading.Lock()
        self._cancelled = threading.Event()

    def compute(self, function: Callable, *args, progress: Progress, **kwargs):
        """`function(*args, progress=progress, **kwargs)`, over there.

        Raises Cancelled when `cancel` was called, HierexError when the process was ended by the system, and whatever
        the function raises.
        """
        process = self._start()
        try:
            send(process.stdin, (function, args, kwargs))
            while True:
                kind, value = pickle.load(process.stdout)
                if kind == "progress":
                    progress(value)
                else:
                    break
        except (EOFError, BrokenPipeError, pickle.UnpicklingError, OSError) as error:
            self.stop()
            if self._cancelled.is_set():
                raise Cancelled("The work was stopped. What was finished is kept.") from error
            raise HierexError(
                "The system ended the work, most likely because the memory was used up. What was finished is kept; "
                "close other programs, then continue."
            ) from error
        if kind == "error":
            raise value
        return value

    def cancel(self) -> None:
        """Ends what is being computed at once."""
        self._cancelled.set()
        self.stop()

    def check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("The work was stopped. What was finished is kept.")

    def reset(self) -> None:
        """Forgets an earlier `cancel`."""
        self._cancelled.clear()

    def stop(self) -> None:
        """Ends the process; the next `compute` starts another."""
        with self._starting:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None

    def _start(self) -> subprocess.Popen:
        with self._starting:
            self.check_cancelled()
            if self._process is None or self._process.poll() is not None:
                command = [sys.executable, "-m", "hierex.worker"]
                path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
                env = {**SETTINGS, **os.environ, "PYTHONPATH": path}
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
            return self._process


def send(stream, message: object) -> None:
    pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()


def main() -> None:
    """Serves calls until the pipe closes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    os.nice(LOWER_PRIORITY)
    threading.Thread(target=leave_with_parent, args=(os.getppid(),), daemon=True).start()
    while True:
        try:
            function, args, kwargs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            result = function(*args, progress=lambda share: send(answers, ("progress", share)), **kwargs)
            send(answers, ("result", result))
        except Exception as error:
            send(answers, ("error", portable(error)))


def portable(error: Exception) -> Exception:
    """The error itself where it can travel, else one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:  # whatever an error of some library does when it is copied, its words have to arrive
        return RuntimeError(f"{type(error).__name__}: {error}")


def leave_with_parent(parent: int) -> None:
    """Ends this process when the app is gone, however it went."""
    while os.getppid() == parent:
        threading.Event().wait(1.0)
    os._exit(1)


if __name__ == "__main__":
    main()
