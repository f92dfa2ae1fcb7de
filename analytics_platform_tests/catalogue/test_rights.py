"""No clip without the right gets into a training set, by any way."""

from __future__ import annotations

import polars as pl
import pytest

from analytics_platform.catalogue.rights import (
    Rights,
    TrainingRightsError,
    require_training_rights,
    rights_of,
    trainable,
)
from analytics_platform.catalogue.tables import CLIP_SOURCES, CLIPS
from analytics_platform.lakehouse.frames import frame_of


def clips(*rows: tuple[str | None, str, bool | None]) -> pl.DataFrame:
    named = ({"isrc": f"X{i}", "clip_id": c, "source": s, "may_train": t} for i, (c, s, t) in enumerate(rows))
    return frame_of(CLIPS, named)


def test_only_own_recordings_are_for_training_unless_a_licence_says_so() -> None:
    assert [source for source in CLIP_SOURCES if rights_of(source).train] == ["master"]
    assert [source for source in CLIP_SOURCES if rights_of(source).analyse] == ["master"]
    assert [source for source in CLIP_SOURCES if rights_of(source).display] == [*CLIP_SOURCES[:-1]]
    licence = {"deezer": Rights(analyse=True, train=True)}
    assert rights_of("deezer", licence) == Rights(analyse=True, train=True, display=False)
    assert rights_of("itunes", licence) == Rights(display=True)


@pytest.mark.parametrize(
    ("source", "overrides"),
    [("soundcloud", {}), ("deezer", {"dezeer": Rights(train=True)}), ("deezer", {"missing": Rights(train=True)})],
)
def test_a_misspelt_licence_is_an_error(source: str, overrides: dict[str, Rights]) -> None:
    with pytest.raises(ValueError, match=r"unknown source|missing"):
        rights_of(source, overrides)


def test_the_gate() -> None:
    frame = clips(("a", "master", True), ("b", "deezer", False), ("c", "deezer", None), (None, "missing", False))
    assert trainable(frame).get_column("clip_id").to_list() == ["a"]
    require_training_rights(frame, ["a"])
    require_training_rights(frame, [])
    with pytest.raises(TrainingRightsError, match=r"3 clips.*2 from deezer, 1 unknown.*like b, c, z"):
        require_training_rights(frame, ["a", "b", "c", "z"])


def test_a_clip_needs_the_right_in_all_of_its_rows() -> None:
    frame = clips(("a", "master", True), ("a", "deezer", False))
    assert trainable(frame).height == 0
    with pytest.raises(TrainingRightsError):
        require_training_rights(frame, ["a"])


def test_nothing_is_trainable_among_no_clips() -> None:
    assert trainable(clips()).height == 0
    with pytest.raises(TrainingRightsError, match="1 unknown"):
        require_training_rights(clips(), ["a"])
