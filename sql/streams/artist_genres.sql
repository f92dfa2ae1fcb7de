-- One row per artist and genre, as the label's newest roster has them.
-- The day of the newest file that was loaded counts, even if the file has no row.
-- owner: team:data
with

newest as (
    select max(ingest_date) as ingest_date
    from streams.deliveries
    where vendor = 'roster' and resource = 'genres' and status = 'loaded'
),

named as (
    select
        coalesce(
            nullif(trim(regexp_replace(lower(genres.artist_name), '[^\p{L}\p{N}]+', ' ', 'g')), ''),
            lower(genres.artist_name)
        ) as artist_id,
        lower(trim(genres.genre)) as genre,
        genres.position
    from streams.roster_genres as genres
    inner join newest on genres.ingest_date = newest.ingest_date
),

placed as (
    select artist_id, genre, min(position) as position
    from named
    group by artist_id, genre
)

select
    artist_id,
    genre,
    row_number() over (partition by artist_id order by position asc, genre asc) as genre_rank
from placed
