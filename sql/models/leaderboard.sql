-- One row per task, data set, window, target, split, seed, model and metric: a score beside its baselines'.
-- The scores of all rooms, each from the table of the step that measured them.
-- owner: team:data
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from fans.model_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from artists.audience_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from artists.market_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from tracks.model_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from tracks.net_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from taste.factor_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from taste.cold_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from taste.net_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from taste.audience_scores
union all
select
    task,
    data_set,
    window_days,
    target,
    split,
    seed,
    model,
    metric,
    value,
    value_low,
    value_high,
    unit,
    better,
    is_baseline,
    groups,
    model_version,
    note
from taste.play_count_scores
