"""Masters: the files are those of the truth, broken as it says, the same each time, and a killed run goes on."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from analytics_platform.sample_label import LabelSpec, generate, render_masters
from analytics_platform.sample_label.catalogue import build_catalogue
from analytics_platform.sample_label.files import ogg_with_serial
from analytics_platform.sample_label.masters import BROKEN, master_bytes, plan_masters
from analytics_platform.sample_label.recordings import FEW_FILES

SPEC = LabelSpec(seed=3, scale=0.001, days=1)


@dataclass(frozen=True)
class Rendered:
    folder: Path
    truth: pl.DataFrame
    reports: list[tuple[int, int]]

    def rows(self, kind: str) -> list[dict[str, object]]:
        return self.truth.filter(pl.col("kind") == kind).to_dicts()

    def path(self, row: dict[str, object]) -> Path:
        return self.folder / "masters" / str(row["file"])


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The masters of a label of 16 artists, written by two processes."""
    folder = tmp_path_factory.mktemp("masters")
    reports: list[tuple[int, int]] = []
    written = render_masters(SPEC, folder, progress=lambda done, total: reports.append((done, total)), workers=2)
    assert written > FEW_FILES
    return Rendered(folder, pl.read_parquet(folder / "truth" / "masters.parquet"), reports)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_files_are_those_of_the_truth(rendered):
    truth = rendered.truth
    on_disk = {str(path.relative_to(rendered.folder / "masters")): path for path in
               (rendered.folder / "masters").rglob("*") if path.is_file()}  # fmt: skip
    assert set(on_disk) == {*truth["file"].drop_nulls(), "manifest.csv"}
    assert all(on_disk[row["file"]].stat().st_size == row["size_bytes"] for row in truth.to_dicts() if row["file"])
    assert truth["isrc"].drop_nulls().to_list() == build_catalogue(SPEC).isrcs
    assert truth["file"].drop_nulls().is_unique().all()
    assert {*BROKEN, "good", "missing", "stray"} == set(truth["kind"])
    assert all(row["file"] is None for row in rendered.rows("missing"))
    assert rendered.reports[-1] == (len(on_disk) - 1, len(on_disk) - 1)


def test_good_files_hold_the_music_that_the_truth_says(rendered):
    good = rendered.rows("good") + rendered.rows("wrong extension")
    for row in good:
        sound, rate = soundfile.read(rendered.path(row), always_2d=True)
        assert (rate, sound.shape[1]) == (row["sample_rate"], row["channels"])
        assert len(sound) / rate == pytest.approx(row["duration_s"], abs=0.15), row["file"]
        assert 0.02 < np.sqrt(np.mean(sound**2)) < 0.5
    assert {row["codec"] for row in good} == {"flac", "ogg", "mp3"}
    assert min(row["duration_s"] for row in good) >= 30


def test_files_tell_whose_they_are_as_the_truth_says(rendered):
    import mutagen

    manifest = dict(pl.read_csv(rendered.folder / "masters" / "manifest.csv").select("file", "isrc").iter_rows())
    names = {"flac": "isrc", "ogg": "isrc", "mp3": "TSRC"}
    seen = set()
    for row in rendered.rows("good"):
        file, method = str(row["file"]), row["match_method"]
        tags = mutagen.File(rendered.path(row)).tags or {}
        said = {
            "manifest": manifest.get(file),
            "tag": str(tags[names[str(row["codec"])]][0]) if names[str(row["codec"])] in tags else None,
            "file name": Path(file).stem if str(row["isrc"]) in file else None,
        }
        assert {name: isrc for name, isrc in said.items() if isrc} == {method: row["isrc"]}
        seen.add((method, row["codec"]))
    assert {method for method, _ in seen} == {"manifest", "tag", "file name"}


def test_broken_files_are_broken_as_the_truth_says(rendered):
    for kind in BROKEN:
        for row in rendered.rows(kind):
            body = rendered.path(row).read_bytes()
            if kind in ("empty", "html", "garbage", "truncated"):
                with pytest.raises(soundfile.LibsndfileError):
                    soundfile.read(io.BytesIO(body))
            starts = {"empty": b"", "html": b"<!DOCTYPE html>", "truncated": b"fLaC"}
            assert body.startswith(starts.get(kind, b""))
            assert (kind == "empty") == (not body)
            if kind in ("silent", "short"):
                sound, rate = soundfile.read(io.BytesIO(body))
                assert (np.abs(sound).max() == 0) == (kind == "silent")
                assert (len(sound) / rate < 2.2) == (kind == "short")
            if kind == "wrong extension":
                assert Path(str(row["file"])).suffix != f".{row['codec']}"


def test_the_same_spec_gives_the_same_bytes_for_any_number_of_days(rendered):
    catalogue = build_catalogue(SPEC)
    kept: dict[tuple[object, ...], object] = {}
    for master in plan_masters(replace(SPEC, days=200), catalogue):
        if master.file:
            kept.setdefault((master.kind, master.codec, master.match_method, master.channels), master)
    assert len(kept) > 12
    for master in kept.values():
        assert master_bytes(SPEC.seed, master) == (rendered.folder / "masters" / master.file).read_bytes(), master


def test_a_killed_run_goes_on_and_a_changed_file_is_made_again(rendered):
    before = digests(rendered.folder)
    first, second, third = rendered.rows("good")[:3]
    rendered.path(first).unlink()
    rendered.path(second).write_bytes(b"half")
    untouched = rendered.path(third).stat().st_mtime_ns
    assert render_masters(SPEC, rendered.folder) == 2
    assert digests(rendered.folder) == before
    assert rendered.path(third).stat().st_mtime_ns == untouched
    assert render_masters(SPEC, rendered.folder) == 0


def test_masters_lie_beside_deliveries_of_the_same_label_only(rendered):
    generate(SPEC, rendered.folder)
    assert (rendered.folder / "truth" / "tracks.parquet").exists()
    with pytest.raises(FileExistsError, match="another sample label"):
        render_masters(replace(SPEC, seed=4), rendered.folder)


def test_an_ogg_with_another_serial_is_read_as_before():
    buffer = io.BytesIO()
    sound = np.sin(np.arange(44_100) * 0.05)
    soundfile.write(buffer, sound, 22_050, format="OGG", subtype="VORBIS")
    body = buffer.getvalue()
    changed = ogg_with_serial(body, 5)
    assert changed != body
    # The decoder drops pages with a wrong checksum.
    assert np.array_equal(soundfile.read(io.BytesIO(changed))[0], soundfile.read(io.BytesIO(body))[0])
    assert ogg_with_serial(changed, int.from_bytes(body[14:18], "little")) == body
    with pytest.raises(ValueError, match="Ogg"):
        ogg_with_serial(b"RIFF" + body, 5)
