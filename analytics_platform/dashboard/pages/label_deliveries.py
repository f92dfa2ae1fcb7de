"""How fresh the data are, which deliveries or rows were not taken, and what to do about it."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from analytics_platform.dashboard.kept import data_set
from analytics_platform.dashboard.look import VENDOR_NAMES, count, day, percent, plain, plural, vendor_name
from analytics_platform.dashboard.pages.label_period import FEEDS, Period
from analytics_platform.dashboard.pages.label_reasons import reason_words, status_words
from analytics_platform.dashboard.parts import empty, note, sentence, table
from analytics_platform.dashboard.reading import rows

VENDORS = f"""
select
    vendor,
    max(ingest_date) as newest_delivery,
    max(received_at) as received_at,
    count(*) as files,
    count(*) filter (status = 'superseded') as superseded,
    sum(rows_read) as rows_read,
    sum(loaded_rows) as loaded_rows,
    sum(rejected_rows) as rejected_rows,
    sum(case when status in ('quarantined', 'refused') then good_rows else 0 end) as waiting_rows,
    sum(case when status = 'superseded' then good_rows else 0 end) as replaced_rows
from streams.deliveries
where {FEEDS}
group by vendor
order by vendor
"""
LAST_PLAYS = f"select vendor, max(play_date) as last_play from marts.plays_daily where {FEEDS} group by vendor"
NOT_LOADED = f"""
select vendor, ingest_date, file_name, status, reason, rows_read, rejected_rows
from streams.deliveries
where status in ('quarantined', 'refused') and is_current and {FEEDS}
order by ingest_date desc, file_name
limit 200
"""
REJECTED = f"""
select vendor, reason, count(*) as rejected_rows, count(distinct delivery_id) as files, max(ingest_date) as newest
from streams.rejected_rows
where {FEEDS}
group by vendor, reason
order by rejected_rows desc, vendor, reason
"""

NAMED = 3
"""Reasons that the sentence on a vendor names; the table has all."""


def show_deliveries(found: Period | None) -> None:
    """How fresh the data are, and what of them was not taken."""
    data = data_set()
    vendors = rows(VENDORS, data=data)
    st.subheader("How fresh the data are")
    if vendors.is_empty():
        empty("Nothing has been delivered yet: put the vendors' files into the inbox.", "ingest")
        return
    _show_freshness(vendors.join(rows(LAST_PLAYS, data=data), on="vendor", how="left", maintain_order="left"), found)
    st.subheader("What was not taken")
    _show_files(rows(NOT_LOADED, data=data), vendors, found)
    _show_rows(rows(REJECTED, data=data), vendors, found)


def _show_freshness(vendors: pl.DataFrame, found: Period | None) -> None:
    playing = vendors.filter(pl.col("last_play").is_not_null())
    if playing.height:
        last = playing["last_play"].max()
        behind = playing.filter(pl.col("last_play") < last)
        words = f"The newest plays are of **{day(last)}**" + (  # type: ignore[arg-type]
            "."
            if behind.is_empty()
            else "; "
            + ", ".join(f"{vendor_name(row['vendor'])} ends on {day(row['last_play'])}" for row in behind.to_dicts())
            + ". Ask whoever delivers for the missing days, and put the files into the inbox."
        )
        if behind.is_empty():
            words += f" All vendors reach it ({', '.join(vendor_name(name) for name in playing['vendor'].to_list())})."
        sentence(words)
    frame = vendors.select("vendor", "newest_delivery", "received_at", "last_play", "files", "superseded")
    table(
        frame.with_columns(pl.col("vendor").replace(VENDOR_NAMES)),
        ("label", "freshness", *([found.end] if found else [])),
        columns={
            "vendor": st.column_config.TextColumn("Vendor", help="roster is the label itself; it has no plays."),
            "newest_delivery": st.column_config.DateColumn("Newest delivery", help="Day that the vendor gave it."),
            "received_at": st.column_config.DatetimeColumn("Taken from the inbox", help="UTC"),
            "last_play": st.column_config.DateColumn("Last day of plays", help="– where a vendor has no plays."),
            "files": st.column_config.NumberColumn("Files", format="localized"),
            "superseded": st.column_config.NumberColumn("Of them replaced", help="A later revision has replaced them."),
        },
        key="freshness",
        export=lambda: frame,
    )


def _show_files(files: pl.DataFrame, vendors: pl.DataFrame, found: Period | None) -> None:
    total = int(vendors["files"].sum())
    replaced = int(vendors["superseded"].sum())
    later = (
        f"; {plural(replaced, 'file was', 'files were')} replaced by a later delivery of the same report, as vendors do"
        if replaced
        else ""
    )
    if files.is_empty():
        loaded = f"{count(total - replaced)} of {count(total)}" if replaced else f"All {count(total)}"
        sentence(f"**{loaded} delivered files are loaded**{later}.")
        return
    sentence(
        f"**{plural(files.height, 'file')} of {count(total)} not loaded**{later}. "
        + " ".join(sorted({f"{row['status']}: {status_words(row['status'])}" for row in files.to_dicts()}))
    )
    table(
        files.with_columns(pl.col("vendor").replace(VENDOR_NAMES)),
        ("label", "files not loaded", *([found.end] if found else [])),
        columns={
            "vendor": "Vendor",
            "ingest_date": st.column_config.DateColumn("Delivery of"),
            "file_name": "File",
            "status": "Status",
            "reason": "Why",
            "rows_read": st.column_config.NumberColumn("Rows read"),
            "rejected_rows": st.column_config.NumberColumn("Bad rows"),
        },
        key="files",
        export=lambda: files,
    )


def _show_rows(rejected: pl.DataFrame, vendors: pl.DataFrame, found: Period | None) -> None:
    read, taken, bad, waiting, replaced = (
        int(vendors[name].sum())
        for name in ("rows_read", "loaded_rows", "rejected_rows", "waiting_rows", "replaced_rows")
    )
    sentence(
        f"Of {count(read)} rows that were read, {count(taken)} are loaded and {count(bad)} "
        f"({percent(bad / read if read else None, 2)}) rejected"
        + (f"; {count(waiting)} good rows wait in files that are not loaded" if waiting else "")
        + (f"; {count(replaced)} are in files that a later one replaced" if replaced else "")
        + ". Nothing is lost silently: the files are kept as delivered, and each rejected row stands in "
        "`streams.rejected_rows` with file, line and reason."
    )
    if rejected.is_empty():
        note("No row was rejected.")
        return
    for vendor in rejected["vendor"].unique(maintain_order=True).to_list():
        mine = rejected.filter(pl.col("vendor") == vendor)
        parts = [
            f"{plural(row['rejected_rows'], 'row')} {reason_words(row['reason'])[0]}"
            for row in mine.head(NAMED).to_dicts()
        ]
        more = " …" if mine.height > NAMED else "."
        st.markdown(f"- **{vendor_name(vendor)}**: {plain('; '.join(parts))}{more}")
    # DuckDB's sums are decimals without places: a share of them would be 0.
    frame = rejected.join(vendors.select("vendor", "rows_read"), on="vendor", how="left", maintain_order="left")
    words = [reason_words(reason) for reason in frame["reason"].to_list()]
    frame = frame.with_columns(
        pl.Series("words", [f"rows {what}" for what, _ in words], dtype=pl.String),
        pl.Series("next_step", [step for _, step in words], dtype=pl.String),
        (pl.col("rejected_rows") / pl.col("rows_read").cast(pl.Float64)).alias("share"),
    ).select("vendor", "words", "rejected_rows", "share", "next_step", "reason", "files", "newest")
    table(
        frame.with_columns(pl.col("vendor").replace(VENDOR_NAMES)),
        ("label", "rejected rows", *([found.end] if found else [])),
        columns=_columns(),
        key="rejected",
        export=lambda: frame,
    )


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "vendor": "Vendor",
        "words": "What is wrong",
        "rejected_rows": number("Rows", format="localized", help="In all deliveries so far."),
        "share": number("Share", format="percent", help="Of the vendor's rows read."),
        "next_step": "What to do",
        "reason": st.column_config.TextColumn("Reason", help="As in streams.rejected_rows."),
        "files": number("Files", help="Files with such rows."),
        "newest": st.column_config.DateColumn("Newest in a delivery of"),
    }
