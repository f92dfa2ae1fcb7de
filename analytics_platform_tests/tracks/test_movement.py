"""How the spectrum of a clip moves: numbers that tell what means over time do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analytics_platform.audio.shards import ShardWriter, Spectrograms
from analytics_platform.tracks.movement import BANDS, LEAST_FRAMES, SIZE, movement, movements

FRAMES_PER_S = 22_050 / 1024
SPREADS, RISES = slice(BANDS, 2 * BANDS), slice(2 * BANDS, 3 * BANDS)
RATES = slice(4 * BANDS, 4 * BANDS + 11)


def pulses(seconds: float, per_second: float) -> np.ndarray:
    """(frames, 128) dB: a loud frame at every pulse, quiet between."""
    frames = int(seconds * FRAMES_PER_S)
    level = np.full(frames, -60.0)
    level[(np.arange(0, seconds, 1 / per_second) * FRAMES_PER_S).astype(int)] = -10.0
    return np.repeat(level[:, None], 128, axis=1).astype(np.float16)


def test_a_still_sound_does_not_move() -> None:
    found = movement(np.full((300, 128), -20, dtype=np.float16))
    assert found.shape == (SIZE,)
    assert np.isfinite(found).all()
    assert (found[SPREADS] == 0).all()
    assert (found[RISES] == 0).all()
    np.testing.assert_allclose(found[:BANDS], -20)


def test_onsets_are_counted_by_their_rate() -> None:
    slow, fast = movement(pulses(30, 1)), movement(pulses(30, 6))
    # Half of the bands lie below 2.1 Hz.
    assert slow[RATES][:5].max() > fast[RATES][:5].max()
    assert (fast[RISES] > 3 * slow[RISES]).all()


def test_the_last_seconds_count() -> None:
    still = np.full((640, 128), -60, dtype=np.float16)
    late = still.copy()
    late[600::2] = -10
    assert not np.allclose(movement(still)[RATES], movement(late)[RATES])


def test_a_part_that_gets_loud_is_dynamic() -> None:
    loud = np.full((640, 128), -20, dtype=np.float16)
    grows = loud.copy()
    grows[:320] = -50
    seconds = 4 * BANDS + 11 + 6
    assert movement(grows)[seconds] > 10
    assert movement(loud)[seconds] < 1e-6


def test_hardly_any_sound_says_nothing() -> None:
    assert np.isnan(movement(np.zeros((LEAST_FRAMES - 1, 128), dtype=np.float16))).all()
    for frames in (LEAST_FRAMES, 10, 25, 50, 130):
        assert np.isfinite(movement(np.random.default_rng(0).normal(-40, 10, (frames, 128)))).all()


def test_padding_is_not_heard(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    clips = rng.normal(-40, 8, (3, 2, 646, 128)).astype(np.float16)
    with ShardWriter(tmp_path / "a.npy") as shard:
        for clip in clips:
            shard.append(clip)
    frames = np.array([1292, 500, 7])
    read = movements(Spectrograms(tmp_path, ["a.npy"] * 3, np.arange(3), frames), np.array([2, 0, 1]))
    for row, clip in zip(read, (2, 0, 1), strict=True):
        np.testing.assert_array_equal(row, movement(clips[clip, 0, : (frames[clip] + 1) // 2]))
