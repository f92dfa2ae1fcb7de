"""The label's own recordings as files, named and broken as labels' files are, and the truth about them.

Most are FLAC, as masters are; it also costs a tenth of Vorbis and a twentieth of MP3 to write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from analytics_platform.sample_label.catalogue import Catalogue, build_catalogue
from analytics_platform.sample_label.files import write_atomically
from analytics_platform.sample_label.music import play
from analytics_platform.sample_label.recordings import each, recording
from analytics_platform.sample_label.sound import BASE_RATE
from analytics_platform.sample_label.spec import LabelSpec, Purpose
from analytics_platform.sample_label.styles import Clip, clips_of
from analytics_platform.sample_label.truth import claim

FOLDER = "masters"
MANIFEST = "manifest.csv"
BROKEN = ("truncated", "empty", "html", "garbage", "wrong extension", "silent", "short")
"""What is wrong with a file. One of the wrong extension is sound; a truncated one says more than it holds."""
NO_AUDIO = ("empty", "html", "garbage")
BROKEN_SHARE = 0.03
MISSING_SHARE = 0.03
LONG_SHARE = 0.03
METHODS = ("file name", "tag", "manifest")
METHOD_SHARES = (0.60, 0.25, 0.15)
CODECS = ("flac", "ogg", "mp3")
CODEC_SHARES = (0.72, 0.25, 0.03)
SHORT_S = 2.0
STRAY_FILES = ("QZACM2699999.flac", "Untitled Interlude.flac", "artwork/cover.txt", "README.txt")
"""Files of no track: two recordings and two that are none."""

_PAGE = b"<!DOCTYPE html>\n<html><head><title>403</title></head><body><h1>This link has expired</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Master:
    """A file that the label has, or lacks."""

    track: int
    """Row number; -1 for a file of no track."""
    isrc: str | None
    artist_name: str
    title: str
    file: str | None
    """Path below the folder of masters; None if missing."""
    kind: str
    """``good``, one of BROKEN, ``missing`` or ``stray``."""
    match_method: str | None
    """What tells whose it is; None if nothing does, or if it is no audio."""
    codec: str | None
    duration_s: float | None
    """Of the sound as rendered, before a truncation; None if there is none."""
    rate: int
    channels: int
    clip: Clip


def render_masters(
    spec: LabelSpec, out: Path, *, progress: Callable[[int, int], None] | None = None, workers: int | None = None
) -> int:
    """Write ``out/masters/`` with its manifest, and ``out/truth/masters.parquet``.

    The same spec gives the same bytes, however many days it has. A file that is there already is kept, so a
    killed run goes on where it was; files are written whole or not at all.

    Args:
        spec: the label.
        out: a folder; it may hold the same label, as ``generate`` or this wrote it, but no other.
        progress: called now and then with files done and files in all.
        workers: processes; by default one per core. A tiny label is written in this one.

    Returns:
        The number of files written now.

    Raises:
        FileExistsError: ``out`` holds a label of another spec.
    """
    claim(out / "truth", spec)
    folder, truth = out / FOLDER, out / "truth" / "masters.parquet"
    masters = plan_masters(spec, build_catalogue(spec))
    known = dict(pl.read_parquet(truth, columns=["file", "size_bytes"]).iter_rows()) if truth.exists() else {}
    waiting = [master for master in masters if master.file and not _is_there(folder, master.file, known)]
    write = partial(write_master, spec.seed, folder)
    count = sum(master.file is not None for master in masters)
    done = count - len(waiting)
    for _ in each(write, waiting, workers):
        done += 1
        if progress is not None:
            progress(done, count)
    write_atomically(folder / MANIFEST, _manifest(masters).write_csv().encode())
    temporary = truth.with_name(".masters.parquet.part")
    master_truth(masters, folder).write_parquet(temporary)
    temporary.replace(truth)
    return len(waiting)


def _is_there(folder: Path, file: str, known: dict[str, int]) -> bool:
    path = folder / file
    return path.exists() and path.stat().st_size == known.get(file, path.stat().st_size)


def plan_masters(spec: LabelSpec, catalogue: Catalogue) -> list[Master]:
    """What files the label has of its tracks, in the order of the tracks, and those of no track."""
    random = spec.random(Purpose.MASTERS)
    tracks = len(catalogue.isrcs)
    order = random.permutation(tracks)
    broken, missing = max(len(BROKEN), round(BROKEN_SHARE * tracks)), max(1, round(MISSING_SHARE * tracks))
    kinds = np.full(tracks, "good", dtype=object)
    kinds[order[:broken]] = [BROKEN[place % len(BROKEN)] for place in range(broken)]
    kinds[order[broken : broken + missing]] = "missing"
    methods = random.choice(METHODS, tracks, p=METHOD_SHARES).tolist()
    codecs = random.choice(CODECS, tracks, p=CODEC_SHARES).tolist()
    lengths = np.where(
        random.random(tracks) < LONG_SHARE, random.integers(60, 91, tracks), random.integers(300, 316, tracks) / 10
    ).tolist()
    fidelity = random.random(tracks).tolist()
    clips = clips_of(spec, catalogue)
    taken: set[str] = set()
    masters: list[Master] = []
    for track, clip in enumerate(clips):
        kind, method, codec = str(kinds[track]), methods[track], codecs[track]
        # Lossless ones may be long, in stereo or of 44.1 kHz; with the other codecs that would take a second each.
        codec = "flac" if lengths[track] >= 60 or fidelity[track] < 0.07 or kind == "truncated" else codec
        if kind in NO_AUDIO and method == "tag":
            method = "file name"
        artist = catalogue.artist_names[catalogue.track_artists[track]]
        title = catalogue.track_names[track]
        stem = {
            "file name": catalogue.isrcs[track],
            "tag": f"{artist} - {title}",
            "manifest": f"sessions/{(track * 7_919) % 100_000:05d}_master",
        }[method]
        extension = codec if kind != "wrong extension" else "mp3" if codec == "flac" else "flac"
        file = f"{stem}.{extension}"
        if file in taken:
            file = f"{stem} ({track}).{extension}"
        taken.add(file)
        is_audio = kind not in (*NO_AUDIO, "missing")
        masters.append(
            Master(
                track=track,
                isrc=catalogue.isrcs[track],
                artist_name=artist,
                title=title,
                file=file if kind != "missing" else None,
                kind=kind,
                match_method=method if is_audio else None,
                codec=codec if is_audio else None,
                duration_s=(SHORT_S if kind == "short" else lengths[track]) if is_audio else None,
                rate=2 * BASE_RATE if codec == "flac" and fidelity[track] < 0.05 else BASE_RATE,
                channels=2 if codec == "flac" and 0.025 < fidelity[track] < 0.07 else 1,
                clip=clip,
            )
        )
    for place, file in enumerate(STRAY_FILES):
        is_audio = file.endswith(".flac")
        masters.append(
            Master(
                -1, None, "", "", file, "stray", None, "flac" if is_audio else None, 30.0 if is_audio else None,
                BASE_RATE, 1, clips[-1 - place],
            )
        )  # fmt: skip
    return masters


def write_master(seed: int, folder: Path, master: Master) -> None:
    """Render a file and write it."""
    assert master.file is not None
    write_atomically(folder / master.file, master_bytes(seed, master))


def master_bytes(seed: int, master: Master) -> bytes:
    """The content of a file."""
    if master.codec is None or master.duration_s is None:
        garbage = noise_bytes(np.random.default_rng([seed, int(Purpose.MASTERS), 1, max(master.track, 0)]))
        return {"empty": b"", "html": _PAGE, "garbage": garbage}.get(master.kind, b"Not a recording.\n")
    if master.kind == "silent":
        sound = np.zeros((round(master.duration_s * master.rate), master.channels), dtype=np.float32)
    else:
        sound = play(master.clip, master.duration_s, master.rate, master.channels)
    is_tagged = master.match_method == "tag"
    tags = {"title": master.title, "artist": master.artist_name, "isrc": str(master.isrc)} if is_tagged else {}
    body = recording(sound, master.rate, master.codec, tags, master.track + 1)
    return body[: len(body) // 3] if master.kind == "truncated" else body


def noise_bytes(random: np.random.Generator) -> bytes:
    """Bytes that are no sound; of seven bits, since no frame of MP3 begins with those."""
    return random.integers(0, 128, 20_000, dtype=np.uint8).tobytes()


def _manifest(masters: list[Master]) -> pl.DataFrame:
    listed = [master for master in masters if master.file is not None and master.file.startswith("sessions/")]
    return pl.DataFrame({"isrc": [master.isrc for master in listed], "file": [master.file for master in listed]})


def master_truth(masters: list[Master], folder: Path) -> pl.DataFrame:
    """One row per track, and per file of no track: the file, what is wrong with it, how it is to be matched."""
    columns = ("isrc", "file", "kind", "match_method", "codec", "duration_s")
    return pl.DataFrame(
        {
            **{name: [getattr(master, name) for master in masters] for name in columns},
            "sample_rate": [master.rate if master.codec else None for master in masters],
            "channels": [master.channels if master.codec else None for master in masters],
            "size_bytes": [(folder / master.file).stat().st_size if master.file else None for master in masters],
        }
    )
