"""``fan_profiles``, the model that is shipped: how many segments the data support, and what they are.

Segments are added while listeners that the fit has not seen become more likely by ``MIN_GAIN``. Of
these numbers the largest counts whose profiles stay where they are when artists are drawn anew: two
profiles can be unstable where the truth has three. A label with few artists gets two segments, or
one: that is the finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.levels import level_middles
from analytics_platform.fans.mixture import CountArray, Fit, FloatArray, Mixture, fit_mixture, predict_levels, reordered
from analytics_platform.fans.shares import posterior_shares, probable_shares
from analytics_platform.fans.thresholds import Thresholds, segment_thresholds
from analytics_platform.modelling.evaluation import bootstrap_ratio

MIN_GAIN = 0.002
"""Nats per unseen listener that one more segment has to bring."""
MAX_BOOTSTRAP_DISTANCE = 0.10
"""Largest total variation between the profiles and those of a bootstrap, mean over bootstraps."""
MAX_DRIFT = 0.15
"""Largest total variation between matched profiles of two releases."""
MAX_SEGMENTS = 5
MIN_ARTISTS = 10
"""Fewer artists teach nothing about what fans have in common."""
LEARN_ARTISTS = 3_000
"""Artists that profiles are learnt from, drawn at random if there are more."""
FOLDS = 4
BOOTSTRAPS = 10
GAIN_DRAWS = 500
TOLERANCE = 1e-8
"""For the fits that are compared; the final one is ten times stricter."""
PROFILE_BIAS = 0.012
"""Standard deviation of a share's error that no bootstrap sees: profiles that overlap can trade
listeners along a ridge of nearly equal likelihood. Set on planted worlds (seeds 1 to 3), where it
brings the 90 % intervals of the largest artists from 55 to about 88 %; other seeds are in docs/benchmarks.md."""
SHORT_WINDOW_DAYS = 60
SHORT_WINDOW_BIAS = 0.04
"""The same in windows of fewer days, where a month of plays tells less of a listener. Set on the sample
label at 28 days, where it brings the intervals from 66 and 72 to 82 and 85 %."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What speaks for and against a number of segments."""

    segments: int
    held_out: float
    """Log likelihood, nats per listener, of unseen listeners of unseen artists."""
    gain: float
    """Over one segment less; 0 for the first."""
    gain_low: float
    gain_high: float
    """90 % interval of the gain by a bootstrap over artists."""
    distance: float
    """Mean over bootstraps of the largest total variation of a profile; 0 where none were drawn."""
    supported: bool


@dataclass(frozen=True, slots=True)
class FanProfiles:
    """The model: a mixture, how sure it is, and why it has as many segments as it has."""

    mixture: Mixture
    share_error: FloatArray
    """(K,): standard deviation that the error of the profiles adds to any artist's share."""
    candidates: tuple[Candidate, ...]
    log_likelihood: float
    iterations: int
    converged: bool
    artists: int
    listeners: int
    """Artists and listeners that it was learnt from."""

    @property
    def shown(self) -> FloatArray:
        """(K, L): the profiles of listeners who were there for the whole window."""
        return self.mixture.profiles[:, 0]

    def thresholds(self) -> Thresholds:
        """Plays from which the next segment is likelier, for who was there for the whole window."""
        return segment_thresholds(self.shown)


def fit_fan_profiles(
    counts: CountArray,
    *,
    seed: int = 0,
    segments: int | None = None,
    profile_bias: float = PROFILE_BIAS,
    progress: Progress | None = None,
) -> FanProfiles:
    """Choose the number of segments and fit their profiles to histograms (A, E, L).

    Args:
        counts: listeners per artist, exposure class and level.
        seed: of the draws of artists, folds and bootstraps; the fit itself has no chance in it.
        segments: fit so many, whatever the data support.
        profile_bias: standard deviation of a share's error that no bootstrap sees.
        progress: told in words what is being done.

    Raises:
        ValueError: there are fewer than 10 artists with listeners: nothing can be learnt from them.
    """
    say = progress or (lambda _: None)
    rng = np.random.default_rng(seed)
    data = np.asarray(counts)
    data = data[data.sum(axis=(1, 2)) > 0]
    if len(data) < MIN_ARTISTS:
        raise ValueError(f"profiles need at least {MIN_ARTISTS} artists with enough listeners, there are {len(data)}")
    if len(data) > LEARN_ARTISTS:
        data = data[np.sort(rng.choice(len(data), LEARN_ARTISTS, replace=False))]
    candidates: list[Candidate] = []
    resampled: list[Mixture] | None = None
    if segments is None:
        candidates, segments, resampled = choose_segments(data, rng, say)
    say(f"fitting {segments} segments to {len(data)} artists")
    fit = ordered(fit_mixture(data, segments), data)
    if resampled is None:
        say("bootstraps of the profiles")
        resampled = bootstrap_mixtures(data, fit, rng)
    return FanProfiles(
        mixture=_fill_empty_classes(fit.mixture, data.sum(axis=(0, 2))),
        share_error=profile_error(data, resampled, profile_bias),
        candidates=tuple(candidates),
        log_likelihood=fit.log_likelihood,
        iterations=fit.iterations,
        converged=fit.converged,
        artists=len(data),
        listeners=int(data.sum()),
    )


