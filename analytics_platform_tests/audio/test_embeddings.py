"""What is written to a shard comes back by rows, and a file that is not whole is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.audio.embeddings import (
    Embedded,
    EmbeddingShard,
    ShardRow,
    WeightsError,
    available_embedders,
    write_shard,
)


def clip(windows: int, dim: int = 5, seed: int = 0) -> Embedded:
    sequence = np.random.default_rng([seed, windows]).standard_normal((windows, dim)).astype(np.float32)
    return Embedded(sequence, sequence.mean(axis=0))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_clips_come_back(tmp_path_factory: pytest.TempPathFactory, windows: list[int], dim: int) -> None:
    clips = [clip(count, dim, seed) for seed, count in enumerate(windows)]
    path = tmp_path_factory.mktemp("shard") / "new" / "b.safetensors"
    rows = write_shard(path, clips)
    assert [row.shard_row for row in rows] == list(range(len(clips)))
    shard = EmbeddingShard(path)
    assert shard.pooled.shape == (len(clips), dim)
    assert shard.sequences.shape == (sum(windows), dim)
    for row, one in zip(rows, clips, strict=True):
        np.testing.assert_array_equal(shard.pooled[row.shard_row], one.pooled)
        np.testing.assert_allclose(shard.sequence(row), one.sequence, rtol=2**-10, atol=1e-7)


def test_any_reader_of_safetensors_reads_a_shard(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = tmp_path / "b.safetensors"
    write_shard(path, [clip(3), clip(2)])
    tensors, shard = load_file(path), EmbeddingShard(path)
    np.testing.assert_array_equal(tensors["pooled"], shard.pooled)
    np.testing.assert_array_equal(tensors["sequences"], shard.sequences)


def test_a_shard_that_is_replaced_stays_readable_for_who_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_shard(path, [clip(3, seed=1)])
    before = EmbeddingShard(path)
    write_shard(path, [clip(2, seed=2)])
    np.testing.assert_array_equal(before.pooled[0], clip(3, seed=1).pooled)
    np.testing.assert_array_equal(EmbeddingShard(path).pooled[0], clip(2, seed=2).pooled)


def test_a_failed_write_leaves_the_earlier_shard_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_shard(path, [clip(3)])
    large = np.full((1, 5), 1e5, dtype=np.float32)
    for clips in ([], [Embedded(large, large[0])], [Embedded(large * np.nan, large[0])], [clip(1, 4), clip(1, 5)]):
        with pytest.raises(ValueError):
            write_shard(path, clips)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert EmbeddingShard(path).sequence(ShardRow(0, 0, 3)).shape == (3, 5)


@pytest.mark.parametrize(
    "content", [b"", b"PK", bytes(8), b"\xff" * 300, (20).to_bytes(8, "little") + b'{"pooled": []}      ']
)
def test_what_is_no_shard_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a whole shard"):
        EmbeddingShard(path)


def test_a_shard_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_shard(path, [clip(3)])
    for size in (9, 60, path.stat().st_size - 1):
        cut = tmp_path / "cut"
        cut.write_bytes(path.read_bytes()[:size])
        with pytest.raises(ValueError, match="not a whole shard"):
            EmbeddingShard(cut)


def test_without_weights_there_are_no_embedders(tmp_path: Path) -> None:
    assert available_embedders(tmp_path / "none") == []


def test_weights_that_were_named_but_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights of VGGish at"):
        available_embedders(tmp_path, vggish=tmp_path / "vggish.safetensors", vggish_sha256="0" * 64)


def test_what_a_killed_process_left_beside_a_shard_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / ".batch.safetensors.0123456789abcdef"
    other = tmp_path / ".other.safetensors.0123456789abcdef"
    for path in (left, other):
        path.write_bytes(b"half")
    write_shard(tmp_path / "batch.safetensors", [clip(3)])
    assert not left.exists()
    assert other.exists(), "of another batch, which may be in work"
