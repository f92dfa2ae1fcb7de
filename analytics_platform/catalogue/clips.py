"""What a clip is, whatever its source: its id, its format, what its header says, its row."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    pass

CLIP_SECONDS = 30.0
"""Length of an excerpt, as of the previews that vendors give."""
START_BYTES = 16
"""As many of a file's first bytes as ``codec_of`` needs."""
MAX_HEADER_BYTES = 64 * 2**20
"""Bytes of one file that are read for its tags and length: cover art is large, a hostile tag can be larger."""

_ISRC = r"([A-Za-z]{2})(-?)([A-Za-z0-9]{3})\2([0-9]{2})\2([0-9]{5})"
_WHOLE_ISRC = re.compile(_ISRC, re.ASCII)
_ISRC_WORD = re.compile(rf"(?<![A-Za-z0-9]){_ISRC}(?![A-Za-z0-9])", re.ASCII)
_TITLE, _ARTIST = ("TIT2", "title", "\xa9nam"), ("TPE1", "artist", "\xa9ART")
"""Names of a tag in ID3, Vorbis comments and MP4."""
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"dash")


@dataclass(frozen=True, slots=True)
class Header:
    """What the header and the tags of an audio file say."""

    duration_s: float | None = None
    """Length of the file in seconds; None if it does not tell."""
    isrc_tags: tuple[str, ...] = ()
    """Text of the tags meant for an ISRC, as written."""
    problem: str | None = None
    """Why it could not be read, if so."""
    title: str | None = None
    """As tagged."""
    artist: str | None = None
    """As tagged; the first of several."""


def clip_id(sha256: str, offset_s: float) -> str:
    """Id of the excerpt from ``offset_s`` seconds on of the file with that SHA-256: 32 hex digits."""
    return hashlib.sha256(f"{sha256} {offset_s:.3f}".encode()).hexdigest()[:32]


def middle_offset(length_s: float | None) -> float:
    """Where the excerpt of a file of that length begins, the middle of it, in seconds to the millisecond."""
    return round(max(0.0, ((length_s or 0) - CLIP_SECONDS) / 2), 3)


def isrc_of(text: str) -> str | None:
    """The ISRC that the whole text is, in upper case without hyphens; None if it is none."""
    match = _WHOLE_ISRC.fullmatch(text.strip())
    return "".join(match.group(1, 3, 4, 5)).upper() if match else None


def isrcs_in(text: str) -> list[str]:
    """The different ISRCs that stand in a text as whole words, hyphenated throughout or not at all."""
    return list(dict.fromkeys("".join(match.group(1, 3, 4, 5)).upper() for match in _ISRC_WORD.finditer(text)))


def codec_of(start: bytes) -> str | None:
    """Format of a file by its first ``START_BYTES`` bytes, None if it is no audio we know."""
    if start.startswith(b"ID3"):
        return "mp3"
    if start.startswith(b"fLaC"):
        return "flac"
    if start.startswith(b"OggS"):
        return "ogg"
    if start[:4] in {b"RIFF", b"RF64"} and start[8:12] == b"WAVE":
        return "wav"
    if start.startswith(b"FORM") and start[8:12] in {b"AIFF", b"AIFC"}:
        return "aiff"
    if start[4:8] == b"ftyp" and start[8:12] in _AUDIO_BRANDS:
        return "m4a"
    return "mp3" if _is_mp3_frame(start) else None


def _is_mp3_frame(start: bytes) -> bool:
    """True for the header of an MPEG frame of layer III with a bit rate and a sample rate that exist."""
    if len(start) < 4 or start[0] != 0xFF or start[1] & 0xE0 != 0xE0:
        return False
    version, layer = start[1] >> 3 & 3, start[1] >> 1 & 3
    return version != 1 and layer == 1 and start[2] >> 4 not in {0, 15} and start[2] >> 2 & 3 != 3


def read_codec(file: BinaryIO) -> str | None:
    """Format of an open file by its content; looks behind an ID3 tag, which FLAC files can have too."""
    file.seek(0)
    start = file.read(START_BYTES)
    if start.startswith(b"ID3") and len(start) >= 10:
        size = 0
        for byte in start[6:10]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
        if codec_of(file.read(START_BYTES)) == "flac":
            return "flac"
    return codec_of(start)


class _TooMuchRead(Exception):
    """More of a file was asked for than its header may take."""


class _Sparing:
    """A file of which only so many bytes can be read; mutagen needs no more than read, seek and tell."""

    def __init__(self, file: BinaryIO, allowed: int) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._left = allowed
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; ``_TooMuchRead`` before the memory is taken if that would be more than is left."""
        there = max(self._size - self._file.tell(), 0)
        size = there if size < 0 else min(size, there)
        if size > self._left:
            raise _TooMuchRead
        self._left -= size
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of the file."""
        return self._file.tell()


def read_header(file: BinaryIO, codec: str) -> Header:
    """Length and ISRC tags of an open audio file; whatever is wrong with it becomes ``problem``."""
    from mutagen.aiff import AIFF
    from mutagen.flac import FLAC
    from mutagen.mp3 import MP3
    from mutagen.mp4 import MP4
    from mutagen.oggflac import OggFLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis
    from mutagen.wave import WAVE

    kinds = {"mp3": MP3, "flac": FLAC, "wav": WAVE, "aiff": AIFF, "m4a": MP4}
    try:
        file.seek(0)
        kind: Any = kinds.get(codec)
        if kind is None:
            start = file.read(128)
            kind = OggOpus if b"OpusHead" in start else OggFLAC if b"FLAC" in start else OggVorbis
        audio = kind(_Sparing(file, MAX_HEADER_BYTES))
        length = float(audio.info.length)
        tags = tuple(text for tag in _isrc_tags(audio.tags) if (text := _one_line(tag)))
        title, artist = (_first_line(audio.tags, names) for names in (_TITLE, _ARTIST))
    except _TooMuchRead:
        return Header(problem=f"header and tags take more than {MAX_HEADER_BYTES // 2**20} MiB")
    except Exception as error:
        # mutagen raises more than its own errors on broken files, and its messages can quote what the file says.
        return Header(problem=type(error).__name__)
    # The largest length that anybody would call a recording; a header can claim any number.
    return Header(length if 0 < length < 1e6 else None, tags, None, title, artist)


def _one_line(tag: str) -> str:
    """The beginning of a tag as one line that every file format can hold."""
    return " ".join(tag[:100].encode("utf-8", "replace").decode().split())


def _first_line(tags: Any, names: tuple[str, ...]) -> str | None:
    """The first text of the tag that has one of the names, if it says anything."""
    for name, value in (tags or {}).items():
        if name in names or name.lower() in names:
            texts = getattr(value, "text", value)
            first = texts[0] if isinstance(texts, list) and texts else texts
            if line := "".join(c for c in _one_line(str(first)) if c.isprintable()):
                return line
    return None


def _isrc_tags(tags: Any) -> list[str]:
    """Texts of the tags that are there for an ISRC: ID3, Vorbis comments, MP4."""
    if not tags:
        return []
    if hasattr(tags, "getall"):
        frames = [*tags.getall("TSRC"), *tags.getall("TXXX:ISRC")]
        return [str(text) for frame in frames for text in frame.text]
    values: list[Any] = []
    for name, value in tags.items():
        if name.lower() in {"isrc", "----:com.apple.itunes:isrc"}:
            values.extend(value if isinstance(value, list) else [value])
    return [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values]
