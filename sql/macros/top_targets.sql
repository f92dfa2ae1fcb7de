-- Where an artist should go next, with 80 % ranges: from marts.top_targets('nina simone', 5)
create macro marts.top_targets(artist, n := 10) as table
select
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
where artist_id = lower(artist) and market_rank <= n
order by market_rank asc
