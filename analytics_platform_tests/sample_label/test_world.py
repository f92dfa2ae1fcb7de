"""The world behind the files: shares, the law of listening, closed markets, ids."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from analytics_platform.sample_label import LabelSpec
from analytics_platform.sample_label.law import log_probabilities, profiles, thresholds
from analytics_platform_tests.sample_label.reading import read

FEEDS = {"spotify/streams": "user_id", "apple/streams": "Anonymized Person ID", "fuga/trends": "user_id"}


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
    assert vendor == pytest.approx({"spotify": 0.60, "apple": 0.25, "fuga": 0.15}, abs=0.04)
    kinds = dict(pairs["fan_type"].value_counts(normalize=True).iter_rows())
    assert kinds == pytest.approx({"passive": 0.70, "casual": 0.22, "diehard": 0.08}, abs=0.08)
    assert (pairs["join_day"] > 0).mean() == pytest.approx(0.20, abs=0.06)
    assert listeners["birth_year"].is_between(1940, 2014).all()
    assert listeners.filter(pl.col("vendor") == "apple")["reported_gender"].is_null().all()


def test_artist_mixes_are_those_of_the_pairs(label):
    counts = (
        label.truth("pairs").group_by("artist_row").agg(n=pl.len(), diehard=(pl.col("fan_type") == "diehard").mean())
    )
    joined = label.truth("artists").join(counts, on="artist_row")
    assert (joined["listeners"] == joined["n"]).all()
    assert np.allclose(joined["diehard_share"], joined["diehard"])
    shares = joined.select(pl.sum_horizontal("passive_share", "casual_share", "diehard_share")).to_series()
    assert np.allclose(shares, 1)


def test_closed_markets_have_no_plays_of_the_artist_but_of_its_cluster(label):
    artists, daily = label.truth("artists"), label.truth("daily_plays")
    closed = artists.explode("closed_markets", empty_as_null=False).filter(pl.col("closed_markets").is_not_null())
    assert len(closed) > 0
    market = closed.select("artist_name", "cluster", "home_country", country="closed_markets")
    assert len(daily.join(market, on=["artist_name", "country"])) == 0
    assert (market["home_country"] != market["country"]).all()
    streamed = (
        daily.join(artists.select("artist_name", "cluster"), on="artist_name").select("cluster", "country").unique()
    )
    assert len(market.join(streamed, on=["cluster", "country"])) == len(market)


def test_listeners_follow_one_or_two_clusters(label):
    clusters = label.truth("pairs").join(label.truth("artists").select("artist_row", "cluster"), on="artist_row")
    listeners = label.truth("listeners").select("listener_row", "second_cluster", own_cluster="cluster")
    pairs = clusters.join(listeners, on="listener_row")
    is_own, is_second = pairs["cluster"] == pairs["own_cluster"], pairs["cluster"] == pairs["second_cluster"]
    # By chance each would be an eighth.
    assert is_own.mean() > 0.33
    assert (is_own | is_second).mean() > 0.60


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
