-- Since the window before: who came, deepened, cooled, left? Net = (new + deepened) - (cooled + lapsed).
select
    artist_name,
    sum(case when move = 'new' then listeners end) as new,
    sum(case when move = 'deepened' then listeners end) as deepened,
    sum(case when move = 'unchanged' then listeners end) as unchanged,
    sum(case when move = 'cooled' then listeners end) as cooled,
    sum(case when move = 'lapsed' then listeners end) as lapsed,
    sum(case when move in ('new', 'deepened') then listeners when move in ('cooled', 'lapsed') then -listeners end) as net
from marts.fan_moves
where window_days = 28 and country = '(all)' and not is_suppressed
group by artist_name
order by net desc, artist_name asc
limit 20
