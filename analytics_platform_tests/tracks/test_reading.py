"""What models are trained on: clips that were analysed and may be, each with its recording and its artist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics_platform.audio.tables import EMBEDDINGS
from analytics_platform.catalogue.rights import rights_of
from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.settings import Settings
from analytics_platform.tracks.reading import ENOUGH, Known, choose_target, read_tracks
from analytics_platform.tracks.tables import OUTCOMES
from analytics_platform_tests.tracks.trained_homes import (
    DIM,
    NET,
    TARGET,
    clip_id,
    clip_row,
    isrc,
    lake_at,
    make_settings,
    timbre,
    write_clips,
    write_embeddings,
    write_outcomes,
    write_sound,
)

HEARD = 60
"""Clips that were analysed."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = make_settings(tmp_path)
    write_sound(settings, HEARD)
    write_outcomes(lake_at(settings), np.linspace(0, 1, HEARD))
    write_clips(lake_at(settings), [clip_row(number) for number in range(HEARD)])
    return settings


def read(settings: Settings, target: str | None = None) -> Known:
    return read_tracks(lake_at(settings), settings.spectrograms_root, settings.embeddings_root, target)


def change_clips(settings: Settings, changes: dict[int, dict[str, object]]) -> None:
    """Rows of the clips with other values; {} leaves a clip out."""
    rows = [
        clip_row(number, **changes.get(number, {})) for number in range(HEARD) if changes.get(number, {"": 0}) != {}
    ]
    write_clips(lake_at(settings), rows)


def rights(source: str, **overrides: bool) -> dict[str, object]:
    found = rights_of(source)
    plain = {"may_analyse": found.analyse, "may_train": found.train, "may_display": found.display}
    return {"source": source} | plain | overrides


def test_each_track_has_its_own_sound_and_outcome(settings: Settings) -> None:
    known = read(settings)
    data = known.data
    assert (data.data_set, data.target, data.window_days) == ("label", TARGET, 28)
    assert data.ids.tolist() == [isrc(number) for number in range(HEARD)]
    assert data.sound.clip_ids.tolist() == [clip_id(number) for number in range(HEARD)]
    np.testing.assert_array_equal(data.outcome, np.linspace(0, 1, HEARD))
    assert np.corrcoef(data.sound.mended[:, 0], timbre(HEARD))[0, 1] > 0.9
    assert np.isnan(data.sound.described[0, 2]), "a clip without a pulse has no tempo"
    assert data.sound.described[:2, -1].tolist() == [0, 1], "major and minor"
    assert len(data.sound.spectrograms) == HEARD and (data.sound.durations_s == 4.6).all()
    assert data.sound.pooled is None and data.sound.net is None
    assert data.sound.moving.shape[0] == HEARD and np.isfinite(data.sound.moving).all()
    assert (list(known.refused), known.unheard) == ([], 0)
    assert len(np.unique(data.cells)) == 10


def test_clips_that_may_not_be_trained_on_are_refused_by_name(settings: Settings) -> None:
    change_clips(
        settings,
        {
            0: rights("deezer"),
            1: rights("deezer", may_analyse=True),
            2: rights("deezer", may_train=True, may_analyse=True),
            3: rights("master", may_train=False),
            4: {},
            5: {"clip_id": None, "source": "missing", "may_train": False, "sha256": None},
            6: {"clip_id": "not analysed"},
        },
    )
    known = read(settings)
    assert sorted(known.refused) == [
        (isrc(0), "deezer", "no right to train"),
        (isrc(1), "deezer", "no right to train"),
        (isrc(3), "master", "no right to train"),
    ]
    assert set(known.data.ids) == {isrc(2), *(isrc(number) for number in range(7, HEARD))}, "a licence counts"
    assert known.unheard == 3


def test_a_clip_of_several_recordings_needs_the_right_in_each(settings: Settings) -> None:
    twin = {"clip_id": clip_id(0), "sha256": f"{0:064x}"}
    change_clips(settings, {1: twin, 2: twin | rights("itunes")})
    known = read(settings)
    assert {(name, source) for name, source, _ in known.refused} == {
        (isrc(0), "master"),
        (isrc(1), "master"),
        (isrc(2), "itunes"),
    }
    assert clip_id(0) not in known.data.sound.clip_ids


@pytest.mark.parametrize("change", [rights("deezer"), {"clip_id": "not analysed"}])
def test_a_label_without_a_usable_clip_is_told_so(settings: Settings, change: dict[str, object]) -> None:
    change_clips(settings, dict.fromkeys(range(HEARD), change))
    known = read(settings)
    assert len(known.data) == 0
    assert len(known.refused) + known.unheard == HEARD


