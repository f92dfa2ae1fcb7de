-- One row per listener of the label: country, device, age band and gender, as far as the vendor tells them.
-- Country and device are those of most plays in the last 365 days; age band and gender those of the newest report.
-- owner: team:data
with

last_day as (
    select max(play_date) as play_date
    from streams.plays
),

recent as (
    select plays.listener_key, plays.country, plays.device, cast(sum(plays.plays) as bigint) as plays
    from streams.plays as plays
    cross join last_day
    where plays.listener_key is not null and plays.plays > 0 and plays.play_date > last_day.play_date - 365
    group by plays.listener_key, plays.country, plays.device
),

countries as (
    select listener_key, country, cast(sum(plays) as bigint) as plays
    from recent
    where country is not null
    group by listener_key, country
),

country_ranks as (
    select
        listener_key,
        country,
        row_number() over (partition by listener_key order by plays desc, country asc) as plays_rank
    from countries
),

devices as (
    select listener_key, device, cast(sum(plays) as bigint) as plays
    from recent
    where device is not null
    group by listener_key, device
),

device_ranks as (
    select
        listener_key,
        device,
        row_number() over (partition by listener_key order by plays desc, device asc) as plays_rank
    from devices
),

reports as (
    select
        listener_key,
        age_band,
        gender,
        row_number() over (
            partition by listener_key order by ingest_date desc, delivery_id asc, line asc
        ) as recency
    from streams.listeners
),

keys as (
    select distinct listener_key
    from recent
)

select
    keys.listener_key,
    coalesce(country_ranks.country, 'ZZ') as country,
    coalesce(device_ranks.device, 'unknown') as device,
    coalesce(reports.age_band, 'unknown') as age_band,
    coalesce(reports.gender, 'unknown') as gender
from keys
left join country_ranks
    on keys.listener_key = country_ranks.listener_key and country_ranks.plays_rank = 1
left join device_ranks
    on keys.listener_key = device_ranks.listener_key and device_ranks.plays_rank = 1
left join reports on keys.listener_key = reports.listener_key and reports.recency = 1
