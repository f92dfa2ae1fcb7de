"""The command line as a user runs it: the demo, its published file, ingestion, erasure."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics_platform.lakehouse.lake import Lake
from analytics_platform.orchestration.build import TABLES
from analytics_platform.orchestration.run import run_job
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import RawStore
from analytics_platform.streams.privacy import listener_key
from analytics_platform.streams.unpack import Limits, unpack

# The first test waits for the demo, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)
BIN = Path(sys.executable).parent
MAY_FIND_NOTHING = (
    "11_where_diehards_live",
    "14_whom_to_win",
    "33_tracks_to_push",
    "34_why_this_score",
    "35_what_it_sounds_like",
    "38_how_releases_did",
)
"""They ask for what stands out beyond chance, or for a model that beats it: on a small label that may be nothing."""
QUERIES = sorted((Path(__file__).parents[1] / "sql" / "queries").glob("*.sql"))


def cli(home: Path, *arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "analytics-platform"), *arguments],
        env=os.environ | {"ANALYTICS_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1"} | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("demo")
    # Without a package index there are no weights, and the net does not take its minute.
    done = cli(home, "demo", "--scale", "0.1", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No embeddings and no tags" in done.stdout
    assert "diehard" in done.stdout
    assert str(home / "analytics.duckdb") in done.stdout
    return home


def test_every_master_of_the_demo_ends_as_its_truth_says(demo: Path) -> None:
    (truth_file,) = demo.glob("sample_label/*/truth/masters.parquet")
    truth = pl.read_parquet(truth_file).filter(pl.col("isrc").is_not_null())
    with duckdb.connect(str(demo / "analytics.duckdb"), read_only=True) as connection:
        found = dict(connection.sql("select isrc, status from marts.track_audio").fetchall())
    good = truth.filter(pl.col("kind") == "good")["isrc"].to_list()
    assert len(good) > 100
    assert {found[isrc] for isrc in good} == {"analysed"}
    unreadable = truth.filter(pl.col("kind").is_in(["empty", "html", "garbage"]))["isrc"].to_list()
    assert {found.get(isrc, "missing") for isrc in unreadable} <= {"missing", "rejected"}


def test_spotify_is_not_probed_without_credentials(tmp_path: Path) -> None:
    done = cli(tmp_path, "spotify", "probe", ANALYTICS_SPOTIFY_CLIENT_ID="", ANALYTICS_SPOTIFY_CLIENT_SECRET="")
    assert done.returncode == 1
    assert "docs/spotify.md" in done.stderr


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_worked_queries_answer_in_the_client_that_analysts_have(demo: Path, query: Path) -> None:
    done = subprocess.run(
        [str(BIN / "duckdb"), "-readonly", "-csv", str(demo / "analytics.duckdb")],
        input=query.read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if query.stem not in MAY_FIND_NOTHING:
        assert len(done.stdout.splitlines()) >= 2, "the query has no row"


def test_every_row_is_accounted_for(demo: Path) -> None:
    with duckdb.connect(str(demo / "analytics.duckdb"), read_only=True) as connection:
        unequal = connection.execute(
            "select count(*) from streams.deliveries where rows_read <> good_rows + rejected_rows"
        ).fetchone()
        rejected = connection.execute("select count(*) from streams.rejected_rows").fetchone()
        counted = connection.execute("select sum(rejected_rows) from streams.deliveries").fetchone()
    assert unequal == (0,)
    assert rejected == counted


def test_status_says_what_is_fresh_and_what_was_rejected(demo: Path) -> None:
    done = cli(demo, "status")
    assert done.returncode == 0, done.stderr
    assert "exact duplicate of an earlier row" in done.stdout
    assert "marts.artist_fans" in done.stdout
    assert "0 files to ingest" in done.stdout


def test_a_second_demo_changes_no_row(demo: Path) -> None:
    def content() -> list[tuple[object, ...]]:
        with duckdb.connect(str(demo / "analytics.duckdb"), read_only=True) as connection:
            return connection.execute("from marts.artist_fans order by all").fetchall()

    before = content()
    done = cli(demo, "demo", "--scale", "0.1")
    assert done.returncode == 0, done.stderr
    assert content() == before


def test_without_a_secret_nothing_is_ingested(tmp_path: Path) -> None:
    file = tmp_path / "user_artists.dat"
    file.write_text("userID\tartistID\tweight\n1\t2\t3\n")
    done = cli(tmp_path / "home", "ingest", str(file))
    assert done.returncode == 1
    assert "ANALYTICS_LISTENER_SECRET" in done.stderr
    assert not (tmp_path / "home" / "lake").exists()


def test_a_file_of_no_feed_is_named_and_left(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    done = cli(tmp_path / "home", "ingest", str(file), ANALYTICS_LISTENER_SECRET="x" * 40)
    assert done.returncode == 1
    assert "notes.txt is of no known feed" in done.stdout
    assert "docs/feeds.md" in done.stderr


def test_help_names_every_command(tmp_path: Path) -> None:
    done = cli(tmp_path, "--help")
    for command in ("demo", "ingest", "status", "erase-listener", "dev"):
        assert command in done.stdout


def raw_text(settings: Settings) -> str:
    """All that the raw files say."""
    store = RawStore(settings.lake_root)
    spool = settings.home / "spool"
    parts: list[str] = []
    for record in store.records():
        unpack(store.path(record), spool, Limits(2**30, 10_000))
        parts.append(spool.read_text())
    spool.unlink()
    return "\n".join(parts)


def holders_of(settings: Settings, key: str) -> list[str]:
    """Parquet files below the lake, of whatever version, that hold a listener's key."""
    found: list[str] = []
    for file in (settings.lake_root / "tables").rglob("*.parquet"):
        if "_delta_log" in file.parts:
            continue
        frame = pl.read_parquet(file)
        if "listener_key" in frame.columns and (frame["listener_key"] == key).any():
            found.append(str(file))
    return found


