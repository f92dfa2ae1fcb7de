"""Neighbours, clusters and markets: on real listeners, on the sample label, on planted worlds, and at full size.

``python -m analytics_platform_tests.benchmarks artists`` measures this alone and rewrites its section.
HetRec is read from the folder that ``HETREC`` names, or from ``../shared/data``; without it that part is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from analytics_platform.artists.backtest import THIRDS, backtest, range_coverage
from analytics_platform.artists.compare_neighbours import compare_neighbours
from analytics_platform.artists.document_clusters import document_neighbours
from analytics_platform.artists.features import artist_vectors
from analytics_platform.artists.market_baselines import baseline_scores
from analytics_platform.artists.markets import Markets, potential
from analytics_platform.artists.neighbours import nearest
from analytics_platform.artists.targeting import MODEL, VOLUME
from analytics_platform.modelling.evaluation import Score
from analytics_platform.sample_label.plays import draw_plays
from analytics_platform.sample_label.spec import LabelSpec
from analytics_platform.sample_label.world import World
from analytics_platform_tests.artists.market_worlds import REPORTING_SEEDS, market_world
from analytics_platform_tests.benchmarks import artist_clusters

TITLE = "Artists: neighbours, clusters and markets"
GENRES = Path(__file__).parents[1] / "artists" / "hetrec_genres.csv"
HALF_SEEDS = range(5)
LABEL_SEEDS = (21, 22, 23)
"""Not used in development: that was 1 and 2."""
METRICS = ("precision_at_5", "growth_captured_at_5", "ndcg_at_5", "top_country_share", "range_coverage")

ARTISTS, LISTENERS, PAIRS = 50_000, 2_000_000, 30_000_000
CLUSTERS = 200
Table = dict[str, dict[str, list[float]]]
"""Values over seeds by model and metric."""


def hetrec_folder() -> Path | None:
    """Where HetRec lies, if it does."""
    folder = Path(os.environ.get("HETREC", Path(__file__).parents[3] / "shared" / "data" / "lastfm_hetrec2011"))
    return folder if (folder / "user_artists.dat").exists() else None


def hetrec_genres(folder: Path) -> list[str | None]:
    """Genres of the artists (A,) of ``artist_clusters.read_plays``, by name."""
    rows = pl.read_csv(folder / "user_artists.dat", separator="\t")
    ids = rows.filter(pl.len().over("artistID") >= artist_clusters.LEAST_LISTENERS)["artistID"].unique().sort()
    lines = (folder / "artists.dat").read_text(errors="replace").splitlines()[1:]
    names = {int(line.split("\t")[0]): line.split("\t")[1] for line in lines}
    genres = dict(pl.read_csv(GENRES).iter_rows())
    return [genres.get(names[artist]) for artist in ids.to_list()]


def gather(table: Table, scores: Sequence[Score]) -> None:
    """Add the scores of one seed."""
    for score in scores:
        table.setdefault(score.model, {}).setdefault(score.metric, []).append(score.value)


def lines_of(table: Table, metrics: Sequence[str]) -> list[str]:
    """Markdown rows: mean (lowest–highest) over seeds."""
    lines = [f"| model | {' | '.join(metrics)} |", "|---" * (len(metrics) + 1) + "|"]
    for model, found in table.items():
        cells = [artist_clusters.shown(found[metric]) if metric in found else "" for metric in metrics]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return lines


@dataclass(frozen=True)
class Planted:
    """A world to look back on."""

    markets: Markets
    after: NDArray[np.float64]
    """(A, C) plays of the second window."""
    document: Markets | None = None
    """With the document's neighbours."""
    opening: NDArray[np.bool_] | None = None
    """(A, C) markets that are not launched, or were in the second half of the first window."""


