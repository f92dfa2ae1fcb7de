"""Taste from the shell: what a file is like, and nets that a person trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics_platform.cli import app
from analytics_platform.modelling.model_store import load_model
from analytics_platform.orchestration.checks import check_declared
from analytics_platform.settings import Settings
from analytics_platform.taste.families import NETS as TASTE_NETS
from analytics_platform.taste.product_tables import PLAYLIST_TRACKS, PRODUCTS, UNIT_GENRES
from analytics_platform.taste.products_step import newest_net
from analytics_platform.taste.tables import NET_SCORES
from analytics_platform.taste.training import FURTHER
from analytics_platform.taste.training_step import Learnt
from analytics_platform.tracks.net_step import NETS
from analytics_platform_tests.orchestration.homes import SECRET
from analytics_platform_tests.taste.taste_homes import STYLES, copied, drop, style_of
from analytics_platform_tests.tracks.trained_homes import lake_at

NET = "convnet_2014_sets"


def call(home: Path, *arguments: str) -> Result:
    environment = {
        "ANALYTICS_HOME": str(home),
        "ANALYTICS_LISTENER_SECRET": SECRET,
        "ANALYTICS_EXECUTOR": "in_process",
        "ANALYTICS_THREADS": "1",
        "COLUMNS": "400",
        "NO_COLOR": "1",
        "DAGSTER_HOME": "",
    }
    return CliRunner().invoke(app, list(arguments), env=environment)


@pytest.fixture(scope="module")
def settings(trained: tuple[Settings, Learnt]) -> Settings:
    return trained[0]


def files_of(settings: Settings) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in settings.home.rglob("*"))


@pytest.mark.parametrize("style", [1, 2])
def test_a_file_is_most_like_tracks_of_its_style(settings: Settings, tmp_path: Path, style: int) -> None:
    file = drop(Settings(home=tmp_path), "[new] song.flac", style)
    before = files_of(settings)
    done = call(settings.home, "similar", str(file), "--most", "7")
    assert done.exit_code == 0, done.output
    assert files_of(settings) == before, "nothing is written"
    rows = [line for line in done.output.splitlines() if "Song" in line and "Artist" in line]
    assert len(rows) == 7
    assert all(STYLES[style] in row for row in rows)
    assert "[new] song.flac" in done.output
    assert "by chance it is" in " ".join(done.output.split()), "what the answer is worth"


def test_what_is_no_recording_is_told_so(settings: Settings, tmp_path: Path) -> None:
    page = tmp_path / "page.mp3"
    page.write_text("<html>not found</html>")
    silent = tmp_path / "silent.wav"
    silent.write_bytes(b"")
    for file, said in ((page, "page.mp3"), (silent, "silent.wav"), (tmp_path / "[b]none.wav", "[b]none.wav")):
        done = call(settings.home, "similar", str(file))
        assert done.exit_code == 1
        assert said in " ".join(done.output.split())
        assert "Traceback" not in done.output and isinstance(done.exception, SystemExit)


def test_without_a_model_the_message_says_what_it_takes(tmp_path: Path) -> None:
    done = call(tmp_path / "home", "similar", str(drop(Settings(home=tmp_path), "song.wav", 0)))
    assert done.exit_code == 1
    assert "There is no model of listeners' taste yet. It needs plays of at least 100 tracks" in done.output


def test_the_list_names_every_net_and_trains_nothing(tmp_path: Path) -> None:
    done = call(tmp_path / "home", "train", "--list")
    assert done.exit_code == 0
    words = done.output.replace(",", " ").split()
    assert set(NETS) | set(TASTE_NETS) <= set(words)
    assert not (tmp_path / "home").exists()


def test_an_unknown_net_is_answered_with_those_of_both_kinds(tmp_path: Path) -> None:
    done = call(tmp_path / "home", "train", "convnet_mse", "convnet_2041")
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert "No net is called convnet_2041. There are:" in said and "sound_contrastive" in said and "lossnet" in said
    assert not (tmp_path / "home").exists()


def test_a_net_is_trained_looked_at_and_shown_beside_its_dummies(settings: Settings, tmp_path: Path) -> None:
    """Its scores, its filters, what its units select and their playlists, by one command."""
    settings = copied(settings, tmp_path / "home")
    done = call(settings.home, "train", NET, "--epochs", "1")
    assert done.exit_code == 0, done.output
    lake = lake_at(settings)
    assert all(check_declared(lake, table).passed for table in (NET_SCORES, *PRODUCTS))
    scores = lake.read(NET_SCORES)
    assert set(scores["net"]) == {NET} and set(scores["model"]) == {NET, f"{NET}_with_artist"}
    assert set(scores["split"]) == {"artists, first fold", "new tracks, first fold"}
    (folder,) = (settings.models_root / NET).iterdir()
    assert folder.name.endswith("-1x1-1epochs")
    learnt = load_model(settings.models_root, NET, folder.name).info["fitted"]["learnt"]
    assert learnt["outputs"] == 40 + FURTHER.factors
    assert not any(path.is_file() for path in settings.checkpoints_root.rglob("*")), "weights are in the store now"

    net, _ = newest_net(lake, settings)
    assert net == f"{NET}-{folder.name}"
    told = lake.read(UNIT_GENRES)
    assert set(told["layer"]) == {"conv1", "dense1"} and set(told["genre"]) <= set(STYLES)
    assert set(told["model_version"]) == {net}
    assert told.filter(layer="conv1")["auc"].max() > told["auc_by_chance"].max(), "styles differ in their bands"
    playlists = lake.read(PLAYLIST_TRACKS).filter(kind="unit")
    assert playlists["playlist_id"].n_unique() == 2 * 2 * 5, "two layers, two measures, five units"
    best = told.filter(layer="conv1").sort("auc", descending=True).row(0, named=True)
    chosen = playlists.filter(playlist_id=f"unit:conv1:{best['unit']}:mean")
    assert chosen["playlist_title"][0].endswith(f": {best['genre']}")
    styles = [STYLES[style_of(int(code[-5:]))] for code in chosen["isrc"]]
    assert np.mean([style == best["genre"] for style in styles]) > 0.9
    assert (settings.home / "exports" / "playlists").exists()

    lines = done.output.splitlines()
    assert any("Whose taste it meets: tracks of unknown artists" in line for line in lines)
    assert any(NET in line and "updates, not 750,000" in line for line in lines)
    assert any("sound_linear" in line for line in lines)
    assert any("true_factors_leaky (dummy)" in line for line in lines)
    assert "No model was trained" not in done.output