def choose_segments(
    data: CountArray, rng: np.random.Generator, say: Progress
) -> tuple[list[Candidate], int, list[Mixture] | None]:
    """How many segments the data support.

    Returns:
        The candidates from one segment up to the first that brings nothing, the number chosen, and
        the bootstraps of the chosen one if any were drawn.
    """
    folds = rng.permutation(len(data)) % FOLDS
    seen = rng.binomial(np.asarray(data, dtype=np.int64), 0.5)
    unseen = data - seen
    weight = unseen.sum(axis=(1, 2)).astype(np.float64)
    candidates: list[Candidate] = []
    chosen, drawn = 1, None
    before = np.zeros(len(data))
    for segments in range(1, MAX_SEGMENTS + 1):
        say(f"{segments} segments: held-out likelihood")
        nats = np.zeros(len(data))
        for fold in range(FOLDS):
            test = folds == fold
            mixture = fit_mixture(data[~test], segments, tolerance=TOLERANCE).mixture
            nats[test] = held_out_nats(seen[test], unseen[test], mixture)
        gain = nats - before if candidates else np.zeros(len(data))
        value, low, high = bootstrap_ratio(gain, weight, rng, draws=GAIN_DRAWS)
        distance, resampled = 0.0, None
        if segments > 1 and value >= MIN_GAIN:
            say(f"{segments} segments: bootstraps")
            fit = ordered(fit_mixture(data, segments, tolerance=TOLERANCE), data)
            resampled = bootstrap_mixtures(data, fit, rng)
            distance = bootstrap_distance(data, fit, resampled)
        gains = segments == 1 or value >= MIN_GAIN
        supported = bool(gains and distance <= MAX_BOOTSTRAP_DISTANCE)
        candidates.append(Candidate(segments, float(nats.sum()) / weight.sum(), value, low, high, distance, supported))
        if supported:
            chosen, drawn = segments, resampled
        if not gains:
            break
        before = nats
    return candidates, chosen, drawn


def held_out_nats(seen: CountArray, unseen: CountArray, mixture: Mixture) -> FloatArray:
    """Log likelihood (A,) of the unseen listeners (A, E, L), the artist's shares estimated from the seen ones."""
    shares = probable_shares(seen, mixture)
    return (np.asarray(unseen) * np.log(predict_levels(shares, mixture))).sum(axis=(1, 2))


def bootstrap_mixtures(data: CountArray, fit: Fit, rng: np.random.Generator) -> list[Mixture]:
    """Mixtures fitted to artists drawn anew, their segments in the order of ``fit``."""
    found: list[Mixture] = []
    weight = np.asarray(data).sum(axis=(0, 2))
    for _ in range(BOOTSTRAPS):
        drawn = np.asarray(data)[rng.integers(0, len(data), len(data))]
        # From the same cuts as the fit, not from the fit: what can slip must be free to.
        again = fit_mixture(drawn, fit.mixture.segments, tolerance=TOLERANCE)
        order, _ = match_profiles(overall(fit.mixture, weight), overall(again.mixture, weight))
        found.append(reordered(again, order).mixture)
    return found


def bootstrap_distance(data: CountArray, fit: Fit, resampled: list[Mixture]) -> float:
    """Mean over bootstraps of the largest total variation of a profile."""
    weight = np.asarray(data).sum(axis=(0, 2))
    here = overall(fit.mixture, weight)
    apart = [0.5 * np.abs(overall(again, weight) - here).sum(axis=1).max() for again in resampled]
    return float(np.mean(apart))


def profile_error(data: CountArray, resampled: list[Mixture], bias: float) -> FloatArray:
    """Standard deviation (K,) of a share from the profiles: over the bootstraps, and what none of them sees."""
    if resampled[0].segments == 1:
        return np.zeros(1)
    shares = np.stack([posterior_shares(data, mixture).mean for mixture in resampled])
    return np.sqrt(shares.var(axis=0, ddof=1).mean(axis=0) + bias**2)


def ordered(fit: Fit, data: CountArray) -> Fit:
    """The fit with its segments from passive to diehard, by mean log plays of all their listeners in ``data``."""
    profiles = overall(fit.mixture, np.asarray(data).sum(axis=(0, 2)))
    return reordered(fit, np.argsort(profiles @ np.log(level_middles()), kind="stable"))


def overall(mixture: Mixture, listeners: NDArray[np.integer] | FloatArray) -> FloatArray:
    """Profiles (K, L) over all exposure classes, which have so many listeners (E,)."""
    odds = mixture.arrivals * listeners
    return np.einsum("ke,kel->kl", odds / odds.sum(axis=1, keepdims=True), mixture.profiles)


def match_profiles(new: FloatArray, old: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """The pairing of profiles (K, L) with the least total variation.

    Returns:
        (K,) the old profile of each new one, and (K,) their total variation, 0 to 1.

    Raises:
        ValueError: the numbers of profiles differ.
    """
    if new.shape != old.shape:
        raise ValueError(f"{len(new)} profiles cannot be matched with {len(old)}")
    distance = 0.5 * np.abs(new[:, None] - old[None]).sum(axis=2)
    rows = np.arange(len(new))
    best = min(permutations(range(len(new))), key=lambda order: float(distance[rows, list(order)].sum()))
    return np.array(best, dtype=np.intp), distance[rows, list(best)]


def _fill_empty_classes(mixture: Mixture, listeners: NDArray[np.integer]) -> Mixture:
    """Give a class that no listener was in the profiles of the nearest one: it may fill up before the next release."""
    filled = np.flatnonzero(listeners > 0)
    nearest = filled[np.abs(np.arange(len(listeners))[:, None] - filled[None]).argmin(axis=1)]
    return Mixture(mixture.profiles[:, nearest], mixture.arrivals[:, nearest], mixture.prior)
