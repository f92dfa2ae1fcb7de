"""Plays by listener, song, artist and sound: Poisson or negative binomial, with partial pooling.

A song that is among a listener's was played once at least, so what is modelled is the plays beyond the first:

    plays − 1 ~ NB(mean μ, size k of the listener), or Poisson(μ)
    log μ = a(listener) + b(song) + c(artist) + x(song) · (w + v(listener))

b is there only where other listeners' plays of a song are known. Each of b, c, w and v has a normal prior around 0
whose variance is learnt: where songs say nothing of one another's plays it goes to 0, and what remains is the
listener's mean. Effects are the posterior mode, by Newton steps with Fisher's information; variances by MacKay's fixed
point from the same information (Gelman and Hill 2006, chapter 15; MacKay 1992); the sizes of the negative binomial by
their likelihood.

Counts have long tails, and what several listeners share of a song may be nothing to one of them: so predictions are
led back to a listener's mean as far as they did not hold for its own songs, each left out in turn (by the usual
approximation from the same information).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Law = Literal["poisson", "negative binomial"]

LISTENER_VARIANCE = 25.0
"""Of a listener's level: so wide that it is not pooled. Five listeners say nothing of a sixth."""
FIRST_VARIANCE = 0.3
LEAST_VARIANCE, MOST_VARIANCE = 1e-4, 10.0
ROUNDS = 60
LARGEST_STEP = 2.0
LOG_SIZES = (-3.0, 6.0)
USUAL_LOG_SIZE = 0.5
"""Middle of a normal prior of the logarithm of a size, with deviation 1: songs' effects can take all of the spread of
a listener who shares few songs."""
ENOUGH = 1e-3
"""Change of effects, and relative change of variances, that ends the rounds."""
COMPONENTS = 12
"""Principal components of the sound that effects are learnt for."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Listener (n,) and song (n,) of some entries of a matrix of plays, as places."""

    listeners: IntArray
    songs: IntArray


@dataclass(frozen=True, slots=True)
class Songs:
    """What is known of songs (S) beside their plays."""

    count: int
    artists: IntArray | None = None
    """(S,) numbers of artists from 0 on."""
    sound: FloatArray | None = None
    """(S, p) numbers."""
    have_effects: bool = True
    """Whether a song has an effect of its own, which other listeners' plays of it tell."""


@dataclass(frozen=True, slots=True)
class Hierarchical:
    """A fitted model."""

    effects: Mapping[str, FloatArray]
    """Posterior modes by name: listener (L,), song (S,), artist (A,), sound (q,), taste (L · q,)."""
    variances: Mapping[str, float]
    """Of the priors of these, in squares of log plays."""
    sizes: FloatArray
    """(L,) of the negative binomial; infinite for Poisson."""
    covariance: FloatArray
    means: FloatArray
    """(L, 3) of what was learnt from: the listener's mean plays, the mean of what is expected of each with it left
    out, and the share (0 to 1) of a departure from there that holds."""
    most: FloatArray
    """(L,) the most plays of each listener among what was learnt from."""
    listeners: int
    songs: Songs

    def predict(self, entries: Entries) -> FloatArray:
        """(n,) expected plays, 1 to the most that the listener was seen to play a song."""
        design = _design(entries, self.listeners, self.songs)[0]
        level = design @ np.concatenate(list(self.effects.values()))
        most = self.most[entries.listeners]
        expected = _expected(level, _spread(design, self.covariance), most)
        mean, middle, share = self.means[entries.listeners].T
        return np.clip(mean + share * (expected - middle), 1, most)


