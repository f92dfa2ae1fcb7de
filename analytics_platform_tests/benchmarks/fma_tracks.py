"""Tracks of the Free Music Archive with real listens, as data that models of tracks are judged by.

Read from the folder that ``FMA`` names, or from ``../shared/data``. There is no column for the artist: the day
of the upload stands in for it, because an album is put up in one go. That is careful where many artists came on one day
(552 tracks did when the site opened), and blind to an artist who came back on another.
"""

from __future__ import annotations

import ast
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from analytics_platform.modelling.evaluation import FloatArray
from analytics_platform.modelling.splits import find_groups
from analytics_platform.tracks.sound import Sound
from analytics_platform.tracks.track_data import TrackData

FOLDER = Path(os.environ.get("FMA", Path(__file__).parents[3] / "shared" / "data"))
LISTENS = "fma_rock_hiphop"
BEATS = "fma_small_beats"
DataSet = Literal["fma_rock_hiphop", "fma_small_beats"]
Outcome = Literal["log_listens", "listens"]
"""Logarithm of listens, which counts the years since the upload; or the percentile among tracks of one month."""
LEAST_COMPARED = 10
"""Tracks that a percentile is taken among; with fewer in the month it is the quarter, then the year, then any time."""
PERIODS = ("1mo", "1q", "1y", None)
LOG_RANGE = (0.0, 14.0)
"""Of the natural logarithm of listens; scaled to 0 to 1, which leaves R² as it is."""
LEAST_SUBGENRE = 100
"""Tracks of a subgenre that has a column."""
PAUSE_S = 1_800
"""A longer pause between two uploads ends an album; so do another licence and other subgenres."""
ALBUM_MOST = 40
"""Tracks of an album that are told apart; more are a bulk upload."""
TITLES = {"live": r"live|wfmu", "untitled": "untitled|unknown", "interlude": "intro|interlude|outro|skit"} | {
    "guest": r"feat|ft\.",
    "remix": "mix",
    "instrumental": "instrumental",
}
"""What a title says, as regular expressions in lower case."""
LICENCES = {"non-commercial": "non-?comm", "no derivatives": "no-? ?deriv", "share alike": "share"}
"""The same of the licence, whose version and country tell the year."""


@dataclass(frozen=True, slots=True)
class FmaTracks:
    """Tracks (n) with what was measured of their sound and what was known of them when they were put up."""

    data: TrackData
    """With the sound only, as ``mended`` and as ``low_level``."""
    facts: Mapping[str, FloatArray]
    """(n, f) columns of each kind of fact: nothing of the date or of listeners."""
    album: FloatArray
    """(n, a) the mean sound and duration of the tracks that were put up together, and how many there are."""
    day: FloatArray
    """(n, 1) days since 1970 of the upload."""

    def hearing(self, *parts: FloatArray) -> TrackData:
        """The data with other columns in place of the sound."""
        matrix = np.hstack(parts)
        return replace(self.data, sound=replace(self.data.sound, mended=matrix, low_level=matrix))


def is_there() -> bool:
    """Whether the data lie where they are read from."""
    return (FOLDER / LISTENS / "fma-rock-vs-hiphop.csv").exists() and (FOLDER / BEATS / "beats_features.csv").exists()


def read_listens() -> pl.DataFrame:
    """All 17,734 tracks with listens, by time of upload, with their percentile, cell and album.

    Percentiles are taken among all of them, also those without sound: among these a listener chose.
    """
    frame = pl.read_csv(FOLDER / LISTENS / "fma-rock-vs-hiphop.csv").with_columns(
        uploaded=pl.col("date_created").str.to_datetime(), license=pl.col("license").fill_null("").str.to_lowercase()
    )
    frame = frame.sort("uploaded", "track_id").with_columns(day=pl.col("uploaded").dt.date())
    frame = frame.with_columns(_percentiles(frame))
    ends = (pl.col("uploaded").diff() > pl.duration(seconds=PAUSE_S)) | pl.any_horizontal(
        pl.col(name) != pl.col(name).shift(1) for name in ("license", "genres", "day")
    )
    return frame.with_columns(album=ends.fill_null(value=True).cum_sum())


