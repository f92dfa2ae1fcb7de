"""Bag of words of the paper of 2013: how often each of some thousand short sounds occurs in a clip.

13 MFCC with first and second differences, 39 numbers a frame; K-means; counts; principal components that keep 95 % of
the variance. All is learnt from the training part. Ours, where the paper says nothing: each of the 39 numbers is
scaled to deviation 1, counts are shares of the clip's frames, a difference is the slope over five frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.shards import MELS, HalfArray
from analytics_platform.audio.spectrum import HOP
from analytics_platform.modelling.splits import IntArray
from analytics_platform.taste.aims import FloatArray
from analytics_platform.tracks.sound import Sound

MFCC = 13
SIZE = 3 * MFCC
REACH = 2
"""Frames to either side that a slope is taken over."""
WORDS = 4000
FRAMES_PER_WORD = 60
"""Of the training part, that the words are learnt from."""
KEPT = 0.95
"""Of the variance."""
BATCH = 32
"""Clips read at once."""
PASSES = 3
"""Over the frames, at most, when words are learnt."""


def mfcc(log_mel: NDArray[np.floating]) -> FloatArray:
    """(frames, 39) of a clip (frames, 128) in dB without padding: 13 MFCC, their slopes, and the slopes of those."""
    cepstrum: FloatArray = log_mel.astype(np.float32) @ _cosines()
    slopes = _slopes(cepstrum)
    return np.concatenate([cepstrum, slopes, _slopes(slopes)], axis=1).astype(np.float32, copy=False)


def _cosines() -> FloatArray:
    """(128, 13) the first columns of the orthonormal discrete cosine transform (DCT-II)."""
    places = (np.arange(MELS) + 0.5)[:, None] * np.arange(MFCC) * np.pi / MELS
    scale = np.where(np.arange(MFCC) == 0, np.sqrt(1 / MELS), np.sqrt(2 / MELS))
    return (np.cos(places) * scale).astype(np.float32)


def _slopes(values: FloatArray) -> FloatArray:
    """Same shape: the slope of a straight line over five frames; the ends go on as they are."""
    padded = np.pad(values, ((REACH, REACH), (0, 0)), mode="edge")
    length = len(values)
    total = np.zeros_like(values)
    for step in range(1, REACH + 1):
        total += step * (padded[REACH + step :][:length] - padded[REACH - step :][:length])
    return (total / (2 * sum(step**2 for step in range(1, REACH + 1)))).astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True)
class BagOfWords:
    """The words, and what is kept of their counts."""

    hop: int
    centre: FloatArray
    """(39,) mean of each number in the training part."""
    scale: FloatArray
    """(39,) its deviation."""
    words: FloatArray
    """(W, 39), scaled."""
    mean: FloatArray
    """(W,) share of each word in the training part."""
    components: FloatArray
    """(q, W), over one deviation of all, so that the vectors are about 1 large."""

    def vectors(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k, q) what is kept of the shares."""
        shares = self.shares(sound, rows)
        return ((shares - self.mean) @ self.components.T).astype(np.float32, copy=False)

    def shares(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k, W) share of each word in the frames of each clip."""
        found = np.zeros((len(rows), len(self.words)), dtype=np.float32)
        squares = (self.words**2).sum(axis=1)
        for place, frames in enumerate(_clips(sound, rows, self.hop)):
            values = (mfcc(frames) - self.centre) / self.scale
            nearest = (squares - 2 * values @ self.words.T).argmin(axis=1)
            found[place] = np.bincount(nearest, minlength=len(self.words)) / len(values)
        return found

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON."""
        names = ("centre", "scale", "words", "mean", "components")
        return {name: getattr(self, name) for name in names}, {"hop": self.hop}


def restore_bag(arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> BagOfWords:
    """The words of ``BagOfWords.save_state``."""
    return BagOfWords(info["hop"], *(arrays[name] for name in ("centre", "scale", "words", "mean", "components")))


def words_for(tracks: int) -> int:
    """How many words: the paper's 4,000, but no more than there are tracks to count them in."""
    return min(WORDS, tracks)


def fit_bag(sound: Sound, train: IntArray, *, seed: int, hop: int = 1024) -> BagOfWords:
    """Learn words and components.

    Args:
        sound: of all tracks, with spectrograms.
        train: rows to learn from.
        seed: of the frames that are drawn and of K-means.
        hop: samples from one frame to the next, 512 (the paper's) or 1024.

    Raises:
        ValueError: the sound has no spectrograms.
    """
    from sklearn.cluster import MiniBatchKMeans

    count = words_for(len(train))
    rng = np.random.default_rng(seed)
    each = max(-(-FRAMES_PER_WORD * count // len(train)), 1)
    drawn: list[FloatArray] = []
    for frames in _clips(sound, train, hop):
        values = mfcc(frames)
        drawn.append(values[rng.choice(len(values), min(each, len(values)), replace=False)])
    sample = np.concatenate(drawn)
    centre, scale = sample.mean(axis=0), sample.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1).astype(np.float32)
    sample = (sample - centre) / scale
    count = min(count, len(sample))
    means = MiniBatchKMeans(
        count, batch_size=4096, max_iter=PASSES, n_init=cast("Any", 1), random_state=seed, compute_labels=False
    ).fit(sample)
    words = np.asarray(means.cluster_centers_, dtype=np.float32)
    bag = BagOfWords(hop, centre, scale, words, np.zeros(count, np.float32), np.empty((0, count), np.float32))
    shares = bag.shares(sound, train)
    mean = shares.mean(axis=0)
    return BagOfWords(hop, centre, scale, words, mean, _components(shares - mean))


def _components(shares: FloatArray) -> FloatArray:
    """(q, W) the fewest principal components that keep 95 % of the variance, over the deviation of all they keep."""
    _, singular, right = np.linalg.svd(shares.astype(np.float64), full_matrices=False)
    variance = singular**2 / len(shares)
    kept = int(np.searchsorted(np.cumsum(variance), KEPT * variance.sum())) + 1
    # Which way a component points is chance of the library: its largest number is positive.
    right = right[:kept]
    right = right * np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])[:, None]
    deviation = np.sqrt(variance[:kept].mean())
    return (right / (deviation if deviation > 0 else 1)).astype(np.float32)


def _clips(sound: Sound, rows: IntArray, hop: int) -> Iterator[HalfArray]:
    """The frames (frames, 128) of each clip, without padding."""
    if sound.spectrograms is None:
        raise ValueError("words are heard in spectrograms, and the clips have none")
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        spectra = sound.spectrograms.full(some) if hop == HOP else sound.spectrograms.hop_1024(some)
        for values, mask in zip(spectra.values, spectra.mask, strict=True):
            yield values[mask]
