"""Sound as the bytes of a file, with tags; and many files by several processes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import numpy as np

from analytics_platform.sample_label.files import ogg_with_serial
from analytics_platform.sample_label.music import Signal

FEW_FILES = 64
"""Up to so many are written in this process: starting others takes longer."""

_FORMATS = {
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "wav": ("WAV", "PCM_16"),
}
_LEVELS = np.float32(2_048)
"""Levels of a sample to either side in FLAC: 12 of its 16 bits, which makes the files a third smaller."""

Job = TypeVar("Job")


def recording(sound: Signal, rate: int, codec: str, tags: Mapping[str, str], serial: int) -> bytes:
    """A file of a sound, (samples, channels), the same bytes each time.

    Args:
        sound: within -1 to 1.
        rate: samples a second.
        codec: ``flac``, ``ogg``, ``mp3`` or ``wav``.
        tags: any of ``artist``, ``title`` and ``isrc``; none in ``wav``.
        serial: number of the stream in Ogg, where the library would draw one from the clock.
    """
    import soundfile

    kind, subtype = _FORMATS[codec]
    if codec == "flac":
        sound = np.round(sound * _LEVELS) / _LEVELS
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, format=kind, subtype=subtype)
    body = _tagged(buffer, codec, tags) if tags else buffer.getvalue()
    return ogg_with_serial(body, serial) if codec == "ogg" else body


def _tagged(buffer: io.BytesIO, codec: str, tags: Mapping[str, str]) -> bytes:
    from mutagen import id3
    from mutagen.flac import FLAC
    from mutagen.oggvorbis import OggVorbis

    buffer.seek(0)
    if codec == "mp3":
        frames = id3.ID3()
        for name, text in tags.items():
            frame = {"title": id3.TIT2, "artist": id3.TPE1, "isrc": id3.TSRC}[name]
            frames.add(frame(encoding=3, text=text))
        frames.save(buffer)
        return buffer.getvalue()
    audio = FLAC(buffer) if codec == "flac" else OggVorbis(buffer)
    for name, text in tags.items():
        audio[name] = text
    buffer.seek(0)
    audio.save(buffer)
    return buffer.getvalue()


def each(write: Callable[[Job], None], jobs: Sequence[Job], workers: int | None) -> Iterator[None]:
    """Do all jobs, by processes if they are many; one item as each is done.

    Args:
        write: does a job; it travels to another process, as the jobs do.
        jobs: what is to be done.
        workers: processes; by default one per core.
    """
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(jobs) <= FEW_FILES:
        yield from map(write, jobs)
        return
    # Spawned: the caller may have threads, whose locks a fork would copy.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(write, jobs, chunksize=8)
