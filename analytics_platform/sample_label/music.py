"""The music itself: a loop of pad, bass, lead and drums per track, arranged into a clip. Additive, seeded, no samples.

Everything is made of tables of one period and of slices of one envelope per instrument, so that a clip of
30 s costs some ten milliseconds.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from analytics_platform.sample_label.sound import BASE_RATE, BRIGHTNESS, DENSITY, DYNAMICS, HOOK, LOUDNESS
from analytics_platform.sample_label.styles import Clip

Signal = NDArray[np.float32]

STEPS_PER_BAR = 16
CHORDS = 4
SLOW_STEP = 3_300
"""From this length of a sixteenth on (tempos under 100) a chord holds half a bar, so that a loop is 5 to 10 s."""
TABLE_BITS = 11
MOST_PARTIALS = 40
FADE_S = 0.25
VOICE_PEAKS = 4
"""Resonances and notches that colour all that an artist records, as voice, microphone and mixing do."""
VOICE_OCTAVES = np.linspace(math.log2(200), math.log2(6_000), 12)
"""Where they may lie: half an octave apart, so that no two are one."""
VOICE_DB = (8.0, 12.0)
"""How far they rise or fall."""
VOICE_WIDTH = 0.25
"""Standard deviation of the bell that one is, in octaves."""

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
MAJOR_CHORDS = ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (0, 3, 0, 4), (0, 1, 4, 0))
MINOR_CHORDS = ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 6), (0, 5, 3, 0), (0, 3, 0, 6))
"""Progressions as degrees of the scale, 0 is the tonic."""
_STRENGTH = np.array([8, 1, 3, 1, 5, 1, 3, 2, 6, 1, 3, 1, 5, 1, 3, 2], dtype=float)
"""How readily a note begins on a step of the bar."""


def play(clip: Clip, seconds: float, rate: int = BASE_RATE, channels: int = 1) -> Signal:
    """The sound of a track.

    Args:
        clip: what to play.
        seconds: length.
        rate: samples a second, a multiple of BASE_RATE.
        channels: 1, or 2 for chords that stand to the left and right.

    Returns:
        float32 within -1 to 1, (samples, channels).
    """
    player = _Player(clip, rate)
    stems = player.stems(channels)
    half = player.size // 2
    samples = round(seconds * rate)
    parts = player.parts(-(-samples // half))
    mixed = np.zeros((channels, len(parts), half), dtype=np.float32)
    for place, levels in enumerate(parts):
        for stem, level in zip(stems, levels.tolist(), strict=True):
            if level > 0:
                # Half a loop at a time; a stem of one channel goes to both.
                mixed[:, place] += stem[:, place % 2 * half :][:, :half] * np.float32(level)
    return player.master(mixed.reshape(channels, -1)[:, :samples]).T


class _Player:
    """One track's instruments at a sample rate."""

    def __init__(self, clip: Clip, rate: int) -> None:
        self.clip, self.rate = clip, rate
        self.step = clip.step * (rate // BASE_RATE)
        self.chord_steps = STEPS_PER_BAR // 2 if clip.step >= SLOW_STEP else STEPS_PER_BAR
        self.steps = CHORDS * self.chord_steps
        self.size = self.steps * self.step
        self.random = np.random.default_rng(clip.track_seed)
        taste = np.random.default_rng(clip.artist_seed)
        style, quality = clip.style, clip.qualities
        self.cutoff = float(np.clip(1_500 * 2 ** (0.8 * quality[BRIGHTNESS]), 350, 8_000))
        self.tilt_db = 1.3 * quality[BRIGHTNESS]
        self.density = float(1 / (1 + np.exp(-1.3 * quality[DENSITY])))
        self.hook = float(1 / (1 + np.exp(-1.5 * quality[HOOK])))
        self.contrast_db = float(np.clip(5 + 3.5 * quality[DYNAMICS], 0, 14))
        self.rms_db = float(np.clip(-17 + 2.8 * quality[LOUDNESS], -26, -9.5))
        self.rolloff = style.rolloff + taste.normal(0, 0.2)
        self.drums = style.drums * np.exp(taste.normal(0, 0.25))
        self.drive = float(np.clip(style.drive + taste.normal(0, 0.1), 0, 1))
        self.sustain = float(np.clip(style.sustain + taste.normal(0, 0.15), 0.05, 1))
        self.detune = 2 ** (abs(taste.normal(6, 3)) / 1_200)
        self.vibrato = float(taste.uniform(0.0, 0.006))
        self.echo = style.echo * np.exp(taste.normal(0, 0.2))
        self.lead_octave = (1 if clip.key >= 7 else 2) + (taste.random() < 0.4)
        # Nothing of the voice has to do with what listeners like.
        self.voice_octaves = taste.permutation(VOICE_OCTAVES)[:VOICE_PEAKS]
        self.voice_db = taste.uniform(*VOICE_DB, VOICE_PEAKS) * taste.choice([-1, 1], VOICE_PEAKS)
        self.scale = MINOR if clip.is_minor else MAJOR
        choices = MINOR_CHORDS if clip.is_minor else MAJOR_CHORDS
        self.degrees = choices[self.random.integers(len(choices))]
        self.has_sevenths = self.random.random() < style.sevenths
        swing = style.swing * self.step
        self.starts = [round(place * self.step + (place % 2) * swing) for place in range(self.steps)]
        self.tables: dict[tuple[float, float, float], Signal] = {}
        self.counter = np.arange(self.size, dtype=np.uint32)
        self.seconds = np.arange(min(self.size, 4 * rate), dtype=np.float32) / rate

    def hertz(self, degree: int, octave: int) -> float:
        """Frequency of a degree of the scale; octave 0 begins with C at 65.4 Hz."""
        up, degree = divmod(degree, 7)
        return 65.406 * 2 ** (octave + up + (self.clip.key + self.scale[degree]) / 12)

    def table(self, hertz: float, rolloff: float, cutoff: float, *, hollow: bool = False) -> Signal:
        """One period of a tone, its partials falling off and filtered; unit power before it is tilted."""
        name = (hertz, rolloff, cutoff)
        if name not in self.tables:
            partial = np.arange(1, 1 + max(1, min(MOST_PARTIALS, int(0.45 * self.rate / hertz))))
            level = partial**-rolloff / np.sqrt(1 + (partial * hertz / cutoff) ** 4)
            if hollow:
                level[1::2] *= 0.15
            level *= self.tilted(partial * hertz) / np.sqrt(np.sum(level**2))
            spectrum = np.zeros((1 << (TABLE_BITS - 1)) + 1, dtype=np.complex64)
            spectrum[1 : len(partial) + 1] = -1j * level
            scale = np.float32(math.sqrt(2) * (1 << (TABLE_BITS - 1)))
            self.tables[name] = _signal(spectrum, 1 << TABLE_BITS) * scale
        return self.tables[name]

    def tone(self, table: Signal, hertz: float, size: int) -> Signal:
        """A steady tone: 32-bit phase, which wraps by itself."""
        turn = np.uint32(round(hertz / self.rate * 2**32))
        return table[(self.counter[:size] * turn) >> np.uint32(32 - TABLE_BITS)]

    def envelope(self, attack_s: float, decay_s: float) -> Signal:
        """Rises, then falls without end; notes are slices of it with a short release."""
        return np.minimum(self.seconds / np.float32(attack_s), 1) * np.exp(-self.seconds / np.float32(decay_s))

    def shaped(self, envelope: Signal, size: int) -> Signal:
        size = min(size, len(envelope))
        shape = envelope[:size].copy()
        release = min(size, self.rate // 80)
        shape[-release:] *= np.linspace(1, 0, release, dtype=np.float32)
        return shape

    def stems(self, channels: int) -> list[Signal]:
        """Loops of drums, bass, chords and three leads, each (1 or channels, size)."""
        room = self.room()
        # A catchy track has one melody, another up to three.
        count = 1 if self.hook > 0.6 else 2 if self.hook > 0.35 else 3
        leads = [self.within(self.lead()[None], room) for _ in range(count)]
        return [
            self.drum_loop()[None],
            self.bass()[None],
            self.within(self.chords(channels), room),
            *(leads[place % count] for place in range(3)),
        ]

    def tilted(self, hertz: np.ndarray) -> np.ndarray:
        """Gain by frequency: towards treble or bass around 800 Hz, and the artist's voice."""
        octaves = np.log2(np.maximum(hertz, 40))
        away = (octaves[:, None] - self.voice_octaves) / VOICE_WIDTH
        tilt_db = self.tilt_db * np.clip(octaves - math.log2(800), -3, 3)
        return 10 ** ((tilt_db + np.exp(-0.5 * np.square(away)) @ self.voice_db) / 20)

    def room(self) -> NDArray[np.complex64]:
        """Response of a room: decaying noise, after the sound itself."""
        size = min(self.size, round(0.9 * self.rate))
        noise = self.random.standard_normal(size, dtype=np.float32) * np.exp(-self.seconds[:size] * 6)
        response = np.zeros(self.size, dtype=np.float32)
        response[:size] = noise * np.float32(self.echo * 0.02 * math.sqrt(BASE_RATE / self.rate))
        response[0] += 1
        return _spectrum(response)

    def within(self, loops: Signal, room: NDArray[np.complex64]) -> Signal:
        """Loops as heard in a room: what rings on wraps around, so that they still join."""
        return _signal(_spectrum(loops) * room, self.size)

    def chords(self, channels: int) -> Signal:
        """The chords, held or struck again as the density asks, (channels, size)."""
        loops = np.zeros((2, self.size), dtype=np.float32)
        # Thirds sound rough when distorted.
        is_heavy = self.drive > 0.7
        strokes = np.arange(0, self.chord_steps, (16, 8, 4, 2)[min(int(self.density * 4 + 0.3), 3)])
        base = self.envelope(0.005 + 0.15 * self.sustain**2, 0.15 + 2.5 * self.sustain)
        for chord, degree in enumerate(self.degrees):
            begins = [self.starts[chord * self.chord_steps + stroke] for stroke in strokes.tolist()]
            first, last = begins[0], (chord + 1) * self.chord_steps * self.step
            shape = np.zeros(last - first, dtype=np.float32)
            for begin, end in zip(begins, [*begins[1:], last], strict=True):
                part = self.shaped(base, end - begin)
                shape[begin - first : begin - first + len(part)] = part
            intervals = (0, 4) if is_heavy else (0, 2, 4, 6) if self.has_sevenths else (0, 2, 4)
            for interval in intervals:
                hertz = folded(self.hertz(degree + interval, 2), 98.0 if is_heavy else 185.0)
                table = self.table(hertz, self.rolloff, self.cutoff, hollow=self.clip.style.is_hollow)
                for side, factor in enumerate((self.detune, 1 / self.detune)):
                    loops[side, first:last] += self.tone(table, hertz * factor, last - first) * shape
        loops *= np.float32(0.11)
        return loops if channels == 2 else loops.mean(axis=0, keepdims=True)

    def bass(self) -> Signal:
        """Roots of the chords in the rhythm of the style, (size,)."""
        loop = np.zeros(self.size, dtype=np.float32)
        base = self.envelope(0.006, 0.35 + 0.5 * self.sustain)
        pattern = self.clip.style.bass
        strokes = [place for place in range(self.steps) if pattern[place % STEPS_PER_BAR] == "x"]
        for place, after in zip(strokes, [*strokes[1:], self.steps], strict=True):
            degree = self.degrees[place // self.chord_steps]
            # Now and then the fifth instead of the root.
            degree += 4 if place % 8 >= 6 and self.random.random() < 0.3 else 0
            hertz = folded(self.hertz(degree, 0), 41.0)
            shape = self.shaped(base, round((after - place) * self.step * 0.95))
            start = self.starts[place]
            shape = shape[: self.size - start]
            table = self.table(hertz, 1.4, min(self.cutoff, 900))
            loop[start : start + len(shape)] += self.tone(table, hertz, len(shape)) * shape
        return loop * np.float32(0.25)

    def melody(self) -> list[tuple[int, int]]:
        """Steps of the loop and degrees of the scale: a motif of a bar, repeated as far as the track is catchy."""
        notes: list[tuple[int, int]] = []
        motif: list[tuple[int, int]] = []
        for bar in range(self.steps // STEPS_PER_BAR):
            if not motif or self.random.random() > self.hook:
                count = int(np.clip(round(2 + 8 * self.density + self.random.normal(0, 0.7)), 2, 11))
                chance = _STRENGTH / _STRENGTH.sum()
                steps = np.sort(self.random.choice(STEPS_PER_BAR, count, replace=False, p=chance)).tolist()
                moves = self.random.choice([-2, -1, 0, 1, 2], count, p=[0.15, 0.28, 0.14, 0.28, 0.15])
                line = np.clip(self.random.integers(0, 5) + np.cumsum(moves), -3, 9).tolist()
                motif = list(zip(steps, line, strict=True))
            for step, degree in motif:
                place = bar * STEPS_PER_BAR + step
                root = self.degrees[place // self.chord_steps]
                note = degree
                if step % 4 == 0:
                    # On the beat a note of the chord: the nearest of root, third and fifth.
                    note = min(
                        (root + 7 * octave + third for octave in (-1, 0, 1) for third in (0, 2, 4)),
                        key=lambda other, wanted=degree: (abs(other - wanted), other),
                    )
                notes.append((place, note))
        return notes

    def lead(self) -> Signal:
        """A melody with a little vibrato, (size,)."""
        loop = np.zeros(self.size, dtype=np.float32)
        base = self.envelope(0.008 + 0.02 * self.sustain, 0.25 + 0.9 * self.sustain)
        wave = np.sin(2 * np.pi * 5.3 * self.seconds) * np.minimum(self.seconds * 3, 1)
        drift = wave * np.float32(self.vibrato * self.rate / (2 * np.pi * 5.3))
        notes = self.melody()
        ends = [place for place, _ in notes[1:]] + [self.steps]
        for (place, degree), after in zip(notes, ends, strict=True):
            hertz = self.hertz(degree, self.lead_octave)
            shape = self.shaped(base, min(after - place, 8) * self.step)
            start = self.starts[place]
            shape = shape[: self.size - start]
            table = self.table(hertz, self.rolloff + 0.2, 1.5 * self.cutoff)
            turns = (np.arange(len(shape)) + drift[: len(shape)]) * (hertz * len(table) / self.rate)
            loud = np.float32(1.0 if place % 4 == 0 else 0.8)
            loop[start : start + len(shape)] += table[turns.astype(np.int64) & (len(table) - 1)] * shape * loud
        return loop * np.float32(0.20)

    def drum_loop(self) -> Signal:
        """Kick, snare and hats, with a fill at the end, (size,)."""
        loop = np.zeros(self.size, dtype=np.float32)
        random, style = self.random, self.clip.style
        time = self.seconds[: round(0.3 * self.rate)]
        noise = random.standard_normal(len(time), dtype=np.float32)
        sweep = 2 * np.pi * (48 * time + 130 / 28 * (1 - np.exp(-28 * time)))
        kick = np.sin(sweep) * np.exp(-time * 13) * np.float32(0.9)
        snare = (noise * np.float32(0.32) + np.sin(2 * np.pi * 190 * time) * np.float32(0.35)) * np.exp(-time * 19)
        # The second difference leaves the treble.
        hat = np.diff(noise, n=2, prepend=noise[:2]) * np.exp(-time * 55) * np.float32(0.10)

        gain = self.tilted(np.fft.rfftfreq(len(time), 1 / self.rate)).astype(np.float32)
        kick, snare, hat = (_signal(_spectrum(sound) * gain, len(time)) for sound in (kick, snare, hat))

        def strike(sound: Signal, place: int, loud: float) -> None:
            start = self.starts[place]
            part = sound[: self.size - start]
            loop[start : start + len(part)] += part * np.float32(loud)

        every = (4, 2, 2, 1)[min(int(self.density * 4), 3)]
        loud = random.uniform(0.85, 1.0, self.steps)
        is_ghost = random.random(self.steps) < 0.25 * self.density
        for place in range(self.steps):
            step, is_last = place % STEPS_PER_BAR, place >= self.steps - 4
            if style.kick[step] == "x":
                strike(kick, place, loud[place])
            if style.snare[step] == "x" or (is_last and is_ghost[place]):
                strike(snare, place, loud[place])
            if step % every == 0 or is_ghost[place]:
                strike(hat, place, loud[place] * (1.0 if step % 4 == 2 else 0.7))
        return loop * np.float32(0.55 * self.drums)

    def parts(self, count: int) -> np.ndarray:
        """Levels of the stems in each half loop: intro, verse, break and refrain, (count, stems)."""
        quiet, middle = 10 ** (-self.contrast_db / 20), 10 ** (-self.contrast_db / 40)
        plan = [quiet, *[middle] * 3, quiet, *[1.0] * 4]
        levels = np.zeros((count, 6))
        for place in range(count):
            part = plan[place % len(plan)]
            is_sparse = place % len(plan) in (0, 4)
            # The intro has no bass yet; drums hold back in intro and break, but give the pulse.
            levels[place, :3] = (0.35 * part if is_sparse else part, 0 if is_sparse else part, part)
            levels[place, 3 + place // 2 % 3] = part * (place > 0)
        return levels

    def master(self, mixed: Signal) -> Signal:
        """Distortion, the wanted level, a soft limit and fades, (channels, samples)."""
        if self.drive > 0.05:
            mixed = np.tanh(mixed * np.float32((0.2 + 1.1 * self.drive) / _level(mixed)))
        wanted = 10 ** (self.rms_db / 20)
        mixed = mixed * np.float32(wanted / _level(mixed))
        # It bends like tanh and costs less; then the level is made up for what that took.
        mixed /= np.sqrt(1 + np.square(mixed))
        mixed *= np.float32(min(wanted / _level(mixed), 0.98 / (float(np.abs(mixed).max()) + 1e-9)))
        fade = min(round(FADE_S * self.rate), mixed.shape[1] // 2)
        mixed[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        return mixed


def _spectrum(signals: Signal) -> NDArray[np.complex64]:
    # In single precision numpy's own takes twice as long.
    from scipy import fft

    return cast("NDArray[np.complex64]", fft.rfft(signals))


def _signal(spectra: NDArray[np.complex64], size: int) -> Signal:
    from scipy import fft

    return cast("Signal", fft.irfft(spectra, size))


def folded(hertz: float, lowest: float) -> float:
    """The same note in the octave that begins at a frequency."""
    return hertz / 2 ** math.floor(math.log2(hertz / lowest))


def _level(signal: Signal) -> float:
    """Root mean square, from every seventh sample."""
    return float(np.sqrt(np.mean(np.square(signal[:, ::7])))) + 1e-9
