"""From plays in the lake to the audience of files: what SQL counts, and what the step writes."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics_platform.artists.tables import ARTIST_CLUSTERS
from analytics_platform.fans.tables import LABEL
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.sql_models import load_sql_models
from analytics_platform.lakehouse.tables import Table
from analytics_platform.lakehouse.validate import find_violations
from analytics_platform.orchestration.build import SQL_ROOT, TABLES
from analytics_platform.streams.tables import (
    ARTIST_COUNTRY_DAYS,
    ARTIST_NAMES,
    CLOSED_MARKETS,
    LISTENER_ARTIST_DAYS,
    PLAYS,
    TRACK_ARTISTS,
)
from analytics_platform.taste.audience_data import CLUSTER, COUNTRY
from analytics_platform.taste.audience_step import NO_PLAYS, NO_SCORES, Taste, find_audiences
from analytics_platform.taste.audience_tables import AUDIENCE_SCORES, RELEASED_AUDIENCE, TRACK_AUDIENCE
from analytics_platform.tracks.score_tables import TRACK_SCORES
from analytics_platform.tracks.tables import OUTCOMES
from analytics_platform_tests.taste.audience_worlds import world

LAST = date(2026, 3, 31)
TARGET = "plays_first_28_days"


def lake_of(folder: Path, rows: dict[Table, list[dict[str, object]]]) -> Lake:
    lake = Lake(folder, memory_limit_mb=512, threads=1)
    for table, some in rows.items():
        lake.write_frame(table, frame_of(table, some))
    return lake


def violations(lake: Lake, table: Table, frame: pl.DataFrame) -> list[object]:
    with lake.duckdb() as connection:
        connection.register("found", frame)
        return list(find_violations(connection, table, "found"))


def cluster_row(artist: str, cluster: int | None) -> dict[str, object]:
    return {
        "data_set": LABEL, "window_days": 90, "window_end": LAST, "resolution": "broad", "artist_id": artist,
        "artist_name": artist, "cluster_id": cluster, "cluster_name": cluster and f"style {cluster}: {artist}",
        "is_between_groups": False, "model_version": "v",
    }  # fmt: skip


def test_plays_are_counted_by_country_and_by_what_else_the_listener_plays(tmp_path: Path) -> None:
    plays: list[dict[str, object]] = []
    days: list[dict[str, object]] = []

    def play(
        listener: str | None, artist: str, count: int, country: str | None = "DE", vendor: str = "spotify",
        day: date = LAST,
    ) -> None:  # fmt: skip
        common = {"vendor": vendor, "ingest_date": day, "play_date": day, "listener_key": listener, "plays": count}
        plays.append(common | {
            "delivery_id": "0" * 64, "line": len(plays) + 1, "key_version": 1, "track_id": f"{vendor} {artist}",
            "country": country,
        })  # fmt: skip
        if listener and count:
            days.append(common | {"artist_id": artist})

    play("l1", "anna", 3)
    play("l1", "bert", 10)  # l1 plays bert's cluster most
    play("l2", "anna", 4, "FR")
    play("l3", "anna", 5, None)  # of no known country, but a listener of anna's cluster
    play(None, "anna", 7)  # of nobody, but in a country
    play("l2", "anna", 0, "US")
    play("l2", "anna", 100, "US", day=date(2025, 3, 30))  # more than 365 days ago
    play("l9", "anna", 100, "US", "listenbrainz")
    play("l4", "curt", 2)  # curt has no cluster
    lake = lake_of(
        tmp_path,
        {
            PLAYS: plays,
            LISTENER_ARTIST_DAYS: days,
            TRACK_ARTISTS: [
                {"vendor": vendor, "track_id": f"{vendor} {artist}", "isrc": f"{artist:0>12}", "title": artist,
                 "artist_id": artist, "artist_name": artist}
                for vendor in ("spotify", "listenbrainz") for artist in ("anna", "bert", "curt")
            ] + [
                # As in tracks.releases, the recording stays that of the first vendor with a title.
                {"vendor": "apple", "track_id": "apple anna", "isrc": f"{'anna':0>12}", "title": None,
                 "artist_id": "aanna", "artist_name": "Aanna"}
            ],
            ARTIST_CLUSTERS: [cluster_row("anna", 1), cluster_row("bert", 2), cluster_row("curt", None)],
        },
    )  # fmt: skip
    models = {model.table.full_name: model for model in load_sql_models(SQL_ROOT, (*TABLES, RELEASED_AUDIENCE))}
    model = models[RELEASED_AUDIENCE.full_name]
    with lake.connect(*model.depends_on) as connection:
        found = connection.sql(model.sql).pl()
    assert violations(lake, RELEASED_AUDIENCE, found) == []
    rows = {(row["isrc"].strip("0"), row["kind"], row["place"]): row for row in found.iter_rows(named=True)}
    assert {key: (row["plays"], row["artist_listeners"]) for key, row in rows.items()} == {
        ("anna", COUNTRY, "DE"): (10, 1),
        ("anna", COUNTRY, "FR"): (4, 1),
        ("anna", CLUSTER, "1"): (9, 2),
        ("anna", CLUSTER, "2"): (3, 1),
        ("bert", COUNTRY, "DE"): (10, 1),
        ("bert", CLUSTER, "2"): (10, 1),
        ("curt", COUNTRY, "DE"): (2, 1),
    }
    assert set(found["artist_id"]) == {"anna", "bert", "curt"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Taste]:
    """A planted world as tables, with two files: one of a known artist, one of a newcomer."""
    planted = world(artists=30, tracks=3, seed=5, closed=0)
    released = planted.released
    listening = [
        {"isrc": released.isrcs[row], "artist_id": released.artist_ids[row], "kind": kind,
         "place": places.ids[column], "plays": int(places.plays[row, column]),
         "artist_listeners": int(places.listeners[row, column])}
        for kind, places in released.places.items() for row, column in np.argwhere(places.plays > 0)
    ]  # fmt: skip
    files = [("new/a.flac", "newcomer", "clip a", 1), ("b.flac", "artist 003", "clip b", 0)]
    scores = [
        {"file": file, "title": file, "artist_name": artist, "artist_id": artist, "clip_id": clip, "sha256": "0" * 64,
         "offset_s": 0.0, "duration_s": 30.0, "percentile": 0.6, "percentile_low": 0.1, "percentile_high": 0.9,
         "rank_in_batch": 1, "batch_tracks": 2, "catalogue_tracks": 0, "model": "m", "model_version": "score-7",
         "target": TARGET, "evidence": "", "scored_at": datetime(2026, 4, 1)}
        for file, artist, clip, _ in files
    ]  # fmt: skip
    outcomes = [
        {"isrc": isrc, "target": TARGET, "value": value, "percentile": 0.5, "compared_with": "any time",
         "compared_tracks": 90, "comparison": "all", "vendors": "spotify", "release_date": LAST, "genre": "pop",
         "artist_id": artist}
        for isrc, artist, value in zip(released.isrcs, released.artist_ids, released.value.tolist(), strict=True)
    ]  # fmt: skip
    lake = lake_of(
        tmp_path_factory.mktemp("lake"),
        {
            RELEASED_AUDIENCE: listening,
            TRACK_SCORES: scores,
            OUTCOMES: outcomes,
            ARTIST_CLUSTERS: [cluster_row(artist, group + 1) for artist, group in planted.group_of.items()],
            CLOSED_MARKETS: [
                {"artist_id": "newcomer", "country": "DE"},
                {"artist_id": "artist 003", "country": "FR"},
                {"artist_id": "artist 003", "country": "NO"},
            ],
            ARTIST_NAMES: [{"artist_id": artist, "artist_name": artist.title(), "tracks": 3} for artist in
                           planted.group_of],
            ARTIST_COUNTRY_DAYS: [
                {"vendor": vendor, "ingest_date": day, "artist_id": "artist 003", "country": "DE", "play_date": day,
                 "plays": 1}
                for vendor, day in (
                    ("spotify", date(2024, 1, 1)), ("spotify", LAST), ("listenbrainz", date(2026, 5, 1)),
                )
            ],
        },
    )  # fmt: skip
    taste = Taste(
        "taste-3",
        released.isrcs,
        released.artist_ids,
        released.factors,
        released.by_artists,
        released.by_tracks,
        {clip: planted.centres[group] for _, _, clip, group in files},
    )
    return lake, taste


def test_each_file_has_its_audience_and_the_tables_take_it(home: tuple[Lake, Taste]) -> None:
    lake, taste = home
    found = find_audiences(lake, taste, dict.fromkeys(taste.isrcs.tolist(), 0.5), 10)
    assert found.note == ""
    assert violations(lake, TRACK_AUDIENCE, found.rows) == []
    assert violations(lake, AUDIENCE_SCORES, found.scores) == []
    assert sorted(found.rows["file"].unique().to_list()) == ["b.flac", "new/a.flac"]
    first = {
        (row["file"], row["kind"]): (row["place"], row["place_name"])
        for row in found.rows.filter(pl.col("place_rank") == 1).iter_rows(named=True)
    }
    assert first["b.flac", CLUSTER][0] == "1"
    assert first["new/a.flac", CLUSTER][0] == "2"
    assert first["new/a.flac", CLUSTER][1].startswith("style 2: ")
    assert first["b.flac", COUNTRY] == ("BR", "Brazil")
    assert first["new/a.flac", COUNTRY][0] != "DE", "the country of its like is closed to it"
    closed = found.rows.filter((pl.col("kind") == COUNTRY) & (pl.col("file") == "new/a.flac"))["place"].to_list()
    assert "DE" not in closed
    assert "FR" not in found.rows.filter((pl.col("kind") == COUNTRY) & (pl.col("file") == "b.flac"))["place"].to_list()
    assert found.rows.select("data_start", "data_end").unique().rows() == [(date(2025, 4, 1), LAST)]
    assert found.rows.select("model_version", "score_model_version", "target").unique().rows() == [
        ("taste-3", "score-7", TARGET)
    ]
    assert set(found.scores["split"]) == {"artists", "new tracks"}
    assert set(found.scores["window_days"]) == {28}
    lake.write_frame(TRACK_AUDIENCE, found.rows)
    assert lake.read(TRACK_AUDIENCE).height == found.rows.height


def test_a_file_that_taste_has_not_heard_is_placed_by_averages(home: tuple[Lake, Taste]) -> None:
    lake, taste = home
    deaf = Taste(taste.version, taste.isrcs, taste.artist_ids, taste.factors, taste.by_artists, taste.by_tracks, {})
    rows = find_audiences(lake, deaf, {}, 10).rows
    basis = dict(rows.select("file", "basis").unique().iter_rows())
    assert basis["new/a.flac"].startswith("the label's averages")
    assert basis["b.flac"].startswith("the artist's own listeners")
    shares = rows.filter((pl.col("file") == "new/a.flac") & (pl.col("kind") == CLUSTER))["share"]
    np.testing.assert_allclose(shares, 1 / 3, atol=0.05)


def test_an_empty_lake_says_what_is_missing(tmp_path: Path, home: tuple[Lake, Taste]) -> None:
    lake, taste = home
    assert find_audiences(Lake(tmp_path / "empty", memory_limit_mb=512, threads=1), taste, {}, 10).note == NO_SCORES
    scored = Lake(tmp_path / "scored", memory_limit_mb=512, threads=1)
    scored.write_frame(TRACK_SCORES, lake.read(TRACK_SCORES))
    found = find_audiences(scored, taste, {}, 10)
    assert found.note == NO_PLAYS
    assert len(found.rows) == len(found.scores) == 0
