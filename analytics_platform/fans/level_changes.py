"""One more day of plays turned into a change of the listening levels, without a full recompute.

The state is what a listener × artist count was: the rows of ``fans.listener_artist_plays``, a
base and signed changes that add up. A new day changes few pairs: those that it plays and those
that lose the day which leaves the window. Each changed pair takes one listener out of its old
level and first listen and puts one into its new ones. The result equals the full recompute, row by row.

Every function gives one ``select``; relations are names of tables or views.
"""

from __future__ import annotations

from analytics_platform.fans.levels import Window, first_listen_sql, level_sql


def plays_change_sql(
    old: Window, new: Window, *, kept: str | None = None, added: str | None = None, removed: str | None = None
) -> str:
    """SQL for the touched pairs: listener_key, artist_id, plays (BIGINT, signed), came, gone (DATE or null).

    ``plays`` is the change in the window; 0 if only the day of the first play may have changed.
    ``came`` is the pair's first day among the rows that came: all of ``added``, and of ``kept`` what
    enters the window. ``gone`` is its first day in ``removed``.

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
    parts: list[str] = []
    if kept is not None:
        parts += [
            f"select listener_key, artist_id, plays, play_date as came, null::date as gone, true as moved from {kept}"
            f" where {inside_new} and not ({inside_old})",
            f"select listener_key, artist_id, -plays, null, null, true from {kept}"
            f" where {inside_old} and not ({inside_new})",
        ]
    if added is not None:
        parts.append(
            f"select listener_key, artist_id, case when {inside_new} then plays else 0 end as plays,"
            f" play_date as came, null::date as gone, {inside_new} and not ({inside_old}) as moved from {added}"
        )
    if removed is not None:
        parts.append(
            f"select listener_key, artist_id, case when {inside_old} then -plays else 0 end as plays,"
            f" null::date as came, play_date as gone, {inside_old} and not ({inside_new}) as moved from {removed}"
        )
    if not parts:
        raise ValueError("give at least one of kept, added and removed")
    union = "\n    union all\n    ".join(parts)
    # What a restated delivery repeats cancels out here. Where a day entered or left the window, a pair may
    # have won as many plays as it lost, and its first listen still changes.
    return f"""
with signed_days as (
    {union}
)
select listener_key, artist_id, cast(sum(plays) as bigint) as plays, min(came) as came, min(gone) as gone
from signed_days
group by listener_key, artist_id
having sum(plays) <> 0 or min(came) is distinct from min(gone) or bool_or(moved)"""


def changed_pairs_sql(state: str, changes: str) -> str:
    """SQL for the touched pairs with plays_before, plays_after (BIGINT, >= 0), first_before, came, gone (DATE).

    ``state`` names the base plus earlier changes (listener_key, artist_id, change_no, plays, first_play_date),
    ``changes`` the result of ``plays_change_sql``. ``first_before`` is null for a pair without plays before.
    The state is read once, and only its changed pairs are grouped.
    Keep the base sorted by listener_key and artist_id: reading it is the cost, and that makes it 3 × cheaper.
    """
    return f"""
