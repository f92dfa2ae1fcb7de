"""The sensors: what the inbox sensor asks for, and what follows an ingestion by itself."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
import soundfile
from dagster._core.definitions.partitions.context import partition_loading_context

from analytics_platform.audio.tables import FROM_NETS
from analytics_platform.audio.tables import TRACK_AUDIO as TRACK_AUDIO_TABLE
from analytics_platform.orchestration.build import BY_BATCH, TABLES, build_defs
from analytics_platform.orchestration.metadata import asset_key
from analytics_platform.orchestration.run import RANGE_END_TAG, RANGE_START_TAG
from analytics_platform.sample_label import LabelSpec, generate
from analytics_platform.settings import Settings
from analytics_platform.streams.sensors import RUN_KEY_TAG
from analytics_platform.taste import audience_tables
from analytics_platform.taste import tables as taste_tables
from analytics_platform.taste.play_counts import tables as play_count_tables
from analytics_platform.taste.product_tables import PRODUCTS
from analytics_platform.tracks import score_tables
from analytics_platform.tracks import tables as track_tables
from analytics_platform_tests.orchestration.homes import SMALL, deliver, deliver_day, lake_of, make_settings, period


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("automation")
    generate(SMALL, folder)
    return folder


@dataclass
class Office:
    """A home, its definitions and an instance of its own."""

    settings: Settings
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    cursor: str | None = None

    def tick(self) -> dg.SensorResult:
        """Evaluate the inbox sensor once and keep its cursor."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.definitions, sensor_name="inbox"
        )
        sensor = self.definitions.get_sensor_def("inbox")
        result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def record(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """A run record as the daemon makes it for a request, in a state."""
        assert request.run_key is not None
        job = self.definitions.resolve_job_def("ingest")
        run = self.instance.create_run_for_job(job, tags={**request.tags, RUN_KEY_TAG: request.run_key})
        if status == dg.DagsterRunStatus.FAILURE:
            self.instance.report_run_failed(run)
        elif status == dg.DagsterRunStatus.SUCCESS:
            self.instance.report_dagster_event(
                dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, job.name, message=""), run.run_id
            )

    def run(self, job: str, days: tuple[object, object] | None = None) -> bool:
        """Run a job here and now."""
        tags = {RANGE_START_TAG: str(days[0]), RANGE_END_TAG: str(days[1])} if days else {}
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False
        )
        return result.success

    def materialise(self, keys: set[dg.AssetKey]) -> bool:
        """Run assets as the automation does, in one run."""
        job = self.definitions.resolve_implicit_job_def_def_for_assets(list(keys))
        assert job is not None
        return job.execute_in_process(instance=self.instance, asset_selection=list(keys), raise_on_error=False).success


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    settings = make_settings(tmp_path / "home")
    settings.inbox.mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Office(settings, build_defs(settings), instance)


@pytest.fixture
def one_file(sample: Path, office: Office) -> Path:
    """One delivery, of the label's second day."""
    source = next((sample / "deliveries").rglob("FUGA_Trends_4711_20260102.tsv.gz"))
    return Path(shutil.copy(source, office.settings.inbox / source.name))


def test_an_empty_inbox_asks_for_nothing(office: Office) -> None:
    result = office.tick()
    assert not result.run_requests
    assert result.skip_reason is not None


@pytest.mark.usefixtures("one_file")
def test_a_file_asks_for_a_run_of_its_day_once(office: Office) -> None:
    (request,) = office.tick().run_requests or []
    assert request.tags == {RANGE_START_TAG: "2026-01-02", RANGE_END_TAG: "2026-01-02"}
    assert request.run_config["ops"]["ingest_deliveries"]["config"] == {"changed_only": True}
    assert request.run_key is not None
    assert request.run_key.endswith(":1")
    (again,) = office.tick().run_requests or []
    assert again.run_key == request.run_key, "the run is not recorded yet; Dagster starts one run for a key"
    office.record(request, dg.DagsterRunStatus.STARTED)
    assert not office.tick().run_requests, "under way"


