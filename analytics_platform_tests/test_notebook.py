"""The analyst's path: the notebook and the commands of ``docs/analysts.md`` run on a published file."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from analytics_platform_tests.dashboard.made_up import publish_made_up

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebooks" / "three_questions.py"
DOCS = (ROOT / "docs" / "analysts.md").read_text().split("## What is in it")[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a checkout after ``make demo``: ``data``, ``sql`` and the programs of the environment."""
    folder = tmp_path_factory.mktemp("checkout")
    publish_made_up(folder / "data")
    (folder / "sql").symlink_to(ROOT / "sql")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("three_questions", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def test_the_notebook_answers_its_three_questions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_HOME", str(folder / "data"))
    _, found = load().app.run()
    surest = found["ask"](
        "select artist_name, share_low from marts.artist_fans where window_days = 90 and segment = 'diehard' "
        "and share is not null order by share_low desc, artist_name limit 1"
    )
    assert found["fans"].select("artist_name", "share_low").row(0) == surest.row(0)
    assert found["markets"]["market_rank"].to_list() == list(range(1, found["markets"].height + 1))
    assert found["tracks"].height == min(20, found["ask"]("select count(*) as n from marts.track_scores")["n"][0])
    assert found["picture"].to_dict()["layer"]
    assert found["scores"].to_dict()["layer"]


def test_the_commands_of_the_docs_work_with_the_older_client(folder: Path) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines() if "duckdb" in line]
    assert len(commands) == 2
    for command in commands:
        # The artist of the demo is not in the made-up file.
        asked = command.replace("Amber Harbour", "Nina Simone")
        done = subprocess.run(
            ["bash", "-c", asked], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (
        "diehard"
        in subprocess.run(
            shlex.split(commands[0].replace("Amber Harbour", "Nina Simone")),
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert (folder / "similar.csv").read_text().startswith("artist_name,neighbour_rank")


def test_the_python_of_the_docs_works(folder: Path) -> None:
    assert len(blocks("python")) == 2
    for block in blocks("python"):
        code = block.replace("Amber Harbour", "Nina Simone")
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "shape" in done.stdout
