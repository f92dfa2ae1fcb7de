-- One row per vendor and track: its recording code, and the artist that it belongs to.
-- The newest catalogue row of each track counts. A feed without names (FUGA) takes them, by ISRC,
-- from a feed that has them; failing that the artist is called by the vendor's id.
-- owner: team:data
with

ranked as (
    select
        vendor,
        track_id,
        isrc,
        title,
        vendor_artist_id,
        artist_name,
        row_number() over (
            partition by vendor, track_id order by ingest_date desc, delivery_id asc, line asc
        ) as recency
    from streams.tracks
),

latest as (
    select vendor, track_id, isrc, title, vendor_artist_id, artist_name
    from ranked
    where recency = 1
),

named as (
    select isrc, min(artist_name) as artist_name, min(title) as title
    from latest
    where isrc is not null and artist_name is not null
    group by isrc
),

joined as (
    select
        latest.vendor,
        latest.track_id,
        latest.isrc,
        coalesce(latest.title, named.title) as title,
        coalesce(
            latest.artist_name,
            named.artist_name,
            latest.vendor || ' artist ' || latest.vendor_artist_id,
            '(unknown)'
        ) as artist_name
    from latest
    left join named on latest.isrc = named.isrc
)

select
    vendor,
    track_id,
    isrc,
    title,
    coalesce(
        nullif(trim(regexp_replace(lower(artist_name), '[^\p{L}\p{N}]+', ' ', 'g')), ''), lower(artist_name)
    ) as artist_id,
    artist_name
from joined
