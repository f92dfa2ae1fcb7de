"""One more day of plays turned into a change of the listening levels, without a full recompute.

The state is what a listener × artist count was: the rows of ``fans.listener_artist_plays``, a
base and signed changes that add up. A new day changes few pairs: those that it plays and those
that lose the day which leaves the window. Each changed pair takes one listener out of its old
level and puts one into its new level. The result equals the full recompute, row by row.

Every function gives one ``select``; relations are names of tables or views.
"""

from __future__ import annotations

from analytics_platform.fans.levels import Window, level_sql


def plays_change_sql(
    old: Window, new: Window, *, kept: str | None = None, added: str | None = None, removed: str | None = None
) -> str:
    """SQL for the signed change of plays per pair: listener_key, artist_id, plays (BIGINT, never 0).

    The relations are shaped like ``streams.listener_artist_days``:

    Args:
        old: the window that the state holds.
        new: the window that it shall hold.
        kept: day rows that the state has already seen and that are still true.
        added: day rows that the state has not seen, of whatever date: late rows count too.
        removed: day rows that the state has seen and that are gone: the former content of a
            delivery that was replaced (its new content comes in ``added``), or an erased listener.

    Raises:
        ValueError: no relation was given.
    """
    inside_old, inside_new = old.sql(), new.sql()
    signed = [
        (kept, 1, f"{inside_new} and not ({inside_old})"),
        (kept, -1, f"{inside_old} and not ({inside_new})"),
        (added, 1, inside_new),
        (removed, -1, inside_old),
    ]
    parts = [
        f"select listener_key, artist_id, {sign} * plays as plays from {days} where {condition}"
        for days, sign, condition in signed
        if days is not None
    ]
    if not parts:
        raise ValueError("give at least one of kept, added and removed")
    union = "\n    union all\n    ".join(parts)
    return f"""
with signed_days as (
    {union}
)
select listener_key, artist_id, cast(sum(plays) as bigint) as plays
from signed_days
group by listener_key, artist_id
having sum(plays) <> 0"""


def changed_pairs_sql(state: str, changes: str) -> str:
    """SQL for the changed pairs: listener_key, artist_id, plays_before, plays_after (BIGINT, >= 0).

    ``state`` names the base plus earlier changes (listener_key, artist_id, plays), ``changes`` the
    result of ``plays_change_sql``. The state is read once, and only its changed pairs are grouped.
    Keep the base sorted by listener_key and artist_id: reading it is the cost, and that makes it 3 × cheaper.
    """
    return f"""
with before as (
    select state.listener_key, state.artist_id, sum(state.plays) as plays
    from {state} as state
    semi join {changes} as changes
        on state.listener_key = changes.listener_key and state.artist_id = changes.artist_id
    -- implied by the join, but it spares reading the artist of five rows in six
    where state.listener_key in (select listener_key from {changes})
    group by state.listener_key, state.artist_id
)
select
    changes.listener_key,
    changes.artist_id,
    cast(coalesce(before.plays, 0) as bigint) as plays_before,
    cast(coalesce(before.plays, 0) + changes.plays as bigint) as plays_after
from {changes} as changes
left join before
    on before.listener_key = changes.listener_key and before.artist_id = changes.artist_id"""


def levels_change_sql(pairs: str) -> str:
    """SQL for the signed change of the histogram: artist_id, level, listeners, plays (BIGINT, signed).

    ``pairs`` names the result of ``changed_pairs_sql``. A pair below 1 play is in no level.
    """
    return f"""
with moves as (
    select artist_id, {level_sql("plays_before")} as level, -1 as listeners, -plays_before as plays
    from {pairs}
    where plays_before > 0
    union all
    select artist_id, {level_sql("plays_after")} as level, 1 as listeners, plays_after as plays
    from {pairs}
    where plays_after > 0
)
select
    artist_id,
    level,
    cast(sum(listeners) as bigint) as listeners,
    cast(sum(plays) as bigint) as plays
from moves
group by artist_id, level
having sum(listeners) <> 0 or sum(plays) <> 0"""


def changed_levels_sql(levels: str, changes: str) -> str:
    """SQL for the histogram after the change: artist_id, level, listeners, plays, as ``levels_sql`` gives it.

    ``levels`` names the histogram before, ``changes`` the result of ``levels_change_sql``.
    """
    return f"""
with parts as (
    select artist_id, level, listeners, plays from {levels}
    union all
    select artist_id, level, listeners, plays from {changes}
)
select
    artist_id,
    level,
    cast(sum(listeners) as bigint) as listeners,
    cast(sum(plays) as bigint) as plays
from parts
group by artist_id, level
having sum(listeners) <> 0"""


def state_plays_sql(state: str) -> str:
    """SQL for the state added up: listener_key, artist_id, plays (BIGINT, >= 1), one row per pair.

    Used to fold the changes into a new base, and by readers who want one row per pair.
    """
    return f"""
select listener_key, artist_id, cast(sum(plays) as bigint) as plays
from {state}
group by listener_key, artist_id
having sum(plays) <> 0"""


def impossible_pairs_sql(pairs: str) -> str:
    """SQL for the number of changed pairs with a count below 0 before or after: 0 if state and days agree.

    A day that was taken out twice, or a state of another window, shows here; recompute then.
    """
    return f"select count(*) from {pairs} where plays_before < 0 or plays_after < 0"
