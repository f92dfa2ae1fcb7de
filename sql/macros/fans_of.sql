-- Who listens to an artist, by name, with 90 % intervals: from marts.fans_of('Nina Simone', days := 28)
create macro marts.fans_of(name, days := 90) as table
select
    artist_name,
    window_start,
    window_end,
    segment,
    round(100 * share, 1) as share_percent,
    round(100 * share_low, 1) as low_percent,
    round(100 * share_high, 1) as high_percent,
    round(100 * share_before, 1) as before_percent,
    round(listeners_estimated) as listeners_estimated,
    round(plays_estimated) as plays_estimated,
    listeners
from marts.artist_fans
where lower(artist_name) = lower(name) and window_days = days
order by data_set asc, segment_rank asc
