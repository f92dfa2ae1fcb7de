"""Files of a planted style end with the listeners of that style, through the models in use."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.sql_models import load_sql_models
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.orchestration.build import SQL_ROOT, TABLES
from analytics_platform.settings import Settings
from analytics_platform.streams.tables import PLAYS
from analytics_platform.taste.audience_step import Audiences
from analytics_platform.taste.audience_tables import (
    AUDIENCE_SCORES,
    OWN_AND_SOUND,
    RELEASED_AUDIENCE,
    SOUND_ALONE,
    TRACK_AUDIENCE,
)
from analytics_platform.taste.audiences import audiences_in_use
from analytics_platform.taste.reading import read_taste
from analytics_platform.taste.shipped import NO_MODEL, released_version
from analytics_platform.taste.training_step import Learnt
from analytics_platform.tracks.hearing import NewClip, hear, keep, kept
from analytics_platform.tracks.predictors import NUMBERS
from analytics_platform.tracks.score_tables import TRACK_SCORES
from analytics_platform.tracks.shipped import Likeness, Line, Reference, Shipped
from analytics_platform.tracks.tables import OUTCOMES
from analytics_platform.tracks.track_data import TrackData
from analytics_platform.tracks.unreleased import open_track
from analytics_platform_tests.orchestration.homes import make_settings
from analytics_platform_tests.taste.taste_homes import COUNTRIES, LAST, TRACKS, artist_of, copied, drop, style_of
from analytics_platform_tests.tracks.scored_homes import release
from analytics_platform_tests.tracks.trained_homes import isrc, lake_at

TARGET = "plays_first_28_days"
FILES = {
    "Artist 02/known.wav": (2, "artist 02"),
    "new metal.wav": (1, None),
    "new ambient.wav": (0, None),
}
"""Style, and the artist if it is known."""


def write_released(lake: Lake) -> None:
    """What became of the label's tracks, and who plays them, by the SQL model."""
    plays = dict(lake.read(PLAYS).group_by("isrc").agg(pl.col("plays").sum()).iter_rows())
    values = [float(plays[isrc(number)]) for number in range(TRACKS)]
    percentiles = (np.argsort(np.argsort(values)) + 0.5) / TRACKS
    rows = [
        {"isrc": isrc(number), "target": TARGET, "value": values[number], "percentile": float(percentiles[number]),
         "compared_with": "any time", "compared_tracks": TRACKS, "comparison": "all", "vendors": "spotify",
         "release_date": date(2026, 1, 2), "genre": "pop", "artist_id": artist_of(number)}
        for number in range(TRACKS)
    ]  # fmt: skip
    lake.write_frame(OUTCOMES, frame_of(OUTCOMES, rows))
    (model,) = (each for each in load_sql_models(SQL_ROOT, TABLES) if each.table is RELEASED_AUDIENCE)
    with lake.connect(*model.depends_on) as connection:
        lake.write_frame(RELEASED_AUDIENCE, connection.sql(model.sql).pl())


def release_scores(settings: Settings) -> None:
    """A model of scores, as good as chance: how often tracks are played is not in their sound here."""
    lake = lake_at(settings)
    known = read_taste(lake, settings.spectrograms_root, settings.embeddings_root)
    sound, isrcs = known.sound, known.plays.isrcs[known.rows]
    percentiles = dict(lake.read(OUTCOMES).select("isrc", "percentile").iter_rows())
    outcome = np.array([percentiles[code] for code in isrcs.tolist()])
    count = len(outcome)
    data = TrackData(
        "label", TARGET, 28, isrcs, outcome, known.artists, known.groups, np.full(count, "pop"),
        np.zeros(count, dtype=np.int64), np.full(count, "2026-01-02", dtype="datetime64[D]"), sound,
    )  # fmt: skip
    rows = np.arange(count)
    fitted = NUMBERS["descriptor_ridge"].fit(data, rows[::2], rows[1::2], seed=0)
    line = Line.fit(fitted.predict(sound, rows[1::2]), outcome[1::2])
    likeness = Likeness.fit(sound, rows, "descriptors")
    reference = Reference(isrcs, line.of(fitted.predict(sound, rows)), outcome, likeness.of(sound, rows))
    info = {"data_set": "label", "target": TARGET, "window_days": 28, "scores": {"auc": [0.5, 0.4, 0.6]}}
    release(settings, Shipped("track_popularity-test", "descriptor_ridge", info, [(fitted, line)], reference, likeness))


