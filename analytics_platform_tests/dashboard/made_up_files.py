"""Small sound files and pictures that the made-up rows tell of, really lying in the home."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from PIL import Image

RATE = 8000
SECONDS = 2
UNRELEASED = (
    ("Nina Simone/Morning *Draft*.wav", "Morning *Draft*", "Nina Simone"),
    ("Nina Simone/Second & Third.flac", "Second & Third", "Nina Simone"),
    ("AC/DC & Friends/100% $ure.ogg", "100% $ure", "AC/DC & Friends"),
    ("فيروز/أغنية.wav", "أغنية", "فيروز"),
    ("椎名林檎/夜明け.flac", "夜明け", "椎名林檎"),
    ("<b>Bold</b> Sisters/Q? #1.ogg", "Q? #1", "<b>Bold</b> Sisters"),
    ("Somebody New - Debut.wav", "Debut", "Somebody New"),
    ("Untitled 07.flac", "Untitled 07", None),
)
"""Path below ``unreleased/``, title and artist: an artist that is not in the catalogue and a file without one too."""
HEARD = 12
"""Recordings of the catalogue whose sound lies in the home; that of the others is nowhere."""


def lay_out_sound(home: Path) -> pl.DataFrame:
    """Write the files, as far as they are not there; returns a row per unreleased file with what is known of it."""
    rows = []
    for number, (path, title, artist) in enumerate(UNRELEASED):
        file = home / "unreleased" / path
        digest = hashlib.sha256(path.encode()).hexdigest()
        write_tone(file, 220 + 55 * number)
        picture = home / "lake" / "explanations" / f"{digest[:32]}.png"
        # The newest has not been explained yet.
        if number < len(UNRELEASED) - 1:
            write_picture(picture, number)
        rows.append((number, path, title, artist, digest[:32], digest, number < len(UNRELEASED) - 1))
    for number in range(HEARD):
        write_tone(home / recording(number), 330 + 20 * number)
    return pl.DataFrame(
        rows, schema=["number", "file", "title", "artist_name", "clip_id", "sha256", "is_explained"], orient="row"
    )


def recording(number: int) -> str:
    """Path below the home of a recording's sound: a master, or a preview in the lake."""
    return f"lake/audio/deezer/{number}.ogg" if number % 3 == 2 else f"masters/track {number} & more.flac"


def write_tone(file: Path, hertz: float) -> None:
    """A short tone, in the format that the name ends with."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, 0.2 * np.sin(2 * np.pi * hertz * np.arange(SECONDS * RATE) / RATE), RATE)


def write_picture(file: Path, number: int) -> None:
    """A small PNG, as a spectrogram with regions would be."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        shades = np.add.outer(np.arange(64) * 2, np.arange(160) + 20 * number) % 256
        Image.fromarray(shades.astype(np.uint8)).save(file)
