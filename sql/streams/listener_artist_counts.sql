-- One row per listener and artist of an undated data set of play counts.
-- Counts of songs (Taste Profile) are added up by artist where the data set's song list is present.
-- owner: team:data
with

artists as (
    select
        vendor,
        vendor_artist_id,
        coalesce(
            nullif(trim(regexp_replace(lower(min(artist_name)), '[^\p{L}\p{N}]+', ' ', 'g')), ''),
            lower(min(artist_name))
        ) as artist_id
    from streams.artists
    group by vendor, vendor_artist_id
)

select
    counts.vendor as data_set,
    counts.listener_key,
    coalesce(
        artists.artist_id, tracks.artist_id, counts.vendor || ' artist ' || counts.vendor_artist_id, '(unknown)'
    ) as artist_id,
    cast(sum(counts.plays) as bigint) as plays
from streams.play_counts as counts
left join artists
    on counts.vendor = artists.vendor and counts.vendor_artist_id = artists.vendor_artist_id
left join streams.track_artists as tracks
    on counts.vendor = tracks.vendor and counts.track_id = tracks.track_id
group by
    counts.vendor,
    counts.listener_key,
    coalesce(
        artists.artist_id, tracks.artist_id, counts.vendor || ' artist ' || counts.vendor_artist_id, '(unknown)'
    )
