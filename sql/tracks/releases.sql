-- One row per recording of the label whose day of release is known.
-- The label's roster says it; where it does not, the earliest date that an outside catalogue gives for the recording.
-- owner: team:data
with

named as (
    select
        isrc,
        artist_id,
        row_number() over (partition by isrc order by title is null asc, vendor asc, track_id asc) as name_rank
    from streams.track_artists
    where isrc is not null
),

outside as (
    select isrc, min(release_date) as release_date
    from catalogue.tracks
    where isrc is not null and release_date is not null
    group by isrc
),

dated as (
    select
        coalesce(roster.isrc, outside.isrc) as isrc,
        coalesce(roster.release_date, outside.release_date) as release_date,
        case when roster.isrc is not null then 'roster' else 'catalogue' end as release_source
    from streams.release_dates as roster
    full outer join outside on roster.isrc = outside.isrc
)

select
    dated.isrc,
    named.artist_id,
    coalesce(genres.genre, '(unknown)') as genre,
    dated.release_date,
    dated.release_source
from dated
inner join named on dated.isrc = named.isrc and named.name_rank = 1
left join streams.artist_genres as genres on named.artist_id = genres.artist_id and genres.genre_rank = 1
