-- The curves of the segments: plot density_per_play against plays on logarithmic axes.
select data_set, window_days, segment, plays_from, coalesce(plays_to, plays_from) as plays_to, probability, density_per_play
from marts.fan_profiles
where data_set = 'label' and window_days = 90 and probability > 0.0001
order by segment_rank asc, level asc
