"""The label's streams: per day, by vendor, by country."""

from __future__ import annotations

from datetime import timedelta

import altair as alt
import polars as pl
import pycountry
import streamlit as st

from analytics_platform.dashboard.look import (
    EMPHASIS,
    VENDOR_NAMES,
    change,
    count,
    day,
    plain,
    plural,
    signed,
    vendor_name,
)
from analytics_platform.dashboard.pages.label_period import Period, with_change
from analytics_platform.dashboard.parts import chart, sentence, table

WEEKLY_FROM = 120
"""Windows of more days are drawn by week."""
COUNTRIES = 10
"""Countries drawn; the table has all."""
NOW, BEFORE = "this window", "the window before"


def country_name(code: str) -> str:
    """The English name of a country; the code if there is none."""
    if code == "ZZ":
        return "(country not known)"
    found = pycountry.countries.get(alpha_2=code)
    return str(getattr(found, "common_name", found.name)).split(",")[0] if found else code


def missing_days(found: Period) -> str:
    """A sentence on days without plays of a vendor in either window, which no comparison makes up for."""
    days = _days_with_plays(found)
    parts = [
        f"{vendor_name(vendor)} has {plural(missing, 'day')} without plays in {which}"
        for vendor, *both in days.select("vendor", "missing_now", "missing_before").iter_rows()
        for missing, which in zip(both, ("the window", "the window before"), strict=True)
        if missing
    ]
    return f"Mind that {'; '.join(parts)}." if parts else ""


def show_days(found: Period) -> None:
    """Streams per day (per week in long windows), this window over the one before."""
    weekly = found.days > WEEKLY_FROM
    step, per = (7, "week") if weekly else (1, "day")
    frame = _series(found, step)
    st.subheader(f"Streams per {per}")
    now = frame.filter(pl.col("period") == NOW)
    best = now.sort("plays", descending=True, nulls_last=True).row(0, named=True)
    mean = now["plays"].mean()
    words = (
        f"On average {count(float(mean) if isinstance(mean, (int, float)) else None)} streams a {per}; most in the "
        f"{per} from {day(best['date'])} ({count(best['plays'])})."
        if weekly
        else f"On average {count(float(mean) if isinstance(mean, (int, float)) else None)} streams a {per}; most on "
        f"{day(best['date'])} ({count(best['plays'])})."
    )
    sentence(words)
    chart(_lines(frame, per), f"Line chart of streams per {per}, {found.words}. {words}", key="days")
    with st.expander(f"The numbers by {per}"):
        table(
            frame.select("period", "date", "plays"),
            ("label", f"streams per {per}", found.end),
            columns={
                "period": "Window",
                "date": st.column_config.DateColumn("First day of the week" if weekly else "Day"),
                "plays": _streams("Streams", found),
            },
            key="days_table",
        )


def show_vendors(found: Period) -> None:
    """Streams by vendor with their change."""
    st.subheader("By vendor")
    frame = with_change(found.by("vendor")).join(_days_with_plays(found), on="vendor", how="left")
    frame = frame.with_columns((pl.col("now") / pl.col("now").sum()).alias("share"))
    first = frame.row(0, named=True)
    sentence(f"{vendor_name(first['vendor'])} has most: {count(first['now'])} streams. {_change_words(first, found)}")
    frame = frame.select("vendor", "now", "share", "before", "change", "change_share", "missing_now", "missing_before")
    table(
        frame.with_columns(pl.col("vendor").replace(VENDOR_NAMES)),
        ("label", "vendors", found.end),
        columns={"vendor": "Vendor", **change_columns(found), **_missing_columns()},
        key="vendors",
        export=lambda: frame,
    )


def show_countries(found: Period) -> None:
    """Streams by country with their change."""
    st.subheader("By country")
    frame = with_change(found.by("country"))
    names = {code: country_name(code) for code in frame["country"].to_list()}
    frame = frame.select(
        "country",
        pl.col("country").replace_strict(names, return_dtype=pl.String).alias("country_name"),
        "now",
        (pl.col("now") / pl.col("now").sum()).alias("share"),
        *("before", "change", "change_share"),
    )
    first = frame.row(0, named=True)
    words = f"Most streams are from {plain(first['country_name'])}: {count(first['now'])}. "
    if found.is_comparable:
        rose = frame.sort("change", descending=True).row(0, named=True)
        fell = frame.sort("change").row(0, named=True)
        words += f"{plain(rose['country_name'])} gained most ({_signed_words(rose)})"
        words += f", {plain(fell['country_name'])} lost most ({_signed_words(fell)})." if fell["change"] < 0 else "."
    sentence(words)
    chart(_bars(frame.head(COUNTRIES), found), f"Streams in the {COUNTRIES} largest countries. {words}", key="places")
    table(
        frame,
        ("label", "countries", found.end),
        columns={"country_name": "Country", **change_columns(found)},
        hide=("country",),
        key="countries",
    )


