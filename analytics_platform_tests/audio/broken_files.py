"""Sound, and every kind of broken file that we have met, made when a test needs them."""

from __future__ import annotations

import io
import struct
from functools import cache

import numpy as np
import soundfile

RATE = 44_100
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_24"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}

A_CLIP = "a clip"
"""What is expected of a file that is damaged and can still be heard."""


def tones(seconds: float, rate: int = RATE, channels: int = 2) -> np.ndarray:
    """(samples, channels) float32 below full scale: two tones and some noise, other ones in each channel."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(1).normal(0, 0.02, (len(time), channels))
    voices = [
        0.3 * np.sin(2 * np.pi * 220 * (k + 1) * time) + 0.1 * np.sin(7000 / (k + 1) * time) for k in range(channels)
    ]
    return (np.stack(voices, axis=1) + noise).astype(np.float32)


def encoded(samples: np.ndarray, kind: str, rate: int = RATE, subtype: str | None = None, **options: object) -> bytes:
    """The bytes of an audio file."""
    name, usual = FORMATS.get(kind, (kind.upper(), "PCM_16"))
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=name, subtype=subtype or usual, **options)
    return file.getvalue()


@cache
def good(kind: str, seconds: float = 10, rate: int = RATE, channels: int = 2) -> bytes:
    """An audio file without fault."""
    return encoded(tones(seconds, rate, channels), kind, 48_000 if kind == "opus" else rate)


def wav(channels: int = 1, rate: int = RATE, data: bytes = b"", claimed: int | None = None) -> bytes:
    """A 16-bit WAV by hand: soundfile refuses to write most of what is wrong here."""
    size = len(data) if claimed is None else claimed
    layout = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2 % 2**32, channels * 2, 16)
    head = b"RIFF" + struct.pack("<I", min(36 + size, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16) + layout
    return head + b"data" + struct.pack("<I", size) + data


def frames_of_mp3(seconds: float = 10, amplitude: float = 0.3) -> tuple[bytes, float]:
    """MPEG frames of a low constant bit rate, without the first one, which holds LAME's header; their seconds."""
    time = np.arange(int(seconds * 22_050)) / 22_050
    tone = (amplitude * np.sin(2000 * time)).astype(np.float32)
    mp3 = encoded(tone, "mp3", 22_050, bitrate_mode="CONSTANT", compression_level=0.99)
    frames = mp3[mp3.index(mp3[:2], 4) :]
    bits_a_second = 1000 * (0, 8, 16, 24, 32, 40, 48, 56, 64)[frames[2] >> 4]
    return frames, len(frames) * 8 / bits_a_second


def flipped(data: bytes, count: int, seed: int = 3) -> bytes:
    """With so many bytes replaced anywhere after the first 2000."""
    generator = np.random.default_rng(seed)
    changed = np.frombuffer(data, dtype=np.uint8).copy()
    places = generator.integers(2000, len(data), count)
    changed[places] = generator.integers(0, 256, count)
    return changed.tobytes()


def with_xing_frames(mp3: bytes, frames: int) -> bytes:
    """With another number of frames in LAME's header."""
    place = max(mp3.find(b"Xing"), mp3.find(b"Info"))
    return mp3[: place + 8] + struct.pack(">I", frames) + mp3[place + 12 :]


def with_flac_samples(flac: bytes, samples: int) -> bytes:
    """With another length in FLAC's header: 36 bits from byte 21 on."""
    return flac[:21] + bytes([flac[21] & 0xF0 | samples >> 32]) + struct.pack(">I", samples % 2**32) + flac[26:]


