"""The real `analytics-platform dev`: a file dropped into the inbox reaches the marts with no further click."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from analytics_platform.fans.tables import ARTIST_FANS
from analytics_platform.sample_label import LabelSpec, generate
from analytics_platform.settings import Settings
from analytics_platform_tests.orchestration.homes import deliver, deliver_day, environment, lake_of, make_settings

SPEC = LabelSpec(scale=0.02, days=6)
LIMIT_S = 240

T = TypeVar("T")


@dataclass(frozen=True)
class Server:
    """A running `dev`: its settings, address and log."""

    settings: Settings
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def query(self, text: str, **variables: object) -> dict[str, Any]:
        """The data that GraphQL answers."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def wait(self, what: str, ask: Callable[[], T | None], limit_s: float = LIMIT_S) -> T:
        """Ask until the answer is true; fail with the log's end if it never is."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"dev has ended:\n{self.tail()}"
            if answer := ask():
                return answer
            time.sleep(0.5)
        pytest.fail(f"no {what} within {limit_s} s:\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("dev")
    settings = make_settings(folder / "home")
    generate(SPEC, folder / "sample")
    deliver(folder / "sample", settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("analytics-platform"), "dev", "--port", str(port)],
            env=os.environ | environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Server(settings, port, log, process)
    try:
        running.wait("web page", lambda: _answers(port))
        yield running
    finally:
        _stop(process)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group: webserver, daemon, code server and runs."""
    os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(20)


def window_end(settings: Settings) -> date | None:
    """Last day of the window that marts.artist_fans shows."""
    with lake_of(settings).connect(ARTIST_FANS) as connection:
        return connection.execute("select max(window_end) from marts.artist_fans").fetchall()[0][0]


def last_day(spec: LabelSpec, index: int) -> date:
    return spec.start + timedelta(days=index)


def test_sensors_schedules_and_daemons_are_up(server: Server) -> None:
    def found() -> dict[str, Any] | None:
        data = server.query(
            """{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
            repositoriesOrError { ... on RepositoryConnection { nodes { location { name }
                sensors { name sensorState { status } } schedules { name scheduleState { status } } } } } }"""
        )
        daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
        return data if all(d["healthy"] for d in daemons if d["required"]) else None

    data = server.wait("healthy daemons", found)
    (repository,) = data["repositoriesOrError"]["nodes"]
    assert repository["location"]["name"] == "analytics_platform"
    assert {s["name"]: s["sensorState"]["status"] for s in repository["sensors"]} == {
        "automation": "RUNNING",
        "catalogue": "RUNNING",
        "inbox": "RUNNING",
        "unreleased": "RUNNING",
    }
    assert {s["name"]: s["scheduleState"]["status"] for s in repository["schedules"]} == {
        "catalogue_daily": "RUNNING",
        "maintain_weekly": "RUNNING",
        "publish_daily": "RUNNING",
    }


def test_a_dropped_day_reaches_the_marts(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = server.settings
    end = server.wait("first marts", lambda: window_end(settings))
    assert end == last_day(SPEC, SPEC.days - 1)
    version = lake_of(settings).version(ARTIST_FANS)
    deliver_day(SPEC, SPEC.days, settings, tmp_path / "next")
    begun = time.monotonic()
    server.wait("new day in marts.artist_fans", lambda: window_end(settings) == last_day(SPEC, SPEC.days))
    with capsys.disabled():
        print(f"\nfrom the inbox to marts.artist_fans: {time.monotonic() - begun:.0f} s")
    assert lake_of(settings).version(ARTIST_FANS) != version
    server.wait("empty inbox", lambda: not list(settings.inbox.rglob("*.gz")))


LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""


def test_an_asset_is_materialised_from_the_page(server: Server) -> None:
    """What the button "Materialize" sends."""
    selector = {
        "repositoryLocationName": "analytics_platform",
        "repositoryName": "__repository__",
        "jobName": "__ASSET_JOB",
        "assetSelection": [{"path": ["marts", "artists"]}],
    }
    launched = server.query(LAUNCH, p={"selector": selector, "runConfigData": {}, "mode": "default"})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched

    def ended() -> str | None:
        run = server.query(
            "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=launched["run"]["runId"]
        )
        status = run["runOrError"]["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert server.wait("end of the run", ended) == "SUCCESS"
