"""The page of sounds: the map, a track and what is like it, playlists with their files."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics_platform.dashboard.pages.sounds_map import COLOURS, OTHER, coloured
from analytics_platform_tests.dashboard.reading_pages import open_page, run_page
from analytics_platform_tests.dashboard.test_unreleased import ask, frame, said


def test_without_a_choice_the_page_has_the_map_and_playlists(home: Path) -> None:
    at = open_page(home, "sounds")
    assert f"**{ask(home, 'from marts.track_map').height:,} tracks**, all drawn" in said(at)
    assert [item.value for item in at.subheader] == ["Map of tracks", "Playlists", "Left out of recommendations"]


def test_a_track_is_told_with_what_is_like_it(home: Path) -> None:
    track = ask(home, "from marts.track_audio where status = 'analysed' and may_display order by isrc").row(
        0, named=True
    )
    at = open_page(home, "sounds", isrc=track["isrc"])
    assert f"**{track['title']}** by {track['artist_name']}" in said(at)
    similar = ask(home, "from marts.similar_tracks where isrc = $isrc order by place", isrc=track["isrc"])
    assert frame(at, "similar_title")["similarity"].tolist() == similar["similarity"].to_list()
    by_sound = similar.filter(pl.col("basis") == "sound").height
    assert f"**{by_sound} of {similar.height}** are predicted from sound" in said(at)


def test_a_recording_that_was_not_found_names_the_job(home: Path) -> None:
    missing = ask(home, "from marts.track_audio where status = 'missing' limit 1")["isrc"][0]
    at = open_page(home, "sounds", isrc=missing)
    assert "The job `catalogue` looks for one" in said(at)
    assert not [button for button in at.button if button.label == "Play"]


@pytest.mark.parametrize(("name", "word"), [("isrc", "recording"), ("playlist", "playlist"), ("genre", "genre")])
def test_an_unknown_choice_in_the_address_is_said(home: Path, name: str, word: str) -> None:
    assert f"There is no {word} <i>*x*" in said(open_page(home, "sounds", **{name: "<i>*x*"}))


def test_a_track_is_found_by_its_title_or_artist_without_accents(home: Path) -> None:
    name = ask(
        home,
        "select artist_name as name, upper(strip_accents(artist_name)) as typed, isrc from marts.track_audio "
        "where artist_name <> strip_accents(artist_name) order by isrc limit 1",
    ).row(0, named=True)
    at = open_page(home, "sounds")
    at.text_input(key="find_track").set_value(name["typed"])
    labels = [str(item.proto.label).replace("\\", "") for item in run_page(at, home).get("page_link")]
    assert any(label.endswith(f"– {name['name']}") for label in labels)


def test_a_unit_says_which_genre_it_selects_beside_chance(home: Path) -> None:
    known = ask(home, "from taste.unit_genres where layer = 'conv1' and unit = 7").row(0, named=True)
    at = open_page(home, "sounds", playlist="unit:conv1:7:mean")
    assert f"It selects **{known['genre']}**" in said(at)
    assert f"{100 * known['auc']:.0f} % of pairs" in said(at)
    assert "a coin: 50 %" in said(at)
    tracks = ask(home, "from taste.playlist_tracks where playlist_id = 'unit:conv1:7:mean' order by place")
    assert frame(at, "value")["isrc"].tolist() == tracks["isrc"].to_list()


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.998811, "99.8 %"), (0.995244, "99.5 %"), (0.99999, "99.9 %"), (0.994, "99 %"), (0.5, "50 %")],
)
def test_a_recording_is_never_further_than_all(home: Path, tmp_path: Path, share: float, words: str) -> None:
    shutil.copy((home / "analytics.duckdb").resolve(), tmp_path / "analytics.duckdb")
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        (isrc,) = connection.sql("select min(isrc) from marts.track_outliers where kind = 'none'").fetchall()[0]
        connection.execute("update marts.track_outliers set artist_percentile = ?", [share])
    page = said(open_page(tmp_path, "sounds", isrc=isrc))
    assert f"further from the artist's others than {words} of the label's recordings" in page


def test_many_genres_share_the_colour_of_others() -> None:
    points = pl.DataFrame({"genre": [f"genre {n}" for n in range(20) for _ in range(20 - n)] + [None] * 30})
    grouped, groups = coloured(points, "genre")
    assert groups == ["unknown", *(f"genre {n}" for n in range(len(COLOURS) - 1)), OTHER]
    assert grouped.filter(pl.col("group") == OTHER).height == sum(20 - n for n in range(len(COLOURS) - 1, 20))


def test_left_out_recordings_are_listed(home: Path) -> None:
    left_out = ask(home, "from marts.track_outliers where is_left_out order by artist_name, title")
    assert frame(open_page(home, "sounds"), "kind")["title"].tolist() == left_out["title"].to_list()
