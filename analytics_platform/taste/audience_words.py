"""Audiences in sentences for people, and as a table at the end of the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from analytics_platform.modelling.evaluation import ALL_SEEDS
from analytics_platform.taste.audience_scores import ARTISTS, MARKET, MODEL, NEW_TRACKS
from analytics_platform.taste.audience_tables import ARTIST, OTHERS, OWN_AND_SOUND, TOTAL
from analytics_platform.tracks.score_words import SAMPLE_LABEL

if TYPE_CHECKING:
    import polars as pl

SHOWN_COUNTRIES, SHOWN_ARTISTS = 5, 5
NO_AUDIENCE = "Nothing is known of its audience yet: no released track has listeners and factors of taste."


def window_words(target: str) -> str:
    """When the plays are counted, like ``in the first 28 days``."""
    _, _, window = target.partition("_")
    if not window.endswith("_days"):
        return f"by {target.replace('_', ' ')}"
    which, days, _ = window.split("_")
    return f"in the first {days} days" if which == "first" else f"in {days} days once it is out"


def plays_words(plays: float, digits: int = 3) -> str:
    """Plays with so many digits as can be meant: 1243 is ``1,240``."""
    whole = round(plays)
    return f"{round(whole, min(digits - len(str(whole)), 0)):,}"


def expected_words(plays: float | None, low: float | None, high: float | None, target: str) -> str:
    """Like ``1,240 plays in the first 28 days, 8 of 10 tracks like it between 310 and 4,900``."""
    if plays is None:
        return "plays unknown"
    said = f"{plays_words(plays)} plays {window_words(target)}"
    if low is None or high is None:
        return said
    return f"{said}, 8 of 10 tracks like it between {plays_words(low, 2)} and {plays_words(high, 2)}"


def cluster_words(name: str) -> str:
    """A cluster's genres, without its typical artists; the artists if it has no genres."""
    return name.split(":", maxsplit=1)[0]


def audience_words(rows: pl.DataFrame, countries: int = 1) -> str:
    """The audience of one file in some sentences.

    Args:
        rows: of ``marts.track_audience``, of one file.
        countries: how many are named.
    """
    if not len(rows):
        return NO_AUDIENCE
    target = str(rows["target"][0])
    clusters, named, similar = (_ranked(rows, kind) for kind in ("cluster", "country", ARTIST))
    total = next(rows.filter(rows["kind"] == TOTAL).iter_rows(named=True))
    said: list[str] = []
    if clusters:
        first = clusters[0]
        said.append(f"Likely listeners: those of {cluster_words(first['place_name'])} ({first['share']:.0%}).")
    said.append(f"In all: {_expected(total, target)}.")
    said += [f"{row['place_name']}: {_expected(row, target)}." for row in named[:countries]]
    if similar:
        names = ", ".join(row["place_name"] for row in similar[:3])
        said.append(f"Similar artists: {names}.")
    said.append(f"From {total['basis']}.")
    return " ".join(said)


def evidence_words(scores: pl.DataFrame, basis: str, *, is_sample_label: bool = False) -> str:
    """What the test on released tracks allows to say.

    Args:
        scores: rows of ``taste.audience_scores``; may be empty.
        basis: of the file's rows: a known artist is another case than an unknown one.
        is_sample_label: whether the home holds the demo's data.
    """
    split = NEW_TRACKS if basis == OWN_AND_SOUND else ARTISTS
    mine = scores.filter((scores["split"] == split) & (scores["seed"] == ALL_SEEDS))
    found = {(row["model"], row["metric"]): row for row in mine.iter_rows(named=True)}
    whose = "of artists that it knew" if split == NEW_TRACKS else "of artists that it did not know"
    said: list[str] = []
    if (first := found.get((MODEL, "cluster_first"))) is not None:
        beside = found.get(("genre_cluster", "cluster_first"))
        dummy = "" if beside is None else f"; going by the genre in the roster {beside['value']:.0%}"
        said.append(
            f"For released tracks {whose} the first cluster was the right one in {first['value']:.0%} "
            f"(90 % range {first['value_low']:.0%} to {first['value_high']:.0%}{dummy})."
        )
    error, market = (found.get((model, "country_error")) for model in (MODEL, MARKET))
    if error is not None and market is not None:
        better = "no better than" if error["value_high"] >= market["value_low"] else "better than"
        said.append(
            f"Countries: {error['value']:.0%} of the plays in the wrong one, {better} the size of markets alone "
            f"({market['value']:.0%})."
        )
    if (held := found.get((MODEL, "plays_coverage"))) is not None:
        said.append(f"{held['value']:.0%} of the ranges of all plays held (80 % are promised).")
    if not said:
        said.append("How good this is was not measured.")
    if is_sample_label:
        said.append(SAMPLE_LABEL)
    return " ".join(said)


def audience_table(rows: pl.DataFrame) -> RichTable:
    """Clusters, countries and similar artists of one file, the largest first."""
    target = str(rows["target"][0]) if len(rows) else ""
    table = RichTable("", "who", "share", f"plays {window_words(target)}" if target else "plays", "8 of 10 between")
    kinds: Sequence[tuple[str, str, int]] = (
        (TOTAL, "all", 1),
        ("cluster", "listeners of", 3),
        ("country", "country", SHOWN_COUNTRIES),
        (ARTIST, "similar artist", SHOWN_ARTISTS),
    )
    for kind, words, count in kinds:
        for row in _ranked(rows, kind)[:count]:
            name = cluster_words(row["place_name"]) if kind == "cluster" else row["place_name"]
            share = "" if row["share"] is None else f"{row['share']:.0%}"
            if kind == ARTIST:
                share = f"{row['similarity']:.2f} alike"
            table.add_row(words, escape(name), share, *_cells(row))
    return table


def print_audience(
    rows: pl.DataFrame, scores: pl.DataFrame, console: Console, *, is_sample_label: bool = False
) -> None:
    """Print the audience of one file: sentences, the table, and what the evidence allows.

    Args:
        rows: of ``marts.track_audience``, of one file.
        scores: rows of ``taste.audience_scores``.
        console: where to.
        is_sample_label: whether the home holds the demo's data.
    """
    if not len(rows):
        console.print(NO_AUDIENCE)
        return
    console.print(f"[bold]{escape(str(rows['file'][0]))}[/]: {escape(audience_words(rows))}")
    console.print(audience_table(rows))
    console.print(escape(evidence_words(scores, str(rows["basis"][0]), is_sample_label=is_sample_label)))


def _ranked(rows: pl.DataFrame, kind: str) -> list[dict[str, Any]]:
    shown = rows.filter((rows["kind"] == kind) & rows["place_rank"].is_not_null() & (rows["place"] != OTHERS))
    return shown.sort("place_rank").to_dicts()


def _expected(row: Mapping[str, Any], target: str) -> str:
    return expected_words(row["expected_plays"], row["expected_low"], row["expected_high"], target)


def _cells(row: Mapping[str, Any]) -> tuple[str, str]:
    plays, low, high = (row[name] for name in ("expected_plays", "expected_low", "expected_high"))
    ends = "" if low is None or high is None else f"{plays_words(low, 2)} – {plays_words(high, 2)}"
    return "" if plays is None else plays_words(plays), ends
