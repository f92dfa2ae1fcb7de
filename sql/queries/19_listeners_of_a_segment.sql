-- A view over the lake: how many listeners are diehards of several artists at once, by their country.
with diehards as (
    select segments.listener_key, count(*) as artists
    from fans.listener_segments as segments
    where
        segments.data_set = 'label'
        and segments.window_days = 90
        and segments.period = 'this'
        and segments.segment = 'diehard'
    group by segments.listener_key
)

select traits.country, count(*) as listeners, round(avg(diehards.artists), 2) as artists_each
from diehards
inner join fans.listener_traits as traits on diehards.listener_key = traits.listener_key
where diehards.artists >= 2
group by traits.country
having count(*) >= 10
order by listeners desc, traits.country asc
