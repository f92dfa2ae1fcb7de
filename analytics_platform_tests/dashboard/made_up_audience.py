"""SQL that makes up plays, fans and artists."""

from __future__ import annotations

from analytics_platform_tests.dashboard.made_up_graph import GRAPH
from analytics_platform_tests.dashboard.made_up_moves import MOVES

_PLAYS = """
insert into out.marts.plays_daily by name
with a_day as (
    select *, last_day() - d::integer as play_date
    from artist, range(days()) r (d)
),
sized as (
    select position, artist_id, artist_name, home_place, play_date,
        size * (0.7 + 0.6 * chance(concat('trend', artist_id, date_diff('day', play_date, last_day()) // 28)))
            * (0.8 + 0.4 * chance(concat('day', artist_id, play_date))) as mean
    from a_day
),
played as (
    -- A play each; the fraction left over is a play by chance.
    select *, unnest(range((floor(mean) + (chance(concat('rest', artist_id,
        play_date)) < mean % 1)::int)::bigint)) as play
    from sized
),
placed as (
    select artist_id, artist_name, play_date,
        chance(concat('where', artist_id, play_date, play)) as somewhere,
        floor(40 * pow(chance(concat('rank', artist_id, play_date, play)), 2.2))::bigint as step,
        chance(concat('vendor', artist_id, play_date, play)) as by_vendor,
        home_place
    from played
)
select artist_id, artist_name, coalesce(country, 'ZZ') as country,
    case when by_vendor < 0.55 then 'spotify' when by_vendor < 0.85 then 'apple' else 'fuga' end as vendor,
    play_date, count(*) as plays
from placed
left join countries on place = case
    when somewhere < 0.01 then null when somewhere < 0.5 then 1 + (home_place - 1 + step) % 40 else 1 + step end
group by all
order by artist_id, country, vendor, play_date
"""

