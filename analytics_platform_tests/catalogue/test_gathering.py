"""A run of the catalogue against all outside sources: what the tables say, what is asked, and when again."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from analytics_platform.catalogue import tables
from analytics_platform.catalogue.gathering import Gathered, gather
from analytics_platform.catalogue.journal import Journal
from analytics_platform.orchestration.build import build_defs
from analytics_platform.settings import Settings
from analytics_platform_tests.catalogue.deezer_server import track
from analytics_platform_tests.catalogue.itunes_server import song
from analytics_platform_tests.catalogue.preview_server import SIGNATURE, PreviewServer, preview_server
from analytics_platform_tests.catalogue.sounds import tone, write_tone
from analytics_platform_tests.catalogue.spotify_server import BASIC, CLIENT_SECRET
from analytics_platform_tests.catalogue.spotify_world import isrc_of
from analytics_platform_tests.catalogue.vendors import (
    DAY,
    Vendors,
    at,
    name_recordings,
    settings_with_sources,
    shifted,
    vendors_of,
    write_plays,
)
from analytics_platform_tests.orchestration.homes import lake_of

OWN, AT_DEEZER, AT_ITUNES, AT_SPOTIFY = isrc_of(0), isrc_of(3), isrc_of(6), isrc_of(9)
NO_AUDIO, NOWHERE, UNKNOWN, UNHEARD = isrc_of(13), isrc_of(16), "USRC17607839", "DEA262600001"
TITLES = {
    OWN: "Better Together",
    AT_DEEZER: "Paper Moons",
    AT_ITUNES: "Night Drive",
    AT_SPOTIFY: "Seven Rivers",
    NO_AUDIO: "Glass Harbour",
    NOWHERE: "Winter Orchard",
    UNKNOWN: "Copper Sky",
}
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def previews() -> Generator[PreviewServer]:
    files = {
        f"{name}.mp3": tone("mp3", 2, pitch) for name, pitch in (("deezer", 300), ("itunes", 400), ("spotify", 500))
    }
    with preview_server(files | {"page.mp3": b"<html>" * 100}) as server:
        yield server


@pytest.fixture(params=[False, True], ids=["extended", "development"])
def development(request: pytest.FixtureRequest) -> bool:
    return request.param


def describe(vendors: Vendors) -> None:
    """Deezer knows four recordings, iTunes one song; the rest is nowhere."""
    known = ((OWN, 11, 900_000), (AT_DEEZER, 12, 500_000), (NO_AUDIO, 13, 500_000), (AT_SPOTIFY, 14, 100))
    for isrc, number, rank in known:
        vendors.deezer.tracks[isrc] = track(isrc, id=number, rank=rank, title=TITLES[isrc], preview="")
    pages = {AT_DEEZER: "deezer.mp3", NO_AUDIO: "page.mp3"}
    vendors.deezer.preview = lambda isrc: vendors.previews.sign(pages[isrc]) if isrc in pages else ""
    address = vendors.previews.url("plain/itunes.mp3")
    vendors.itunes.songs = [song(77, TITLES[AT_ITUNES], "Jack Johnson", previewUrl=address)]


@pytest.fixture
def vendors(previews: PreviewServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Vendors]:
    with vendors_of(previews, monkeypatch, tmp_path) as found:
        describe(found)
        yield found


def label(home: Path, **fields: object) -> Settings:
    """A label with two masters, of which no vendor has reported one yet, and some plays."""
    settings = settings_with_sources(home, **fields)
    masters = Path(settings.masters_root)
    write_tone(masters / f"{OWN} Better Together.wav", pitch=250)
    write_tone(masters / "new.flac", isrc=UNHEARD, pitch=260)
    (masters / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 100)
    name_recordings(settings, TITLES)
    write_plays(settings, {OWN: [5, 1], AT_DEEZER: [2], AT_ITUNES: [2], NOWHERE: [0]})
    return settings


def run(settings: Settings) -> Gathered:
    return gather(lake_of(settings), settings, say=lambda text: None)


def batches(vendors: Vendors) -> list[str]:
    """Calls for many tracks at once; the probe asks for two."""
    return [target for target in vendors.spotify.targets("/v1/tracks/?ids=") if target.count(",") > 1]


def rows(settings: Settings, table: tables.Table) -> pl.DataFrame:
    return lake_of(settings).read(table)


def clips(settings: Settings) -> dict[str, dict[str, object]]:
    return {row["isrc"]: row for row in rows(settings, tables.CLIPS).iter_rows(named=True)}


def percentiles_by_hand(snapshots: pl.DataFrame) -> list[float]:
    """Of each row the share of those of the same day, source, measure and subject below it, ties half."""
    found = list[float]()
    all_rows = snapshots.rows(named=True)
    for row in all_rows:
        names = ("observed_on", "source", "measure", "subject")
        same = [other["value"] for other in all_rows if all(other[name] == row[name] for name in names)]
        below = sum(value < row["value"] for value in same) + sum(value == row["value"] for value in same) / 2
        found.append(below / len(same))
    return found


def test_every_recording_has_the_best_clip_or_what_each_source_said(
    previews: PreviewServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, development: bool
) -> None:
    with vendors_of(previews, monkeypatch, tmp_path, development=development) as vendors:
        describe(vendors)
        settings = label(tmp_path / "home", usage_rights={"deezer": ("analyse",)})
        gathered = run(settings)
        found = clips(settings)
        assert found.keys() == {*TITLES, UNHEARD}
        sources = {OWN: "master", UNHEARD: "master", AT_DEEZER: "deezer", AT_ITUNES: "itunes", AT_SPOTIFY: "spotify"}
        if development:
            del sources[AT_SPOTIFY]  # no previews in development mode
        assert {isrc: row["source"] for isrc, row in found.items()} == dict.fromkeys(found, "missing") | sources
        assert gathered.resume_at is None, "nothing is left"
        rights = {isrc: (row["may_analyse"], row["may_train"], row["may_display"]) for isrc, row in found.items()}
        by_source = {
            "master": (True, True, True),
            "deezer": (True, False, False),  # what the licence says replaces the default
            "itunes": (False, False, True),
            "spotify": (False, False, True),
            "missing": (False, False, False),
        }
        assert rights == {isrc: by_source[str(row["source"])] for isrc, row in found.items()}
        for isrc, row in found.items():
            assert (row["clip_id"] is None) == (row["missing_reason"] is not None) == (row["source"] == "missing")
            if row["source"] in ("deezer", "itunes", "spotify"):
                file = settings.audio_root / str(row["location"])
                assert file.read_bytes() == previews.files[f"{row['source']}.mp3"], isrc
        assert "deezer: preview not audio" in str(found[NO_AUDIO]["missing_reason"])
        said = [part.partition(" (")[0].partition(":") for part in str(found[NOWHERE]["missing_reason"]).split("; ")]
        assert [(source, words.partition(":")[0].strip()) for source, _, words in said] == [
            ("master", "no usable file"),
            ("deezer", "absent"),
            ("itunes", "below the threshold"),
            ("spotify", "no preview"),
        ]
        assert "spotify: absent (nothing found)" in str(found[UNKNOWN]["missing_reason"])
        # Where the label has a master, nobody is asked for a preview.
        assert OWN not in vendors.deezer.asked
        assert sorted(rows(settings, tables.REJECTED_MASTERS)["path"]) == ["cover.jpg"]
        assert not list(settings.audio_root.rglob(".part-*"))

        requests = rows(settings, tables.REQUESTS)
        outcome = {(row["source"], row["subject"]): row["outcome"] for row in requests.iter_rows(named=True)}
        spotify = {isrc: "absent" if isrc == UNKNOWN else "ok" for isrc in TITLES}
        asked_deezer = {isrc: "ok" if isrc in vendors.deezer.tracks else "absent" for isrc in TITLES if isrc != OWN}
        assert {isrc: said for (source, isrc), said in outcome.items() if source == "spotify"} == spotify
        assert {isrc: said for (source, isrc), said in outcome.items() if source == "deezer"} == asked_deezer
        assert all(row["attempts"] == 1 and row["may_ask_again_at"] for row in requests.iter_rows(named=True))
        tracks = rows(settings, tables.TRACKS)
        assert set(tracks.filter(source="spotify")["requested_id"].drop_nulls()) == set(TITLES) - {UNKNOWN}
        assert set(tracks.filter(source="deezer")["title"]) == {"Paper Moons", "Glass Harbour", "Seven Rivers"}

        snapshots = rows(settings, tables.POPULARITY_SNAPSHOTS)
        measures = {("own", "plays_28_days"), ("own", "listeners_28_days"), ("deezer", "rank")}
        measures |= set() if development else {("spotify", "popularity")}
        assert set(snapshots.select("source", "measure").unique().rows()) == measures
        own = snapshots.filter(source="own", measure="plays_28_days").select("isrc", "value", "percentile")
        assert sorted(own.rows()) == sorted([(OWN, 6.0, 5 / 6), (AT_DEEZER, 2.0, 1 / 3), (AT_ITUNES, 2.0, 1 / 3)])
        assert set(snapshots.filter(source="own")["observed_on"]) == {DAY}
        ranks = dict(snapshots.filter(source="deezer").select("isrc", "percentile").rows())
        assert ranks == pytest.approx({AT_SPOTIFY: 1 / 6, AT_DEEZER: 2 / 3, NO_AUDIO: 2 / 3})
        assert snapshots["percentile"].to_list() == pytest.approx(percentiles_by_hand(snapshots))

        # Again: what was said is known; only what a preview failed for, and its new address, is asked for.
        before = vendors.calls()
        (settings.audio_root / str(found[AT_ITUNES]["location"])).unlink()
        run(settings)
        new = vendors.calls()
        for call in before:
            new.remove(call)
        assert new == [NO_AUDIO]
        again = clips(settings)
        assert {isrc for isrc in found if again[isrc] != found[isrc]} <= {OWN, UNHEARD, AT_ITUNES}
        for isrc, row in found.items():
            assert again[isrc] | {"fetched_at": None} == row | {"fetched_at": None}
        assert (settings.audio_root / str(found[AT_ITUNES]["location"])).exists(), "downloaded again: it was gone"


def test_a_day_later_there_is_a_snapshot_more_and_the_old_one_is_kept(
    vendors: Vendors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    move = shifted(monkeypatch)
    settings = label(tmp_path / "home", preview_sources=())
    run(settings)
    first = rows(settings, tables.POPULARITY_SNAPSHOTS)
    move(DAY_S)
    write_plays(settings, {OWN: [1]})
    run(settings)
    assert len(batches(vendors)) == 1
    run(settings)
    assert len(batches(vendors)) == 1, "a snapshot a day, not a run"
    assert len(vendors.calls()) == len(TITLES)
    both = rows(settings, tables.POPULARITY_SNAPSHOTS)
    key = list(tables.POPULARITY_SNAPSHOTS.key)
    outside = first.filter(source="spotify")
    (day,) = outside["observed_on"].unique().to_list()
    assert both.filter(source="spotify", observed_on=day).sort(key).equals(outside.sort(key)), "the old day stays"
    later = both.filter(source="spotify", observed_on=day + timedelta(days=1))
    assert set(later["isrc"]) == set(TITLES) - {UNKNOWN}
    assert dict(later.select("isrc", "value").rows()).items() <= dict(outside.select("isrc", "value").rows()).items()
    assert both["percentile"].to_list() == pytest.approx(percentiles_by_hand(both))
    assert both.height == both.unique(key).height


def test_what_a_throttled_source_did_not_say_is_not_absent_and_is_asked_when_it_may_be(
    vendors: Vendors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    move = shifted(monkeypatch)
    settings = label(tmp_path / "home")
    vendors.spotify.quota = (5, 1000.0, 10_000)
    vendors.deezer.raw[AT_ITUNES] = 429, b"{}", {"Retry_After": "2000"}
    begun = time.time()
    gathered = run(settings)
    assert gathered.resume_at is not None
    assert 990 < at(gathered.resume_at) - begun < 1100, "the first that may be asked again"
    requests = rows(settings, tables.REQUESTS)
    outcomes = Counter(requests.select("source", "outcome").rows())
    assert outcomes["spotify", "throttled"] == 1
    assert outcomes["deezer", "throttled"] == 1
    assert outcomes["spotify", "waiting"] == len(TITLES) - 3
    assert (
        not {("spotify", "absent"), ("deezer", "absent"), ("deezer", "error"), ("spotify", "error")} & outcomes.keys()
    )
    found = clips(settings)
    assert {isrc for isrc, row in found.items() if row["source"] == "master"} == {OWN, UNHEARD}
    for isrc, row in found.items():
        if row["source"] == "missing":
            reason = str(row["missing_reason"])
            assert "throttled, not known yet" in reason
            assert isrc != AT_ITUNES or "deezer: absent" not in reason
            assert "spotify: absent" not in reason, reason

    vendors.spotify.quota = None
    vendors.deezer.raw.clear()
    asked = len(vendors.calls())
    run(settings)
    assert len(vendors.calls()) == asked, "not before it may be asked"
    move(2100)
    assert run(settings).resume_at is None
    assert {row["source"] for row in clips(settings).values()} == {"master", "deezer", "itunes", "spotify", "missing"}
    unsaid = rows(settings, tables.REQUESTS).filter(~pl.col("outcome").is_in(["ok", "absent"]))
    # iTunes had it in the meantime: Deezer need not be asked any more.
    assert unsaid.select("source", "subject", "outcome", "may_ask_again_at").rows() == [
        ("deezer", AT_ITUNES, "throttled", None)
    ]


def test_one_throttled_answer_is_enough_to_come_back(vendors: Vendors, tmp_path: Path) -> None:
    settings = settings_with_sources(tmp_path / "home", spotify_client_id=None, preview_sources=("deezer",))
    name_recordings(settings, {AT_DEEZER: "Paper Moons"})
    vendors.deezer.raw[AT_DEEZER] = 429, b"{}", {"Retry_After": "1000"}
    gathered = run(settings)
    assert gathered.resume_at is not None
    assert 990 < at(gathered.resume_at) - time.time() <= 1001


class Sensor:
    """The catalogue sensor of a home, evaluated as the daemon does."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.definitions, self.instance, self.cursor = build_defs(settings), instance, None

    def requests(self) -> int:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.definitions, sensor_name="catalogue"
        )
        result = self.definitions.get_sensor_def("catalogue")(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor or self.cursor
        return len(result.run_requests or [])


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_the_sensor_comes_when_a_source_may_be_asked_again(
    vendors: Vendors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    move = shifted(monkeypatch)
    settings = settings_with_sources(tmp_path / "home", preview_sources=("deezer",), spotify_client_id=None)
    name_recordings(settings, {AT_DEEZER: "Paper Moons", NOWHERE: "Winter Orchard"})
    sensor = Sensor(settings, instance)
    assert sensor.requests() == 0, "nothing is known to be asked"
    vendors.deezer.raw[AT_DEEZER] = 429, b"{}", {"Retry_After": "1000"}
    run(settings)
    assert sensor.requests() == 0
    move(900)
    assert sensor.requests() == 0
    move(1010)
    assert sensor.requests() == 1
    assert sensor.requests() == 0, "the run has not begun yet"
    vendors.deezer.raw.clear()
    run(settings)
    move(1010 + 3600)
    assert sensor.requests() == 0, "all is known"
    # A month later: what was absent is asked again; what has a clip by now needs nobody, and starts no run.
    move(31 * DAY_S)
    assert sensor.requests() == 1
    run(settings)
    assert vendors.deezer.asked[NOWHERE] == 2
    assert vendors.deezer.asked[AT_DEEZER] == 2
    move(31 * DAY_S + 3600)
    assert sensor.requests() == 0


def test_the_sensor_forgets_what_a_master_has_made_needless(
    vendors: Vendors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    move = shifted(monkeypatch)
    settings = settings_with_sources(tmp_path / "home", preview_sources=("deezer",), spotify_client_id=None)
    name_recordings(settings, {NOWHERE: "Winter Orchard"})
    vendors.deezer.raw[NOWHERE] = 429, b"{}", {"Retry_After": "1000"}
    run(settings)
    write_tone(Path(settings.masters_root) / f"{NOWHERE}.wav")
    sensor = Sensor(settings, instance)
    assert sensor.requests() == 1, "a new master"
    run(settings)
    move(2000)
    assert sensor.requests() == 0


def test_more_than_a_run_may_ask_is_gone_on_with(
    vendors: Vendors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    move = shifted(monkeypatch)
    monkeypatch.setattr("analytics_platform.catalogue.clip_finding.CALLS_PER_RUN", 2)
    monkeypatch.setattr("analytics_platform.catalogue.clip_finding.CLIPS_PER_WRITE", 3)
    settings = settings_with_sources(tmp_path / "home", preview_sources=("deezer",), spotify_client_id=None)
    name_recordings(settings, {isrc_of(n): f"Song {n}" for n in range(5)})
    sensor = Sensor(settings, instance)
    for run_number in range(1, 4):
        gathered = run(settings)
        assert vendors.deezer.asked.total() == min(2 * run_number, 5)
        assert (gathered.resume_at is not None) == (run_number < 3)
        move(run_number * 1000)
        assert sensor.requests() == (run_number < 3)
    assert "not asked yet" not in rows(settings, tables.CLIPS)["missing_reason"].to_list()


def test_the_sensor_sees_masters_and_starts_no_second_run_beside_one(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    settings = settings_with_sources(tmp_path / "home", preview_sources=(), spotify_client_id=None)
    sensor = Sensor(settings, instance)
    assert sensor.requests() == 0
    master = write_tone(Path(settings.masters_root) / "deep" / "a.wav", isrc=OWN)
    job = sensor.definitions.resolve_job_def("catalogue")
    under_way = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert sensor.requests() == 0, "a run is under way"
    instance.report_run_failed(under_way)
    assert sensor.requests() == 1, "what came meanwhile is not forgotten"
    assert sensor.requests() == 0
    write_tone(master, isrc=OWN, seconds=2)
    assert sensor.requests() == 1
    master.unlink()
    assert sensor.requests() == 1


def secrets_in(text: str) -> list[str]:
    return [secret for secret in (CLIENT_SECRET, BASIC, SIGNATURE, "BQ-token-") if secret in text]


@pytest.mark.parametrize("secret", [CLIENT_SECRET, "wrong-secret-of-the-label"])
def test_the_job_tells_no_secret_and_wrong_credentials_cost_only_spotify(
    vendors: Vendors, tmp_path: Path, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    settings = label(tmp_path / "home", spotify_client_secret=secret)
    vendors.previews.expire()  # every address is new, and the first is refused
    with caplog.at_level(logging.DEBUG):
        for name in list(logging.root.manager.loggerDict):
            logging.getLogger(name).disabled = False
        result = build_defs(settings).resolve_job_def("catalogue").execute_in_process(instance=instance)
    assert result.success
    events = "\n".join(str(entry) for entry in instance.all_logs(result.run_id))
    logs = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert "httpcore" in {record.name.split(".")[0] for record in caplog.records}
    assert "urllib3" in {record.name.split(".")[0] for record in caplog.records}
    assert "localhost" in logs
    told = [frame.write_json() for frame in (rows(settings, table) for table in tables.TABLES)]
    with Journal(settings.catalogue_journal) as journal:
        told += [json.dumps(s.payload) for kind in ("isrc", "track") for s in journal.payloads("spotify", kind)]
        told += [json.dumps(stored.payload) for stored in journal.payloads("deezer", "preview")]
    for text in (events, logs, *told):
        assert not secrets_in(text)
        assert secret not in text
    sources = {isrc: row["source"] for isrc, row in clips(settings).items()}
    right = secret == CLIENT_SECRET
    assert sources[OWN] == sources[UNHEARD] == "master"
    assert sources[AT_DEEZER] == "deezer"
    assert (sources[AT_SPOTIFY] == "spotify") == right
    assert ("invalid_client" in events) != right, "the run says what is wrong"