def write_scores(settings: Settings) -> None:
    """Files in unreleased/ with their scores; one was kept when it was scored, the others are heard now."""
    rows = []
    for number, (file, (style, artist)) in enumerate(FILES.items()):
        drop(settings, file, style, seed=700 + number)
        track = open_track(settings.unreleased, file)
        if number == 0:
            keep(settings.heard_root, hear(NewClip(track.clip_id, str(track.path), track.offset_s)))
        rows.append(
            {"file": file, "title": file, "artist_name": artist, "artist_id": artist, "clip_id": track.clip_id,
             "sha256": track.sha256, "offset_s": track.offset_s, "duration_s": 4.0, "percentile": 0.6,
             "percentile_low": 0.1, "percentile_high": 0.9, "rank_in_batch": number + 1, "batch_tracks": len(FILES),
             "catalogue_tracks": 4 if artist else 0, "model": "m", "model_version": "track_popularity-test",
             "target": TARGET, "evidence": "", "scored_at": datetime(2026, 4, 1)}
        )  # fmt: skip
    lake_at(settings).write_frame(TRACK_SCORES, frame_of(TRACK_SCORES, rows))


@pytest.fixture(scope="module")
def planted(
    trained: tuple[Settings, Learnt], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, Audiences, list[str]]:
    settings = copied(trained[0], tmp_path_factory.mktemp("audience") / "home")
    write_released(lake_at(settings))
    release_scores(settings)
    write_scores(settings)
    said: list[str] = []
    return settings, audiences_in_use(lake_at(settings), settings, said.append), said


def test_each_file_ends_with_the_cluster_and_country_of_its_style(
    planted: tuple[Settings, Audiences, list[str]],
) -> None:
    settings, found, said = planted
    lake = lake_at(settings)
    assert not found.note and not said
    for table, frame in ((TRACK_AUDIENCE, found.rows), (AUDIENCE_SCORES, found.scores)):
        with lake.duckdb() as connection:
            connection.register("found", frame)
            assert list(find_violations(connection, table, "found")) == []
    assert set(found.rows["file"]) == set(FILES)
    for file, (style, artist) in FILES.items():
        rows = found.rows.filter(file=file)
        assert set(rows["basis"]) == {OWN_AND_SOUND if artist else SOUND_ALONE}
        first = {row["kind"]: row for row in rows.filter(place_rank=1).iter_rows(named=True)}
        assert first["cluster"]["place"] == str(style + 1), file
        assert first["country"]["place"] == COUNTRIES[style], file
        assert first["cluster"]["share"] > 0.5 and first["country"]["share"] > 0.5, file
        near = [style_of(int(name.split()[1])) for name in rows.filter(kind="artist").sort("place_rank")["place"]]
        assert near[:9] == [style] * 9, file
        told = rows.filter(pl.col("expected_low").is_not_null())
        assert len(told) >= 3
        assert (told["expected_low"] <= told["expected_plays"]).all()
        assert (told["expected_plays"] <= told["expected_high"]).all()
        assert first["total"]["expected_low"] < first["total"]["expected_high"]
    assert set(found.rows["model_version"]) == {released_version(lake)}
    assert set(found.rows["score_model_version"]) == {"track_popularity-test"}
    assert set(found.rows["data_end"]) == {LAST}


def test_what_was_heard_is_kept_and_not_heard_again(planted: tuple[Settings, Audiences, list[str]]) -> None:
    settings, found, _ = planted
    lake = lake_at(settings)
    clips = lake.read(TRACK_SCORES)["clip_id"].to_list()
    assert all(kept(settings.heard_root, clip) is not None for clip in clips)
    for file in FILES:
        (settings.unreleased / file).rename(settings.home / Path(file).name)
    try:
        again = audiences_in_use(lake, settings, print)
    finally:
        for file in FILES:
            (settings.home / Path(file).name).rename(settings.unreleased / file)
    assert again.rows.equals(found.rows)


def test_a_file_that_cannot_be_heard_again_is_placed_by_what_else_is_known(
    planted: tuple[Settings, Audiences, list[str]], tmp_path: Path
) -> None:
    settings = copied(planted[0], tmp_path / "home")
    lake, said = lake_at(settings), []
    for path in settings.heard_root.iterdir():
        path.unlink()
    (settings.unreleased / "new metal.wav").write_text("no sound")
    (settings.unreleased / "new ambient.wav").unlink()
    rows = audiences_in_use(lake, settings, said.append).rows
    basis = dict(rows.select("file", "basis").unique().iter_rows())
    assert len(said) == 1 and said[0].startswith("a clip can't be heard again: ")
    assert basis["Artist 02/known.wav"] == OWN_AND_SOUND
    assert basis["new metal.wav"] == basis["new ambient.wav"] != SOUND_ALONE


def test_without_a_model_of_taste_or_of_scores_a_note_says_which(
    trained: tuple[Settings, Learnt], tmp_path: Path
) -> None:
    empty = make_settings(tmp_path / "empty")
    found = audiences_in_use(lake_at(empty), empty, print)
    assert found.note == NO_MODEL and not len(found.rows) and not len(found.scores)
    settings = trained[0]
    assert audiences_in_use(lake_at(settings), settings, print).note == "No model scores unreleased tracks yet."
