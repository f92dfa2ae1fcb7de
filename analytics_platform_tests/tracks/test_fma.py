"""Real listens of the Free Music Archive: outcomes are places among contemporaries, and days of upload never leak."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics_platform.tracks.protocol import Contender, dummies, judge, make_splits
from analytics_platform_tests.benchmarks import fma, fma_tracks
from analytics_platform_tests.benchmarks.fma_tracks import BEATS, LISTENS, DataSet, FmaTracks, read_fma

pytestmark = pytest.mark.skipif(
    not fma_tracks.is_there(), reason=f"no Free Music Archive in {fma_tracks.FOLDER}: name its folder with FMA"
)


@pytest.fixture(scope="module")
def logs() -> FmaTracks:
    return read_fma(LISTENS, "log_listens")


@pytest.mark.parametrize(("data_set", "tracks", "numbers"), [(LISTENS, 4_802, 8), (BEATS, 1_999, 11)])
def test_tracks_with_both_listens_and_sound_are_read(data_set: DataSet, tracks: int, numbers: int) -> None:
    found = read_fma(data_set, "listens")
    assert len(found.data) == len(np.unique(found.data.ids)) == tracks
    assert found.data.sound.low_level is not None
    assert found.data.sound.low_level.shape == (tracks, numbers)
    for columns in (*found.facts.values(), found.album, found.day, found.data.sound.low_level):
        assert len(columns) == tracks
        assert np.isfinite(columns).all()
        if columns is not found.facts["genre"]:
            # A pattern that finds nothing is a fault of the loader; a subgenre may have no track with sound.
            assert (columns.std(axis=0) > 0).all()


def test_percentiles_are_uniform_in_each_month_and_genre() -> None:
    every = fma_tracks.read_listens()
    assert len(every) == 17_734
    months = every.filter(pl.col("cell").str.ends_with("1mo"))
    assert len(months) > 0.95 * len(every)
    for cell in months.partition_by("cell"):
        # Every track of the month and genre is in it, and their places are those of ranks, ties shared.
        assert len(cell) >= fma_tracks.LEAST_COMPARED
        below = (cell["listens"].to_numpy()[None] < cell["listens"].to_numpy()[:, None]).mean(axis=1)
        equal = (cell["listens"].to_numpy()[None] == cell["listens"].to_numpy()[:, None]).mean(axis=1)
        np.testing.assert_allclose(cell["percentile"], below + equal / 2)
        assert cell["day"].dt.truncate("1mo").n_unique() == cell["genre_top"].n_unique() == 1


def test_the_outcome_of_logs_goes_back_to_listens(logs: FmaTracks) -> None:
    listens = {str(one): count for one, count in fma_tracks.read_listens().select("track_id", "listens").iter_rows()}
    low, high = fma_tracks.LOG_RANGE
    found = np.exp(low + logs.data.outcome * (high - low))
    np.testing.assert_allclose(found, [listens[one] for one in logs.data.ids.tolist()])
    assert 0 <= logs.data.outcome.min() < logs.data.outcome.max() <= 1


def test_what_is_known_at_the_upload_says_nothing_of_what_came_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = read_fma(LISTENS, "listens")
    shutil.copytree(fma_tracks.FOLDER / LISTENS, tmp_path / LISTENS)
    table = tmp_path / LISTENS / "fma-rock-vs-hiphop.csv"
    table.chmod(0o644)
    # The same tracks, each with what became of another one.
    later = ("listens", "interest", "favorites", "comments", "tags", "information", "language_code", "date_recorded")
    pl.read_csv(table).with_columns(pl.col(later).reverse()).write_csv(table)
    monkeypatch.setattr(fma_tracks, "FOLDER", tmp_path)
    after = read_fma(LISTENS, "listens")
    assert (before.data.outcome != after.data.outcome).mean() > 0.5
    np.testing.assert_array_equal(before.album, after.album)
    for name, columns in before.facts.items():
        np.testing.assert_array_equal(columns, after.facts[name])


def test_tracks_of_one_day_are_never_on_both_sides(logs: FmaTracks) -> None:
    days = logs.data.released
    splits = fma.splits_of(logs.data)
    for name in ("days of upload", "months of upload", "time"):
        for split in splits[name]:
            parts = [set(days[part].tolist()) for part in (split.train, split.validation, split.test)]
            assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2]), name
    tested = np.concatenate([split.test for split in splits["days of upload"]])
    assert sorted(tested.tolist()) == list(range(len(logs.data)))


def test_what_is_known_of_a_track_beats_the_mean_on_days_that_were_not_seen(logs: FmaTracks) -> None:
    assert logs.data.sound.mended is not None
    both = logs.hearing(logs.data.sound.mended, *logs.facts.values())
    splits = make_splits(both, "artists", 0)
    ridge = Contender("ridge", fma.ours("descriptor_ridge"))
    found = fma.r2_of(
        both, {one.name: [judge(both, one, split, 0) for split in splits] for one in (dummies()[0], ridge)}
    )
    assert found["ridge"].low > max(found["majority"].high, 0.05)
    assert -0.1 < found["majority"].value < 0.02


def test_the_nearest_track_is_good_only_where_its_album_is_known(logs: FmaTracks) -> None:
    nearest = next(one for one in fma.CONTENDERS if one.name == "5 nearest tracks")
    found = fma.leaks(logs.data, [nearest])
    rows, days = (found[name]["5 nearest tracks"] for name in ("rows", "days of upload"))
    assert rows.low > 0 > days.value
    assert rows.value > days.high
