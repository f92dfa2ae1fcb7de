"""Unreleased tracks: which to listen to first, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import given
from analytics_platform.dashboard.look import EMPHASIS, percent, plain, plural
from analytics_platform.dashboard.pages.unreleased_track import show_track
from analytics_platform.dashboard.parts import as_of, chart, note, sentence, table
from analytics_platform.dashboard.reading import facts, fresh_rows, rows

SCORES = """
select
    rank_in_batch, title, artist_name, percentile, percentile_low, percentile_high,
    case
        when percentile < 1 / 3 then 'lower third' when percentile < 2 / 3 then 'middle third' else 'upper third'
    end as expected_place,
    rank_in_catalogue, catalogue_tracks, tempo_bpm, key || ' ' || mode as key, loudness_lufs, file
from marts.track_scores
order by rank_in_batch, file
limit $most"""
CHOSEN = "select * from marts.track_scores where file = $file"
SUMMARY = """
select
    count(*) as tracks, any_value(test_auc) as auc, any_value(test_auc_low) as auc_low,
    any_value(test_auc_high) as auc_high, any_value(evidence) as evidence, any_value(model_version) as model_version,
    max(scored_at)::date as day
from marts.track_scores"""
ALL = "from marts.track_scores order by rank_in_batch, file"
REJECTS = "select file, reason, detail from marts.track_score_rejects order by file limit 500"
MOST = 500
MOST_DRAWN = 60
LOW_SKILL, HIGH_SKILL = 0.65, 0.8
"""AUCs below and from which a model's skill is called low and high."""


def show() -> None:
    """Show the page."""
    st.header("Unreleased")
    summary = facts(SUMMARY)
    if not summary["tracks"]:
        note(
            "No unreleased track has a score yet. Drop sound files into the folder `unreleased/` "
            "(`unreleased/Artist/Title.mp3`); with `make dev` running they are scored within a minute. Or run the job "
            "`score` in Dagster. It needs a model: the job `tracks` trains one."
        )
        _rejects()
        as_of()
        return
    scores = rows(SCORES, most=MOST)
    best = scores.row(0, named=True)
    asked = given("file")
    chosen = facts(CHOSEN, file=asked or best["file"])
    sentence(_first(summary, best))
    sentence(_evidence(summary))
    if not chosen:
        note(f"There is no scored track {plain(asked)}. Below is the first of the list.")
        chosen = facts(CHOSEN, file=best["file"])
    _list(scores, chosen, summary)
    show_track(chosen, scores)
    _rejects()
    as_of(score_model=summary["model_version"])


def _first(summary: Any, best: dict[str, Any]) -> str:
    by = f" by {plain(best['artist_name'])}" if best["artist_name"] else ""
    return (
        f"**{plural(summary['tracks'], 'track')}** in the folder `unreleased/` "
        f"{'has a score' if summary['tracks'] == 1 else 'have scores'}. To listen to first: "
        f"**{plain(best['title'])}**{by}, expected to do better than **{percent(best['percentile'])}** of releases of "
        f"its month and genre. Of 10 released tracks with such a score 8 ended between "
        f"{percent(best['percentile_low'])} and {percent(best['percentile_high'])}."
    )


def _evidence(summary: Any) -> str:
    auc = summary["auc"]
    said = plain(summary["evidence"])
    if auc is None:
        return f"**How far to trust it:** {said}"
    band = "low" if auc < LOW_SKILL else "medium" if auc < HIGH_SKILL else "high"
    interval = (
        f" (90 % range {summary['auc_low']:.2f} to {summary['auc_high']:.2f})" if summary["auc_low"] is not None else ""
    )
    return (
        f"**How far to trust it:** the skill of the model is **{band}**, AUC {auc:.2f}{interval}; guessing has 0.50. "
        f"Below {LOW_SKILL:.2f} is low, {HIGH_SKILL:.2f} or more is high. {said}"
    )


