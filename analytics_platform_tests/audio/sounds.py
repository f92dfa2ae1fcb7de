"""Sounds of known pitch, key and tempo, made on the spot; and real music where it lies beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 22_050
CLIP = 30 * RATE
GAMES = Path(os.environ.get("AUDIO_DEBIAN_GAMES", Path(__file__).parents[3] / "shared/data/audio_debian_games"))
"""Excerpts of game music from Debian packages (GPL and CC), 22,050 Hz mono Ogg Vorbis."""
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def clip(sound: NDArray[np.floating]) -> tuple[Samples, int]:
    """The sound as a clip, zeros behind it; and how long it is."""
    length = min(len(sound), CLIP)
    samples = np.zeros(CLIP, dtype=np.float32)
    samples[:length] = sound[:length]
    return samples, length


def time(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * RATE)) / RATE


def tone(midi: float, seconds: float, rate: int = RATE) -> NDArray[np.float64]:
    """A plucked note with six overtones."""
    t = np.arange(round(seconds * rate)) / rate
    frequency = 440 * 2 ** ((midi - 69) / 12)
    return sum(np.sin(2 * np.pi * k * frequency * t) / k**1.5 for k in range(1, 7)) * np.exp(-2 * t)


def chords(progression: list[list[int]], seconds: float, rate: int = RATE) -> NDArray[np.float64]:
    """Chords (MIDI pitches) one after another, of so many seconds each."""
    return np.concatenate([sum(tone(midi, seconds, rate) for midi in chord) for chord in progression]) * 0.1


def cadence(tonic: int, mode: str) -> list[list[int]]:
    """I IV V I, or i iv V i, in close position, with the root in the bass."""
    third = 4 if mode == "major" else 3
    steps = [(0, third), (5, third), (7, 4), (0, third)]
    return [
        [36 + tonic + root, *(60 + (tonic + root + step) % 12 for step in (0, chord_third, 7))]
        for root, chord_third in steps
    ]


def clicks(bpm: float, seconds: float = 30) -> NDArray[np.float64]:
    """A metronome, the first of each four beats louder."""
    t = time(0.06)
    click = np.sin(2 * np.pi * 1000 * t) * np.exp(-60 * t)
    sound = np.zeros(round(seconds * RATE) + len(click))
    for beat, at in enumerate(np.arange(0, seconds, 60 / bpm)):
        first = round(at * RATE)
        sound[first : first + len(click)] += click * (1 if beat % 4 == 0 else 0.6)
    return sound[: round(seconds * RATE)]


def mixture(seconds: float = 30, rate: int = RATE, seed: int = 0) -> NDArray[np.float64]:
    """Chords, a bass and drums at 125 beats a minute, with some hiss: (n,), never digitally silent."""
    rng = np.random.default_rng(seed)
    beat = 0.48
    count = int(np.ceil(seconds / beat)) + 4
    progression = (cadence(9, "minor") + cadence(0, "major")) * (count // 8 + 1)
    harmony = chords([chord for chord in progression[: count // 4 + 1] for _ in range(4)][:count], beat, rate)
    hit = rng.standard_normal(round(0.15 * rate)) * np.exp(-40 * np.arange(round(0.15 * rate)) / rate)
    drums = np.zeros(len(harmony))
    for k in range(count - 1):
        first = round(k * beat * rate)
        drums[first : first + len(hit)] += hit * (0.3 if k % 2 else 0.15)
    sound = harmony + drums + 0.003 * rng.standard_normal(len(harmony))
    return sound[: round(seconds * rate)] * 0.5


def games(count: int) -> list[Path]:
    """So many excerpts of real music.

    Skips the test, and says so, where they are not.
    """
    found = sorted(GAMES.glob("*/*.ogg"))
    if not found:
        pytest.skip(f"no real music to compare on: {GAMES} (AUDIO_DEBIAN_GAMES) has no */*.ogg")
    return found[:: max(len(found) // count, 1)][:count]


def read(path: Path) -> tuple[Samples, int]:
    import soundfile

    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return clip(sound)
