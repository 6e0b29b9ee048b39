"""Random numbers that depend on what they are for, and not on how many were drawn before.

Two arms that show the same item to the same person at the same visit see the same reaction, whatever else they showed
(common random numbers: Owen, Monte Carlo theory, methods and examples, section 8.6).
"""

from __future__ import annotations

import numpy as np

from ..recommenders.simple import scramble

STEP = np.uint64(0x9E37_79B9_7F4A_7C15)
"""The odd constant of SplitMix64 (Steele, Lea, Flood 2014)."""
PURPOSES = ("comes", "reacts", "explores", "people")


def draw(seed: int, purpose: str, *keys: np.ndarray | int) -> np.ndarray:
    """float64 in (0, 1), evenly spread, of the shape that the keys broadcast to. keys: whole numbers, 0 or more."""
    bits = np.full((1,), seed, np.uint64)
    for key in (PURPOSES.index(purpose), *keys):
        bits = scramble(bits * STEP + np.asarray(key).astype(np.uint64) + STEP)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def gumbel(uniform: np.ndarray) -> np.ndarray:
    """Added to log-probabilities, the largest is a draw from them, and the k largest are k without replacement."""
    return -np.log(-np.log(uniform))