def broken_files() -> dict[str, tuple[bytes, set[str]]]:
    """Name of the fault → the file, and what may become of it: reasons, or ``A_CLIP``."""
    mp3, flac, ogg, loud = good("mp3"), good("flac"), good("ogg"), tones(5)
    no_audio = {"not audio"}
    inf, nan = loud.copy(), loud.copy()
    nan[1000, 0], inf[2000, 1] = np.nan, np.inf
    quiet_hours = encoded(np.zeros(8000 * 60, dtype=np.int16), "flac", 8000)
    return {
        "empty": (b"", {"empty"}),
        "one byte": (b"\xff", no_audio),
        "200 bytes of an mp3": (mp3[:200], {"unreadable", "too short", "not audio"}),
        "error page": (b"<!DOCTYPE html><html><title>404 Not Found</title></html>" * 20, no_audio),
        "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40, no_audio),
        "id3 of 256 MB": (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + mp3, {"unreadable", "not audio"}),
        "half": (mp3[: len(mp3) // 2], {A_CLIP}),
        "20 bytes flipped": (flipped(mp3, 20), {A_CLIP}),
        "1 % flipped": (flipped(mp3, len(mp3) // 100), {A_CLIP, "too short", "unreadable", "peak out of range"}),
        "hole of zeros": (mp3[:40_000] + bytes(50_000) + mp3[90_000:], {A_CLIP, "unreadable", "too short"}),
        "garbage before": (np.random.default_rng(0).bytes(10_000) + mp3, no_audio),
        "garbage like mpeg before": (
            b"\xff\xfb" + np.random.default_rng(0).bytes(10_000) + mp3,
            {A_CLIP, "unreadable", "not audio"},
        ),
        "mp3 of 2^31 frames": (with_xing_frames(mp3, 2**31), {A_CLIP}),
        "mp3 of 1 frame": (with_xing_frames(mp3, 1), {"too short"}),
        "mp3 of two hours": (frames_of_mp3()[0] * 720, {A_CLIP}),
        "flac of silence named mp3": (with_flac_samples(quiet_hours, 8000 * 19_800), {"silent"}),
        "flac of 2^36 samples": (with_flac_samples(flac, 2**36 - 1), {A_CLIP, "unreadable"}),
        "flac of unknown length": (with_flac_samples(flac, 0), {A_CLIP, "unreadable"}),
        "half a flac": (flac[: len(flac) // 2], {A_CLIP, "unreadable"}),
        "flac, 1 % flipped": (flipped(flac, len(flac) // 100), {A_CLIP, "unreadable", "too short"}),
        "half an ogg": (ogg[: len(ogg) // 2], {A_CLIP}),
        "ogg, 1 % flipped": (flipped(ogg, len(ogg) // 100), {A_CLIP, "unreadable", "too short"}),
        "playlist": (b"#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\nfile:///etc/hostname\n", no_audio),
        "ffconcat": (b"ffconcat version 1.0\nfile '/etc/hostname'\n", no_audio),
        "m4a": (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom" + bytes(2000), {"format not supported"}),
        "aac": (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(2000), {"format not supported"}),
        "caf": (encoded(loud, "caf"), {"format not supported"}),
        "not a number": (encoded(nan, "wav", subtype="FLOAT"), {"not finite"}),
        "infinite": (encoded(inf, "wav", subtype="FLOAT"), {"not finite"}),
        "peak of 100,000": (encoded(loud * 3e5, "wav", subtype="FLOAT"), {"peak out of range"}),
        "largest floats": (encoded(np.full((RATE * 4, 2), 3e38), "wav", subtype="FLOAT"), {"not finite"}),
        "no channels": (wav(0, data=bytes(RATE * 10)), {"unreadable", "too many channels", "not audio"}),
        "surround": (encoded(tones(4, channels=6), "wav"), {"too many channels"}),
        "64 channels": (wav(64, data=bytes(64 * 2 * RATE)), {"too many channels"}),
        "1 Hz": (wav(rate=1, data=b"\x00\x40" * 100), {"sample rate out of range"}),
        "1 MHz": (wav(rate=1_000_000, data=b"\x00\x40" * 4_000_000), {"sample rate out of range"}),
        "0.3 s": (encoded(tones(0.3), "mp3"), {"too short"}),
        "silence": (encoded(np.zeros((RATE * 5, 2)), "mp3"), {"silent"}),
        "no samples": (wav(), {"too short"}),
        "claims 4 GB": (wav(data=good("wav")[44:], claimed=2**32 - 40), {A_CLIP}),
        "claims half": (wav(2, data=good("wav")[44:], claimed=RATE * 20), {A_CLIP}),
        "header alone": (good("wav")[:30], {"unreadable", "not audio"}),
        "endless chunk": (b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xff" + bytes(5000), {"unreadable", "not audio"}),
    }