with before as (
    select
        state.listener_key,
        state.artist_id,
        sum(state.plays) as plays,
        max_by(state.first_play_date, state.change_no) as first_play_date
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
    cast(coalesce(before.plays, 0) + changes.plays as bigint) as plays_after,
    case when before.plays > 0 then before.first_play_date end as first_before,
    changes.came,
    changes.gone
from {changes} as changes
left join before
    on before.listener_key = changes.listener_key and before.artist_id = changes.artist_id"""


def dated_pairs_sql(pairs: str, new: Window, kept: str | None) -> str:
    """SQL for the touched pairs: listener_key, artist_id, plays_before, plays_after, first_before, first_after (DATE).

    ``pairs`` names the result of ``changed_pairs_sql``, ``new`` and ``kept`` are as in ``plays_change_sql``.
    ``first_after`` is the pair's first day of all days kept and added; null for a pair without plays
    after. Only two kinds of pairs need a look into the days, and few have any:

    - who had no plays in the old window may have played before it: the days before the new window
      tell, since nothing of the pair can lie in both windows;
    - who lost the day of the first play, and no earlier or equal one came: all days tell.
    """
    lost = "gone <= first_before and coalesce(came > first_before, true)"

    def first_kept(condition: str, days: str) -> str:
        chosen = f"(select listener_key, artist_id from {pairs} where plays_after > 0 and {condition})"
        return f"""
    select days.listener_key, days.artist_id, min(days.play_date) as first_kept
    from {kept} as days
    semi join {chosen} as chosen on days.listener_key = chosen.listener_key and days.artist_id = chosen.artist_id
    -- implied by the join, but it spares reading the other columns of most rows
    where {days} and days.listener_key in (select listener_key from {chosen})
    group by days.listener_key, days.artist_id"""

    if kept is None:
        found = f"select listener_key, artist_id, null::date as first_kept from {pairs} where false"
    else:
        before = f"days.play_date < date '{new.start.isoformat()}'"
        found = first_kept("plays_before = 0", before) + "\n    union all" + first_kept(lost, "true")
    return f"""
with found as ({found}
)
select
    pairs.listener_key,
    pairs.artist_id,
    pairs.plays_before,
    pairs.plays_after,
    pairs.first_before,
    case
        when pairs.plays_after <= 0 then null
        when pairs.plays_before = 0 or ({lost}) then least(found.first_kept, pairs.came)
        else least(pairs.first_before, pairs.came)
    end as first_after
from {pairs} as pairs
left join found on pairs.listener_key = found.listener_key and pairs.artist_id = found.artist_id"""


def state_change_sql(pairs: str) -> str:
    """SQL for what the state gains: listener_key, artist_id, plays (BIGINT, signed), first_play_date (DATE or null).

    ``pairs`` names the result of ``dated_pairs_sql``. ``plays`` is 0 where only the first day changed.
    """
    return f"""
select listener_key, artist_id, plays_after - plays_before as plays, first_after as first_play_date
from {pairs}
where plays_after <> plays_before or first_after is distinct from first_before"""


def levels_change_sql(pairs: str, old: Window, new: Window) -> str:
    """SQL for the signed change of the histogram: artist_id, level, first_listen, listeners, plays (BIGINT, signed).

    ``pairs`` names the result of ``dated_pairs_sql``. A pair below 1 play is in no level.
    """
    return f"""
with moves as (
    select
        artist_id,
        {level_sql("plays_before")} as level,
        {first_listen_sql("first_before", old)} as first_listen,
        -1 as listeners,
        -plays_before as plays
    from {pairs}
    where plays_before > 0
    union all
    select
        artist_id,
        {level_sql("plays_after")} as level,
        {first_listen_sql("first_after", new)} as first_listen,
        1 as listeners,
        plays_after as plays
    from {pairs}
    where plays_after > 0
)
select
    artist_id,
    level,
    first_listen,
    cast(sum(listeners) as bigint) as listeners,
    cast(sum(plays) as bigint) as plays
from moves
group by artist_id, level, first_listen
having sum(listeners) <> 0 or sum(plays) <> 0"""


def changed_levels_sql(levels: str, changes: str) -> str:
    """SQL for the histogram after the change, with the columns that ``levels_sql`` gives it.

    ``levels`` names the histogram before, ``changes`` the result of ``levels_change_sql``.
    """
    # Both have one row per key, so they are joined: grouping all rows of the histogram takes three times as long.
    return f"""
with parts as (
    select
        artist_id,
        level,
        first_listen,
        coalesce(before.listeners, 0) + coalesce(changes.listeners, 0) as listeners,
        coalesce(before.plays, 0) + coalesce(changes.plays, 0) as plays
    from {levels} as before
    full join {changes} as changes using (artist_id, level, first_listen)
)
select artist_id, level, first_listen, cast(listeners as bigint) as listeners, cast(plays as bigint) as plays
from parts
where listeners <> 0"""


def state_plays_sql(state: str) -> str:
    """SQL for the state added up, with the columns of ``window_plays_sql``, one row per pair.

    Used to fold the changes into a new base, and by readers who want one row per pair.
    """
    return f"""
select
    listener_key,
    artist_id,
    cast(sum(plays) as bigint) as plays,
    max_by(first_play_date, change_no) as first_play_date
from {state}
group by listener_key, artist_id
having sum(plays) <> 0"""


def impossible_pairs_sql(pairs: str) -> str:
    """SQL for the number of touched pairs below 0 plays, or with plays and no first day: 0 if state and days agree.

    A day that was taken out twice, or a state of another window, shows here; recompute then.
    """
    return f"""
select count(*)
from {pairs}
where
    plays_before < 0
    or plays_after < 0
    or (plays_before > 0 and first_before is null)
    or (plays_after > 0 and first_after is null)"""
