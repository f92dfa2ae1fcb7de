-- Fans: how the model in use does beside its baselines, on artists and listeners that none of them had seen.
select
    data_set,
    window_days,
    metric,
    model,
    is_baseline,
    round(value, 4) as score,
    round(value_low, 4) as low,
    round(value_high, 4) as high,
    unit,
    better
from models.leaderboard
where task = 'fan_segments'
order by data_set asc, window_days asc, metric asc, value desc
