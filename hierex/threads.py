"""How the numeric libraries are told to use the cores, before they load: they read it from the environment once."""

import os

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
