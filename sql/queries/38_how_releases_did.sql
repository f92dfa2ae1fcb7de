-- How did an artist's releases do in their first 28 days, and what were they compared with?
-- Here the artist with most releases that were followed so long; put in an artist_id of your own.
with

followed as (
    select
        artist_id,
        count(*) as releases
    from tracks.outcomes
    where target = 'plays_first_28_days' and artist_id <> '(unknown)'
    group by artist_id
)

select
    tracks.artist_name,
    tracks.title,
    outcomes.isrc,
    outcomes.release_date,
    outcomes.value as plays,
    round(100 * outcomes.percentile) as place_of_100,
    outcomes.compared_tracks,
    outcomes.compared_with,
    outcomes.comparison
from tracks.outcomes as outcomes
left join marts.track_audio as tracks on outcomes.isrc = tracks.isrc
where
    outcomes.target = 'plays_first_28_days'
    and outcomes.artist_id = (
        select artist_id
        from followed
        order by releases desc, artist_id asc
        limit 1
    )
order by outcomes.release_date desc, outcomes.isrc asc
limit 50
