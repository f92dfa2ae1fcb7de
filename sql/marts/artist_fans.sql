-- One row per data set, window, artist and segment: who listens to the artist, and how devotedly.
-- Only artists with enough listeners for a share (setting min_artist_listeners) have rows.
-- owner: team:data
with

artist_totals as (
    select data_set, window_days, artist_id, cast(sum(plays) as bigint) as plays_total
    from fans.listening_levels
    group by data_set, window_days, artist_id
)

select
    shares.data_set,
    shares.window_days,
    cast(shares.window_end - cast(shares.window_days - 1 as integer) as date) as window_start,
    shares.window_end,
    shares.artist_id,
    coalesce(artists.artist_name, shares.artist_id) as artist_name,
    shares.segment,
    shares.segment_rank,
    shares.share,
    shares.listeners,
    shares.share * shares.listeners as listeners_estimated,
    shares.listeners_assigned,
    artist_totals.plays_total,
    shares.model_version
from fans.lda_shares as shares
inner join artist_totals
    on
        shares.data_set = artist_totals.data_set
        and shares.window_days = artist_totals.window_days
        and shares.artist_id = artist_totals.artist_id
left join marts.artists as artists on shares.artist_id = artists.artist_id
