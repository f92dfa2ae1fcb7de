"""From masters to the published file through the real jobs: every clip is accounted for, and a batch is for good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from safetensors.numpy import load_file

from analytics_platform.audio.decode import decode_file
from analytics_platform.audio.embeddings import WeightsError
from analytics_platform.audio.features import analyse
from analytics_platform.audio.musicnn import TAGS as TAG_NAMES
from analytics_platform.audio.musicnn import MusiCNN
from analytics_platform.audio.musicnn_weights import download_wheel, fetch_musicnn
from analytics_platform.audio.names import FEATURE_NAMES, FEATURE_SETS
from analytics_platform.audio.shards import Spectrograms
from analytics_platform.audio.tables import (
    CLIP_BATCHES,
    DESCRIPTORS,
    EMBEDDINGS,
    FROM_SOUND,
    LOW_LEVEL_FEATURES,
    REJECTED_CLIPS,
    SPECTROGRAMS,
    TAGS,
)
from analytics_platform.audio.tables import TABLES as AUDIO_TABLES
from analytics_platform.catalogue.rights import TrainingRightsError, require_training_rights
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.run import RunResult, dagster_home, missing_batches, run_job
from analytics_platform.settings import Settings
from analytics_platform_tests.audio.broken_files import broken_files, encoded, tones
from analytics_platform_tests.catalogue.deezer_server import track
from analytics_platform_tests.catalogue.preview_server import preview_server
from analytics_platform_tests.catalogue.vendors import name_recordings, settings_with_sources, vendors_of
from analytics_platform_tests.orchestration.homes import frame, lake_of

SHOWN, NOWHERE = "USRC17607839", "USRC17607840"
"""A recording with a clip that may only be played, and one without any."""
BROKEN = {
    "silence": "silent",
    "0.3 s": "too short",
    "no samples": "too short",
    "not a number": "not finite",
    "surround": "too many channels",
    "1 MHz": "sample rate out of range",
    "m4a": "format not supported",
}
"""Kinds of broken files whose first bytes are those of audio, and why they are no clip."""
GOOD = {"DEA262600001": "wav", "DEA262600002": "flac", "DEA262600003": "mp3", "DEA262600004": "ogg"}
TWIN = "DEA262600005"
"""A recording with the same file as the first one: one clip."""
LATE = "DEA262600009"
BROKEN_ISRC = {kind: f"DEB2626{number:05d}" for number, kind in enumerate(BROKEN)}


@dataclass
class Home:
    """A home whose masters and previews were worked on, and what the runs said."""

    settings: Settings
    results: dict[str, RunResult]
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)

    def run(self, job: str, batches: tuple[str, str] | None = None) -> RunResult:
        result = run_job(self.settings, job, batches=batches)
        assert result.succeeded, result.error
        return result

    def table(self, table: Table) -> pl.DataFrame:
        return lake_of(self.settings).read(table)

    def clip_of(self, isrc: str) -> str:
        return self.table(CLIPS).filter(isrc=isrc)["clip_id"].item()

    def shard(self, batch: str) -> bytes:
        (path,) = self.settings.spectrograms_root.glob(f"*/{batch}.npy")
        return path.read_bytes()

    def logs(self, run_id: str) -> list[str]:
        dagster_home(self.settings)
        with dg.DagsterInstance.get() as instance:
            return [entry.user_message for entry in instance.all_logs(run_id)]


def sound(number: int) -> np.ndarray:
    """(samples, 2) of a few seconds, another for each number."""
    return tones(4 + number) * (1 - 0.1 * number)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    """``catalogue`` and ``sound`` as the command line starts them; a late master; ``catalogue`` and ``publish``."""
    folder = tmp_path_factory.mktemp("steps")
    with pytest.MonkeyPatch.context() as monkeypatch, preview_server({"a.mp3": encoded(tones(5), "mp3")}) as previews:
        monkeypatch.setenv("DAGSTER_HOME", "")
        with vendors_of(previews, monkeypatch, folder) as vendors:
            settings = settings_with_sources(folder / "home", preview_sources=("deezer",), spotify_client_id=None)
            masters = Path(settings.masters_root)
            for number, (isrc, kind) in enumerate(GOOD.items()):
                (masters / f"{isrc}.{kind}").write_bytes(encoded(sound(number), kind))
            (masters / f"{TWIN}.wav").write_bytes((masters / "DEA262600001.wav").read_bytes())
            broken = broken_files()
            for kind, isrc in BROKEN_ISRC.items():
                (masters / isrc).write_bytes(broken[kind][0])
            vendors.deezer.tracks[SHOWN] = track(SHOWN)
            vendors.deezer.preview = lambda isrc: previews.sign("a.mp3")
            name_recordings(settings, {SHOWN: "Shown", NOWHERE: "Nowhere", "DEA262600001": "First"})
            found = Home(settings, {})
            found.results["catalogue"] = found.run("catalogue")
            batches = missing_batches(settings)
            assert batches == ("clips_000001", "clips_000001")
            found.results["sound"] = found.run("sound", batches)
            assert missing_batches(settings) is None
            found.tables = {table.full_name: frame(settings, table) for table in AUDIO_TABLES}
            (masters / f"{LATE}.wav").write_bytes(encoded(sound(5), "wav"))
            found.run("catalogue")
            found.run("publish")
            yield found


def test_every_clip_that_may_be_analysed_is_read_or_rejected_exactly_once(home: Home) -> None:
    clips = home.table(CLIPS)
    assert set(clips["isrc"]) == {*GOOD, TWIN, *BROKEN_ISRC.values(), SHOWN, NOWHERE, LATE}
    batched = home.table(CLIP_BATCHES)
    assert batched["clip_id"].is_unique().all()
    allowed = clips.filter(pl.col("may_analyse"))
    assert set(batched["clip_id"]) == set(allowed["clip_id"])
    first = batched.filter(batch="clips_000001")
    assert len(first) == len(GOOD) + len(BROKEN), "the twins are one clip"
    rejected = home.table(REJECTED_CLIPS)
    read = [home.table(table)["clip_id"].to_list() for table in (SPECTROGRAMS, DESCRIPTORS)]
    assert sorted(read[0]) == sorted(read[1])
    assert Counter(read[0]) + Counter(rejected["clip_id"]) == Counter(first["clip_id"])
    features = home.table(LOW_LEVEL_FEATURES).select("clip_id", "feature_set")
    assert sorted(features.rows()) == sorted((clip, name) for clip in read[0] for name in FEATURE_SETS)
    assert set(read[0]) == {home.clip_of(isrc) for isrc in GOOD}
    reasons = dict(rejected.select("clip_id", "reason").rows())
    assert reasons == {home.clip_of(isrc): BROKEN[kind] for kind, isrc in BROKEN_ISRC.items()}


def test_what_is_stored_of_a_clip_is_what_its_file_gives(home: Home) -> None:
    table = home.table(SPECTROGRAMS)
    spectrograms = Spectrograms(
        home.settings.spectrograms_root,
        table["shard"].to_list(),
        table["shard_row"].to_numpy(),
        table["frames"].to_numpy(),
    )
    spectra = spectrograms.full(np.arange(len(table)))
    batched = {row["clip_id"]: row for row in home.table(CLIP_BATCHES).iter_rows(named=True)}
    descriptors = {row["clip_id"]: row for row in home.table(DESCRIPTORS).iter_rows(named=True)}
    features = home.table(LOW_LEVEL_FEATURES)
    for row, clip in enumerate(table["clip_id"]):
        where = batched[clip]
        decoded = decode_file(where["location"], offset_s=where["offset_s"])[0]
        known = analyse(decoded.samples, decoded.length)
        np.testing.assert_array_equal(spectra.values[row, ::2], known.log_mel[0])
        np.testing.assert_array_equal(spectra.values[row, 1::2], known.log_mel[1])
        assert spectra.mask[row].sum() == known.frames
        assert descriptors[clip]["loudness_lufs"] == pytest.approx(known.descriptors.loudness_lufs)
        assert (descriptors[clip]["key"], descriptors[clip]["channels"]) == (known.descriptors.key, 2)
        for name, values in known.features.items():
            stored = features.filter(clip_id=clip, feature_set=name).select(list(FEATURE_NAMES)).row(0)
            found = np.array([np.nan if value is None else value for value in stored])
            np.testing.assert_allclose(found, values, rtol=1e-6, atol=1e-9)


def test_the_mart_says_what_became_of_every_recording(home: Home) -> None:
    with duckdb.connect(str(home.settings.database), read_only=True) as connection:
        mart = {
            row[0]: row[1:]
            for row in connection.execute("select isrc, status, reason from marts.track_audio").fetchall()
        }
        titles = dict(
            connection.execute("select isrc, title from marts.track_audio where title is not null").fetchall()
        )
        rejected = connection.execute("select count(*) from audio.rejected_clips").fetchall()[0][0]
    assert mart.pop(SHOWN) == ("not allowed", None)
    status, reason = mart.pop(NOWHERE)
    assert status == "missing" and "deezer: absent" in reason
    for kind, isrc in BROKEN_ISRC.items():
        assert mart.pop(isrc) == ("rejected", BROKEN[kind])
    assert mart.pop(LATE) == ("waiting", None)
    assert mart == dict.fromkeys([*GOOD, TWIN], ("analysed", None))
    assert titles == {SHOWN: "Shown", NOWHERE: "Nowhere", "DEA262600001": "First"}
    assert rejected == len(BROKEN)


def test_a_clip_without_the_right_is_in_no_batch_and_no_training_set(home: Home) -> None:
    clips = home.table(CLIPS)
    shown = home.clip_of(SHOWN)
    assert clips.filter(isrc=SHOWN).select("source", "may_analyse", "may_train", "may_display").row(0) == (
        "deezer", False, False, True,
    )  # fmt: skip
    assert shown not in home.table(CLIP_BATCHES)["clip_id"]
    require_training_rights(clips, home.table(SPECTROGRAMS)["clip_id"])
    with pytest.raises(TrainingRightsError, match="1 from deezer"):
        require_training_rights(clips, [*home.table(SPECTROGRAMS)["clip_id"], shown])


def test_without_weights_there_are_no_embeddings_and_the_run_says_so(home: Home) -> None:
    assert home.tables[EMBEDDINGS.full_name].is_empty() and home.tables[TAGS.full_name].is_empty()
    said = home.logs(home.results["sound"].run_id)
    assert any("No pretrained net has its weights here" in line for line in said)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path | str:
    """The weights of MusiCNN as pip has them, or why it has not."""
    try:
        return download_wheel(tmp_path_factory.mktemp("wheel"))
    except WeightsError as error:
        return str(error)


@pytest.fixture(scope="module")
def again(home: Home, wheel: Path | str) -> Home:
    """Both batches run, of which the first was run before; with weights where they can be had."""
    if isinstance(wheel, Path):
        fetch_musicnn(home.settings.models_root / "pretrained" / MusiCNN.name, wheel)
    before = home.shard("clips_000001")
    assert missing_batches(home.settings) == ("clips_000002", "clips_000002")
    home.run("sound", ("clips_000001", "clips_000002"))
    assert missing_batches(home.settings) is None
    assert home.shard("clips_000001") == before
    return home


def test_a_new_master_opens_a_new_batch_and_the_old_one_gives_the_same_again(again: Home) -> None:
    for table in (CLIP_BATCHES, *FROM_SOUND):
        rows = frame(again.settings, table)
        assert_frame_equal(rows.filter(batch="clips_000001"), again.tables[table.full_name])
        late = set(rows.filter(batch="clips_000002")["clip_id"])
        assert late == (set() if table is REJECTED_CLIPS else {again.clip_of(LATE)}), table.full_name
    assert len(again.shard("clips_000002")) < len(again.shard("clips_000001"))
    assert not list(again.settings.lake_root.rglob("*.tmp"))


def test_with_weights_every_readable_clip_has_tags(again: Home, wheel: Path | str) -> None:
    if isinstance(wheel, str):
        pytest.skip(f"the step embed_clips with real weights is NOT tested: {wheel}")
    good = {again.clip_of(isrc) for isrc in (*GOOD, LATE)}
    tags = again.table(TAGS)
    assert Counter(tags["clip_id"]) == Counter(dict.fromkeys(good, len(TAG_NAMES)))
    assert set(tags["tag"]) == set(TAG_NAMES)
    embeddings = again.table(EMBEDDINGS)
    assert set(embeddings["clip_id"]) == good
    for row in embeddings.iter_rows(named=True):
        shard = load_file(again.settings.embeddings_root / row["shard"])
        windows = shard["sequences"][row["first_window"] : row["first_window"] + row["windows"]]
        np.testing.assert_allclose(windows.mean(axis=0), shard["pooled"][row["shard_row"]], atol=1e-2)
