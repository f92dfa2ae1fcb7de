"""The sample label's deliveries against its planted truth: every row accounted for, every play counted once."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics_platform.sample_label import LabelSpec, generate
from analytics_platform.streams.deliveries import Record
from analytics_platform.streams.privacy import listener_key
from analytics_platform.streams.tables import TABLES
from analytics_platform_tests.streams.world import Home

REASONS = {
    "duplicate": "exact duplicate of an earlier row",
    "null_listener": "no listener",
    "null_track": "no track",
    "null_isrc": "isrc is missing or unreadable",
    "unreadable_date": "release date is missing or unreadable",
    "negative_duration": "duration is negative or over a day",
    "absurd_duration": "duration is negative or over a day",
    "future_time": "played after the delivery",
    "ancient_time": "played before 2002-10-01",
    "extra_column": "too many columns",
    "missing_columns": "too few columns",
    "invalid_json": "not a JSON object",
}


@dataclass(frozen=True)
class Label:
    home: Home
    folder: Path
    files: list[dict[str, Any]]
    """What the truth says of each delivered file, with the counts that its own arrival gave."""
    seen: list[tuple[str, int, int, int, dict[str, int]]]

    def truth(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "truth" / f"{name}.parquet")


@pytest.fixture(scope="module")
def label(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Label]:
    """Six days, taken arrival by arrival; the last three restate an earlier day at each vendor."""
    folder = tmp_path_factory.mktemp("label")
    generate(LabelSpec(scale=0.6, days=6), folder)
    home = Home(folder / "home")
    files = json.loads((folder / "truth" / "faults.json").read_bytes())["files"]
    seen: list[tuple[str, int, int, int, dict[str, int]]] = []
    for arrival in sorted({file["arrival_date"] for file in files}):
        shutil.copytree(folder / "deliveries" / arrival, home.inbox, dirs_exist_ok=True)
        home.take(changed_only=True)
        reasons: dict[str, dict[str, int]] = {}
        for name, reason, count in home.rows(
            "select file_name, reason, count(*) from streams.rejected_rows group by all"
        ):
            reasons.setdefault(name, {})[reason] = count
        current = home.deliveries()
        for file in files:
            if file["arrival_date"] == arrival:
                name = file["path"]
                seen.append((current[name].status, *current[name].counts, reasons.get(name, {})))
    yield Label(home, folder, files, seen)


def test_good_and_rejected_rows_are_those_planted_in_every_file(label: Label) -> None:
    expected: list[tuple[str, int, int, int, dict[str, int]]] = []
    for file in sorted(label.files, key=lambda f: f["arrival_date"]):
        reasons: Counter[str] = Counter()
        for kind, count in file["faults"].items():
            reasons[REASONS[kind]] += count
        good = file["good_rows"]
        expected.append(("loaded", file["rows"], good, file["rows"] - good, dict(reasons)))
    assert label.seen == expected
    planted = {kind for file in label.files for kind in file["faults"]}
    assert planted == set(REASONS), "the sample is too small to show every kind of fault"


def test_every_delivery_keeps_its_account(label: Label) -> None:
    query = "select count(*) from streams.deliveries where good_rows + rejected_rows <> rows_read"
    assert label.home.rows(query) == [(0,)]
    by_file = "select delivery_id, count(*) as n from streams.{} group by 1"
    assert label.home.rows(
        "select count(*) from streams.deliveries as d"
        f" left join ({by_file.format('plays')}) as p using (delivery_id)"
        f" left join ({by_file.format('rejected_rows')}) as r using (delivery_id)"
        " where resource in ('streams', 'trends') and is_current"
        " and (coalesce(p.n, 0) <> loaded_rows or coalesce(r.n, 0) <> rejected_rows)"
    ) == [(0,)]


def test_plays_by_vendor_day_artist_and_country_are_the_true_ones(label: Label) -> None:
    tracks = label.truth("tracks")
    ids = {"spotify": "spotify_track_id", "apple": "apple_identifier", "fuga": "fuga_asset_id"}
    artists = {
        (vendor, str(track)): name
        for vendor, column in ids.items()
        for track, name in zip(tracks[column], tracks["artist_name"], strict=True)
    }
    counted: Counter[tuple[str, object, str, str]] = Counter()
    query = "select vendor, play_date, track_id, country, sum(plays) from streams.plays where plays > 0 group by all"
    for vendor, day, track, country, plays in label.home.rows(query):
        counted[vendor, day, artists[vendor, track], country] += plays
    truth = label.truth("daily_plays")
    columns = ("vendor", "play_date", "artist_name", "country", "plays")
    assert counted == {(v, d, a, c): plays for v, d, a, c, plays in truth.select(columns).iter_rows()}


def test_listeners_have_the_keys_that_python_computes(label: Label) -> None:
    secret = label.home.settings.secret()
    truth = label.truth("listeners")
    true_keys = {
        (row["vendor"], listener_key(secret, row["vendor"], row["licensor"], full_id))
        for row in truth.iter_rows(named=True)
        for service in [row["reporting_organization_id"]]
        for full_id in [row["vendor_listener_id"] if service is None else f"{service}:{row['vendor_listener_id']}"]
    }
    query = "select distinct vendor, listener_key from streams.plays where listener_key is not null"
    found = set(label.home.rows(query))
    assert found and found <= true_keys
    assert len({vendor for vendor, _ in found}) == 3
    assert set(label.home.rows("select distinct vendor, listener_key from streams.listeners")) <= true_keys


def test_junk_birth_years_give_no_age_and_no_table_has_one(label: Label) -> None:
    # FUGA says the year on every play, and one row of each listener is kept.
    users = {f["path"]: f for f in label.files if f["feed"] == "spotify/users"}
    junk = sum(file["junk_birth_years"] for file in users.values())
    missing = label.truth("listeners").filter(pl.col("vendor") == "spotify")["reported_birth_year"].null_count()
    query = "select count(*) from streams.listeners where vendor = 'spotify' and age_band is null"
    ((without_age,),) = label.home.rows(query)
    assert junk > 0 and junk <= without_age <= junk + missing * len(users)
    names = {column.name for table in TABLES for column in table}
    assert not {name for name in names if "birth" in name or "postal" in name or name in ("year", "user_id")}
    extras = label.home.rows("select distinct unnest(json_keys(extras)) from streams.plays where extras is not null")
    assert {name for (name,) in extras} <= {"Audio Format"}


def test_restated_files_have_replaced_the_first_ones(label: Label) -> None:
    restated = {file["path"]: file for file in label.files if file["is_superseded"]}
    final = {file["path"]: file for file in label.files if not file["is_superseded"]}
    assert restated
    query = (
        "select file_name, revision, status, is_current, loaded_rows from streams.deliveries"
        " where slot in (select slot from streams.deliveries where revision > 1) order by 1, 2"
    )
    expected: list[tuple[object, ...]] = []
    for path in sorted(restated):
        assert final[path]["rows"] > restated[path]["rows"]
        expected += [(path, 1, "superseded", False, 0), (path, 2, "loaded", True, final[path]["good_rows"])]
    assert label.home.rows(query) == expected


def test_late_rows_count_on_the_day_of_the_play(label: Label) -> None:
    late = dict(label.home.rows("select vendor, count(*) from streams.plays where play_date < ingest_date group by 1"))
    assert set(late) == {"spotify", "apple", "fuga"} and min(late.values()) > 0


def test_everything_again_changes_nothing(label: Label) -> None:
    home = label.home
    versions, content = home.versions(), home.content()
    final = [file for file in label.files if not file["is_superseded"]]
    for file in final:
        home.put(file["path"], (label.folder / "deliveries" / file["arrival_date"] / file["path"]).read_bytes())
    home.take(changed_only=True)
    assert home.versions() == versions
    assert home.content() == content


def test_the_raw_store_has_every_file_as_received(label: Label) -> None:
    records: dict[tuple[str, int], Record] = {(r.file_name, r.size_bytes): r for r in label.home.store.records()}
    for file in label.files:
        source = label.folder / "deliveries" / file["arrival_date"] / file["path"]
        record = records[file["path"], source.stat().st_size]
        assert label.home.store.path(record).read_bytes() == source.read_bytes()
