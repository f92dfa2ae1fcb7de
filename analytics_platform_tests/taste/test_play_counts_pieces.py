"""Songs become pieces of 5 s and samples of several: nothing is lost but the remainder, nothing is mixed up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.audio.decode import RejectedError
from analytics_platform.audio.spectrum import log_mel as whole_log_mel
from analytics_platform.taste.play_counts.grid import PUBLISHED, SIZE, SUBSET, run, runs, runs_of
from analytics_platform.taste.play_counts.pieces import PADDED, SOUND, Pieces, cut, log_mel, read_song, read_songs

RATE = 22_050


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(1, 24))
def test_samples_are_whole_and_consecutive_and_of_one_song(counts: list[int], steps: int) -> None:
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    pieces = Pieces("log-mel", np.arange(sum(counts), dtype=np.float32)[:, None], starts)
    songs = np.arange(len(counts))[::-1]
    samples = pieces.samples(songs, steps)
    assert np.bincount(samples[:, 0], minlength=len(counts)).tolist() == [count // steps for count in counts]
    taken = pieces.take(samples, steps)
    assert taken.shape == (len(samples), steps, 1)
    for (song, first), rows in zip(samples.tolist(), taken[..., 0].tolist(), strict=True):
        assert first % steps == 0
        assert rows == list(range(starts[song] + first, starts[song] + first + steps))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3 * SOUND))
def test_the_last_piece_is_filled_up_with_silence(length: int) -> None:
    pieces = cut(np.full(length, 0.5, dtype=np.float32))
    assert pieces.shape == (-(-length // SOUND), SOUND)
    assert (pieces.reshape(-1)[:length] == 16_384).all()
    assert not pieces.reshape(-1)[length:].any()


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One of 67 s, over a minute that the decoder gives at once, and one of 12 s."""
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    paths = []
    for seconds in (67, 12):
        paths.append(folder / f"{seconds}.flac")
        soundfile.write(paths[-1], rng.uniform(-0.5, 0.5, seconds * RATE), RATE)
    return paths


def test_a_song_is_read_to_its_end_or_as_far_as_is_wanted(songs: list[Path]) -> None:
    wanted, _ = soundfile.read(songs[0])
    pieces = read_song(str(songs[0]))
    assert pieces.shape == (14, SOUND)
    np.testing.assert_allclose(pieces.reshape(-1)[: len(wanted)] / 32_767, wanted, atol=2e-5)
    assert len(read_song(str(songs[0]), 20.0)) == 4
    assert len(read_song(str(songs[1]))) == 3
    with pytest.raises(RejectedError, match="file missing"):
        read_song(str(songs[0].with_name("none.flac")))


def test_both_inputs_have_the_same_pieces_and_raw_ones_stay_on_disk(songs: list[Path], tmp_path: Path) -> None:
    found = read_songs([str(path) for path in songs], tmp_path)
    assert found["raw"].counts.tolist() == found["log-mel"].counts.tolist() == [14, 3]
    assert isinstance(found["raw"].values, np.memmap) and found["raw"].values.dtype == np.int16
    assert [path.name for path in tmp_path.iterdir()] == ["raw.i16"]
    np.testing.assert_array_equal(found["raw"].take(np.array([[1, 0]]), 3)[0], read_song(str(songs[1])))
    np.testing.assert_array_equal(found["log-mel"].values[14:], log_mel(read_song(str(songs[1]))))
    assert (found["raw"].width, found["log-mel"].width) == (PADDED, 256) == (111_168, 256)
    only = found["raw"].take_songs(np.array([1]))
    np.testing.assert_array_equal(only.values, found["raw"].values[14:])
    with pytest.raises(ValueError, match="folder"):
        read_songs([str(songs[1])], None, hears=("raw",))


def test_log_mel_is_that_of_the_platform(songs: list[Path]) -> None:
    pieces = read_song(str(songs[1]))
    clip = np.zeros(30 * RATE, dtype=np.float32)
    clip[:SOUND] = pieces[0] / np.float32(32_767)
    frames = whole_log_mel(clip, SOUND)[: 1 + SOUND // 512]
    np.testing.assert_allclose(
        log_mel(pieces[:1])[0], np.concatenate([frames.mean(axis=0), frames.std(axis=0)]), rtol=1e-4
    )


def test_a_number_names_a_run_and_parts_are_the_grid() -> None:
    everything = list(runs())
    assert len(everything) == SIZE == 2 * PUBLISHED == 480
    assert [run(number) for number in range(SIZE)] == everything
    published = {(each.steps, each.layers, each.listener) for each in everything if each.hears == "raw"}
    assert len(published) == 240 and {each.number for each in everything if each.hears == "raw"} == set(range(240))
    parts = {each.part for each in everything}
    assert sorted(each.number for part in parts for each in runs_of(part)) == list(range(SIZE))
    assert sorted(each.number for part in parts for each in runs_of(part, whole=False)) == sorted(SUBSET)
    for number in (-1, SIZE):
        with pytest.raises(IndexError):
            run(number)
    with pytest.raises(ValueError, match="no part raw-25"):
        runs_of("raw-25")
