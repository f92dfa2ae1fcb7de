-- Who listens to an artist, by name: from marts.fans_of('Nina Simone', days := 28)
create macro marts.fans_of(name, days := 90) as table
select
    artist_name,
    window_start,
    window_end,
    segment,
    round(100 * share, 1) as share_percent,
    round(listeners_estimated) as listeners_estimated,
    listeners,
    plays_total
from marts.artist_fans
where lower(artist_name) = lower(name) and window_days = days
order by data_set asc, segment_rank asc
