-- One row per task, data set, window, model and metric: a score beside the scores of its baselines.
-- The scores of all rooms, each from the table of the step that measured them.
-- owner: team:data
select
    task,
    data_set,
    window_days,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version
from fans.model_scores
union all
select
    task,
    data_set,
    window_days,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version
from artists.audience_scores
union all
select
    task,
    data_set,
    window_days,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version
from artists.market_scores
