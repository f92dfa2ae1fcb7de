-- One row per delivery day, listener, artist and day of play: the plays, so that a new day costs a day.
-- owner: team:data
select
    plays.vendor,
    plays.ingest_date,
    plays.listener_key,
    coalesce(track_artists.artist_id, '(unknown)') as artist_id,
    plays.play_date,
    cast(sum(plays.plays) as bigint) as plays
from streams.plays as plays
left join streams.track_artists as track_artists
    on plays.vendor = track_artists.vendor and plays.track_id = track_artists.track_id
where plays.listener_key is not null and plays.plays > 0
group by
    plays.vendor,
    plays.ingest_date,
    plays.listener_key,
    coalesce(track_artists.artist_id, '(unknown)'),
    plays.play_date
