"""``analytics-platform status``: what is fresh, what was rejected and why, what waits."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from analytics_platform.audio.tables import TRACK_AUDIO
from analytics_platform.catalogue.tables import REQUESTS
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.lakehouse.tables import Table
from analytics_platform.settings import Settings
from analytics_platform.streams.deliveries import list_inbox
from analytics_platform.streams.tables import DELIVERIES, LISTENER_ARTIST_DAYS, LISTENER_RETURNS, REJECTED_ROWS

SHOWN = 20


def print_status(settings: Settings, tables: tuple[Table, ...], console: Console) -> None:
    """Print freshness, rejected rows, files not loaded, and the inbox."""
    lake = Lake(settings.lake_root)
    console.print(f"Home: {settings.home}", soft_wrap=True)
    if lake.open(DELIVERIES) is None:
        console.print("Nothing was ingested yet. Drop files into the inbox, or run `make demo`.")
    else:
        console.print(_vendors(lake), _not_loaded(lake), _rejected(lake), _sound(lake), _asked(lake))
        console.print(_fresh(lake, tables))
    waiting = list_inbox(settings.inbox)
    ready = sum(1 for file in waiting if not file.problem)
    console.print(f"Inbox {settings.inbox}: {ready} files to ingest", soft_wrap=True)
    for file in waiting:
        if file.problem:
            console.print(f"  [yellow]{escape(file.name)}[/] {escape(file.problem)}", soft_wrap=True)


def _vendors(lake: Lake) -> RichTable:
    shown = RichTable(
        "vendor", "files", "last delivery", "last play", "rows read", "rejected", "ids returning", title="Feeds"
    )
    with lake.connect(DELIVERIES, LISTENER_ARTIST_DAYS, LISTENER_RETURNS) as connection:
        rows = connection.execute(
            """with last_plays as (
                select vendor, max(play_date) as day from streams.listener_artist_days group by vendor),
            returns as (select vendor, median(return_share) as share from streams.listener_returns group by vendor)
            select vendor, count(*), max(ingest_date), any_value(last_plays.day), sum(rows_read), sum(rejected_rows),
                any_value(returns.share)
            from streams.deliveries left join last_plays using (vendor) left join returns using (vendor)
            where is_current group by vendor order by vendor"""
        ).fetchall()
    for vendor, files, delivered, played, read, rejected, returning in rows:
        share = "" if returning is None else f"{returning:.0%} next day"
        shown.add_row(vendor, f"{files:,}", str(delivered), str(played or ""), f"{read:,}", f"{rejected:,}", share)
    return shown


def _sound(lake: Lake) -> RichTable:
    shown = RichTable("clips from", "status", "reason", "recordings", title="Sound")
    with lake.connect(TRACK_AUDIO) as connection:
        rows = connection.execute(
            "select clip_source, status, reason, count(*) as n from marts.track_audio group by all"
            f" order by n desc, status, reason limit {SHOWN}"
        ).fetchall()
    for source, status, reason, recordings in rows:
        shown.add_row(source, status, reason or "", f"{recordings:,}")
    return shown


def _asked(lake: Lake) -> RichTable:
    shown = RichTable("source", "outcome", "requests", "due again", title="Asked of outside catalogues")
    with lake.connect(REQUESTS) as connection:
        rows = connection.execute(
            "select source, outcome, count(*), min(may_ask_again_at) from catalogue.requests group by all order by all"
        ).fetchall()
    for source, outcome, requests, due in rows:
        shown.add_row(source, outcome, f"{requests:,}", "" if due is None else f"{due:%Y-%m-%d %H:%M} UTC")
    return shown


def _not_loaded(lake: Lake) -> RichTable:
    shown = RichTable("file", "status", "reason", title="Files not loaded")
    with lake.connect(DELIVERIES) as connection:
        rows = connection.execute(
            "select file_name, status, reason from streams.deliveries where status in ('refused', 'quarantined')"
            f" order by received_at desc limit {SHOWN}"
        ).fetchall()
    for row in rows:
        shown.add_row(*row)
    return shown


def _rejected(lake: Lake) -> RichTable:
    shown = RichTable("vendor", "reason", "column", "rows", "example", title="Rejected rows")
    with lake.connect(REJECTED_ROWS) as connection:
        rows = connection.execute(
            f"""select vendor, reason, coalesce(column_name, ''), count(*), min(file_name || ' line ' || line)
            from streams.rejected_rows group by all order by count(*) desc limit {SHOWN}"""
        ).fetchall()
    for vendor, reason, column, count, example in rows:
        shown.add_row(vendor, reason, column, f"{count:,}", example)
    return shown


def _fresh(lake: Lake, tables: tuple[Table, ...]) -> RichTable:
    shown = RichTable("table", "written, UTC", "version", title="Tables")
    for table in tables:
        delta = lake.open(table)
        if delta is None:
            shown.add_row(table.full_name, "never", "")
            continue
        written = datetime.fromtimestamp(delta.history(1)[0]["timestamp"] / 1000, UTC)
        shown.add_row(table.full_name, f"{written:%Y-%m-%d %H:%M}", str(delta.version()))
    return shown