def change_columns(found: Period) -> dict[str, object]:
    """Headings, formats and help of the columns ``now``, ``share``, ``before``, ``change`` and ``change_share``."""
    number = st.column_config.NumberColumn
    return {
        "now": _streams("Streams", found),
        "share": number("Share of streams", format="percent", help="Of the label's streams in the window."),
        "before": number(
            "Before",
            format="localized",
            help=f"Streams in the {found.days} days before, {found.before_words}; – if there is no such window.",
        ),
        "change": number("Change", format="localized", help="Streams in the window less those before."),
        "change_share": number(
            "Change in %",
            format="percent",
            help="The change as a share of the streams before; – where there were none.",
        ),
    }


def _streams(title: str, found: Period) -> object:
    return st.column_config.NumberColumn(
        title, format="localized", help=f"Plays of at least 30 s, {found.words} ({found.days} days)."
    )


def _missing_columns() -> dict[str, object]:
    words = "Days of the window {}on which no play of the vendor is known."
    return {
        "missing_now": st.column_config.NumberColumn("Days without plays", help=words.format("")),
        "missing_before": st.column_config.NumberColumn("… before", help=words.format("before ")),
    }


def _days_with_plays(found: Period) -> pl.DataFrame:
    """Vendors with their days without plays in both windows."""

    def missing(which: pl.Expr) -> pl.Expr:
        return found.days - pl.col("play_date").filter(which).n_unique().cast(pl.Int64)

    before = missing(~pl.col("is_now")) if found.is_comparable else pl.lit(None, pl.Int64)
    return (
        found.plays.group_by("vendor")
        .agg(missing(pl.col("is_now")).alias("missing_now"), before.alias("missing_before"))
        .sort("vendor")
    )


def _series(found: Period, step: int) -> pl.DataFrame:
    """Streams per day or week of both windows; null where no day has plays. Weeks end with the window."""
    last = found.end - timedelta(step - 1)
    length = found.days // step
    plays = (
        found.plays.group_by("play_date")
        .agg(pl.col("plays").sum())
        # The step that a day is in, counted back from the window's end.
        .group_by(((pl.lit(found.end) - pl.col("play_date")).dt.total_days() // step).alias("back"))
        .agg(pl.col("plays").sum())
    )
    windows = [(NOW, 0), (BEFORE, length)] if found.is_comparable else [(NOW, 0)]
    spine = pl.DataFrame(
        [
            (name, last - timedelta(step * back), last - timedelta(step * (back + earlier)), back + earlier)
            for name, earlier in windows
            for back in reversed(range(length))
        ],
        schema=["period", "place", "date", "back"],
        orient="row",
    )
    return spine.join(plays, on="back", how="left", maintain_order="left").drop("back")


def _lines(frame: pl.DataFrame, per: str) -> alt.TopLevelMixin:
    order = frame["period"].unique(maintain_order=True).to_list()
    dashes = alt.Scale(domain=[NOW, BEFORE], range=[[1, 0], [5, 3]])
    return (
        alt.Chart(frame)
        .mark_line(point=True)
        .encode(
            x=alt.X("place:T", title=f"{per.capitalize()} of this window", axis=alt.Axis(format="%-d %b", tickCount=6)),
            y=alt.Y("plays:Q", title=f"Streams per {per}", axis=alt.Axis(format="~s")),
            color=alt.Color(
                "period:N",
                title=None,
                scale=alt.Scale(domain=[NOW, BEFORE], range=[EMPHASIS, "#737373"]),
                legend=alt.Legend(orient="top", values=order),
            ),
            strokeDash=alt.StrokeDash("period:N", scale=dashes, legend=None),
            tooltip=[
                alt.Tooltip("period:N", title="Window"),
                alt.Tooltip("date:T", title=per.capitalize(), format="%-d %b %Y"),
                alt.Tooltip("plays:Q", title="Streams", format=","),
            ],
        )
        .properties(height=260)
    )


def _bars(frame: pl.DataFrame, found: Period) -> alt.TopLevelMixin:
    shown = frame.with_columns(pl.col("now").map_elements(count, return_dtype=pl.String).alias("label"))
    place = alt.Y("country_name:N", sort=None, title=None)
    tips = [
        alt.Tooltip("country_name:N", title="Country"),
        alt.Tooltip("now:Q", title="Streams", format=","),
        alt.Tooltip("before:Q", title="Before", format=","),
        alt.Tooltip("change_share:Q", title="Change", format="+.0%"),
    ]
    base = alt.Chart(shown)
    layers = [
        base.mark_bar(color="#3690c0").encode(
            x=alt.X("now:Q", title="Streams in the window", axis=alt.Axis(format="~s")), y=place, tooltip=tips
        ),
        base.mark_text(align="left", dx=6).encode(x="now:Q", y=place, text="label:N"),
    ]
    if found.is_comparable:
        layers.append(base.mark_tick(color="black", thickness=2).encode(x="before:Q", y=place, tooltip=tips))
    return alt.layer(*layers).properties(height=26 * frame.height)


def _change_words(row: dict[str, int], found: Period) -> str:
    return f"That is {_signed_words(row)} against the window before." if found.is_comparable else ""


def _signed_words(row: dict[str, int]) -> str:
    return f"{signed(row['change'])}, {change(row['now'], row['before']) or 'new'}"
