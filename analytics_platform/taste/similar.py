"""Nearest tracks by the cosine of their factors: exact, by products of matrices, without an index.

A product with 1 million tracks of 40 factors reads 160 MB, some 10 ms. What would take as long again is choosing the
best of a million cosines; a sample of them says from where on a cosine can be among the best, and only those are
sorted. An index for approximate answers was measured beside it, see ``docs/benchmarks.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.taste.factors import FloatArray, unit
from analytics_platform.taste.product_tables import SIMILAR_TRACKS

if TYPE_CHECKING:
    import polars as pl

IntArray = NDArray[np.int64]

PLACES = 20
"""Similar tracks that are listed of each."""
BLOCK = 16_000_000
"""Cosines held at once, 4 bytes each."""
DECIMALS = 5
"""A sum of products differs in its last bits with the number of rows: an order must not."""
SAMPLED = 64
"""One cosine of so many is looked at before the best are chosen."""
CHECKED = 512
"""Rows whose length is looked at."""


def unit_length(factors: NDArray[np.floating]) -> FloatArray:
    """Rows (n, d) at length 1; a row of zeros stays one, and is similar to nothing.

    Raises:
        ValueError: a factor is not finite.
    """
    values = np.asarray(factors, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a factor is not finite")
    return np.ascontiguousarray(unit(values))


def nearest(
    units: FloatArray, queries: NDArray[np.floating], most: int, *, exclude: IntArray | None = None
) -> tuple[IntArray, FloatArray]:
    """The rows most similar to each query, and their cosines; the same cosine: the lower row first.

    Args:
        units: (n, d) as ``unit_length`` gives them, once for many calls.
        queries: (q, d) of any length.
        most: rows per query, m; fewer if there are fewer.
        exclude: (q,) a row that is left out of each query's answer: the track itself.

    Returns:
        (q, m) rows and (q, m) cosines, −1 to 1, to five decimals.

    Raises:
        ValueError: ``units`` are not of length 1, or a query is not finite.
    """
    lengths = np.linalg.norm(units[:: max(len(units) // CHECKED, 1)], axis=1)
    if not (np.isclose(lengths, 1, atol=1e-3) | (lengths == 0)).all():
        raise ValueError("rows are not of length 1: pass what `unit_length` gives")
    asked = unit_length(queries)
    tracks = len(units)
    m = max(min(most, tracks - (exclude is not None)), 0)
    rows, cosines = np.empty((len(asked), m), dtype=np.int64), np.empty((len(asked), m), dtype=np.float32)
    block = max(BLOCK // max(tracks, 1), 1)
    for first in range(0, len(asked) if m else 0, block):
        several = asked[first : first + block]
        # One query as a vector: BLAS reads the rows as they lie.
        products = (units @ several[0])[None] if len(several) == 1 else several @ units.T
        for place, cosine in enumerate(products, first):
            if exclude is not None:
                cosine[exclude[place]] = -np.inf
            rows[place], cosines[place] = _best(cosine, m)
    return rows, cosines


def _best(cosine: FloatArray, m: int) -> tuple[IntArray, FloatArray]:
    """Rows and values of the m largest of (n,), which has at least m finite values."""
    candidates = _from(cosine, _threshold(cosine, m))
    if len(candidates) < m:
        candidates = _from(cosine, float(np.partition(cosine, len(cosine) - m)[len(cosine) - m]))
    values = np.clip(np.round(cosine[candidates], DECIMALS), -1, 1)
    order = np.lexsort((candidates, -values))[:m]
    return candidates[order], values[order]


def _from(cosine: FloatArray, threshold: float) -> IntArray:
    """Rows at the threshold or above, and those that rounding makes equal to it."""
    return np.flatnonzero(cosine >= threshold - 10.0**-DECIMALS)


def _threshold(cosine: FloatArray, m: int) -> float:
    """A cosine that about four times as many reach as are wanted, from a sample; nothing below it is needed."""
    sample = cosine[::SAMPLED]
    wanted = 4 * m // SAMPLED + 8
    if wanted >= len(sample):
        return -1.0
    return float(np.partition(sample, len(sample) - wanted)[len(sample) - wanted])


def similar_tracks(
    factors: NDArray[np.floating],
    from_plays: NDArray[np.bool_],
    isrcs: NDArray[np.str_],
    names: pl.DataFrame,
    model_version: str,
    *,
    left_out: frozenset[str] = frozenset(),
    most: int = PLACES,
) -> pl.DataFrame:
    """The rows of ``marts.similar_tracks``.

    Args:
        factors: (n, d) of the catalogue's tracks, learnt from plays or predicted from sound.
        from_plays: (n,) which of them were learnt from plays.
        isrcs: (n,) whose they are, each once.
        names: isrc, title, artist_name; one row per isrc, null or missing if unknown.
        model_version: of the model that made the factors.
        left_out: recordings that are never recommended; they have similar tracks of their own.
        most: similar tracks of each.
    """
    import polars as pl

    allowed = np.flatnonzero(~np.isin(isrcs, sorted(left_out)))
    units = unit_length(factors)
    # Where each row lies among the allowed; −1 is none of them, and then one more is asked for and none is left out.
    place_of = np.full(len(isrcs), -1, dtype=np.int64)
    place_of[allowed] = np.arange(len(allowed))
    found: list[pl.DataFrame] = []
    for has_place in (True, False):
        own = np.flatnonzero((place_of >= 0) == has_place)
        rows, cosines = nearest(units[allowed], units[own], most, exclude=place_of[own] if has_place else None)
        m = rows.shape[1]
        one, other = np.repeat(own, m), allowed[rows.ravel()]
        found.append(
            pl.DataFrame(
                {
                    "isrc": isrcs[one],
                    "place": np.tile(np.arange(1, m + 1, dtype=np.int16), len(own)),
                    "similar_isrc": isrcs[other],
                    "similarity": cosines.ravel().astype(np.float64),
                    "basis": np.where(from_plays[one] & from_plays[other], "plays", "sound"),
                },
                schema={
                    "isrc": pl.String(),
                    "place": pl.Int16(),
                    "similar_isrc": pl.String(),
                    "similarity": pl.Float64(),
                    "basis": pl.String(),
                },
            )
        )
    named = names.select("isrc", "title", "artist_name")
    return (
        pl.concat(found)
        .join(named, on="isrc", how="left")
        .join(named.rename(lambda name: f"similar_{name}"), on="similar_isrc", how="left")
        .with_columns(pl.lit(model_version).alias("model_version"))
        .select([column.name for column in SIMILAR_TRACKS])
        .sort("isrc", "place")
    )
