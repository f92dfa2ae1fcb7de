"""A published file of made-up numbers, laid out as ``lakehouse/publish.py`` does it: what pages are tested on.

The rows are as consistent as the real ones: shares add up, ranges hold their estimates, small cells are withheld with
a second one where the first could be worked out, and plays in windows are the sums of the daily ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pycountry

from analytics_platform.lakehouse import publish
from analytics_platform.lakehouse.data_dictionary import data_dictionary
from analytics_platform.lakehouse.lake import literal, quoted
from analytics_platform.lakehouse.publish import PUBLISHED_TABLES, STORAGE_VERSION
from analytics_platform.lakehouse.tables import Table
from analytics_platform.orchestration.build import SQL_ROOT, published_tables
from analytics_platform.taste.playlist_tables import export_playlists
from analytics_platform_tests.dashboard.made_up_audience import AUDIENCE
from analytics_platform_tests.dashboard.made_up_files import lay_out_sound
from analytics_platform_tests.dashboard.made_up_models import MODELS
from analytics_platform_tests.dashboard.made_up_tracks import TRACKS

LAST_DAY = date(2026, 9, 30)
DAYS = 90
ODD_NAMES = (
    "Nina Simone",
    "Sigur Rós",
    "AC/DC & Friends",
    "*NSYNC_tribute*",
    "<b>Bold</b> Sisters",
    'Quote "Unquote" O\'Neil',
    "$uicide Money$ 100%",
    "Sunny 🌞 Side",
    "فيروز",
    "椎名林檎",
    "# Hash [link](http://example.org)",
    "Björk's  Cousins",
    "~~Struck~~ `Code`",
    "The Very Long Name of a Band That Nobody Ever Managed to Fit onto One Poster or Phone",
    "Plus + Minus",
    "Back\\slash : colon",
    "Ordinary Heron",
    "Question? Mark=1",
    "Tiny Tide",
    "Small Hours",
)
"""Names that a page gets wrong if it can; the last two have too few listeners for shares."""
COUNTRIES = re.findall(
    r"\w+",
    "US GB DE FR BR MX ES IT JP IN CA NL AU SE PL AR ID TR KR PH CO CL BE CH NO NZ FI AT CZ IE MY TH PE GR TW PT DK "
    "SG MT HK",
)
"""From large to small. Singapore, Malta and Hong Kong are not drawn on the map."""
GENRES = ("jazz", "rock", "electronic", "folk", "hip-hop", "metal")
WORDS = (
    ("Blue", "Amber", "Hidden", "Golden", "Silent", "Iron", "Velvet", "Crooked", "Paper", "Mellow"),
    ("Otters", "Harbour", "Choir", "Lions", "Parade", "Kites", "Mirrors", "Ferry", "Pines", "Radio"),
)


def publish_made_up(home: Path, artists: int = 20, seed: int = 0, last_day: date = LAST_DAY) -> Path:
    """Publish made-up numbers of that many artists to ``home``; returns the folder of the publication.

    Numbers depend on ``seed`` and ``last_day``; artists, tracks and files do not.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    folder = home / "published" / f"{now:%Y%m%dT%H%M%S.%f}"
    building = folder.with_name(f".{folder.name}.building")
    building.mkdir(parents=True)
    sounds = lay_out_sound(home)
    tables, views = published_tables()
    # A large label's exports would take longer than its file; no page reads them.
    exported = [table for table in tables if table.schema == "marts"] if artists <= 1000 else []
    with duckdb.connect(config={"memory_limit": "1500MB", "threads": 2}) as connection:
        connection.execute(
            f"attach {literal(str(building / 'analytics.duckdb'))} as out (storage_version '{STORAGE_VERSION}')"
        )
        for schema in sorted({table.schema for table in (*tables, *views)}):
            connection.execute(f'create schema out."{schema}"')
        for table in tables:
            connection.execute(publish._create_sql(table))
        _lay_ground(connection, home, artists, seed, last_day)
        connection.register("sounds", sounds)
        for statement in (*AUDIENCE, *TRACKS, *MODELS):
            connection.execute(statement)
        _describe(connection, tables, views, now)
        connection.execute("checkpoint out")
        connection.execute("detach out")
    publish._export(building / "analytics.duckdb", building / "exports", exported, [export_playlists])
    (building / "DATA_DICTIONARY.md").write_text(data_dictionary([*tables, PUBLISHED_TABLES], views))
    building.rename(folder)
    for name in ("analytics.duckdb", "exports", "DATA_DICTIONARY.md"):
        publish._link(home / name, folder / name)
    publish._forget_old(home / "published")
    return folder


