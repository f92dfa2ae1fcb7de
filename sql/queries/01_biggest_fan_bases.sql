-- Which artists have the largest share of diehard fans, among those with at least 200 listeners in 90 days?
select
    artist_name,
    listeners,
    round(100 * share, 1) as diehard_percent,
    round(listeners_estimated) as diehard_listeners
from marts.artist_fans
where data_set = 'label' and window_days = 90 and segment = 'diehard' and listeners >= 200
order by share desc, artist_name asc
limit 20
