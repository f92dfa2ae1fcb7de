-- Countries most often recommended: to how many artists as the first and among the first five, and the plays expected.
with recommended as (
    select artist_id, country, country_name, market_rank, gap_plays
    from marts.potential_streams
    where data_set = 'label' and market_rank <= 5
)

select
    country,
    country_name,
    cast(sum(case when market_rank = 1 then 1 else 0 end) as bigint) as first_choice_of,
    count(*) as among_first_five_of,
    round(100 * count(*) / (select count(distinct artist_id) from recommended), 1) as percent_of_artists,
    round(sum(gap_plays)) as potential_plays
from recommended
group by country, country_name
order by among_first_five_of desc, country asc
limit 15
