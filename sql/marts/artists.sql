-- One row per artist of the label's catalogue or of an open data set.
-- owner: team:data
with

written as (
    select artist_id, artist_name, coalesce(isrc, vendor || ' ' || track_id) as recording
    from streams.track_artists
    union all
    select
        coalesce(
            nullif(trim(regexp_replace(lower(artist_name), '[^\p{L}\p{N}]+', ' ', 'g')), ''), lower(artist_name)
        ) as artist_id,
        artist_name,
        null as recording
    from streams.artists
),

spellings as (
    select
        artist_id,
        artist_name,
        row_number() over (partition by artist_id order by count(*) desc, artist_name asc) as frequency_rank
    from written
    group by artist_id, artist_name
),

recordings as (
    select artist_id, count(distinct recording) as tracks
    from written
    group by artist_id
)

select spellings.artist_id, spellings.artist_name, recordings.tracks
from spellings
inner join recordings on spellings.artist_id = recordings.artist_id
where spellings.frequency_rank = 1
