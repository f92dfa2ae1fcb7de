"""From plays to the audience tables: who shares an audience, in clusters whose ids stay."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from threadpoolctl import threadpool_limits

from analytics_platform.artists.comparing import MODEL
from analytics_platform.artists.tables import (
    ARTIST_CLUSTER_HISTORY,
    ARTIST_CLUSTERS,
    ARTIST_LINKS,
    AUDIENCE_SCORES,
    AUDIENCES,
    CLUSTER_MEMBERS,
    SIMILAR_ARTISTS,
)
from analytics_platform.fans.tables import LABEL, LISTENER_ARTIST_PLAYS
from analytics_platform.lakehouse.lake import Commit, Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.modelling.model_store import load_model
from analytics_platform_tests.artists.audiences import (
    GENRES,
    LEAST,
    artist,
    as_pairs,
    compare,
    copy_of,
    group_of,
    grouped_pairs,
    listener,
    models_of,
    plays_of,
    violations,
    write_known,
    write_plays,
)
from analytics_platform_tests.fans.lakes import END, read, write_pairs

ARTISTS, GROUPS = 33, 3
HETREC = "lastfm_hetrec2011"
BROAD = pl.col("resolution") == "broad"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small matrices: threads would wait for each other and for those of other tests."""
    import sklearn.manifold  # noqa: F401  # only what is loaded is limited

    with threadpool_limits(1):
        yield


def planted() -> pl.DataFrame:
    """Three groups of eleven; an artist with a twin, one with nine listeners and one with one."""
    pairs = grouped_pairs(330, ARTISTS, GROUPS)
    return pl.concat([pairs, copy_of(pairs, artist(5), "twin"), plays_of("nine", 9), plays_of("one", 1)])


def a_day() -> pl.DataFrame:
    """Some more plays, half of them of new listeners."""
    return pl.concat(
        [grouped_pairs(12, ARTISTS, GROUPS, seed=9), grouped_pairs(12, ARTISTS, GROUPS, seed=8, first=900)]
    )


def tables_of(lake: Lake) -> dict[Table, pl.DataFrame]:
    return {table: read(lake, table) for table in AUDIENCES}


