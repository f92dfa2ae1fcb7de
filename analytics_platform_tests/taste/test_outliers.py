"""Planted outliers are found, ordinary tracks are left alone, and titles are read with care."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics_platform.taste.outliers import track_outliers
from analytics_platform.taste.product_tables import OUTLIER_KINDS, TRACK_OUTLIERS
from analytics_platform.taste.titles import WORDS, title_kind


def label(artists: int = 80, tracks: int = 6, seed: int = 0) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """Tracks of artists who sound each their own way; some artists vary twice as much as others."""
    rng = np.random.default_rng(seed)
    artist = np.repeat(np.arange(artists), tracks)
    varied = rng.uniform(0.7, 1.4, artists)[artist]
    own = rng.normal(size=(artists, 12))[artist] * 3
    sound = own + varied[:, None] * rng.normal(size=(len(artist), 12))
    # Loud numbers that mean nothing, as some features are.
    sound = np.concatenate([sound, rng.normal(size=(len(artist), 6)) * 100], axis=1)
    frame = pl.DataFrame(
        {
            "isrc": [f"QZTST26{number:05d}" for number in range(len(artist))],
            "title": [f"Song {number}" for number in range(len(artist))],
            "artist_id": [f"artist {one}" for one in artist],
            "artist_name": [f"Artist {one}" for one in artist],
            "album": [f"Album {one}" for one in artist],
            "duration_s": rng.uniform(150, 260, len(artist)),
        }
    )
    return frame, sound


def left_out(found: pl.DataFrame) -> set[str]:
    return set(found.filter("is_left_out")["isrc"])


def test_tracks_with_the_sound_of_another_artist_are_found() -> None:
    frame, sound = label()
    rng = np.random.default_rng(5)
    planted = rng.choice(len(sound), 14, replace=False)
    swapped = sound.copy()
    swapped[planted] = sound[(planted + 240) % len(sound)]
    found = track_outliers(frame, swapped, "test")
    isrcs = set(frame["isrc"].to_numpy()[planted])
    assert len(left_out(found) & isrcs) >= 11
    # At most one in a hundred ordinary tracks.
    assert len(left_out(found) - isrcs) <= 4
    mine = found.filter(pl.col("isrc").is_in(list(isrcs)) & pl.col("is_left_out"))
    assert set(mine["kind"]) == {"far in sound"}
    assert mine["reason"].str.contains("far from the artist").all()
    assert mine["artist_percentile"].min() > 0.95
    assert mine["artist_distance"].min() > 1.5


@pytest.mark.parametrize("seed", range(3))
def test_hardly_any_ordinary_track_is_left_out(seed: int) -> None:
    frame, sound = label(seed=seed)
    found = track_outliers(frame, sound, "test")
    assert found["is_left_out"].mean() <= 0.015
    assert found.columns == [column.name for column in TRACK_OUTLIERS]
    assert found["artist_distance"].median() == pytest.approx(1, abs=0.05)


def test_one_artist_who_does_everything_is_no_row_of_outliers() -> None:
    frame, sound = label()
    sound[:6] = np.random.default_rng(9).normal(size=(6, 18)) * 8
    found = track_outliers(frame, sound, "test")
    assert found.head(6)["is_left_out"].sum() <= 1


def test_a_remix_far_from_the_rest_is_left_out_and_one_that_is_like_it_stays() -> None:
    frame, sound = label()
    titles = frame["title"].to_list()
    titles[0] = titles[6] = "Song (Somebody Remix)"
    moved = sound.copy()
    # Half way to another artist: alone that would not do.
    moved[0] = 0.6 * sound[0] + 0.4 * sound[300]
    moved[6] = sound[7:12].mean(axis=0)
    far, near, *_ = track_outliers(frame.with_columns(pl.Series("title", titles)), moved, "test")[[0, 6]].iter_rows(
        named=True
    )
    assert (far["kind"], far["is_left_out"]) == ("remix", True)
    assert "its title says remix" in far["reason"]
    assert (near["kind"], near["is_left_out"]) == ("remix", False)
    assert not track_outliers(frame, moved, "test").row(0, named=True)["is_left_out"]


def test_a_short_interlude_needs_no_sound() -> None:
    frame, sound = label(artists=3)
    titles, seconds = frame["title"].to_list(), frame["duration_s"].to_list()
    titles[2], seconds[2] = "Interlude II", 41.0
    seconds[3] = 50.0
    frame = frame.with_columns(pl.Series("title", titles), pl.Series("duration_s", seconds))
    found = track_outliers(frame, sound, "test")
    assert left_out(found) == {"QZTST2600002"}
    assert found["artist_distance"].null_count() == len(found), "18 tracks do not say what is usual"
    assert found.row(3, named=True)["kind"] == "short"
    assert "50 s" in found.row(3, named=True)["reason"]


def test_an_artist_of_short_songs_has_no_interludes() -> None:
    frame, sound = label()
    found = track_outliers(frame.with_columns(pl.lit(70.0).alias("duration_s")), sound, "test")
    assert "short" not in set(found["kind"])


def test_a_compilation_is_not_one_group() -> None:
    frame, sound = label()
    found = track_outliers(frame.with_columns(pl.lit("Summer hits").alias("album")), sound, "test")
    np.testing.assert_allclose(found["album_distance"].to_numpy(), found["artist_distance"].to_numpy())


def test_recordings_of_unknown_artists_are_not_compared_with_each_other() -> None:
    frame, sound = label()
    unknown = frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 60).then(pl.lit("(unknown)")).otherwise("artist_id").alias("artist_id"),
        pl.lit("Singles").alias("album"),
    )
    found = track_outliers(unknown, sound, "test").head(60)
    assert found["artist_distance"].is_null().all() and found["album_distance"].is_null().all()
    assert not found["is_left_out"].any() and set(found["artist_id"]) == {"(unknown)"}


def test_the_order_of_rows_and_a_few_unknown_things_change_nothing() -> None:
    frame, sound = label()
    straight = track_outliers(frame, sound, "test")
    order = np.random.default_rng(2).permutation(len(sound))
    mixed = track_outliers(frame[order], sound[order], "test")
    assert mixed["is_left_out"].to_list() == straight["is_left_out"].to_list()
    holes = sound.copy()
    holes[::50, 3] = np.nan
    unknown = frame.with_columns(pl.lit(None, dtype=pl.String()).alias("album"), pl.lit(None).alias("duration_s"))
    found = track_outliers(unknown, holes, "test")
    assert found["album_distance"].null_count() == len(found)
    assert found["is_left_out"].mean() <= 0.02


@pytest.mark.parametrize("tracks", [0, 1, 5])
def test_hardly_any_tracks(tracks: int) -> None:
    frame, sound = label(artists=1)
    found = track_outliers(frame.head(tracks), sound[:tracks], "test")
    assert len(found) == tracks
    assert not found["is_left_out"].any()
    assert set(found["kind"]) <= {"none"}


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Falling Smoke (Kölsch Remix)", "remix"),
        ("Falling Smoke - Live at Wembley", "live"),
        ("Falling Smoke [Instrumental]", "instrumental"),
        ("Falling Smoke (Karaoke Version)", "cover"),
        ("Falling Smoke – sped up", "other speed"),
        ("Fumo (Dal Vivo)", "live"),
        ("Intro", "intro or interlude"),
        ("Skit 2", "intro or interlude"),
        ("The Interlude", "intro or interlude"),
        ("Smoke Interlude", "intro or interlude"),
        ("Falling Smoke (Demo)", "demo"),
        ("Live Forever", None),
        ("Live and Let Die", None),
        ("Cover Me", None),
        ("Under Cover (feat. Alive)", None),
        ("Discover", None),
        ("Introducing the Band", None),
        ("Demons", None),
        ("Remixed Emotions", None),
        ("Falling Smoke (feat. Olive)", None),
        ("Falling Smoke (2011 Remaster)", None),
        ("Long Live", None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_title_says(title: str | None, kind: str | None) -> None:
    assert title_kind(title) == kind


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_title_is_of_a_known_kind(title: str) -> None:
    assert title_kind(title) in {None, *WORDS}
    assert set(WORDS) < set(OUTLIER_KINDS)
