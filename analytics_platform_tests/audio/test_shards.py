"""Spectrograms come back from their shards as they were written, or the shard is not there."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analytics_platform.audio.shards import (
    CLIP_SHAPE,
    PARAMETERS,
    ShardWriter,
    Spectrograms,
    open_shard,
)
from analytics_platform.audio.spectrum import FRAMES, split_phases


def spectrogram(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-100, 40, (FRAMES, 128)).astype(np.float32)


def write(path: Path, seeds: range) -> None:
    with ShardWriter(path) as shard:
        rows = [shard.append(split_phases(spectrogram(seed))) for seed in seeds]
    assert rows == list(range(len(seeds)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("spectrograms")
    write(root / PARAMETERS / "a.npy", range(12))
    write(root / PARAMETERS / "b.npy", range(12, 15))
    return root


@pytest.fixture(scope="module")
def read(folder: Path) -> Spectrograms:
    """Rows 0 to 14 backwards: row k is the spectrogram of seed 14 − k."""
    seeds = np.arange(15)[::-1]
    shards = [f"{PARAMETERS}/{'a' if seed < 12 else 'b'}.npy" for seed in seeds]
    return Spectrograms(folder, shards, np.where(seeds < 12, seeds, seeds - 12), 1292 - 80 * np.arange(15))


def test_the_folder_is_named_after_the_parameters() -> None:
    assert PARAMETERS == "logmel128_22050_2048_512"


def test_a_shard_is_a_plain_npy_file(folder: Path) -> None:
    for name, first, count in (("a", 0, 12), ("b", 12, 3)):
        path = folder / PARAMETERS / f"{name}.npy"
        stored = np.load(path, allow_pickle=False)
        assert stored.shape == (count, *CLIP_SHAPE)
        np.testing.assert_array_equal(stored, open_shard(path))
        np.testing.assert_array_equal(stored[2], split_phases(spectrogram(first + 2)))
        assert stored.nbytes + 128 == path.stat().st_size
    assert not open_shard(path).flags.writeable


def test_an_empty_shard(tmp_path: Path) -> None:
    write(tmp_path / "empty.npy", range(0))
    assert open_shard(tmp_path / "empty.npy").shape == (0, *CLIP_SHAPE)
    assert len(Spectrograms(tmp_path, [], np.array([], dtype=int), np.array([], dtype=int))) == 0


def test_frames_are_interleaved_again(read: Spectrograms) -> None:
    rows = np.array([0, 14, 3, 3])
    found = read.full(rows)
    for values, row in zip(found.values, rows, strict=True):
        np.testing.assert_array_equal(values, spectrogram(14 - row).astype(np.float16))
    assert found.mask.shape == (4, 1292)
    assert found.mask.sum(axis=1).tolist() == [1292, 172, 1052, 1052]
    assert found.mask[1, :172].all()


def test_half_the_frames(read: Spectrograms) -> None:
    rows = np.array([13, 0])
    found = read.hop_1024(rows)
    for values, row in zip(found.values, rows, strict=True):
        np.testing.assert_array_equal(values, spectrogram(14 - row)[::2].astype(np.float16))
    np.testing.assert_array_equal(found.mask, read.full(rows).mask[:, ::2])


def test_crops(read: Spectrograms) -> None:
    rows, starts = np.array([5, 0, 14]), np.array([0, 47, 20])
    batch = np.zeros((3, 599, 128), dtype=np.float16)
    assert read.crops(rows, starts, out=batch) is batch
    for values, row, start in zip(batch, rows, starts, strict=True):
        np.testing.assert_array_equal(values, spectrogram(14 - row)[::2][start : start + 599].astype(np.float16))
    np.testing.assert_array_equal(read.crops(rows, starts), batch)
    np.testing.assert_array_equal(read.crops(rows, starts, 10), batch[:, :10])


def test_the_last_start_of_a_crop_that_is_all_sound(read: Spectrograms) -> None:
    rows = np.arange(15)
    last = read.last_starts(rows, 100)
    mask = read.hop_1024(rows).mask
    assert last[0] == 546
    for row, start in zip(rows, last, strict=True):
        if mask[row].sum() >= 100:
            assert mask[row, start : start + 100].all()
            assert not mask[row, start : start + 101].all() or start == 546
        else:
            assert start == 0


@pytest.mark.parametrize(("starts", "length"), [([48], 599), ([-1], 599), ([0], 647)])
def test_a_crop_beyond_the_spectrogram_is_refused(read: Spectrograms, starts: list[int], length: int) -> None:
    with pytest.raises(ValueError, match="crops of"):
        read.crops(np.array([0]), np.array(starts), length)


def test_a_batch_of_another_shape_is_refused(read: Spectrograms) -> None:
    with pytest.raises(ValueError, match="out has shape"):
        read.crops(np.array([0]), np.array([0]), out=np.zeros((2, 599, 128), dtype=np.float16))


@pytest.mark.parametrize(("row", "frames"), [(3, 5), (-1, 5), (0, 0), (0, 1293)])
def test_rows_and_frames_that_cannot_be(folder: Path, row: int, frames: int) -> None:
    with pytest.raises(ValueError, match=r"no row|frames are"):
        Spectrograms(folder, [f"{PARAMETERS}/b.npy"], np.array([row]), np.array([frames]))


@pytest.mark.parametrize("bad", [np.zeros((646, 2, 128), np.float16), np.zeros(CLIP_SHAPE, np.float32)])
def test_what_is_no_clip_is_refused_and_leaves_no_shard(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a clip is"), ShardWriter(tmp_path / "new.npy") as shard:
        shard.append(split_phases(spectrogram(1)))
        shard.append(bad)
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_shard(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write(path, range(2))
    with pytest.raises(OSError, match="disk"), ShardWriter(path) as shard:
        shard.append(split_phases(spectrogram(5)))
        raise OSError("disk")
    np.testing.assert_array_equal(open_shard(path)[1], split_phases(spectrogram(1)))
    assert list(tmp_path.iterdir()) == [path]


def test_who_reads_a_shard_that_is_replaced_goes_on_reading_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write(path, range(2))
    old = Spectrograms(tmp_path, ["a.npy"], np.array([1]), np.array([1292]))
    write(path, range(7, 10))
    np.testing.assert_array_equal(old.full(np.array([0])).values[0], spectrogram(1).astype(np.float16))
    assert len(open_shard(path)) == 3


def test_a_killed_writer_leaves_no_shard_and_the_next_one_clears_up(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
import numpy as np
from analytics_platform.audio.shards import ShardWriter
with ShardWriter(Path(sys.argv[1])) as shard:
    for _ in range(3):
        shard.append(np.zeros((2, 646, 128), np.float16))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "a.npy"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    write(path, range(2))
    assert list(tmp_path.iterdir()) == [path]


def test_a_shard_that_is_cut_off_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write(path, range(2))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError):
        open_shard(path)


def test_other_arrays_are_no_shards(tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", np.zeros((3, 646, 2, 128), np.float16))
    np.save(tmp_path / "wide.npy", np.zeros((1, *CLIP_SHAPE), np.float32))
    for name in ("other.npy", "wide.npy"):
        with pytest.raises(ValueError, match="float16"):
            open_shard(tmp_path / name)