def assert_same(lake: Lake, expected: dict[Table, pl.DataFrame]) -> None:
    for table, frame in expected.items():
        assert_frame_equal(read(lake, table), frame, check_exact=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake after its first run."""
    root = tmp_path_factory.mktemp("compared")
    lake = Lake(root, threads=1)
    write_plays(lake, planted())
    write_known(lake, ARTISTS, GROUPS)
    compare(lake)
    return root


@pytest.fixture(scope="module")
def tables(home: Path) -> dict[Table, pl.DataFrame]:
    return tables_of(Lake(home, threads=1))


@pytest.fixture
def lake(home: Path, tmp_path: Path) -> Lake:
    """A copy of it."""
    shutil.copytree(home, tmp_path / "lake")
    return Lake(tmp_path / "lake", threads=1)


@pytest.fixture
def empty(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", threads=1)


def test_all_tables_have_rows_that_meet_their_declarations(home: Path, tables: dict[Table, pl.DataFrame]) -> None:
    for table, rows in tables.items():
        assert len(rows), table.full_name
        assert violations(Lake(home, threads=1), table) == [], table.full_name
        assert set(rows["data_set"]) == {LABEL}
        assert rows["model_version"].n_unique() == 1
        if table.name not in ("cluster_members", "audience_scores"):
            assert set(rows["window_end"]) == {END}


def test_neighbours_are_of_the_planted_group(tables: dict[Table, pl.DataFrame]) -> None:
    rows = tables[SIMILAR_ARTISTS].filter(
        pl.col("neighbour_rank") <= 8, pl.col("artist_id") != "twin", pl.col("similar_artist_id") != "twin"
    )
    same = [group_of(a, GROUPS) == group_of(b, GROUPS) for a, b in rows.select("artist_id", "similar_artist_id").rows()]
    assert len(same) > 200
    assert np.mean(same) > 0.97
    by_rank = tables[SIMILAR_ARTISTS].sort("artist_id", "neighbour_rank")
    assert by_rank.select((pl.col("score").diff().over("artist_id").fill_null(0) <= 0).all()).item()


def test_identical_artists_are_each_others_nearest(tables: dict[Table, pl.DataFrame]) -> None:
    first = (
        tables[SIMILAR_ARTISTS].filter(neighbour_rank=1).select("artist_id", "similar_artist_id", "score", "stability")
    )
    found = {row[0]: row[1:] for row in first.iter_rows()}
    assert found["twin"] == (artist(5), pytest.approx(1, abs=1e-5), 1)
    assert found[artist(5)] == ("twin", pytest.approx(1, abs=1e-5), 1)
    clusters = dict(tables[ARTIST_CLUSTERS].filter(BROAD).select("artist_id", "cluster_id").iter_rows())
    assert clusters["twin"] == clusters[artist(5)]


def test_broad_clusters_are_the_groups_and_named_after_their_genres(tables: dict[Table, pl.DataFrame]) -> None:
    rows = tables[ARTIST_CLUSTERS].filter(BROAD, pl.col("artist_id").str.starts_with("artist-"))
    assert rows["cluster_id"].null_count() == 0
    groups = rows.with_columns(planted=pl.col("artist_id").str.tail(3).cast(pl.Int64) % GROUPS)
    pairs = groups.select("cluster_id", "planted").unique()
    assert len(pairs) == GROUPS
    for name, group in groups.select("cluster_name", "planted").unique().iter_rows():
        assert name.startswith(f"{GENRES[group]}: ")
        assert "pop" not in name.split(":")[0], "everybody's second genre tells nothing"
        assert name.count("Name of artist-") + name.count(artist(0)) + name.count("twin") == 3
    assert rows["membership"].min() > 0.6
    assert not rows["is_between_groups"].any()
    assert rows["map_x"].is_between(-1, 1).all()


def test_artists_without_a_name_are_shown_by_their_id(tables: dict[Table, pl.DataFrame]) -> None:
    names = dict(tables[ARTIST_CLUSTERS].select("artist_id", "artist_name").iter_rows())
    assert names[artist(0)] == artist(0)
    assert names[artist(1)] == f"Name of {artist(1)}"
    assert names["nine"] == "nine"


def test_artists_with_too_few_listeners_are_listed_with_the_reason(tables: dict[Table, pl.DataFrame]) -> None:
    rows = tables[ARTIST_CLUSTERS].filter(pl.col("artist_id").is_in(["nine", "one"]))
    assert sorted(rows.select("artist_id", "resolution").rows()) == [
        ("nine", "broad"), ("nine", "fine"), ("one", "broad"), ("one", "fine")
    ]  # fmt: skip
    assert set(rows["reason"]) == {f"fewer than {LEAST} listeners in the window"}
    for column in ("listeners", "cluster_id", "cluster_name", "membership", "map_x"):
        assert rows[column].null_count() == 4, column
    for table, columns in (
        (SIMILAR_ARTISTS, ("artist_id", "similar_artist_id")),
        (ARTIST_LINKS, ("artist_id", "linked_artist_id")),
        (CLUSTER_MEMBERS, ("artist_id",)),
    ):
        for column in columns:
            assert not tables[table][column].is_in(["nine", "one"]).any(), table.full_name


def test_every_artist_is_listed_at_both_resolutions_with_its_listeners(tables: dict[Table, pl.DataFrame]) -> None:
    true = planted().group_by("artist_id").agg(true=pl.col("listener_key").n_unique())
    rows = tables[ARTIST_CLUSTERS].join(true, on="artist_id")
    assert len(rows) == 2 * len(true) == len(tables[ARTIST_CLUSTERS])
    assert rows.filter(pl.col("true") >= LEAST).select((pl.col("listeners") == pl.col("true")).all()).item()


@pytest.mark.parametrize(
    ("table", "other"), [(SIMILAR_ARTISTS, "similar_artist_id"), (ARTIST_LINKS, "linked_artist_id")]
)
def test_shared_listeners_are_true_and_withheld_where_they_are_few(
    tables: dict[Table, pl.DataFrame], table: Table, other: str
) -> None:
    heard = {a: set(rows["listener_key"]) for (a,), rows in planted().group_by("artist_id")}
    rows = tables[table]
    withheld = 0
    for one, two, shared in rows.select("artist_id", other, "shared_listeners").iter_rows():
        true = len(heard[one] & heard[two])
        assert shared == (None if 0 < true < LEAST else true)
        withheld += shared is None
    assert 0 < withheld < len(rows)


def test_weights_follow_the_formula_and_are_withheld_with_the_shared_listeners(
    tables: dict[Table, pl.DataFrame],
) -> None:
    rows = tables[ARTIST_LINKS]
    assert rows.select((pl.col("weight").is_null() == pl.col("shared_listeners").is_null()).all()).item()
    assert (rows["artist_id"] < rows["linked_artist_id"]).all()
    heard = dict(planted().group_by("artist_id").len().iter_rows())
    for one, two, shared, weight in (
        rows.drop_nulls("weight").select("artist_id", "linked_artist_id", "shared_listeners", "weight").iter_rows()
    ):
        assert weight == pytest.approx(shared / (shared + 10) * shared / np.sqrt(heard[one] * heard[two]), rel=1e-5)


def test_scores_stand_beside_baselines(tables: dict[Table, pl.DataFrame]) -> None:
    rows = tables[AUDIENCE_SCORES]
    assert set(rows["task"]) == {"artist_neighbours", "artist_clusters"}
    for _, group in rows.group_by("task", "metric"):
        assert set(group["is_baseline"]) == {True, False}
    recall = dict(rows.filter(metric="half_recall").select("model", "value").iter_rows())
    assert recall["artist_vectors"] > max(recall["random"], recall["most_listened"])
    assert "genre_agreement" in set(rows["metric"])


def test_the_first_run_is_number_one(tables: dict[Table, pl.DataFrame]) -> None:
    history = tables[ARTIST_CLUSTER_HISTORY]
    assert set(history["run_no"]) == {1}
    assert set(history["status"]) == {"first"}
    assert history["churn"].null_count() == len(history)
    members = tables[CLUSTER_MEMBERS].group_by("resolution", "cluster_id").agg(counted=pl.len())
    both = history.join(members, on=["resolution", "cluster_id"])
    assert len(both) == len(history)
    assert both.select((pl.col("artists") == pl.col("counted")).all()).item()


def test_the_vectors_are_in_the_model_store(home: Path, tables: dict[Table, pl.DataFrame]) -> None:
    version = tables[SIMILAR_ARTISTS]["model_version"][0]
    stored = load_model(models_of(Lake(home)), MODEL, version)
    assert stored.info["artist_ids"] == sorted([*(artist(n) for n in range(ARTISTS)), "twin"])
    np.testing.assert_allclose(np.linalg.norm(stored.arrays["vectors"], axis=1), 1, atol=1e-5)


def test_the_same_plays_again_change_nothing(lake: Lake, tables: dict[Table, pl.DataFrame]) -> None:
    again = compare(lake)
    assert again.churn == {}
    assert_same(lake, tables)


def test_a_day_keeps_ids_and_is_a_second_run(lake: Lake, tables: dict[Table, pl.DataFrame]) -> None:
    write_pairs(lake, a_day(), end=END + timedelta(1), change_no=1)
    found = compare(lake)
    for table in AUDIENCES:
        assert violations(lake, table) == [], table.full_name
    keys = ["resolution", "artist_id"]
    both = tables[ARTIST_CLUSTERS].join(read(lake, ARTIST_CLUSTERS), on=keys, suffix="_now").drop_nulls("cluster_id")
    kept = both.filter(BROAD).select((pl.col("cluster_id") == pl.col("cluster_id_now")).fill_null(value=False).mean())
    assert kept.item() >= 0.9
    history = read(lake, ARTIST_CLUSTER_HISTORY)
    assert_frame_equal(history.filter(run_no=1), tables[ARTIST_CLUSTER_HISTORY], check_exact=True)
    second = history.filter(run_no=2)
    assert set(second["window_end"]) == {END + timedelta(1)}
    assert set(second.filter(BROAD)["status"]) == {"kept"}
    assert second["churn"].null_count() == 0
    churn = dict(second.select("resolution", "churn").unique().iter_rows())
    assert found.churn == {f"{LABEL}, {resolution}": share for resolution, share in churn.items()}
    for resolution, share in churn.items():
        of_one = both.filter(resolution=resolution)
        moved = of_one.select((pl.col("cluster_id") != pl.col("cluster_id_now")).fill_null(value=True).mean()).item()
        assert share == pytest.approx(moved)
    assert set(read(lake, CLUSTER_MEMBERS)["run_no"]) == {1, 2}
    folders = [path.name for path in (models_of(lake) / MODEL).iterdir()]
    assert folders == [second["model_version"][0]], "vectors of yesterday are forgotten"

    after = tables_of(lake)
    compare(lake)
    assert_same(lake, after)


def test_members_are_kept_for_two_runs_and_the_history_for_all(lake: Lake) -> None:
    for number in (1, 2):
        more = grouped_pairs(5, ARTISTS, GROUPS, seed=20 + number)
        write_pairs(lake, more, end=END + timedelta(number), change_no=number)
        compare(lake)
    assert set(read(lake, ARTIST_CLUSTER_HISTORY)["run_no"]) == {1, 2, 3}
    assert set(read(lake, CLUSTER_MEMBERS)["run_no"]) == {2, 3}


class DyingLake(Lake):
    """Dies at the n-th commit, before it is made."""

    left = 0

    def commit(self, *args: object, **options: object) -> Commit:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().commit(*args, **options)


@pytest.fixture(scope="module")
def unbroken(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Table, pl.DataFrame]:
    """Tables after a second run, on more plays, that nothing disturbed."""
    root = tmp_path_factory.mktemp("unbroken") / "lake"
    shutil.copytree(home, root)
    lake = Lake(root, threads=1)
    write_pairs(lake, a_day(), end=END + timedelta(1), change_no=1)
    compare(lake)
    return tables_of(lake)


@pytest.mark.parametrize("commits", [3, 4, 5])
def test_a_run_that_was_killed_half_way_is_made_good_by_the_next(
    lake: Lake, unbroken: dict[Table, pl.DataFrame], commits: int
) -> None:
    """Killed before, between and after the two tables that ids rest on."""
    write_pairs(lake, a_day(), end=END + timedelta(1), change_no=1)
    dying = DyingLake(lake.root, threads=1)
    dying.left = commits
    with pytest.raises(KeyboardInterrupt):
        compare(dying)
    compare(lake)
    assert_same(lake, unbroken)


def test_ids_are_not_given_again_after_the_plays_were_away(lake: Lake, tables: dict[Table, pl.DataFrame]) -> None:
    """The history of a data set without plays was dropped, and its ids began at 1 again, for other clusters."""
    away = {"data_set": LABEL, "window_days": 90, "change_no": 0}
    with lake.duckdb() as connection:
        lake.write(LISTENER_ARTIST_PLAYS, connection, "select ''::varchar as listener_key, '' as artist_id, 0 as plays,"
                   " null as first_play_date, null as window_end where false", partition=away)  # fmt: skip
    compare(lake)
    assert read(lake, SIMILAR_ARTISTS).is_empty()
    assert read(lake, ARTIST_CLUSTERS).is_empty()
    for table in (ARTIST_CLUSTER_HISTORY, CLUSTER_MEMBERS):
        assert_frame_equal(read(lake, table), tables[table], check_exact=True)
    write_plays(lake, planted())
    compare(lake)
    assert_same(lake, tables)


def test_no_plays_at_all_are_empty_tables(empty: Lake) -> None:
    found = compare(empty)
    assert set(found.commits) == {table.full_name for table in AUDIENCES}
    for table in AUDIENCES:
        assert read(empty, table).is_empty(), table.full_name
        assert empty.version(table) is not None


def test_one_artist_has_nobody_to_compare_with(empty: Lake) -> None:
    """The step failed for a label with fewer than two artists of enough listeners."""
    write_plays(empty, pl.concat([plays_of("alone", 40), plays_of("small", 3)]))
    found = compare(empty)
    assert found.skipped == {LABEL: f"1 artists with at least {LEAST} listeners: nobody to compare with"}
    rows = read(empty, ARTIST_CLUSTERS)
    assert violations(empty, ARTIST_CLUSTERS) == []
    by_artist = {row["artist_id"]: row for row in rows.filter(BROAD).iter_rows(named=True)}
    assert by_artist["alone"]["reason"] == "nobody to compare with: no other artist has enough listeners"
    assert by_artist["alone"]["listeners"] == 40
    assert by_artist["small"]["reason"] == f"fewer than {LEAST} listeners in the window"
    assert len(rows) == 4
    for table in (SIMILAR_ARTISTS, ARTIST_LINKS, ARTIST_CLUSTER_HISTORY, CLUSTER_MEMBERS, AUDIENCE_SCORES):
        assert read(empty, table).is_empty(), table.full_name


def test_only_artists_with_one_listener_are_all_too_small(empty: Lake) -> None:
    write_plays(empty, as_pairs([(listener(0), artist(n), 5) for n in range(3)]))
    found = compare(empty)
    assert LABEL in found.skipped
    assert set(read(empty, ARTIST_CLUSTERS)["reason"]) == {f"fewer than {LEAST} listeners in the window"}


def test_two_artists_are_neighbours_without_a_cluster(empty: Lake) -> None:
    write_plays(empty, pl.concat([plays_of("a", 40), plays_of("b", 30)]))
    assert compare(empty).skipped == {}
    rows = read(empty, SIMILAR_ARTISTS)
    assert rows.select("artist_id", "similar_artist_id", "shared_listeners").rows() == [("a", "b", 30), ("b", "a", 30)]
    clusters = read(empty, ARTIST_CLUSTERS)
    assert set(clusters["reason"]) == {"fewer than 3 artists alike"}
    for table in AUDIENCES:
        assert violations(empty, table) == [], table.full_name


def test_three_artists_apart_are_a_cluster_of_their_own(empty: Lake) -> None:
    apart = grouped_pairs(60, 3, 1, seed=4, first=5000).with_columns(
        artist_id="apart-" + pl.col("artist_id").str.tail(1)
    )
    write_plays(empty, pl.concat([grouped_pairs(100, 12, 1), apart]))
    compare(empty)
    rows = read(empty, ARTIST_CLUSTERS).filter(BROAD)
    mine = rows.filter(pl.col("artist_id").str.starts_with("apart-"))
    assert mine["cluster_id"].null_count() == 0
    assert mine["cluster_id"].n_unique() == 1
    assert len(rows.filter(cluster_id=mine["cluster_id"][0])) == 3
    assert mine["membership"].to_list() == [1, 1, 1]
    history = read(empty, ARTIST_CLUSTER_HISTORY).filter(BROAD, cluster_id=mine["cluster_id"][0])
    assert history["artists"].to_list() == [3]
    nearest = read(empty, SIMILAR_ARTISTS).filter(pl.col("artist_id").str.starts_with("apart-"))
    assert nearest["similar_artist_id"].str.starts_with("apart-").all()


def test_two_data_sets_stand_side_by_side(lake: Lake, tables: dict[Table, pl.DataFrame]) -> None:
    """The label's rows are as if it were alone; the other has no dates, and ids of its own."""
    other = grouped_pairs(90, 14, 2, seed=6, first=2000)
    write_plays(lake, other, end=None, data_set=HETREC)
    compare(lake)
    mine = pl.col("data_set") == LABEL
    for table, before in tables.items():
        rows = read(lake, table)
        assert_frame_equal(rows.filter(mine), before, check_exact=True)
        theirs = rows.filter(~mine)
        assert len(theirs), table.full_name
        assert set(theirs["data_set"]) == {HETREC}
        assert violations(lake, table) == [], table.full_name
        if "window_end" in theirs.columns:
            assert set(theirs["window_end"]) == {None}
        if "window_days" in theirs.columns:
            assert set(theirs["window_days"]) == {0}
    assert read(lake, CLUSTER_MEMBERS).filter(~mine)["cluster_id"].min() == 1
    version = read(lake, SIMILAR_ARTISTS).filter(~mine)["model_version"][0]
    assert version.startswith(f"{HETREC}-all-")
    assert len(list((models_of(lake) / MODEL).iterdir())) == 2


def test_the_longest_window_is_compared(lake: Lake, tables: dict[Table, pl.DataFrame]) -> None:
    write_pairs(lake, grouped_pairs(40, 12, 2, seed=3), window_days=28)
    compare(lake)
    assert_same(lake, tables)
