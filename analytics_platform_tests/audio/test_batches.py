"""Batches: every clip is in one, keeps it for good, and no batch is too large."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.audio.batches import BATCH_CLIPS, assign_batches
from analytics_platform.audio.tables import CLIP_BATCHES

NONE = pl.DataFrame(schema={"clip_id": pl.String, "batch": pl.String, "location": pl.String, "offset_s": pl.Float64})
FEW_CLIPS = st.lists(st.integers(0, 2_000).map(str), max_size=40)


def clips(ids: list[str], folder: str = "a") -> pl.DataFrame:
    return pl.DataFrame(
        {"clip_id": ids, "location": [f"{folder}/{name}" for name in ids], "offset_s": [0.0] * len(ids)},
        schema={"clip_id": pl.String, "location": pl.String, "offset_s": pl.Float64},
    )


@settings(deadline=None)
@given(st.lists(FEW_CLIPS, max_size=6))
def test_a_clip_keeps_its_batch_whatever_comes_and_goes(steps: list[list[str]]) -> None:
    table, batch_of = NONE, dict[str, str]()
    for ids in steps:
        table = assign_batches(clips(ids), table)
        assert table.columns == [column.name for column in CLIP_BATCHES]
        found = dict(table.select("clip_id", "batch").rows())
        assert len(found) == len(table)
        assert found.items() >= batch_of.items()
        assert found.keys() >= set(ids)
        batch_of = found


def test_batches_are_filled_and_no_larger_than_a_shard() -> None:
    many = [str(i) for i in range(2 * BATCH_CLIPS + 1)]
    table = assign_batches(clips(many), NONE)
    assert sorted(table["batch"].value_counts().rows()) == [
        ("clips_000001", BATCH_CLIPS),
        ("clips_000002", BATCH_CLIPS),
        ("clips_000003", 1),
    ]
    more = assign_batches(clips([*many, "new"]), table)
    assert more.filter(clip_id="new")["batch"].to_list() == ["clips_000004"]


def test_a_file_that_moved_is_found_at_its_new_place() -> None:
    table = assign_batches(clips(["x"], "new folder"), assign_batches(clips(["x"]), NONE))
    assert table["location"].to_list() == ["new folder/x"]