@pytest.mark.usefixtures("one_file")
def test_a_failed_run_is_tried_again_and_not_for_ever(office: Office) -> None:
    keys: list[str | None] = []
    for _ in range(5):
        for request in office.tick().run_requests or []:
            keys.append(request.run_key)
            office.record(request, dg.DagsterRunStatus.FAILURE)
    assert [str(key).rsplit(":", 1)[1] for key in keys] == ["1", "2", "3"]
    assert len({str(key).rsplit(":", 1)[0] for key in keys}) == 1
    result = office.tick()
    assert not result.run_requests
    assert "failed 3 times" in str(result.skip_reason)


def test_a_changed_file_is_another_request(office: Office, one_file: Path) -> None:
    (first,) = office.tick().run_requests or []
    one_file.write_bytes(one_file.read_bytes() + b"\n")
    os.utime(one_file, (time.time() - 60, time.time() - 60))
    (second,) = office.tick().run_requests or []
    assert first.run_key != second.run_key


def test_the_cursor_forgets_what_is_done(office: Office, one_file: Path) -> None:
    (request,) = office.tick().run_requests or []
    assert json.loads(office.cursor or "{}")["attempts"]
    office.record(request, dg.DagsterRunStatus.SUCCESS)
    one_file.unlink()
    assert not office.tick().run_requests
    assert not any(json.loads(office.cursor or "{}").values())


def test_a_run_that_dies_after_it_has_cleared_the_inbox_is_tried_again(office: Office, one_file: Path) -> None:
    """The plays are committed, the daily sums are not: without a second run the marts miss the day."""
    (request,) = office.tick().run_requests or []
    office.record(request, dg.DagsterRunStatus.STARTED)
    one_file.unlink()
    assert not office.tick().run_requests
    (run,) = office.instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: str(request.run_key)}))
    office.instance.report_run_failed(run)
    (second,) = office.tick().run_requests or []
    assert second.tags == request.tags
    assert second.run_key != request.run_key


def test_an_inbox_that_cannot_be_listed_is_no_empty_inbox(office: Office) -> None:
    office.settings.inbox.rmdir()
    office.settings.inbox.write_text("a file in its place")
    with pytest.raises(NotADirectoryError):
        office.tick()


UNPARTITIONED = {asset_key(table) for table in TABLES if "ingest_date" not in table.partition_by} - {
    dg.AssetKey(["streams", "play_counts"]),
    dg.AssetKey(["streams", "artists"]),
}
BATCHED = {asset_key(table) for table in BY_BATCH}
TRACK_AUDIO = dg.AssetKey(["marts", "track_audio"])
TASTE = (*taste_tables.TABLES, *PRODUCTS, *audience_tables.TABLES, *play_count_tables.TABLES)
FROM_CLIPS = {asset_key(table) for table in (*track_tables.TABLES, *score_tables.TABLES, *TASTE)}
"""What learns from clips, what is scored or made by that, and nets and studies, which a person starts."""
FOLLOWING = (
    UNPARTITIONED
    - {dg.AssetKey(["streams", "track_artists"]), dg.AssetKey(["streams", "erasures"])}
    - BATCHED
    - {TRACK_AUDIO}
    - FROM_CLIPS
)
"""What must be made again after a new day: all that has no days, but what the ingestion itself makes, and what waits
for a first batch of clips."""


def evaluate(
    office: Office, before: dg.EvaluateAutomationConditionsResult | None
) -> tuple[set[dg.AssetKey], dg.EvaluateAutomationConditionsResult]:
    result = dg.evaluate_automation_conditions(
        defs=office.definitions, instance=office.instance, cursor=before.cursor if before else None
    )
    # How many batches of clips a condition holds for can only be told in a context that the daemon has.
    with partition_loading_context(datetime.now(UTC), office.instance):
        requested = {key for r in result.results if r.true_subset.size and isinstance(key := r.key, dg.AssetKey)}
    return requested, result


