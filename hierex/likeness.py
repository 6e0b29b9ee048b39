"""How alike things are by who has them: EASE (Steck 2019, arXiv 1905.03375), for interests and for items."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.linalg import lapack


def count_together(has: sparse.csr_array) -> np.ndarray:
    """(n, n) float64: how many people have both; the diagonal: has it. has: (n_people, n), 1 where a person has it."""
    return (has.T @ has).toarray().astype(np.float64)


def liken(together: np.ndarray, strength: float) -> np.ndarray:
    """(n, n) float32, nothing on the diagonal (Steck 2019, equation 8): row, what a person has; column, what it speaks
    for.

    strength: above 0, added to how many people have each, as if so many had it and nothing else. Takes n^3 steps, and
    twice the memory of `together`.
    """
    strengthened = np.array(together, np.float64, order="F")
    np.fill_diagonal(strengthened, together.diagonal() + strength)
    factor, _ = lapack.dpotrf(strengthened, overwrite_a=True)
    inverse, _ = lapack.dpotri(factor, overwrite_c=True)  # its upper half; the lower one is that of a symmetric matrix
    parts = -inverse.diagonal()
    inverse = np.triu(inverse, 1).astype(np.float32)
    inverse += inverse.T
    inverse /= parts.astype(np.float32)
    return inverse
