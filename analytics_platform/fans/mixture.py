"""A mixture of free profiles over listening levels: how it is fitted, and what it says of one artist.

An artist's listeners are a histogram over exposure classes (since when the listener has been
heard, see ``exposure.py``) and listening levels. Given its class e, a listener of artist a is in
segment k with odds ``shares[a, k] * arrivals[k, e]`` and on level l with probability
``profiles[k, e, l]``. Profiles are free: no family of distributions is assumed. The arrivals are
needed because a class says something of a listener's rate: who plays daily is first heard on the
first day of the data, who plays twice a year perhaps in its last week.

Fitting is expectation maximisation, run until it stands still, with a Dirichlet prior over shares
that is learnt from the artists with enough listeners. Both decide: stopped early, or with a fixed
prior, profiles come out two to five times further from the truth (docs/methods/fans.md).

Shapes: A artists, E exposure classes, L levels, K segments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
CountArray = NDArray[Any]
"""Whole or (weighted) fractional numbers of listeners."""

PRIOR_LISTENERS = 300
"""The prior is learnt from artists with at least so many listeners: the shares of smaller ones are
mostly prior themselves, and a prior learnt from them collapses."""
PRIOR_ARTISTS = 30
"""With fewer such artists the prior stays uniform."""
MOST_CONCENTRATED = 20.0
"""Cap of the prior's concentration, in listeners that it counts for."""
SMOOTHING = 1.0
"""Listeners spread over each profile like the class as a whole, so that no level is impossible."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Profiles, from the least to the most devoted, and what else a share needs."""

    profiles: FloatArray
    """(K, E, L): probability of each level in each segment and exposure class; sums to 1 over L."""
    arrivals: FloatArray
    """(K, E): relative odds of a segment in an exposure class; 1 in the class with most listeners."""
    prior: FloatArray
    """(K,): Dirichlet prior of an artist's shares, in listeners."""

    @property
    def segments(self) -> int:
        """K."""
        return len(self.profiles)


@dataclass(frozen=True, slots=True)
class Fit:
    """A mixture and how its fit went."""

    mixture: Mixture
    shares: FloatArray
    """(A, K): most probable shares of the artists of the fit, in the class with most listeners."""
    log_likelihood: float
    """Nats per listener on the data of the fit."""
    iterations: int
    converged: bool


def fit_mixture(
    counts: CountArray,
    segments: int,
    *,
    start: Mixture | None = None,
    profiles_fixed: bool = False,
    tolerance: float = 1e-9,
    max_iterations: int = 5_000,
) -> Fit:
    """Fit profiles, arrivals and prior to histograms (A, E, L); every artist needs a listener.

    Plain expectation maximisation needs thousands of steps here. Two steps tell how fast it crawls,
    and the third jumps ahead along the line (SQUAREM: Varadhan and Roland 2008, scheme S3), in logs,
    so that a jump stays a distribution. A jump that loses likelihood is taken back.

    Args:
        counts: listeners per artist, exposure class and level, at least 0.
        segments: K.
        start: begin here instead of at smooth cuts of the pooled histogram; a fit is deterministic.
        profiles_fixed: keep the profiles of ``start``, fit the rest.
        tolerance: stop when three steps gain less than three times this, in nats per listener.
        max_iterations: stop there at the latest; ``converged`` is then false.

    Raises:
        ValueError: the counts have another shape, are negative, or an artist has no listener.
    """
    from threadpoolctl import threadpool_limits

    data = np.asarray(counts, dtype=np.float64)
    if data.ndim != 3 or (data.size and data.min() < 0):
        raise ValueError(f"counts must be artists × exposure classes × levels, none negative, not {data.shape}")
    listeners = data.sum(axis=(1, 2))
    if not len(data) or listeners.min() <= 0:
        raise ValueError("every artist needs at least one listener")
    total, pooled = listeners.sum(), _pooled(data)
    mixture = start if start is not None else _cuts(pooled, data.sum(axis=(0, 2)), segments)
    prior = mixture.prior
    state = State(mixture.profiles, mixture.arrivals, np.tile(prior / prior.sum(), (len(data), 1)))
    teachers = listeners >= PRIOR_LISTENERS
    learns_prior = teachers.sum() >= PRIOR_ARTISTS
    step = _Step(data, data.sum(axis=2), pooled, profiles_fixed)
    done, converged, last, reached = 0, False, -np.inf, -np.inf
    # The products are small: two threads that wait for each other made a fit 30 times slower on busy cores.
    with threadpool_limits(1, user_api="blas"):
        while done < max_iterations and not converged:
            first = step(state, prior, judge=False)
            second = step(first.state, prior)
            best = step(_jump(state, first.state, second.state, profiles_fixed), prior)
            done += 3
            if best.objective < second.objective:
                best = step(second.state, prior)
                done += 1
            state, reached = best.state, best.log_likelihood
            converged = bool(abs(best.objective - last) < tolerance * 3 * total)
            last = best.objective
            if learns_prior:
                learnt = learn_prior(best.in_segment[teachers], prior)
                # The objective is another one under another prior: compare like with like.
                last += float((np.log(state.shares) @ (learnt - prior)).sum())
                prior = learnt
    return Fit(Mixture(state.profiles, state.arrivals, prior), state.shares, float(reached / total), done, converged)


