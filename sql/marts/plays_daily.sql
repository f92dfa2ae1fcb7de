-- One row per artist, country, vendor and day of play.
-- owner: team:data
select
    days.artist_id,
    coalesce(artists.artist_name, days.artist_id) as artist_name,
    days.country,
    days.vendor,
    days.play_date,
    cast(sum(days.plays) as bigint) as plays
from streams.artist_country_days as days
left join marts.artists as artists on days.artist_id = artists.artist_id
group by
    days.artist_id,
    coalesce(artists.artist_name, days.artist_id),
    days.country,
    days.vendor,
    days.play_date