def fit_hierarchical(plays: IntArray, entries: Entries, listeners: int, songs: Songs, law: Law) -> Hierarchical:
    """Fit the model.

    Args:
        plays: (n,) at least 1.
        entries: whose they are.
        listeners: how many there are (L).
        songs: all of them, also those to be predicted later, whose effects then are the prior's. Its sound is to be
            few columns of variance about 1, see ``components``.
        law: of the counts.

    Raises:
        ValueError: a count below 1, or a listener without any.
    """
    known = np.bincount(entries.listeners, minlength=listeners)
    if (plays < 1).any() or (known == 0).any():
        raise ValueError("plays are 1 or more, and each listener has some")
    counts = (plays - 1).astype(np.float64)
    design, blocks = _design(entries, listeners, songs)
    variances = {name: LISTENER_VARIANCE if name == "listener" else FIRST_VARIANCE for name in blocks}
    sizes = np.full(listeners, np.inf if law == "poisson" else 1.0)
    totals = np.bincount(entries.listeners, counts, listeners)
    effects = np.zeros(design.shape[1])
    effects[blocks["listener"]] = np.log((totals + 0.5) / known)
    covariance: FloatArray = np.zeros((len(effects), len(effects)))
    for _ in range(ROUNDS):
        mean = np.exp(np.clip(design @ effects, -10, 10))
        shrink = 1 + mean / sizes[entries.listeners]
        weights = mean / shrink
        prior = np.concatenate([np.full(_length(block), 1 / variances[name]) for name, block in blocks.items()])
        information = (design * weights[:, None]).T @ design
        information[np.diag_indices_from(information)] += prior
        covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        step = covariance @ (design.T @ ((counts - mean) / shrink) - prior * effects)
        effects += step * min(1.0, LARGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        before = dict(variances)
        for name, block in blocks.items():
            if name != "listener":
                spent = _length(block) - covariance.diagonal()[block].sum() / variances[name]
                new = float(np.square(effects[block]).sum() / max(spent, 1e-3))
                variances[name] = float(np.clip(new, LEAST_VARIANCE, MOST_VARIANCE))
        if law == "negative binomial":
            mean = np.exp(np.clip(design @ effects, -10, 10))
            for listener, own in enumerate(_each(entries.listeners, listeners)):
                sizes[listener] = _size(counts[own], mean[own])
        moved = max(abs(variances[name] / before[name] - 1) for name in blocks)
        if max(moved, float(np.abs(step).max())) < ENOUGH:
            break
    found = {name: effects[block] for name, block in blocks.items()}
    most = np.zeros(listeners)
    np.maximum.at(most, entries.listeners, plays.astype(np.float64))
    level = design @ effects
    mean = np.exp(np.clip(level, -10, 10))
    shrink = 1 + mean / sizes[entries.listeners]
    spread = _spread(design, covariance)
    without = spread / np.maximum(1 - mean / shrink * spread, 0.05)
    left_out = _expected(level - without * (counts - mean) / shrink, without, most[entries.listeners])
    means = np.array([_held(plays[own], left_out[own]) for own in _each(entries.listeners, listeners)])
    return Hierarchical(found, variances, sizes, covariance, means, most, listeners, songs)


def _size(counts: FloatArray, mean: FloatArray) -> float:
    """The likeliest size of the negative binomial of some counts, given their means."""
    from scipy.optimize import minimize_scalar
    from scipy.special import gammaln

    def loss(log_size: float) -> float:
        size = np.exp(log_size)
        terms = gammaln(counts + size) - gammaln(size) + size * log_size - (counts + size) * np.log(size + mean)
        return (log_size - USUAL_LOG_SIZE) ** 2 / 2 - float(terms.sum())

    best: Any = minimize_scalar(loss, bounds=LOG_SIZES, method="bounded")
    return float(np.exp(best.x))


def _expected(level: FloatArray, spread: FloatArray, most: FloatArray) -> FloatArray:
    """Plays by the mean of a log-normal: what is not known of effects is half its variance more."""
    return np.minimum(1 + np.exp(np.minimum(level + spread / 2, 20.0)), most)


def _spread(design: FloatArray, covariance: FloatArray) -> FloatArray:
    return ((design @ covariance) * design).sum(axis=1)


def _held(plays: IntArray, left_out: FloatArray) -> tuple[float, float, float]:
    """Mean of the plays, mean of what was expected, and the slope of the one on the other, 0 to 1."""
    away = left_out - left_out.mean()
    variance = float(np.square(away).sum())
    slope = float(away @ (plays - plays.mean())) / variance if variance > 1e-9 else 0.0
    return float(plays.mean()), float(left_out.mean()), float(np.clip(slope, 0, 1))


def _each(listener_of: IntArray, listeners: int) -> list[IntArray]:
    return [np.flatnonzero(listener_of == listener) for listener in range(listeners)]


def components(sound: FloatArray, train: IntArray, count: int = COMPONENTS) -> FloatArray:
    """(S, q) principal components of the sound (S, p) with variance 1, learnt from some songs, as are missing numbers.

    Args:
        sound: numbers of the songs; NaN where one is missing.
        train: songs to learn from.
        count: how many, or as many as there are.
    """
    middle = np.nanmedian(sound[train], axis=0)
    filled = np.where(np.isfinite(sound), sound, np.nan_to_num(middle))
    deviation = filled[train].std(axis=0)
    scaled = (filled - filled[train].mean(axis=0)) / np.where(deviation > 1e-9, deviation, 1)
    _, lengths, directions = np.linalg.svd(scaled[train], full_matrices=False)
    kept = min(count, int((lengths > 1e-6 * lengths[0]).sum()))
    return scaled @ directions[:kept].T / (lengths[:kept] / np.sqrt(len(train)))


def _design(entries: Entries, listeners: int, songs: Songs) -> tuple[FloatArray, dict[str, slice]]:
    """(n, m) columns of all effects, and which are whose."""
    rows = np.arange(len(entries.songs))
    parts: dict[str, FloatArray] = {}

    def of_one(places: IntArray, count: int) -> FloatArray:
        columns = np.zeros((len(rows), count))
        columns[rows, places] = 1
        return columns

    parts["listener"] = of_one(entries.listeners, listeners)
    if songs.have_effects:
        parts["song"] = of_one(entries.songs, songs.count)
    if songs.artists is not None:
        parts["artist"] = of_one(songs.artists[entries.songs], int(songs.artists.max()) + 1)
    if songs.sound is not None:
        heard = songs.sound[entries.songs]
        parts["sound"] = heard
        parts["taste"] = (parts["listener"][:, :, None] * heard[:, None, :]).reshape(len(rows), -1)
    ends = np.cumsum([part.shape[1] for part in parts.values()]).tolist()
    blocks = {name: slice(end - part.shape[1], end) for (name, part), end in zip(parts.items(), ends, strict=True)}
    return np.concatenate(list(parts.values()), axis=1), blocks


def _length(block: slice) -> int:
    return block.stop - block.start
