-- For each artist the three countries with most plays in the last 28 days, and their share.
with recent as (
    select artist_name, country, sum(plays) as plays
    from marts.plays_daily
    where play_date > (select max(play_date) from marts.plays_daily) - 28 and country <> 'ZZ'
    group by artist_name, country
),

ranked as (
    select
        artist_name,
        country,
        plays,
        100.0 * plays / sum(plays) over (partition by artist_name) as share_percent,
        row_number() over (partition by artist_name order by plays desc, country asc) as country_rank
    from recent
)

select artist_name, country_rank, country, plays, round(share_percent, 1) as share_percent
from ranked
where country_rank <= 3
order by artist_name asc, country_rank asc
