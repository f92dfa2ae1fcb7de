-- How the listeners of one artist spread over listening levels: the raw material of the fan profiles.
with chosen as (
    select artist_id
    from marts.artist_fans
    where data_set = 'label' and window_days = 90
    order by listeners desc, artist_id asc
    limit 1
)

select
    levels.artist_id,
    levels.level,
    levels.plays_from,
    levels.plays_to,
    sum(levels.listeners) as listeners
from fans.listening_levels as levels
inner join chosen on levels.artist_id = chosen.artist_id
where levels.data_set = 'label' and levels.window_days = 90
group by levels.artist_id, levels.level, levels.plays_from, levels.plays_to
order by levels.level asc
