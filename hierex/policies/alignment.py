"""What people liked of the interests that were shown to them, and a model of it (arXiv 2504.05522).

Outcomes are counted per context and novel interest over all people. The model is not the policy, and the policy is
never trained on it: it only chooses among the policy's best answers, since a policy that is pushed towards a reward
soon names nothing but what is rewarded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from ..errors import TooLittleData
from ..transitions import number_contexts

FEWEST_OUTCOMES = 50
"""Outcomes that a model can be learned from, of `FOLDS` contexts or more."""
FOLDS = 5
TEXT_PARTS = 8
STRENGTH = 5.0
"""What the model expects counts as much as so many outcomes of this very context and interest."""
RIDGE = 0.3
"""Of all coefficients alike: so an interest's own liking (a column of 0 and 1) has to be shown by several outcomes, and
what its words tell counts until then."""


@dataclass(frozen=True)
class Outcomes:
    """One row per context and novel interest: contexts (m, K) int32, novel (m,) int32 cluster indices; positive (m,)
    and n (m,) float64, how many of the outcomes were good."""

    contexts: np.ndarray
    novel: np.ndarray
    positive: np.ndarray
    n: np.ndarray

    def __len__(self) -> int:
        return len(self.novel)


@dataclass(frozen=True)
class AlignmentModel:
    """coefficients (f,), intercept, centre (f,), scale (f,): logistic, on `_features`; own (n_clusters,): what is added
    for each interest, wherever it is shown. vectors (n_clusters, d) texts of the interests, unit length; parts
    (n_clusters, p): their main directions; distances (n_clusters, n_clusters). keys (m,) int64 sorted, positive, n
    (m,): the outcomes themselves. auc: how well it tells good from bad ones that it has not seen, 0.5 being chance;
    missing (nan) where none can be told."""

    coefficients: np.ndarray
    intercept: float
    centre: np.ndarray
    scale: np.ndarray
    own: np.ndarray
    vectors: np.ndarray
    parts: np.ndarray
    distances: np.ndarray
    keys: np.ndarray
    positive: np.ndarray
    n: np.ndarray
    auc: float

    def expect(self, contexts: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """(n, m) float32, 0-1: the share of good outcomes to expect of candidates (n, m) in contexts (n, K)."""
        n, m = candidates.shape
        contexts = np.repeat(contexts, m, axis=0)
        novel = candidates.ravel()
        features = (_features(contexts, novel, self.vectors, self.parts, self.distances) - self.centre) / self.scale
        expected = 1 / (1 + np.exp(-(features @ self.coefficients + self.own[novel] + self.intercept)))
        keys = number_contexts(np.column_stack([contexts, novel]), len(self.vectors))
        known = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        hit = self.keys[known] == keys
        positive, counted = np.where(hit, self.positive[known], 0), np.where(hit, self.n[known], 0)
        return ((positive + STRENGTH * expected) / (counted + STRENGTH)).reshape(n, m).astype(np.float32)


def why_not_learned(outcomes: Outcomes) -> str:
    """Why `train_alignment` would refuse these outcomes; empty where they are enough."""
    total, good = outcomes.n.sum(), outcomes.positive.sum()
    n_contexts = len(np.unique(outcomes.contexts, axis=0))
    if total < FEWEST_OUTCOMES or n_contexts < FOLDS:
        return (
            f"It takes {FEWEST_OUTCOMES} outcomes from {FOLDS} starting points to learn what people like. So far there "
            f"are {total:,.0f}, from {n_contexts:,}."
        )
    if not 0 < good < total:
        return "All outcomes are alike: it takes good ones and bad ones to learn what people like."
    return ""


def train_alignment(outcomes: Outcomes, vectors: np.ndarray, distances: np.ndarray, *, seed: int = 0) -> AlignmentModel:
    """vectors: (n_clusters, d) text vectors of the interests' descriptions; distances: `measure_distances`.

    Pointwise, as the source found faster and no worse than pairs. Raises TooLittleData with fewer than
    `FEWEST_OUTCOMES` outcomes, in fewer than `FOLDS` contexts, or where all were good or all bad.
    """
    why_not = why_not_learned(outcomes)
    if why_not:
        raise TooLittleData(why_not)
    groups = np.unique(outcomes.contexts, axis=0, return_inverse=True)[1].ravel()
    vectors = np.asarray(vectors, np.float32)
    parts = _main_directions(vectors)
    features = _features(outcomes.contexts, outcomes.novel, vectors, parts, distances)
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    # Each row is there twice, once for what was good in it and once for what was not.
    weight = np.concatenate([outcomes.positive, outcomes.n - outcomes.positive])
    kept = weight > 0
    which = sparse.csr_array(
        (np.ones(len(outcomes)), (np.arange(len(outcomes)), outcomes.novel)), (len(outcomes), len(vectors))
    )
    rows = sparse.hstack([sparse.csr_array((features - centre) / scale), which], format="csr")
    rows = sparse.vstack([rows, rows], format="csr")[kept]
    label = np.repeat([1, 0], len(outcomes))[kept]
    weight, group = weight[kept], np.tile(groups, 2)[kept]
    model = LogisticRegression(C=RIDGE, max_iter=1_000)
    fitted = model.fit(rows, label, sample_weight=weight)
    keys = number_contexts(np.column_stack([outcomes.contexts, outcomes.novel]), len(vectors))
    order = np.argsort(keys)
    return AlignmentModel(
        coefficients=fitted.coef_[0, : len(centre)],
        intercept=float(fitted.intercept_[0]),
        centre=centre,
        scale=scale,
        own=fitted.coef_[0, len(centre) :],
        vectors=vectors,
        parts=parts,
        distances=np.asarray(distances, np.float32),
        keys=keys[order],
        positive=outcomes.positive[order],
        n=outcomes.n[order],
        auc=_cross_validated(rows, label, weight, group, seed),
    )


def _cross_validated(
    rows: sparse.csr_array, label: np.ndarray, weight: np.ndarray, group: np.ndarray, seed: int
) -> float:
    """AUC on contexts that were left out; NaN where these hold only good or only bad outcomes."""
    foreseen = np.full(len(label), np.nan)
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(rows, label, group):
        if len(np.unique(label[train])) < 2:
            continue
        model = LogisticRegression(C=RIDGE, max_iter=1_000).fit(rows[train], label[train], sample_weight=weight[train])
        foreseen[test] = model.predict_proba(rows[test])[:, 1]
    told = ~np.isnan(foreseen)
    if len(np.unique(label[told])) < 2:
        return float("nan")
    return float(roc_auc_score(label[told], foreseen[told], sample_weight=weight[told]))


def _features(
    contexts: np.ndarray, novel: np.ndarray, vectors: np.ndarray, parts: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """(m, K + 1 + p): how alike texts are with each interest of the context, how far it is, and what it is about."""
    alike = np.stack([(vectors[column] * vectors[novel]).sum(axis=1) for column in contexts.T], axis=1)
    far = distances[contexts, novel[:, None]].min(axis=1, keepdims=True)
    return np.hstack([alike, far, parts[novel]])


def _main_directions(vectors: np.ndarray) -> np.ndarray:
    """(n_clusters, <= TEXT_PARTS): what the interests are about, along the directions in which they differ most."""
    n_parts = min(TEXT_PARTS, *vectors.shape)
    return PCA(n_parts, svd_solver="full").fit_transform(vectors).astype(np.float32)
