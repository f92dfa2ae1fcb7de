"""The baseline model against the sample label's planted truth. Bounds are what a converged LDA can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics_platform.fans.agreement import share_errors, threshold_errors
from analytics_platform.fans.lda import fit_fan_lda
from analytics_platform.fans.levels import LEVELS, level_of
from analytics_platform.sample_label import LabelSpec, generate

SEGMENTS = ("passive", "casual", "diehard")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("label")
    generate(LabelSpec(scale=0.3), out)
    return out / "truth"


def test_segments_and_thresholds_agree_with_the_planted_truth(truth: Path) -> None:
    pairs = pl.read_parquet(truth / "pairs.parquet")
    artists = pl.read_parquet(truth / "artists.parquet").sort("artist_row")
    counts = np.zeros((len(artists), LEVELS), dtype=np.int64)
    np.add.at(counts, (pairs["artist_row"].to_numpy(), level_of(pairs["plays"].to_numpy()) - 1), 1)
    heard = counts.sum(axis=1) >= 20
    model = fit_fan_lda(counts[heard])
    planted = artists.select([f"{segment}_share" for segment in SEGMENTS]).to_numpy()[heard]
    first_plays = pl.read_parquet(truth / "thresholds.parquet")["first_plays"].to_list()
    assert max(threshold_errors(model.thresholds(), first_plays)) < 0.35
    mine = share_errors(model.shares, planted, counts[heard].sum(axis=1)).all
    dummy = share_errors(np.broadcast_to(planted.mean(axis=0), planted.shape), planted, counts[heard].sum(axis=1)).all
    assert mine < 0.6 * dummy