def test_an_erased_listener_is_nowhere_and_does_not_come_back(demo: Path) -> None:
    settings = Settings(home=demo)
    truth = next((demo / "sample_label").glob("*/truth"))
    listeners = pl.read_parquet(truth / "listeners.parquet").with_row_index("row")
    pairs = pl.read_parquet(truth / "pairs.parquet")
    plays = pairs.group_by("listener_row").agg(pl.col("plays").sum())
    chosen = (
        listeners.join(plays, on="listener_row")
        .filter(vendor="spotify")
        .sort("plays", descending=True)
        .row(0, named=True)
    )
    listener_id, licensor = chosen["vendor_listener_id"], chosen["licensor"]
    key = listener_key(settings.secret(), "spotify", licensor, listener_id)
    assert listener_id in raw_text(settings)
    assert holders_of(settings, key)
    table = next(table for table in TABLES if table.full_name == "streams.plays")

    def total() -> int:
        with Lake(settings.lake_root).connect(table) as connection:
            return connection.execute("select sum(plays) from streams.plays").fetchall()[0][0]

    before = total()
    done = cli(demo, "erase-listener", "--vendor", "spotify", "--licensor", licensor, "--id", "-", stdin=listener_id)
    assert done.returncode == 0, done.stderr
    assert listener_id not in done.stdout + done.stderr
    assert before - total() == chosen["plays"]
    assert listener_id not in raw_text(settings)
    assert holders_of(settings, key) == []
    with duckdb.connect(str(demo / "analytics.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from streams.plays where listener_key = ?", [key]).fetchone() == (0,)
        erasures = connection.execute("select vendor, raw_rows > 0, table_rows > 0 from streams.erasures").fetchall()
    assert erasures == [("spotify", True, True)]
    # Made again from the raw files, the listener stays away.
    assert run_job(settings, "ingest", (date(2026, 1, 1), date(2026, 1, 10))).succeeded
    assert holders_of(settings, key) == []
    for path in (*demo.rglob("*.db"), *demo.rglob("*.err"), *demo.rglob("*.out")):
        assert listener_id.encode() not in path.read_bytes(), f"the id is in {path}"


def test_gzip_of_a_rewritten_raw_file_is_readable(demo: Path) -> None:
    store = RawStore(Settings(home=demo).lake_root)
    erased = [record for record in store.records() if record.erased_rows]
    assert erased
    with gzip.open(store.path(erased[0])) as file:
        assert file.read(1)
