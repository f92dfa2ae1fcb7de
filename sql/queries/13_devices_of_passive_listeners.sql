-- Over the whole label: on which devices are listeners more passive than their artists' average?
select
    device,
    count(*) as artists,
    sum(listeners) as listeners,
    round(sum(listeners * share) / sum(listeners * share / lift), 3) as lift
from marts.fan_segments_by_device
where window_days = 90 and segment = 'passive' and not is_suppressed
group by device
order by lift desc, device asc