_FANS = (
    """
create temp table country_plays as
select artist_id, country, window_days, sum(plays)::bigint as plays
from out.marts.plays_daily, fan_window
where play_date > last_day() - window_days
group by all
""",
    """
create temp table fan as
with now as (select artist_id, window_days, sum(plays)::bigint as plays_total from country_plays group by all),
before as (
    select artist_id, 28 as window_days, sum(plays)::bigint as plays_before
    from out.marts.plays_daily
    where play_date <= last_day() - 28 and play_date > last_day() - 56
    group by all
),
counted as (
    select *, least(plays_total, 1 + (plays_total / (3 + window_days / 28))::bigint) as listeners,
        least(plays_before, 1 + (plays_before / 4)::bigint) as listeners_before,
        0.4 + 0.3 * fixed(concat('passive', artist_id)) + 0.06 * chance(concat('passive', artist_id,
            window_days)) as s1,
        (1 - s1) * (0.35 + 0.3 * chance(concat('casual', artist_id, window_days))) as s2,
        0.4 + 0.3 * fixed(concat('passive', artist_id)) + 0.06 * chance(concat('before', artist_id)) as b1,
        (1 - b1) * (0.35 + 0.3 * chance(concat('casual before', artist_id))) as b2
    from now left join before using (artist_id, window_days)
)
select * exclude (s1, s2, b1, b2), [s1, s2, 1 - s1 - s2] as shares, [b1, b2, 1 - b1 - b2] as shares_before,
    concat(fan_model(), '-', window_days, 'd') as model_version
from counted join artist using (artist_id)
""",
    """
insert into out.marts.artist_fans by name
with spread as (
    select *, listeners >= 50 as is_known, shares[segment_rank] as s, 0.8 / sqrt(listeners) as half,
        [1.4, 5, 22][segment_rank] * s as weight,
        sum(weight) over (partition by artist_id, window_days) as weights,
        sum(s) over (partition by artist_id, window_days order by segment_rank) as so_far
    from fan, segment
)
select 'label' as data_set, window_days, last_day() - (window_days - 1) as window_start, last_day() as window_end,
    artist_id, artist_name, segment, segment_rank,
    case when is_known then s end as share,
    case when is_known then greatest(0, s - half * (0.6 + 0.4 * s)) end as share_low,
    case when is_known then least(1, s + half * (0.6 + 0.4 * s)) end as share_high,
    listeners,
    case when is_known then s * listeners end as listeners_estimated,
    round(listeners * least(1, so_far))::bigint - round(listeners * (so_far - s))::bigint as listeners_assigned,
    case when is_known then plays_total * weight / weights end as plays_estimated,
    plays_total,
    case when is_known and listeners_before >= 50 then shares_before[segment_rank] end as share_before,
    listeners_before, model_version
from spread
order by window_days, artist_id, segment
""",
    """
create temp table trait_value as
select * from (values
    ('age_band', 'under 18', 0.06), ('age_band', '18-24', 0.22), ('age_band', '25-34', 0.28), ('age_band', '35-44',
        0.16),
    ('age_band', '45-54', 0.1), ('age_band', '55-64', 0.05), ('age_band', '65+', 0.02), ('age_band', 'unknown', 0.11),
    ('gender', 'female', 0.44), ('gender', 'male', 0.42), ('gender', 'other', 0.004), ('gender', 'unknown', 0.11),
    ('device', 'phone', 0.62), ('device', 'computer', 0.18), ('device', 'speaker', 0.09), ('device', 'tablet', 0.05),
    ('device', 'car', 0.002), ('device', 'other', 0.05)
) v (trait, value, weight)
""",
    """
create temp table cell as
with weighted as (
    select window_days, artist_id, 'country' as trait, country as value, plays::double as weight from country_plays
    union all
    select window_days, artist_id, trait, value, weight * (0.6 + 0.8 * fixed(concat(value, artist_id)))
    from fan, trait_value
),
running as (
    select *, sum(weight) over w / sum(weight) over (partition by window_days, artist_id, trait) as upto,
        lag(weight) over w as before
    from weighted
    window w as (partition by window_days, artist_id, trait order by value rows unbounded preceding)
),
counted as (
    select window_days, artist_id, trait, value,
        round(listeners * upto)::bigint
            - coalesce(lag(round(listeners * upto)::bigint) over (partition by window_days, artist_id,
                trait order by value), 0)
            as listeners
    from running join fan using (window_days, artist_id)
),
ranked as (
    select *, row_number() over (partition by window_days, artist_id, trait order by listeners, value) as from_below,
        count(*) filter (where listeners < 10) over (partition by window_days, artist_id, trait) as small
    from counted
    where listeners > 0
)
-- A single small cell could be worked out from the total: the next one goes with it.
select window_days, artist_id, trait, value, listeners, listeners < 10 or (small = 1
    and from_below = 2) as is_suppressed
from ranked
""",
    """
create temp table cell_share as
with lifted as (
    select cell.*, segment, segment_rank, artist_name, model_version, shares[segment_rank] as whole,
        whole * (0.7 + 0.6 * chance(concat(value, segment, cell.artist_id, window_days))) as s
    from cell join fan using (window_days, artist_id), segment
),
scaled as (
    select * replace (s / sum(s) over (partition by window_days, artist_id, trait, value) as s) from lifted
)
select *, greatest(0, s - 0.7 * s / sqrt(cell.listeners)) as low, least(1, s + 0.9 / sqrt(cell.listeners)) as high
from scaled cell
""",
)

_BREAKDOWNS = tuple(
    f"""
insert into out.marts.fan_segments_by_{trait} by name
select 'label' as data_set, window_days, last_day() as window_end, artist_id, artist_name, value as {trait},
    segment, segment_rank,
    case when not is_suppressed then listeners end as listeners,
    case when not is_suppressed then s end as share,
    case when not is_suppressed then low end as share_low,
    case when not is_suppressed then high end as share_high,
    case when not is_suppressed then s / whole end as lift,
    is_suppressed, model_version
from cell_share
where trait = '{trait}'
order by window_days, artist_id, {trait}, segment
"""
    for trait in ("country", "age_band", "gender", "device")
)

_LABEL = (
    """
insert into out.marts.artists by name
select artist_id, artist_name, tracks_each() as tracks from artist order by artist_id
""",
    """
insert into out.streams.artist_genres by name
select artist_id, genre, 1 as genre_rank from artist
union all select artist_id, concat('indie ', genre), 2 from artist
""",
    """
insert into out.streams.closed_markets by name
select artist_id, country from artist, countries where fixed(concat('closed', artist_id, country)) < 0.05
""",
    """
insert into out.streams.listener_returns by name
select vendor, play_date, sum(plays)::bigint as listeners, (sum(plays) // 2)::bigint as returned,
    returned / listeners as return_share
from out.marts.plays_daily
where play_date < last_day()
group by all
""",
)

AUDIENCE: tuple[str, ...] = (_PLAYS, *_LABEL, *_FANS, *_BREAKDOWNS, *MOVES, *GRAPH)
