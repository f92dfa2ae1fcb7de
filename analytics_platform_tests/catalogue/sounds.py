"""Tiny real audio files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

FORMATS = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG", "mp3": "MP3", "aiff": "AIFF"}


def tone(codec: str = "wav", seconds: float = 1.0, pitch: float = 440.0) -> bytes:
    """A sine wave, mono, 8 kHz."""
    time = np.arange(round(seconds * 8000)) / 8000
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * pitch * time), 8000, format=FORMATS[codec])
    return file.getvalue()


def write_tone(path: Path, isrc: str | None = None, seconds: float = 1.0, pitch: float = 440.0) -> Path:
    """A file whose suffix says its format, with an ISRC in its tags if one is given."""
    import mutagen
    from mutagen.id3 import ID3, TSRC

    path.parent.mkdir(parents=True, exist_ok=True)
    codec = path.suffix[1:]
    path.write_bytes(tone(codec, seconds, pitch))
    if isrc is None:
        return path
    if codec == "mp3":
        tags = ID3()
        tags.add(TSRC(text=[isrc]))
        tags.save(path)
    elif codec in {"wav", "aiff"}:
        audio = mutagen.File(path)
        audio.add_tags()
        audio.tags.add(TSRC(text=[isrc]))
        audio.save()
    else:
        audio = mutagen.File(path)
        audio["isrc"] = isrc
        audio.save()
    return path
