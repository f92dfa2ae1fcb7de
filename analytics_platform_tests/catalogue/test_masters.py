"""Every own recording is found by the surest sign of its ISRC, and every file that is not used has a reason."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import fsspec
import mutagen
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen.flac import Picture
from mutagen.id3 import APIC, ID3

from analytics_platform.catalogue import clips as clips_module
from analytics_platform.catalogue.clips import clip_id, codec_of, isrc_of, isrcs_in, read_header
from analytics_platform.catalogue.masters import Masters, index_masters
from analytics_platform.catalogue.tables import CLIPS
from analytics_platform_tests.catalogue.sounds import tone, write_tone

A, B, C, D = "USRC17607839", "GBDUW0000059", "DEA621200001", "FRZ039800212"


def found(masters: Masters) -> dict[str, tuple[str, str]]:
    """ISRC → method, path."""
    return {row["isrc"]: (row["match_method"], row["source_track_id"]) for row in masters.candidates.to_dicts()}


def reasons(masters: Masters) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for path, reason, detail in masters.problems.rows():
        told.setdefault(path, []).append(f"{reason} ({detail})" if detail else reason)
    return told


@pytest.mark.parametrize("codec", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_tags_and_length_of_every_format(tmp_path: Path, codec: str) -> None:
    path = write_tone(tmp_path / f"x.{codec}", "US-RC1-76-07839", seconds=34)
    row = index_masters(str(tmp_path)).candidates.row(0, named=True)
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    # mp3 pads to whole frames.
    assert row.pop("offset_s") == pytest.approx(2, abs=0.1)
    assert row.pop("clip_id") is not None
    assert row == {
        "isrc": A,
        "source": "master",
        "source_track_id": f"x.{codec}",
        "location": str(path),
        "codec": codec,
        "duration_s": 30.0,
        "size_bytes": path.stat().st_size,
        "sha256": sha,
        "match_method": "tag",
        "match_score": 1.0,
    }


def test_candidates_are_the_first_columns_of_clips(tmp_path: Path) -> None:
    columns = index_masters(str(tmp_path)).candidates.columns
    assert columns == [column.name for column in CLIPS][: len(columns)]
    assert columns[-1] == "match_score"


def test_the_manifest_goes_before_tags_and_tags_before_names(tmp_path: Path) -> None:
    write_tone(tmp_path / f"{B}.flac", A)
    write_tone(tmp_path / f"sub/gb-duw-00-00059 final_{C}x.wav")
    write_tone(tmp_path / "plain.wav", D)
    (tmp_path / "manifest.csv").write_text(f"ISRC,File\n{C},plain.wav\n")
    masters = index_masters(str(tmp_path))
    assert found(masters) == {
        A: ("tag", f"{B}.flac"),
        B: ("file name", f"sub/gb-duw-00-00059 final_{C}x.wav"),
        C: ("manifest", "plain.wav"),
    }
    assert reasons(masters) == {
        f"{B}.flac": [f"tags and name differ ({A}, {B})"],
        "plain.wav": [f"manifest and tags differ ({C}, {D})"],
    }


def test_of_several_files_the_surer_then_the_first_wins_and_the_others_are_told(tmp_path: Path) -> None:
    write_tone(tmp_path / f"a {A}.wav")
    write_tone(tmp_path / "c.flac", A)
    write_tone(tmp_path / "b.flac", A)
    masters = index_masters(str(tmp_path))
    assert found(masters) == {A: ("tag", "b.flac")}
    told = f"its ISRC has another file ({A}: b.flac)"
    assert reasons(masters) == {f"a {A}.wav": [told], "c.flac": [told]}


def test_the_middle_thirty_seconds_unless_the_manifest_says_otherwise(tmp_path: Path) -> None:
    for name in ("one", "two", "far"):
        write_tone(tmp_path / f"{name}.wav", seconds=100, pitch=len(name))
    write_tone(tmp_path / "short.wav", seconds=7)
    (tmp_path / "manifest.csv").write_text(
        f"isrc,file,offset_s\n{A},one.wav,\n{B},two.wav,85.5\n{C},short.wav,\n{D},far.wav,100\n"
    )
    masters = index_masters(str(tmp_path))
    rows = masters.candidates.select("isrc", "offset_s", "duration_s").sort("isrc").rows()
    assert rows == [(C, 0.0, 7.0), (D, 35.0, 30.0), (B, 85.5, 14.5), (A, 35.0, 30.0)]
    assert reasons(masters) == {"far.wav": ["the manifest's offset lies behind the end (the middle is taken)"]}


def test_bad_lines_of_a_manifest_are_told_and_the_good_ones_count(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    (tmp_path / "manifest.csv").write_bytes(
        b"\xef\xbb\xbfisrc,file,offset_s\n"
        + f"{A},a.wav\n{A},a.wav,3\nnone,a.wav,3\n{B},gone.wav,\n{C},../a.wav,\n{C},/etc/passwd,\n{D},a.wav,-1\n"
        f"{D},a.wav,nan\n{D}\n\n{D},a\xff.wav,\n".encode("latin-1")
    )
    masters = index_masters(str(tmp_path))
    assert found(masters) == {A: ("manifest", "a.wav")}
    assert reasons(masters) == {
        "manifest.csv line 3": [f"ISRC listed before ({A} is in line 2)"],
        "manifest.csv line 4": ["no ISRC in the line"],
        "manifest.csv line 5": ["there is no such audio file (gone.wav)"],
        "manifest.csv line 6": ["no path below the folder in the line"],
        "manifest.csv line 7": ["no path below the folder in the line"],
        "manifest.csv line 8": ["offset_s is no number of seconds from 0 up"],
        "manifest.csv line 9": ["offset_s is no number of seconds from 0 up"],
        "manifest.csv line 10": ["no path below the folder in the line"],
        "manifest.csv line 12": ["there is no such audio file (a�.wav)"],
    }


@pytest.mark.parametrize("text", [b"", b"name;path\n", b"\x00\xff" * 1000, b'isrc,file\n"' + b"x" * 200_000])
def test_a_manifest_that_is_none_leaves_tags_and_names(tmp_path: Path, text: bytes) -> None:
    write_tone(tmp_path / f"{A}.wav")
    (tmp_path / "manifest.csv").write_bytes(text)
    masters = index_masters(str(tmp_path))
    assert found(masters) == {A: ("file name", f"{A}.wav")}
    assert list(reasons(masters)) == ["manifest.csv"]


def test_what_is_not_taken_has_a_reason(tmp_path: Path) -> None:
    outside = write_tone(tmp_path / "outside" / f"{A}.wav")
    root = tmp_path / "masters"
    kept = write_tone(root / f"{B}.wav")
    (root / f"{A}.wav").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / f"{C}.wav").symlink_to(root / "nowhere")
    (root / f"{D}.wav").symlink_to(kept)
    write_tone(root / f".{A}.wav")
    write_tone(root / ".trash" / f"{A}.wav")
    write_tone(root / "no code.wav")
    write_tone(root / f"{A} {C}.wav")
    write_tone(root / "long.wav", A, seconds=9)
    (root / "notes.mp3").write_text("not audio")
    (root / "empty.mp3").touch()
    os.mkfifo(root / "pipe.wav")
    (root / os.fsdecode(b"caf\xe9.wav")).write_bytes(tone())
    masters = index_masters(str(root), max_bytes=100_000)
    assert found(masters) == {B: ("file name", f"{B}.wav"), D: ("file name", f"{D}.wav")}
    assert reasons(masters) == {
        f"{A}.wav": ["a link that leaves the folder"],
        "folder": ["a link that leaves the folder"],
        f"{C}.wav": ["a link to something that is no file"],
        f".{A}.wav": ["hidden"],
        ".trash": ["hidden"],
        "no code.wav": ["no ISRC in the manifest, the tags or the name"],
        f"{A} {C}.wav": [
            f"several ISRCs in its name ({A}, {C})",
            "no ISRC in the manifest, the tags or the name",
        ],
        "long.wav": ["too large (more than 100000 bytes)"],
        "notes.mp3": ["not audio that is supported"],
        "empty.mp3": ["empty"],
        "pipe.wav": ["not a plain file"],
        "caf\\udce9.wav": ["the name is not UTF-8"],
    }


def test_unchanged_files_are_not_hashed_again(tmp_path: Path) -> None:
    for isrc in (A, B):
        write_tone(tmp_path / f"{isrc}.wav", pitch=ord(isrc[0]))
    write_tone(tmp_path / "unmatched.wav")
    first = index_masters(str(tmp_path))
    again = index_masters(str(tmp_path), first.index)
    assert (first.hashed, again.hashed) == (2, 0)
    assert again.candidates.equals(first.candidates)
    assert again.problems.equals(first.problems)
    assert again.index.equals(first.index)

    write_tone(tmp_path / f"{B}.wav", pitch=999)
    os.utime(tmp_path / f"{B}.wav", (1, 1))
    (tmp_path / f"{A}.wav").rename(tmp_path / f"moved {A}.wav")
    changed = index_masters(str(tmp_path), again.index)
    assert changed.hashed == 2
    assert set(changed.index["path"]) == {f"{B}.wav", f"moved {A}.wav", "unmatched.wav"}
    sha = {row["isrc"]: row["sha256"] for row in changed.candidates.to_dicts()}
    assert sha[B] == hashlib.sha256((tmp_path / f"{B}.wav").read_bytes()).hexdigest()
    assert changed.candidates.filter(isrc=A)["clip_id"][0] == first.candidates.filter(isrc=A)["clip_id"][0]


def test_an_object_store(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe(f"/label/masters/b/{A}.flac", write_tone(tmp_path / "x.flac", B).read_bytes())
    store.pipe("/label/masters/manifest.csv", f"isrc,file\n{C},b/{A}.flac\n".encode())
    store.pipe("/label/other.flac", tone("flac"))
    masters = index_masters("memory://label/masters")
    assert found(masters) == {C: ("manifest", f"b/{A}.flac")}
    location = masters.candidates["location"][0]
    assert location == f"memory:///label/masters/b/{A}.flac"
    with fsspec.open(location) as file:
        assert hashlib.sha256(file.read()).hexdigest() == masters.candidates["sha256"][0]
    assert index_masters("memory://label/masters", masters.index).hashed == 0


@pytest.mark.parametrize("uri", ["/nowhere/at/all", "memory://nowhere"])
def test_a_folder_that_is_not_there_is_an_error_not_an_empty_one(uri: str) -> None:
    with pytest.raises(FileNotFoundError):
        index_masters(uri)


def test_tags_of_mp4_and_own_frames_of_id3(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.mp3")
    tags = ID3()
    tags.add(mutagen.id3.TXXX(desc="ISRC", text=[A]))
    tags.save(tmp_path / "x.mp3")
    assert found(index_masters(str(tmp_path))) == {A: ("tag", "x.mp3")}
    freeform = mutagen.mp4.MP4Tags()
    freeform["----:com.apple.iTunes:ISRC"] = [mutagen.mp4.MP4FreeForm(B.encode())]
    assert clips_module._isrc_tags(freeform) == [B]


def test_tags_that_take_too_much_are_a_reason_and_the_name_still_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips_module, "MAX_HEADER_BYTES", 2**20)
    for name, codec in ((A, "mp3"), (B, "flac")):
        path = write_tone(tmp_path / f"{name}.{codec}", D)
        if codec == "mp3":
            tags = ID3(path)
            tags.add(APIC(data=bytes(2 * 2**20)))
            tags.save(path)
        else:
            audio = mutagen.File(path)
            picture = Picture()
            picture.data = bytes(2 * 2**20)
            audio.add_picture(picture)
            audio.save()
    masters = index_masters(str(tmp_path))
    assert {isrc: method for isrc, (method, _) in found(masters).items()} == {A: "file name", B: "file name"}
    assert masters.candidates["offset_s"].to_list() == [0.0, 0.0]
    assert masters.candidates["duration_s"].null_count() == 2
    assert {reason for told in reasons(masters).values() for reason in told} == {
        "the header can't be read (header and tags take more than 1 MiB)"
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.sampled_from(["wav", "flac", "ogg", "mp3", "aiff"]),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=6)), max_size=8),
    st.integers(0, 3000),
)
def test_no_broken_file_breaks_the_scan(
    tmp_path_factory: pytest.TempPathFactory, codec: str, damage: list[tuple[int, bytes]], length: int
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    path = write_tone(folder / f"{A}.{codec}", A, seconds=0.2)
    data = bytearray(path.read_bytes()[: max(length, 12)])
    for place, new in damage:
        data[12 + place : 12 + place + len(new)] = new
    path.write_bytes(data)
    masters = index_masters(str(folder))
    assert masters.candidates.height or masters.problems.height
    assert (masters.candidates["duration_s"].drop_nulls().is_between(0, 30)).all()
    assert index_masters(str(folder), masters.index).candidates.equals(masters.candidates)


@given(st.binary(max_size=3000), st.sampled_from(["wav", "flac", "ogg", "mp3", "aiff", "m4a"]))
def test_a_header_of_any_bytes_is_read_or_has_a_problem(data: bytes, codec: str) -> None:
    import io

    header = read_header(io.BytesIO(data), codec)
    assert header.problem or header.duration_s is None or 0 < header.duration_s < 1e6


@pytest.mark.parametrize(
    ("start", "codec"),
    [
        (b"ID3\x04\0\0", "mp3"),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"\xff\xf3\x48\xc4", "mp3"),
        (b"\xff\xf1\x50\x80", None),
        (b"\xff\xfe<\0h\0", None),
        (b"\0\0\0\x1cftypM4A \0\0", "m4a"),
        (b"\0\0\0\x1cftypqt  \0\0", None),
        (b"RIFF\0\0\0\0AVI LIST", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_formats_by_their_first_bytes(start: bytes, codec: str | None) -> None:
    assert codec_of(start) == codec


def test_isrcs_in_words() -> None:
    assert isrcs_in(f"01_{A.lower()}_x US-RC1-76-07839 (gb-duw-00-00059)") == [A, B]
    assert isrcs_in(f"x{A} {A}0 US-RC17607839 USRC-176-07839 ΩUSRC1760783") == []
    assert isrc_of(" us-rc1-76-07839 ") == A
    assert isrc_of(f"{A} {B}") is None
    assert isrc_of("USRC1٧607839") is None


def test_the_id_of_a_clip_is_its_file_and_its_offset() -> None:
    sha = hashlib.sha256(b"x").hexdigest()
    assert clip_id(sha, 35) == clip_id(sha, 35.0000001) == hashlib.sha256(f"{sha} 35.000".encode()).hexdigest()[:32]
    assert clip_id(sha, 35.001) != clip_id(sha, 35)


def test_an_index_of_nothing_is_a_frame(tmp_path: Path) -> None:
    masters = index_masters(str(tmp_path))
    assert masters.problems.schema == {"path": pl.String, "reason": pl.String, "detail": pl.String}
    assert index_masters(str(tmp_path), masters.index).index.height == 0
