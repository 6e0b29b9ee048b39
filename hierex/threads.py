"""How the numeric libraries are told to use the cores, before they load: they read it from the environment once."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS = {
    # Narrow matrices are multiplied faster on one thread than on several that wait for each other.
    "OPENBLAS_NUM_THREADS": "1",
    # torch's threads sleep while they wait. Spinning, they keep a core from whoever they wait for: on two cores, one of
    # them busy, training a recommender took four times as long.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def settle_threads() -> None:
    """Sets what the environment leaves open; to be called before numpy and torch are imported."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


_before: list[int] = []
_guard = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread, and then on as many as before: on small matrices several would mostly wait for each other,
    and long where others use the cores. Sessions may overlap: the first remembers how many there were, and the last one
    to leave brings them back."""
    import torch

    with _guard:
        _before.append(_before[-1] if _before else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _guard:
            before = _before.pop()
            if not _before:
                torch.set_num_threads(before)
