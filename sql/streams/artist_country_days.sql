-- One row per delivery day, artist, country and day of play: the plays, so that a new day costs a day.
-- owner: team:data
select
    plays.vendor,
    plays.ingest_date,
    coalesce(track_artists.artist_id, '(unknown)') as artist_id,
    coalesce(plays.country, 'ZZ') as country,
    plays.play_date,
    cast(sum(plays.plays) as bigint) as plays
from streams.plays as plays
left join streams.track_artists as track_artists
    on plays.vendor = track_artists.vendor and plays.track_id = track_artists.track_id
where plays.plays > 0
group by
    plays.vendor,
    plays.ingest_date,
    coalesce(track_artists.artist_id, '(unknown)'),
    coalesce(plays.country, 'ZZ'),
    plays.play_date
