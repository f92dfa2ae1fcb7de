-- The back-test of market recommendations: our ranking beside the document's and dummies, data frozen one window ago.
select
    metric,
    model,
    is_baseline,
    round(value, 3) as score,
    round(value_low, 3) as low,
    round(value_high, 3) as high,
    better,
    groups as artists,
    window_days,
    model_version as frozen
from models.leaderboard
where
    task = 'artist_markets'
    and metric in ('precision_at_5', 'growth_captured_at_5', 'ndcg_at_5', 'top_country_share', 'range_coverage')
order by metric asc, case when better = 'lower' then value else -value end asc, model asc
