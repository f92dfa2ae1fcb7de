-- Plays per whole week and vendor, with the change against the week before.
with weeks as (
    select
        vendor,
        cast(date_trunc('week', play_date) as date) as week_start,
        cast(sum(plays) as bigint) as plays
    from marts.plays_daily
    group by vendor, cast(date_trunc('week', play_date) as date)
    having count(distinct play_date) = 7
)

select
    vendor,
    week_start,
    plays,
    round(100.0 * plays / lag(plays) over (partition by vendor order by week_start asc) - 100, 1) as change_percent
from weeks
order by vendor asc, week_start asc
