"""The command line as a user runs it: the demo, its published file, ingestion, erasure."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics_platform.dashboard.navigation import PAGES
from analytics_platform.settings import Settings
from analytics_platform_tests.dashboard.reading_pages import open_page
from analytics_platform_tests.orchestration.test_erasing import erase_and_look

# The first test waits for the demo, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)
BIN = Path(sys.executable).parent
SCALE = "0.1"
NO_NETWORK = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
"""Without a package index there are no weights, and the net does not take its minute."""
MAY_FIND_NOTHING = (
    "11_where_diehards_live",
    "14_whom_to_win",
    "33_tracks_to_push",
    "34_why_this_score",
    "35_what_it_sounds_like",
    "38_how_releases_did",
    "44_what_units_select",
)
"""They ask for what stands out beyond chance, for a model that beats it, or for a net that a person has to train: on a
small label that may be nothing."""
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
    done = cli(home, "demo", "--scale", SCALE, **NO_NETWORK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No embeddings and no tags" in done.stdout
    assert "diehard" in done.stdout
    assert "leaked" not in done.stderr, "the results are the last thing on the screen"
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


@pytest.mark.parametrize("address", PAGES)
def test_every_page_shows_the_demo(demo: Path, address: str) -> None:
    page = open_page(demo, address)
    assert len(page.header) == 1
    assert "Data as of" in page.markdown[-1].value
    assert not page.error and not page.exception


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


@pytest.mark.slow
def test_a_second_demo_changes_no_row(demo: Path) -> None:
    def content() -> list[tuple[object, ...]]:
        with duckdb.connect(str(demo / "analytics.duckdb"), read_only=True) as connection:
            return connection.execute("from marts.artist_fans order by all").fetchall()

    before = content()
    done = cli(demo, "demo", "--scale", SCALE, **NO_NETWORK)
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
    file = tmp_path / "[new] notes.txt"
    file.write_text("hello")
    done = cli(tmp_path / "home", "ingest", str(file), ANALYTICS_LISTENER_SECRET="x" * 40)
    assert done.returncode == 1
    assert "[new] notes.txt is of no known feed" in done.stdout
    assert "docs/feeds.md" in done.stderr


def test_help_names_every_command(tmp_path: Path) -> None:
    done = cli(tmp_path, "--help")
    for command in ("demo", "ingest", "status", "erase-listener", "dev"):
        assert command in done.stdout


@pytest.mark.slow
def test_an_erased_listener_is_nowhere_and_does_not_come_back(demo: Path) -> None:
    """As in ``orchestration/test_erasing.py``, with all models and products of a demo."""
    erase_and_look(Settings(home=demo), date(2026, 1, 1), date(2026, 1, 10))
