-- Who listens to one artist, through a table macro (put the artist's name in quotes instead).
select *
from marts.fans_of((select min(artist_name) from marts.artist_fans where data_set = 'label'))
