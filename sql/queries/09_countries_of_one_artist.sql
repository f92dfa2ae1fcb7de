-- Where one artist is played most, through a table macro.
select *
from marts.top_countries((select min(artist_name) from marts.artist_fans where data_set = 'label'), most := 5)
