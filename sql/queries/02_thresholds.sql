-- From how many plays in a window does a listener count as casual, as diehard? Windows are not comparable.
select data_set, window_days, window_end, segment_from, segment_to, threshold_plays, model_version
from marts.fan_thresholds
order by data_set asc, window_days asc, threshold_plays asc
