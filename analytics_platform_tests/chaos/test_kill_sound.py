"""A catalogue or an analysis that is killed at any moment: the next run ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics_platform.audio import tables as audio_tables
from analytics_platform.catalogue import tables as catalogue_tables
from analytics_platform.lakehouse.tables import Table
from analytics_platform.settings import Settings
from analytics_platform_tests.audio.broken_files import encoded, tones
from analytics_platform_tests.catalogue.deezer_server import DeezerServer, deezer_server, track
from analytics_platform_tests.catalogue.itunes_server import ITunesServer, itunes_server
from analytics_platform_tests.catalogue.preview_server import PreviewServer, preview_server
from analytics_platform_tests.catalogue.sounds import tone
from analytics_platform_tests.catalogue.spotify_server import CLIENT_ID, CLIENT_SECRET, SpotifyServer
from analytics_platform_tests.catalogue.spotify_world import World, isrc_of
from analytics_platform_tests.catalogue.vendors import name_recordings
from analytics_platform_tests.orchestration.homes import environment, frame, make_settings

TABLES = (*catalogue_tables.TABLES, *audio_tables.TABLES)
RECORDINGS = 12
MASTERS = 8
TIMES = {"fetched_at", "observed_at", "observed_on", "asked_at", "may_ask_again_at", "changed", "attempts"}
"""When it was, and how often it was tried: what a kill may change."""


@dataclass
class Outside:
    """The stand-ins, which all runs of this module ask; what they say never changes."""

    spotify: SpotifyServer
    deezer: DeezerServer
    itunes: ITunesServer
    previews: PreviewServer
    authority: Path

    def start(self, settings: Settings, job: str) -> subprocess.Popen[str]:
        """Begin a job in a process of its own and wait until it has loaded its code."""
        addresses = (self.spotify.api_url, self.spotify.token_url, self.deezer.base_url, self.itunes.base_url)
        process = subprocess.Popen(
            [sys.executable, "-m", "analytics_platform_tests.chaos.sources", job, *addresses, self.previews.hosts[0]],
            env=os.environ
            | environment(settings)
            | {
                "ANALYTICS_PREVIEW_SOURCES": '["deezer", "spotify"]',
                "ANALYTICS_SPOTIFY_CLIENT_ID": CLIENT_ID,
                "ANALYTICS_SPOTIFY_CLIENT_SECRET": CLIENT_SECRET,
                "ANALYTICS_USAGE_RIGHTS": '{"deezer": ["analyse"]}',
                "SSL_CERT_FILE": str(self.authority),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line == "started\n" for line in lines)
        return process

    def calls(self) -> int:
        """Calls of any source so far."""
        return len(self.spotify.served) + self.deezer.asked.total() + len(self.previews.seen)

    def run(self, settings: Settings, job: str) -> float:
        """Run a job to its end; gives the seconds that it took."""
        process = self.start(settings, job)
        begun = time.monotonic()
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
        return time.monotonic() - begun


@dataclass
class Undisturbed:
    """What runs that nobody killed have made, and how long they took."""

    tables: dict[str, pl.DataFrame]
    files: dict[str, bytes]
    seconds: dict[str, float]


@contextmanager
def new_home(home: Path) -> Generator[Settings]:
    """A label with masters and recordings, of which nothing was gathered yet; no file and no process is left."""
    settings = make_settings(home, masters=None)
    masters = Path(settings.masters_root)
    masters.mkdir(parents=True)
    for number in range(MASTERS):
        sound = tones(20) * (1 - 0.1 * number)
        (masters / f"{isrc_of(number)}.wav").write_bytes(encoded(sound, "wav"))
    (masters / f"{isrc_of(40)}.wav").write_bytes(encoded(tones(0.3), "wav"))
    name_recordings(settings, {isrc_of(number): f"Song {number}" for number in range(RECORDINGS)})
    yield settings


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Generator[Outside]:
    authority = tmp_path_factory.mktemp("tls") / "authority.pem"
    with (
        # Without batches a second run asks what a first one would: no track again by its id.
        SpotifyServer(World(60, development=True)) as spotify,
        deezer_server() as deezer,
        itunes_server() as itunes,
        preview_server({"a.mp3": tone("mp3", 6)}) as previews,
    ):
        authority.write_bytes(previews.authority)
        for number in range(MASTERS, RECORDINGS - 1):
            deezer.tracks[isrc_of(number)] = track(isrc_of(number), id=number, rank=1000 + number)
        deezer.preview = lambda isrc: previews.sign("a.mp3")
        yield Outside(spotify, deezer, itunes, previews, authority)


def content(settings: Settings, table: Table) -> pl.DataFrame:
    """A table's rows without its times, and without the home's own path."""
    rows = frame(settings, table)
    rows = rows.drop([name for name in rows.columns if name in TIMES])
    if "location" in rows.columns:
        rows = rows.with_columns(pl.col("location").str.replace(str(settings.home), "", literal=True))
    return rows.sort(rows.columns)


def files_of(settings: Settings) -> dict[str, bytes]:
    """Clips and shards by path, with everything else that lies beside them."""
    roots = (settings.audio_root, settings.spectrograms_root, settings.embeddings_root)
    return {
        str(path.relative_to(settings.lake_root)): path.read_bytes()
        for root in roots
        for path in root.rglob("*")
        if path.is_file()
    }


def workers_of(parent: int) -> set[int]:
    """Living processes of a run's decoders: children of the run, or of nobody that name its program."""
    found = set[int]()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                status = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"analytics_platform.audio.worker" in command and status[0] != "Z" and int(status[1]) == parent:
                found.add(int(folder.name))
    return found


