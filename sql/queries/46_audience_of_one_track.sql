-- Who would play one unreleased track: clusters of listeners, countries and similar artists, with ranges (put the file
-- in quotes instead). A null share with is_suppressed: too few listeners are behind it.
select
    kind,
    place_rank,
    place,
    place_name,
    round(100 * share, 1) as share_percent,
    round(expected_plays) as expected_plays,
    round(expected_low) as expected_low,
    round(expected_high) as expected_high,
    round(similarity, 2) as similarity,
    is_suppressed,
    target,
    basis
from marts.track_audience
where file = (select min(file) from marts.track_scores where rank_in_batch = 1)
order by
    case kind when 'total' then 1 when 'cluster' then 2 when 'country' then 3 else 4 end,
    place_rank asc nulls last,
    place asc