def test_no_outcomes_no_tracks(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no track has the outcome deezer_rank"):
        read(settings, "deezer_rank")
    write_outcomes(lake_at(settings), np.linspace(0, 1, HEARD), compared_tracks=4)
    with pytest.raises(ValueError, match="no track has the outcome plays_first_28_days"):
        read(settings)


def test_one_clip_of_two_recordings_is_one_group_and_two_rows(settings: Settings) -> None:
    change_clips(settings, {1: {"clip_id": clip_id(0), "sha256": f"{0:064x}"}})
    data = read(settings).data
    assert data.ids[:2].tolist() == [isrc(0), isrc(1)]
    np.testing.assert_array_equal(data.sound.mended[0], data.sound.mended[1])
    assert data.artists[0] != data.artists[1] and data.groups[0] == data.groups[1]
    assert data.groups[30] == data.groups[0] == data.groups[31], "with all that either artist made"
    assert len(np.unique(data.groups)) == 29


def test_two_excerpts_of_one_file_are_one_recording(settings: Settings) -> None:
    change_clips(settings, {1: {"offset_s": 30.0, "sha256": f"{0:064x}"}})
    data = read(settings).data
    assert data.groups[0] == data.groups[1]


def test_tracks_of_unknown_artists_are_not_by_one_artist(settings: Settings) -> None:
    write_outcomes(lake_at(settings), np.linspace(0, 1, HEARD), artist_id="(unknown)")
    data = read(settings).data
    assert len(np.unique(data.groups)) == HEARD
    assert len(np.unique(data.artists)) == HEARD, "or they would be compared as tracks of one artist"


def outcomes_of(**counts: int) -> pl.DataFrame:
    names = [name for name, count in counts.items() for _ in range(count)]
    return frame_of(OUTCOMES, [{"target": name} for name in names])


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ({"plays_first_28_days": ENOUGH, "plays_last_90_days": 5_000}, "plays_first_28_days"),
        ({"plays_first_28_days": ENOUGH - 1, "plays_first_90_days": ENOUGH}, "plays_first_90_days"),
        ({"plays_first_28_days": 40, "plays_last_90_days": ENOUGH}, "plays_last_90_days"),
        ({"plays_first_28_days": 40, "plays_first_90_days": 41, "plays_last_90_days": 10}, "plays_first_90_days"),
        ({"listeners_first_28_days": 900, "deezer_rank": 900, "plays_last_90_days": 1}, "plays_last_90_days"),
        ({}, "plays_first_28_days"),
    ],
)
def test_the_first_days_count_if_enough_tracks_were_followed(counts: dict[str, int], wanted: str) -> None:
    assert choose_target(outcomes_of(**counts)) == wanted


def test_only_tracks_that_can_be_trained_on_choose_the_target(settings: Settings) -> None:
    lake = lake_at(settings)
    write_outcomes(lake, np.linspace(0, 1, HEARD), "plays_last_90_days")
    heard = lake.read(OUTCOMES)
    write_outcomes(lake, np.linspace(0, 1, 900))
    unheard = lake.read(OUTCOMES).filter(pl.col("isrc") > isrc(HEARD - 20))
    lake.write_frame(OUTCOMES, pl.concat([heard, unheard]))
    data = read(settings).data
    assert (data.target, data.window_days, len(data)) == ("plays_last_90_days", 90, HEARD)
    assert read(settings, TARGET).unheard == 900 - HEARD


@pytest.mark.parametrize(("embedded", "rows"), [(HEARD, HEARD), (HEARD - 1, HEARD - 1), (HEARD - 2, None)])
def test_embeddings_count_once_nearly_all_clips_have_one(settings: Settings, embedded: int, rows: int | None) -> None:
    write_embeddings(settings, embedded)
    data = read(settings).data
    if rows is None:
        assert data.sound.pooled is None and data.sound.sequences is None
        assert len(data) == HEARD
    else:
        assert data.sound.pooled.shape == (rows, DIM) and data.sound.net == NET
        assert len(data) == rows, "the clip that has none is left out"
        values, windows = data.sound.sequences.padded(np.arange(rows))
        # Sequences are kept in half precision.
        np.testing.assert_allclose(values.sum(axis=1) / windows[:, None], data.sound.pooled, atol=0.002)


def test_embeddings_of_two_nets_are_not_mixed(settings: Settings) -> None:
    write_embeddings(settings, HEARD)
    one = lake_at(settings).read(EMBEDDINGS)
    write_embeddings(settings, HEARD, "another_net", seed=5)
    lake = lake_at(settings)
    lake.write_frame(EMBEDDINGS, pl.concat([one.head(HEARD // 2), lake.read(EMBEDDINGS).tail(HEARD // 2)]))
    assert read(settings).data.sound.pooled is None
