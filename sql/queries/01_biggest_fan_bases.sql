-- Which artists surely have many diehard fans? Ordered by the lower end of the 90 % interval, not by the estimate.
select
    artist_name,
    listeners,
    round(100 * share, 1) as diehard_percent,
    round(100 * share_low, 1) as low,
    round(100 * share_high, 1) as high,
    round(listeners_estimated) as diehard_listeners,
    round(100 * plays_estimated / plays_total, 1) as percent_of_plays
from marts.artist_fans
where data_set = 'label' and window_days = 90 and segment = 'diehard' and share is not null
order by share_low desc, artist_name asc
limit 20
