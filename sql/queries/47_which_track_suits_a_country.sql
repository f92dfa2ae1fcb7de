-- Which unreleased tracks suit one country (put another code instead)? Lift: its share of the track's plays over its mean
-- share among all unreleased tracks; above 1 the country likes it more than the others. Look at the ranges.
with there as (
    select file, place_name, share, expected_plays, expected_low, expected_high, target, basis
    from marts.track_audience
    where kind = 'country' and place = 'DE' and not is_suppressed
)

select
    there.file,
    scores.artist_name,
    there.place_name as country_name,
    round(100 * there.share, 1) as share_percent,
    round(there.share / (select avg(share) from there), 2) as lift,
    round(there.expected_plays) as expected_plays,
    round(there.expected_low) as expected_low,
    round(there.expected_high) as expected_high,
    there.target,
    there.basis
from there
inner join marts.track_scores as scores on there.file = scores.file
order by there.expected_plays desc nulls last, there.file asc
limit 20
