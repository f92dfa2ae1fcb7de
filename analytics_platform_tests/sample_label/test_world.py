"""The world behind the files: shares, the law of listening, markets, tastes, ids."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import numpy as np
import polars as pl
import pycountry
import pytest

from analytics_platform.sample_label import LabelSpec
from analytics_platform.sample_label.catalogue import CLUSTERS, build_catalogue
from analytics_platform.sample_label.law import log_probabilities, profiles, thresholds
from analytics_platform.sample_label.markets import NEVER
from analytics_platform.sample_label.spec import FAN_TYPES
from analytics_platform.sample_label.words import COUNTRIES, COUNTRY_WEIGHTS
from analytics_platform.sample_label.world import World
from analytics_platform_tests.sample_label.reading import read

FEEDS = {"spotify/streams": "user_id", "apple/streams": "Anonymized Person ID", "fuga/trends": "user_id"}
WORLD_DAYS = 270


@pytest.fixture(scope="module")
def world() -> World:
    """12,000 listeners and 110 artists, over the time in which all launches lie."""
    return World.build(LabelSpec(scale=0.3), WORLD_DAYS)


def test_files_hold_exactly_the_true_plays_of_every_pair(label):
    tracks, listeners = label.truth("tracks"), label.truth("listeners")
    keys = {
        "spotify/streams": ("track_id", dict(zip(tracks["spotify_track_id"], tracks["artist_row"], strict=True))),
        "apple/streams": (
            "Apple Identifier", dict(zip(tracks["apple_identifier"].cast(str), tracks["artist_row"], strict=True))
        ),
        "fuga/trends": ("isrc", dict(zip(tracks["isrc"], tracks["artist_row"], strict=True))),
    }  # fmt: skip
    row_of = dict(zip(listeners["vendor_listener_id"], listeners["listener_row"], strict=True))
    found = []
    total = 0
    for entry in label.faults["files"]:
        if entry["feed"] in FEEDS and not entry["is_superseded"]:
            column, artist_of = keys[entry["feed"]]
            rows, _ = read(label.path(entry), entry["feed"])
            who = FEEDS[entry["feed"]]
            total += sum(int(str(row.get("number_of_streams", 1))) for row in rows)
            found.extend((row_of[row[who]], artist_of[row[column]]) for row in rows if row[who] is not None)
    counted = (
        pl.DataFrame(found, schema={"listener_row": pl.Int32, "artist_row": pl.Int32}, orient="row")
        .group_by("listener_row", "artist_row")
        .agg(plays=pl.len().cast(pl.Int32))
        .sort("listener_row", "artist_row")
    )
    truth = label.truth("pairs")
    assert counted.equals(truth.select(counted.columns).sort("listener_row", "artist_row"))
    assert total == label.truth("daily_plays")["plays"].sum() == label.summary.plays
    assert len(truth) == label.summary.pairs


def test_shares_are_about_as_planted(label):
    pairs, listeners = label.truth("pairs"), label.truth("listeners")
    vendor = dict(listeners["vendor"].value_counts(normalize=True).iter_rows())
    # 26 % of the listeners live where the distributor reports for Spotify.
    assert vendor == pytest.approx({"spotify": 0.44, "apple": 0.25, "fuga": 0.31}, abs=0.04)
    assert (pairs["join_day"] > 0).mean() == pytest.approx(0.24, abs=0.06)
    assert listeners["birth_year"].is_between(1940, 2014).all()
    assert listeners.filter(pl.col("vendor") == "apple")["reported_gender"].is_null().all()


def test_the_mix_of_fan_types_that_is_seen_is_the_one_drawn(label):
    """Of who listens from the start and abroad; at home diehards are likelier, and of late joiners fewer are seen."""
    catalogue = build_catalogue(label.spec)
    pairs = label.truth("pairs").filter(pl.col("join_day") == 0)
    pairs = pairs.join(label.truth("listeners"), on="listener_row").join(label.truth("artists"), on="artist_row")
    pairs = pairs.filter(pl.col("country") != pl.col("home_country"))
    seen = [(pairs["fan_type"] == fan_type).mean() for fan_type in FAN_TYPES]
    assert seen == pytest.approx(catalogue.mixes[pairs["artist_row"].to_numpy()].mean(axis=0), abs=0.04)


def test_artist_mixes_are_those_of_the_pairs(label):
    counts = (
        label.truth("pairs").group_by("artist_row").agg(n=pl.len(), diehard=(pl.col("fan_type") == "diehard").mean())
    )
    joined = label.truth("artists").join(counts, on="artist_row")
    assert (joined["listeners"] == joined["n"]).all()
    assert np.allclose(joined["diehard_share"], joined["diehard"])
    shares = joined.select(pl.sum_horizontal("passive_share", "casual_share", "diehard_share")).to_series()
    assert np.allclose(shares, 1)


def test_markets_are_open_or_not_from_a_day_on_or_from_the_start(world, label):
    catalogue = world.catalogue
    artists, homes = np.arange(len(catalogue.artist_names)), catalogue.home_countries
    assert (catalogue.launch_days[artists, homes] == 0).all()
    abroad = np.arange(len(COUNTRIES))[None, :] != homes[:, None]
    launch_days = catalogue.launch_days[abroad]
    assert (launch_days == NEVER).mean() == pytest.approx(0.06, abs=0.01)
    later = launch_days[(launch_days > 0) & (launch_days != NEVER)]
    assert len(later) / len(launch_days) == pytest.approx(0.30, abs=0.02)
    assert (later.min(), later.max()) == (1, 240)
    assert later.mean() == pytest.approx(120.5, abs=8)

    markets, told = label.truth("markets"), label.truth("artists")
    assert len(markets) == len(told) * len(COUNTRIES) == markets.select("artist_row", "country").n_unique()
    assert (markets["is_available"] == markets["launch_day"].is_not_null()).all()
    closed = markets.filter(~pl.col("is_available")).group_by("artist_row").agg(pl.col("country").sort())
    found = told.select("artist_row", pl.col("closed_markets").list.sort()).filter(
        pl.col("closed_markets").list.len() > 0
    )
    assert closed.sort("artist_row").rows() == found.sort("artist_row").rows()
    at_home = markets.join(told, left_on=["artist_row", "country"], right_on=["artist_row", "home_country"])
    assert at_home["launch_day"].to_list() == [0] * len(told)


def test_where_an_artist_is_not_available_nobody_listens_to_it(label):
    artists, daily = label.truth("artists"), label.truth("daily_plays")
    closed = label.truth("markets").filter(~pl.col("is_available")).join(artists, on="artist_row")
    assert len(closed) > 0
    assert len(daily.join(closed, on=["artist_name", "country"])) == 0
    # Others of its cluster are heard in the large countries: the silence is the artist's.
    large = closed.filter(pl.col("country").is_in(COUNTRIES[:5])).select("cluster", "country")
    streamed = daily.join(artists.select("artist_name", "cluster"), on="artist_name")
    assert len(large) > 0
    assert len(large.join(streamed, on=["cluster", "country"], how="anti")) == 0


def test_most_listeners_wait_for_a_launch_and_then_begin_within_three_weeks(world):
    """All launches, and who waited for them, lie in the first 260 days."""
    pairs = world.pairs
    launch_days = world.catalogue.launch_days[pairs.artists, world.listeners.countries[pairs.listeners]]
    assert not (launch_days == NEVER).any()
    later = launch_days > 0
    assert later.mean() > 0.15
    since = pairs.join_days[later] - launch_days[later].astype(np.int32)
    # 5 % trickle, and of them a part joins after the launch anyway.
    assert 0.02 < (since < 0).mean() < 0.05
    waited = ((since >= 0) & (since <= 20)).mean()
    assert 0.45 < waited < 0.9
    assert (pairs.join_days[~later] == 0).mean() > 0.4, "no launch, no wait"


def test_a_longer_period_only_appends_pairs(world):
    longer = World.build(world.spec, 400).pairs
    for days in (90, 97, 180, WORLD_DAYS):
        shorter = World.build(world.spec, days).pairs
        count = len(shorter.artists)
        assert count == longer.joined(days - 1)
        for field in fields(shorter):
            assert np.array_equal(getattr(shorter, field.name), getattr(longer, field.name)[:count]), field.name


def test_countries_differ_in_taste_as_planted(world):
    listeners, affinities = world.listeners, world.catalogue.affinities
    assert np.log(affinities).std() == pytest.approx(0.6, abs=0.06)
    for country in range(5):
        of_country = listeners.clusters[listeners.countries == country]
        planted = affinities[:, country] / affinities[:, country].sum()
        found = np.bincount(of_country, minlength=CLUSTERS) / len(of_country)
        # Five standard errors of the least certain share.
        assert np.abs(found - planted).max() < 5 * np.sqrt(0.25 / len(of_country)), COUNTRIES[country]
    assert (listeners.clusters != listeners.second_clusters).all()


def test_countries_are_real_and_fall_off(world):
    assert len(COUNTRIES) == len(set(COUNTRIES)) == len(COUNTRY_WEIGHTS) == 40
    assert all(pycountry.countries.get(alpha_2=country) for country in COUNTRIES)
    assert COUNTRY_WEIGHTS.sum() == pytest.approx(1)
    assert (np.diff(COUNTRY_WEIGHTS) <= 0).all()
    found = np.bincount(world.listeners.countries, minlength=40) / len(world.listeners.countries)
    assert found == pytest.approx(COUNTRY_WEIGHTS, abs=0.015)


def test_listeners_follow_one_or_two_clusters(world):
    pairs, listeners = world.pairs, world.listeners
    clusters = world.catalogue.clusters[pairs.artists]
    is_own = clusters == listeners.clusters[pairs.listeners]
    is_second = clusters == listeners.second_clusters[pairs.listeners]
    # By chance each would be an eighth.
    assert is_own.mean() > 0.40
    assert (is_own | is_second).mean() > 0.65


def test_drawn_plays_follow_the_law(label):
    """Kolmogorov-Smirnov distance of early joiners' plays to the true profile, 1 % critical value."""
    early = label.truth("pairs").filter(pl.col("join_day") == 0)
    for (fan_type,), law in profiles(label.spec.start).group_by("fan_type"):
        plays = early.filter(pl.col("fan_type") == fan_type)["plays"]
        drawn = np.bincount(plays.to_numpy(), minlength=len(law) + 1)[1 : len(law) + 1] / len(plays)
        distance = np.abs(np.cumsum(drawn) - np.cumsum(law["probability"].to_numpy())).max()
        assert distance < 1.63 / np.sqrt(len(plays)), fan_type