def artist_names(artists: int) -> list[str]:
    """Names: the odd ones first, then ordinary ones by number."""
    first, second = WORDS
    more = [
        f"{first[number % 10]} {second[number // 10 % 10]} {number}"
        for number in range(max(0, artists - len(ODD_NAMES)))
    ]
    return [*ODD_NAMES[-artists:], *more]


def artist_id(name: str) -> str:
    """The id of an artist by name."""
    return name.lower()


def _describe(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], views: Sequence[Table], now: datetime
) -> None:
    """Views without rows, the list of tables, comments and macros."""
    # Together: each by itself would wait for the disk.
    connection.execute("begin")
    connection.execute(publish._create_sql(PUBLISHED_TABLES))
    facts = []
    for table in tables:
        rows = connection.sql(f"select count(*) from out.{quoted(table)}").fetchall()[0][0]
        facts.append((table.full_name, "table", rows, 1, now))
    for table in views:
        columns = ", ".join(f'null::{column.type} as "{column.name}"' for column in table)
        connection.execute(f"create view out.{quoted(table)} as select {columns} where false")
        facts.append((table.full_name, "view", 0, 1, now))
        publish._comment(connection, table, "view")
    connection.executemany(f"insert into out.{quoted(PUBLISHED_TABLES)} values (?, ?, ?, ?, ?)", facts)
    for table in (*tables, PUBLISHED_TABLES):
        publish._comment(connection, table, "table")
    connection.execute("use out")
    for macro in sorted((SQL_ROOT / "macros").glob("*.sql")):
        connection.execute(macro.read_text())
    connection.execute("use memory")
    connection.execute("commit")


def _lay_ground(connection: duckdb.DuckDBPyConnection, home: Path, artists: int, seed: int, last_day: date) -> None:
    """What all statements build on: constants, chance, artists, countries and windows."""
    connection.execute(f"create temp macro chance(thing) as (hash(concat(thing, '|{seed}|')) % 1000003) / 1000003.0")
    # The same in every publication: what artists and tracks are.
    connection.execute("create temp macro fixed(thing) as (hash(concat(thing, '|fixed')) % 1000003) / 1000003.0")
    for name, value in {
        "last_day": f"date '{last_day}'",
        "days": str(DAYS),
        "artists_total": str(artists),
        "tracks_each": "5" if artists <= 1000 else "3",
        "home": literal(str(home)),
        "made_at": f"timestamp '{last_day} 05:30:00'",
        "fan_model": f"'label-' || '{last_day:%Y%m%d}-' || {seed}",
        "artist_model": f"'label-90d-{last_day:%Y%m%d}-made{seed}'",
        "track_model": f"'track_popularity-made{seed}'",
        "taste_model": f"'taste-made{seed}'",
    }.items():
        connection.execute(f"create temp macro {name}() as ({value})")
    names = artist_names(artists)
    # Two are too small for shares of segments, wherever they stand.
    small = [name in ODD_NAMES[-2:] for name in names]
    connection.register(
        "names",
        pl.DataFrame(
            {"position": range(artists), "artist_id": map(artist_id, names), "artist_name": names, "is_small": small}
        ),
    )
    found = {code: pycountry.countries.get(alpha_2=code) for code in COUNTRIES}
    connection.register(
        "countries",
        pl.DataFrame(
            {
                "place": range(1, len(COUNTRIES) + 1),
                "country": COUNTRIES,
                "country_name": [getattr(land, "common_name", land.name) for land in found.values()],
            }
        ),
    )
    genres = ", ".join(map(literal, GENRES))
    connection.execute(f"""
        create temp table artist as
        with ranked as (
            select *,
                row_number() over (order by is_small, position >= {len(ODD_NAMES)}, hash(artist_id)) as size_rank
            from names
        )
        select
            position::bigint as position, artist_id, artist_name,
            least({len(GENRES)}, 1 + position * {len(GENRES)} // artists_total()) as cluster_id,
            ([{genres}])[cluster_id] as genre,
            1 + (position * 7) % 40 as home_place,
            case when is_small then 0.12 else 900 * pow(size_rank, -0.7) end as size,
            is_small
        from ranked
    """)
    connection.execute("create temp table fan_window as select unnest([28, 90]) as window_days")
    connection.execute(
        "create temp table segment as"
        " select * from (values ('passive', 1), ('casual', 2), ('diehard', 3)) s (segment, segment_rank)"
    )
