"""Recordings that no vendor knows: demos of four of the label's artists and of a newcomer, and two broken files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from analytics_platform.sample_label.catalogue import CLUSTERS, Catalogue, build_catalogue
from analytics_platform.sample_label.files import write_atomically
from analytics_platform.sample_label.masters import noise_bytes
from analytics_platform.sample_label.music import play
from analytics_platform.sample_label.recordings import each, recording
from analytics_platform.sample_label.sound import BASE_RATE, QUALITIES, draw_more_sounds
from analytics_platform.sample_label.spec import LabelSpec, Purpose
from analytics_platform.sample_label.styles import Clip, clips_with
from analytics_platform.sample_label.truth import claim
from analytics_platform.sample_label.words import ADJECTIVES, GENRES, NOUNS, TITLE_ENDS, TITLE_STARTS, artist_names

FOLDER = "unreleased"
PLACES = (0.05, 0.35, 0.65, 0.95)
"""Where the artists stand among the label's by popularity."""
DEMOS, NEWCOMER_DEMOS = 5, 4
SECONDS = 30.0
CODECS = ("flac", "ogg", "mp3", "wav")


@dataclass(frozen=True, slots=True)
class Demo:
    """A file below ``unreleased/``."""

    file: str
    artist_name: str | None
    """None where neither the folder nor a tag tells it."""
    title: str | None
    kind: str
    """``good`` or ``broken``."""
    codec: str | None
    is_tagged: bool
    clip: Clip | None
    qualities: tuple[float, ...] | None
    appeal: float | None


def render_unreleased(spec: LabelSpec, out: Path, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Write ``out/unreleased/`` and ``out/truth/unreleased.parquet``.

    Five demos each of four artists, from little to well known, in ``<artist name>/<title>.<ext>``; four of an artist
    nobody knows in ``<title>.<ext>``, with tags; one file of noise and one of text. The demos sound as the artist's
    tracks do, by the same law. A file that is there already is kept; the same spec gives the same bytes.

    Args:
        spec: the label.
        out: a folder; it may hold the same label.
        progress: called after each file with files done and files to do.

    Returns:
        The number of files written now.

    Raises:
        FileExistsError: ``out`` holds a label of another spec.
    """
    claim(out / "truth", spec)
    demos = plan_unreleased(spec, build_catalogue(spec))
    waiting = [(serial, demo) for serial, demo in enumerate(demos) if not (out / FOLDER / demo.file).exists()]
    for done, _ in enumerate(each(partial(_write, spec, out / FOLDER), waiting, None), start=1):
        if progress is not None:
            progress(done, len(waiting))
    temporary = out / "truth" / ".unreleased.parquet.part"
    _truth(demos).write_parquet(temporary)
    temporary.replace(out / "truth" / "unreleased.parquet")
    return len(waiting)


def plan_unreleased(spec: LabelSpec, catalogue: Catalogue) -> list[Demo]:
    """What the files are to be."""
    random = spec.random(Purpose.UNRELEASED)
    newcomer = len(catalogue.artist_names)
    cluster = int(random.integers(CLUSTERS))
    places = np.round(np.array(PLACES) * (newcomer - 1)).astype(int)
    known = np.argsort(catalogue.popularity)[places]
    artists = np.append(np.repeat(known, DEMOS), [newcomer] * NEWCOMER_DEMOS)
    sounds = draw_more_sounds(random, catalogue.sounds, np.append(catalogue.clusters, cluster), artists)
    clips = clips_with(spec, [*catalogue.genres, GENRES[cluster][0]], artists, sounds, Purpose.UNRELEASED)
    names = [*catalogue.artist_names, _new_name(random, catalogue.artist_names)]
    titles = _new_titles(random, catalogue, artists)
    demos: list[Demo] = []
    for place, (artist, title, clip) in enumerate(zip(artists.tolist(), titles, clips, strict=True)):
        is_new = artist == newcomer
        # WAV has no tags.
        codec = CODECS[place % (len(CODECS) - is_new)]
        demos.append(
            Demo(
                file=f"{title}.{codec}" if is_new else f"{names[artist]}/{title}.{codec}",
                artist_name=names[artist],
                title=title,
                kind="good",
                codec=codec,
                is_tagged=is_new,
                clip=clip,
                qualities=tuple(sounds.qualities[place].tolist()),
                appeal=float(sounds.appeal[place]),
            )
        )
    first = names[int(known[0])]
    broken = ((f"{first}/Rough Mix.mp3", first), ("Lyrics.flac", None))
    return demos + [Demo(file, artist, None, "broken", None, False, None, None, None) for file, artist in broken]


def _new_name(random: np.random.Generator, taken: list[str]) -> str:
    numbers = random.permutation(max(len(ADJECTIVES) * len(NOUNS), len(taken)) + 1)
    return next(name for name in artist_names(numbers) if name not in set(taken))


def _new_titles(random: np.random.Generator, catalogue: Catalogue, artists: np.ndarray) -> list[str]:
    """A title for each track that neither its artist's released tracks nor another new one has."""
    titles = [f"{start} {end}" for start in TITLE_STARTS for end in TITLE_ENDS]
    taken = {catalogue.track_names[track] for track in np.flatnonzero(np.isin(catalogue.track_artists, artists))}
    free = [title for title in titles if title not in taken]
    return [free[place] for place in random.permutation(len(free))[: len(artists)].tolist()]


def _write(spec: LabelSpec, folder: Path, job: tuple[int, Demo]) -> None:
    serial, demo = job
    if demo.codec is None or demo.clip is None:
        noise = noise_bytes(spec.random(Purpose.UNRELEASED, 1))
        write_atomically(folder / demo.file, noise if demo.file.endswith(".mp3") else b"Not a recording.\n")
        return
    tags = {"artist": str(demo.artist_name), "title": str(demo.title)} if demo.is_tagged else {}
    body = recording(play(demo.clip, SECONDS), BASE_RATE, demo.codec, tags, serial + 1)
    write_atomically(folder / demo.file, body)


def _truth(demos: list[Demo]) -> pl.DataFrame:
    """One row per file; qualities in standard deviations, appeal as the label's tracks have it."""
    text = {name: pl.Series([getattr(demo, name) for demo in demos], dtype=pl.String) for name in _TEXT}
    qualities = {
        name: pl.Series([demo.qualities and demo.qualities[place] for demo in demos], dtype=pl.Float64)
        for place, name in enumerate(QUALITIES)
    }
    return pl.DataFrame({**text, **qualities, "sound_appeal": [demo.appeal for demo in demos]})


_TEXT = ("file", "artist_name", "title", "kind")
