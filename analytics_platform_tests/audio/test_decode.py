"""Good files sound as librosa reads them; nothing in a bad one gets past a typed rejection."""

from __future__ import annotations

import io
import math
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.audio.decode import LARGEST_FILE, Decoded, RejectedError, decode, decode_file, decode_rates
from analytics_platform.audio.names import REASONS
from analytics_platform_tests.audio.broken_files import RATE, encoded, frames_of_mp3, good, tones, wav


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["wav", "aiff", "flac", "ogg", "opus", "mp3"])
def test_as_librosa_reads_it(kind: str, channels: int) -> None:
    import librosa

    data = good(kind, 5, channels=channels)
    expected, _ = librosa.load(io.BytesIO(data), sr=22_050, mono=True)
    decoded = decode(data)
    assert decoded.samples.shape == (661_500,)
    assert decoded.samples.dtype == np.float32
    # librosa rounds the length up, and fills with a zero.
    assert 0 <= len(expected) - decoded.length <= 1
    np.testing.assert_allclose(decoded.samples[: decoded.length], expected[: decoded.length], atol=1e-5)
    assert (decoded.samples[decoded.length :] == 0).all()
    assert decoded.channels == channels
    assert decoded.sample_rate == (48_000 if kind == "opus" else RATE)
    assert decoded.codec == ("ogg" if kind == "opus" else kind)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 192_000])
def test_any_rate_of_the_file_gives_the_same_length(rate: int) -> None:
    decoded = decode(good("wav", 6, rate, 1), seconds=5)
    assert decoded.length == len(decoded.samples) == 110_250
    assert decoded.sample_rate == rate


def test_several_rates_of_one_decoding_are_those_of_several_decodings() -> None:
    data = good("mp3")
    for both, rate in zip(decode_rates(data, (22_050, 16_000)), (22_050, 16_000), strict=True):
        alone = decode(data, sample_rate=rate)
        np.testing.assert_array_equal(both.samples, alone.samples)
        assert (both.length, both.peak) == (alone.length, alone.peak)
        assert both.length == pytest.approx(10 * rate, abs=1)


def test_the_downmix_is_the_mean_of_the_channels() -> None:
    left, right = np.full(RATE * 4, 0.5), np.full(RATE * 4, -0.25)
    decoded = decode(encoded(np.stack([left, right], axis=1), "wav"), sample_rate=RATE)
    np.testing.assert_allclose(decoded.samples[: RATE * 4], 0.125, atol=1e-4)
    assert decoded.peak == pytest.approx(0.125, abs=1e-4)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_an_excerpt_is_that_part_of_the_whole(kind: str) -> None:
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.5} if kind == "mp3" else {}
    data = encoded(tones(10), kind, **options)
    whole = decode(data, sample_rate=RATE, seconds=10)
    for offset_s, seconds in ((0.1, 4), (2.5, 4), (6, 10)):
        part = decode(data, sample_rate=RATE, seconds=seconds, offset_s=offset_s)
        first = round(offset_s * RATE)
        assert part.length == min(seconds * RATE, whole.length - first)
        np.testing.assert_allclose(part.samples[: part.length], whole.samples[first : first + part.length], atol=1e-5)
        assert (part.samples[part.length :] == 0).all()


def test_an_offset_beyond_the_end_is_too_short() -> None:
    with pytest.raises(RejectedError) as rejected:
        decode(good("wav"), offset_s=11)
    assert rejected.value.reason == "too short"


class CountedFile(io.FileIO):
    taken = 0

    def readinto(self, buffer: object) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_of_a_large_master_only_the_excerpt_is_read(tmp_path: Path) -> None:
    path, size = tmp_path / "master.wav", 300 * 1024**2
    excerpt = (tones(30, channels=1) * 2**15).astype("<i2").tobytes()
    with path.open("wb") as file:
        file.write(wav(1, claimed=size))
        file.seek(1000 * RATE * 2, 1)
        file.write(excerpt)
        file.truncate(44 + size)
    with CountedFile(path) as file:
        decoded = decode(file, offset_s=1000)
        assert file.taken < 3_000_000
    np.testing.assert_array_equal(decoded.samples, decode(wav(1, data=excerpt)).samples)
    np.testing.assert_array_equal(decoded.samples, decode_file(str(path), offset_s=1000)[0].samples)


