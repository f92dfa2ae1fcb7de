"""One unreleased track: to hear it, why it has its score, and what it sounds like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose
from analytics_platform.dashboard.look import count, percent, plain
from analytics_platform.dashboard.media import reasons_picture, unreleased_sound
from analytics_platform.dashboard.navigation import go, link
from analytics_platform.dashboard.pages.sounds_player import player
from analytics_platform.dashboard.pages.unreleased_audience import show_audience
from analytics_platform.dashboard.parts import chart, empty, note, sentence, table
from analytics_platform.dashboard.reading import facts, fresh_rows, rows

ARTIST = "select artist_id from marts.artists where artist_id = $artist limit 1"
EXPLANATION = "select words, spread, model_version from marts.track_explanations where file = $file"
REGIONS = """
select start_s, end_s, low_hz, high_hz, effect
from marts.track_score_reasons
where file = $file and kind = 'region'
order by abs(effect) desc"""
ALL_REASONS = "from marts.track_score_reasons where file = $file order by kind, start_s, low_hz"
NEIGHBOURS = """
select place, title, artist_name, similarity, outcome_percentile, outcome_value, isrc, target
from marts.track_score_neighbours
where file = $file
order by place"""
LOWERED, NEITHER, RAISED = "#4a85a8", "#f7f7f7", "#d6604d"
"""As in the picture of the reasons."""


def show_track(track: Mapping[str, Any], scores: pl.DataFrame) -> None:
    """The parts of the page on one track.

    Args:
        track: Its row of ``marts.track_scores``.
        scores: The rows to choose from.
    """
    st.subheader("The track")
    names = dict(scores.select("file", pl.format("{}. {}", "rank_in_batch", "title")).iter_rows())
    files = list(names) if track["file"] in names else [*names, track["file"]]
    choose(
        st.selectbox, "Track", "file", files, files[0], format_func=lambda file: names.get(file, str(track["title"]))
    )
    sentence(_words(track))
    if track["artist_id"] and facts(ARTIST, artist=track["artist_id"]):
        link("artist", f"The artist: {plain(track['artist_name'])}", artist=track["artist_id"])
    player(f"unreleased:{track['file']}", str(track["title"]), lambda: unreleased_sound(track["file"]))
    _reasons(track)
    _neighbours(track)
    show_audience(track)


def _words(track: Mapping[str, Any]) -> str:
    by = f" by {plain(track['artist_name'])}" if track["artist_name"] else ""
    said = [
        f"**{plain(track['title'])}**{by} is number **{track['rank_in_batch']}** of {track['batch_tracks']}: expected "
        f"to do better than **{percent(track['percentile'])}** of releases of its month and genre; 8 of 10 such tracks "
        f"ended between {percent(track['percentile_low'])} and {percent(track['percentile_high'])}."
    ]
    if track["rank_in_catalogue"] is not None:
        said.append(
            f"Beside the artist's {track['catalogue_tracks']} released tracks it would be number "
            f"{track['rank_in_catalogue']}, as the model expects these."
        )
    sound = [
        f"{track['tempo_bpm']:.0f} beats a minute" if track["tempo_bpm"] is not None else "no pulse",
        f"{plain(track['key'])} {plain(track['mode'])}" if track["key"] else "",
        f"{plain(format(track['loudness_lufs'], '.1f'))} LUFS" if track["loudness_lufs"] is not None else "silent",
    ]
    heard = f"{clock(track['offset_s'])} to {clock(track['offset_s'] + track['duration_s'])}"
    said.append(f"Its sound: {', '.join(part for part in sound if part)}. Heard was {heard}.")
    return " ".join(said)


def _reasons(track: Mapping[str, Any]) -> None:
    st.subheader("Why it has this score")
    explanation = facts(EXPLANATION, file=track["file"])
    if not explanation:
        empty("This track has no reasons yet: the 20 highest are explained first.", "explain")
        return
    sentence(
        f"The score was {plain(explanation['words'])}. Numbers are hundredths of the scale, against the same part "
        f"12 dB quieter; differences below {100 * explanation['spread']:.1f} mean nothing. These are the model's "
        "reasons, not listeners': do not mix by them."
    )
    if explanation["model_version"] != track["model_version"]:
        note("These reasons are an earlier model's. Run the job `explain` in Dagster, then reload this page.")
    picture = reasons_picture(track["file"])
    if picture.path is None:
        note(picture.why)
    else:
        words = f"Spectrogram of {track['title']} with the regions that raised (red) and lowered (blue) the score"
        st.image(picture.path.read_bytes(), width="content", alt=words)
    regions = rows(REGIONS, file=track["file"])
    if not regions.height:
        return
    first = regions.row(0, named=True)
    chart(
        _heat(regions),
        f"Effect of each band in each stretch of {track['title']}. Strongest: "
        f"{hertz(first['low_hz'], first['high_hz'])} at {clock(first['start_s'])} to {clock(first['end_s'])}, "
        f"{100 * first['effect']:+.1f} hundredths.",
        key="reasons",
    )
    table(
        regions.with_columns(pl.col("effect") * 100),
        ("unreleased", str(track["title"]), "reasons"),
        columns={
            "start_s": st.column_config.NumberColumn("From", format="%.0f s", help="Second in the file."),
            "end_s": st.column_config.NumberColumn("To", format="%.0f s", help="Second in the file."),
            "low_hz": st.column_config.NumberColumn("Lowest", format="%.0f Hz", help="Lowest frequency."),
            "high_hz": st.column_config.NumberColumn("Highest", format="%.0f Hz", help="Highest frequency."),
            "effect": st.column_config.NumberColumn(
                "Effect",
                format="%+.1f",
                help="Hundredths that the expected place rose (+) or fell (-) because this part is as it is and not "
                "12 dB quieter. The CSV has shares of 1, and sums by band and by time as rows of their own.",
            ),
        },
        key="regions",
        export=lambda: fresh_rows(ALL_REASONS, file=track["file"]),
    )


def _heat(regions: pl.DataFrame) -> alt.TopLevelMixin:
    bands = regions.select("low_hz", "high_hz").unique().sort("low_hz", descending=True)
    drawn = regions.with_columns(
        pl.Series("seconds", [f"{clock(a)}–{clock(b)}" for a, b in regions.select("start_s", "end_s").iter_rows()]),
        pl.Series("band", [hertz(a, b) for a, b in regions.select("low_hz", "high_hz").iter_rows()]),
        pl.Series("said", [f"{100 * effect:+.1f}".replace("-", "−") for effect in regions["effect"]]),
        pl.col("effect") * 100,
    )
    most = max(drawn["effect"].abs().to_list())
    base = alt.Chart(drawn).encode(
        x=alt.X("seconds:O", sort=alt.EncodingSortField("start_s"), title="place in the file, minutes:seconds")
        .axis(labelAngle=0, labelOverlap=True)
        .scale(paddingInner=0),
        y=alt.Y("band:O", sort=[hertz(a, b) for a, b in bands.iter_rows()], title=None),
        tooltip=[
            alt.Tooltip("seconds:N", title="Place"),
            alt.Tooltip("band:N", title="Frequencies"),
            alt.Tooltip("said:N", title="Hundredths"),
        ],
    )
    colour = alt.Color(
        "effect:Q",
        title="hundredths: red raised, blue lowered",
        scale=alt.Scale(domain=[-most, 0, most], range=[LOWERED, NEITHER, RAISED]),
        legend=alt.Legend(orient="bottom", titleLimit=320),
    )
    cells = base.mark_rect(stroke="white").encode(color=colour)
    return alt.layer(cells, base.mark_text().encode(text="said:N")).properties(height=44 * bands.height + 110)


def _neighbours(track: Mapping[str, Any]) -> None:
    st.subheader("Released tracks that sound like it")
    found = rows(NEIGHBOURS, file=track["file"])
    if not found.height:
        empty("No released track is known to sound like it.", "score")
        return
    known: list[float] = found["outcome_percentile"].drop_nulls().to_list()
    upper = sum(percentile >= 0.5 for percentile in known)
    first = found.row(0, named=True)
    became = (
        "What became of them is not known."
        if not known
        else f"**{upper} of {len(known)}** ended in the upper half of releases of their month and genre "
        f"({percent(min(known))} to {percent(max(known))})."
    )
    sentence(
        f"Most alike: **{plain(first['title'] or first['isrc'])}**"
        + (f" by {plain(first['artist_name'])}" if first["artist_name"] else "")
        + f", {count(first['outcome_value'])} {counted(first['target'], first['outcome_value'])}. {became} "
        "Tick a row to open the track."
    )
    row = table(
        found,
        ("unreleased", str(track["title"]), "sound-alikes"),
        columns={
            "place": st.column_config.NumberColumn("Place", help="1 for the most similar."),
            "title": "Title",
            "artist_name": "Artist",
            "similarity": st.column_config.NumberColumn(
                "Similarity", format="%.2f", help="Of the two sounds, -1 to 1; 1 is the same."
            ),
            "outcome_percentile": st.column_config.NumberColumn(
                "Did better than", format="percent", help="Share of releases of its month and genre; – if unknown."
            ),
            "outcome_value": st.column_config.NumberColumn(
                "Outcome", format="localized", help=f"{counted(first['target']).capitalize()}; – if unknown."
            ),
        },
        hide=("isrc", "target"),
        key=f"neighbours_{track['file']}",
        select=True,
    )
    if row is not None:
        go("sounds", isrc=found["isrc"][row])


def counted(target: str, number: float | None = None) -> str:
    """What an outcome counts, in words: ``plays in the last 90 days``; ``play …`` where the ``number`` is one."""
    what, _, window = target.partition("_")
    if window.endswith("_days"):
        if number is not None and round(number) == 1:
            what = what.removesuffix("s")
        which, days, _ = window.split("_")
        return f"{what} in the {which} {days} days"
    return target.replace("_", " ")


def hertz(low: float, high: float) -> str:
    """A band: ``below 150 Hz``, ``500 Hz–2 kHz``."""
    top = f"{high / 1000:g} kHz" if high >= 1000 else f"{high:g} Hz"
    if low <= 0:
        return f"below {top}"
    bottom = f"{low / 1000:g} kHz" if low >= 1000 else f"{low:g} Hz"
    return f"above {bottom}" if high > 10_000 else f"{bottom}–{top}"


def clock(seconds: float) -> str:
    """Minutes and seconds within a file: ``1:05``."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
