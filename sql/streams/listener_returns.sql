-- One row per vendor and day of play: how many of the day's listeners came back the next day.
-- Vendors don't document how long an id stays with a person; this measures it.
-- owner: team:data
with

listener_days as (
    select distinct vendor, listener_key, play_date
    from streams.listener_artist_days
),

last_days as (
    select vendor, max(play_date) as play_date
    from listener_days
    group by vendor
)

select
    today.vendor,
    today.play_date,
    count(*) as listeners,
    count(tomorrow.listener_key) as returned,
    cast(count(tomorrow.listener_key) as double) / count(*) as return_share
from listener_days as today
inner join last_days
    on today.vendor = last_days.vendor and today.play_date < last_days.play_date
left join listener_days as tomorrow
    on
        today.vendor = tomorrow.vendor
        and today.listener_key = tomorrow.listener_key
        and tomorrow.play_date = today.play_date + interval 1 day
group by today.vendor, today.play_date
