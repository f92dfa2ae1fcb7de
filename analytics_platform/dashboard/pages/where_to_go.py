"""Where to promote whom: all artists × countries."""

from __future__ import annotations

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import data_set
from analytics_platform.dashboard.look import count, day, plain, plural, spread
from analytics_platform.dashboard.navigation import go
from analytics_platform.dashboard.pages.where_to_go_choices import BASE, EXPORTED, SHOWN, Choices, choose_rows
from analytics_platform.dashboard.pages.where_to_go_map import by_country, show_map
from analytics_platform.dashboard.pages.where_to_go_trust import show_trust
from analytics_platform.dashboard.parts import as_of, empty, note, sentence, table
from analytics_platform.dashboard.reading import facts, fresh_rows, rows

PERIOD = """
select window_days, window_start, window_end, model_version
from marts.potential_streams where data_set = $data limit 1
"""
LARGEST = f"""
select artist_name, country_name, gap_plays, expected_low - actual_plays as low, expected_high - actual_plays as high
{BASE}{{where}}
order by gap_plays desc, artist_id, country
limit 3
"""
COUNTRY = """
select max(country_name) as country_name from marts.potential_streams where data_set = $data and country = $country
"""
COUNT = f"select count(*) as found {BASE}{{where}}"

WORDS = """
- **Potential streams**: streams in a window of this length that similar artists' performance suggests for the artist in
  the country, less the actual ones. The range holds in about 80 % of the cases, counted over all artists; where its low
  end is below 0 there may be no gap at all.
- **Opening**: a country with a rank, because the gap is clear (z, the gap against the noise of such a count, is 1 or
  more). Rank 1 is where to go first for this artist. It goes by how clear the gap is, not by its size.
- **Established**: the artist has enough streams there to be compared. **New ground**: it has not; perhaps it was never
  launched there. **Home**: where the artist is strongest against the market; nothing to open. **Closed**: the label's
  roster says that the catalogue may not be sold there.
- What similar artists do does not say what a campaign would bring.
"""


def show() -> None:
    """Show the page."""
    st.header("Where to go")
    data = data_set()
    period = facts(PERIOD, data=data)
    if not period:
        empty("There are no potential streams yet.", "all")
        as_of()
        return
    answer = st.container()
    choices = choose_rows(data, period["window_days"])
    countries = by_country(choices)
    window = f"{period['window_days']} days ({day(period['window_start'])} to {day(period['window_end'])})"
    with answer:
        sentence(_answer(choices, countries, window))
        show_trust(data)
    with st.expander("What the words mean"):
        st.markdown(WORDS)
    _show_list(choices, window, str(period["window_end"]))
    show_map(choices, countries, window, period["window_end"])
    as_of(similar_artists=period["model_version"])


def _answer(choices: Choices, countries: pl.DataFrame, window: str) -> str:
    chosen = choices.values.get("country")
    here = countries if chosen is None else countries.filter(pl.col("country") == chosen)
    openings = int(here["openings"].sum())
    if not openings:
        where = "nowhere are there"
        if chosen is not None:
            name = facts(COUNTRY, data=choices.values["data"], country=chosen)["country_name"]
            where = f"no such artist has in {plain(name)}"
        return f"**No opening** for this choice: {where} clearly fewer streams than similar artists suggest."
    artists = int(here["firsts"].sum()) if chosen is None else openings
    where = plural(countries.height, "country", "countries") if chosen is None else plain(here["country_name"][0])
    top = rows(LARGEST.format(where=choices.where(openings=True)), **choices.values)
    largest = "; ".join(
        f"{plain(row['artist_name'])} in {plain(row['country_name'])} with {count(row['gap_plays'])} "
        f"({spread(row['low'], row['high'])})"
        for row in top.to_dicts()
    )
    return (
        f"**{plural(openings, 'opening')} for {plural(artists, 'artist')} in {where}.** The largest by potential "
        f"streams in {window}, with 80 % ranges: {largest}. In {count(int(here['sure'].sum()))} of the openings even "
        "the low end of the range is above today's streams."
    )


def _show_list(choices: Choices, window: str, last_day: str) -> None:
    st.subheader("Artists and countries")
    found = int(facts(COUNT.format(where=choices.where()), **choices.values)["found"])
    if not found:
        note("No row fits this choice. Take a filter away.")
        return
    frame = rows(choices.listing(SHOWN), **choices.values)
    sentence(
        f"{plural(found, 'row')}, "
        + ("all shown" if found <= SHOWN else f"the first {SHOWN} shown; the CSV has {_in_csv(found)}")
        + ". Tick a row to go to the artist and the country."
    )
    listing, values = choices.listing(EXPORTED), dict(choices.values)
    hidden = ["artist_id", "country", "z"]
    hidden += ["window_days", "window_start", "window_end", "model_version"]
    picked = table(
        frame,
        ("where to go", *[str(values[name]) for name in ("genre", "country") if name in values], last_day),
        columns=_columns(window),
        hide=[*hidden, *(["reason"] if choices.openings else [])],
        # Another choice is another table: a tick must not stay on what is now a different row.
        key=f"where_{hash((listing, tuple(sorted(values.items()))))}",
        export=lambda: fresh_rows(listing, **values),
        select=True,
    )
    if picked is not None:
        go("artist", artist=frame["artist_id"][picked], country=frame["country"][picked])


def _in_csv(found: int) -> str:
    if found <= EXPORTED:
        return "all of them"
    return f"the first {EXPORTED:,}, and `exports/marts.potential_streams.csv` beside the published file all"


def _columns(window: str) -> dict[str, object]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "artist_name": "Artist",
        "country_name": "Country",
        "market_rank": number("Rank", help="For this artist: 1 = go there first; – where it is not recommended."),
        "potential_streams": number(
            "Potential streams", format="localized", help=f"Expected less actual streams in {window}."
        ),
        "potential_low": number("From", format="localized", help="Lower end of the 80 % range of potential streams."),
        "potential_high": number("To", format="localized", help="Upper end of the 80 % range of potential streams."),
        "actual_plays": number("Streams now", format="localized", help=f"Plays of at least 30 s there in {window}."),
        "expected_plays": number("Expected", format="localized", help="If the artist did there as similar artists do."),
        "standing": text("Standing", help="established, new ground, home or closed: see “What the words mean”."),
        "listeners": number("Listeners", format="localized", help=f"Of the artist, everywhere, in {window}."),
        "neighbours": text("Similar artists behind it", help="Up to five who do best there."),
        "reason": text("Why no rank"),
    }
