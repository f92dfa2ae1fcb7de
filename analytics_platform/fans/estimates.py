"""Histograms of artists, and of cells within them, into the shares that are published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.exposure import CLASSES
from analytics_platform.fans.fan_profiles import FanProfiles
from analytics_platform.fans.levels import LEVELS
from analytics_platform.fans.mixture import FloatArray, Mixture, class_shares, fit_mixture, predict_levels
from analytics_platform.fans.shares import posterior_shares, probable_shares
from analytics_platform.fans.thresholds import segment_thresholds

if TYPE_CHECKING:
    import polars as pl

    from analytics_platform.fans.thresholds import Thresholds

CELL_PRIOR = 10.0
"""Listeners that an artist's average counts for in each of its cells."""
ARRIVAL_ARTISTS = 2_000
"""Artists that the arrivals of a window are fitted on, drawn by a hash of their ids."""
FALSE_TARGETS = 0.10
"""Share of chance finds that an artist's fan targets may hold."""


@dataclass(frozen=True, slots=True)
class Histograms:
    """Listeners and plays of R rows (artists, or cells) by exposure class and level."""

    keys: pl.DataFrame
    """R rows: artist_id and what else they are keyed by, sorted."""
    listeners: NDArray[np.int64]
    """(R, E, L)."""
    plays: NDArray[np.int64]
    """(R, E, L)."""


def histograms(rows: pl.DataFrame, *by: str) -> Histograms:
    """Rows of ``segments.histogram_sql`` as arrays; ``by`` as it was given there."""
    keys = rows.select("artist_id", *by).unique().sort("artist_id", *by).with_row_index("row")
    placed = rows.join(keys, on=["artist_id", *by], how="left", maintain_order="left")
    place = (placed["row"].to_numpy(), placed["exposure_class"].to_numpy(), placed["level"].to_numpy() - 1)
    shape = (len(keys), CLASSES, LEVELS)
    listeners, plays = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    np.add.at(listeners, place, placed["listeners"].to_numpy())
    np.add.at(plays, place, placed["plays"].to_numpy())
    return Histograms(keys.drop("row"), listeners, plays)


def class_thresholds(model: FanProfiles) -> list[Thresholds]:
    """Thresholds of every exposure class."""
    return [segment_thresholds(model.mixture.profiles[:, e]) for e in range(model.mixture.profiles.shape[1])]


def arrivals_now(listeners: NDArray[np.int64], model: FanProfiles) -> Mixture:
    """The released profiles with the arrivals and the prior of today's artists.

    Who is first heard when depends on how much history there is, and changes from month to month;
    what a diehard's listening looks like does not.
    """
    if model.mixture.segments == 1 or not len(listeners):
        return model.mixture
    fit = fit_mixture(listeners, model.mixture.segments, start=model.mixture, profiles_fixed=True, tolerance=1e-8)
    return fit.mixture


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated shares of R rows with 90 % intervals; all (R, K)."""

    share: FloatArray
    low: FloatArray
    high: FloatArray


def estimate(
    listeners: NDArray[np.int64], model: FanProfiles, mixture: Mixture, around: FloatArray | None = None
) -> Estimate:
    """Shares of histograms (R, E, L); ``around`` (R, K): shares that a row is expected to be like."""
    prior = None if around is None else np.maximum(CELL_PRIOR * around, 1e-3)
    found = posterior_shares(listeners, mixture, prior=prior)
    low, high = found.interval(model.share_error)
    return Estimate(found.mean, low, high)


def plays_by_segment(data: Histograms, mixture: Mixture) -> FloatArray:
    """Plays (R, K) that the listeners of each segment are expected to have made."""
    shares = probable_shares(data.listeners, mixture)
    weights, _ = class_shares(shares, mixture.arrivals)
    share_of_level = data.plays / predict_levels(shares, mixture)
    return np.einsum("aek,ael,kel->ak", weights, share_of_level, mixture.profiles)


def below_top_p_values(cells: NDArray[np.int64], shares: FloatArray, mixture: Mixture) -> FloatArray:
    """One-sided p-values (R,) that a cell has no fewer listeners in the most devoted segment than its artist.

    Rao's score test: were the cell (R, E, L) like the artist, whose shares in the reference class
    are given (R, K), how far would the expected number in the top segment stray by chance? It
    needs no estimate for the cell, so it holds in small cells and for shares near 0.
    """
    from scipy.special import ndtr

    weights, _ = class_shares(shares, mixture.arrivals)
    top = weights[:, :, -1]
    levels = predict_levels(shares, mixture)
    surplus = top[:, :, None] * (mixture.profiles[-1][None] / levels - 1)
    by_class = cells.sum(axis=2)
    strayed = (cells * surplus).sum(axis=(1, 2))
    variance = (by_class * (levels * surplus**2).sum(axis=2)).sum(axis=1)
    return ndtr(strayed / np.sqrt(np.maximum(variance, 1e-12)))


def discoveries(p_values: pl.Expr, family: str) -> pl.Expr:
    """Which p-values stand out when all of one family are tested at once (Benjamini and Hochberg 1995).

    A family is one artist: its manager reads its targets, and one in ten of them may be chance.
    """
    import polars as pl

    rank = p_values.rank("ordinal").over(family)
    passed = p_values <= FALSE_TARGETS * rank / pl.len().over(family)
    return rank <= pl.when(passed).then(rank).otherwise(0).max().over(family)
