-- Where an artist, by id or name, should go next, with 80 % ranges: from marts.top_targets('Nina Simone', 5)
create macro marts.top_targets(artist, n := 10) as table
select
    artist_name,
    market_rank,
    country,
    country_name,
    actual_plays,
    round(expected_plays) as expected_plays,
    round(expected_low) as expected_low,
    round(expected_high) as expected_high,
    round(gap_plays) as gap_plays,
    neighbours,
    window_days,
    window_end,
    model_version
from marts.potential_streams
where (artist_id = artist or lower(artist_name) = lower(artist)) and market_rank <= n
order by artist_id asc, market_rank asc
