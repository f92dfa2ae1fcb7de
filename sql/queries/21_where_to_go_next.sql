-- Where one artist should go next, through a table macro (put the artist's name in quotes instead).
select *
from marts.top_targets(
    (select min(artist_id) from marts.potential_streams where data_set = 'label' and market_rank = 1), n := 5
)
