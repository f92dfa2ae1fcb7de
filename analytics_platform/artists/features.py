"""Artists as vectors: who is played by the same listeners lies near.

A listener is a document and an artist a word of it: plays are weighted by Okapi BM25, reduced by a truncated SVD
and scaled to length 1. Among the weightings that were tried on HetRec (docs/methods/artists.md) this one gives the
neighbours that agree best between two halves of the listeners.

The SVD needs one operation only, the Gram matrix times a thin matrix, which is a sum over blocks of listeners. So
blocks can lie on several workers, which add up a matrix of artists × 80 a few times, whatever the listeners' number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FloatArray = NDArray[np.float32]
Gram = Callable[[FloatArray], FloatArray]
"""Maps Q (A, m) to Wᵀ D W Q (A, m)."""

K1, B = 1.2, 0.75
"""Saturation of plays and weight of a listener's total: BM25's usual values, not tuned."""
DIMENSIONS = 64
"""A plateau from 32 to 128 on HetRec."""
OVERSAMPLING = 16
APPLICATIONS = 6
"""Products with the Gram matrix. From 5 on HetRec's neighbours get no better."""
BLOCK_ROWS = 1 << 16
LEAST_VALUE = 1e-3
"""Of the largest singular value; smaller ones are rounding of their squares in float32."""


def bm25(plays: csr_array) -> csr_array:
    """Okapi BM25 weights of plays (L listeners × A artists, counts >= 1), float32, sharing the sparsity pattern.

    A listener with twice the usual plays needs twice as many of an artist for the same weight; an artist whom
    everybody plays tells little. Robertson & Zaragoza 2009, doi:10.1561/1500000019.
    """
    from scipy.sparse import csr_array as csr

    listeners, artists = shape_of(plays)
    pointers = np.asarray(plays.indptr)
    counts = np.diff(pointers)
    totals = np.add.reduceat(np.append(plays.data, 0), pointers[:-1]) * (counts > 0)
    average = totals.sum() / max(np.count_nonzero(counts), 1)
    norm = (K1 * (1 - B + B * totals / max(average, 1e-12))).astype(np.float32)
    seen = np.bincount(plays.indices, minlength=artists)
    # The usual idf, with 1 added inside the logarithm: positive for an artist whom everybody plays.
    rarity = np.log1p((listeners - seen + 0.5) / (seen + 0.5)).astype(np.float32)
    weights = np.empty(plays.nnz, dtype=np.float32)
    for first, last in _spans(listeners):  # in blocks: no second array of the size of the pairs
        start, end = pointers[first], pointers[last]
        values = plays.data[start:end].astype(np.float32)
        values *= (K1 + 1) / (values + np.repeat(norm[first:last], counts[first:last]))
        weights[start:end] = values * rarity[plays.indices[start:end]]
    return csr((weights, plays.indices, plays.indptr), shape=(listeners, artists))


def gram(weights: csr_array, listener_weights: FloatArray | None = None, *, threads: int = 1) -> Gram:
    """The implicit Gram matrix of weights W (L, A): Wᵀ D W, with D = diag(listener_weights) or the identity.

    Work goes by blocks of listeners on ``threads`` threads; scipy's products run without the interpreter's lock.
    """
    spans = list(_spans(shape_of(weights)[0]))
    blocks = [_rows(weights, first, last) for first, last in spans]

    def one(number: int, q: FloatArray) -> FloatArray:
        product = blocks[number] @ q
        if listener_weights is not None:
            first, last = spans[number]
            product *= listener_weights[first:last, None]
        return blocks[number].T @ product

    def apply(q: FloatArray) -> FloatArray:
        total = np.zeros(q.shape, dtype=np.float32)
        # Waves of one block per thread: their sums are added in a fixed order, and only a few exist at a time.
        with ThreadPoolExecutor(threads) as pool:
            for wave in range(0, len(blocks), threads):
                numbers = range(wave, min(wave + threads, len(blocks)))
                for part in pool.map(one, numbers, [q] * len(numbers)):
                    total += part
        return total

    return apply


def singular_vectors(
    apply: Gram,
    artists: int,
    dimensions: int = DIMENSIONS,
    *,
    start: FloatArray | None = None,
    applications: int = APPLICATIONS,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Leading right singular vectors V (A, k) and singular values (k,), falling, by randomised subspace iteration.

    Halko, Martinsson & Tropp 2011, arXiv:0909.4061. k = min(dimensions, A). Beyond the rank, values and vectors are
    0, as are the rows of artists without listeners. Where singular values hardly fall, the last vectors are blends of
    what lies around them, and neighbours are better for it: on planted audiences .994 of the ten nearest were of the
    same kind, with a block Krylov basis of four to six products .93 to .95.

    Args:
        apply: the Gram matrix as a product.
        artists: A.
        dimensions: singular vectors wanted.
        start: vectors (A, m) to begin with, e.g. those of nearly the same matrix; random if None.
        applications: products with the Gram matrix, at least 1.
        seed: of the random start.
    """
    width = min(dimensions + OVERSAMPLING, artists)
    if not width:
        return np.zeros((artists, 0), dtype=np.float32), np.zeros(0, dtype=np.float32)
    block = np.random.default_rng(seed).standard_normal((artists, width)).astype(np.float32)
    if start is not None:
        given = start[:, start.any(axis=0)][:, :width]
        block[:, : given.shape[1]] = given
    basis, image = block, block
    for _ in range(applications):
        basis = np.linalg.qr(image)[0]
        image = apply(basis)
    silent = ~image.any(axis=1)  # exactly 0: nothing is added up
    inner = basis.T @ image
    values, vectors = np.linalg.eigh((inner + inner.T).astype(np.float64) / 2)
    order = np.argsort(-values)[:dimensions]
    found = basis @ vectors[:, order].astype(np.float32)
    # A sign that does not depend on the random start: the largest entry of each vector is positive.
    found *= np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])] + 1e-30)
    found[silent] = 0
    kept = np.sqrt(np.maximum(values[order], 0)).astype(np.float32)
    below = kept <= LEAST_VALUE * kept[0]
    found[:, below], kept[below] = 0, 0
    return found, kept


def unit_vectors(vectors: FloatArray, values: FloatArray) -> FloatArray:
    """Artists (A, k) of length 1: rows of V · diag(values). An artist without listeners is 0."""
    scaled = vectors * values
    return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12)


def artist_vectors(plays: csr_array, *, dimensions: int = DIMENSIONS, threads: int = 1) -> FloatArray:
    """Vectors (A, k) of length 1 from plays (L, A): BM25, truncated SVD, L2."""
    apply = gram(bm25(plays), threads=threads)
    return unit_vectors(*singular_vectors(apply, shape_of(plays)[1], dimensions))


def shape_of(matrix: csr_array) -> tuple[int, int]:
    """(L, A): scipy's own type allows for no shape."""
    rows, columns = matrix.shape or (0, 0)
    return rows, columns


def _spans(rows: int) -> Iterator[tuple[int, int]]:
    for first in range(0, rows, BLOCK_ROWS):
        yield first, min(first + BLOCK_ROWS, rows)


def _rows(matrix: csr_array, first: int, last: int) -> csr_array:
    """Rows of a matrix without a copy of its values."""
    from scipy.sparse import csr_array as csr

    pointers = np.asarray(matrix.indptr)[first : last + 1]
    start, end = pointers[0], pointers[-1]
    values = (matrix.data[start:end], matrix.indices[start:end], pointers - start)
    return csr(values, shape=(last - first, shape_of(matrix)[1]))
