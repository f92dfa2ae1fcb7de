"""Latent factors of tracks and listeners from plays: weighted matrix factorisation.

Hu, Koren & Volinsky 2008, doi:10.1109/ICDM.2008.22. Whether a listener played a track (1 or 0) is predicted by the
product of their factors; each error is squared and weighted by a confidence, 1 where nothing was played, more the more
was. ``implicit`` solves it by alternating least squares. What its source (0.7.3) says that its page does not: an entry
of the matrix is the confidence itself, not what is added to 1; ``regularization`` is added to the diagonal as it is,
whatever the number of plays; each half-step takes three steps of conjugate gradients from the last solution, and one
row never depends on another, so the number of threads changes no bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from analytics_platform.artists.features import shape_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array, csr_matrix

FloatArray = NDArray[np.float32]
F = TypeVar("F", bound=np.floating[Any])


@dataclass(frozen=True, slots=True)
class Factors:
    """What tracks (T) and listeners (L) are like in a space of d tastes; a listener likes a track by their product."""

    tracks: NDArray[np.float32]
    """(T, d)."""
    listeners: NDArray[np.float32]
    """(L, d). Never stored: a listener may be erased."""


@dataclass(frozen=True, slots=True)
class Wmf:
    """How to factorise. The defaults are a compromise by held-out plays of two sample labels not reported on.

    400 factors recall a little more of them, at four times the cost. Where tracks have few listeners, less
    regularisation is better.
    """

    factors: int = 128
    confidence: Literal["log", "linear"] = "log"
    """Of n plays 1 + alpha · log(1 + n / epsilon), or 1 + alpha · n."""
    alpha: float = 40.0
    epsilon: float = 1.0
    regularisation: float = 100.0
    iterations: int = 15


SOURCE = Wmf(41, "log", 2.0, 1e-6, 1e-5)
"""As the demo of benanne/wmf has it, the code behind van den Oord, Dieleman & Schrauwen 2013; there one factor is a
bias, here all 41 are learnt."""


def fit_factors(plays: csr_array, how: Wmf, *, seed: int = 0, threads: int = 1) -> Factors:
    """Factors from plays (L, T). The same seed gives the same bytes, whatever the threads.

    A listener or a track without plays has factors of 0.
    """
    from threadpoolctl import threadpool_limits

    model = _model(how, threads, seed)
    if not plays.nnz:
        listeners, tracks = shape_of(plays)
        return Factors(np.zeros((tracks, how.factors), np.float32), np.zeros((listeners, how.factors), np.float32))
    with threadpool_limits(1, "blas"):  # implicit has threads of its own
        model.fit(confidence(plays, how), show_progress=False)
    return Factors(model.item_factors, model.user_factors)


def fold_in_listeners(plays: csr_array, track_factors: FloatArray, how: Wmf, *, threads: int = 1) -> FloatArray:
    """Factors (L, d) of listeners by what they played (L, T), given the tracks' (T, d): the exact least squares.

    For listeners that were not there when the tracks' factors were learnt, or whose factors were not kept.
    """
    return _solved(plays, track_factors, how, threads)


def fold_in_tracks(plays: csr_array, listener_factors: FloatArray, how: Wmf, *, threads: int = 1) -> FloatArray:
    """Factors (T, d) of tracks by who played them, plays (L, T), given the listeners' (L, d): the exact least squares.

    For tracks that the factors were not learnt from: what sound should tell of them.
    """
    from scipy.sparse import csr_array as csr

    return _solved(csr(plays.T), listener_factors, how, threads)


def unit(factors: NDArray[F]) -> NDArray[F]:
    """Rows scaled to length 1; rows of zeros stay. Takes away most of what the popularity of a track is."""
    # Twice, as squares of very small or large numbers leave the range of their type.
    largest = np.abs(factors).max(axis=1, keepdims=True, initial=0)
    scaled = factors / np.where(largest > 0, largest, 1)
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    return (scaled / np.where(norms > 0, norms, 1)).astype(factors.dtype)


def confidences(counts: NDArray[F], how: Wmf) -> NDArray[F]:
    """How sure numbers of plays make that a listener likes a track, same shape and type; 1 without plays."""
    grown = np.log1p(counts / how.epsilon) if how.confidence == "log" else counts
    return (1 + how.alpha * grown).astype(counts.dtype)


def confidence(plays: csr_array, how: Wmf) -> csr_matrix:
    """How sure each play is, float32, in the type that ``implicit`` wants, sharing the sparsity pattern."""
    from scipy.sparse import csr_matrix as csr

    weights = confidences(plays.data.astype(np.float32), how)
    return csr((weights, plays.indices, plays.indptr), shape=shape_of(plays))


def _solved(plays: csr_array, others: FloatArray, how: Wmf, threads: int) -> FloatArray:
    """Factors of rows (R, d) from plays (R, C) and the factors of the columns (C, d)."""
    from threadpoolctl import threadpool_limits

    rows = shape_of(plays)[0]
    if not plays.nnz:
        return np.zeros((rows, others.shape[1]), dtype=np.float32)
    model = _model(how, threads, 0)
    model.factors = others.shape[1]
    model.item_factors = np.ascontiguousarray(others, dtype=np.float32)
    with threadpool_limits(1, "blas"):
        return model.recalculate_user(np.arange(rows), confidence(plays, how))


def _model(how: Wmf, threads: int, seed: int) -> Any:
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # it warns otherwise
        return AlternatingLeastSquares(
            factors=how.factors,
            regularization=how.regularisation,
            alpha=1.0,
            iterations=how.iterations,
            num_threads=threads,
            random_state=seed,
        )
