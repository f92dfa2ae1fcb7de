"""The map of openings, and a click on a country."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import choose
from analytics_platform.dashboard.look import count, plain, plural
from analytics_platform.dashboard.pages.where_to_go_choices import BASE, Choices
from analytics_platform.dashboard.parts import chart, note, sentence, table
from analytics_platform.dashboard.reading import rows
from analytics_platform.dashboard.world import CLICKED, not_drawn, world_map

BY_COUNTRY = f"""
select
    country,
    max(country_name) as country_name,
    count(*) as openings,
    cast(round(sum(gap_plays)) as bigint) as potential_streams,
    count(*) filter (expected_low > actual_plays) as sure,
    count(*) filter (market_rank = 1) as firsts
{BASE}{{where}}
group by country
order by potential_streams desc, country
"""
SHOWN = {
    "potential": ("Potential streams", "potential_streams"),
    "artists": ("Artists with an opening", "openings"),
}


def by_country(choices: Choices) -> pl.DataFrame:
    """Openings by country, most potential first, whatever country is chosen."""
    values = {name: value for name, value in choices.values.items() if name != "country"}
    return rows(BY_COUNTRY.format(where=choices.where(anywhere=True, openings=True)), **values)


def show_map(choices: Choices, countries: pl.DataFrame, window: str, last_day: date) -> None:
    """The world by openings; a click on a country shows its list."""
    st.subheader("Countries")
    if countries.is_empty():
        note("There is no country to draw for this choice.")
        return
    shown = choose(
        st.segmented_control, "Show", "show", list(SHOWN), "potential", format_func=lambda name: SHOWN[name][0]
    )
    title, amount = SHOWN[shown or "potential"]
    ordered = countries.sort([amount, "country"], descending=[True, False])
    first = ordered.row(0, named=True)
    missing = not_drawn(countries["country"])
    words = (
        f"{plain(first['country_name'])} has most: {count(first['potential_streams'])} potential streams in {window}, "
        f"summed over {plural(first['openings'], 'artist')}."
    )
    more = (
        f" {plural(len(missing), 'country is', 'countries are')} too small to be drawn: see the table."
        if missing
        else ""
    )
    sentence(f"{words} A click on a country lists it above.{more}")
    hover = {
        "potential_streams": ("Potential streams", ",.0f"),
        "openings": ("Artists with an opening", ","),
    }
    chosen = choices.values.get("country")
    chart(
        world_map(ordered, amount, title, hover),
        f"Map of the world by {title.lower()}. {words}",
        key=f"map_{amount}_{chosen}",
        select=CLICKED,
        on_click=_list_country,
    )
    number = st.column_config.NumberColumn
    table(
        ordered.select("country", "country_name", "potential_streams", "openings", "sure"),
        ("where to go", "countries", last_day),
        columns={
            "country_name": "Country",
            "potential_streams": number(
                "Potential streams", format="localized", help=f"Summed over openings, in {window}."
            ),
            "openings": number("Artists", format="localized", help="With an opening there."),
            "sure": number("Of them sure", format="localized", help="The low end is above today's streams too."),
        },
        hide=("country",),
        key="countries",
    )


def _list_country(mark: Mapping[str, Any] | None) -> None:
    if mark and mark.get("country"):
        st.query_params["country"] = mark["country"]
