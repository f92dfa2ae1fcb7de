"""The nearest tracks are the nearest, whatever the blocks; a file outside the catalogue finds its like."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from rich.console import Console
from scipy.io import wavfile

from analytics_platform.taste import similar as module
from analytics_platform.taste.product_tables import SIMILAR_TRACKS
from analytics_platform.taste.similar import nearest, similar_tracks, unit_length
from analytics_platform.taste.similar_report import print_similar
from analytics_platform.taste.similar_to_file import NotHeardError, hear_file, similar_to_file
from analytics_platform.tracks.hearing import Ears
from analytics_platform.tracks.sound import Sound


def by_the_formula(factors: NDArray[np.floating], queries: NDArray[np.floating]) -> NDArray[np.float64]:
    """All cosines (q, n), in double precision."""
    one, other = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (queries, factors))
    return one.astype(np.float64) @ other.T


@pytest.mark.parametrize("block", [1, 7_000, 16_000_000])
@pytest.mark.parametrize("tracks", [60, 9_000])
def test_the_nearest_of_all(monkeypatch: pytest.MonkeyPatch, block: int, tracks: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(tracks, 16)) * rng.uniform(0.1, 90, (tracks, 1))
    rows, cosines = nearest(unit_length(factors), factors[:40], 50)
    expected = by_the_formula(factors, factors[:40])
    np.testing.assert_allclose(cosines, -np.sort(-expected, axis=1)[:, :50], atol=1.1e-5)
    np.testing.assert_allclose(np.take_along_axis(expected, rows, axis=1), cosines, atol=1.1e-5)
    assert (rows[:, 0] == np.arange(40)).all()


def test_a_track_is_not_similar_to_itself() -> None:
    factors = np.random.default_rng(0).normal(size=(5_000, 8))
    with_itself, _ = nearest(unit_length(factors), factors[:30], 21)
    without, _ = nearest(unit_length(factors), factors[:30], 20, exclude=np.arange(30))
    np.testing.assert_array_equal(without, with_itself[:, 1:])
    assert nearest(unit_length(factors[:3]), factors[:3], 20, exclude=np.arange(3))[0].shape == (3, 2)
    assert nearest(unit_length(factors[:1]), factors[:1], 20, exclude=np.arange(1))[0].shape == (1, 0)


@settings(deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(-2, 2)),
    st.integers(1, 40),
)
def test_ties_go_to_the_lower_row_alone_or_among_many(factors: NDArray[np.float32], most: int) -> None:
    units = unit_length(factors)
    rows, cosines = nearest(units, factors, most)
    assert rows.shape == (len(factors), min(most, len(factors)))
    assert (np.abs(cosines) <= 1).all()
    for query, (found, values) in enumerate(zip(rows, cosines, strict=True)):
        assert (np.diff(values) <= 0).all()
        assert (np.diff(found)[np.diff(values) == 0] > 0).all()
        alone, alone_values = nearest(units, factors[query : query + 1], most)
        np.testing.assert_array_equal(alone[0], found)
        np.testing.assert_array_equal(alone_values[0], values)


@settings(deadline=None)
@given(arrays(np.float64, (6, 3), elements=st.floats(-1e30, 1e30)))
def test_any_size_of_numbers_has_length_one(factors: NDArray[np.float64]) -> None:
    lengths = np.linalg.norm(unit_length(factors), axis=1)
    has_some = np.abs(factors.astype(np.float32)).max(axis=1) > 0
    np.testing.assert_allclose(lengths, has_some, atol=1e-5)


def test_what_is_no_factor_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        unit_length(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="unit_length"):
        nearest(np.full((5, 4), 3, dtype=np.float32), np.ones((1, 4)), 2)


def test_the_table_says_what_it_rests_on_and_leaves_out_what_is_to_be_left_out() -> None:
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(40, 5))
    factors[1] = factors[0] * 3
    isrcs = np.array([f"QZTST26{number:05d}" for number in range(40)])
    names = pl.DataFrame({"isrc": isrcs[:39], "title": [f"T{n}" for n in range(39)], "artist_name": ["A"] * 39})
    from_plays = np.arange(40) < 20
    found = similar_tracks(factors, from_plays, isrcs, names, "v1", left_out=frozenset({str(isrcs[5])}))
    assert found.columns == [column.name for column in SIMILAR_TRACKS]
    assert found.group_by("isrc").len()["len"].to_list() == [20] * 40
    assert str(isrcs[5]) not in set(found["similar_isrc"])
    assert not (found["isrc"] == found["similar_isrc"]).any()
    first = found.row(0, named=True)
    assert (first["title"], first["similar_title"], first["similarity"], first["basis"]) == ("T0", "T1", 1.0, "plays")
    by_sound = found.filter(pl.col("isrc").is_in(isrcs[20:].tolist()))
    assert set(by_sound["basis"]) == {"sound"}
    assert found.filter(pl.col("isrc") == isrcs[39])["title"].null_count() == 20
    for column in SIMILAR_TRACKS:
        if column.minimum is not None and column.maximum is not None:
            assert found[column.name].is_between(column.minimum, column.maximum).all(), column.name


@pytest.mark.parametrize("tracks", [0, 1, 2])
def test_hardly_any_tracks(tracks: int) -> None:
    isrcs = np.array([f"QZTST26{number:05d}" for number in range(tracks)], dtype=np.str_)
    names = pl.DataFrame(
        {"isrc": isrcs, "title": isrcs, "artist_name": isrcs},
        schema=dict.fromkeys(("isrc", "title", "artist_name"), pl.String()),
    )
    found = similar_tracks(np.ones((tracks, 3)), np.ones(tracks, dtype=bool), isrcs, names, "v1")
    assert len(found) == max(tracks - 1, 0) * tracks
    assert found.columns == [column.name for column in SIMILAR_TRACKS]


class ByBrightness:
    """Places a sound by its zero crossings: (low, high)."""

    def predict(self, sound: Sound, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        assert sound.mended is not None
        from analytics_platform.audio.names import FEATURE_NAMES

        crossings = sound.mended[rows][:, list(FEATURE_NAMES).index("ZCR")]
        return np.stack([0.1 - crossings, crossings - 0.05], axis=1)


def test_a_file_that_is_in_no_catalogue_finds_what_it_sounds_like(tmp_path: Path) -> None:
    seconds = np.arange(4 * 22_050) / 22_050
    wavfile.write(tmp_path / "low.wav", 22_050, (20_000 * np.sin(2 * np.pi * 110 * seconds)).astype(np.int16))
    factors = np.array([[0.0, 1.0], [1.0, 0.0]])
    isrcs = np.array(["QZTST2600001", "QZTST2600002"])
    names = pl.DataFrame(
        {"isrc": isrcs, "title": [None, "Low [bold]"], "artist_name": ["A", "B"], "genre": [None, "folk"]}
    )
    found = similar_to_file(hear_file(tmp_path / "low.wav", Ears()), ByBrightness(), factors, isrcs, names)
    assert found["isrc"].to_list() == isrcs[::-1].tolist()
    assert found["place"].to_list() == [1, 2]
    assert found["similarity"][0] > 0 > found["similarity"][1]
    file = StringIO()
    print_similar(found, "low.wav", "By sound alone.", Console(file=file, width=140))
    said = file.getvalue()
    assert all(words in said for words in ("Low [bold]", "QZTST2600001", "unknown", "folk", "By sound alone."))
    print_similar(found.head(0), "low.wav", "", Console(file=file))
    assert "no track" in file.getvalue()


def test_what_is_no_audio_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.mp3").write_text("<html>" * 100)
    with pytest.raises(NotHeardError, match=r"page\.mp3"):
        hear_file(tmp_path / "page.mp3", Ears())
    with pytest.raises(FileNotFoundError):
        hear_file(tmp_path / "none.mp3", Ears())
