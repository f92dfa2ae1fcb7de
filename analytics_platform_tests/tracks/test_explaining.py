"""Explanations of a model whose law is known: they find the band and the seconds, and they add up."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from analytics_platform.audio.features import analyse
from analytics_platform.tracks.explaining import BAND_EDGES_HZ, Explanation, Muting, explain, regions_of, scorer
from analytics_platform.tracks.pictures import draw, mel_of
from analytics_platform.tracks.score_words import clock, hertz, place, reasons
from analytics_platform_tests.audio.sounds import RATE, Samples, clip
from analytics_platform_tests.tracks.scored_homes import hiss, music, shipped_model

PRESENCE = BAND_EDGES_HZ.index(2000.0)


def with_a_loud_part(seconds: float, start_s: float, end_s: float) -> tuple[Samples, int]:
    """Music with noise from 2 to 5 kHz in some seconds, which the model in use likes."""
    sound = music(-50, 900, seconds)
    part = slice(round(start_s * RATE), round(end_s * RATE))
    sound[part] += 0.05 * hiss(seconds, 2000, 5000, 7)[part]
    return clip(sound)


@pytest.mark.parametrize("model", ["descriptor_ridge", "trees"])
def test_the_band_and_the_seconds_that_the_model_goes_by_are_found(model: str) -> None:
    samples, length = with_a_loud_part(15, 5, 10)
    explanation = explain(samples, length, scorer(shipped_model(model=model), None, length), offset_s=60.0)
    assert explanation.by_segment.shape == (3, 5)
    assert np.unravel_index(explanation.by_segment.argmax(), (3, 5)) == (1, PRESENCE)
    region = explanation.regions[int(explanation.effects.argmax())]
    assert (region.start_s, region.end_s, region.low_hz, region.high_hz) == (65, 70, 2000, 5000)
    assert explanation.by_segment.sum(axis=0).argmax() == PRESENCE
    assert "raised by 2–5 kHz at 1:05–1:10" in reasons(explanation)
    assert explanation.percentile - explanation.percentile_muted == pytest.approx(explanation.effects.sum())


def test_effects_of_a_linear_score_are_exact_and_silence_has_none() -> None:
    """A score that adds up the energy of regions, of a sound that is silent from 5 to 10 s."""
    sound = 0.1 * hiss(15, 200, 400, 3)
    sound[5 * RATE : 10 * RATE] = 0
    samples, length = clip(sound)

    def score(variants: Iterable[Samples]) -> np.ndarray:
        return np.array([float((one[: 5 * RATE] ** 2).mean() + 3 * (one[10 * RATE :] ** 2).mean()) for one in variants])

    explanation = explain(samples, length, score, 0.0)
    by_segment, total = explanation.by_segment, explanation.effects.sum()
    # A fifth of an edge's slope leaks out of the noise's own edges.
    assert np.abs(by_segment[1]).max() < 0.01 * total
    assert np.abs(np.delete(by_segment, 1, axis=1)).max() < 0.02 * total
    assert by_segment[2, 1] / by_segment[0, 1] == pytest.approx(3 * 5 / 20, rel=0.1)
    assert abs(explanation.residual) < 1e-6 * total


def test_the_same_clip_has_the_same_explanation() -> None:
    samples, length = with_a_loud_part(6, 0, 3)
    twice = [explain(samples, length, scorer(shipped_model(), None, length), 0.0) for _ in range(2)]
    assert np.array_equal(twice[0].effects, twice[1].effects)


def test_muting_takes_12_db_from_its_region_and_nothing_from_others() -> None:
    tones = {250: 0.1, 1000: 0.1, 3000: 0.1}
    time = np.arange(15 * RATE) / RATE
    samples, length = clip(sum(level * np.sin(2 * np.pi * pitch * time) for pitch, level in tones.items()))
    muting = Muting(samples, length)
    kept = np.ones((3, 5), dtype=bool)
    kept[1, 2] = False
    variant = muting.variant(kept.ravel())

    def level(part: slice, pitch: int) -> float:
        """Of the tone in the original over that in the variant, dB."""
        wave = np.exp(-2j * np.pi * pitch * time[part])
        return 20 * np.log10(
            abs((variant[: 15 * RATE][part] * wave).mean()) / abs((samples[part.start : part.stop] * wave).mean())
        )

    inside, before = slice(6 * RATE, 9 * RATE), slice(1 * RATE, 4 * RATE)
    assert level(inside, 1000) == pytest.approx(-12, abs=0.05)
    for part, pitch in ((inside, 250), (inside, 3000), (before, 1000)):
        assert level(part, pitch) == pytest.approx(0, abs=0.05)
    assert np.array_equal(muting.variant(np.ones(15, dtype=bool)), samples)
    everything = muting.variant(np.zeros(15, dtype=bool))
    assert np.allclose(everything, samples * 10 ** (-12 / 20), atol=1e-5)


@pytest.mark.parametrize(("seconds", "segments"), [(3, 1), (7.4, 1), (8, 2), (12, 2), (30, 6)])
def test_regions_cover_the_clip_without_gaps(seconds: float, segments: int) -> None:
    regions = regions_of(seconds, 10.0)
    assert len(regions) == 5 * segments
    assert regions[0].start_s == 10
    assert regions[-1].end_s == 10 + seconds
    for before, after in zip(regions[:-5], regions[5:], strict=True):
        assert before.end_s == after.start_s
        assert (before.low_hz, before.high_hz) == (after.low_hz, after.high_hz)


def test_the_picture_is_a_small_png_even_of_a_short_clip_on_which_nothing_has_an_effect() -> None:
    samples, length = clip(music(-30, 1, 3.1))
    analysis = analyse(samples, length)
    flat = Explanation(regions_of(3.1), np.zeros(5), 0.5, 0.5, 0.0)
    for explanation in (flat, Explanation(flat.regions, np.array([0.2, -0.1, 0, 0, 0.01]), 0.6, 0.4, 0.0)):
        picture = draw(analysis.log_mel, analysis.frames, explanation, "A$AP: $\\frac{ & <b> 音楽", "expected 61st")
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < 300_000
    assert reasons(flat) == "no part of the sound stands out"


def test_the_mel_axis_ends_where_the_spectrogram_does() -> None:
    assert mel_of(np.array([0.0, 11_025.0])).tolist() == [0, 128]
    assert np.all(np.diff(mel_of(np.linspace(0, 11_025, 500))) > 0)


def test_numbers_are_said_as_people_say_them() -> None:
    assert [place(share) for share in (0, 0.01, 0.02, 0.11, 0.613, 0.83, 1)] == [
        "0th", "1st", "2nd", "11th", "61st", "83rd", "100th",
    ]  # fmt: skip
    assert [hertz(*band) for band in ((0, 150), (150, 500), (500, 2000), (2000, 5000), (5000, 11_025))] == [
        "below 150 Hz", "150–500 Hz", "500 Hz–2 kHz", "2–5 kHz", "above 5 kHz",
    ]  # fmt: skip
    assert [clock(seconds) for seconds in (0, 59.6, 65.2, 3600)] == ["0:00", "1:00", "1:05", "60:00"]
