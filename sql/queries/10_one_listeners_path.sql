-- A view over the lake: the plays of one (pseudonymous) listener. Needs the lake's files beside this one.
with chosen as (
    select listener_key
    from streams.listener_artist_days
    where vendor = 'spotify'
    group by listener_key
    order by sum(plays) desc, listener_key asc
    limit 1
)

select plays.play_date, plays.country, plays.device, sum(plays.plays) as plays
from streams.plays as plays
inner join chosen on plays.listener_key = chosen.listener_key
group by plays.play_date, plays.country, plays.device
order by plays.play_date asc, plays.country asc, plays.device asc
