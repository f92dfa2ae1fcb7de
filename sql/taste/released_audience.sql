-- One row per released recording, kind of place (country, or cluster of artists) and place: who plays it, last 365 days.
-- A listener belongs to the broad cluster whose artists they play most; plays in unknown countries, and by listeners of
-- artists without a cluster, are left out. So are open data sets: their listeners are not the label's.
-- owner: team:data
with

last_day as (
    select max(play_date) as play_date
    from streams.plays
    where vendor in ('spotify', 'apple', 'fuga')
),

clustered as (
    select artist_id, cast(cluster_id as varchar) as place
    from marts.artist_clusters
    where data_set = 'label' and resolution = 'broad' and cluster_id is not null
),

listened as (
    select days.listener_key, clustered.place, cast(sum(days.plays) as bigint) as plays
    from streams.listener_artist_days as days
    inner join clustered on days.artist_id = clustered.artist_id
    cross join last_day
    where days.vendor in ('spotify', 'apple', 'fuga') and days.play_date > last_day.play_date - 365
    group by days.listener_key, clustered.place
),

ranked as (
    select
        listener_key,
        place,
        row_number() over (partition by listener_key order by plays desc, place asc) as place_rank
    from listened
),

named as (
    select
        isrc,
        artist_id,
        row_number() over (partition by isrc order by title is null asc, vendor asc, track_id asc) as name_rank
    from streams.track_artists
    where isrc is not null and artist_id <> '(unknown)'
),

recordings as (
    select isrc, artist_id from named where name_rank = 1
),

counted as (
    select
        recordings.isrc,
        recordings.artist_id,
        plays.listener_key,
        plays.country,
        cast(sum(plays.plays) as bigint) as plays
    from streams.plays as plays
    left join streams.track_artists as track_artists
        on plays.vendor = track_artists.vendor and plays.track_id = track_artists.track_id
    inner join recordings on coalesce(plays.isrc, track_artists.isrc) = recordings.isrc
    cross join last_day
    where plays.vendor in ('spotify', 'apple', 'fuga') and plays.plays > 0 and plays.play_date > last_day.play_date - 365
    group by recordings.isrc, recordings.artist_id, plays.listener_key, plays.country
),

placed as (
    select isrc, artist_id, listener_key, 'country' as kind, country as place, plays
    from counted
    where country is not null and country <> 'ZZ'
    union all
    select
        counted.isrc,
        counted.artist_id,
        counted.listener_key,
        'cluster' as kind,
        ranked.place,
        counted.plays
    from counted
    inner join ranked on counted.listener_key = ranked.listener_key and ranked.place_rank = 1
),

of_recordings as (
    select isrc, artist_id, kind, place, cast(sum(plays) as bigint) as plays
    from placed
    group by isrc, artist_id, kind, place
),

of_artists as (
    select artist_id, kind, place, count(distinct listener_key) as artist_listeners
    from placed
    group by artist_id, kind, place
)

select
    of_recordings.isrc,
    of_recordings.artist_id,
    of_recordings.kind,
    of_recordings.place,
    of_recordings.plays,
    of_artists.artist_listeners
from of_recordings
inner join of_artists
    on
        of_recordings.artist_id = of_artists.artist_id
        and of_recordings.kind = of_artists.kind
        and of_recordings.place = of_artists.place