def label_world(seed: int, scale: float, days: int) -> Planted:
    """The sample label's markets in a first window, and what came in a second.

    Straight from its plays, without files; neighbours as the product finds them, from the first window's listeners.
    """
    world = World.build(LabelSpec(seed=seed, scale=scale, days=2 * days), 2 * days)
    artists, countries = world.catalogue.launch_days.shape
    plays = np.zeros((2, artists, countries))
    heard = np.zeros(len(world.pairs.artists))
    for day in range(2 * days):
        drawn = draw_plays(world, day)
        cells = world.catalogue.track_artists[drawn.tracks], world.listeners.countries[drawn.listeners]
        np.add.at(plays[int(day >= days)], cells, 1)
        if day < days:
            np.add.at(heard, drawn.pairs, 1)
    seen = heard > 0
    matrix = sparse.csr_array(
        (
            heard[seen].astype(np.float32),
            (world.pairs.listeners[seen], world.pairs.artists[seen].astype(np.int32)),
        ),
        shape=(len(world.listeners.vendors), artists),
    )
    rows, score = nearest(artist_vectors(matrix, threads=2), 40, threads=2)
    launch = world.catalogue.launch_days
    markets = Markets(plays[0], world.catalogue.is_available, rows, np.clip(score, 0, 1).astype(np.float64))
    theirs = document_neighbours(matrix)
    document = replace(markets, neighbours=theirs[0], similarity=theirs[1])
    return Planted(markets, plays[1], document, (launch > days // 2) & markets.available)


def backtest_table(worlds: Sequence[Planted]) -> Table:
    """Our ranking by z and by expected plays, the sources', the dummies, and rankings that know what nobody can."""
    table: Table = {}
    for world in worlds:
        markets, after = world.markets, world.after
        ours = potential(markets)
        expected = np.where(np.isfinite(ours.expected), ours.expected, -np.inf)
        growth = np.where(markets.available, after - markets.plays, -np.inf)
        scores: dict[str, NDArray[np.float64]] = {
            MODEL: ours.z,
            VOLUME: expected,
            **baseline_scores(markets, world.document),
            "who knows the growth": growth,
        }
        if world.opening is not None:
            scores["who knows what is not launched"] = np.where(world.opening, expected, -np.inf)
        gather(table, backtest(markets.plays, after, markets.available, scores, ()))
        gather(table, [range_coverage(markets, MODEL)])
    return table


def verdicts(table: Table) -> list[str]:
    """The targets, of means over seeds."""

    def mean(model: str, metric: str) -> float:
        return float(np.mean(table[model][metric]))

    precision, growth = "precision_at_5", "growth_captured_at_5"
    rows: list[tuple[str, float, float, int]] = []
    if "document_pipeline" in table:
        over = mean(MODEL, precision) / mean("document_pipeline", precision)
        rows.append(("precision at 5 over the document's estimate, its own neighbours", over, 1.2, 1))
    rows += [
        (
            "precision at 5 over the document's estimate, given our neighbours",
            mean(MODEL, precision) / mean("document_gap", precision),
            1.2,
            1,
        ),
        ("precision at 5 over market size", mean(MODEL, precision) / mean("market_size", precision), 1.5, 1),
        ("growth captured over market size, by z", mean(MODEL, growth) / mean("market_size", growth), 0.9, 1),
        (
            "growth captured over market size, by expected plays",
            mean(VOLUME, growth) / mean("market_size", growth),
            0.9,
            1,
        ),
        ("artists with the same first country", mean(MODEL, "top_country_share"), 0.6, -1),
    ]
    lines = ["| target | measured | limit | met |", "|---|---|---|---|"]
    for name, value, limit, sign in rows:
        met = "yes" if sign * value >= sign * limit else "no"
        lines.append(f"| {name} | {value:.2f} | {'at least' if sign > 0 else 'at most'} {limit} | {met} |")
    return lines


def planted_listening(seed: int = 0) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    """30 million draws of 2 million listeners with two tastes each among 50,000 artists in 200 clusters."""
    rng = np.random.default_rng(seed)
    degree = rng.poisson(rng.lognormal(np.log(PAIRS / LISTENERS) - 0.32, 0.8, LISTENERS)).clip(1, 300)
    pointers = np.concatenate([[0], np.cumsum(degree)])
    count = int(pointers[-1])
    popularity, cluster = rng.lognormal(0, 1.5, ARTISTS), rng.integers(0, CLUSTERS, ARTISTS)
    order = np.argsort(cluster, kind="stable")
    steps = np.concatenate([[0.0], np.cumsum(popularity[order])])
    edge = np.searchsorted(cluster[order], np.arange(CLUSTERS + 1))
    tastes = rng.integers(0, CLUSTERS, (LISTENERS, 2)).astype(np.int16)
    artists = np.empty(count, dtype=np.int32)
    for first in range(0, LISTENERS, LISTENERS // 20):  # in parts: memory is measured here
        last = min(first + LISTENERS // 20, LISTENERS)
        who = np.repeat(np.arange(first, last), degree[first:last])
        draw = rng.random(len(who))
        stray = rng.integers(0, CLUSTERS, len(who))
        taste = np.where(draw < 0.6, tastes[who, 0], np.where(draw < 0.85, tastes[who, 1], stray))
        low, high = steps[edge[taste]], steps[edge[taste + 1]]
        found = np.searchsorted(steps, low + rng.random(len(who)) * (high - low), side="right") - 1
        artists[pointers[first] : pointers[last]] = order[found.clip(0, ARTISTS - 1)]
    counts = rng.geometric(0.15, count).astype(np.float32)
    plays = sparse.csr_array((counts, artists, pointers.astype(np.int32)), shape=(LISTENERS, ARTISTS))
    plays.sum_duplicates()
    return plays, cluster


def save_planted(folder: Path) -> None:
    """The planted plays as a Parquet file like the lake's, and as arrays for whoever starts from them."""
    import duckdb

    plays, cluster = planted_listening()
    np.savez(folder / "plays.npz", data=plays.data, indices=plays.indices, indptr=plays.indptr, cluster=cluster)
    frame = pl.DataFrame(
        {
            "listener": np.repeat(np.arange(LISTENERS, dtype=np.int32), np.diff(plays.indptr)),
            "artist": plays.indices,
            "plays": plays.data.astype(np.int32),
        }
    )
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        key = "translate(left(to_base64(unhex(left(md5(listener::varchar), 18))), 12), '+/', '-_')"
        connection.execute(
            f"copy (select {key} as listener_key, 'artist number ' || artist as artist_id, plays from frame"
            f" order by listener_key, artist_id) to '{folder / 'plays.parquet'}' (format parquet, compression zstd)"
        )


def child(what: str, folder: Path) -> None:
    """One way to get neighbours, in a process of its own; prints seconds and memory as JSON."""
    clock = time.perf_counter
    begin = clock()
    found: dict[str, float] = {}
    if what == "ours":
        import duckdb

        from analytics_platform.artists.listening import read_listening

        connection = duckdb.connect()
        connection.execute("set memory_limit = '512MiB'; set threads = 2; set preserve_insertion_order = false")
        connection.execute(f"set temp_directory = '{folder / 'spill'}'")
        connection.execute(f"create view plays as from '{folder / 'plays.parquet'}'")
        listening = read_listening(connection, "plays", 10)
        connection.close()
        found["read"] = clock() - begin
        plays, names = listening.plays, listening.artist_ids
        numbers = np.array([int(name.rpartition(" ")[2]) for name in names.tolist()])
        start = clock()
        vectors = artist_vectors(plays, threads=2)
    else:
        from sklearn.decomposition import TruncatedSVD

        from analytics_platform.artists.features import bm25

        with np.load(folder / "plays.npz") as stored:
            arrays = stored["data"], stored["indices"], stored["indptr"]
        plays = bm25(sparse.csr_array(arrays, shape=(LISTENERS, ARTISTS)))
        numbers = np.arange(ARTISTS)
        start = clock()
        # Artists as rows, as the document has them.
        vectors = TruncatedSVD(64, random_state=0).fit_transform(plays.T.tocsr()).astype(np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    found["svd"] = clock() - start
    start = clock()
    rows, _ = nearest(vectors, 50, threads=2)
    found["neighbours"] = clock() - start
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found["peak_mb"] = int(status["VmHWM"].split()[0]) / 1024
    with np.load(folder / "plays.npz") as stored:
        cluster = stored["cluster"][numbers]
    near = rows[:, :10]
    found["same_cluster"] = float(((cluster[near] == cluster[:, None]) & (near >= 0)).mean())
    print(json.dumps(found))


def speed() -> list[str]:
    """Matrix, SVD and neighbours at full size, in turn with scikit-learn."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        module = "analytics_platform_tests.benchmarks.artists"
        subprocess.run([sys.executable, "-m", module, "save", str(folder)], check=True)
        found = {
            what: json.loads(
                subprocess.run(
                    [sys.executable, "-m", module, what, str(folder)], check=True, capture_output=True, text=True
                ).stdout
            )
            for what in ("ours", "sklearn")
        }
    ours, other = found["ours"], found["sklearn"]
    whole = ours["read"] + ours["svd"] + ours["neighbours"]
    return [
        "| measurement | ours | scikit-learn's TruncatedSVD | limit | met |",
        "|---|---|---|---|---|",
        f"| Parquet to matrix | {ours['read']:.1f} s |  |  |  |",
        f"| weights and SVD, 64 dimensions | {ours['svd']:.1f} s | {other['svd']:.1f} s (weights not counted),"
        f" {other['svd'] / ours['svd']:.1f} × ours | 3 × | {'yes' if other['svd'] >= 3 * ours['svd'] else 'no'} |",
        f"| 50 neighbours of every artist | {ours['neighbours']:.1f} s |  |  |  |",
        f"| all three | {whole:.1f} s |  |  |  |",
        f"| peak memory | {ours['peak_mb']:.0f} MB | {other['peak_mb']:.0f} MB | 1,200 MB |"
        f" {'yes' if ours['peak_mb'] <= 1_200 else 'no'} |",
        f"| of 10 neighbours in the same planted cluster | {ours['same_cluster']:.4f} | {other['same_cluster']:.4f} |"
        f" no worse | {'yes' if ours['same_cluster'] >= other['same_cluster'] - 0.001 else 'no'} |",
    ]


def section() -> list[str]:
    """The markdown lines of the section."""
    lines: list[str] = []
    folder = hetrec_folder()
    if folder is None:
        lines += ["HetRec was not there when this was made.", ""]
    else:
        plays = artist_clusters.read_plays(folder / "user_artists.dat")
        genres = hetrec_genres(folder)
        table: Table = {}
        for seed in HALF_SEEDS:
            gather(table, compare_neighbours(plays, genres, threads=2, seed=seed))
        lines += [
            "### Neighbours on HetRec lastfm-2k",
            "",
            "Ten neighbours. `half_recall`: share of the ten that two disjoint halves of the listeners have in common",
            "(targets: .27, graph .32). `genre_agreement`: share of the neighbours with the artist's genre (target:",
            f".41). Genres of {sum(g is not None for g in genres)} of {len(genres)} artists were labelled by a",
            "language model from names alone, without sight of who listens to whom, with 63 of Last.fm's tags. The",
            "tags that users gave are not in our copy, so compare models with each other and not with other figures.",
            f"Mean (lowest–highest) over {len(HALF_SEEDS)} seeds, three splits each.",
            "",
            *lines_of(table, ("half_recall", "genre_agreement")),
            "",
            "### Graph and clusters on HetRec lastfm-2k",
            "",
            *artist_clusters.section(folder / "user_artists.dat"),
            "",
        ]
    table = backtest_table([label_world(seed, 4, 90) for seed in LABEL_SEEDS])
    lines += [
        "### Back-test on the sample label",
        "",
        f"Seeds {', '.join(map(str, LABEL_SEEDS))}, not used in development; 400 artists, 160,000 listeners, 40",
        "countries; frozen after 90 days, scored on the next 90. A market opened if plays after > 2 × before + 20.",
        "Mean (lowest–highest). The last two rows are no methods but bounds: which market is launched in the next 90",
        "days is chance, and the ranking with most growth is not the one with most openings.",
        "",
        *lines_of(table, METRICS),
        "",
        "Precision at 5 by size of artist:",
        "",
        *lines_of(table, [f"precision_at_5_{third}" for third in THIRDS]),
        "",
        *verdicts(table),
        "",
    ]
    for law in ("factors", "blend"):
        worlds = [market_world(seed, law) for seed in REPORTING_SEEDS]
        table = backtest_table([Planted(world.markets, world.after) for world in worlds])
        lines += [
            f"### Back-test on planted markets, {law}",
            "",
            f"1,200 artists, 50 countries, seeds {', '.join(map(str, REPORTING_SEEDS))}: see `market_worlds.py`.",
            "",
            *lines_of(table, METRICS),
            "",
            *verdicts(table),
            "",
        ]
    lines += [
        "### Speed of neighbours",
        "",
        f"{ARTISTS:,} artists, {LISTENERS:,} listeners, about {PAIRS / 1e6:.0f} million draws (some repeat);",
        "2 threads, each in a process of its own, one after the other.",
        "",
        *speed(),
    ]
    return lines


if __name__ == "__main__":
    if sys.argv[1] == "save":
        save_planted(Path(sys.argv[2]))
    else:
        child(sys.argv[1], Path(sys.argv[2]))
