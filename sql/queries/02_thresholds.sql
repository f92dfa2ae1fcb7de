-- From how many plays in a window does a listener count as casual, as diehard? By model; fan_profiles is in use.
select data_set, window_days, model, segment_from, segment_to, threshold_plays, model_version
from marts.fan_thresholds
order by data_set asc, window_days asc, model asc, threshold_plays asc
