"""Listeners into segments, and segments into histograms: SQL that runs over pairs of listener and artist.

Every function gives one ``select``; relations are names of tables or views.
"""

from __future__ import annotations

from collections.abc import Sequence

from analytics_platform.fans.exposure import exposure_class_sql
from analytics_platform.fans.level_changes import state_plays_sql
from analytics_platform.fans.levels import Window, level_sql, window_plays_sql
from analytics_platform.fans.thresholds import Thresholds, segment_sql

UNKNOWN_ARTIST = "(unknown)"
"""Plays of tracks in no catalogue: in the plays, in no fan model."""


def pairs_sql(state: str, window: Window | None) -> str:
    """SQL for the pairs of a window: listener_key, artist_id, plays, exposure_class.

    ``state`` names rows of ``fans.listener_artist_plays`` of one data set and window, a base and changes.
    """
    return _classified_sql(state_plays_sql(state), window)


def earlier_pairs_sql(days: str, window: Window) -> str:
    """SQL for the same pairs of an earlier window, from all days: rows like ``streams.listener_artist_days``."""
    return _classified_sql(window_plays_sql(days, window), window)


def _classified_sql(plays: str, window: Window | None) -> str:
    return f"""
select
    listener_key,
    artist_id,
    plays,
    {exposure_class_sql("first_play_date", window)} as exposure_class
from ({plays})
where artist_id <> '{UNKNOWN_ARTIST}'"""


def histogram_sql(pairs: str, *by: str, least: int = 1) -> str:
    """SQL for histograms: artist_id, *by, exposure_class, level, listeners, plays.

    Args:
        pairs: relation of listener_key, artist_id, plays, exposure_class and the columns of ``by``.
        by: further columns to group by.
        least: leave out artists with fewer listeners.
    """
    columns = ", ".join(["artist_id", *by, "exposure_class"])
    enough = f"qualify sum(count(*)) over (partition by artist_id) >= {least}" if least > 1 else ""
    return f"""
select
    {columns},
    {level_sql("plays")} as level,
    count(*) as listeners,
    cast(sum(plays) as bigint) as plays
from {pairs}
group by {columns}, {level_sql("plays")}
{enough}"""


def segments_sql(pairs: str, thresholds: Sequence[Thresholds], names: Sequence[str], model_version: str) -> str:
    """SQL for ``fans.listener_segments``: the pairs with level and most fitting segment.

    Args:
        pairs: relation as ``pairs_sql`` gives it.
        thresholds: of each exposure class: who came late needs fewer plays.
        names: of the segments.
        model_version: of the profiles.
    """
    ranks = " ".join(f"when {e} then {segment_sql('plays', cuts)}" for e, cuts in enumerate(thresholds))
    named = " ".join(f"when {rank} then '{name}'" for rank, name in enumerate(names, start=1))
    return f"""
select
    listener_key,
    artist_id,
    plays,
    {level_sql("plays")} as level,
    exposure_class,
    case segment_rank {named} end as segment,
    cast(segment_rank as smallint) as segment_rank,
    '{model_version}' as model_version
from (select *, case exposure_class {ranks} end as segment_rank from {pairs})"""


def moves_sql(this: str, before: str, traits: str) -> str:
    """SQL for moves: artist_id, country, new, deepened, unchanged, cooled, lapsed; country (all) for all of them.

    Args:
        this: rows of ``fans.listener_segments`` of one data set and window.
        before: the same of the window before.
        traits: rows of ``fans.listener_traits``.
    """
    return f"""
with moved as (
    select
        coalesce(now.artist_id, earlier.artist_id) as artist_id,
        coalesce(traits.country, 'ZZ') as country,
        case
            when earlier.segment_rank is null then 'new'
            when now.segment_rank is null then 'lapsed'
            when now.segment_rank > earlier.segment_rank then 'deepened'
            when now.segment_rank < earlier.segment_rank then 'cooled'
            else 'unchanged'
        end as move
    from {this} as now
    full join {before} as earlier
        on now.listener_key = earlier.listener_key and now.artist_id = earlier.artist_id
    left join {traits} as traits on coalesce(now.listener_key, earlier.listener_key) = traits.listener_key
)

select
    artist_id,
    case when grouping(country) = 1 then '(all)' else country end as country,
    count(*) filter (where move = 'new') as new,
    count(*) filter (where move = 'deepened') as deepened,
    count(*) filter (where move = 'unchanged') as unchanged,
    count(*) filter (where move = 'cooled') as cooled,
    count(*) filter (where move = 'lapsed') as lapsed
from moved
group by grouping sets ((artist_id, country), (artist_id))"""
