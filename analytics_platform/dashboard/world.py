"""The map of the world: amounts by country, and a click on a country. Its shapes are in the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import pycountry

from analytics_platform.dashboard.look import MUTED, SCALE

SHAPES = Path(__file__).parent / "geo" / "countries-110m.json"
HEIGHT = 420
CLICKED = "country"
"""Name of the selection: a click gives the field ``country``."""


@cache
def _text() -> str:
    return SHAPES.read_text()


@cache
def drawn() -> frozenset[str]:
    """Numeric codes of the countries that have a shape. Singapore, Malta and other small ones have none."""
    return frozenset(
        shape["id"] for shape in json.loads(_text())["objects"]["countries"]["geometries"] if "id" in shape
    )


@cache
def numeric(country: str) -> str | None:
    """ISO 3166-1 numeric code, as shapes are named, of an alpha-2 code; None if there is none."""
    found = pycountry.countries.get(alpha_2=country)
    return found.numeric if found else None


def not_drawn(countries: pl.Series) -> list[str]:
    """Those of the alpha-2 codes that the map has no shape for."""
    return [code for code in countries.to_list() if numeric(code) not in drawn()]


def world_map(
    frame: pl.DataFrame, amount: str, title: str, hover: Mapping[str, tuple[str, str | None]]
) -> alt.TopLevelMixin:
    """Countries by an amount, few to many; grey where there is none.

    Args:
        frame: ``country`` (alpha-2), ``country_name``, the column ``amount`` (above 0) and those of ``hover``.
        amount: Column that the colour shows.
        title: Of the legend, with the unit.
        hover: What a hover says beside the country: heading and format (d3; None for text), by column.
    """
    codes = {country: numeric(country) for country in frame["country"].unique().to_list()}
    fields = list(dict.fromkeys(["country", "country_name", amount, *hover]))
    data = frame.select(pl.col("country").replace_strict(codes, return_dtype=pl.String).alias("id"), *fields)
    # As text: Altair would copy and check every point of every border, half a second each time. Named, so that it
    # stays where it is: as text, Streamlit knows no shapes in it and would look for a table.
    form = alt.TopoDataFormat(feature="countries", type="topojson")
    shapes = alt.InlineData(values=_text(), format=form, name="shapes")
    same = alt.NamedData(name="shapes", format=form)
    found = alt.LookupData(data=data.filter(pl.col("id").is_not_null()), key="id", fields=fields)
    click = alt.selection_point(fields=["country"], name=CLICKED, empty=False, toggle=False)
    says: list[Any] = [alt.Tooltip("country_name:N", title="Country")]
    for name, (heading, form) in hover.items():
        kind = "N" if form is None else "Q"
        how: dict[str, Any] = {} if form is None else {"format": form}
        says.append(alt.Tooltip(f"{name}:{kind}", title=heading, **how))
    legend = alt.Legend(orient="bottom", format="~s", gradientLength=240)
    ground = alt.Chart(shapes).mark_geoshape(fill=MUTED, stroke="white", strokeWidth=0.5)
    coloured = (
        alt.Chart(same)
        .mark_geoshape(cursor="pointer")
        .transform_lookup("id", found)
        .transform_filter(f"isValid(datum['{amount}'])")
        .encode(
            color=alt.Color(f"{amount}:Q", title=title, scale=alt.Scale(range=list(SCALE)), legend=legend),
            stroke=alt.condition(click, alt.value("black"), alt.value("white")),
            strokeWidth=alt.condition(click, alt.value(2), alt.value(0.5)),
            tooltip=says,
        )
        .add_params(click)
    )
    return alt.layer(ground, coloured).project("equalEarth").properties(height=HEIGHT)
