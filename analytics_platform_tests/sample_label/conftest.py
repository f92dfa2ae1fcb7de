"""A label of a few thousand pairs over the full 90 days, written once for all tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics_platform.sample_label import LabelSpec, LabelSummary, generate


@dataclass(frozen=True)
class Written:
    """A label on disk."""

    spec: LabelSpec
    folder: Path
    summary: LabelSummary
    faults: dict[str, Any]

    def truth(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "truth" / f"{name}.parquet")

    def path(self, entry: dict[str, Any]) -> Path:
        return self.folder / "deliveries" / entry["arrival_date"] / entry["path"]


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[LabelSpec], Written]:
    """Write a label into a folder of its own."""

    def written(spec: LabelSpec) -> Written:
        folder = tmp_path_factory.mktemp("label")
        summary = generate(spec, folder)
        return Written(spec, folder, summary, json.loads((folder / "truth" / "faults.json").read_bytes()))

    return written


@pytest.fixture(scope="session")
def label(write: Callable[[LabelSpec], Written]) -> Written:
    """The label that most tests read: scale 0.02, 90 days."""
    return write(LabelSpec(scale=0.02))
