-- Which recordings are not recommended, or are odd among their artist's, and why? Those left out first.
select
    artist_name,
    title,
    kind,
    reason,
    is_left_out,
    round(artist_distance, 1) as times_the_usual_distance,
    round(100 * artist_percentile) as farther_than_percent,
    round(duration_s) as seconds
from marts.track_outliers
where kind <> 'none'
order by is_left_out desc, artist_distance desc nulls last, isrc asc
limit 50
