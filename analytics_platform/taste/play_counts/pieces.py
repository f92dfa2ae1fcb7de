"""Songs as pieces of 5 s, raw or as log-mel numbers, read a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.decode import LONGEST_S, SAMPLE_RATE, RejectedError, decode_file
from analytics_platform.audio.spectrum import MELS, decibels, frames_of, mel_power, power_chunks
from analytics_platform.taste.play_counts.grid import HEARS, STEPS, Hears

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

PIECE_S = 5.0
SOUND = round(PIECE_S * SAMPLE_RATE)
"""Samples of sound in a piece, 110,250."""
PADDED = 111_168
"""Samples of a raw piece: as long as the document's MP3 pieces came out of the decoder, with zeros at the end."""
LOG_MEL = 2 * MELS
"""Numbers of a log-mel piece: mean and standard deviation over time of each of 128 bands, dB."""
WIDTHS: dict[Hears, int] = {"raw": PADDED, "log-mel": LOG_MEL}
FULL_SCALE = 32_767


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of songs (S), one song after the other."""

    hears: Hears
    values: NDArray[np.generic]
    """(N, 110,250) int16 samples, maybe a memory map; or (N, 256) float32 dB."""
    starts: IntArray
    """(S + 1,): the pieces of song s are starts[s] to starts[s + 1] - 1."""

    @property
    def counts(self) -> IntArray:
        """(S,) pieces of each song."""
        return np.diff(self.starts)

    @property
    def width(self) -> int:
        """Numbers of a piece as a net hears it."""
        return WIDTHS[self.hears]

    def samples(self, songs: IntArray, steps: int) -> IntArray:
        """(n, 2) all samples of some songs: song, and the first of its ``steps`` consecutive pieces.

        Samples do not overlap. What is left of a song after the last whole one is dropped: a song that has fewer
        pieces than steps gives none.
        """
        per_song = self.counts[songs] // steps
        places = np.arange(per_song.sum()) - np.repeat(np.cumsum(per_song) - per_song, per_song)
        return np.stack((np.repeat(songs, per_song), places * steps), axis=1)

    def take(self, samples: IntArray, steps: int) -> NDArray[np.generic]:
        """(k, steps, …) of samples (k, 2), as stored: a net scales and pads raw ones itself, on its device."""
        return self.values[(self.starts[samples[:, 0]] + samples[:, 1])[:, None] + np.arange(steps)]

    def take_songs(self, songs: IntArray) -> Pieces:
        """The pieces of some songs, in this order; a memory map is read."""
        starts = self.starts.tolist()
        rows = np.concatenate([np.arange(starts[song], starts[song + 1]) for song in songs.tolist()])
        counts = self.counts[songs]
        return Pieces(self.hears, self.values[rows], np.concatenate([[0], np.cumsum(counts)]))


def cut(sound: NDArray[np.floating]) -> NDArray[np.int16]:
    """(pieces, 110,250) of the samples (n,) of a song; the last piece is filled up with silence."""
    count = -(-len(sound) // SOUND)
    pieces = np.zeros(count * SOUND, dtype=np.int16)
    pieces[: len(sound)] = np.round(np.clip(sound, -1, 1) * FULL_SCALE)
    return pieces.reshape(count, SOUND)


def read_song(location: str, seconds: float = STEPS[-1] * PIECE_S) -> NDArray[np.int16]:
    """The pieces of the beginning of a file, at 22,050 Hz, mono; at most ``seconds``, by default two minutes.

    The decoder gives at most a minute at once. It ends early where the rest is shorter than 3 s or silent.

    Raises:
        RejectedError: the file is no sound that can be analysed.
        OSError: it could not be read.
    """
    parts: list[NDArray[np.int16]] = []
    for offset in np.arange(0, seconds, LONGEST_S).tolist():
        wanted = min(LONGEST_S, seconds - offset)
        try:
            (decoded,) = decode_file(location, offset_s=offset, seconds=wanted)
        except RejectedError:
            if not parts:
                raise
            break
        parts.append(cut(decoded.samples[: decoded.length]))
        if decoded.length < wanted * SAMPLE_RATE:
            break
    return np.concatenate(parts)


def log_mel(pieces: NDArray[np.int16]) -> FloatArray:
    """(k, 256) of raw pieces (k, 110,250): mean, then deviation over time of the bands of ``audio.spectrum``, dB."""
    frames = frames_of(SOUND)
    power = np.empty((frames, MELS), dtype=np.float32)
    heard = np.empty((len(pieces), LOG_MEL), dtype=np.float32)
    for piece, numbers in zip(pieces, heard, strict=True):
        for chunk, spectra in power_chunks(piece / np.float32(FULL_SCALE), frames):
            mel_power(spectra, power[chunk])
        bands = decibels(power)
        numbers[:MELS], numbers[MELS:] = bands.mean(axis=0), bands.std(axis=0)
    return heard


def read_songs(
    locations: Sequence[str],
    folder: Path | None,
    *,
    hears: Iterable[Hears] = HEARS,
    read: Callable[[str], NDArray[np.int16]] = read_song,
) -> dict[Hears, Pieces]:
    """The pieces of songs; one song is in memory at a time.

    Args:
        locations: of the songs (S), paths or addresses that fsspec knows.
        folder: where raw samples go, 5 MB for a song of two minutes: a file ``raw.i16`` that is written anew. Only
            raw pieces need one.
        hears: which inputs are wanted.
        read: gives the pieces of a song.

    Raises:
        RejectedError: a file is no sound that can be analysed.
        ValueError: raw pieces without a folder.
    """
    wanted = set(hears)
    if "raw" in wanted and folder is None:
        raise ValueError("raw pieces go to a file: a folder is needed")
    counts: list[int] = []
    spectra: list[FloatArray] = []
    path = None if folder is None or "raw" not in wanted else folder / "raw.i16"
    building = None if path is None else path.with_suffix(".building")
    if building is not None:
        building.parent.mkdir(parents=True, exist_ok=True)
        building.write_bytes(b"")
    for location in locations:
        pieces = read(location)
        counts.append(len(pieces))
        if "log-mel" in wanted:
            spectra.append(log_mel(pieces))
        if building is not None:
            with building.open("ab") as file:
                file.write(pieces.tobytes())
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    found: dict[Hears, Pieces] = {}
    if path is not None and building is not None:
        building.replace(path)
        found["raw"] = Pieces("raw", np.memmap(path, np.int16, "r", shape=(int(starts[-1]), SOUND)), starts)
    if "log-mel" in wanted:
        found["log-mel"] = Pieces("log-mel", np.concatenate(spectra), starts)
    return found