def test_a_new_day_is_carried_to_the_marts_and_then_all_is_still(office: Office, sample: Path, tmp_path: Path) -> None:
    requested, state = evaluate(office, None)
    assert not requested, "nothing is there yet"
    deliver(sample, office.settings)
    assert office.run("ingest", period(SMALL))
    requested, state = evaluate(office, state)
    assert requested >= FOLLOWING
    assert all(office.definitions.resolve_asset_graph().get(key).partitions_def is None for key in requested)
    assert office.materialise(requested)
    for _ in range(3):
        requested, state = evaluate(office, state)
        assert not requested, "idle"
    deliver_day(SMALL, SMALL.days, office.settings, tmp_path / "next")
    last = period(LabelSpec(days=SMALL.days + 1))[1]
    assert office.run("ingest", (last, last))
    requested, state = evaluate(office, state)
    assert requested >= FOLLOWING


def test_a_new_master_is_worked_on_by_itself_and_once(office: Office, sample: Path) -> None:
    deliver(sample, office.settings)
    assert office.run("ingest", period(SMALL))
    assert office.run("catalogue")
    _, state = evaluate(office, None)
    masters = Path(office.settings.masters_root)
    masters.mkdir(exist_ok=True)
    tone = 0.3 * np.sin(np.arange(5 * 22_050) * 0.05)
    soundfile.write(masters / "QZACM2600001.wav", tone, 22_050)
    assert office.run("catalogue")
    requested, state = evaluate(office, state)
    assert requested >= BATCHED
    (batch,) = office.instance.get_dynamic_partitions("clip_batches")
    _, state = evaluate(office, state)  # the daemon looks again while the batch is worked on
    assert office.run("sound", (batch, batch))
    requested, state = evaluate(office, state)
    assert TRACK_AUDIO in requested
    assert not requested & BATCHED, "a batch is worked on once"
    assert office.materialise({TRACK_AUDIO})
    with lake_of(office.settings).connect(TRACK_AUDIO_TABLE) as connection:
        found = connection.sql("select isrc from marts.track_audio where status = 'analysed'").fetchall()
    assert found == [("QZACM2600001",)]
    requested, state = evaluate(office, state)
    assert TRACK_AUDIO not in requested


def test_a_batch_that_was_missing_before_the_daemon_came_is_worked_on_once(office: Office) -> None:
    masters = Path(office.settings.masters_root)
    masters.mkdir(exist_ok=True)
    soundfile.write(masters / "QZACM2600001.wav", 0.3 * np.sin(np.arange(5 * 22_050) * 0.05), 22_050)
    assert office.run("catalogue")
    (batch,) = office.instance.get_dynamic_partitions("clip_batches")
    assert office.run("analyse", (batch, batch))
    requested, state = evaluate(office, None)
    unheard = {asset_key(table) for table in FROM_NETS}
    assert requested & BATCHED == unheard
    for _ in range(2):
        requested, state = evaluate(office, state)
        assert not requested & BATCHED


def test_a_failed_blocking_check_stops_what_follows(office: Office, sample: Path) -> None:
    _, state = evaluate(office, None)
    deliver(sample, office.settings)
    assert office.run("ingest", period(SMALL))
    days = dg.AssetKey(["streams", "listener_artist_days"])
    office.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(days, "declared", passed=False, severity=dg.AssetCheckSeverity.ERROR, blocking=True)
    )
    requested, state = evaluate(office, state)
    assert dg.AssetKey(["streams", "listener_returns"]) not in requested
    assert dg.AssetKey(["fans", "listening_levels"]) not in requested
    assert dg.AssetKey(["marts", "artist_fans"]) not in requested
    assert dg.AssetKey(["marts", "plays_daily"]) in requested, "it reads other days"