def _list(scores: pl.DataFrame, chosen: Any, summary: Any) -> None:
    st.subheader("All tracks")
    sentence(
        "Each line is the range that 8 of 10 released tracks with such a score ended in, the dot is the expected "
        "place. **Two tracks whose ranges overlap by most of their length are a tie.** Click a dot, or tick a row of "
        "the table, to open a track."
    )
    chart(
        _ranges(scores, chosen["file"]),
        f"Expected place of {plural(min(scores.height, MOST_DRAWN), 'track')} among releases, with ranges. "
        f"{chosen['title']} is chosen: {percent(chosen['percentile'])}, "
        f"{percent(chosen['percentile_low'])} to {percent(chosen['percentile_high'])}.",
        key=f"ranges_{chosen['file']}",
        select="track",
        on_click=_open,
    )
    if summary["tracks"] > MOST_DRAWN:
        sentence(f"Drawn are the first {MOST_DRAWN} and the chosen one; the table has the first {MOST}, its CSV all.")
    table(
        scores,
        ("unreleased", summary["day"]),
        columns=_columns(),
        key=f"scores_{chosen['file']}",
        export=lambda: fresh_rows(ALL),
        on_click=lambda row: _open(None if row is None else scores.row(row, named=True)),
    )


def _open(track: Mapping[str, Any] | None) -> None:
    if track and track.get("file"):
        st.query_params["file"] = track["file"]


def _ranges(scores: pl.DataFrame, chosen: str) -> alt.TopLevelMixin:
    # Titles may be the same: rows are told apart by the rank before them.
    drawn = (
        scores.with_row_index("row")
        .filter((pl.col("row") < MOST_DRAWN) | (pl.col("file") == chosen))
        .with_columns(
            pl.format("{}. {}", pl.col("row") + 1, "title").alias("name"), (pl.col("file") == chosen).alias("is_chosen")
        )
    )
    click = alt.selection_point(fields=["file"], name="track", empty=False, toggle=False)
    base = alt.Chart(drawn).encode(
        y=alt.Y("name:N", sort=drawn["name"].to_list(), title=None, axis=alt.Axis(labelLimit=130, labelOverlap=False)),
        tooltip=[
            alt.Tooltip("title:N", title="Title"),
            alt.Tooltip("artist_name:N", title="Artist"),
            alt.Tooltip("percentile:Q", title="Better than", format=".0%"),
            alt.Tooltip("percentile_low:Q", title="Range from", format=".0%"),
            alt.Tooltip("percentile_high:Q", title="Range to", format=".0%"),
        ],
        color=alt.condition("datum.is_chosen", alt.value(EMPHASIS), alt.value("#3690c0")),
    )
    across = alt.X(
        "percentile_low:Q",
        title=["better than this share of releases", "of its month and genre"],
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="%"),
    )
    lines = base.mark_rule(strokeWidth=4, opacity=0.55).encode(x=across, x2="percentile_high:Q")
    dots = base.mark_circle(size=110, opacity=1, cursor="pointer").encode(x="percentile:Q").add_params(click)
    return alt.layer(lines, dots).properties(height=20 * drawn.height + 40)


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "rank_in_batch": number("Rank", help="1 for the highest expected place in the folder; equals share it."),
        "title": "Title",
        "artist_name": "Artist",
        "percentile": number(
            "Better than",
            format="percent",
            help="The share of releases of the same month and genre that it is expected to beat.",
        ),
        "percentile_low": number(
            "Range from", format="percent", help="Of 10 released tracks with such a score 1 ended below this."
        ),
        "percentile_high": number(
            "Range to", format="percent", help="Of 10 released tracks with such a score 1 ended above this."
        ),
        "expected_place": st.column_config.TextColumn(
            "Expected place", help="The third of releases of the same month and genre that “Better than” lies in."
        ),
        "rank_in_catalogue": number(
            "Rank among own",
            help="Place that it would have among the artist's released tracks, as the model expected them.",
        ),
        "catalogue_tracks": number("Own tracks", help="The artist's released tracks that it is compared with."),
        "tempo_bpm": number("Tempo", format="%.0f", help="Beats a minute; – if there is no pulse."),
        "key": st.column_config.TextColumn("Key", help="Key and mode; – for silence."),
        "loudness_lufs": number("Loudness", format="%.1f", help="Integrated loudness in LUFS; nearer 0 is louder."),
        "file": st.column_config.TextColumn("File", help="Path below the folder unreleased/."),
    }


def _rejects() -> None:
    rejects = rows(REJECTS)
    if not rejects.height:
        return
    st.subheader("Files that could not be heard")
    sentence(
        f"**{plural(rejects.height, 'file')}** in the folder could not be scored. Replace or remove "
        f"{'it' if rejects.height == 1 else 'them'}; what is dropped in is tried again."
    )
    table(
        rejects,
        ("unreleased", "rejected"),
        columns={
            "file": st.column_config.TextColumn("File", help="Path below the folder unreleased/."),
            "reason": "Reason",
            "detail": "What was found",
        },
        key="rejects",
    )
