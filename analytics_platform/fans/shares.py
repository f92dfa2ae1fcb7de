"""What a mixture says of artists: their shares, most probable or with all that is known of them.

Shapes: A artists, E exposure classes, L levels, K segments, G points of a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics_platform.fans.mixture import CountArray, FloatArray, Mixture, class_shares


@dataclass(frozen=True, slots=True)
class Shares:
    """What is known of artists' shares after seeing their listeners."""

    mean: FloatArray
    """(A, K) the estimate: posterior mean, or from ``MODE_FROM`` listeners on the most probable value."""
    sd: FloatArray
    """(A, K) posterior standard deviation, given the profiles."""

    def interval(self, share_error: FloatArray, mass: float = 0.9) -> tuple[FloatArray, FloatArray]:
        """Lower and upper ends (A, K) of central intervals of that mass.

        ``share_error`` (K,) is the standard deviation that the error of the profiles adds. The
        posterior is matched by a beta distribution with its mean and variance.
        """
        from scipy.special import betaincinv

        mean = np.clip(self.mean, 1e-6, 1 - 1e-6)
        most = mean * (1 - mean)
        variance = np.clip(self.sd**2 + share_error**2, 1e-12, 0.99 * most)
        strength = most / variance - 1
        tail = (1 - mass) / 2
        a, b = mean * strength, (1 - mean) * strength
        low, high = betaincinv(a, b, tail), betaincinv(a, b, 1 - tail)
        return np.minimum(low, self.mean), np.maximum(high, self.mean)


GRID_POINTS = 2_000
"""Most points of the simplex that a posterior is summed over."""
CHUNK = 4_000
"""Artists at a time: 4,000 × 2,000 float32 are 32 MB."""
MODE_FROM = 300
"""Listeners from which the most probable share is given instead of the posterior mean: more is known
of such an artist than the grid is fine, 1.6 points for three segments."""
PROBABLE_STEPS = 1_000
STILL = 1e-6
"""Most probable shares stand still when no step moves them by more."""


def simplex_grid(segments: int, points: int = GRID_POINTS) -> FloatArray:
    """Centres (G, K) of equal cells of the simplex, at most ``points`` of them and none on its border."""
    if segments == 1:
        return np.ones((1, 1))
    from itertools import combinations
    from math import comb

    steps = 1
    while comb(steps + segments, segments - 1) <= points:
        steps += 1
    # All ways to share `steps` among the segments: stars and bars.
    bars = np.array(list(combinations(range(steps + segments - 1), segments - 1)))
    edges = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), steps + segments - 1)])
    whole = np.diff(edges, axis=1) - 1
    return (whole + 1 / segments) / (steps + 1)


def posterior_shares(counts: CountArray, mixture: Mixture, *, prior: FloatArray | None = None) -> Shares:
    """Posterior mean and deviation of the shares of artists (A, E, L), summed over a grid of the simplex.

    No sampling and no normal approximation: the likelihood of every grid point for every artist is
    one matrix product. Measured coverage is in docs/benchmarks.md.

    Args:
        counts: listeners; an artist without any gets the prior, averaged over the classes.
        mixture: profiles, arrivals and prior.
        prior: (A, K) priors of their own instead of the mixture's, e.g. an artist's for its cells.
    """
    data = np.asarray(counts)
    artists, classes, levels = data.shape
    grid = simplex_grid(mixture.segments)
    weights, _ = class_shares(grid, mixture.arrivals)
    mixed = np.einsum("gek,kel->gel", weights, mixture.profiles)
    log_mixed = np.log(mixed).reshape(len(grid), classes * levels).T.astype(np.float32)
    log_grid = np.log(grid).T.astype(np.float32)
    mean = np.empty((artists, mixture.segments))
    square = np.empty_like(mean)
    for first in range(0, artists, CHUNK):
        part = data[first : first + CHUNK]
        own = mixture.prior[None] if prior is None else prior[first : first + CHUNK]
        log_posterior = part.reshape(len(part), -1).astype(np.float32) @ log_mixed
        log_posterior += (own - 1).astype(np.float32) @ log_grid
        log_posterior -= log_posterior.max(axis=1, keepdims=True)
        chance = np.exp(log_posterior, out=log_posterior)
        chance /= chance.sum(axis=1, keepdims=True)
        by_class = part.sum(axis=2).astype(np.float64)
        listeners = by_class.sum(axis=1, keepdims=True)
        reference = np.where(listeners > 0, by_class / np.maximum(listeners, 1), 1 / classes)
        rows = slice(first, first + len(part))
        if classes == 1:
            mean[rows] = chance @ grid.astype(np.float32)
            square[rows] = chance @ (grid**2).astype(np.float32)
            continue
        # An artist's share is the mean of its classes' shares, weighted by its listeners in them.
        for k in range(mixture.segments):
            share = reference.astype(np.float32) @ weights[:, :, k].T.astype(np.float32)
            mean[rows, k] = np.einsum("ag,ag->a", chance, share)
            square[rows, k] = np.einsum("ag,ag,ag->a", chance, share, share)
    sd = np.sqrt(np.maximum(square - mean**2, 1e-12))
    large = data.sum(axis=(1, 2)) >= MODE_FROM
    if large.any() and mixture.segments > 1:
        probable = probable_shares(data[large], mixture, prior=None if prior is None else prior[large])
        weights, _ = class_shares(probable, mixture.arrivals)
        by_class = data[large].sum(axis=2)
        mean[large] = np.einsum("ae,aek->ak", by_class / by_class.sum(axis=1, keepdims=True), weights)
    # Sums in single precision come out at 1.0000001, which is no share.
    return Shares(mean / mean.sum(axis=1, keepdims=True), sd)


def probable_shares(counts: CountArray, mixture: Mixture, *, prior: FloatArray | None = None) -> FloatArray:
    """Most probable shares (A, K) in the reference class, everything else given; the prior without listeners.

    Args:
        counts: listeners (A, E, L).
        mixture: profiles, arrivals and prior.
        prior: (A, K) priors of their own instead of the mixture's.
    """
    data = np.asarray(counts)
    own = np.broadcast_to(mixture.prior, (len(data), mixture.segments)) if prior is None else prior
    shares = own / own.sum(axis=1, keepdims=True)
    for first in range(0, len(data), CHUNK):
        rows = first + np.flatnonzero(data[first : first + CHUNK].any(axis=(1, 2)))
        part = data[rows].astype(np.float64)
        by_class = part.sum(axis=2)
        for _ in range(PROBABLE_STEPS):
            weights, norms = class_shares(shares[rows], mixture.arrivals)
            in_segment = own[rows].astype(np.float64)
            for e in range(part.shape[1]):
                levels = mixture.profiles[:, e]
                in_segment += weights[:, e] * ((part[:, e] / (weights[:, e] @ levels)) @ levels.T)
            updated = in_segment / ((by_class / norms) @ mixture.arrivals.T + own[rows].sum(axis=1, keepdims=True))
            updated /= updated.sum(axis=1, keepdims=True)
            moving = np.abs(updated - shares[rows]).max(axis=1) >= STILL
            shares[rows] = updated
            rows, part, by_class = rows[moving], part[moving], by_class[moving]
            if not len(rows):
                break
    return shares
