"""SQL that makes up what listeners did: targets, moves between segments, levels, profiles and thresholds."""

from __future__ import annotations

MOVES: tuple[str, ...] = (
    """
insert into out.marts.fan_targets by name
with below as (
    select *, 1 - s as share_below_top, 1 - whole as share_below_top_artist,
        listeners * (whole - s) as listeners_to_win
    from cell_share
    where segment = 'diehard' and not is_suppressed and listeners >= 20 and s < 0.85 * whole
),
ranked as (
    select *, row_number() over (partition by window_days, artist_id order by listeners_to_win desc, trait,
        value) as target_rank
    from below
)
select 'label' as data_set, window_days, last_day() as window_end, artist_id, artist_name, trait, value, target_rank,
    listeners, share_below_top, share_below_top_artist, listeners_to_win,
    0.0001 + 0.004 * chance(concat('p', artist_id, value, window_days)) as p_value, model_version
from ranked
where target_rank <= 4
order by window_days, artist_id, trait, value
""",
    """
insert into out.marts.fan_moves by name
with place as (
    select artist_id, '(all)' as country, listeners, listeners_before, false as is_suppressed
        from fan where window_days = 28
    union all
    select artist_id, value, cell.listeners, round(cell.listeners * 1.05)::bigint, cell.listeners < 60
    from cell where window_days = 28 and trait = 'country'
),
stayed as (
    select *, floor(least(listeners, listeners_before) * (0.55 + 0.3 * chance(concat('stay', artist_id,
        country))))::bigint as kept,
        floor(kept * (0.05 + 0.1 * chance(concat('up', artist_id, country))))::bigint as up,
        floor(kept * (0.05 + 0.1 * chance(concat('down', artist_id, country))))::bigint as down
    from place where listeners_before is not null
),
moved as (
    select artist_id, country, is_suppressed, unnest([
        {'move': 'new', 'n': listeners - kept}, {'move': 'deepened', 'n': up}, {'move': 'unchanged',
            'n': kept - up - down},
        {'move': 'cooled', 'n': down}, {'move': 'lapsed', 'n': listeners_before - kept}
    ]) as change
    from stayed
)
select 'label' as data_set, 28 as window_days, last_day() as window_end, artist_id, artist_name, country,
    change.move as move, case when not is_suppressed then change.n end as listeners, is_suppressed,
    concat(fan_model(), '-28d') as model_version
from moved join artist using (artist_id)
order by artist_id, country, move
""",
    """
insert into out.fans.listening_levels by name
select 'label' as data_set, window_days, last_day() as window_end, artist_id, level, level as plays_from,
    level as plays_to, first_listen,
    1 + floor(listeners * pow(0.6, level) * 0.4)::bigint as listeners, level * listeners as plays
from fan, range(1, 9) l (level), (values (date '2002-10-01'), (last_day() - 13)) f (first_listen)
""",
    """
insert into out.marts.fan_profiles by name
with level as (
    select l as level,
        case when l <= 12 then l else floor(12 * pow(1.15, l - 12))::integer end as plays_from,
        case when l < 12 then l when l = 60 then null else floor(12 * pow(1.15, l - 11))::integer - 1 end as plays_to
    from range(1, 61) r (l)
),
shaped as (
    select *, pow(([0.45, 0.8, 0.95])[segment_rank] + 0.01 * (window_days = 90)::int, level) as weight
    from level, segment, fan_window
),
scaled as (select *, weight / sum(weight) over (partition by window_days, segment) as probability from shaped)
select 'label' as data_set, window_days, last_day() as window_end, segment, segment_rank, level, plays_from, plays_to,
    probability, probability / greatest(1, coalesce(plays_to, plays_from * 1.15) - plays_from + 1) as density_per_play,
    concat(fan_model(), '-', window_days, 'd') as model_version
from scaled
""",
    """
insert into out.marts.fan_thresholds by name
select 'label' as data_set, window_days, last_day() as window_end, model, segment_from, segment_to,
    (threshold * (1 + (window_days = 90)::int) + (model <> 'fan_profiles')::int)::integer as threshold_plays,
    concat(fan_model(), '-', window_days, 'd') as model_version
from fan_window, (values ('fan_profiles'), ('fan_lda'), ('percentile_thresholds')) m (model),
    (values ('passive', 'casual', 3), ('casual', 'diehard', 12)) s (segment_from, segment_to, threshold)
""",
)