def test_profiles_sum_to_one_and_thresholds_are_where_they_cross():
    start = date(2026, 1, 1)
    for _, law in profiles(start).group_by("fan_type"):
        assert law["probability"].sum() == pytest.approx(1, abs=1e-9)
        assert law["plays"].to_list() == list(range(1, len(law) + 1))
    logs = log_probabilities(start, 300)
    for place, row in enumerate(thresholds(start).iter_rows(named=True)):
        higher = logs[place + 1] >= logs[place]
        first = row["first_plays"]
        assert not higher[: first - 1].any()
        assert higher[first - 1 :].all()
        assert first - 1 < row["plays"] <= first


def test_rotation_changes_every_id_every_day(write):
    def ids(spec: LabelSpec) -> list[set[object]]:
        written = write(spec)
        found: dict[tuple[str, str], set[object]] = {}
        for entry in written.faults["files"]:
            if entry["feed"] in FEEDS and not entry["is_superseded"]:
                rows, _ = read(written.path(entry), entry["feed"])
                found.setdefault((entry["feed"], entry["data_date"]), set()).update(
                    row[FEEDS[entry["feed"]]] for row in rows
                )
        vendor_days = [found[feed, day] - {None} for feed in FEEDS for day in ("2026-01-01", "2026-01-02")]
        assert all(vendor_days)
        return vendor_days

    spec = LabelSpec(scale=0.02, days=2)
    stable, rotating = ids(spec), ids(replace(spec, rotate_listener_ids=True))
    assert all(stable[place] & stable[place + 1] for place in (0, 2, 4))
    assert not any(rotating[place] & rotating[place + 1] for place in (0, 2, 4))


def test_specs_that_cannot_be_are_refused():
    for wrong in ({"days": 0}, {"seed": -1}, {"scale": 0.0}, {"scale": float("nan")}):
        with pytest.raises(ValueError, match="must be positive"):
            LabelSpec(**wrong)
