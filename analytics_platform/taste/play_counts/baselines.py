"""What has a chance beside the nets: means, pooled counts, ridge on sound, and factors of songs and listeners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analytics_platform.modelling.splits import Split
from analytics_platform.taste.play_counts.hierarchical import Entries, Law, Songs, components, fit_hierarchical
from analytics_platform.taste.play_counts.selection import PlayCounts
from analytics_platform.taste.play_counts.targets import FloatArray, IntArray

Question = Literal["new songs", "known songs"]
"""New to all listeners, or known by what the other listeners play of them: document 002 means the first."""

MEAN, MEDIAN = "mean", "median"
LAWS: Mapping[str, Law] = {"poisson": "poisson", "negative_binomial": "negative binomial"}
ALPHAS = np.logspace(0, 5, 16)
LEAST_SONGS = 3
"""Songs of a listener below which nothing is learnt of it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of songs (S) and listeners (L) beside their plays; all of it may be missing."""

    artists: IntArray | None = None
    """(S,) numbers of artists, 0 to A − 1."""
    sound: Mapping[str, FloatArray] = field(default_factory=dict[str, FloatArray])
    """(S, p) numbers of the sound by name: features, movement, embeddings."""
    song_factors: FloatArray | None = None
    """(S, d), predicted from sound for songs that are new."""
    listener_factors: FloatArray | None = None
    """(L, d), folded in from plays of other songs."""


def predict_baselines(
    counts: PlayCounts, split: Split, evidence: Evidence, question: Question = "new songs"
) -> dict[str, FloatArray]:
    """Plays of the test songs by each model, learnt from the songs of both other parts.

    ``mean`` and ``median`` are those of the listener's songs; ``poisson`` and ``negative_binomial`` pool listeners,
    songs and artists, and ``…_sound`` also the first sound that is given; ``ridge_<sound>`` is linear in it, with a
    penalty by leaving songs out; ``factors`` is the product of both factors, fitted to the listener's plays by a line.

    Args:
        counts: plays of songs (S) by listeners (L).
        split: of the songs; validation songs are learnt from, since nothing is chosen by them here.
        evidence: of the same songs and listeners.
        question: whether the other listeners' plays of a test song are known. Only the pooled models make use of them.

    Returns:
        By model (L, S) plays, at least 1; NaN but where a listener has played a test song. A listener with fewer than
        three songs to learn from is not predicted.
    """
    learnt = np.sort(np.concatenate([split.train, split.validation]))
    found: dict[str, FloatArray] = {}

    def of(name: str) -> FloatArray:
        return found.setdefault(name, np.full(counts.plays.shape, np.nan))

    for listener, plays in enumerate(counts.plays):
        mine, asked = learnt[plays[learnt] > 0], split.test[plays[split.test] > 0]
        if len(mine) < LEAST_SONGS:
            continue
        of(MEAN)[listener, asked] = plays[mine].mean()
        of(MEDIAN)[listener, asked] = np.median(plays[mine])
        for name, sound in evidence.sound.items():
            of(f"ridge_{name}")[listener, asked] = _ridge(sound[mine], plays[mine], sound[asked])
        if evidence.song_factors is not None and evidence.listener_factors is not None:
            liked = np.asarray(evidence.song_factors @ evidence.listener_factors[listener], dtype=np.float64)
            slope, level = _line(liked[mine], plays[mine])
            of("factors")[listener, asked] = np.clip(level + slope * liked[asked], 1, plays[mine].max())
    predictable = np.flatnonzero((counts.plays[:, learnt] > 0).sum(axis=1) >= LEAST_SONGS)
    known = np.zeros(counts.plays.shape, dtype=np.bool_)
    known[np.ix_(predictable, learnt)] = True
    tests = [predictable]
    if question == "known songs":
        # The test songs of one listener at a time are hidden, and those of the others are there.
        tests = [np.array([listener]) for listener in predictable.tolist()]
    for suffix, sound in [("", None), *((f"_{name}", sound) for name, sound in list(evidence.sound.items())[:1])]:
        heard = None if sound is None else components(sound, learnt)
        songs = Songs(len(counts.songs), evidence.artists, heard, have_effects=question == "known songs")
        for hidden in tests:
            seen = known.copy()
            if question == "known songs":
                seen[np.setdiff1d(predictable, hidden)] = True
            for name, law in LAWS.items():
                _pooled(of(f"{name}{suffix}"), counts, seen, hidden, split.test, songs, law)
    return found


def _pooled(
    into: FloatArray, counts: PlayCounts, seen: np.ndarray, hidden: IntArray, test: IntArray, songs: Songs, law: Law
) -> None:
    """Write what a hierarchical model, fitted to the entries that are seen, says of test songs of some listeners."""
    present = np.flatnonzero(((counts.plays > 0) & seen).any(axis=1))
    order = {listener: place for place, listener in enumerate(present.tolist())}
    rows, places = np.nonzero((counts.plays > 0) & seen)
    renumbered = np.array([order[row] for row in rows.tolist()], dtype=np.int64)
    fitted = fit_hierarchical(counts.plays[rows, places], Entries(renumbered, places), len(present), songs, law)
    for listener in hidden.tolist():
        asked = test[counts.plays[listener, test] > 0]
        into[listener, asked] = fitted.predict(Entries(np.full(len(asked), order[listener]), asked))


def _ridge(sound: FloatArray, plays: IntArray, asked: FloatArray) -> FloatArray:
    """Ridge on standardised numbers, missing ones at the median; kept to what the listener was seen to play."""
    from sklearn.linear_model import RidgeCV

    if not len(asked):
        return np.empty(0)
    middle = np.nan_to_num(np.nanmedian(sound, axis=0))
    sound, asked = (np.where(np.isfinite(part), part, middle) for part in (sound, asked))
    mean, deviation = sound.mean(axis=0), sound.std(axis=0)
    deviation = np.where(deviation > 1e-9, deviation, 1)
    model = RidgeCV(ALPHAS).fit((sound - mean) / deviation, plays)
    return np.clip(model.predict((asked - mean) / deviation), 1, plays.max())


def _line(liked: FloatArray, plays: IntArray) -> tuple[float, float]:
    """Slope and level of least squares; no slope where all are liked alike."""
    variance = float(liked.var())
    slope = float(np.mean((liked - liked.mean()) * (plays - plays.mean()))) / variance if variance > 1e-12 else 0.0
    return slope, float(plays.mean() - slope * liked.mean())