@dataclass(frozen=True, slots=True)
class State:
    """What expectation maximisation moves."""

    profiles: FloatArray
    arrivals: FloatArray
    shares: FloatArray


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step: where it leads, and how good the place was that it began from."""

    state: State
    objective: float
    """Log likelihood plus log prior, nats, before the step."""
    log_likelihood: float
    in_segment: FloatArray
    """(A, K) expected listeners per artist and segment, before the step."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of expectation maximisation on fixed data."""

    data: FloatArray
    by_class: FloatArray
    pooled: FloatArray
    profiles_fixed: bool

    def __call__(self, state: State, prior: FloatArray, *, judge: bool = True) -> Stepped:
        """Expected listeners per segment, then the shares, arrivals and profiles that fit them best.

        Without ``judge`` the logarithms, a third of the time, are saved and the likelihood is nan.
        """
        data, shares, arrivals, profiles = self.data, state.shares, state.arrivals, state.profiles
        weights, norms = class_shares(shares, arrivals)
        expected = np.empty(weights.shape)
        sums = np.empty_like(profiles)
        likelihood = 0.0 if judge else np.nan
        for e in range(data.shape[1]):
            mixed = weights[:, e] @ profiles[:, e]
            if judge:
                likelihood += float(np.vdot(data[:, e], np.log(mixed)))
            ratio = np.divide(data[:, e], mixed, out=mixed)
            expected[:, e] = weights[:, e] * (ratio @ np.ascontiguousarray(profiles[:, e].T))
            sums[:, e] = (weights[:, e].T @ ratio) * profiles[:, e]
        objective = likelihood + (float((np.log(shares) @ prior).sum()) if judge else 0.0)
        if not self.profiles_fixed:
            objective += SMOOTHING * float((np.log(profiles) * self.pooled).sum())
            profiles = sums + SMOOTHING * self.pooled
            profiles /= profiles.sum(axis=2, keepdims=True)
        in_segment = expected.sum(axis=1)
        if data.shape[1] == 1:
            shares = in_segment + prior
        else:
            by_class = self.by_class
            # Both updates climb: they maximise a lower bound in which norms are taken as linear.
            shares = (in_segment + prior) / ((by_class / norms) @ arrivals.T + prior.sum())
            shares /= _row_sums(shares)
            _, norms = class_shares(shares, arrivals)
            arrivals = ((expected.sum(axis=0) + SMOOTHING) / ((by_class / norms).T @ shares + SMOOTHING)).T
            # Set, not divided by: that would move the shares' meaning after the shares were found.
            arrivals[:, int(by_class.sum(axis=0).argmax())] = 1.0
            arrivals /= arrivals.mean(axis=0)
        shares = np.maximum(shares / _row_sums(shares), 1e-12)
        return Stepped(State(profiles, arrivals, shares), objective, likelihood, in_segment)


