"""From a file to mono samples: the only place where bytes that others made meet a decoder.

libsndfile, and nothing else: ffmpeg, and what falls back to it, opens local files that a renamed playlist names,
and adds 3 dB when it mixes two channels to one. Whatever a header claims, at most 60 s are decoded and no more
memory is taken than they need. A decoder may still crash or hang: files of others belong into ``audio.workers``.
"""

from __future__ import annotations

import errno
import io
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from soundfile import SoundFile

Samples = NDArray[np.float32]

SAMPLE_RATE = 22_050
"""Hz: what the spectrograms and the low-level features are defined at."""
SECONDS = 30.0
"""Length of a clip."""
LONGEST_S = 60.0
"""More than this is never decoded."""
SHORTEST_S = 3.0
"""Less sound than this is no clip: the pretrained models' windows are 3 s."""
LEAD_S = 0.2
"""Decoded before an excerpt and dropped: frames of MP3 and Opus lean on those before them."""
SAMPLE_RATES = (8_000, 192_000)
CHANNELS = 2
"""A surround mix has a downmix of its own, which the mean of its channels is not: it is refused."""
LOUDEST = 4.0
"""+12 dB over full scale. Hot masters decode to +3 dB; what is louder is scaled wrongly or broken."""
SILENCE = 2.0**-15
"""The least step of 16 bits: lossy codecs decode silence to rounding noise below it."""
LARGEST_FILE = 2 * 1024**3
WHOLE_FILE = 16 * 1024**2
"""Bytes up to which a file is read in one go; from a larger one only what the excerpt needs."""

CODECS = {"WAV": "wav", "WAVEX": "wav", "RF64": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3", "AIFF": "aiff"}
"""Formats of libsndfile that are read, and how ``catalogue.clips`` names them. OGG is Vorbis or Opus."""
_STARTS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b"ID3")
_OTHER_STARTS = {
    b"caff": "CAF",
    b".snd": "AU",
    b"\x1aE\xdf\xa3": "Matroska",
    b"0&\xb2u": "Windows Media",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"DSD ": "DSD",
}


class RejectedError(Exception):
    """A clip that cannot be analysed.

    Attributes:
        reason: one of ``audio.names.REASONS``.
        detail: what was found, in words; neither paths nor addresses.
    """

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Decoded:
    """A clip as mono samples at one rate."""

    samples: Samples
    """(seconds × rate,), zeros after the end of the sound; full scale is 1, which lossy codecs may exceed."""
    length: int
    """Samples that are sound."""
    sample_rate: int
    """Of the file, Hz."""
    channels: int
    """Of the file."""
    codec: str
    """wav, flac, ogg, mp3 or aiff."""
    peak: float
    """Largest absolute sample of the downmix at the file's own rate."""


def decode(
    source: bytes | BinaryIO, *, offset_s: float = 0.0, sample_rate: int = SAMPLE_RATE, seconds: float = SECONDS
) -> Decoded:
    """The first ``seconds`` of a clip from ``offset_s`` on, mono, resampled by soxr HQ.

    Args:
        source: the bytes of a file, or an open file, of which only what the excerpt needs is read.
        offset_s: where the excerpt begins; it is reached by seeking.
        sample_rate: Hz, of the result.
        seconds: length of the result, at most 60.

    Raises:
        RejectedError: the file is no clip that can be analysed.
        OSError: the file could not be read; the storage's fault, not the clip's.
    """
    return decode_rates(source, (sample_rate,), offset_s=offset_s, seconds=seconds)[0]


def decode_rates(
    source: bytes | BinaryIO, sample_rates: Sequence[int], *, offset_s: float = 0.0, seconds: float = SECONDS
) -> tuple[Decoded, ...]:
    """As ``decode``, at several rates, for one decoding."""
    import soxr

    if not 0 < seconds <= LONGEST_S or not 0 <= offset_s < float("inf"):
        raise ValueError(f"{seconds} s from {offset_s} s on: at most {LONGEST_S:.0f} s, from 0 on")
    mono, rate, channels, codec = _read(source, offset_s, seconds)
    if len(mono) < SHORTEST_S * rate:
        raise RejectedError("too short", f"{len(mono) / rate:.2f} s of sound")
    # NaN passes through both, so one look at the samples finds all three faults.
    peak = float(np.abs([mono.max(), mono.min()]).max())
    if not np.isfinite(peak):
        raise RejectedError("not finite", "some samples are no numbers")
    if peak > LOUDEST:
        raise RejectedError("peak out of range", f"a sample of {peak:.4g} times full scale")
    if peak < SILENCE:
        raise RejectedError("silent", f"no sample above {peak:.2g} of full scale")
    decoded: list[Decoded] = []
    for sample_rate in sample_rates:
        sound = mono if sample_rate == rate else soxr.resample(mono, rate, sample_rate, quality="HQ")
        samples = np.zeros(round(seconds * sample_rate), dtype=np.float32)
        length = min(len(sound), len(samples))
        samples[:length] = sound[:length]
        decoded.append(Decoded(samples, length, rate, channels, codec, peak))
    return tuple(decoded)


