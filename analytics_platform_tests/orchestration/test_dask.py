"""Runs on a real Dask cluster of two workers, one with a GPU: what runs where, and what happens when a step goes wrong.

A GPU is only a name to Dask here: no machine needs one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.audio.tables import EMBEDDINGS, SPECTROGRAMS
from analytics_platform.orchestration.executors import MissingDaskError, build_executor
from analytics_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from analytics_platform.orchestration.run import PROJECT_ROOT, dagster_home, run_job
from analytics_platform.settings import Settings
from analytics_platform_tests.audio.broken_files import encoded, tones
from analytics_platform_tests.orchestration.homes import environment, lake_of, make_settings

PATIENCE_S = 240
pytestmark = pytest.mark.timeout(600)  # several processes at once: on a busy machine each takes its time
BATCH = "clips_000001"
JOBS = "analytics_platform_tests.orchestration.dask_jobs"
RUNS_ON, GIVEN, STARTED = "ENGINE_EVENT", "STEP_WORKER_STARTING", "STEP_START"


def eventually(what: Callable[[], bool], description: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, f"not in {PATIENCE_S} s: {description}"
        time.sleep(0.5)


@dataclass
class Cluster:
    """A scheduler, its workers by name, and the home that they and the runs share."""

    settings: Settings
    environment: dict[str, str]
    folder: Path
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *arguments: str, variables: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A process of ours whose output goes to a file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=PROJECT_ROOT,
                env={**os.environ, **self.environment, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def add_worker(self, name: str, *arguments: str) -> None:
        self.start(
            name, "distributed.cli.dask_worker", self.address, "--name", name,
            "--no-nanny", "--no-dashboard", "--nthreads", "2", "--local-directory", str(self.folder), *arguments,
        )  # fmt: skip
        eventually(lambda: "Registered to" in self.log(name), f"the worker {name} is known to the scheduler")

    def run(
        self, module: str, job: str, tags: dict[str, str] | None = None, address: str | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a run in a process of its own, as the daemon does."""
        return self.start(
            f"run_{job}", "dagster", "job", "execute", "-m", module, "-j", job, "--tags", json.dumps(tags or {}),
            variables={"ANALYTICS_DASK_ADDRESS": address} if address else {},
        )  # fmt: skip

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(dagster_home(self.settings))) as instance:
            yield instance

    def last_run(self, job: str) -> dg.DagsterRun | None:
        with self.instance() as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name=job), limit=1)
        return runs[0] if runs else None

    def events(self, job: str, kind: str) -> dict[str, dg.DagsterEvent]:
        """The newest event of a kind of each step of the last run of a job."""
        run = self.last_run(job)
        if run is None:
            return {}
        with self.instance() as instance:
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id)]
        return {e.step_key: e for e in events if e and e.step_key and e.event_type_value == kind}

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    """A scheduler and a plain worker, over a home with three masters in a batch."""
    folder = tmp_path_factory.mktemp("dask")
    settings = make_settings(folder / "home", executor="dask", threads=1)
    found = folder / "scheduler.json"
    started = Cluster(settings, environment(settings) | {"DAGSTER_HOME": str(dagster_home(settings))}, folder)
    try:
        started.start(
            "scheduler", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--dashboard-address", "127.0.0.1:0",
            "--scheduler-file", str(found),
        )  # fmt: skip
        masters = Path(settings.masters_root)
        masters.mkdir(parents=True)
        for number in range(3):
            (masters / f"DEA26260000{number}.wav").write_bytes(encoded(tones(4 + number), "wav"))
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv("DAGSTER_HOME", "")
            assert run_job(settings, "catalogue").succeeded
        eventually(lambda: found.exists() and found.read_text().endswith("}"), "a scheduler")
        started.address = json.loads(found.read_text())["address"]
        started.add_worker("plain")
        yield started
    finally:
        for process in reversed(started.processes):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def runs(cluster: Cluster) -> Cluster:
    """Two runs at once: `sound` begins while no worker has a GPU, and one that has a GPU comes later.

    `wrong` is on a local cluster, which needs no address.
    """
    sound = cluster.run(
        "analytics_platform.definitions", "sound", {RANGE_START_TAG: BATCH, RANGE_END_TAG: BATCH}, cluster.address
    )
    wrong = cluster.run(JOBS, "wrong")

    def waits() -> bool:
        done = "analyse_clips" in cluster.events("sound", "STEP_SUCCESS")
        return sound.poll() is not None or (done and "embed_clips" in cluster.events("sound", GIVEN))

    eventually(waits, "analyse_clips ends, and embed_clips is given to Dask")
    assert sound.poll() is None, cluster.log("run_sound")
    assert "embed_clips" not in cluster.events("sound", STARTED), "it runs where there is no GPU"
    cluster.add_worker("gpu", "--resources", "GPU=1")
    assert sound.wait(PATIENCE_S) == 0, cluster.log("run_sound")
    assert wrong.wait(PATIENCE_S) == 1, cluster.log("run_wrong")
    return cluster


