"""The formulas of the evaluation. Each says what it computes, and its examples run as tests."""

from __future__ import annotations

import numpy as np

WEIGHTS_AT_ONCE = 4_000_000


def recall_at(better: np.ndarray, tied: np.ndarray, *, k: int) -> np.ndarray:
    """Share of right answers among the first `k` of each ranking: with one right answer, 1 if its rank is at most k.

    better: (n,) candidates scored above the right answer; tied: (n,) candidates with its score, itself included.
    The rank is then any of better + 1 .. better + tied with equal chance, so

        recall@k = min(max(k - better, 0), tied) / tied

    >>> recall_at(np.array([0, 4, 2]), np.array([1, 1, 6]), k=5)
    array([1. , 1. , 0.5])
    """
    return np.clip(k - better, 0, tied) / tied


def ndcg_at(better: np.ndarray, tied: np.ndarray, *, k: int) -> np.ndarray:
    """Normalised discounted cumulative gain of the first `k`: the right answer counts less the lower it stands.

    With one right answer at rank r the ideal gain is 1 and

        NDCG@k = 1 / log2(1 + r) if r <= k, else 0

    averaged over the ranks better + 1 .. better + tied where scores are equal (arguments: see `recall_at`).

    >>> ndcg_at(np.array([0, 2, 9]), np.array([1, 1, 1]), k=5)
    array([1. , 0.5, 0. ])
    """
    gains = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
    return (gains[np.minimum(better + tied, k)] - gains[np.minimum(better, k)]) / tied


def gini(amounts: np.ndarray) -> float:
    """How unevenly `amounts` (n,), none negative, are spread: 0 all equal, towards 1 one has everything.

        G = sum_i (2 i - n - 1) x_i / (n sum_i x_i),  x sorted upwards, i = 1..n

    Missing (nan) where there is nothing to spread.

    >>> gini(np.array([5.0, 5.0])), gini(np.array([0.0, 0.0, 0.0, 8.0]))
    (0.0, 0.75)
    """
    amounts = np.sort(np.asarray(amounts, np.float64))
    n, total = len(amounts), amounts.sum()
    return float((2 * np.arange(1, n + 1) - n - 1) @ amounts / (n * total)) if total > 0 else float("nan")


def resample_means(sums: np.ndarray, counts: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """(resamples, n_metrics): means over cases when people are drawn again with replacement (bootstrap by person).

    sums: (n_users, n_metrics) of a metric over each person's cases; counts: (n_users,) cases of each person.
    People are drawn, not cases, because one person's cases resemble each other.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 8.4 and 13.3.
    """
    rng = np.random.default_rng(seed)
    n_users = len(counts)
    at_once = max(1, WEIGHTS_AT_ONCE // n_users)
    parts = []
    for done in range(0, resamples, at_once):
        weights = _draw_again(rng, n_users, min(at_once, resamples - done))
        parts.append(weights @ sums / (weights @ counts)[:, None])
    return np.concatenate(parts)


def resample_two_ways(sums: np.ndarray, counts: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    """(resamples,): means over cases when the rows and the columns they belong to are drawn again, each on their own.

    sums, counts: (n_rows, n_columns) of the metric over the cases of both, and how many these are. Missing (nan) where
    those drawn have no case together. Somewhat too wide rather than too narrow.
    Source: Owen, The pigeonhole bootstrap, The Annals of Applied Statistics 1 (2007).
    """
    rng = np.random.default_rng(seed)
    rows, columns = (_draw_again(rng, n, resamples) for n in counts.shape)
    total, n_cases = (np.einsum("ij,ij->i", rows @ table, columns) for table in (sums, counts))
    return np.divide(total, n_cases, out=np.full(resamples, np.nan), where=n_cases > 0)


def _draw_again(rng: np.random.Generator, n: int, times: int) -> np.ndarray:
    """(times, n): how often each of `n` is drawn when `n` are drawn with replacement."""
    drawn = rng.integers(n, size=(times, n)) + np.arange(times)[:, None] * n
    return np.bincount(drawn.ravel(), minlength=times * n).reshape(times, n).astype(np.float64)


def jackknife_error(values: np.ndarray) -> float:
    """Standard error of a statistic from its values (n,) with one of n equal groups left out each time.

        sqrt((n - 1) / n * sum_i (x_i - mean x)^2)

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 11.

    >>> round(jackknife_error(np.array([2.0, 2.5, 3.0])), 4)
    0.5774
    """
    n = len(values)
    return float(np.sqrt((n - 1) / n * np.square(values - np.mean(values)).sum()))