def _percentiles(frame: pl.DataFrame) -> list[pl.Series]:
    """The share of tracks of the same genre and month (quarter, year) with fewer listens, ties half; and the cell."""
    found: list[pl.Expr] = []
    cells: list[pl.Expr] = []
    enough: list[pl.Expr] = []
    for period in PERIODS:
        began = (
            pl.lit("any time") if period is None else pl.col("day").dt.truncate(period).cast(pl.String) + f" {period}"
        )
        cell = pl.col("genre_top") + " " + began
        cells.append(cell)
        found.append((pl.col("listens").rank("average").over(cell) - 0.5) / pl.len().over(cell))
        enough.append(pl.len().over(cell) >= LEAST_COMPARED)
    names = [f"enough{number}" for number in range(len(PERIODS))]
    table = frame.select(
        *(e.alias(n) for e, n in zip(enough, names, strict=True)),
        *(f.alias(f"percentile{n}") for n, f in enumerate(found)),
        *(c.alias(f"cell{n}") for n, c in enumerate(cells)),
    )
    last = len(PERIODS) - 1
    percentile, cell = pl.col(f"percentile{last}"), pl.col(f"cell{last}")
    for number in reversed(range(last)):
        percentile = pl.when(names[number]).then(pl.col(f"percentile{number}")).otherwise(percentile)
        cell = pl.when(names[number]).then(pl.col(f"cell{number}")).otherwise(cell)
    return table.select(percentile=percentile, cell=cell).get_columns()


def read_sound(data_set: DataSet) -> pl.DataFrame:
    """A row per track with sound: track_id and its numbers, 8 of Echo Nest or 11 of beats and loudness."""
    if data_set == BEATS:
        frame = pl.read_csv(FOLDER / BEATS / "beats_features.csv")
        return frame.rename({frame.columns[0]: "track_id"})
    columns = json.loads((FOLDER / LISTENS / "echonest-metrics.json").read_text())
    return pl.DataFrame({name: list(values.values()) for name, values in columns.items()})


def read_fma(data_set: DataSet, outcome: Outcome) -> FmaTracks:
    """Tracks that have both listens and sound, by time of upload."""
    sound = read_sound(data_set)
    names = sound.columns[1:]
    every = read_listens()
    facts = _facts(every)
    joined = every.with_row_index("row").join(sound, on="track_id", maintain_order="left")
    rows = joined["row"].to_numpy().astype(np.int64)
    measured = joined.select(pl.col(names).cast(pl.Float64)).to_numpy()
    album = joined.select(
        *(pl.col(name).mean().over("album") for name in names),
        pl.col("duration").log1p().mean().over("album"),
        pl.len().over("album").clip(upper_bound=ALBUM_MOST).cast(pl.Float64).alias("size"),
    ).to_numpy()
    days = joined["day"].to_numpy().astype("datetime64[D]")
    uploads = days.astype(np.str_)
    low, high = LOG_RANGE
    logs = (np.log(joined["listens"].to_numpy()) - low) / (high - low)
    ids = joined["track_id"].cast(pl.String).to_numpy().astype(np.str_)
    data = TrackData(
        data_set=data_set,
        target=outcome,
        window_days=0,
        ids=ids,
        outcome=logs if outcome == "log_listens" else joined["percentile"].to_numpy(),
        artists=uploads,
        groups=find_groups(uploads),
        genres=joined["genre_top"].to_numpy().astype(np.str_),
        cells=np.unique(joined["cell"].to_numpy().astype(np.str_), return_inverse=True)[1].astype(np.int64),
        released=days,
        sound=Sound(ids, low_level=measured, mended=measured, durations_s=joined["duration"].to_numpy().astype(float)),
    )
    return FmaTracks(
        data,
        {name: columns[rows] for name, columns in facts.items()},
        album,
        days.astype(np.int64)[:, None].astype(np.float64),
    )


def _facts(every: pl.DataFrame) -> dict[str, FloatArray]:
    """What is known of a track when it is put up, without the date: (n, f) columns by kind.

    Left out: listens, favourites, comments and interest, which are outcomes; tags, description, language and date of
    the recording, which may have been filled in later for tracks that did well.
    """
    genres = [ast.literal_eval(text) for text in every["genres"]]
    counts = Counter(genre for row in genres for genre in row)
    frequent = [genre for genre, tracks in counts.items() if tracks >= LEAST_SUBGENRE]
    title, licence, number = pl.col("title").fill_null("").str.to_lowercase(), pl.col("license"), pl.col("number")
    kinds = {
        "duration": [pl.col("duration").clip(lower_bound=1).log()],
        "place on the album": [number.clip(upper_bound=25), (number == 1).alias("first"), (number == 0).alias("none")],
        "title": [
            title.str.len_chars().alias("length"),
            *(title.str.contains(pattern).alias(name) for name, pattern in TITLES.items()),
        ],
        "licence": [licence.str.contains(pattern).alias(name) for name, pattern in LICENCES.items()],
        "genre": [(pl.col("genre_top") == "Rock").alias("rock")],
    }
    facts = {name: every.select(columns).cast(pl.Float64).to_numpy() for name, columns in kinds.items()}
    several = np.array([[len(row), *(one in row for one in frequent)] for row in genres], dtype=np.float64)
    facts["genre"] = np.hstack((facts["genre"], several))
    return facts
