-- Where an artist is played most: from marts.top_countries('Nina Simone', days := 90, most := 5)
create macro marts.top_countries(name, days := 90, most := 10) as table
with last_day as (
    select max(play_date) as play_date from marts.plays_daily
)

select
    plays_daily.artist_name,
    plays_daily.country,
    cast(sum(plays_daily.plays) as bigint) as plays,
    round(100 * sum(plays_daily.plays) / sum(sum(plays_daily.plays)) over (), 1) as share_percent
from marts.plays_daily
cross join last_day
where
    lower(plays_daily.artist_name) = lower(name)
    and plays_daily.play_date > last_day.play_date - cast(days as integer)
group by plays_daily.artist_name, plays_daily.country
order by plays desc, plays_daily.country asc
limit most
