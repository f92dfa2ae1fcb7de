"""Worlds for studies: plays after a release without listeners, clips, and recordings that no vendor knows."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from analytics_platform.sample_label import LabelSpec, audience, render_unreleased
from analytics_platform.sample_label.catalogue import Catalogue, build_catalogue
from analytics_platform.sample_label.masters import master_bytes, plan_masters
from analytics_platform.sample_label.plays import draw_plays
from analytics_platform.sample_label.sound import QUALITIES, TRACK_SHARE
from analytics_platform.sample_label.studies import PLAYS_PER_DAY, first_days_plays, render_clips, track_plays
from analytics_platform.sample_label.unreleased import plan_unreleased
from analytics_platform.sample_label.world import World

SPEC = LabelSpec(seed=3, scale=0.001, days=1)


def slow_rates(catalogue: Catalogue, days: int) -> np.ndarray:
    """What is expected, track by track and day by day."""
    rates = np.zeros(len(catalogue.isrcs))
    for track, artist in enumerate(catalogue.track_artists.tolist()):
        own = catalogue.track_artists == artist
        for day in range(days):
            out = own & (catalogue.release_days <= catalogue.release_days[track] + day)
            rates[track] += catalogue.track_weights[track] / catalogue.track_weights[out].sum()
        rates[track] *= PLAYS_PER_DAY * catalogue.popularity[artist] / catalogue.popularity.mean()
    return rates


@pytest.mark.parametrize("days", [1, 28, 90])
def test_first_days_have_what_the_tracks_that_are_out_by_then_leave(days):
    spec = LabelSpec(scale=0.05)
    catalogue = build_catalogue(spec)
    expected = slow_rates(catalogue, days)
    plays = first_days_plays(spec, catalogue, days)
    # Six standard deviations of Poisson counts, and what they are about small means.
    assert (np.abs(plays - expected) < 6 * np.sqrt(expected) + 6).all()
    assert plays.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_first_days_are_drawn_day_by_day():
    catalogue = build_catalogue(SPEC)
    counts = [first_days_plays(SPEC, catalogue, days) for days in (1, 7, 28)]
    assert (counts[0] <= counts[1]).all()
    assert (counts[1] <= counts[2]).all()
    assert np.array_equal(counts[1], first_days_plays(SPEC, catalogue, 7))
    assert not np.array_equal(counts[1], first_days_plays(LabelSpec(seed=4), catalogue, 7))


def test_first_days_are_about_what_listeners_play():
    """The rate is that of a label at scale 1, where artists are as well known as their listeners make them."""
    world = World.build(LabelSpec(scale=1.0), 90)
    plays = np.mean([len(draw_plays(world, day)) for day in (0, 30, 60)])
    assert plays / len(world.catalogue.artist_names) == pytest.approx(PLAYS_PER_DAY, rel=0.15)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips of 5 s by recording code, rendered by two processes."""
    folder = tmp_path_factory.mktemp("clips")
    catalogue = build_catalogue(SPEC)
    assert render_clips(SPEC, catalogue, folder, 5.0, workers=2) == len(catalogue.isrcs)
    return {path.stem: path for path in folder.iterdir()}


def test_every_track_has_a_clip_of_its_own(clips):
    assert set(clips) == set(build_catalogue(SPEC).isrcs)
    sounds = [soundfile.read(path) for path in clips.values()]
    assert {(rate, sound.shape) for sound, rate in sounds} == {(22_050, (5 * 22_050,))}
    assert len({sound.tobytes() for sound, _ in sounds}) == len(clips)


def test_a_clip_that_is_there_is_kept_and_a_missing_one_is_the_same_again(clips):
    catalogue = build_catalogue(SPEC)
    first, *others = catalogue.isrcs
    before = {isrc: clips[isrc].stat().st_mtime_ns for isrc in others}
    body = clips[first].read_bytes()
    clips[first].unlink()
    seen: list[tuple[int, int]] = []
    assert render_clips(SPEC, catalogue, clips[first].parent, 5.0, progress=lambda *done: seen.append(done)) == 1
    assert seen == [(1, 1)]
    assert clips[first].read_bytes() == body
    assert {isrc: clips[isrc].stat().st_mtime_ns for isrc in others} == before


