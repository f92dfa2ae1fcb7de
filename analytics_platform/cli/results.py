"""What is shown after deliveries came in."""

from __future__ import annotations

from rich.table import Table as RichTable

from analytics_platform.cli.app import console
from analytics_platform.settings import Settings


def show_results(settings: Settings) -> None:
    """Fans by segment, how much was read, and what to open next."""
    import duckdb

    with duckdb.connect(str(settings.database), read_only=True) as connection:
        fans = connection.execute(
            """select data_set, window_days, segment, min(segment_rank), count(*),
                sum(listeners_estimated) / sum(listeners)
            from marts.artist_fans where share is not null group by all order by 1, 2, 4"""
        ).fetchall()
        thresholds = connection.execute(
            "select data_set, window_days, segment_to, threshold_plays from marts.fan_thresholds"
            " where model = 'fan_profiles'"
        ).fetchall()
        rows = connection.execute(
            "select count(*), sum(rows_read), sum(rejected_rows) from streams.deliveries"
        ).fetchall()[0]
    from_plays = {(data_set, days, segment): plays for data_set, days, segment, plays in thresholds}
    table = RichTable("data set", "window", "segment", "from plays", "share of listeners", "artists", title="Fans")
    for data_set, days, segment, rank, artists, share in fans:
        start = "1" if rank == 1 else str(from_plays.get((data_set, days, segment)) or "never likeliest")
        window = f"{days} days" if days else "undated"
        table.add_row(data_set, window, segment, start, f"{share:.1%}", str(artists))
    console.print(table)
    console.print(f"{rows[0]:,} files, {rows[1]:,} rows read, {rows[2]:,} rejected (analytics-platform status)")
    console.print(
        f"Open next:  {settings.database}\n            {settings.home / 'DATA_DICTIONARY.md'}", soft_wrap=True
    )
    console.print("            make page  (fans, markets and tracks, for people who want no SQL)")
    console.print("            make dev   (Dagster's page, with this run)")
