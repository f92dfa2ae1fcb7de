"""Three questions to analytics.duckdb: who are the fans, where to go next, which unreleased track first.

Open it with ``ANALYTICS_HOME=data .venv/bin/marimo edit docs/notebooks/three_questions.py``.
"""

# ruff: noqa: B018, PLR1711 -- how marimo writes cells

import marimo

app = marimo.App(width="medium")


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    # Three questions to `analytics.duckdb`

    Change a cell and all cells that use it are run again. Nothing here can change the file: it is opened read-only,
    and whoever publishes a new one meanwhile does not disturb you. Run the first cell again to get the new one.
    """)
    return


@app.cell
def _():
    import os
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo
    import polars as pl

    file = Path(os.environ.get("ANALYTICS_HOME", "data")) / "analytics.duckdb"
    # DuckDB finds out by itself what is asked for; 1 GB is enough for everything below.
    connection = duckdb.connect(str(file), read_only=True, config={"memory_limit": "1GB"})

    def ask(sql: str, **parameters: object) -> pl.DataFrame:
        """The answer to a query as a polars frame; `$name` is filled from the keyword arguments."""
        return connection.sql(sql, params=parameters or None).pl()

    return alt, ask, mo, pl


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Which tables are there?

    Schema `marts` is meant for you. The comment of a table says what one row is; each column has a comment too:
    `select column_name, comment from duckdb_columns() where table_name = 'artist_fans'`.
    """)
    return


@app.cell
def _(ask):
    tables = ask("""
        select described.table_name, published.row_count, described.comment
        from duckdb_tables() as described
        inner join marts.published_tables as published
            on published.table_name = described.schema_name || '.' || described.table_name
        where described.schema_name = 'marts'
        order by described.table_name
    """)
    tables
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 1. Who are the fans?

    A segment is how devotedly somebody listens, told from how often they played the artist in a window of days. `share`
    is an estimate: the truth lies between `share_low` and `share_high` in nine cases of ten. **Pick one window and stay
    with it**; rows of two windows must not be compared or added up. Here: the longest.
    """)
    return


@app.cell
def _(ask):
    fans = ask("""
        select artist_name, listeners, share, share_low, share_high, window_days, window_end
        from marts.artist_fans
        where
            data_set = 'label'
            and segment = 'diehard'
            and share is not null
            and window_days = (select max(window_days) from marts.artist_fans where data_set = 'label')
        order by share_low desc, artist_name
        limit 12
    """)
    fans
    return (fans,)


@app.cell
def _(alt, fans):
    # Sorted by the lower end: so many of the listeners are diehards almost for sure.
    _names = alt.Y("artist_name:N", sort=fans["artist_name"].to_list(), title=None)
    _lines = (
        alt.Chart(fans)
        .mark_rule(strokeWidth=4, color="#a6bddb")
        .encode(
            x=alt.X("share_low:Q", title="share of the artist's listeners who are diehards", axis=alt.Axis(format="%")),
            x2="share_high:Q",
            y=_names,
        )
    )
    _points = (
        alt.Chart(fans)
        .mark_point(filled=True, size=70, color="#034e7b", opacity=1)
        .encode(x="share:Q", y=_names, tooltip=["artist_name", "listeners", alt.Tooltip("share:Q", format=".1%")])
    )
    (_lines + _points).properties(width=560, height=alt.Step(22), title="Most devoted audiences, with 90 % ranges")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 2. Where should an artist go next?

    `marts.potential_streams` compares what an artist has in a country with what similar artists let one expect. Look at
    the range, not at the middle. It is a place to begin looking, not the forecast of a campaign.
    """)
    return


@app.cell
def _(ask, mo):
    _artists = ask("""
        select artist_name
        from marts.potential_streams
        where market_rank is not null
        group by artist_name
        order by max(gap_plays) desc, artist_name
        limit 200
    """)["artist_name"].to_list()
    artist = mo.ui.dropdown(_artists, value=_artists[0] if _artists else None, label="Artist", searchable=True)
    artist
    return (artist,)