def _jump(start: State, first: State, second: State, profiles_fixed: bool) -> State:
    """Extrapolate two steps in logs; the result is normalised like any state."""

    def logs(state: State) -> FloatArray:
        parts = [state.arrivals, state.shares] if profiles_fixed else [state.arrivals, state.shares, state.profiles]
        return np.log(np.concatenate([part.ravel() for part in parts]))

    origin = logs(start)
    move = logs(first) - origin
    bend = logs(second) - origin - 2 * move
    length = max(float(np.linalg.norm(move)) / max(float(np.linalg.norm(bend)), 1e-300), 1.0)
    ahead = np.exp(np.clip(origin + 2 * length * move + length**2 * bend, -60.0, 10.0))
    arrivals, shares, profiles = np.split(ahead, np.cumsum([start.arrivals.size, start.shares.size]))
    arrivals = arrivals.reshape(start.arrivals.shape)
    shares = shares.reshape(start.shares.shape)
    if profiles_fixed:
        return State(start.profiles, arrivals, shares / _row_sums(shares))
    profiles = profiles.reshape(start.profiles.shape)
    return State(profiles / profiles.sum(axis=2, keepdims=True), arrivals, shares / _row_sums(shares))


def learn_prior(in_segment: FloatArray, prior: FloatArray, *, steps: int = 5) -> FloatArray:
    """A few fixed-point steps of a Dirichlet-multinomial's likelihood (Minka 2000, equation 55).

    Args:
        in_segment: (A, K) expected listeners per artist and segment.
        prior: (K,) where to begin.
        steps: fixed-point steps.
    """
    from scipy.special import digamma

    listeners, ones = _row_sums(in_segment), np.ones(len(in_segment))
    for _ in range(steps):
        upper = ones @ (digamma(in_segment + prior) - digamma(prior))
        lower = (digamma(listeners + prior.sum()) - digamma(prior.sum())).sum()
        prior = np.maximum(prior * upper / lower, 1e-3)
    return prior * min(1.0, MOST_CONCENTRATED / prior.sum())


def predict_levels(shares: FloatArray, mixture: Mixture) -> FloatArray:
    """Probability (A, E, L) of each level in each class for shares (A, K) of the reference class."""
    weights, _ = class_shares(shares, mixture.arrivals)
    return np.einsum("aek,kel->ael", weights, mixture.profiles)


def reordered(fit: Fit, order: NDArray[np.integer]) -> Fit:
    """The same fit with its segments in another order."""
    mixture = fit.mixture
    return replace(
        fit,
        mixture=Mixture(mixture.profiles[order], mixture.arrivals[order], mixture.prior[order]),
        shares=fit.shares[:, order],
    )


def class_shares(shares: FloatArray, arrivals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares within each exposure class (A, E, K), and the norms that they were divided by (A, E)."""
    odds = shares[:, None, :] * arrivals.T[None]
    norms = shares @ arrivals
    return odds / norms[..., None], norms


def _row_sums(matrix: FloatArray) -> FloatArray:
    """Sums (A, 1) over few columns, as a product: numpy's own sum takes ten times as long."""
    return matrix @ np.ones((matrix.shape[1], 1))


def _pooled(data: FloatArray) -> FloatArray:
    """Distribution over levels of each class (E, L), no level impossible, empty classes like all together."""
    by_level = data.sum(axis=(0, 1)) + 1e-3
    pooled = data.sum(axis=0) + 0.01 * by_level / by_level.sum() * (1 + data.sum(axis=(0, 2))[:, None])
    return pooled / pooled.sum(axis=1, keepdims=True)


def _cuts(pooled: FloatArray, listeners: FloatArray, segments: int) -> Mixture:
    """Where a fit begins: the pooled histogram cut softly at its K-quantiles."""
    together = listeners @ pooled / listeners.sum()
    reached = np.cumsum(together) - together / 2
    middles = (np.arange(segments) + 0.5) / segments
    belongs = np.exp(-0.5 * ((reached - middles[:, None]) * segments / 0.6) ** 2)
    belongs /= belongs.sum(axis=0)
    profiles = belongs[:, None, :] * pooled
    profiles /= profiles.sum(axis=2, keepdims=True)
    return Mixture(profiles, np.ones((segments, len(pooled))), np.ones(segments))