def test_a_clip_is_what_its_master_plays(clips):
    masters = plan_masters(SPEC, build_catalogue(SPEC))
    same = [m for m in masters if (m.kind, m.codec, m.channels, m.rate) == ("good", "flac", 1, 22_050)][:3]
    for master in same:
        clip, _ = soundfile.read(clips[master.isrc])
        whole, _ = soundfile.read(io.BytesIO(master_bytes(SPEC.seed, master)))
        # The level of a whole is not that of its part, and the clip fades out.
        size = 4 * 22_050
        assert np.corrcoef(clip[:size], whole[:size])[0, 1] > 0.95


@pytest.fixture(scope="module")
def unreleased(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("unreleased")
    seen: list[tuple[int, int]] = []
    assert render_unreleased(SPEC, folder, progress=lambda *done: seen.append(done)) == 26
    assert seen == [(done, 26) for done in range(1, 27)]
    return folder, pl.read_parquet(folder / "truth" / "unreleased.parquet")


def test_demos_are_of_artists_from_little_to_well_known_and_of_a_newcomer(unreleased):
    folder, truth = unreleased
    catalogue = build_catalogue(SPEC)
    on_disk = {str(path.relative_to(folder / "unreleased")) for path in (folder / "unreleased").rglob("*.*")}
    assert on_disk == set(truth["file"])
    good = truth.filter(kind="good")
    counts = dict(good["artist_name"].value_counts().iter_rows())
    (newcomer,) = set(counts) - set(catalogue.artist_names)
    assert sorted(counts.values()) == [4, 5, 5, 5, 5]
    assert counts[newcomer] == 4
    ranks = np.argsort(np.argsort(catalogue.popularity))
    known = sorted(ranks[catalogue.artist_names.index(name)] for name in counts if name != newcomer)
    assert known[0] < 0.15 * len(ranks)
    assert known[-1] > 0.85 * len(ranks)
    released = {
        (catalogue.artist_names[artist], title)
        for artist, title in zip(catalogue.track_artists.tolist(), catalogue.track_names, strict=True)
    }
    assert not released & set(good.select("artist_name", "title").iter_rows())
    for row in good.iter_rows(named=True):
        assert Path(row["file"]).stem == row["title"]
        assert str(Path(row["file"]).parent) == ("." if row["artist_name"] == newcomer else row["artist_name"])


def test_demos_can_be_played_and_broken_files_not(unreleased):
    import mutagen

    folder, truth = unreleased
    for row in truth.iter_rows(named=True):
        path = folder / "unreleased" / row["file"]
        if row["kind"] == "broken":
            with pytest.raises(soundfile.LibsndfileError):
                soundfile.read(path)
            continue
        sound, rate = soundfile.read(path)
        assert (rate, sound.ndim, len(sound) / rate) == (22_050, 1, pytest.approx(30, abs=0.15))
        assert 0.02 < np.sqrt(np.mean(sound**2)) < 0.5
        if "/" not in row["file"]:
            tags = mutagen.File(path, easy=True)
            assert (tags["artist"], tags["title"]) == ([row["artist_name"]], [row["title"]])
    assert {Path(file).suffix for file in truth["file"]} == {".flac", ".ogg", ".mp3", ".wav"}
    assert truth.filter(kind="broken")["file"].str.slice(-4).to_list() == [".mp3", "flac"]


def test_demos_sound_as_their_artists_do_and_their_appeal_is_on_the_labels_scale():
    """Over labels of many seeds, by the plan."""
    away, appeals = [], []
    for seed in range(30):
        spec = LabelSpec(seed=seed, scale=0.05)
        catalogue = build_catalogue(spec)
        demos = [demo for demo in plan_unreleased(spec, catalogue) if demo.qualities is not None]
        sounds = catalogue.sounds
        for demo in demos:
            appeals.append(demo.appeal)
            if demo.artist_name in catalogue.artist_names:
                artist = catalogue.artist_names.index(demo.artist_name)
                away.append(demo.qualities - sounds.artist_qualities[artist])
        assert len({demo.clip.track_seed for demo in demos}) == 24
    assert np.std(away, axis=0) == pytest.approx([np.sqrt(TRACK_SHARE)] * len(QUALITIES), rel=0.1)
    assert np.mean(appeals) == pytest.approx(0, abs=0.15)
    assert np.std(appeals) == pytest.approx(0.96, abs=0.1)


def test_unreleased_files_are_the_same_each_time_and_kept(unreleased):
    folder, truth = unreleased
    paths = {file: folder / "unreleased" / file for file in truth["file"]}
    before = {file: (path.read_bytes(), path.stat().st_mtime_ns) for file, path in paths.items()}
    # One of each codec, and the broken ones.
    again = {Path(file).suffix: file for file in truth.filter(kind="good")["file"]}.values()
    again = {*again, *truth.filter(kind="broken")["file"]}
    for file in again:
        paths[file].unlink()
    assert render_unreleased(SPEC, folder) == len(again) == 6
    assert all(path.read_bytes() == before[file][0] for file, path in paths.items())
    assert {file for file, path in paths.items() if path.stat().st_mtime_ns != before[file][1]} == again
    assert pl.read_parquet(folder / "truth" / "unreleased.parquet").equals(truth)
    assert render_unreleased(SPEC, folder) == 0
    with pytest.raises(FileExistsError, match="another sample label"):
        render_unreleased(LabelSpec(seed=4), folder)


@pytest.fixture(scope="module")
def taste() -> tuple[LabelSpec, Catalogue]:
    spec = LabelSpec(seed=3, scale=0.1, days=90)
    return spec, build_catalogue(spec)


def test_first_listeners_play_as_the_whole_label_does(taste):
    """By listener, by artist and by track, against the plays that a world of the same seed delivers."""
    spec, catalogue = taste
    world = World.build(spec, 90)
    plays, artists = track_plays(spec, catalogue, 90, 1_500)
    assert plays.shape == (1_500, len(catalogue.isrcs))
    assert plays.dtype == np.float32
    assert np.array_equal(artists, catalogue.track_artists)
    delivered = [draw_plays(world, day) for day in range(90)]
    counts = np.zeros((1_500, len(catalogue.isrcs)))
    for day in delivered:
        first = day.listeners < 1_500
        np.add.at(counts, (day.listeners[first], day.tracks[first]), 1)
    ours = plays.toarray()
    assert ours.sum() == pytest.approx(counts.sum(), rel=0.01)
    # The same pairs, so who plays much plays much in both; Poisson noise of each is left.
    for axis in (0, 1):
        apart = (ours.sum(axis=axis) - counts.sum(axis=axis)) / np.sqrt((ours + counts).sum(axis=axis).clip(1))
        assert np.std(apart) == pytest.approx(1, abs=0.15)
    owner = np.arange(len(catalogue.artist_names)) == artists[:, None]
    pairs = np.unique(world.pairs.listeners.astype(np.int64) * owner.shape[1] + world.pairs.artists)
    who, whom = np.nonzero(ours @ owner)
    assert np.isin(who * owner.shape[1] + whom, pairs).all()


def test_fewer_listeners_are_the_first_ones_and_a_longer_time_only_adds(taste):
    spec, catalogue = taste
    some, _ = track_plays(spec, catalogue, 30, 2_000)
    again, _ = track_plays(spec, catalogue, 30, 2_000)
    assert some.data.tobytes() == again.data.tobytes()
    assert some.indices.tobytes() == again.indices.tobytes()
    everybody, _ = track_plays(spec, catalogue, 1, 10**9)
    assert everybody.shape[0] == 4_000
    longer, _ = track_plays(spec, catalogue, 60, 2_000)
    assert ((longer - some).data > 0).all()


def test_pairs_of_the_first_listeners_are_those_of_the_world(monkeypatch, taste):
    """Also where they end within a block."""
    monkeypatch.setattr(audience, "BLOCK", 1_000)
    spec, catalogue = taste
    listeners = audience.build_listeners(spec, catalogue)
    every = audience.build_pairs(spec, 120, catalogue, listeners)
    some = audience.build_pairs(spec, 120, catalogue, listeners, 2_500)
    first = every.listeners < 2_500
    for name in ("listeners", "artists", "fan_types", "join_days"):
        assert np.array_equal(getattr(some, name), getattr(every, name)[first])
    rates = np.diff(every.rate_steps, prepend=0)[first]
    assert np.diff(some.rate_steps, prepend=0) == pytest.approx(rates, abs=1e-6)