@app.cell
def _(artist, ask):
    # A macro is a ready-made question: its result is like a table.
    markets = ask("from marts.top_targets($artist, n := 8)", artist=artist.value or "")
    markets
    return (markets,)


@app.cell
def _(alt, artist, markets, mo):
    if markets.is_empty():
        picture = mo.md("No country is recommended: see the column `reason` of `marts.potential_streams`.")
    else:
        _days = markets["window_days"][0]
        _y = alt.Y("country_name:N", sort=markets["country_name"].to_list(), title=None)
        _range = (
            alt.Chart(markets)
            .mark_rule(strokeWidth=4, color="#fdae6b")
            .encode(x=alt.X("expected_low:Q", title=f"plays in {_days} days"), x2="expected_high:Q", y=_y)
        )
        _expected = (
            alt.Chart(markets)
            .mark_point(filled=True, size=70, color="#a63603", opacity=1)
            .encode(x="expected_plays:Q", y=_y)
        )
        _actual = alt.Chart(markets).mark_tick(color="#1a1a1a", thickness=3).encode(x="actual_plays:Q", y=_y)
        picture = (_range + _expected + _actual).properties(
            width=560,
            height=alt.Step(24),
            title=f"{artist.value}: plays now (black) and expected, with 80 % ranges",
        )
    picture
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    How good is that ranking? It was tried on data frozen a window ago. A score means nothing without its dummy: here
    the biggest countries for everybody, and chance.
    """)
    return


@app.cell
def _(ask):
    ask("""
        select model, round(value, 3) as opened, round(value_low, 3) as low, round(value_high, 3) as high, is_baseline
        from models.leaderboard
        where task = 'artist_markets' and metric = 'precision_at_5' and data_set = 'label' and seed = -1
        order by value desc
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## 3. Which unreleased track first?

    A score is the place among releases of the same month and genre that the sound alone lets one expect. Two tracks
    whose ranges overlap by most of their length are a tie. Read `evidence` before you use a score: it says what may
    not be concluded.
    """)
    return


@app.cell
def _(ask, mo):
    tracks = ask("""
        select file, artist_name, percentile, percentile_low, percentile_high, rank_in_batch
        from marts.track_scores
        order by rank_in_batch
        limit 20
    """)
    _evidence = ask("select distinct evidence from marts.track_scores order by evidence")["evidence"].to_list()
    mo.callout(mo.md("\n\n".join(_evidence) or "No track has been scored yet."))
    return (tracks,)


@app.cell
def _(alt, mo, tracks):
    if tracks.is_empty():
        scores = mo.md("Drop tracks into the folder `unreleased/` and run the job `score`.")
    else:
        _order = alt.Y("file:N", sort=tracks["file"].to_list(), title=None, axis=alt.Axis(labelLimit=300))
        _span = (
            alt.Chart(tracks)
            .mark_rule(strokeWidth=4, color="#d4d4d4")
            .encode(
                x=alt.X(
                    "percentile_low:Q",
                    title="place among releases of the same month and genre",
                    axis=alt.Axis(format="%"),
                    scale=alt.Scale(domain=[0, 1]),
                ),
                x2="percentile_high:Q",
                y=_order,
            )
        )
        _place = (
            alt.Chart(tracks)
            .mark_point(filled=True, size=70, color="#08519c", opacity=1)
            .encode(x="percentile:Q", y=_order)
        )
        scores = (_span + _place).properties(
            width=420, height=alt.Step(22), title="Expected place; 8 of 10 tracks end in the range"
        )
    scores
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Take it with you

    Any frame above can be written: `fans.write_csv("fans.csv")`, `fans.write_parquet("fans.parquet")`. All marts in one
    workbook: `analytics-platform excel`. More questions with their SQL: `sql/queries/`.
    """)
    return


if __name__ == "__main__":
    app.run()
