-- Marketing: where listeners who are not yet diehards are over-represented beyond chance, most to win first.
select
    artist_name,
    trait,
    value,
    listeners,
    round(100 * share_below_top, 1) as not_diehard_percent,
    round(100 * share_below_top_artist, 1) as artist_percent,
    round(listeners_to_win, 1) as listeners_to_win,
    p_value
from marts.fan_targets
where window_days = 90
order by listeners_to_win desc, artist_name asc, trait asc, value asc
limit 20