def test_an_excerpt_deep_in_a_long_mp3_is_found() -> None:
    (quiet, seconds), (loud, _) = frames_of_mp3(amplitude=0.01), frames_of_mp3(amplitude=0.5)
    decoded = decode(quiet * 360 + loud + quiet * 360, offset_s=360 * seconds - 10)
    assert decoded.length == 661_500
    before, during, after = decoded.samples[:220_500], decoded.samples[220_500:441_000], decoded.samples[441_000:]
    # Frames lean on those before them: a seam may cost a frame, and there are 360 before.
    assert np.abs(before[:-22_050]).max() < 0.02
    assert np.abs(during[22_050:-22_050]).max() > 0.4
    assert np.abs(after[22_050:]).max() < 0.02


def test_addresses_of_fsspec_are_read() -> None:
    fsspec.filesystem("memory").pipe("/clips/a.mp3", good("mp3"))
    (decoded,) = decode_file("memory://clips/a.mp3")
    np.testing.assert_array_equal(decoded.samples, decode(good("mp3")).samples)
    with pytest.raises(RejectedError) as rejected:
        decode_file("memory://clips/b.mp3")
    assert rejected.value.reason == "file missing"


def test_what_is_no_file_of_a_possible_size_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    reasons = {"nothing": "file missing", ".": "file missing", "empty/a": "file missing", "empty": "empty"}
    for name, reason in (reasons | {"large": "file too large"}).items():
        with pytest.raises(RejectedError) as rejected:
            decode_file(str(tmp_path / name))
        assert rejected.value.reason == reason, name
        assert str(tmp_path) not in str(rejected.value)


def test_a_storage_that_fails_half_way_is_no_short_clip() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 50_000:
                raise TimeoutError(110, "Connection timed out", "https://storage/clip?signature=secret")
            return super().read(size)

    with pytest.raises(OSError, match="timed out") as failed:
        decode(Failing(good("mp3")))
    assert "secret" not in str(failed.value)


def test_impossible_requests() -> None:
    for wrong in ({"seconds": 61.0}, {"seconds": 0.0}, {"offset_s": -1.0}, {"offset_s": math.nan}):
        with pytest.raises(ValueError, match="at most 60 s"):
            decode(b"", **wrong)


def rejected_or_sound(data: bytes, offset_s: float = 0.0) -> None:
    try:
        decoded = decode(data, offset_s=offset_s)
    except RejectedError as error:
        assert error.reason in REASONS
    else:
        assert isinstance(decoded, Decoded)
        assert 3 * 22_050 - 1 <= decoded.length <= len(decoded.samples) == 661_500
        assert np.isfinite(decoded.samples).all()
        assert 0 < decoded.peak <= 4


STARTS = [
    b"",
    b"RIFF\x00\x00\x01\x00WAVEfmt ",
    b"ID3\x03\x00\x00",
    b"\xff\xfb\x90\x00",
    b"fLaC\x00\x00\x00\x22",
    b"OggS\x00\x02",
]


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=3000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_end_in_a_rejection_or_a_clip(start: bytes, rest: bytes) -> None:
    rejected_or_sound(start + rest)


@given(
    kind=st.sampled_from(["wav", "aiff", "flac", "ogg", "opus", "mp3"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=30),
    in_header=st.booleans(),
    cut=st.floats(0, 1),
    offset_s=st.sampled_from([0.0, 0.5, 1e9]),
)
@settings(max_examples=100, deadline=None)
def test_any_damage_ends_in_a_rejection_or_a_clip(
    kind: str, changes: list[tuple[float, bytes]], in_header: bool, cut: float, offset_s: float
) -> None:
    data = bytearray(good(kind, 4, channels=1))
    for place, new in changes:
        start = int(place * (200 if in_header else len(data)))
        data[start : start + len(new)] = new
    rejected_or_sound(bytes(data[: len(data) - int(cut * 0.5 * len(data))]), offset_s)
