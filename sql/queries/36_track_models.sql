-- Which models sort the tracks of unknown artists best, beside their dummies? Nets are judged on the first fold: compare
-- them with the rows of that split.
select
    target,
    split,
    model,
    is_baseline,
    round(max(case when metric = 'auc' then value end), 3) as auc,
    round(max(case when metric = 'auc' then value_low end), 3) as auc_low,
    round(max(case when metric = 'auc' then value_high end), 3) as auc_high,
    round(max(case when metric = 'r2' then value end), 3) as r2,
    round(max(case when metric = 'calibration_error' then value end), 3) as calibration_error,
    max(case when metric = 'auc' then groups end) as artists,
    max(note) as note
from models.leaderboard
where
    task in ('track_success', 'track_percentile')
    and split in ('artists', 'artists, first fold')
    and seed = -1
group by target, split, model, is_baseline
order by target asc, split asc, auc desc, model asc