def test_a_step_that_needs_a_gpu_waits_for_a_worker_that_has_one(runs: Cluster) -> None:
    given = {step: event.message for step, event in runs.events("sound", GIVEN).items()}
    assert "no worker with GPU=1" in str(given["embed_clips"])
    assert "no worker" not in str(given["analyse_clips"])
    runs_on = runs.events("sound", RUNS_ON)
    started = runs.events("sound", STARTED)
    where: dict[str, str] = {}
    for step, event in runs_on.items():
        told = {name: value.value for name, value in event.engine_event_data.metadata.items()}
        assert str(started[step].pid) == told["pid"], "the worker's process is not the one that ran the step"
        where[step] = str(told["worker"])
    assert where == {"analyse_clips": "plain", "embed_clips": "gpu"}


def test_what_the_workers_wrote_is_in_the_lake_and_in_the_run(runs: Cluster) -> None:
    assert len(lake_of(runs.settings).read(SPECTROGRAMS)) == 3
    assert lake_of(runs.settings).version(EMBEDDINGS) is not None
    run = runs.last_run("sound")
    assert run is not None
    assert run.status == dg.DagsterRunStatus.SUCCESS


def test_nothing_runs_after_a_blocking_check_that_fails_or_a_step_whose_process_is_killed(runs: Cluster) -> None:
    assert set(runs.events("wrong", STARTED)) == {"doubtful", "killed"}
    failed = runs.events("wrong", "STEP_FAILURE")
    assert set(failed) == {"doubtful", "killed"}
    error = failed["killed"].step_failure_data.error
    assert error is not None
    assert "exit code -9" in error.message


def test_a_run_that_is_ended_ends_its_step(runs: Cluster) -> None:
    run = runs.run(JOBS, "stuck", address=runs.address)
    eventually(lambda: run.poll() is not None or "endless" in runs.events("stuck", STARTED), "the step starts")
    assert run.poll() is None, runs.log("run_stuck")
    process = runs.events("stuck", STARTED)["endless"].pid
    assert process
    run.send_signal(signal.SIGINT)
    run.wait(PATIENCE_S)
    eventually(lambda: not is_alive(process), "the step ends")
    ended = runs.last_run("stuck")
    assert ended is not None
    assert ended.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)


@pytest.mark.chaos
def test_a_worker_that_is_killed_fails_its_step_and_no_other_worker_repeats_it(cluster: Cluster) -> None:
    cluster.add_worker("other")
    run = cluster.run(JOBS, "stuck_too", address=cluster.address)
    eventually(lambda: run.poll() is not None or "endless" in cluster.events("stuck_too", STARTED), "the step starts")
    assert run.poll() is None, cluster.log("run_stuck_too")
    step = cluster.events("stuck_too", STARTED)["endless"].pid
    assert step
    told = cluster.events("stuck_too", RUNS_ON)["endless"].engine_event_data.metadata
    (worker,) = (process for process in cluster.processes if told["worker"].value in list(process.args))
    worker.kill()
    assert run.wait(PATIENCE_S) == 1
    error = cluster.events("stuck_too", "STEP_FAILURE")["endless"].step_failure_data.error
    assert error is not None
    assert "worker was lost" in error.message
    assert cluster.events("stuck_too", STARTED)["endless"].pid == step
    os.kill(step, signal.SIGKILL)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_without_dask_the_setting_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDaskError, match=r"pip install 'analytics-platform\[dask\]'"):
        build_executor(make_settings(tmp_path, executor="dask"))
