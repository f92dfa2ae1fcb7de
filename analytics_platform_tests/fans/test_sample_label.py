"""Fan profiles and the baseline model against the sample label's planted truth.

One artist in ten is breaking through: three in four of its listeners have joined in the last 90 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from analytics_platform.fans.agreement import share_errors, threshold_errors
from analytics_platform.fans.exposure import CLASSES
from analytics_platform.fans.fan_profiles import ordered
from analytics_platform.fans.lda import fit_fan_lda
from analytics_platform.fans.levels import LEVELS, level_of
from analytics_platform.fans.mixture import fit_mixture
from analytics_platform.fans.shares import posterior_shares
from analytics_platform.fans.thresholds import segment_thresholds
from analytics_platform.sample_label import LabelSpec, generate
from analytics_platform.sample_label.law import MEANS, SHAPES
from analytics_platform.sample_label.plays import draw_plays
from analytics_platform.sample_label.spec import WINDOW_DAYS
from analytics_platform.sample_label.world import World

SEGMENTS = ("passive", "casual", "diehard")
FloatArray = NDArray[np.float64]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("label")
    generate(LabelSpec(scale=0.3), out)
    return out / "truth"


def test_the_baseline_agrees_with_the_planted_truth(truth: Path) -> None:
    """Bounds are what a converged LDA can hold."""
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


@dataclass(frozen=True)
class Plays:
    """The plays of 90 days, day by day, without the files."""

    world: World
    per_day: NDArray[np.int16]
    """(90, pairs)."""


@dataclass(frozen=True)
class Found:
    """What a window shows of the artists, and what was planted among those it shows."""

    shares: FloatArray
    planted: FloatArray
    breaking_through: NDArray[np.bool_]
    thresholds: tuple[int | None, ...]
    """Of listeners who came in the first quarter of the window or before."""

    def error(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> float:
        """Mean absolute error of the shares."""
        return float(np.abs(self.shares - self.planted)[chosen].mean())


@pytest.fixture(scope="module")
def plays() -> Plays:
    spec = LabelSpec(scale=0.5, days=WINDOW_DAYS)
    world = World.build(spec, WINDOW_DAYS)
    per_day = np.zeros((WINDOW_DAYS, len(world.pairs.artists)), dtype=np.int16)
    for day in range(WINDOW_DAYS):
        np.add.at(per_day[day], draw_plays(world, day).pairs, 1)
    return Plays(world, per_day)


def found_in(plays: Plays, days: int, *, classes: int = CLASSES) -> Found:
    """Fit the last ``days`` days; with one class nobody asks since when a listener has been heard."""
    pairs, catalogue = plays.world.pairs, plays.world.catalogue
    counts = plays.per_day[-days:].sum(axis=0)
    heard = counts > 0
    artists, kinds = pairs.artists[heard], pairs.fan_types[heard]
    first = (plays.per_day > 0).argmax(axis=0)[heard] - (WINDOW_DAYS - days)
    exposure = np.where(first < 0, 0, 1 + first * (CLASSES - 1) // days) if classes > 1 else np.zeros_like(first)
    histograms = np.zeros((len(catalogue.artist_names), classes, LEVELS), dtype=np.int64)
    np.add.at(histograms, (artists, exposure, level_of(counts[heard]) - 1), 1)
    planted = np.zeros((len(histograms), len(SEGMENTS)))
    np.add.at(planted, (artists, kinds), 1)
    enough = histograms.sum(axis=(1, 2)) >= 20
    fit = ordered(fit_mixture(histograms[enough], len(SEGMENTS), tolerance=1e-8), histograms[enough])
    return Found(
        posterior_shares(histograms[enough], fit.mixture).mean,
        planted[enough] / planted[enough].sum(axis=1, keepdims=True),
        catalogue.late_shares[enough] > 0.5,
        segment_thresholds(fit.mixture.profiles[:, min(1, classes - 1)]),
    )


def planted_thresholds(days: int) -> list[int]:
    """First play count at which the next kind of fan is likelier, after so many days: exact, from the law."""
    from scipy.stats import nbinom

    counts = np.arange(1, 500)[:, None]
    chance = SHAPES / (SHAPES + MEANS * days / WINDOW_DAYS)
    seen = nbinom.pmf(counts, SHAPES, chance) / (1 - nbinom.pmf(0, SHAPES, chance))
    return [int(counts[np.argmax(seen[:, kind + 1] >= seen[:, kind]), 0]) for kind in range(len(SEGMENTS) - 1)]


def test_the_thresholds_of_the_law_are_those_of_the_truth(truth: Path) -> None:
    """But for weekdays, which the files have and the sum over a window hardly."""
    assert planted_thresholds(90) == pl.read_parquet(truth / "thresholds.parquet")["first_plays"].to_list()


def test_listeners_of_a_breakthrough_artist_are_not_taken_for_passive(plays: Plays) -> None:
    """Who came last month has had a month to play: without exposure classes such fans look passive."""
    naive, corrected = found_in(plays, 90, classes=1), found_in(plays, 90)
    late = corrected.breaking_through
    assert late.sum() >= 10
    assert naive.error(late) > 0.05
    assert (naive.shares - naive.planted)[late, 0].mean() > 0.07, "too many passive"
    assert corrected.error(late) <= 0.035
    assert abs((corrected.shares - corrected.planted)[late, 0].mean()) < 0.03
    assert corrected.error() <= 0.035
    assert corrected.error(~late) <= naive.error(~late) + 0.002, "the others lose nothing"


def test_windows_are_not_to_be_compared(plays: Plays) -> None:
    """The same listeners: in 28 days a passive one is heard less often at all, and a diehard plays less."""
    short, long = found_in(plays, 28), found_in(plays, 90)
    for days, found in {28: short, 90: long}.items():
        assert max(threshold_errors(found.thresholds, planted_thresholds(days))) < 0.35, days
        assert found.error() <= {28: 0.045, 90: 0.035}[days]
    assert None not in (*short.thresholds, *long.thresholds)
    assert all(few < 0.6 * many for few, many in zip(short.thresholds, long.thresholds, strict=True))
    assert (long.planted - short.planted)[:, 0].mean() > 0.05
    assert (long.shares - short.shares)[:, 0].mean() > 0.05