def are_alive(processes: set[int]) -> set[int]:
    """Those that still run a decoder; a number may have been given to another process."""
    alive = set[int]()
    for process in processes:
        try:
            command = Path(f"/proc/{process}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"analytics_platform.audio.worker" in command:
            alive.add(process)
    return alive


@pytest.fixture(scope="module")
def undisturbed(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    with new_home(tmp_path_factory.mktemp("undisturbed") / "home") as settings:
        seconds = {job: outside.run(settings, job) for job in ("catalogue", "sound")}
        tables = {table.full_name: content(settings, table) for table in TABLES}
        assert tables["catalogue.clips"]["source"].value_counts(sort=True).rows() == [
            ("master", MASTERS + 1),
            ("deezer", RECORDINGS - 1 - MASTERS),
            ("missing", 1),
        ]
        assert len(tables["audio.descriptors"]) == MASTERS + 1, "the previews are all the same file: one clip"
        assert len(tables["audio.rejected_clips"]) == 1
        return Undisturbed(tables, files_of(settings), seconds)


def kill(outside: Outside, settings: Settings, job: str, is_time: Callable[[], bool]) -> bool:
    """Kill a job when it is time; its workers end by themselves. False if it ended before."""
    process = outside.start(settings, job)
    workers = set[int]()
    while not (now := is_time()) and process.poll() is None:
        workers |= workers_of(process.pid)
        time.sleep(0.01)
    workers |= workers_of(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while are_alive(workers):
        assert time.monotonic() < deadline, f"workers live on: {are_alive(workers)}"
        time.sleep(0.05)
    return now


def compare(settings: Settings, undisturbed: Undisturbed, told: str) -> None:
    """Tables and files are as if nothing had happened, and nothing lies beside them."""
    for table in TABLES:
        try:
            assert_frame_equal(content(settings, table), undisturbed.tables[table.full_name])
        except AssertionError as error:
            raise AssertionError(f"{table.full_name} differs; killed: {told}\n{error}") from error
    found, known = files_of(settings), undisturbed.files
    assert found.keys() == known.keys(), told
    assert [name for name in known if found[name] != known[name]] == [], told


def at_random(outside: Outside, undisturbed: Undisturbed, home: Path, seed: int) -> str:
    """Kill each job once, at a moment that the seed decides; run it again; compare."""
    draw = random.Random(seed)
    moments = {job: draw.uniform(0.05, seconds) for job, seconds in undisturbed.seconds.items()}
    told = ", ".join(f"{job} after {moments[job]:.2f} s of {undisturbed.seconds[job]:.2f}" for job in moments)
    with new_home(home) as settings:
        for job, moment in moments.items():
            begun = time.monotonic()
            kill(outside, settings, job, lambda end=begun + moment: time.monotonic() > end)
            outside.run(settings, job)
        compare(settings, undisturbed, told)
    return told


@pytest.mark.chaos
def test_kills_while_sources_are_asked_and_a_preview_comes_in(
    outside: Outside, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_home(tmp_path / "home") as settings:
        for calls in (2, 5, 9, 4):
            then = outside.calls() + calls
            assert kill(outside, settings, "catalogue", lambda then=then: outside.calls() >= then)
        with monkeypatch.context() as slow:
            slow.setattr(outside.deezer, "preview", lambda isrc: outside.previews.url("hang/a.mp3"))
            assert kill(outside, settings, "catalogue", lambda: any(settings.audio_root.glob(".part-*")))
        assert list(settings.audio_root.glob(".part-*")), "what the next run has to clear"
        for job in ("catalogue", "sound"):
            outside.run(settings, job)
        compare(settings, undisturbed, "while sources were asked")


@pytest.mark.chaos
def test_kills_while_clips_are_read_and_before_the_tables_name_the_shard(
    outside: Outside, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    with new_home(tmp_path / "home") as settings:
        outside.run(settings, "catalogue")
        shards = settings.spectrograms_root
        for share in (0.3, 0.5):
            end = time.monotonic() + share * undisturbed.seconds["sound"]
            assert kill(outside, settings, "sound", lambda end=end: time.monotonic() > end)
        assert kill(outside, settings, "sound", lambda: any(shards.glob("*/*.npy")))
        outside.run(settings, "sound")
        compare(settings, undisturbed, "while clips were read")


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(200, 206))
def test_six_moments(
    outside: Outside, undisturbed: Undisturbed, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    told = at_random(outside, undisturbed, tmp_path / "home", seed)
    with capsys.disabled():
        print(f"\n{told}")
