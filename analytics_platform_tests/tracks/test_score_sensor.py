"""The sensor of unreleased tracks: what it starts for which contents, once, and what it waits for."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.orchestration.build import build_defs
from analytics_platform.streams.decisions import MAX_ATTEMPTS, RunState
from analytics_platform.tracks.score_decisions import Cursor, Decision, decide
from analytics_platform.tracks.unreleased import DroppedFile
from analytics_platform_tests.tracks.scored_homes import drop, make_home, release, shipped_model

NOW = 1_000_000.0
SONG, OTHER = DroppedFile("a/song.wav", 100, NOW - 60), DroppedFile("b/other.wav", 200, NOW - 60)


class Folder:
    """Looks at a folder one after another, with runs that end as the test says."""

    def __init__(self) -> None:
        self.cursor = Cursor()
        self.runs: dict[str, RunState] = {}

    def look(
        self, *files: DroppedFile, version: str | None = "v1", busy: bool = False, ends: RunState = RunState.SUCCEEDED
    ) -> Decision:
        decision = decide(files, version, self.cursor, self.runs.get, is_busy=busy, now=NOW, quiet_s=5)
        # As the daemon keeps it: as text.
        self.cursor = Cursor.load(decision.cursor.dump())
        if decision.job is not None:
            assert decision.run_key not in self.runs, "a key starts one run only"
            self.runs[decision.run_key] = ends
        return decision

    def jobs(self, *files: DroppedFile, version: str | None = "v1") -> list[str]:
        """What is started until nothing more is."""
        found: list[str] = []
        while (job := self.look(*files, version=version).job) is not None:
            found.append(job)
            assert len(found) < 10
        return found


def test_new_contents_are_scored_then_explained_once() -> None:
    folder = Folder()
    assert folder.jobs(SONG) == ["score", "explain"]
    assert folder.jobs(SONG) == []
    assert folder.jobs(SONG, OTHER) == ["score", "explain"]
    changed = DroppedFile(SONG.file, SONG.size_bytes, SONG.modified_at + 1)
    assert folder.jobs(changed, OTHER) == ["score", "explain"]


def test_contents_that_come_back_are_scored_again() -> None:
    folder = Folder()
    for files in ((SONG,), (SONG, OTHER), (SONG,)):
        assert folder.jobs(*files) == ["score", "explain"]


def test_an_emptied_folder_empties_the_tables_once() -> None:
    folder = Folder()
    assert folder.jobs() == []
    folder.jobs(SONG)
    assert folder.jobs() == ["score"]
    assert folder.jobs() == []


def test_a_new_version_of_the_model_scores_all_again() -> None:
    folder = Folder()
    assert folder.jobs(SONG, version=None) == []
    assert "No model has been released" in folder.look(SONG, version=None).note
    assert folder.jobs(SONG) == ["score", "explain"]
    assert folder.jobs(SONG, version="v2") == ["score", "explain"]


def test_it_waits_while_a_file_is_written_and_while_a_run_is_under_way() -> None:
    folder = Folder()
    growing = DroppedFile("growing.wav", 10, NOW - 1)
    assert folder.look(SONG, growing).job is None
    ahead = DroppedFile("from a wrong clock.wav", 10, NOW + 86_400)
    assert folder.look(SONG, ahead, busy=True).job is None
    assert folder.look(SONG, ahead).job == "score"


def test_a_run_that_fails_is_tried_a_few_times_and_then_left_to_people() -> None:
    folder = Folder()
    for _ in range(MAX_ATTEMPTS):
        assert folder.look(SONG, ends=RunState.FAILED).job == "score"
    refused = folder.look(SONG)
    assert refused.job is None
    assert "failed" in refused.note
    assert folder.jobs(SONG, OTHER) == ["score", "explain"]


def test_a_lost_cursor_only_scores_once_more() -> None:
    folder = Folder()
    folder.jobs(SONG)
    folder.cursor = Cursor.load("of another program")
    assert folder.jobs(SONG) == ["score", "explain"]


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def look(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dg.SensorResult:
    """Evaluate the sensor as the daemon does, at its first look."""
    context = dg.build_sensor_context(instance=instance, definitions=definitions, sensor_name="unreleased")
    result = definitions.get_sensor_def("unreleased")(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_the_sensor_sees_the_folder_the_model_and_the_runs(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    settings = make_home(tmp_path / "home", with_model=False)
    definitions = build_defs(settings)
    assert not look(definitions, instance).run_requests
    path = drop(settings, "Artist 1/Song.wav", -30, seconds=3)
    os.utime(path, (time.time() - 60,) * 2)
    assert not look(definitions, instance).run_requests, "there is no model"
    release(settings, shipped_model())
    (request,) = look(definitions, instance).run_requests or []
    assert request.job_name == "score"
    job = definitions.resolve_job_def("score")
    run = instance.create_run_for_job(job, tags={"dagster/run_key": str(request.run_key)})
    first = look(definitions, instance)
    assert not first.run_requests, "a run is under way"
    instance.report_run_canceling(run)
    instance.report_run_canceled(run)
    (again,) = look(definitions, instance).run_requests or []
    assert again.run_key != request.run_key
