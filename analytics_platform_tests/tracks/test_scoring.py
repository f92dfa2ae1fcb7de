"""Scores of files in unreleased/: they follow the model's law, broken files hurt nobody, nothing is heard twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics_platform.lakehouse.frames import frame_of
from analytics_platform.orchestration.build import SQL_ROOT
from analytics_platform.orchestration.run import run_job
from analytics_platform.settings import Settings
from analytics_platform.tracks.hearing import Ears, NetError
from analytics_platform.tracks.reasoning import explain_folder
from analytics_platform.tracks.score_tables import (
    REJECT_REASONS,
    SCORED,
    TRACK_EXPLANATIONS,
    TRACK_SCORE_REASONS,
    TRACK_SCORES,
)
from analytics_platform.tracks.score_words import evidence
from analytics_platform.tracks.scoring import Scored, score_folder
from analytics_platform.tracks.shipped import Shipped
from analytics_platform_tests.audio.broken_files import A_CLIP, broken_files, good
from analytics_platform_tests.orchestration.homes import lake_of
from analytics_platform_tests.tracks.scored_homes import AUC, drop, isrc, make_home, release, shipped_model

LEVELS = {"Artist 1/Quiet.wav": -48.0, "Artist 1/Middle.flac": -35.0, "New Artist/Loud.ogg": -22.0}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = make_home(tmp_path / "home")
    for seed, (file, level) in enumerate(LEVELS.items(), 500):
        drop(settings, file, level, seed)
    return settings


def score(settings: Settings, shipped: Shipped | None = None, ears: Ears | None = None) -> Scored:
    lake = lake_of(settings)
    return score_folder(lake, settings.unreleased, settings.heard_root, shipped or shipped_model(), ears or Ears())


def frames(scored: Scored) -> tuple[pl.DataFrame, ...]:
    """The three tables, without the time of the run."""
    return tuple(frame_of(table, scored.rows[table]).drop("scored_at", strict=False) for table in SCORED)


def test_scores_follow_the_law_and_ranks_the_scores(settings: Settings) -> None:
    scores, neighbours, rejects = frames(score(settings))
    assert scores.sort("rank_in_batch")["file"].to_list() == [*LEVELS][::-1]
    assert rejects.is_empty()
    rows = {row["file"]: row for row in scores.iter_rows(named=True)}
    for row in rows.values():
        assert 0 <= row["percentile_low"] <= row["percentile"] <= row["percentile_high"] <= 1
        assert (row["batch_tracks"], row["model_version"]) == (3, shipped_model().version)
        assert (row["test_auc"], row["test_auc_low"], row["test_auc_high"]) == AUC
        assert "sort many, not to judge one" in row["evidence"]
    assert rows["New Artist/Loud.ogg"]["percentile"] > 0.8
    assert rows["Artist 1/Quiet.wav"]["percentile"] < 0.2
    for file, others in neighbours.group_by("file"):
        assert others["place"].sort().to_list() == [1, 2, 3, 4, 5]
        assert others.sort("place")["similarity"].is_sorted(descending=True)
        assert others["title"].null_count() == 0, file


def test_the_place_in_the_catalogue_is_among_the_artists_own_tracks(settings: Settings) -> None:
    shipped = shipped_model()
    predicted = [
        value
        for code, value in zip(shipped.reference.isrcs.tolist(), shipped.reference.predicted.tolist(), strict=True)
        if code in {isrc(number) for number in range(1, 72, 12)}
    ]
    for row in frames(score(settings))[0].iter_rows(named=True):
        if row["artist_name"] == "Artist 1":
            assert row["artist_id"] == "artist 1"
            assert row["catalogue_tracks"] == len(predicted) == 6
            assert row["rank_in_catalogue"] == 1 + sum(value > row["percentile"] for value in predicted)
        else:
            assert (row["rank_in_catalogue"], row["catalogue_tracks"]) == (None, 0)


def test_artists_are_found_however_their_name_is_written(settings: Settings) -> None:
    drop(settings, "ARTIST—1!/Song.wav", -30, 501)
    drop(settings, "!!!/Song.wav", -30, 502)
    ids = dict(frames(score(settings))[0].select("artist_name", "artist_id").iter_rows())
    assert ids["ARTIST—1!"] == "artist 1"
    assert ids["!!!"] == "!!!"


def test_nothing_is_heard_twice_and_a_new_name_changes_no_score(settings: Settings) -> None:
    first = score(settings)
    again = score(settings)
    assert (first.heard, again.heard) == (3, 0)
    assert all(one.equals(other) for one, other in zip(frames(first), frames(again), strict=True))
    (settings.unreleased / "Artist 1/Quiet.wav").rename(settings.unreleased / "Artist 1/Renamed.wav")
    renamed = score(settings)
    assert renamed.heard == 0
    before, after = (dict(frames(one)[0].select("clip_id", "percentile").iter_rows()) for one in (first, renamed))
    assert before == after
    assert "Artist 1/Renamed.wav" in frames(renamed)[0]["file"]


def test_what_leaves_the_folder_leaves_the_tables_and_what_was_kept(settings: Settings) -> None:
    score(settings)
    (settings.unreleased / "Artist 1/Quiet.wav").unlink()
    (settings.heard_root / ".killed.0123").write_bytes(b"half")
    scores, neighbours, _ = frames(score(settings))
    assert set(scores["file"]) == set(neighbours["file"]) == set(LEVELS) - {"Artist 1/Quiet.wav"}
    assert len(list(settings.heard_root.iterdir())) == 2
    shutil.rmtree(settings.unreleased)
    assert all(frame.is_empty() for frame in frames(score(settings)))
    assert list(settings.heard_root.iterdir()) == []


def test_a_damaged_record_of_what_was_heard_is_made_again(settings: Settings) -> None:
    first = score(settings)
    for path in settings.heard_root.iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    again = score(settings)
    assert again.heard == 3
    assert frames(first)[0].equals(frames(again)[0])


def test_another_version_of_the_model_scores_without_hearing_again(settings: Settings) -> None:
    score(settings)
    other = score(settings, shipped_model("track_popularity-next", "trees"))
    assert other.heard == 0
    assert set(frames(other)[0]["model_version"]) == {"track_popularity-next"}


def test_the_same_sound_under_two_names_is_two_rows_of_equal_rank(settings: Settings) -> None:
    shutil.copyfile(settings.unreleased / "New Artist/Loud.ogg", settings.unreleased / "copy.ogg")
    scored = score(settings)
    assert scored.heard == 3
    ranks = dict(frames(scored)[0].select("file", "rank_in_batch").iter_rows())
    assert ranks == {"New Artist/Loud.ogg": 1, "copy.ogg": 1, "Artist 1/Middle.flac": 3, "Artist 1/Quiet.wav": 4}


def test_broken_files_are_listed_with_their_reason_and_hurt_nobody(settings: Settings) -> None:
    alone = frames(score(settings))[0].drop("rank_in_batch", "batch_tracks")
    expected: dict[str, set[str]] = {}
    for name, (content, reasons) in broken_files().items():
        file = f"broken/{name.replace('/', ' ')}.mp3"
        (settings.unreleased / file).parent.mkdir(exist_ok=True)
        (settings.unreleased / file).write_bytes(content)
        expected[file] = reasons
    (settings.unreleased / "link.wav").symlink_to("/etc/hostname")
    scores, _, rejects = frames(score(settings))
    found = dict(rejects.select("file", "reason").iter_rows())
    assert found.pop("link.wav") == "not a plain file"
    assert set(found.values()) <= set(REJECT_REASONS)
    heard, behind_the_end = set(scores["file"]) - set(LEVELS), {"too short", "unreadable"}
    for file, reasons in expected.items():
        # The excerpt is the middle of what the header claims: one that lies may put it behind the end.
        assert (file in heard and A_CLIP in reasons) or found.get(file) in reasons | behind_the_end, file
    assert not heard & set(found)
    assert scores.filter(pl.col("file").is_in([*LEVELS])).drop("rank_in_batch", "batch_tracks").equals(alone)


def test_a_model_that_needs_a_net_says_so_where_its_weights_are_missing(settings: Settings) -> None:
    with pytest.raises(NetError, match="fetch-weights"):
        score(settings, ears=Ears("musicnn_msd"))


def test_the_words_say_what_the_evidence_allows() -> None:
    coin = {"scores": {"auc": (0.52, 0.46, 0.58)}}
    assert "not shown to be better than a coin" in evidence(coin, is_sample_label=False)
    better = evidence({"scores": {"auc": AUC}}, is_sample_label=True)
    assert "71%" in better
    assert "a coin: 50 %" in better
    assert "made-up audio proves plumbing, not music" in better
    assert "was not measured" in evidence({}, is_sample_label=False)


def test_from_the_folder_to_the_file_that_analysts_open(tmp_path: Path) -> None:
    """The jobs as the sensor and the command start them: before there is a model, with one, and after a change."""
    settings = make_home(tmp_path / "home", with_model=False)
    drop(settings, "Artist 1/Quiet.wav", -48, 500)
    drop(settings, "New Artist/Loud.wav", -22, 501)
    (settings.unreleased / "broken.mp3").write_bytes(good("mp3")[:200])
    lake = lake_of(settings)
    assert run_job(settings, "score").error is None, "without a model nothing fails"
    assert lake.read(TRACK_SCORES).is_empty()

    release(settings, shipped_model())
    for job in ("score", "explain"):
        assert run_job(settings, job).error is None
    explained = lake.read(TRACK_EXPLANATIONS)
    assert set(explained["file"]) == {"Artist 1/Quiet.wav", "New Artist/Loud.wav"}
    for row in explained.iter_rows(named=True):
        picture = settings.home / row["picture"]
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert abs(row["residual"]) < 1e-6
        parts = lake.read(TRACK_SCORE_REASONS).filter(pl.col("file") == row["file"])
        sums = dict(parts.group_by("kind").agg(pl.col("effect").sum()).iter_rows())
        assert sums["region"] == pytest.approx(row["percentile"] - row["percentile_muted"], abs=1e-6)
        assert sums["time"] == pytest.approx(sums["region"])
        assert sums["band"] == pytest.approx(sums["region"])
    scores = lake.read(TRACK_SCORES).sort("file")
    assert explained.sort("file")["percentile"].to_list() == pytest.approx(scores["percentile"].to_list(), abs=1e-8)
    with duckdb.connect(str(settings.database), read_only=True) as connection:
        for name in ("33_tracks_to_push", "34_why_this_score", "35_what_it_sounds_like"):
            assert connection.execute((SQL_ROOT / "queries" / f"{name}.sql").read_text()).fetchall(), name

    (picture, _) = settings.explanations_root.iterdir()
    written = picture.stat().st_mtime_ns
    gone = explained.filter(~pl.col("picture").str.ends_with(picture.name))["file"][0]
    lake.write_frame(TRACK_SCORES, scores.filter(pl.col("file") != gone))
    roots = (settings.unreleased, settings.explanations_root, settings.models_root, settings.home)
    again = explain_folder(lake, *roots, Ears())
    assert again.explained == 0, "it was explained before"
    assert [row["file"] for row in again.rows[TRACK_EXPLANATIONS]] == [file for file in scores["file"] if file != gone]
    assert len(again.rows[TRACK_SCORE_REASONS]) == 5 + 1 + 5
    assert [(path, path.stat().st_mtime_ns) for path in settings.explanations_root.iterdir()] == [(picture, written)]
