-- Artists with the most closed markets: main genre, and the countries where the catalogue is not available.
select
    artists.artist_name,
    artist_genres.genre as main_genre,
    count(*) as closed_markets,
    string_agg(closed_markets.country, ', ' order by closed_markets.country asc) as countries
from streams.closed_markets
inner join marts.artists using (artist_id)
left join streams.artist_genres
    on closed_markets.artist_id = artist_genres.artist_id and artist_genres.genre_rank = 1
group by artists.artist_name, artist_genres.genre
order by closed_markets desc, artists.artist_name asc
limit 10