def _read(source: bytes | BinaryIO, offset_s: float, seconds: float) -> tuple[Samples, int, int, str]:
    """The excerpt's downmix at the file's own rate, that rate, the file's channels and codec."""
    import soundfile

    file = _Bytes(source) if isinstance(source, bytes) else _Watched(source)
    try:
        file.seek(0)
        _check_start(file.read(12))
        file.seek(0)
        with soundfile.SoundFile(cast("BinaryIO", file)) as sound:
            codec = _check_header(sound)
            rate, channels = sound.samplerate, sound.channels
            first = round(offset_s * rate)
            if first >= sound.frames:
                found = f"{sound.frames / rate:.2f} s, the excerpt begins at {offset_s:.2f} s"
                raise RejectedError("too short", found)
            lead = min(first, round(LEAD_S * rate))
            if first:
                sound.seek(first - lead)
            # Not read(frames): what it would take memory for is what the header claims.
            frames: Samples = np.empty((lead + ceil(seconds * rate), channels), dtype=np.float32)
            frames = frames[lead : len(sound.read(out=frames))]
    except soundfile.LibsndfileError as error:
        unrecognised = 1
        detail = error.error_string or f"error {error.code} of libsndfile"
        raise RejectedError("not audio" if error.code == unrecognised else "unreadable", detail) from None
    finally:
        # Before any verdict on what was read: it may be the storage that failed.
        file.check()
    if channels == 1:
        return frames[:, 0], rate, channels, codec
    # Twice as fast as a mean over the axis, which costs as much as decoding an MP3.
    with np.errstate(all="ignore"):
        mono: Samples = frames[:, 0] + frames[:, 1]
        mono *= np.float32(0.5)
    return mono, rate, channels, codec


def _check_start(start: bytes) -> None:
    """Refuse by the first bytes what no decoder should be tried on."""
    if not start:
        raise RejectedError("empty", "no bytes")
    if start.startswith(_STARTS):
        return
    if start[4:8] == b"ftyp":
        raise RejectedError("format not supported", "MP4 (AAC or ALAC)")
    for other, name in _OTHER_STARTS.items():
        if start.startswith(other):
            raise RejectedError("format not supported", name)
    if len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0:
        if start[1] & 0x06 == 0:
            raise RejectedError("format not supported", "AAC")
        return
    raise RejectedError("not audio", "does not begin like audio")


def _check_header(sound: SoundFile) -> str:
    """The codec's name, of a file whose header is within bounds."""
    codec = CODECS.get(sound.format)
    if codec is None:
        raise RejectedError("format not supported", sound.format)
    if not 1 <= sound.channels <= CHANNELS:
        raise RejectedError("too many channels", f"{sound.channels} channels")
    low, high = SAMPLE_RATES
    if not low <= sound.samplerate <= high:
        raise RejectedError("sample rate out of range", f"{sound.samplerate} Hz")
    return codec


class _Bytes(io.BytesIO):
    """The bytes of a file as libsndfile reads them."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            # Before the beginning: a header that lies. The file stays where it is, as with C's fseek.
            return self.tell()

    def check(self) -> None:
        """Reading them cannot fail."""


class _Watched:
    """A file as libsndfile reads it, which remembers the error that a call from C would swallow.

    Without it, a network that fails in the middle looks like a clip that ends there.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise what went wrong."""
        if isinstance(self._error, MemoryError):
            raise self._error
        if self._error is not None:
            raise _storage_error(self._error) from None

    # Called from C some thousand times for a clip, so without a helper between.

    def read(self, count: int) -> bytes:
        try:
            return self._file.read(max(count, 0))
        except Exception as error:
            self._error = self._error or error
            return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except Exception as error:
            # As for bytes.
            if not (isinstance(error, ValueError) or (isinstance(error, OSError) and error.errno == errno.EINVAL)):
                self._error = self._error or error
            return self.tell()

    def tell(self) -> int:
        try:
            return self._file.tell()
        except Exception as error:
            self._error = self._error or error
            return 0


def decode_file(
    location: str, sample_rates: Sequence[int] = (SAMPLE_RATE,), *, offset_s: float = 0.0, seconds: float = SECONDS
) -> tuple[Decoded, ...]:
    """``decode_rates`` of a file.

    Args:
        location: a path, or an address that fsspec knows.
        sample_rates: Hz, of the results.
        offset_s: where the excerpt begins.
        seconds: length of the results.

    Raises:
        RejectedError: as ``decode``; also ``file missing``, ``empty`` and ``file too large`` (2 GiB).
        OSError: the storage could not be reached. Its text has no address, which may be a signed one.
    """
    with ExitStack() as open_files:
        try:
            source = _open(location, open_files)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise RejectedError("file missing", "no file at the location") from None
        except (RejectedError, MemoryError):
            raise
        except Exception as error:
            raise _storage_error(error) from None
        return decode_rates(source, sample_rates, offset_s=offset_s, seconds=seconds)


def _open(location: str, open_files: ExitStack) -> bytes | BinaryIO:
    """The bytes of a small file; a large one, open."""
    if "://" in location:
        import fsspec

        filesystem, path = fsspec.url_to_fs(location)
        size = filesystem.size(path)
        if size is None:
            raise OSError("the storage does not say how large the file is")
        _check_size(size)
        file = open_files.enter_context(filesystem.open(path, "rb"))
    else:
        status = Path(location).stat()
        # Opening a pipe would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            raise RejectedError("file missing", "not a file")
        size = status.st_size
        _check_size(size)
        file = open_files.enter_context(Path(location).open("rb"))  # noqa: SIM115 - entered right here
    return file.read() if size <= WHOLE_FILE else file


def _check_size(size: int) -> None:
    if size == 0:
        raise RejectedError("empty", "no bytes")
    if size > LARGEST_FILE:
        raise RejectedError("file too large", f"{size / 1024**3:.1f} GiB")


def _storage_error(error: Exception) -> OSError:
    """Without the address, which may be a signed one."""
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror or type(error).__name__)
    return OSError(f"{type(error).__name__} while the file was read")
