-- One artist's listeners by age band and gender. Rows without numbers are withheld: too few listeners, never zero.
with chosen as (
    select artist_id
    from marts.artist_fans
    where data_set = 'label' and window_days = 90
    order by listeners desc, artist_id asc
    limit 1
)

select 'age' as trait, ages.age_band as value, ages.segment, ages.listeners, ages.share, ages.lift, ages.is_suppressed
from marts.fan_segments_by_age_band as ages
inner join chosen on ages.artist_id = chosen.artist_id
where ages.window_days = 90
union all
select 'gender', genders.gender, genders.segment, genders.listeners, genders.share, genders.lift, genders.is_suppressed
from marts.fan_segments_by_gender as genders
inner join chosen on genders.artist_id = chosen.artist_id
where genders.window_days = 90
order by trait asc, value asc, segment asc
